"""The cost table counts with the product's own use cases: a change of theirs that it does not follow must be seen."""

from __future__ import annotations

import pytest

from benchmarks.cost import deliveries, prices, questions, retries, sockets, switches, troubled
from event_service.explain import last_match


def test_what_an_event_to_a_socket_costs_can_be_counted() -> None:
    title, clients, events = sockets.CASES[0]

    parts = sockets._measure(clients, events)

    assert title
    assert parts["API Gateway messages"] > 0
    assert all(dollars >= 0 for dollars in parts.values())


def test_sockets_are_priced_for_1_10_and_1000_clients_with_tls() -> None:
    assert {clients for _, clients, _ in sockets.CASES} == {1, 10, 1_000}

    one, thousand = sockets._measure(1, 1, events=2), sockets._measure(1_000, 1, events=2)

    assert 0 < sockets.handshake_seconds() < 1
    tls = "Lambda GB-seconds: TLS, events a minute apart"
    assert thousand[tls] > 100 * one[tls] > 0
    assert thousand["API Gateway messages"] == pytest.approx(1_000 * one["API Gateway messages"])
    assert thousand["DynamoDB reads: serving"] > one["DynamoDB reads: serving"] > 0
    assert thousand["Lambda GB-seconds"] > one["Lambda GB-seconds"] > 0
    assert thousand["DynamoDB writes: the log of the endpoint"] == pytest.approx(one["DynamoDB writes: the log of the endpoint"])


def test_what_a_retry_costs_can_be_counted() -> None:
    later = retries.measure(retries.LATE_ATTEMPT)

    assert later["DynamoDB writes of the log"] > 0
    assert later["DynamoDB reads of the scheduler"] > 0


def test_what_questions_and_jobs_cost_can_be_counted() -> None:
    asked, long_work = (table.rows for table in questions.tables())

    calls = {name: number for name, number, *_ in asked}
    assert calls["`explainDelivery`, a webhook"] <= 8
    # Two indexes of 16 shards, each in one page or two, and the events, of which the first read takes fewer.
    reads = questions.EVENTS // last_match.MOST_PER_READ + 1
    assert 32 + reads <= calls["`lastMatch` in addition, nothing matched"] <= 64 + reads
    assert calls["`changes`, a page of 20"] == calls["`job`"] == calls["`jobs`, a page of 50"] == 1
    assert all(writes == 0 for _, _, _, writes, _ in asked)
    assert all(dollars > 0 for *_, dollars in [*asked, *long_work])
    (job,) = [row for row in long_work if row[0].startswith("jobs")]
    # A row and a message; then each step reads the row, writes it, and asks for the next one, but for the last.
    assert job[1:4] == [2 + 10 * 2 + 9, 10, 11]


def test_an_idle_month_counts_every_queue_that_is_polled() -> None:
    parts = deliveries._idle()

    assert "SQS polling of 5 standard queues" in parts
    assert "SQS polling of 1 FIFO queue" in parts
    assert sum(parts.values()) <= deliveries.IDLE_GOAL


def test_what_parameters_switch_on_has_a_price() -> None:
    rows = switches.table().rows

    assert len(rows) == 8
    assert all(dollars > 0 for _, dollars in rows)


def test_receivers_in_trouble_have_a_price() -> None:
    rows = troubled.table().rows
    well, failing, slow, down = (dollars for _, dollars, _ in rows)

    assert len(rows) == 4
    assert 0 < well < failing < slow < down
    assert all(abs(dollars - well - trouble) < 1e-9 for _, dollars, trouble in rows)


def test_a_delivery_through_a_lane_pays_for_its_row() -> None:
    parts = troubled.lane_parts()

    # The row, its deletion, and the record of the attempt with its entry in a list.
    row, deletion, record = 1, 1, 2
    assert parts["DynamoDB writes, indexes included"] >= (row + deletion + record) * prices.DYNAMODB_WRITE_UNIT * 1e6
