"""The lanes of endpoints: one row each, under a partition key of its own, written only for endpoints that have a backlog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.delivery.lane import Lane, Trouble

_ROW: Final = "lane"


class LaneItem(Model):
    """A lane. Its owner and others write different attributes, so that neither undoes what the other has written."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    """``lane#<endpoint id>``"""
    due_key = UnicodeAttribute(range_key=True, attr_name="dueKey")
    workspace_id = UnicodeAttribute(attr_name="workspaceId", null=True)
    token = UnicodeAttribute(null=True)
    lease_until = UnicodeAttribute(attr_name="leaseUntil", null=True)
    next_at = UnicodeAttribute(attr_name="nextAt", null=True)
    look_at = UnicodeAttribute(attr_name="lookAt", null=True)
    not_before = UnicodeAttribute(attr_name="notBefore", null=True)
    again = BooleanAttribute(null=True)
    ending = BooleanAttribute(null=True)
    trouble = UnicodeAttribute(null=True)
    slow_at = UnicodeAttribute(attr_name="slowAt", null=True)
    open_rows = UnicodeAttribute(attr_name="openRows", null=True)
    pace = UnicodeAttribute(null=True)


class DynamoLaneStore:
    """Implements :class:`~event_service.delivery.ports.LaneStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, endpoint_ids: Sequence[str]) -> dict[str, Lane]:
        found = self._database.batch_get([_key(endpoint_id) for endpoint_id in endpoint_ids], binary=False)
        lanes = (_lane(item) for _, item in found)
        return {lane.endpoint_id: lane for lane in lanes}

    def claim(self, lane: Lane, token: str, lease_until: datetime) -> Lane | None:
        unchanged = LaneItem.token.does_not_exist() if not lane.token else LaneItem.token == lane.token
        free = LaneItem.lease_until.does_not_exist() if lane.lease_until is None else LaneItem.lease_until == format_date(lane.lease_until)
        actions = [
            LaneItem.workspace_id.set(lane.workspace_id),
            LaneItem.token.set(token),
            LaneItem.lease_until.set(format_date(lease_until)),
            LaneItem.again.set(False),
            LaneItem.ending.set(False),
        ]
        claimed = replace(lane, token=token, lease_until=lease_until, again=False, ending=False)
        return claimed if self._update(lane.endpoint_id, actions, unchanged & free, token) else None

    def ask_again(self, lane: Lane) -> bool:
        return self._update(lane.endpoint_id, [LaneItem.again.set(True)], self._leased_by(lane))

    def set_ending(self, lane: Lane, ending: bool) -> bool:
        return self._update(lane.endpoint_id, [LaneItem.ending.set(ending)], self._leased_by(lane))

    def release(self, lane: Lane, next_at: datetime | None) -> bool:
        condition = self._leased_by(lane)
        if not lane.again:
            condition &= LaneItem.again == False  # noqa: E712 - PynamoDB builds a condition from it
        next_action = LaneItem.next_at.remove() if next_at is None else LaneItem.next_at.set(format_date(next_at))
        actions = [LaneItem.lease_until.remove(), LaneItem.ending.remove(), LaneItem.pace.set(lane.pace), next_action]
        actions.append(LaneItem.look_at.remove() if lane.look_at is None else LaneItem.look_at.set(format_date(lane.look_at)))
        if lane.open_rows:
            actions.append(LaneItem.open_rows.set(" ".join(f"{mark}:{until}" for mark, until in lane.open_rows)))
        else:
            actions.append(LaneItem.open_rows.remove())
        return self._update(lane.endpoint_id, actions, condition)

    def note_trouble(self, workspace_id: str, endpoint_id: str, trouble: Trouble, not_before: datetime | None) -> bool:
        actions = [LaneItem.trouble.set(trouble.value), LaneItem.workspace_id.set(workspace_id)]
        condition: Condition = LaneItem.trouble.does_not_exist()
        if trouble is Trouble.LIMITED:
            condition |= LaneItem.trouble != trouble.value
        if not_before is not None:
            wish = format_date(not_before)
            actions.append(LaneItem.not_before.set(wish))
            later: Condition = LaneItem.not_before.does_not_exist() | (LaneItem.not_before < wish)
            condition = later
        return self._update(endpoint_id, actions, condition)

    def note_slow(self, workspace_id: str, endpoint_id: str, now: datetime, since: datetime) -> bool:
        condition: Condition = LaneItem.slow_at.does_not_exist() | (LaneItem.slow_at < format_date(since))
        actions = [LaneItem.slow_at.set(format_date(now)), LaneItem.workspace_id.set(workspace_id)]
        return self._update(endpoint_id, actions, condition)

    def calm(self, lane: Lane) -> None:
        self._update(lane.endpoint_id, [LaneItem.trouble.remove(), LaneItem.not_before.remove()], self._leased_by(lane))

    def reset(self, endpoint_id: str) -> None:
        actions = [LaneItem.next_at.remove(), LaneItem.not_before.remove(), LaneItem.pace.remove()]
        self._update(endpoint_id, actions, LaneItem.bucket.exists())

    @staticmethod
    def _leased_by(lane: Lane) -> Condition:
        condition: Condition = (LaneItem.token == lane.token) & LaneItem.lease_until.exists()
        return condition

    def _update(self, endpoint_id: str, actions: Sequence[object], condition: Condition, token: str | None = None) -> bool:
        try:
            self._database.update(_key(endpoint_id), list(actions), condition)  # type: ignore[arg-type]  # actions of PynamoDB
        except ConditionFailed as refused:
            # The SDK repeats an update whose answer was lost; the repeat then finds our own token.
            return token is not None and refused.current is not None and refused.current.get("token", {}).get("S") == token
        return True


def _key(endpoint_id: str) -> Key:
    return Key(LaneItem, f"lane#{endpoint_id}", _ROW)


def _lane(item: AttributeMap) -> Lane:
    def text(name: str) -> str:
        return str(item[name]["S"]) if name in item else ""

    def moment(name: str) -> datetime | None:
        return from_stored(text(name)) if name in item else None

    return Lane(
        workspace_id=text("workspaceId"),
        endpoint_id=item["bucket"]["S"].removeprefix("lane#"),
        token=text("token"),
        lease_until=moment("leaseUntil"),
        next_at=moment("nextAt"),
        look_at=moment("lookAt"),
        not_before=moment("notBefore"),
        again=bool(item["again"]["BOOL"]) if "again" in item else False,
        ending=bool(item["ending"]["BOOL"]) if "ending" in item else False,
        trouble=Trouble(text("trouble")) if "trouble" in item else None,
        slow_at=moment("slowAt"),
        open_rows=tuple((mark, int(until)) for mark, _, until in (one.partition(":") for one in text("openRows").split())),
        pace=text("pace"),
    )
