"""Logs and metrics of the functions.

Everybody logs with the standard library (``logging.getLogger(__name__)``). A handler calls :func:`configure` when it is
imported, and does its work inside :func:`invocation`; that puts the ids of the unit of work on every line and writes
one line with what was done. Tracing is Lambda's own (parameter ``Tracing``); there is no X-Ray SDK here.

Two kinds of line go to CloudWatch, as JSON:
* Lines about something in particular, through Powertools' formatter. It is loaded when the first of them is written:
  an invocation in which all goes well writes none, so a cold start does not pay for it.
* The summary of an invocation, which is its metrics as well (CloudWatch's embedded metric format), written here with
  one ``json.dumps``. Powertools' Metrics would write a second line, and would be loaded by every invocation.

What a line must never hold: tokens, secrets, payloads, whole URLs (their paths and queries are where receivers keep
keys). Nothing that has one is given to a logger; and since people err, :func:`redact` is the last to see each line, and
only the keys in :data:`KEYS` are written.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

from event_service.base.trace_context import trace_id_of
from event_service.settings import get_settings

KEYS: Final = frozenset(
    {
        # the ids of a unit of work
        "request_id", "workspace_id", "event_id", "endpoint_id", "event_filter_id", "delivery_id", "connection_id", "message_id",
        "trace_id", "trace_ids",
        # what else may be told
        "attempt", "bytes", "code", "count", "error", "fault", "graphql_path", "graphql_request_id", "ids", "milliseconds", "nonce",
        "operation", "outcome", "queue", "reason", "seconds", "sequence", "status", "table", "token_id", "version",
    }
)  # fmt: skip
"""The keys that a line may have beside level, time, place, message and exception. Others are named and left out."""

_MOST_MESSAGE_CHARACTERS: Final = 1_000
_MOST_VALUE_CHARACTERS: Final = 300
_MOST_EXCEPTION_CHARACTERS: Final = 10_000
_MOST_TRACES: Final = 20
"""In a summary: enough to find a batch by one of its events, and few bytes a delivery."""

_LEVELS: Final = ((logging.CRITICAL, "FATAL"), (logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"))
_LOGGERS_OF_OURS: Final = ("event_service", "functions")
"""Only these follow the chosen level. botocore and others log whole requests at DEBUG, tokens and events included."""


class Metric(StrEnum):
    """What is counted. No dimension names an endpoint or a workspace: each value of a dimension is billed as a metric."""

    PUBLISHED = "Published"
    """Events accepted, duplicates left out."""
    DUPLICATES = "Duplicates"
    """Events that had been published before."""
    ROUTED = "Routed"
    """Events routed."""
    DELIVERIES = "Deliveries"
    """Deliveries that routing began."""
    DELIVERED = "Delivered"
    """Deliveries that a receiver took."""
    ATTEMPTS_FAILED = "AttemptsFailed"
    """Attempts that will be made again."""
    FAILED = "Failed"
    """Deliveries given up."""
    DISCARDED = "Discarded"
    """Deliveries whose endpoint or event no longer exists."""
    DISABLED = "Disabled"
    """Endpoints that the service turned off."""
    REPEATS_DROPPED = "RepeatsDropped"
    """Queue messages that had been done before."""
    LIMITED = "Limited"
    """Answers of receivers that are asked too often."""
    CUT = "Cut"
    """Requests that the shared lane broke off, to be made once more in the endpoint's own lane."""
    LANES_BEGUN = "LanesBegun"
    """Endpoints that went to a lane of their own."""
    RETRIED = "Retried"
    """Looks that became due."""
    OLDEST_WAITING_SECONDS = "OldestWaitingSeconds"
    """By how much the most overdue look is late."""
    POSTED = "Posted"
    """Frames sent to sockets."""
    POSTS_THROTTLED = "PostsThrottled"
    """Frames that API Gateway put off: its rate is used up, or the client's buffer is full."""
    SOCKETS_CLOSED_SLOW = "SocketsClosedSlow"
    """Sockets closed because they took nothing for 30 seconds."""
    SOCKETS_GONE = "SocketsGone"
    """Sockets found closed when something was sent."""
    CONNECTS = "Connects"
    """Sockets opened."""
    DISCONNECTS = "Disconnects"
    """Sockets that said good-bye."""
    REFUSED_CONNECTS = "RefusedConnects"
    """Sockets turned away."""
    SOCKETS_OPEN = "SocketsOpen"
    """The most connections that were found in one group of an endpoint's connections."""
    ZOMBIES = "Zombies"
    """Open sockets without a row, found by their ping and closed."""
    NOT_UNDERSTOOD = "NotUnderstood"
    """Messages of clients that are no ping: each costs a call of the function."""
    REFUSED_FILTERS = "RefusedFilters"
    """Event filters that match nothing, because this release cannot read their stored conditions."""
    UNDECIDED_FILTERS = "UndecidedFilters"
    """Verdicts of event filters that count as matches, because the budget for an event ended."""
    REFUSED_BUS_EVENTS = "RefusedBusEvents"
    """Events from an EventBridge bus that can never be accepted."""
    REFUSED_TOKENS = "RefusedTokens"
    """Requests and connects without a token, or with one that is unknown, revoked or expired."""
    FAULTS = "Faults"
    """Requests and messages that failed through our own fault."""


