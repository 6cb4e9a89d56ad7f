"""The cost table counts with the product's own use cases: a change of theirs that it does not follow must be seen."""

from __future__ import annotations

from benchmarks.cost import prices, retries, sockets, switches, troubled


def test_what_an_event_to_a_socket_costs_can_be_counted() -> None:
    title, clients, events = sockets.CASES[0]

    parts = sockets._measure(clients, events)

    assert title
    assert parts["API Gateway messages"] > 0
    assert all(dollars >= 0 for dollars in parts.values())


def test_what_a_retry_costs_can_be_counted() -> None:
    later = retries.measure(retries.LATE_ATTEMPT)

    assert later["DynamoDB writes of the log"] > 0
    assert later["DynamoDB reads of the scheduler"] > 0


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
