"""What fits into one message to a client."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from event_service.sockets.frames import MAXIMUM_BATCH_BYTES, MAXIMUM_FRAME_BYTES, EventFrame, Gap, pack


def an_entry(sequence: int, size: int) -> EventFrame:
    """An event whose frame has so many bytes, some of them in characters of two."""
    fixed = len(f'{{"é":"","sequence":{sequence}}}'.encode())
    text = f'{{"é":"{"x" * (size - fixed)}","sequence":{sequence}}}'
    assert len(text.encode()) == size
    return EventFrame(sequence, f"event-{sequence}", text.encode())


def packed(*entries: EventFrame | Gap, batched: bool = True) -> list[object]:
    """The frames: of an array its sequences, of a notice its text."""
    found: list[object] = []
    for frame in pack(entries, batched=batched):
        value = json.loads(frame.data)
        found.append([one["sequence"] for one in value] if isinstance(value, list) else value.get("notice", value.get("sequence")))
    return found


def test_an_array_holds_102_400_bytes_and_not_one_more() -> None:
    # Two brackets and a comma are three bytes of it.
    fits, too_much = [(an_entry(1, 50_000), an_entry(2, MAXIMUM_BATCH_BYTES - 50_003 + more)) for more in (0, 1)]

    (frame,) = pack(fits, batched=True)

    assert len(frame.data) == MAXIMUM_BATCH_BYTES == 102_400
    assert packed(*too_much) == [[1], [2]]


def test_an_array_holds_a_hundred_events_and_not_one_more() -> None:
    entries = [an_entry(sequence, 100) for sequence in range(1, 202)]

    assert packed(*entries) == [list(range(1, 101)), list(range(101, 201)), [201]]


def test_an_event_between_the_two_limits_is_an_array_of_its_own() -> None:
    entries = [an_entry(1, 100), an_entry(2, MAXIMUM_BATCH_BYTES), an_entry(3, MAXIMUM_FRAME_BYTES - 2), an_entry(4, 100)]

    assert packed(*entries) == [[1], [2], [3], [4]]
    assert max(len(frame.data) for frame in pack(entries, batched=True)) == MAXIMUM_FRAME_BYTES


@pytest.mark.parametrize(("batched", "limit"), [(True, MAXIMUM_FRAME_BYTES - 2), (False, MAXIMUM_FRAME_BYTES)])
def test_one_event_over_the_limit_inside_a_batch_is_a_notice_in_its_place(batched: bool, limit: int) -> None:
    entries = [an_entry(1, 100), an_entry(2, limit + 1), an_entry(3, 100), an_entry(4, limit)]

    frames = list(pack(entries, batched=batched))

    assert packed(*entries, batched=batched) == ([[1], "too-large", [3], [4]] if batched else [1, "too-large", 3, 4])
    assert json.loads(frames[1].data) == {"notice": "too-large", "id": "event-2", "sequence": 2}
    assert [frame.last for frame in frames] == [1, 2, 3, 4]
    assert max(len(frame.data) for frame in frames) == MAXIMUM_FRAME_BYTES


def test_a_gap_inside_a_batch_is_a_notice_in_its_place() -> None:
    frames = list(pack([an_entry(1, 100), Gap(2, 7), an_entry(8, 100)], batched=True))

    assert packed(an_entry(1, 100), Gap(2, 7), an_entry(8, 100)) == [[1], "gap", [8]]
    assert json.loads(frames[1].data) == {"notice": "gap", "from": 2, "to": 7, "next": 8, "reason": "expired"}
    assert [frame.last for frame in frames] == [1, 7, 8]


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("replay_to", [0, 2])
def test_what_a_replay_appended_is_marked_once_wherever_it_stands(batched: bool, replay_to: int) -> None:
    entries = [an_entry(1, 100), replace(an_entry(2, 100), replayed=True), replace(an_entry(3, 200_000), replayed=True), an_entry(4, 100)]

    frames = list(pack(entries, batched=batched, replay_to=replay_to))

    text = b"".join(frame.data for frame in frames)
    assert text.count(b'"replayed":true') == (3 if replay_to else 2)
    found = [one for frame in frames for one in (json.loads(frame.data) if frame.data.startswith(b"[") else [json.loads(frame.data)])]
    assert [one["sequence"] for one in found if one.get("replayed")] == ([1, 2, 3] if replay_to else [2, 3])


@pytest.mark.parametrize("batched", [True, False])
def test_what_was_published_before_the_connect_is_marked_as_replayed(batched: bool) -> None:
    entries = [an_entry(sequence, 100) for sequence in (1, 2, 3)]

    frames = [json.loads(frame.data) for frame in pack(entries, batched=batched, replay_to=2)]

    events = frames[0] if batched else frames
    assert [(event["sequence"], event.get("replayed", False)) for event in events] == [(1, True), (2, True), (3, False)]
    assert list(events[0]) == ["é", "sequence", "replayed"]


def test_the_mark_of_a_replay_counts_towards_the_limits() -> None:
    fits, too_much = (an_entry(1, MAXIMUM_FRAME_BYTES - len(',"replayed":true') + more) for more in (0, 1))

    (whole,) = pack([fits], batched=False, replay_to=1)
    (notice,) = pack([too_much], batched=False, replay_to=1)

    assert len(whole.data) == MAXIMUM_FRAME_BYTES
    assert json.loads(notice.data)["notice"] == "too-large"


def test_an_event_is_encoded_once_and_shared_by_all_clients() -> None:
    entry = an_entry(1, 1_000)

    frames = [next(pack([entry], batched=False)) for _ in range(100)]

    assert all(frame.data is entry.data for frame in frames)
