"""What was made on a local stack is there again after it was killed; its end ends everything; a second run harms nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import pytest_socket
import websockets.sync.client

from local.processes import free_port, session_processes
from local.stack import CORES, LocalStack
from local.tools import ToolError
from tests.e2e.test_main_job import Client, Receiver, receiver  # noqa: F401 - a fixture

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest_socket.enable_socket()
    return tmp_path_factory.mktemp("survives")


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def own_stack(directory: Path, said: list[str]) -> Iterator[LocalStack]:
    """A stack that these tests may kill."""
    with LocalStack(directory, free_port(), say=said.append) as stack:
        stack.start()
        yield stack


@pytest.mark.timeout(300)
def test_a_second_run_is_refused_and_the_first_goes_on(own_stack: LocalStack, directory: Path) -> None:
    before = (directory / "stack.json").read_text()

    second = LocalStack(directory, free_port())
    with pytest.raises(ToolError, match=rf"runs already \(process {os.getpid()}\)"):
        second.start()
    second.stop()

    assert (directory / "stack.json").read_text() == before
    assert Client(own_stack.ready, own_stack.ready.token).data("{__typename}")


@pytest.mark.timeout(300)
def test_a_burst_waits_for_a_bounded_number_of_processes_and_loses_nothing(
    own_stack: LocalStack,
    receiver: Receiver,  # noqa: F811 - the fixture imported above
) -> None:
    client = Client(own_stack.ready, own_stack.new_token().token)
    client.webhook(receiver.url)

    with ThreadPoolExecutor(60) as threads:
        answers = list(threads.map(lambda number: client.publish({"type": "t", "data": {"n": number}}), range(120)))

    assert all(answer["ok"] for answer in answers)
    assert {receiver.next().event["data"]["n"] for _ in range(120)} == set(range(120))
    processes = [child for child in psutil.Process(own_stack.pid).children() if "GraphqlApi" in " ".join(child.cmdline())]
    assert 1 <= len(processes) <= 2 * CORES


def retry_waits_on_disk(stack: LocalStack, directory: Path, event_id: str) -> None:
    """Returns when the attempt is logged, which its invocation does at its end, and the queues were saved since. A message that an
    invocation still has when the stack is killed comes again when its time is over, which is minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(event_id in line and "attempt: PENDING" in line for line in stack.function_log.read_text().splitlines()):
        assert time.monotonic() < deadline, "no attempt is logged"
        time.sleep(0.1)
    ended = time.time()
    while (directory / "state" / "sqs.json").stat().st_mtime < ended:
        assert time.monotonic() < deadline, "the queues are not saved"
        time.sleep(0.1)


@pytest.mark.timeout(300)
def test_kill_keeps_endpoints_events_and_queued_messages(
    own_stack: LocalStack,
    directory: Path,
    said: list[str],
    receiver: Receiver,  # noqa: F811 - the fixture imported above
) -> None:
    client = Client(own_stack.ready, own_stack.ready.token)
    receiver.statuses = [503]
    endpoint = client.webhook(receiver.url)
    event = client.publish({"type": "kept", "data": {"n": 1}})["ids"][0]
    assert receiver.next().event["id"] == event  # refused
    retry_waits_on_disk(own_stack, directory, event)

    os.kill(own_stack.pid, signal.SIGKILL)
    own_stack.stop()
    again = LocalStack(directory, own_stack.port, say=said.append)
    with again:
        ready = again.start()
        client = Client(ready, ready.token)

        assert client.data("{endpoints {collectionItems {id}}}")["endpoints"]["collectionItems"] == [{"id": endpoint}]
        assert receiver.next().event["id"] == event
        assert any("killed. Recovered" in text and "queued messages" in text for text in said)


@pytest.mark.timeout(300)
def test_stop_with_an_open_socket_ends_all_and_keeps_all(directory: Path, said: list[str]) -> None:
    with LocalStack(directory, free_port(), say=said.append) as stack:
        ready = stack.start()
        session = stack.pid
        client = Client(ready, ready.token)
        endpoint = client.data('mutation {createWebSocketEndpoint(name: "open") {id}}')["createWebSocketEndpoint"]["id"]
        said.clear()
        with websockets.sync.client.connect(f"{ready.webSocketUrl}?endpoint_id={endpoint}&token={ready.token}"):
            stack.stop()
    assert session_processes(session) == []
    assert said == [], "it was killed, because it did not stop in time"
    assert not (directory / "running.json").exists()
    items = [json.loads(line) for line in (directory / "state" / "items.jsonl").read_text().splitlines()]
    assert any(item and endpoint in json.dumps(item) for *_, item in items)
