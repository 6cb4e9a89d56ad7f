"""What functions write to their logs, and what they never write."""

from __future__ import annotations

import contextvars
import json
import logging
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from event_service import observability
from event_service.observability import Metric, configure, count, invocation, logging_context, note_trace, redact
from event_service.settings import get_settings

CONTEXT = SimpleNamespace(aws_request_id="8f5a7a3e-0a43-4a7e-9d5a-0f5c3b1d2e11")
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
TOKEN = "0d9adf3c-6b8d-4c3b-9b1f-6d1f0a4c2b7e"
LOG = logging.getLogger("event_service.services.something")

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """The lines written since the last look, as JSON."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "event_router")
    get_settings.cache_clear()
    observability._formatter.cache_clear()
    configure()
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers[:], root.level = before
    get_settings.cache_clear()
    observability._formatter.cache_clear()


def _read(payload: str) -> None:
    known: dict[str, str] = {}
    try:
        known["inner"]
    except KeyError as error:
        raise ValueError(f"cannot read {payload}") from error


def _deliver_two_and_fail() -> None:
    with invocation(CONTEXT):
        count(Metric.DELIVERED, 2)
        _read("half-way")


def test_a_line_carries_the_ids_of_its_unit_of_work(lines: Lines) -> None:
    with invocation(CONTEXT), logging_context(traceparent=TRACEPARENT, workspace_id="w", event_id="e"):
        with logging_context(endpoint_id="p", delivery_id=None):
            LOG.info("inside", extra={"attempt": 3})
        LOG.warning("outside")

    inside, outside = lines()
    assert {
        key: inside[key]
        for key in ("level", "message", "service", "request_id", "workspace_id", "event_id", "endpoint_id", "trace_id", "attempt")
    } == {
        "level": "INFO",
        "message": "inside",
        "service": "event_router",
        "request_id": CONTEXT.aws_request_id,
        "workspace_id": "w",
        "event_id": "e",
        "endpoint_id": "p",
        "trace_id": TRACE_ID,
        "attempt": 3,
    }
    assert "delivery_id" not in inside
    assert "endpoint_id" not in outside
    assert inside["location"].startswith("event_service.services.something:")
    assert inside["timestamp"].endswith("+00:00")
    # nothing else: every byte is billed
    assert outside.keys() == {"level", "timestamp", "message", "location", "service", "request_id", "workspace_id", "event_id", "trace_id"}


async def test_a_line_of_a_task_is_no_longer_than_another(lines: Lines) -> None:
    LOG.info("in a task")

    assert "taskName" not in lines()[0]


def test_ids_reach_the_threads_that_a_unit_of_work_starts(lines: Lines) -> None:
    with logging_context(event_id="e"):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(LOG.info, "from a thread"))
        thread.start()
        thread.join()

    assert lines()[0]["event_id"] == "e"


def test_an_invocation_that_was_cut_short_leaves_nothing_to_the_next(lines: Lines) -> None:
    # Lambda freezes a process in the middle of a timed-out invocation; nothing is unwound.
    cut_short = invocation(CONTEXT, workspace_id="of the first")
    cut_short.__enter__()
    count(Metric.DELIVERED, 7)

    with invocation(SimpleNamespace(aws_request_id="second")):
        LOG.info("now")
        count(Metric.ROUTED)

    line, summary = lines()
    assert line["request_id"] == "second"
    assert "workspace_id" not in line
    assert "Delivered" not in summary


def test_log_key_that_is_not_allowed_is_refused_or_left_out(lines: Lines) -> None:
    with pytest.raises(ValueError, match="payload"), logging_context(payload="x"):
        pass

    LOG.info("a line", extra={"payload": {"card": "4111"}, "status": 500})

    (line,) = lines()
    assert line["left_out"] == ["payload"]
    assert line["status"] == 500
    assert "4111" not in json.dumps(line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("signing with whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD/=", "signing with whsec_***"),
        (f"Token: {TOKEN} was refused", "Token: *** was refused"),
        (f"token {TOKEN} was refused", "token *** was refused"),
        (f'{{"Authorization": "Bearer {TOKEN}"}}', '{"Authorization": "Bearer ***"}'),
        (f"authorization=Bearer {TOKEN}", "authorization=Bearer ***"),
        (f"?endpoint_id=1&token={TOKEN}&after=3", "?endpoint_id=1&token=***&after=3"),
        ("POST https://me:pw@hooks.example.com/services/T0/B0/key?sig=1#x failed", "POST https://hooks.example.com failed"),
        (f"wss://x.execute-api.us-east-1.amazonaws.com/live?token={TOKEN}", "wss://x.execute-api.us-east-1.amazonaws.com"),
        ("event 0d9adf3c-6b8d-4c3b-9b1f-6d1f0a4c2b7e is routed", "event 0d9adf3c-6b8d-4c3b-9b1f-6d1f0a4c2b7e is routed"),
        ("no token was given", "no token was given"),
    ],
)
def test_tokens_secrets_and_paths_of_urls_are_blotted_out(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_what_the_door_says_is_hidden_appears_nowhere(lines: Lines) -> None:
    with invocation(CONTEXT), logging_context(hidden=TOKEN):
        LOG.error("odd: %s", TOKEN, extra={"error": f"<{TOKEN}>"})
        count(Metric.PUBLISHED)

    written = lines()
    assert len(written) == 2
    assert TOKEN not in json.dumps(written)
    assert written[0]["message"] == "odd: ***"
    assert "hidden" not in written[0]
    assert "hidden" not in written[1]


def test_an_exception_tells_where_it_came_from_but_not_what_it_choked_on(lines: Lines) -> None:
    payload = "4111 1111 " * 200
    try:
        _read(payload)
    except ValueError:
        LOG.exception("it failed")

    (line,) = lines()
    assert line["exception_name"] == "ValueError"
    assert "test_observability.py" in line["exception"]
    assert "builtins.KeyError: 'inner'" in line["exception"]
    assert line["exception"].count("4111") < 40


def test_members_of_an_exception_group_are_told(lines: Lines) -> None:
    LOG.error("they failed", exc_info=ExceptionGroup("several", [OSError("first"), OSError("second")]))

    assert "builtins.OSError: second" in lines()[0]["exception"]


def test_a_message_is_text_whatever_it_looks_like_and_never_long(lines: Lines) -> None:
    LOG.info('{"level": "FATAL"}')
    LOG.info("x" * 5_000)

    short, long = lines()
    assert short["message"] == '{"level": "FATAL"}'
    assert short["level"] == "INFO"
    assert len(long["message"]) == 1_000


def test_arguments_that_do_not_fit_break_nothing_and_are_not_shown(lines: Lines) -> None:
    record = logging.LogRecord("event_service.x", logging.INFO, __file__, 1, "%d of them", ("4111 1111",), None)
    logging.getLogger().handlers[0].handle(record)  # not by LOG: pytest's own handler raises on such a line

    (line,) = lines()
    assert (line["message"], line["left_out"]) == ("%d of them", ["args"])
    assert "4111" not in json.dumps(line)


def test_libraries_stay_silent_when_we_debug(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "DEBUG")
    get_settings.cache_clear()
    configure()

    LOG.debug("ours")
    logging.getLogger("botocore.endpoint").debug("Making request with params: {'body': b'...'}")
    logging.getLogger("aiohttp.access").info("GET /secret")

    assert [line["message"] for line in lines()] == ["ours"]


def test_an_invocation_writes_one_line_with_its_metrics_and_its_traces(lines: Lines) -> None:
    with invocation(CONTEXT) as metrics:
        for _ in range(3):
            count(Metric.DELIVERED)
            note_trace(TRACEPARENT)
        metrics.count(Metric.OLDEST_WAITING_SECONDS, 4)
        metrics.count(Metric.OLDEST_WAITING_SECONDS, 90)
        metrics.count(Metric.OLDEST_WAITING_SECONDS, 5)
        metrics.count(Metric.FAILED, 0)

    (line,) = lines()
    assert line["Delivered"] == 3
    assert line["OldestWaitingSeconds"] == 90
    assert line["trace_ids"] == [TRACE_ID]
    assert line["request_id"] == CONTEXT.aws_request_id
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "EventService",
            "Dimensions": [[]],
            "Metrics": [{"Name": "Delivered", "Unit": "Count"}, {"Name": "OldestWaitingSeconds", "Unit": "Seconds"}],
        }
    ]
    assert len(str(line["_aws"]["Timestamp"])) == 13


def test_an_invocation_that_did_nothing_writes_nothing(lines: Lines) -> None:
    with invocation(CONTEXT):
        count(Metric.FAILED, 0)

    assert lines() == []


def test_metrics_are_written_when_the_invocation_fails(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "ERROR")
    get_settings.cache_clear()
    configure()

    with pytest.raises(ValueError, match="half-way"):
        _deliver_two_and_fail()

    report, line = lines()
    assert (line["Delivered"], line["Faults"]) == (2, 1)
    assert line["level"] == "ERROR"  # Lambda would drop it at INFO
    # Also the reason: the runtime's own report has no level that Lambda's filter reads.
    assert (report["level"], report["exception_name"]) == ("ERROR", "ValueError")


LAMBDA_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def kept_by_lambda(line: dict[str, Any], chosen: str) -> bool:
    """Lambda's documented filter: a line without a level that it knows, or without an RFC 3339 timestamp, counts as INFO.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    level = line.get("level")
    stamp = line.get("timestamp")
    try:
        has_time = isinstance(stamp, str) and datetime.fromisoformat(stamp).tzinfo is not None
    except ValueError:
        has_time = False
    effective = level if level in LAMBDA_LEVELS and has_time else "INFO"
    return LAMBDA_LEVELS.index(str(effective)) >= LAMBDA_LEVELS.index(chosen)