_UNITS: Final = {Metric.OLDEST_WAITING_SECONDS: "Seconds"}
_GREATEST: Final = frozenset({Metric.OLDEST_WAITING_SECONDS, Metric.SOCKETS_OPEN})
"""Of these an invocation reports its greatest value; of all others the sum."""

_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - it is replaced, never changed


@contextmanager
def logging_context(*, traceparent: str | None = None, hidden: str | None = None, **ids: str | None) -> Iterator[None]:
    """Puts ids on every line that is logged inside, also by threads and tasks that were started with this context.

    Args:
        traceparent: the trace it belongs to; its id becomes ``trace_id``.
        hidden: text that is blotted out wherever it appears in a line, such as the caller's token.
        ids: keys of :data:`KEYS`; ``None`` is left out.

    Raises:
        ValueError: a key that no line may have.
    """
    unknown = ids.keys() - KEYS
    if unknown:
        raise ValueError(f"no log line has the keys {', '.join(sorted(unknown))}; see event_service.observability.KEYS")
    merged: dict[str, Any] = dict(_context.get())
    merged.update((key, value) for key, value in ids.items() if value is not None)
    trace_id = trace_id_of(traceparent)
    if trace_id is not None:
        merged["trace_id"] = trace_id
    if hidden:
        merged["hidden"] = (*merged.get("hidden", ()), hidden)
    before = _context.set(merged)
    try:
        yield
    finally:
        _context.reset(before)


def configure() -> None:
    """Makes the loggers of this process write JSON to standard output. Cheap: nothing is loaded before the first line."""
    root = logging.getLogger()
    root.handlers[:] = [_JsonHandler()]  # Lambda's own handler would write each line a second time
    root.setLevel(logging.WARNING)
    for name in _LOGGERS_OF_OURS:
        logging.getLogger(name).setLevel(get_settings().log_level)
    _draw_anew_after_a_restore()


def _draw_anew_after_a_restore() -> None:
    """SnapStart starts every process from one snapshot, the state of ``random`` included: without this, all of them would
    draw the same jitter and come back together after a throttle. Ids do not depend on it: they use the system's source."""
    try:
        # Lambda's runtime has it: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
        from snapshot_restore_py import register_after_restore  # type: ignore[import-not-found]  # only there
    except ImportError:
        return
    import random

    register_after_restore(random.seed)


