"""Tables of waiters for whole values: exact ones, addresses, networks, ranges, and anything but some."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from itertools import chain
from operator import attrgetter
from typing import Any, Generic, TypeVar

from event_service.filters.matching.budget import Budget
from event_service.filters.matching.intervals import Intervals
from event_service.filters.matching.postings import Postings
from event_service.filters.patterns.event_fields import FieldValues, Key
from event_service.filters.patterns.ip_addresses import Address, first_address
from event_service.filters.patterns.predicates import STEPS_PER_ADDRESS, AnythingBut, Exactly, InNetwork, InRange, SameAddress

W = TypeVar("W", bound=Hashable)

WAITERS_PER_STEP = 8
FEW = 4


class ExactTable(Generic[W]):
    """Values by themselves."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: Postings[Key, W] = Postings()

    def crowd(self, predicate: Exactly) -> int:
        return self._waiters.count(predicate.key)

    def add(self, predicate: Exactly, waiter: W) -> None:
        self._waiters.add(predicate.key, waiter)

    def remove(self, predicate: Exactly, waiter: W) -> None:
        self._waiters.discard(predicate.key, waiter)

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        sole = values.sole
        if sole is not None:
            budget.spend(1)
            self._waiters.collect(sole, found)
            return
        budget.spend(1 + len(values.places) // WAITERS_PER_STEP)
        for key in self._waiters.common(values.places.keys()):
            budget.spend(1)
            self._waiters.collect(key, found)


class AddressTable(Generic[W]):
    """IP addresses by themselves, however they are spelled."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: Postings[Address, W] = Postings()

    def crowd(self, predicate: SameAddress) -> int:
        return self._waiters.count(predicate.address)

    def add(self, predicate: SameAddress, waiter: W) -> None:
        self._waiters.add(predicate.address, waiter)

    def remove(self, predicate: SameAddress, waiter: W) -> None:
        self._waiters.discard(predicate.address, waiter)

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        for address in _addresses(values, budget):
            self._waiters.collect(address, found)


class NetworkTable(Generic[W]):
    """CIDR blocks: one look-up for each length of mask that occurs."""

    __slots__ = ("_masks", "_waiters")

    def __init__(self) -> None:
        self._waiters: Postings[tuple[int, Address], W] = Postings()
        # By size of address in bytes and length of mask, how many blocks have them.
        self._masks: dict[tuple[int, int], int] = {}

    def crowd(self, predicate: InNetwork) -> int:
        return self._waiters.count((predicate.mask, predicate.network))

    def add(self, predicate: InNetwork, waiter: W) -> None:
        if self._waiters.add((predicate.mask, predicate.network), waiter):
            mask = len(predicate.network), predicate.mask
            self._masks[mask] = self._masks.get(mask, 0) + 1

    def remove(self, predicate: InNetwork, waiter: W) -> None:
        if self._waiters.discard((predicate.mask, predicate.network), waiter):
            mask = len(predicate.network), predicate.mask
            self._masks[mask] -= 1
            if not self._masks[mask]:
                del self._masks[mask]

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        blocks: set[tuple[int, Address]] = set()
        for address in _addresses(values, budget):
            budget.spend(2 * len(self._masks))
            blocks.update((mask, first_address(address, mask)) for size, mask in self._masks if size == len(address))
        budget.spend(len(blocks))
        self._waiters.collect_all(blocks, found)


def _addresses(values: FieldValues, budget: Budget) -> set[Address]:
    if values.known_addresses is None:
        budget.spend(STEPS_PER_ADDRESS * len(values.places))
    budget.spend(len(values.addresses))
    return set(values.addresses.values())


class RangeTable(Generic[W]):
    """Finds which conditions wait for a range that contains a number."""

    __slots__ = ("_intervals",)

    def __init__(self) -> None:
        self._intervals: Intervals[W] = Intervals()

    def crowd(self, predicate: InRange) -> int:
        return self._intervals.count(predicate.low, predicate.high)

    def add(self, predicate: InRange, waiter: W) -> None:
        self._intervals.add(predicate.low, predicate.high, waiter)

    def remove(self, predicate: InRange, waiter: W) -> None:
        self._intervals.remove(predicate.low, predicate.high, waiter)

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        budget.spend(1 + len(values.places) // WAITERS_PER_STEP)
        for number in (values.sole,) if values.sole is not None else values.numbers:
            if isinstance(number, float):
                budget.spend(1 + 2 * self._intervals.levels)
                waiting = self._intervals.holding(number)
                budget.spend(len(waiting) // WAITERS_PER_STEP)
                found.update(waiting)


_waiters_of: Callable[[Any], Collection[Any]] = attrgetter("waiters")


class _Refusal(Generic[W]):
    """One distinct predicate of a :class:`RefusalTable`. It is compared by identity: it stands in sets while matching."""

    __slots__ = ("chosen", "waiters")

    def __init__(self, chosen: Key, waiter: W) -> None:
        self.chosen = chosen
        # Most have one waiter, for which a set would be large.
        self.waiters: tuple[W] | set[W] = (waiter,)


class RefusalTable(Generic[W]):
    """Anything but listed values: found are all, less those that refuse every value of the field.

    Each predicate stands under one of the values it refuses, the one that most refuse, so that an event with that very
    value passes over all of them at once. Predicates refuse, not waiters: one waiter may wait for either of two, and
    what one of them refuses the other may accept.
    """

    __slots__ = ("_also_refusing", "_chosen", "_refusals")

    def __init__(self) -> None:
        self._refusals: dict[AnythingBut, _Refusal[W]] = {}
        self._chosen: Postings[Key, _Refusal[W]] = Postings()
        self._also_refusing: Postings[Key, _Refusal[W]] = Postings()

    def __bool__(self) -> bool:
        return bool(self._refusals)

    def add(self, predicate: AnythingBut, waiter: W) -> None:
        refusal = self._refusals.get(predicate)
        if refusal is None:
            refusal = self._refusals[predicate] = _Refusal(max(predicate.keys, key=self._refusers), waiter)
            self._chosen.add(refusal.chosen, refusal)
            for key in predicate.keys - {refusal.chosen}:
                self._also_refusing.add(key, refusal)
        elif isinstance(refusal.waiters, set):
            refusal.waiters.add(waiter)
        else:
            refusal.waiters = {*refusal.waiters, waiter}

    def remove(self, predicate: AnythingBut, waiter: W) -> None:
        refusal = self._refusals[predicate]
        if isinstance(refusal.waiters, set) and len(refusal.waiters) > 1:
            refusal.waiters.discard(waiter)
        else:
            del self._refusals[predicate]
            self._chosen.discard(refusal.chosen, refusal)
            for key in predicate.keys - {refusal.chosen}:
                self._also_refusing.discard(key, refusal)

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        sole = values.sole
        if len(self._chosen) * FEW < len(self._refusals):
            # Many stand under one value: where it comes, they need not even be looked at.
            holding: set[_Refusal[W]] = set()
            for key, refusals in self._chosen.groups():
                if key != sole:
                    holding.update(refusals)
        else:
            holding = set(self._refusals.values())
            if sole is not None:
                holding.difference_update(self._chosen.values(sole))
        budget.spend(1 + len(self._chosen) + len(holding) // WAITERS_PER_STEP)
        if sole is None:
            holding -= self._refusing_all(values, budget)
        else:
            holding.difference_update(self._also_refusing.values(sole))
        budget.spend(sum(map(len, map(_waiters_of, holding))) // WAITERS_PER_STEP)
        found.update(chain.from_iterable(map(_waiters_of, holding)))

    def _refusing_all(self, values: FieldValues, budget: Budget) -> set[_Refusal[W]]:
        """What refuses every one of ``values``; nearly always nothing, which the rarest value tells."""
        budget.spend(2 * len(values.places))
        rarest = min(values.places, key=self._refusers)
        refusing = {*self._chosen.values(rarest), *self._also_refusing.values(rarest)}
        for key in values.places:
            if not refusing:
                break
            budget.spend(2 * len(refusing))
            refusing = {refusal for refusal in refusing if self._chosen.has(key, refusal) or self._also_refusing.has(key, refusal)}
        return refusing

    def _refusers(self, key: Key) -> int:
        return self._chosen.count(key) + self._also_refusing.count(key)
