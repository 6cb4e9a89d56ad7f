"""A process runs one function, as one execution environment of Lambda does; it is a copy of one that has imported the function."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.host.original import Original, with_copies
from local.host.process import Process, ProcessEnded, not_waited, with_mark

PROGRAM = """
import json, sys, importlib, os

def run():
    _real_stdout = sys.stdout
    sys.stdout = sys.stderr
    init = json.loads(sys.stdin.readline())
    sys.path.insert(0, init["code_dir"])
    try:
        handler = getattr(importlib.import_module(init["module"]), init["handler"])
    except Exception as e:
        _real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")
        _real_stdout.flush()
        return
    _real_stdout.write(json.dumps({"status": "ready"}) + "\\n")
    _real_stdout.flush()
    for line in sys.stdin:
        message = json.loads(line)
        try:
            result = handler(message["event"], message["ctx"])
            _real_stdout.write(json.dumps({"status": "ok", "result": result}) + "\\n")
        except Exception as e:
            _real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": "trace"}) + "\\n")
        _real_stdout.flush()

run()
"""
"""As MiniStack's, as far as it matters here."""

SECONDS = 60.0
ROUNDS = 20

Import = Callable[[str], Original]
Start = Callable[[str], Process]


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Import]:
    """The original of a function with this handler."""
    originals: list[Original] = []

    def begin(handler: str) -> Original:
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / "index.py").write_text(f"import asyncio, os, sys, threading, time\ndef handler(event, context):\n{handler}")
        first = {"code_dir": str(tmp_path / "code"), "module": "index", "handler": "handler"}
        original = Original(PROGRAM, first=first, code=tmp_path / "code", environment=os.environ, temporary_prefix="function-test-")
        originals.append(original)
        return original

    yield begin
    for original in originals:
        original.close()


@pytest.fixture
def start(imported: Import) -> Iterator[Start]:
    """A process of a function with this handler."""
    started: list[Process] = []

    def begin(handler: str) -> Process:
        process = imported(handler).copy({})
        started.append(process)
        return process

    yield begin
    for process in started:
        process.end()


def _invoke(process: Process, event: Any = None, seconds: float = SECONDS) -> dict[str, Any]:
    return process.invoke(event, {}, seconds)


def test_a_process_answers_each_invocation_with_its_own_log(start: Start) -> None:
    process = start("    print('saw', event)\n    print('second line')\n    return {'n': event}\n")

    answers = [_invoke(process, number) for number in range(3)]

    assert [one["result"] for one in answers] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [one["log"] for one in answers] == [f"saw {number}\nsecond line" for number in range(3)]


def test_a_function_that_logs_nothing_has_an_empty_log(start: Start) -> None:
    assert _invoke(start("    return 1\n"))["log"] == ""


def test_events_and_logs_that_do_not_fit_into_a_pipe_pass(start: Start) -> None:
    process = start("    for number in range(3000): print(number, 'x' * 100)\n    return len(event['text'])\n")

    answer = _invoke(process, {"text": "y" * 1_000_000})

    assert answer["result"] == 1_000_000
    assert answer["log"].count("\n") == 2_999


def test_an_error_of_the_handler_is_told_and_the_process_goes_on(start: Start) -> None:
    process = start("    print('before')\n    if event: raise ValueError('odd')\n    return 1\n")

    failed = _invoke(process, True)

    assert (failed["status"], failed["error"], failed["log"]) == ("error", "odd", "before")
    assert _invoke(process)["result"] == 1


def test_a_function_that_takes_too_long_is_given_up(start: Start) -> None:
    process = start("    print('began', flush=True)\n    time.sleep(600)\n")

    with pytest.raises(TimeoutError):
        _invoke(process, seconds=1.0)

    assert process.take_log() == "began"


def test_a_function_that_ends_its_process_is_told_with_its_last_words(start: Start) -> None:
    process = start("    print('going down', flush=True)\n    os._exit(3)\n")

    with pytest.raises(ProcessEnded, match=r"status 3: going down"):
        _invoke(process)


