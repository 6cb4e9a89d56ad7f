"""Why an event does not match a condition: which clauses fail, what was found and what was wanted.

It asks the same questions, of the same objects, as the matcher does: one clause after the other, and then whether those
that hold are met together where the event has arrays. So it cannot tell another story than the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from event_service.filters.matching.budget import STEPS_PER_FILTER, Budget, BudgetSpent
from event_service.filters.matching.conditions import LISTED, Condition, add_listed_values, compile_condition
from event_service.filters.matching.elements import ElementSearch
from event_service.filters.matching.path_index import SharedCondition
from event_service.filters.patterns.event_fields import EventFields
from event_service.filters.patterns.path_tree import PathNode
from event_service.filters.patterns.pattern import FieldCondition
from event_service.filters.patterns.wording import VALUES_SHOWN, entries_of, listed, plain_value, refusal, shown, wish

STEPS_PER_EXPLANATION: Final = 2 * STEPS_PER_FILTER
"""A verdict ends with the first clause that fails; an explanation asks all of them."""


@dataclass(frozen=True, slots=True)
class FailedClause:
    """One clause of a condition that an event does not match.

    Attributes:
        path: where in the event, such as ``data.total``; ``in.cameraIds`` for a list.
        present: whether the event has a value there.
        found: the value; a list where there are several, at most ten; ``None`` where there is none.
        wanted: the entries that are allowed there, as the condition writes them.
        sentence: for a person.
    """

    path: str
    present: bool
    found: Any
    wanted: list[Any]
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an event lacks.

    Attributes:
        failed: the clauses that fail in the alternative (of `$or`) that comes nearest; none: the event matches.
        complete: whether the budget sufficed. If not, more clauses may fail, and an event with none counts as a match.
    """

    failed: tuple[FailedClause, ...]
    complete: bool = True

    @property
    def near_miss(self) -> FailedClause | None:
        """The one clause without which the event would match; ``None`` when it matches or several fail."""
        return self.failed[0] if self.complete and len(self.failed) == 1 else None


class Explainer:
    """One condition, ready to be held against many events.

    Example::

        explainer = Explainer({"pattern": {"data": {"total": [{"numeric": [">", 100]}]}}})
        explainer.explain({"data": {"total": 80}}).failed[0].sentence  # "`data.total`: 80 is not > 100."
    """

    def __init__(self, condition: Mapping[str, Any]) -> None:
        """
        Args:
            condition: as it is stored.

        Raises:
            BadUserInput, TooLarge: it is refused.
        """
        compiled, self._empty = _without_empty_lists(condition)
        # As they were given: types are compared without case, and a person is shown what was written.
        self._lists = {f"{LISTED}{name}": list(values) for name, values in (condition.get("in") or {}).items() if values}
        self._wanted = PathNode()
        shared: dict[FieldCondition, SharedCondition] = {}
        self._alternatives = [
            sorted((self._share(one, shared) for one in (*alternative, *compiled.lists)), key=lambda one: one.order)
            for alternative in compiled.alternatives
        ]

    def _share(self, condition: FieldCondition, shared: dict[FieldCondition, SharedCondition]) -> SharedCondition:
        found = shared.get(condition)
        if found is None:
            found = shared[condition] = SharedCondition(condition)
            if not condition.path.startswith(LISTED):
                self._wanted.add(condition.path)
        return found

    def explain(self, event: Mapping[str, Any], budget: Budget | None = None) -> Explanation:
        """What ``event`` lacks.

        Args:
            event: the delivered event, as ``json.loads`` makes it.
            budget: what the work may cost, :data:`STEPS_PER_EXPLANATION` when ``None``.
        """
        nearest, complete = self._nearest(event, budget)
        return Explanation(self._in_words(event, nearest), complete)

    def near_miss(self, event: Mapping[str, Any], budget: Budget | None = None) -> FailedClause | None:
        """The one clause without which ``event`` would match: as :meth:`explain`, in less time where there is none."""
        nearest, complete = self._nearest(event, budget)
        if not complete or len(self._empty) + len(nearest.failed) + len(nearest.apart) != 1:
            return None
        return self._in_words(event, nearest)[0]

    def _nearest(self, event: Mapping[str, Any], budget: Budget | None) -> tuple[_Nearest, bool]:
        """The nearest alternative, and whether the budget sufficed to find it."""
        fields = EventFields(event, self._wanted)
        add_listed_values(event, fields)
        nearest = _Nearest(fields, Budget(STEPS_PER_EXPLANATION) if budget is None else budget)
        try:
            for alternative in self._alternatives:
                nearest.consider(alternative)
        except BudgetSpent:
            return nearest, False
        return nearest, True

    def _in_words(self, event: Mapping[str, Any], nearest: _Nearest) -> tuple[FailedClause, ...]:
        words = _Words(event, nearest.fields, self._lists)
        empty = [words.of_empty_list(name) for name in self._empty]
        failed = [words.of_failed(one) for one in nearest.failed]
        apart = [words.of_apart(one, nearest.together) for one in nearest.apart]
        return (*empty, *failed, *apart)


