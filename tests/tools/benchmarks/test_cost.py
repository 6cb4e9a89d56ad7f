"""The cost table counts with the product's own use cases: a change of theirs that it does not follow must be seen."""

from __future__ import annotations

import pytest

from benchmarks.cost import retries, sockets, switches


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
    later = retries._measure(retries.LATE_ATTEMPT)

    assert later["DynamoDB writes of the log"] > 0
    assert later["DynamoDB reads of the scheduler"] > 0


def test_what_parameters_switch_on_has_a_price() -> None:
    rows = switches.table().rows

    assert len(rows) == 8
    assert all(dollars > 0 for _, dollars in rows)
