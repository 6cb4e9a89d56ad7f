"""The benchmark of webhook delivery follows the product: its stub answers what the function reads, and every delivery succeeds."""

from __future__ import annotations

from benchmarks.speed.stub_aws import environment_of_functions
from benchmarks.speed.webhook_delivery import BARE, BATCHES, OURS, run
from event_service.settings import Settings


def test_the_benchmark_delivers_every_batch_and_counts_its_calls() -> None:
    section = run(quick=True)
    deliveries, calls = section.tables
    assert {(row[0], row[2]) for row in deliveries.rows if row[1] == 0} == {(who, size) for who in (OURS, BARE) for size in BATCHES}
    # One read and one write of up to 25 records for each batch.
    assert calls.rows == [[1, 2.0], [10, 0.2], [100, 0.05]]


def test_the_environment_of_functions_names_all_tables_and_queues() -> None:
    environment = environment_of_functions("http://127.0.0.1:1", ALLOW_HTTP="false")
    settings = Settings(environment)
    assert settings.endpoints_by_id_table == "EndpointsByIdTable"
    assert settings.own_lane_queue_url == "http://127.0.0.1:1/123456789012/OwnLaneQueue"
    assert environment["ALLOW_HTTP"] == "false"
