"""Reading, continuing and beginning traces."""

import re

import pytest

from event_service.base.trace_context import next_traceparent, parse_traceparent, parse_xray_header, trace_id_of, trace_of

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


def test_a_traceparent_is_read_and_written_alike() -> None:
    trace = parse_traceparent(TRACEPARENT)

    assert trace is not None
    assert (trace.trace_id, trace.span_id, trace.sampled) == (TRACE_ID, "00f067aa0ba902b7", True)
    assert trace.traceparent == TRACEPARENT


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "garbage",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-00f067aa0ba902b7",
        f"00-{TRACE_ID}-00f067aa0ba902b7-01-more",
        f"00-{TRACE_ID}-00f067aa0ba902b7-0g",
        TRACEPARENT + "\n00",
    ],
)
def test_what_the_recommendation_forbids_is_ignored(value: str | None) -> None:
    assert parse_traceparent(value) is None


def test_a_later_version_may_say_more_and_only_the_known_flag_is_passed_on() -> None:
    trace = parse_traceparent(f"cc-{TRACE_ID}-00f067aa0ba902b7-ff-what-is-to-come")

    assert trace is not None
    assert trace.traceparent == TRACEPARENT


def test_the_header_of_aws_names_the_same_trace() -> None:
    trace = parse_xray_header(XRAY)

    assert trace is not None
    assert trace.traceparent == "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"


def test_the_header_of_aws_without_a_parent_begins_a_step_of_its_own() -> None:
    trace = parse_xray_header("Self=1-2-3;Root=1-5759e988-bd862e3fe1be46a994272793")

    assert trace is not None
    assert trace.trace_id == "5759e988bd862e3fe1be46a994272793"
    assert re.fullmatch(r"[0-9a-f]{16}", trace.span_id)
    assert not trace.sampled


@pytest.mark.parametrize(
    "value", [None, "", "Root=", "Root=1-5759e988-short", "Root=1-00000000-000000000000000000000000", ";;;=", "Parent=53995c3f42cd8ad8"]
)
def test_a_header_of_aws_without_a_root_is_ignored(value: str | None) -> None:
    assert parse_xray_header(value) is None


def test_trace_of_the_caller_goes_before_that_of_aws() -> None:
    assert trace_of({"traceparent": TRACEPARENT, "x-amzn-trace-id": XRAY}).trace_id == TRACE_ID
    assert trace_of({"traceparent": "garbage", "x-amzn-trace-id": XRAY}).trace_id == "5759e988bd862e3fe1be46a994272793"
    assert FORM.fullmatch(trace_of({}).traceparent)
    assert trace_of({}).trace_id != trace_of({}).trace_id


def test_the_next_service_keeps_the_trace_and_has_a_span_of_its_own() -> None:
    following = next_traceparent(TRACEPARENT)

    assert following != TRACEPARENT
    assert FORM.fullmatch(following)
    assert trace_id_of(following) == TRACE_ID
    assert following.endswith("-01")


def test_a_request_without_a_usable_trace_begins_one() -> None:
    assert FORM.fullmatch(next_traceparent(None))
    assert FORM.fullmatch(next_traceparent("garbage"))
    assert trace_id_of("garbage") is None