def test_a_process_that_was_killed_while_idle_is_told(start: Start) -> None:
    process = start("    return 1\n")
    os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(ProcessEnded):
        _invoke(process)


def test_a_function_that_cannot_be_imported_says_why(start: Start) -> None:
    with pytest.raises(ProcessEnded, match="no_such_module"):
        start("    return 1\nimport no_such_module\n")


def test_copies_import_nothing_again_and_have_variables_of_their_own(imported: Import) -> None:
    original = imported("    return [os.getpid(), os.getppid(), os.environ['NAME'], IMPORTED_BY]\nIMPORTED_BY = os.getpid()\n")

    copies = [original.copy({"NAME": name}) for name in ("a", "b")]
    answers = [_invoke(copy)["result"] for copy in copies]
    for copy in copies:
        copy.end()

    assert answers == [[copies[0].pid, original.pid, "a", original.pid], [copies[1].pid, original.pid, "b", original.pid]]


def test_copies_of_a_function_with_an_event_loop_do_not_share_it(imported: Import) -> None:
    """What wakes a loop would wake the loop of another copy, and the first would sleep on."""
    original = imported(
        "    asyncio.set_event_loop(LOOP)\n"
        "    wait = event or 0\n"
        "    return LOOP.run_until_complete(asyncio.wait_for(LOOP.run_in_executor(None, time.sleep, wait), 60)) or 'woken'\n"
        "import gc\nLOOP = asyncio.new_event_loop()\ngc.freeze()\n"
    )
    copies = [original.copy({}) for _ in range(3)]
    found: list[Any] = []
    waiting = [threading.Thread(target=lambda one=one: found.extend(_invoke(one, 0.02)["result"] for _ in range(ROUNDS))) for one in copies]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    for one in copies:
        one.end()

    assert found == ["woken"] * 3 * ROUNDS


def test_an_original_that_is_closed_ends_with_its_last_copy(imported: Import) -> None:
    original = imported("    return event\n")
    first, second = original.copy({}), original.copy({})
    directory = original._directory

    original.close()
    assert _invoke(first, 1)["result"] == 1, "those that work go on"
    first.end()
    with pytest.raises(ProcessEnded, match="changed meanwhile"):
        original.copy({})
    assert original._process.poll() is None
    second.end()

    assert original._process.poll() is not None
    assert not directory.exists()


def test_copies_end_with_the_host(imported: Import) -> None:
    original = imported("    return event\n")
    process = original.copy({})

    for pipe in process._pipes:
        os.close(pipe)
    process._pipes = ()
    original._control.close()

    while original._process.poll() is None:
        time.sleep(0.01)
    assert original._process.returncode == 0


def test_a_function_that_starts_threads_when_it_is_imported_is_refused(imported: Import) -> None:
    with pytest.raises(ProcessEnded, match=r"starts threads \(busy\)"):
        imported("    return 1\nthreading.Thread(target=time.sleep, args=(600,), daemon=True, name='busy').start()\n")


def test_end_leaves_no_process(start: Start) -> None:
    process = start("    time.sleep(600)\n")

    process.end()

    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_another_program_than_the_known_one_is_refused() -> None:
    with pytest.raises(RuntimeError, match="version"):
        with_mark("print('something else')")
    with pytest.raises(RuntimeError, match="version"):
        with_copies("print('something else')")


def test_a_request_that_waited_for_a_process_has_all_its_time() -> None:
    request = {"rawPath": "/", "requestContext": {"timeEpoch": 1_000_000, "http": {}}}

    assert not_waited(request, 12.5) == {"rawPath": "/", "requestContext": {"timeEpoch": 1_012_500, "http": {}}}
    assert request["requestContext"] == {"timeEpoch": 1_000_000, "http": {}}
    others: tuple[Any, ...] = ({"Records": []}, {"requestContext": {"eventType": "MESSAGE"}}, [1], None, {"requestContext": None})
    for other in others:
        assert not_waited(other, 5) == other
