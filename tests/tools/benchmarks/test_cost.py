"""The cost table counts with the product's own use cases: a change of theirs that it does not follow must be seen."""

from __future__ import annotations

from benchmarks.cost import retries, sockets, switches


def test_what_an_event_to_a_socket_costs_can_be_counted() -> None:
    title, clients, events = sockets.CASES[0]

    parts = sockets._measure(clients, events)

    assert title
    assert parts["API Gateway messages"] > 0
    assert all(dollars >= 0 for dollars in parts.values())


def test_what_a_retry_costs_can_be_counted() -> None:
    later = retries._measure(retries.LATE_ATTEMPT)

    assert later["DynamoDB writes of the log"] > 0
    assert later["DynamoDB reads of the scheduler"] > 0


def test_what_parameters_switch_on_has_a_price() -> None:
    rows = switches.table().rows

    assert len(rows) == 8
    assert all(dollars > 0 for _, dollars in rows)
