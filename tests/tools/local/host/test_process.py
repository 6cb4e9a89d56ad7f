"""A process runs one function, as one execution environment of Lambda does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.host.process import Process, ProcessEnded, with_mark

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

Start = Callable[[str], Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def begin(handler: str) -> Process:
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / "index.py").write_text(f"import os, sys, time\ndef handler(event, context):\n{handler}")
        first = {"code_dir": str(tmp_path / "code"), "module": "index", "handler": "handler"}
        process = Process(PROGRAM, first=first, code=tmp_path / "code", environment=os.environ, temporary_prefix="function-test-")
        started.append(process)
        return process

    yield begin
    for process in started:
        process.end()


def _invoke(process: Process, event: Any = None, seconds: float = SECONDS) -> dict[str, Any]:
    return process.invoke(event, {}, seconds)


def test_it_answers_each_invocation_with_its_own_log(start: Start) -> None:
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
    process._process.kill()
    process._process.wait()

    with pytest.raises(ProcessEnded):
        _invoke(process)


def test_a_function_that_cannot_be_imported_says_why(start: Start) -> None:
    with pytest.raises(ProcessEnded, match="no_such_module"):
        start("    return 1\nimport no_such_module\n")


def test_its_end_leaves_neither_process_nor_files(start: Start) -> None:
    process = start("    time.sleep(600)\n")
    directory = Path(process._directory)
    assert directory.exists()

    process.end()

    assert process._process.poll() is not None
    assert not directory.exists()


def test_another_program_than_the_known_one_is_refused() -> None:
    with pytest.raises(RuntimeError, match="version"):
        with_mark("print('something else')")