@contextmanager
def invocation(context: Any, **ids: str | None) -> Iterator[Metrics]:
    """One invocation of a function: its ids are on every line, its summary is written when it ends, also by an exception.

    Args:
        context: what Lambda gave the handler.
        ids: as for :func:`logging_context`.
    """
    begun = time.monotonic()
    _context.set({})  # an invocation that Lambda cut short has left its ids behind
    _metrics.clear()
    with logging_context(request_id=getattr(context, "aws_request_id", None), **ids):
        try:
            yield _metrics
        except BaseException as error:
            _metrics.count(Metric.FAULTS)
            # Before it leaves: the runtime reports it with `log_level` and not `level`. Lambda's filter takes that for an INFO line and may
            # drop it (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html).
            _LOG.error("the invocation failed", exc_info=error)
            raise
        finally:
            _metrics.flush(time.monotonic() - begun)


class Metrics:
    """What one invocation has done. Safe to use from several threads.

    Zeros are not written: a metric that is reported is billed by the hour, and an idle service should cost nothing.
    """

    def __init__(self) -> None:
        self._values: dict[Metric, float] = {}
        self._traces: dict[str, None] = {}
        self._lock = threading.Lock()

    def count(self, metric: Metric, value: float = 1) -> None:
        """Adds to a metric, or raises it to ``value`` if it is one whose greatest value counts."""
        with self._lock:
            known = self._values.get(metric, 0)
            self._values[metric] = max(known, value) if metric in _GREATEST else known + value

    def note_trace(self, traceparent: str | None) -> None:
        """Has the summary name a trace, so that the batch is found by each of its events (of the first 20 traces)."""
        trace_id = trace_id_of(traceparent)
        if trace_id is not None and len(self._traces) < _MOST_TRACES:
            with self._lock:
                self._traces[trace_id] = None

    def value(self, metric: Metric) -> float:
        """What was counted so far."""
        return self._values.get(metric, 0)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._values, self._traces = {}, {}

    def flush(self, seconds: float) -> None:
        """Writes the summary, unless there is nothing to tell."""
        with self._lock:
            values = {metric: value for metric, value in self._values.items() if value}
            traces = list(self._traces)
            self._values, self._traces = {}, {}
        if not values:
            return
        now = time.time()
        line: dict[str, Any] = {
            # Lambda drops lines below the chosen level, and takes a line for INFO whose level or timestamp it cannot read
            # (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html). The metrics must
            # not be lost when only errors are wanted.
            "level": lambda_level(max(logging.INFO, get_settings().log_level)),
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "message": "done",
            "service": get_settings().service_name,
            **{key: value for key, value in _context.get().items() if key != "hidden"},
            "milliseconds": round(seconds * 1_000),
        }
        if traces:
            line["trace_ids"] = traces
        line["_aws"] = {
            "Timestamp": int(now * 1_000),
            "CloudWatchMetrics": [
                {
                    "Namespace": get_settings().metrics_namespace,
                    "Dimensions": [[]],
                    "Metrics": [{"Name": metric.value, "Unit": _UNITS.get(metric, "Count")} for metric in values],
                }
            ],
        }
        line.update((metric.value, value) for metric, value in values.items())
        _write(json.dumps(line, separators=(",", ":"), ensure_ascii=False))


_metrics = Metrics()
_LOG = logging.getLogger(__name__)


def lambda_level(level: int) -> str:
    """The name that Lambda knows for a level of the standard library: ``WARN`` and not ``WARNING``, ``FATAL`` and not
    ``CRITICAL``."""
    return next((name for least, name in _LEVELS if level >= least), "DEBUG")


def count(metric: Metric, value: float = 1) -> None:
    """Adds to a metric of the current invocation."""
    _metrics.count(metric, value)


def note_trace(traceparent: str | None) -> None:
    """Has the summary of the current invocation name a trace."""
    _metrics.note_trace(traceparent)


# -- what is written ---------------------------------------------------------------------------------------------------