class _Nearest:
    """The alternative of which the fewest clauses fail, among those considered so far.

    Attributes:
        failed: clauses of it that fail by themselves.
        apart: clauses of it that hold by themselves, but not in the elements of arrays in which the others hold.
        together: the clauses of it that hold together.
        fields: the event.
    """

    def __init__(self, fields: EventFields, budget: Budget) -> None:
        self.failed: list[SharedCondition] = []
        self.apart: list[SharedCondition] = []
        self.together: list[SharedCondition] = []
        self._least: int | None = None
        self.fields = fields
        self._budget = budget
        self._search = ElementSearch(fields, budget)
        self._verdicts: dict[SharedCondition, bool] = {}

    def consider(self, alternative: Sequence[SharedCondition]) -> None:
        """Takes ``alternative`` if it is nearer.

        Raises:
            BudgetSpent: it is not known.
        """
        if self._least == 0:
            return
        self._budget.spend(1 + len(alternative))
        failed: list[SharedCondition] = []
        holding: list[SharedCondition] = []
        for shared in alternative:
            (holding if self._holds(shared) else failed).append(shared)
            if self._least is not None and len(failed) >= self._least:
                return
        if failed and self._least is None:
            # What is known when the budget ends.
            self.failed, self.together = failed, holding
        together, apart = self._split(holding)
        if len(apart) > 1 and not failed:
            together, apart = self._without_one(holding) or (together, apart)
        if self._least is None or len(failed) + len(apart) < self._least:
            self._least = len(failed) + len(apart)
            self.failed, self.apart, self.together = failed, apart, together

    def _holds(self, shared: SharedCondition) -> bool:
        verdict = self._verdicts.get(shared)
        if verdict is None:
            values = self.fields.values.get(shared.path)
            if values is not None:
                self._budget.spend(shared.cost(values))
            verdict = self._verdicts[shared] = shared.condition.may_hold(self.fields)
        return verdict

    def _agree(self, conditions: Sequence[SharedCondition]) -> bool:
        asked = self._search.in_elements(conditions)
        return not asked or self._search.agree(asked)

    def _split(self, holding: list[SharedCondition]) -> tuple[list[SharedCondition], list[SharedCondition]]:
        """Clauses that hold together, and those that do not go with them. In the order of their paths, as they are judged:
        a clause is never made to hold by one that comes after it."""
        if not self.fields.has_element_objects or self._agree(holding):
            return holding, []
        together: list[SharedCondition] = []
        apart: list[SharedCondition] = []
        for shared in holding:
            if self._agree([*together, shared]):
                together.append(shared)
            else:
                apart.append(shared)
        return together, apart

    def _without_one(self, holding: list[SharedCondition]) -> tuple[list[SharedCondition], list[SharedCondition]] | None:
        """Whether one clause keeps all others from holding together."""
        for shared in holding:
            others = [one for one in holding if one is not shared]
            if self._agree(others):
                return others, [shared]
        return None


class _Words:
    """Failed clauses of one event, for a person."""

    def __init__(self, event: Mapping[str, Any], fields: EventFields, lists: Mapping[str, list[str]]) -> None:
        self._event = event
        self._fields = fields
        self._lists = lists

    def of_failed(self, shared: SharedCondition) -> FailedClause:
        """A clause that fails by itself."""
        path, wanted = _shown_path(shared.path), self._wanted(shared)
        found = self._found(shared.path)
        wishes = listed([wish(one) for one in wanted])
        if not found:
            sentence = f"there is no value; wanted is {wishes}"
        elif len(found) > 1:
            sentence = f"none of {listed([shown(one) for one in found], 'and')} fits; wanted is {wishes}"
        elif len(wanted) > 1:
            sentence = f"{shown(found[0])} is none of {wishes}"
        else:
            sentence = f"{shown(found[0])} {refusal(wanted[0])}"
        return FailedClause(path, bool(found), _alone(found), wanted, f"`{path}`: {sentence}.")

    def of_apart(self, shared: SharedCondition, together: Sequence[SharedCondition]) -> FailedClause:
        """A clause that holds, but not where the others do."""
        path, wanted = _shown_path(shared.path), self._wanted(shared)
        found = self._found(shared.path)
        values = self._fields.values
        others = [f"`{one.path}`" for one in together if one.path in values and values[one.path].depth]
        beside = f" in which {listed(others, 'and')} {'holds' if len(others) == 1 else 'hold'}" if others else ""
        wishes = listed([wish(one) for one in wanted])
        sentence = f"`{path}`: no value fits in the same element of the list{beside}; wanted is {wishes}."
        return FailedClause(path, bool(found), _alone(found), wanted, sentence)

    def of_empty_list(self, name: str) -> FailedClause:
        """A list of `in` without values."""
        found = self._found(f"{LISTED}{name}")
        return FailedClause(f"in.{name}", bool(found), _alone(found), [], f"`in.{name}`: the list is empty, and so it matches nothing.")

    def _found(self, path: str) -> list[Any]:
        if path == f"{LISTED}eventTypes":
            # It is compared without case; a person is shown what was published.
            return [self._event["type"]] if isinstance(self._event.get("type"), str) else []
        values = self._fields.values.get(path)
        if values is None:
            return []
        return [plain_value(key) for key, _ in zip(values.places, range(VALUES_SHOWN), strict=False)]

    def _wanted(self, shared: SharedCondition) -> list[Any]:
        condition = shared.condition
        as_given = self._lists.get(shared.path)
        return as_given or entries_of(condition.predicates, or_absent=condition.or_absent)


def _alone(found: list[Any]) -> Any:
    """The value, where there is only one."""
    return found[0] if len(found) == 1 else found or None


def _shown_path(path: str) -> str:
    return f"in.{path.removeprefix(LISTED)}" if path.startswith(LISTED) else path


def _without_empty_lists(condition: Mapping[str, Any]) -> tuple[Condition, list[str]]:
    """The condition without lists that match nothing, whose other clauses are then judged as well; and their names."""
    lists: Mapping[str, list[str] | None] = condition.get("in") or {}
    empty = [name for name, values in lists.items() if values == []]
    if not empty:
        return compile_condition(condition), []
    rest: dict[str, Any] = {"in": {name: values for name, values in lists.items() if values}, "pattern": condition.get("pattern")}
    rest = {name: value for name, value in rest.items() if value}
    return compile_condition(rest) if rest else Condition((), ((),)), empty
