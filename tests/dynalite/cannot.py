"""Which tests of storage cannot run on dynalite, and why. All others of ``PATHS`` do: `make dynalite`."""

from __future__ import annotations

from typing import Final

PATHS: Final = (
    "tests/integration/access",
    "tests/integration/configuration",
    "tests/integration/delivery",
    "tests/integration/events/test_event_store.py",
    "tests/integration/routing/test_packed_rows.py",
    "tests/integration/webhooks/test_delivery_tables.py",
)
"""Tests of storage that ask DynamoDB and nothing else. Tests that change what moto holds in memory, or time its calls, are no use here."""

_TRANSACTIONS = "it has no transactions, by which a secret or an idempotency key is stored with its change set"
_REFUSED_ITEM = "it does not answer with the item when it refuses a condition, by which a lost answer is told from a lost race"
_ROWS_OF_MOTO = "asks moto for the rows that it holds"

_BY_REASON = {
    _TRANSACTIONS: (
        "configuration/test_configuration.py::test_a_commit_whose_rows_are_refused_succeeds_and_is_seen_by_reads",
        "configuration/test_configuration.py::test_a_created_endpoint_is_read_back_as_it_was_answered",
        "configuration/test_configuration.py::test_a_foreign_id_behaves_like_an_unknown_id_and_nothing_is_changed",
        "configuration/test_configuration.py::test_a_grace_period_is_0_to_7_days",
        "configuration/test_configuration.py::test_a_pause_and_other_reasons_survive_the_deletion_of_the_last_filter",
        "configuration/test_configuration.py::test_a_person_who_resumes_an_endpoint_without_filters_gets_everything",
        "configuration/test_configuration.py::test_a_secret_rotates_with_a_grace_period_and_several_times",
        "configuration/test_configuration.py::test_an_update_changes_only_what_is_given",
        "configuration/test_configuration.py::test_counts_follow_creation_and_deletion",
        "configuration/test_configuration.py::test_deleting_the_last_event_filter_never_widens_what_is_routed",
        "configuration/test_configuration.py::test_deletion_removes_links_and_secret_and_tells_observers",
        "configuration/test_configuration.py::test_each_page_of_endpoints_begins_behind_the_one_before",
        "configuration/test_configuration.py::test_pages_have_a_total_order_and_shift_by_offset",
        "configuration/test_configuration.py::test_pause_resume_and_disable",
        "configuration/test_configuration.py::test_routing_loads_live_rows_only",
        "configuration/test_configuration.py::test_unlinking_the_last_event_filter_widens_as_documented",
        "configuration/test_marks.py::test_other_marks_are_other_input_to_an_idempotency_key",
        "configuration/test_requests.py::test_a_commit_whose_answer_is_lost_is_looked_up",
        "configuration/test_requests.py::test_a_key_for_other_input_is_a_conflict_and_changes_nothing",
        "configuration/test_requests.py::test_a_key_is_kept_for_24_hours",
        "configuration/test_requests.py::test_a_key_makes_one_thing_and_answers_it_as_it_was_made",
        "configuration/test_requests.py::test_a_key_may_be_any_printable_text",
        "configuration/test_requests.py::test_a_refused_mutation_uses_up_no_key",
        "configuration/test_requests.py::test_a_rotation_with_a_key_is_done_once",
        "configuration/test_requests.py::test_every_field_of_secrets_and_requests_comes_back",
        "configuration/test_requests.py::test_keys_of_other_workspaces_and_mutations_are_other_keys",
        "configuration/test_requests.py::test_one_of_two_rotations_with_one_key_at_once_is_done",
    ),
    _REFUSED_ITEM: (
        "events/test_event_store.py::test_a_taken_id_stays_with_its_first_publish",
        "events/test_event_store.py::test_the_loser_of_a_race_takes_its_index_rows_back",
        "webhooks/test_delivery_tables.py::test_health_of_a_deleted_or_foreign_endpoint_is_not_kept",
        "delivery/test_stores.py::test_health_of_a_deleted_or_foreign_endpoint_is_not_kept",
        "delivery/test_stores.py::test_one_of_two_workers_that_note_the_same_failure_wins",
    ),
    _ROWS_OF_MOTO: (
        "events/test_event_store.py::test_items_expire_by_the_attribute_that_the_template_names",
        "events/test_event_store.py::test_partition_key_takes_at_most_a_sixteenth_of_the_events",
    ),
}

CANNOT: Final = {f"tests/integration/{test}": reason for reason, tests in _BY_REASON.items() for test in tests}
"""Test function to what dynalite lacks for it."""