_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
_NAMED = re.compile(
    r"""(?ix) \b (token | authorization | bearer | secret | password | webhook-signature | x-amz-security-token)
        (["']? \s* [:=] \s* (?:\\?["'])? (?:bearer\s+)? | \s+ (?=[0-9a-f]{8}-[0-9a-f]{4}-))
        [^\s"'\\,;&})]+"""
)
# user information, path, query and fragment of a URL: where receivers keep their keys
_URL = re.compile(r"""(?i)\b(https?|wss?)://(?:[^\s"'\\/@?#]*@)?([^\s"'\\/?#<>]+)[^\s"'\\<>]*""")


def redact(text: str) -> str:
    """Blots out what looks like a token or a secret, and cuts URLs to scheme and host."""
    text = _SECRET.sub("whsec_***", text)
    text = _NAMED.sub(r"\1\2***", text)
    return _URL.sub(r"\1://\2", text)


def _write(line: str) -> None:
    for hidden in _context.get().get("hidden", ()):
        line = line.replace(hidden, "***")
    # In one piece: threads of one invocation write to the same stream.
    sys.stdout.write(redact(line) + "\n")
    sys.stdout.flush()


class _JsonHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _write(_formatter().format(_prepared(record)))


@cache
def _formatter() -> logging.Formatter:
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    return LambdaPowertoolsFormatter(
        use_rfc3339=True,
        utc=True,
        serialize_stacktrace=False,  # the text of the exception has it already
        log_record_order=["level", "timestamp", "message"],
        location="%(name)s:%(lineno)d",
        service=get_settings().service_name,
        xray_trace_id=None,  # trace_id says the same where the trace began at our door
    )


_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _prepared(record: logging.LogRecord) -> logging.LogRecord:
    """The record with the ids of the context, with the keys that are allowed, and with nothing long in it."""
    fields: dict[str, Any] = {key: value for key, value in _context.get().items() if key != "hidden"}
    left_out = []
    for key, value in vars(record).items():
        if key in _STANDARD_ATTRIBUTES:
            continue
        if key in KEYS:
            fields[key] = value
        else:
            left_out.append(key)
    if left_out:
        fields["left_out"] = sorted(left_out)
    fields = {key: _bounded(value) for key, value in fields.items()}
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        # logging's own answer to arguments that do not fit is to print them, whatever they hold.
        message, fields["left_out"] = str(record.msg), [*left_out, "args"]
    if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
        fields["exception_name"] = type(record.exc_info[1]).__name__
        fields["exception"] = _cut(_describe(record.exc_info[1]), _MOST_EXCEPTION_CHARACTERS)
    prepared = logging.makeLogRecord({key: vars(record)[key] for key in ("name", "levelno", "levelname", "lineno", "created", "msecs")})
    prepared.levelname = lambda_level(record.levelno)
    prepared.msg, prepared.args = "%s", (_cut(message, _MOST_MESSAGE_CHARACTERS),)  # the formatter would read a bare message as JSON
    vars(prepared).pop("taskName", None)  # since Python 3.12 every record has one, and the formatter would show it
    vars(prepared).update(fields)
    return prepared


def _bounded(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_bounded(one) for one in value[:100]]
    return _cut(value if isinstance(value, str) else str(value), _MOST_VALUE_CHARACTERS)


def _describe(error: BaseException, depth: int = 0) -> str:
    """The places an exception came through, and its text, cut: other people's exceptions quote what they choke on."""
    frames = "".join(traceback.StackSummary.from_list(traceback.extract_tb(error.__traceback__, limit=-30)).format())
    text = f"{frames}{type(error).__module__}.{type(error).__qualname__}: {_cut(str(error), _MOST_VALUE_CHARACTERS)}"
    if depth < 5:
        if isinstance(error, BaseExceptionGroup):
            text += "".join(f"\n-- one of several:\n{_describe(one, depth + 1)}" for one in error.exceptions[:5])
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None:
            text += f"\n-- while handling:\n{_describe(cause, depth + 1)}"
    return text


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
