"""Tables from what an event may hold to whoever waits for it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, KeysView, MutableSet
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Postings(Generic[K, V]):
    """From keys to sets of values.

    Most keys have one value, and a set takes 216 bytes: a value stands alone until a second one comes. Values must
    not be sets themselves.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[K, V | set[V]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def count(self, key: K) -> int:
        """How many values ``key`` has."""
        entry = self._entries.get(key)
        if entry is None:
            return 0
        return len(entry) if isinstance(entry, set) else 1

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> KeysView[K]:
        """All keys, as they are now."""
        return self._entries.keys()

    def common(self, keys: KeysView[K]) -> AbstractSet[K]:
        """Those of ``keys`` that have values."""
        return self._entries.keys() & keys

    def has(self, key: K, value: V) -> bool:
        """Whether ``value`` is one of those of ``key``."""
        entry = self._entries.get(key)
        return value in entry if isinstance(entry, set) else entry == value

    def add(self, key: K, value: V) -> bool:
        """Adds ``value``; whether ``key`` is new."""
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = value
            return True
        if isinstance(entry, set):
            entry.add(value)
        elif entry != value:
            self._entries[key] = {entry, value}
        return False

    def discard(self, key: K, value: V) -> bool:
        """Removes ``value``; whether ``key`` is gone with it."""
        entry = self._entries[key]
        if isinstance(entry, set):
            entry.discard(value)
            if entry:
                if len(entry) == 1:
                    self._entries[key] = entry.pop()
                return False
        del self._entries[key]
        return True

    def collect(self, key: K, found: MutableSet[V]) -> None:
        """Puts the values of ``key`` into ``found``."""
        entry = self._entries.get(key)
        if entry is not None:
            if isinstance(entry, set):
                found |= entry
            else:
                found.add(entry)

    def collect_all(self, keys: Iterable[K], found: MutableSet[V]) -> None:
        """Puts the values of all ``keys`` into ``found``."""
        get = self._entries.get
        for key in keys:
            entry = get(key)
            if isinstance(entry, set):
                found |= entry
            elif entry is not None:
                found.add(entry)

    def groups(self) -> Iterator[tuple[K, Collection[V]]]:
        """Each key with its values."""
        for key, entry in self._entries.items():
            yield key, entry if isinstance(entry, set) else (entry,)

    def values(self, key: K) -> Iterator[V]:
        """The values of ``key``."""
        entry = self._entries.get(key)
        if entry is not None:
            if isinstance(entry, set):
                yield from entry
            else:
                yield entry
