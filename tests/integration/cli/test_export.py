"""`event-service events export`: each event once, also when it is interrupted anywhere."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli.commands import export as module
from cli.errors import CommandError
from cli.export_file import ExportFile, Progress
from tests.fakes.graphql_api import GraphqlDouble, RefusedCall
from tests.integration.cli.conftest import Run
from tests.integration.cli.test_commands import event, page

EVENTS = [event(f"e-{number:04d}") for number in range(1_200)]
DATES = ("2026-03-01T00:00:00.000000+00:00", "2026-03-02T00:00:00.000000+00:00")
SPAN = ["--since", "2026-03-01T00:00:00Z", "--until", "2026-03-02T00:00:00Z"]


def ids(file: Path) -> list[str]:
    return [json.loads(line)["id"] for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_a_span_is_written_as_lines_of_json(api: GraphqlDouble, run: Run, file: Path) -> None:
    api.resolvers["events"] = lambda **given: page(EVENTS, given)

    result = run("events", "export", str(file), *SPAN, "--type", "order.created", "--json")

    assert json.loads(result.stdout) == {"ok": True, "count": 1_200, "file": str(file)}
    assert ids(file) == [one["id"] for one in EVENTS]
    assert json.loads(file.read_text(encoding="utf-8").splitlines()[0]) == EVENTS[0]
    assert not list(file.parent.glob("*.unfinished*"))
    first = api.calls[0].arguments
    assert first["filters"]["date"]["gte"] == "2026-03-01T00:00:00.000000+00:00"
    assert first["filters"]["date"]["lt"] == "2026-03-02T00:00:00.000000+00:00"
    assert first["filters"]["type"]["exact"] == "order.created"
    assert first["order"] == {"date": "ASC"}


def test_lines_go_to_standard_output_without_a_file(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["events"] = lambda **given: page(EVENTS, given)

    result = run("events", "export", *SPAN)

    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [one["id"] for one in EVENTS]


def test_an_interrupted_export_goes_on_where_it_was(api: GraphqlDouble, run: Run, file: Path) -> None:
    def failing(**given: Any) -> dict[str, Any]:
        if given.get("after") == "1000":
            raise RefusedCall("INTERNAL", "A part of the service did not answer.")
        return page(EVENTS, given)

    api.resolvers["events"] = failing
    assert run("events", "export", str(file), *SPAN).exit_code == 1
    assert len(ids(file)) == 1_000
    # What a killed export wrote without noting it.
    with file.open("a", encoding="utf-8") as half:
        half.write('{"id": "e-10' + "x" * 1_000_000)
    api.calls.clear()
    api.resolvers["events"] = lambda **given: page(EVENTS, given)

    result = run("events", "export", str(file))

    assert result.exit_code == 0
    assert "Going on behind 1000 events" in result.stderr
    assert ids(file) == [one["id"] for one in EVENTS]
    assert [call.arguments["after"] for call in api.calls] == ["1000"]
    assert api.calls[0].arguments["filters"]["date"]["lt"] == "2026-03-02T00:00:00.000000+00:00"


STEPS = [(os, "fsync"), (json, "dumps"), (Path, "write_text"), (Path, "replace")]


@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_kill_at_any_step_loses_and_repeats_nothing(where: Any, step: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = ExportFile(file)
    progress = target.append(EVENTS[:3], Progress(*DATES), "3")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(KeyboardInterrupt):
            target.append(EVENTS[3:6], progress, "6")
    resumed = target.unfinished()
    assert resumed == progress
    target.append(EVENTS[3:6], resumed, "6")

    assert ids(file) == [one["id"] for one in EVENTS[:6]]


def test_pages_shrink_to_what_fits_into_an_answer_and_grow_again(api: GraphqlDouble, run: Run, file: Path) -> None:
    def large(**given: Any) -> dict[str, Any]:
        if given["first"] > 40:
            raise RefusedCall("TOO_LARGE", "events: this page has more than 5,000,000 bytes; 40 of its events fit.")
        return page(EVENTS[:200], given)

    api.resolvers["events"] = large

    assert run("events", "export", str(file), *SPAN).exit_code == 0
    assert ids(file) == [one["id"] for one in EVENTS[:200]]


def test_an_event_that_never_fits_ends_the_export(api: GraphqlDouble, run: Run, file: Path) -> None:
    def refuse(**_: Any) -> dict[str, Any]:
        raise RefusedCall("TOO_LARGE", "It is too large.")

    api.resolvers["events"] = refuse

    assert run("events", "export", str(file), *SPAN).exit_code == 1
    assert [call.arguments["first"] for call in api.calls] == [500, 125, 31, 7, 1]


def test_a_file_that_is_there_is_not_written_over(api: GraphqlDouble, run: Run, file: Path) -> None:
    file.write_text("mine")

    result = run("events", "export", str(file), *SPAN)

    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert file.read_text() == "mine"
    assert api.calls == []


def test_a_new_export_says_where_it_begins(run: Run, file: Path) -> None:
    result = run("events", "export", str(file))

    assert result.exit_code == 2
    assert "Give --since" in result.stderr


@pytest.mark.parametrize("notes", ["{", "[]", '{"a": 1}', '{"since": "x", "until": "y"}', '{"since": 1, "until": 2}'])
def test_notes_that_no_export_wrote_are_explained(notes: str, run: Run, file: Path) -> None:
    file.with_name("events.jsonl.unfinished").write_text(notes)

    result = run("events", "export", str(file), *SPAN)

    assert result.exit_code == 2
    assert "cannot be read as the notes of an export" in result.stderr


def test_a_file_that_lost_what_was_exported_is_not_filled_up(file: Path) -> None:
    target = ExportFile(file)
    progress = target.append(EVENTS[:3], Progress(*DATES), "3")
    file.write_text("")

    with pytest.raises(CommandError, match="is shorter than what was exported"):
        target.append(EVENTS[3:], progress, "6")


def test_a_file_that_cannot_be_written_is_explained(api: GraphqlDouble, run: Run, tmp_path: Path) -> None:
    api.resolvers["events"] = lambda **given: page(EVENTS, given)

    result = run("events", "export", str(tmp_path / "no folder" / "events.jsonl"), *SPAN)

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_the_end_is_now_unless_it_is_given(api: GraphqlDouble, run: Run, file: Path) -> None:
    api.resolvers["events"] = lambda **given: page([], given)

    assert run("events", "export", str(file), "--since", "1h").exit_code == 0
    dates = api.calls[0].arguments["filters"]["date"]
    assert dates["gte"] < dates["lt"]
    assert file.read_text() == ""
    with pytest.raises(CommandError):
        ExportFile(file).unfinished()
    assert module.PAGE == 500
