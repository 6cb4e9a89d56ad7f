"""Who reads rows and who reads what another router packed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.ports import RoutingRows
from event_service.routing.packed import MOST_CHANGES_BEHIND, RENEWED_BEHIND, WAIT_SECONDS, Packed, PackedReading

ROWS = RoutingRows({}, {}, {})
PACKED_ROWS = RoutingRows({}, {}, {"e": {"f"}})


@dataclass
class Store:
    """What was packed last, and whether the next claim is granted."""

    packed: Packed | None = None
    claims: list[bool] = field(default_factory=list)
    readable: bool = True
    refuses: Exception | None = None
    written: list[int] = field(default_factory=list)
    now: float = 0.0
    looks: int = 0
    throttled_looks: int = 0

    def newest(self, workspace_id: str) -> Packed | None:
        self.looks += 1
        if self.looks <= self.throttled_looks:
            raise RateLimited("busy")
        return self.packed

    def claim(self, workspace_id: str, seconds: int) -> bool:
        return bool(self.claims) and self.claims.pop(0)

    def read(self, packed: Packed) -> RoutingRows | None:
        return PACKED_ROWS if self.readable else None

    def write(self, workspace_id: str, version: int, rows: RoutingRows) -> None:
        if self.refuses:
            raise self.refuses
        self.written.append(version)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def load(self, version: int, newest: int | None = None) -> tuple[int, RoutingRows]:
        reading = PackedReading(self, lambda workspace_id: newest or version, self.sleep, lambda: self.now)
        return reading.load("w", version, lambda workspace_id: ROWS)


def packed(version: int) -> Packed:
    return Packed("w", version, f"g{version}", 3)


def test_the_first_reads_the_rows_and_packs_them() -> None:
    store = Store(claims=[True])

    assert store.load(5) == (5, ROWS)
    assert store.written == [5]


def test_the_others_read_what_is_packed() -> None:
    store = Store(packed(5))

    assert store.load(5 + RENEWED_BEHIND) == (5, PACKED_ROWS)
    assert store.now == 0


def test_one_packs_anew_in_time_while_the_others_go_on() -> None:
    version = 5 + RENEWED_BEHIND + 1

    assert Store(packed(5), claims=[True]).load(version) == (version, ROWS)
    assert Store(packed(5), claims=[False]).load(version) == (5, PACKED_ROWS)


def test_what_the_chain_cannot_continue_is_not_used() -> None:
    store = Store(packed(5), claims=[True])

    assert store.load(5 + MOST_CHANGES_BEHIND + 1)[1] is ROWS


def test_what_is_ahead_is_used_when_the_chain_has_grown_meanwhile() -> None:
    assert Store(packed(7)).load(5, newest=8) == (7, PACKED_ROWS)


def test_what_is_ahead_of_the_chain_is_not_used() -> None:
    """A restore to a moment before set the chain back."""
    store = Store(packed(7), claims=[True])

    assert store.load(5, newest=6) == (5, ROWS)


def test_a_missing_part_leads_back_to_the_rows() -> None:
    store = Store(packed(5), claims=[True], readable=False)

    assert store.load(5) == (5, ROWS)


def test_a_router_that_cannot_pack_routes_all_the_same() -> None:
    for error in (RateLimited("busy"), Unavailable("gone")):
        assert Store(claims=[True], refuses=error).load(5) == (5, ROWS)


def test_who_waits_asks_again_and_gives_up_in_time() -> None:
    store = Store()

    with pytest.raises(RateLimited, match="waits for it"):
        store.load(5)

    assert WAIT_SECONDS < store.now < WAIT_SECONDS + 1
    assert store.looks > 10


def test_who_waits_takes_over_from_a_router_that_died() -> None:
    store = Store(claims=[False, True])

    assert store.load(5) == (5, ROWS)


def test_a_throttled_look_is_repeated() -> None:
    store = replace(Store(packed(5)), throttled_looks=3)

    assert store.load(5) == (5, PACKED_ROWS)