@pytest.mark.parametrize("chosen", ["DEBUG", "INFO", "WARN", "ERROR"])
def test_lambda_keeps_every_line_that_we_write_at_every_chosen_level(lines: Lines, monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", chosen)
    get_settings.cache_clear()
    configure()

    def logs_at_every_level_and_fails() -> None:
        with invocation(CONTEXT):
            for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
                LOG.log(level, "a line")
            count(Metric.DELIVERED)
            _read("half-way")

    with pytest.raises(ValueError, match="half-way"):
        logs_at_every_level_and_fails()

    written = lines()
    assert written[-1]["Delivered"] == 1
    assert [line for line in written if not kept_by_lambda(line, chosen)] == []
    # Nothing is written that Lambda would drop: the five lines from the chosen level on, the exception, the summary.
    assert len(written) == 2 + len(("DEBUG", "INFO", "WARN", "ERROR", "FATAL")[LAMBDA_LEVELS.index(chosen) - 1 :])


def test_lambda_would_drop_a_summary_without_a_timestamp() -> None:
    """Shows that the filter above can fail."""
    assert not kept_by_lambda({"level": "ERROR", "_aws": {"Timestamp": 1}}, "WARN")
    assert not kept_by_lambda({"level": "WARNING", "timestamp": "2026-03-01T12:00:00.000Z"}, "WARN")


def test_a_summary_is_short_because_every_byte_is_billed(lines: Lines) -> None:
    with invocation(CONTEXT):
        for number in range(100):
            count(Metric.DELIVERED)
            note_trace(f"00-{number:031x}1-00f067aa0ba902b7-01")

    (line,) = lines()
    assert len(line["trace_ids"]) == 20
    assert len(json.dumps(line, separators=(",", ":"))) < 1_200  # 12 bytes a delivery: $0.006 a million at $0.50/GB


def test_metrics_have_no_dimension_and_need_no_powertools() -> None:
    program = """
import sys
from types import ModuleType, SimpleNamespace
from event_service.observability import Metric, configure, count, invocation
configure()
with invocation(SimpleNamespace(aws_request_id="1")):
    count(Metric.DELIVERED)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("aws_lambda_powertools", "botocore", "aws_xray_sdk")), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout)["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]
    assert done.stderr.strip() == "[]"


def test_randomness_is_new_after_a_snapshot_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[Callable[[], object]] = []
    module = ModuleType("snapshot_restore_py")
    monkeypatch.setattr(module, "register_after_restore", registered.append, raising=False)
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", module)
    configure()
    random.seed(7)  # what every process has in its snapshot
    (restore,) = registered

    drawn = set()
    for _ in range(3):
        random.seed(7)
        restore()
        drawn.add(random.random())

    assert len(drawn) == 3
