"""One correlation id from the door to the receiver: W3C Trace Context, version ``00``.

A publish belongs to a trace; its 32 digits stay the same in every queue message, log line and webhook request, while
each request has a span id of its own. ``tracestate`` is not carried on: it is for vendors that take part in the trace, and
the receivers of webhooks are strangers to the publisher's.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

# Later versions may append fields, which are to be ignored; version ff is forbidden, and all zeros mean "invalid".
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
# X-Ray spells the same 32 digits with the first 8, a time, apart: Root=1-5759e988-bd862e3fe1be46a994272793
_ROOT = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})")
_PARENT = re.compile(r"[0-9a-fA-F]{16}")

_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where in a trace a unit of work stands.

    Attributes:
        trace_id: 32 hexadecimal digits, the same along the whole way.
        span_id: 16 hexadecimal digits of the caller's own step.
        sampled: whether the caller records the trace.
    """

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The value of the header ``traceparent``."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def child(self) -> TraceContext:
        """The next step of the same trace."""
        return TraceContext(self.trace_id, secrets.token_hex(8), self.sampled)


def new_trace() -> TraceContext:
    """The beginning of a trace that nobody gave us. Not sampled: whoever records is asked by Lambda, not by us."""
    return TraceContext(secrets.token_hex(16), secrets.token_hex(8), sampled=False)


def parse_traceparent(value: str | None) -> TraceContext | None:
    """Reads a ``traceparent``; ``None`` when there is none, or one that the recommendation says to ignore."""
    match = _TRACEPARENT.fullmatch(value.strip()) if value else None
    if match is None or (match[1] == "00" and match[5]):
        return None
    return TraceContext(match[2], match[3], bool(int(match[4], 16) & _SAMPLED))


def parse_xray_header(value: str | None) -> TraceContext | None:
    """Reads ``X-Amzn-Trace-Id``, which API Gateway and load balancers set; ``None`` without a usable ``Root``.

    It has no ``Parent`` when the request began at the edge; the step is then a new one.
    """
    fields = dict(part.strip().partition("=")[::2] for part in (value or "").split(";"))
    root = _ROOT.fullmatch(fields.get("Root", ""))
    if root is None:
        return None
    trace_id = (root[1] + root[2]).lower()
    parent = fields.get("Parent", "").lower()
    if not trace_id.strip("0"):
        return None
    span_id = parent if _PARENT.fullmatch(parent) and parent.strip("0") else secrets.token_hex(8)
    return TraceContext(trace_id, span_id, fields.get("Sampled") == "1")


def trace_of(headers: Mapping[str, str]) -> TraceContext:
    """The trace that a request belongs to: as its caller says, else as AWS says, else a new one.

    Args:
        headers: by lower-case name.
    """
    return parse_traceparent(headers.get("traceparent")) or parse_xray_header(headers.get("x-amzn-trace-id")) or new_trace()


def next_traceparent(traceparent: str | None) -> str:
    """The header for the next request: a child of what was received, or the beginning of a trace when that is of no use."""
    received = parse_traceparent(traceparent)
    return (received.child() if received else new_trace()).traceparent


def trace_id_of(traceparent: str | None) -> str | None:
    """The 32 digits by which log lines are found."""
    received = parse_traceparent(traceparent)
    return received.trace_id if received else None
