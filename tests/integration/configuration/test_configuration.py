"""The configuration's use cases, over DynamoDB (moto, the template's tables) and over the fakes that other tests use:
one set of rules for both, so that the fakes stay true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from event_service.aws.dynamodb import Database
from event_service.base.errors import BadUserInput, Conflict, NotFound, RateLimited, TooLarge
from event_service.base.identifiers import new_id
from event_service.configuration.chain import Waiting
from event_service.configuration.configuration import Configuration, ConfigurationStores, assemble
from event_service.configuration.endpoint import LAST_FILTER_DELETED, Endpoint, EndpointStatus, EndpointType, Settings
from event_service.configuration.event_filters import ConditionReading
from event_service.configuration.existence import Quotas
from event_service.configuration.ports import ChangeLog, ConfigurationRows, EndpointPage, EndpointReference, EventFilterPage, SecretStore
from event_service.configuration.storage.change_log import DynamoChangeLog
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.configuration.storage.secrets import DynamoSecretStore
from event_service.filters.matching.matcher import Matcher
from event_service.filters.matching.size import index_entries
from event_service.routing.table import RoutingTable
from event_service.routing.tables import RoutingTables
from tests.builders import SettableClock
from tests.fakes.configuration_store import FakeChangeLog, FakeConfigurationRows, FakeSecretStore
from tests.unit.routing.configurations import event
from tests.wiring import destinations

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
FOREIGN = "53989c34-9729-4081-ab02-9e064de2884c"
URL = "https://web-hook.server.com"
ANY_TYPE = {"in": {"eventTypes": ["IDENTIFICATION"]}}


@dataclass
class Observed:
    """Remembers what an observer is told."""

    calls: list[tuple[str, list[str]]] = field(default_factory=list)

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        self.calls.append(("resuming", [one.id for one in endpoints]))

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        self.calls.append(("changed", [f"{one.id} {one.status}" for one in endpoints]))

    def deleted(self, endpoints: Sequence[EndpointReference]) -> None:
        self.calls.append(("deleted", [one.id for one in endpoints]))


@dataclass
class Scene:
    """The use cases and what stands behind them."""

    configuration: Configuration
    changes: ChangeLog
    rows: ConfigurationRows
    secrets: SecretStore
    observed: Observed
    build: Callable[[], Configuration]


@pytest.fixture(params=["dynamodb", "fakes"])
def scene(request: pytest.FixtureRequest, clock: SettableClock) -> Scene:
    changes: ChangeLog
    rows: ConfigurationRows
    secrets: DynamoSecretStore | FakeSecretStore
    if request.param == "dynamodb":
        database: Database = request.getfixturevalue("database")
        changes, rows = DynamoChangeLog(database), DynamoConfigurationRows(database, clock, monotonic=lambda: 0.0)
        secrets = DynamoSecretStore(database)
    else:
        secrets = FakeSecretStore()
        changes, rows = FakeChangeLog(secrets=secrets), FakeConfigurationRows(clock)
    observed = Observed()

    def check_url(url: str) -> object:
        if not url.startswith("https://"):
            raise BadUserInput("url: only https is allowed.")
        return url

    def check_pattern(pattern: Any) -> dict[str, Any]:
        return dict(pattern)

    def build() -> Configuration:
        return assemble(
            stores=ConfigurationStores(changes, rows, secrets, secrets),
            observers=[observed],
            destinations=destinations(check_url),
            quotas=Quotas(endpoints=120, event_filters=4, index_entries=150),
            reading=ConditionReading(check_pattern, index_entries),
            clock=clock,
            waiting=PassingTime().waiting(),
        )

    return Scene(build(), changes, rows, secrets, observed, build)


class PassingTime:
    """Time that passes by waiting only."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now

    def waiting(self) -> Waiting:
        return Waiting(self.sleep, self.monotonic, lambda: 0.5)


def ids(items: Sequence[Any]) -> list[str]:
    return [one.id for one in items]


def everything(of_type: EndpointType | None = None, **page: Any) -> EndpointPage:
    return EndpointPage(**({"type": of_type, "descending": False, "offset": 0, "limit": 100} | page))


def all_filters(**page: Any) -> EventFilterPage:
    return EventFilterPage(**({"by_modification": False, "descending": False, "offset": 0, "limit": 100} | page))


def test_a_created_endpoint_is_read_back_as_it_was_answered(scene: Scene) -> None:
    webhook = scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "  My Endpoint ", Settings(URL, "post"))
    socket = scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "MyEndpoint")

    assert (webhook.name, webhook.meta, webhook.created) == ("My Endpoint", {"url": URL, "method": "POST"}, webhook.modified)
    assert (socket.meta, socket.type, socket.status) == ({}, EndpointType.WEB_SOCKET, EndpointStatus.ENABLED)
    assert scene.configuration.endpoints.page(WORKSPACE, everything()) == [webhook, socket]
    assert scene.configuration.endpoints.endpoint(WORKSPACE, webhook.id) == webhook


def test_pages_have_a_total_order_and_shift_by_offset(scene: Scene) -> None:
    created = [scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, f"s{number}") for number in range(3)]
    created.append(scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL)))

    page = scene.configuration.endpoints.page
    assert page(WORKSPACE, everything()) == created
    assert page(WORKSPACE, everything(descending=True)) == created[::-1]
    assert page(WORKSPACE, everything(offset=1, limit=2)) == created[1:3]
    assert page(WORKSPACE, everything(offset=4)) == []
    assert page(WORKSPACE, everything(offset=10**9)) == []
    assert page(WORKSPACE, everything(EndpointType.WEB_HOOK)) == created[3:]
    assert page(WORKSPACE, everything(EndpointType.WEB_SOCKET, descending=True, limit=1)) == [created[2]]


def test_a_deep_offset_skips_without_losing_or_repeating(scene: Scene) -> None:
    # given more than can be deleted or linked in one call, so created straight in the rows
    created = [scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, f"s{number:03}") for number in range(110)]
    # when pages are taken beyond what is read in one go
    world_module = "event_service.configuration.storage.rows.SKIPPED_IN_ONE_READ"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world_module, 20)
        pages = [scene.configuration.endpoints.page(WORKSPACE, everything(offset=offset, limit=25)) for offset in range(0, 125, 25)]
    # then together they are the whole list
    assert [one for page in pages for one in page] == created


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("of_type", [None, EndpointType.WEB_SOCKET])
def test_each_page_of_endpoints_begins_behind_the_one_before(of_type: EndpointType | None, descending: bool, scene: Scene) -> None:
    endpoints = scene.configuration.endpoints
    for number in range(6):
        endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, f"s{number}")
        endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL))
    expected = ids(endpoints.page(WORKSPACE, everything(of_type, descending=descending)))

    found: list[str] = []
    after, more = None, True
    while more:
        page = endpoints.read_page(WORKSPACE, everything(of_type, descending=descending, limit=4, after=after))
        found.extend(ids(page.items))
        after, more = page.end, page.more
        # One that is deleted meanwhile is missed by nobody, and the place is the same without it.
        endpoints.delete(WORKSPACE, [found[-1]])

    assert found == expected


@pytest.mark.parametrize("by_modification", [False, True])
@pytest.mark.parametrize("descending", [False, True])
def test_each_page_of_filters_begins_behind_the_one_before(by_modification: bool, descending: bool, scene: Scene) -> None:
    event_filters = scene.configuration.event_filters
    made = [event_filters.create(WORKSPACE, ANY_TYPE, f"f{number}") for number in range(4)]
    event_filters.update(WORKSPACE, made[1].id, None, "renamed")
    order = {"by_modification": by_modification, "descending": descending}

    found: list[str] = []
    after, more = None, True
    while more:
        page = event_filters.read_page(WORKSPACE, all_filters(**order, limit=3, after=after))
        found.extend(ids(page.items))
        after, more = page.end, page.more

    assert found == ids(event_filters.page(WORKSPACE, all_filters(**order)))
    assert len(set(found)) == 4


def test_a_place_that_is_none_is_refused(scene: Scene) -> None:
    for after in ("", "x", "2026-03-01#x", f"{'9' * 32}#x"):
        with pytest.raises(BadUserInput, match="after: it is no place"):
            scene.configuration.endpoints.read_page(WORKSPACE, everything(after=after))
        with pytest.raises(BadUserInput, match="after: it is no place"):
            scene.configuration.event_filters.read_page(WORKSPACE, all_filters(after=after))


def test_counts_follow_creation_and_deletion(scene: Scene) -> None:
    configuration = scene.configuration
    assert configuration.endpoints.count(WORKSPACE) == 0
    socket = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s")
    webhook = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL))
    configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w2", Settings(URL))
    configuration.event_filters.create(WORKSPACE, ANY_TYPE)

    configuration.endpoints.delete(WORKSPACE, [webhook.id, socket.id, webhook.id])
    assert configuration.endpoints.count(WORKSPACE) == 1
    assert configuration.endpoints.count(WORKSPACE, EndpointType.WEB_HOOK) == 1
    assert configuration.endpoints.count(WORKSPACE, EndpointType.WEB_SOCKET) == 0
    assert configuration.event_filters.count(WORKSPACE) == 1
    assert configuration.endpoints.count(FOREIGN) == 0


def test_an_endpoint_can_be_linked_from_its_creation_on(scene: Scene) -> None:
    event_filter = scene.configuration.event_filters.create(WORKSPACE, ANY_TYPE, "F")
    endpoint = scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s", None, [event_filter.id.upper()])
    other = scene.configuration.event_filters.create(WORKSPACE, ANY_TYPE, None, [endpoint.id])

    assert other.name == "Event filter"
    assert scene.configuration.event_filters.of_endpoints(WORKSPACE, [endpoint.id]) == {endpoint.id: [event_filter, other]}
    assert scene.configuration.endpoints.of_event_filters(WORKSPACE, [other.id]) == {other.id: [endpoint]}


def test_linking_and_unlinking_twice_is_fine(scene: Scene) -> None:
    configuration = scene.configuration
    event_filter = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    first = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "a")
    second = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "b")

    configuration.links.link(WORKSPACE, [first.id, second.id.upper(), first.id], event_filter.id)
    configuration.links.link(WORKSPACE, [first.id], event_filter.id)
    assert configuration.endpoints.of_event_filters(WORKSPACE, [event_filter.id])[event_filter.id] == [first, second]

    configuration.links.unlink(WORKSPACE, [first.id], event_filter.id)
    configuration.links.unlink(WORKSPACE, [first.id], event_filter.id)
    assert configuration.endpoints.of_event_filters(WORKSPACE, [event_filter.id])[event_filter.id] == [second]
    assert configuration.event_filters.of_endpoints(WORKSPACE, [first.id])[first.id] == []


def test_deletion_removes_links_and_secret_and_tells_observers(scene: Scene) -> None:
    configuration = scene.configuration
    event_filter = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    endpoint = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL, "PUT"), [event_filter.id])
    assert scene.secrets.get(WORKSPACE, endpoint.id) is not None

    configuration.endpoints.delete(WORKSPACE, [endpoint.id])

    assert configuration.endpoints.of_event_filters(WORKSPACE, [event_filter.id]) == {event_filter.id: []}
    assert configuration.endpoints.endpoint(WORKSPACE, endpoint.id) is None
    assert scene.secrets.get(WORKSPACE, endpoint.id) is None
    assert scene.observed.calls == [("deleted", [endpoint.id])]


def test_what_was_deleted_within_a_day_may_be_deleted_again(scene: Scene, clock: SettableClock) -> None:
    from datetime import timedelta

    endpoint = scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s")
    event_filter = scene.configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    for _ in range(2):
        scene.configuration.endpoints.delete(WORKSPACE, [endpoint.id])
        scene.configuration.event_filters.delete(WORKSPACE, [event_filter.id])

    clock.now += timedelta(hours=25)
    with pytest.raises(NotFound, match=endpoint.id):
        scene.configuration.endpoints.delete(WORKSPACE, [endpoint.id])
    with pytest.raises(NotFound, match=event_filter.id):
        scene.configuration.event_filters.delete(WORKSPACE, [event_filter.id])


def test_a_foreign_id_behaves_like_an_unknown_id_and_nothing_is_changed(scene: Scene) -> None:
    configuration = scene.configuration
    mine = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL))
    my_filter = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    calls: list[Callable[[str, str, str], object]] = [
        lambda workspace, endpoint, _: configuration.endpoints.update(workspace, endpoint, name="x"),
        lambda workspace, endpoint, _: configuration.endpoints.delete(workspace, [endpoint]),
        lambda workspace, endpoint, _: configuration.endpoints.pause(workspace, [endpoint]),
        lambda workspace, endpoint, _: configuration.endpoints.resume(workspace, [endpoint]),
        lambda workspace, endpoint, _: configuration.secrets.current(workspace, endpoint),
        lambda workspace, endpoint, _: configuration.secrets.rotate(workspace, endpoint),
        lambda workspace, endpoint, event_filter: configuration.links.link(workspace, [endpoint], event_filter),
        lambda workspace, endpoint, event_filter: configuration.links.unlink(workspace, [endpoint], event_filter),
        lambda workspace, endpoint, _: configuration.event_filters.create(workspace, ANY_TYPE, None, [endpoint]),
        lambda workspace, _, event_filter: configuration.endpoints.create(workspace, EndpointType.WEB_SOCKET, "s", None, [event_filter]),
        lambda workspace, _, event_filter: configuration.event_filters.update(workspace, event_filter, name="x"),
        lambda workspace, _, event_filter: configuration.event_filters.delete(workspace, [event_filter]),
    ]
    for call in calls:
        with pytest.raises(NotFound) as foreign:
            call(FOREIGN, mine.id, my_filter.id)
        unknown_endpoint, unknown_filter = new_id(), new_id()
        with pytest.raises(NotFound) as unknown:
            call(FOREIGN, unknown_endpoint, unknown_filter)
        expected = unknown.value.message.replace(unknown_endpoint, mine.id).replace(unknown_filter, my_filter.id)
        assert foreign.value.message == expected
    assert configuration.endpoints.endpoint(FOREIGN, mine.id) is None
    assert configuration.event_filters.of_endpoints(FOREIGN, [mine.id]) == {mine.id: []}
    assert configuration.endpoints.count(FOREIGN) == configuration.event_filters.count(FOREIGN) == 0
    assert configuration.endpoints.endpoint(WORKSPACE, mine.id) == mine


def test_one_unknown_id_among_many_changes_nothing(scene: Scene) -> None:
    configuration = scene.configuration
    endpoint = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s")
    event_filter = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    unknown = [new_id(), new_id()]
    with pytest.raises(NotFound) as caught:
        configuration.endpoints.delete(WORKSPACE, [unknown[0], endpoint.id, unknown[1]])
    assert caught.value.ids == unknown
    with pytest.raises(NotFound):
        configuration.links.link(WORKSPACE, [endpoint.id, unknown[0]], event_filter.id)
    assert configuration.endpoints.endpoint(WORKSPACE, endpoint.id) == endpoint
    assert configuration.endpoints.of_event_filters(WORKSPACE, [event_filter.id]) == {event_filter.id: []}


def shown(scene: Scene, endpoint_id: str) -> tuple[EndpointStatus, str | None]:
    found = scene.configuration.endpoints.endpoint(WORKSPACE, endpoint_id)
    assert found is not None
    return found.shown_status, found.shown_reason


def receivers(scene: Scene, event_type: str) -> set[str]:
    """The names of the endpoints to which an event is routed: by a table that followed every change, which one that is
    loaded now must agree with."""
    table = RoutingTable(WORKSPACE, Matcher())
    for change in scene.changes.after(WORKSPACE, 0, 1_000):
        table.apply(change)
    loaded = RoutingTables(scene.changes, scene.rows, Matcher).current(WORKSPACE)
    found = table.endpoints_for(event(event_type))
    assert found == loaded.endpoints_for(event(event_type))
    return {one.name for one in scene.rows.endpoints(WORKSPACE, sorted(found)).values()}


def test_deleting_the_last_event_filter_never_widens_what_is_routed(scene: Scene) -> None:
    configuration = scene.configuration
    wanted = configuration.event_filters.create(WORKSPACE, {"in": {"eventTypes": ["WANTED"]}})
    other = configuration.event_filters.create(WORKSPACE, {"in": {"eventTypes": ["OTHER"]}})
    one = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "one", None, [wanted.id])
    configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "both", Settings(URL), [wanted.id, other.id])
    configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "unlinked")
    assert receivers(scene, "WANTED") == {"one", "both", "unlinked"}
    assert receivers(scene, "SECRET") == {"unlinked"}

    configuration.event_filters.delete(WORKSPACE, [wanted.id])

    assert shown(scene, one.id) == (EndpointStatus.DISABLED, LAST_FILTER_DELETED)
    assert receivers(scene, "WANTED") == receivers(scene, "SECRET") == {"unlinked"}
    assert receivers(scene, "OTHER") == {"both", "unlinked"}
    # and linking one makes it match by that one alone
    configuration.links.link(WORKSPACE, [one.id], other.id)
    assert shown(scene, one.id) == (EndpointStatus.ENABLED, None)
    assert receivers(scene, "OTHER") == {"one", "both", "unlinked"}
    assert receivers(scene, "SECRET") == {"unlinked"}
    # and so does one that is created for it
    configuration.event_filters.delete(WORKSPACE, [other.id])
    configuration.event_filters.create(WORKSPACE, {"in": {"eventTypes": ["NEW"]}}, None, [one.id])
    assert shown(scene, one.id) == (EndpointStatus.ENABLED, None)
    assert receivers(scene, "NEW") == {"one", "unlinked"}


def test_a_person_who_resumes_an_endpoint_without_filters_gets_everything(scene: Scene) -> None:
    configuration = scene.configuration
    last = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    one = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "one", Settings(URL), [last.id])
    configuration.event_filters.delete(WORKSPACE, [last.id])

    configuration.endpoints.resume(WORKSPACE, [one.id])

    assert shown(scene, one.id) == (EndpointStatus.ENABLED, None)
    assert receivers(scene, "ANY") == {"one"}


def test_unlinking_the_last_event_filter_widens_as_documented(scene: Scene) -> None:
    configuration = scene.configuration
    last = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    one = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "one", Settings(URL), [last.id])

    configuration.links.unlink(WORKSPACE, [one.id], last.id)

    assert shown(scene, one.id) == (EndpointStatus.ENABLED, None)
    assert receivers(scene, "ANY") == {"one"}


def test_a_pause_and_other_reasons_survive_the_deletion_of_the_last_filter(scene: Scene) -> None:
    configuration = scene.configuration
    last = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    fresh = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    paused, failed = (
        configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, name, Settings(URL), [last.id]) for name in ("paused", "failed")
    )
    configuration.endpoints.pause(WORKSPACE, [paused.id])
    configuration.endpoints.disable_endpoint(WORKSPACE, failed.id, "it answered 410")

    configuration.event_filters.delete(WORKSPACE, [last.id])

    # Both reasons are told: one resume ends both.
    assert shown(scene, paused.id) == (EndpointStatus.DISABLED, LAST_FILTER_DELETED)
    assert shown(scene, failed.id) == (EndpointStatus.DISABLED, f"it answered 410; {LAST_FILTER_DELETED}")
    assert receivers(scene, "ANY") == set()
    configuration.links.link(WORKSPACE, [paused.id, failed.id], fresh.id)
    assert shown(scene, paused.id) == (EndpointStatus.PAUSED, None)
    assert shown(scene, failed.id) == (EndpointStatus.DISABLED, "it answered 410")


def test_pause_resume_and_disable(scene: Scene) -> None:
    configuration = scene.configuration
    endpoint = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL))

    def status() -> tuple[EndpointStatus, str | None]:
        current = configuration.endpoints.endpoint(WORKSPACE, endpoint.id)
        assert current is not None
        return current.status, current.status_reason

    configuration.endpoints.pause(WORKSPACE, [endpoint.id])
    assert status() == (EndpointStatus.PAUSED, None)
    assert not configuration.endpoints.disable_endpoint(WORKSPACE, endpoint.id, "a paused one is not disabled")
    configuration.endpoints.resume(WORKSPACE, [endpoint.id])
    assert status() == (EndpointStatus.ENABLED, None)
    assert configuration.endpoints.disable_endpoint(WORKSPACE, endpoint.id, "it answered 410")
    configuration.endpoints.pause(WORKSPACE, [endpoint.id])
    assert status() == (EndpointStatus.DISABLED, "it answered 410")
    assert not configuration.endpoints.disable_endpoint(WORKSPACE, new_id(), "unknown")
    configuration.endpoints.resume(WORKSPACE, [endpoint.id])
    configuration.endpoints.resume(WORKSPACE, [endpoint.id])
    assert status() == (EndpointStatus.ENABLED, None)
    assert [call for call, _ in scene.observed.calls] == [
        "changed",  # paused
        "resuming",
        "changed",
        "changed",  # disabled
        "resuming",
        "changed",
    ]


def test_an_update_changes_only_what_is_given(scene: Scene) -> None:
    configuration = scene.configuration
    endpoint = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL))
    updated = configuration.endpoints.update(WORKSPACE, endpoint.id.upper(), settings=Settings(method="patch"))
    assert (updated.name, updated.meta) == ("w", {"url": URL, "method": "PATCH"})
    assert updated.created == endpoint.created
    assert updated.modified > endpoint.modified
    assert configuration.endpoints.endpoint(WORKSPACE, endpoint.id) == updated
    socket = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s")
    with pytest.raises(BadUserInput, match="WEB_SOCKET"):
        configuration.endpoints.update(WORKSPACE, socket.id, settings=Settings(URL))
    with pytest.raises(BadUserInput, match="nothing to change"):
        configuration.endpoints.update(WORKSPACE, socket.id)


def test_event_filters_are_listed_by_creation_or_modification(scene: Scene) -> None:
    configuration = scene.configuration
    first = configuration.event_filters.create(WORKSPACE, ANY_TYPE, "first")
    second = configuration.event_filters.create(WORKSPACE, {"pattern": {"type": ["A"]}, "in": None}, "second")
    changed = configuration.event_filters.update(WORKSPACE, first.id, {"in": {"cameraIds": ["c"], "agentIds": None}})

    assert changed.condition == {"in": {"cameraIds": ["c"]}}
    assert second.condition == {"pattern": {"type": ["A"]}}
    assert configuration.event_filters.page(WORKSPACE, all_filters()) == [changed, second]
    assert configuration.event_filters.page(WORKSPACE, all_filters(by_modification=True)) == [second, changed]
    assert configuration.event_filters.page(WORKSPACE, all_filters(descending=True, limit=1)) == [second]
    assert configuration.event_filters.event_filter(WORKSPACE, first.id) == changed


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({}, "it is empty"),
        ({"in": None, "pattern": None}, "it is empty"),
        ({"in": {}}, "holds no list"),
        ({"in": {"cameraIds": None}}, "holds no list"),
        ({"in": {"cameras": ["x"]}}, "'cameras' is not known"),
        ({"in": {"cameraIds": "x"}}, "not a list of strings"),
        ({"in": {"cameraIds": [""]}}, "1 to 256 characters"),
        ({"in": {"cameraIds": ["x"] * 1001}}, "at most 1000"),
        ({"on": {}}, "'on' is not known"),
    ],
)
def test_a_condition_without_sense_is_refused(scene: Scene, condition: dict[str, Any], says: str) -> None:
    with pytest.raises(BadUserInput, match=says):
        scene.configuration.event_filters.create(WORKSPACE, condition)
    assert scene.configuration.event_filters.count(WORKSPACE) == 0


def test_an_empty_list_is_kept_for_it_matches_nothing(scene: Scene) -> None:
    event_filter = scene.configuration.event_filters.create(WORKSPACE, {"in": {"cameraIds": []}})
    assert event_filter.condition == {"in": {"cameraIds": []}}


def test_all_faults_of_a_call_are_reported_together(scene: Scene) -> None:
    with pytest.raises(BadUserInput) as caught:
        scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, " ", Settings("ftp://x", "P OST"), ["no"])
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["name", "method", "url", "eventFiltersIds"]
    assert scene.configuration.endpoints.count(WORKSPACE) == 0


def test_quotas_are_enforced_with_nothing_changed(scene: Scene) -> None:
    for _ in range(4):
        scene.configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    with pytest.raises(TooLarge, match="4 event filters"):
        scene.configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    assert scene.configuration.event_filters.count(WORKSPACE) == 4


def test_the_index_quota_tells_the_number_that_would_fit(scene: Scene) -> None:
    """Filters are counted by what an index keeps of them: with four filters a workspace may still be too large."""
    filters = scene.configuration.event_filters
    cameras = [f"camera {number}" for number in range(200)]
    filters.create(WORKSPACE, {"in": {"cameraIds": cameras[:80]}})  # 86 entries: see test_index_entries.py
    with pytest.raises(TooLarge, match=r"takes 87 index entries .* other filters take 86; .* may have 150, so one with at most 64 fits"):
        filters.create(WORKSPACE, {"in": {"cameraIds": cameras[:81]}})
    fitting = filters.create(WORKSPACE, {"in": {"cameraIds": cameras[:58]}})

    # an update counts the difference, in both directions, and what was deleted makes room
    with pytest.raises(TooLarge, match="other filters take 86"):
        filters.update(WORKSPACE, fitting.id, {"in": {"cameraIds": cameras[:59]}})
    filters.update(WORKSPACE, fitting.id, name="renamed")
    filters.update(WORKSPACE, fitting.id, {"in": {"cameraIds": cameras[:3]}})
    second = filters.create(WORKSPACE, {"in": {"cameraIds": cameras[:49]}})
    with pytest.raises(TooLarge):
        filters.create(WORKSPACE, ANY_TYPE)
    filters.delete(WORKSPACE, [second.id])
    filters.create(WORKSPACE, {"in": {"cameraIds": cameras[:49]}})


def test_a_secret_rotates_with_a_grace_period_and_several_times(scene: Scene, clock: SettableClock) -> None:
    from datetime import timedelta

    configuration = scene.configuration
    endpoint = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL))
    first = configuration.secrets.current(WORKSPACE, endpoint.id)
    second = configuration.secrets.rotate(WORKSPACE, endpoint.id, 3600)
    third = configuration.secrets.rotate(WORKSPACE, endpoint.id, None)
    stored = scene.secrets.get(WORKSPACE, endpoint.id)
    assert stored is not None
    assert len({first, second, third}) == 3
    assert first.startswith("whsec_")
    assert stored.valid_at(clock.now) == (third, second, first)
    assert stored.valid_at(clock.now + timedelta(hours=2)) == (third, second)
    assert stored.valid_at(clock.now + timedelta(hours=25)) == (third,)
    last = configuration.secrets.rotate(WORKSPACE, endpoint.id, 0)
    stored = scene.secrets.get(WORKSPACE, endpoint.id)
    assert stored is not None
    assert stored.valid_at(clock.now) == (last,)


@pytest.mark.parametrize("seconds", [-1, 604_801])
def test_a_grace_period_is_0_to_7_days(scene: Scene, seconds: int) -> None:
    endpoint = scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", Settings(URL))
    with pytest.raises(BadUserInput, match="604,800"):
        scene.configuration.secrets.rotate(WORKSPACE, endpoint.id, seconds)


def test_only_webhooks_have_a_secret(scene: Scene) -> None:
    socket = scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s")
    with pytest.raises(BadUserInput, match="WEB_SOCKET"):
        scene.configuration.secrets.current(WORKSPACE, socket.id)


def test_two_racing_mutations_both_hold_and_the_loser_checks_again(scene: Scene) -> None:
    # given a deletion that is committed after a link was planned
    configuration = scene.configuration
    event_filter = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    endpoint = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s")
    rival = scene.build()
    append = scene.changes.append
    raced: list[bool] = []

    def append_after_a_rival(change: Any, beside: Any = None) -> bool:
        if not raced:
            raced.append(True)
            rival.endpoints.delete(WORKSPACE, [endpoint.id])
        return append(change, beside)

    scene.changes.append = append_after_a_rival  # type: ignore[method-assign]
    # when the link is committed / then it is checked again and finds the endpoint gone
    with pytest.raises(NotFound, match=endpoint.id):
        configuration.links.link(WORKSPACE, [endpoint.id], event_filter.id)
    assert configuration.endpoints.of_event_filters(WORKSPACE, [event_filter.id]) == {event_filter.id: []}


def test_who_loses_five_times_is_told_so(scene: Scene) -> None:
    scene.changes.append = lambda change, beside=None: False  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s")
    assert scene.configuration.endpoints.page(WORKSPACE, everything()) == []


def test_a_mutation_that_died_after_its_commit_is_completed_by_the_next(scene: Scene) -> None:
    configuration = scene.configuration
    event_filter = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    apply = scene.rows.apply

    def die(change: Any, *, repair: bool = False) -> None:
        raise KeyboardInterrupt

    scene.rows.apply = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "half done", None, [event_filter.id])
    scene.rows.apply = apply  # type: ignore[method-assign]
    assert configuration.endpoints.page(WORKSPACE, everything()) == []

    later = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "later")

    page = configuration.endpoints.page(WORKSPACE, everything())
    assert [one.name for one in page] == ["half done", "later"]
    assert configuration.event_filters.of_endpoints(WORKSPACE, ids(page)) == {page[0].id: [event_filter], later.id: []}


@pytest.mark.parametrize("failures", [1, 2, 3, 4])
def test_a_commit_whose_rows_are_refused_succeeds_and_is_seen_by_reads(scene: Scene, failures: int) -> None:
    # given a database that is throttled after the commit
    apply = scene.rows.apply
    left = [failures]

    def throttled(change: Any, *, repair: bool = False) -> None:
        if left[0]:
            left[0] -= 1
            raise RateLimited("too busy")
        apply(change, repair=repair)

    scene.rows.apply = throttled  # type: ignore[method-assign]
    # when an endpoint is created / then that is what is answered, once
    made = scene.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "billing", Settings(URL))
    while left[0]:
        assert scene.configuration.endpoints.page(WORKSPACE, everything()) == []
    assert scene.configuration.endpoints.page(WORKSPACE, everything()) == [made]
    assert scene.configuration.endpoints.count(WORKSPACE) == 1
    head = scene.changes.head(WORKSPACE)
    assert head is not None
    assert head.applied


def test_applying_a_change_late_or_again_changes_nothing(scene: Scene) -> None:
    # given a history with every kind of operation
    configuration = scene.configuration
    event_filter = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    endpoint = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s", None, [event_filter.id])
    kept = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "kept", None, [event_filter.id])
    configuration.endpoints.pause(WORKSPACE, [endpoint.id])
    configuration.event_filters.update(WORKSPACE, event_filter.id, name="renamed")
    configuration.links.unlink(WORKSPACE, [kept.id], event_filter.id)
    configuration.endpoints.delete(WORKSPACE, [endpoint.id])
    history = scene.changes.after(WORKSPACE, 0, 100)

    def state() -> object:
        return (
            configuration.endpoints.page(WORKSPACE, everything()),
            configuration.event_filters.page(WORKSPACE, all_filters()),
            configuration.endpoints.of_event_filters(WORKSPACE, [event_filter.id]),
            configuration.event_filters.of_endpoints(WORKSPACE, [endpoint.id, kept.id]),
        )

    before = state()
    # when each is applied again, the oldest last
    for change in reversed(history):
        scene.rows.apply(change)
    # then nothing has changed
    assert state() == before


def test_routing_loads_live_rows_only(scene: Scene) -> None:
    configuration = scene.configuration
    event_filter = configuration.event_filters.create(WORKSPACE, ANY_TYPE)
    gone = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "gone", None, [event_filter.id])
    kept = configuration.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "kept", Settings(URL, "POST"), [event_filter.id])
    configuration.endpoints.delete(WORKSPACE, [gone.id])

    rows = scene.rows.load(WORKSPACE)

    assert rows.endpoints == {kept.id: EndpointType.WEB_HOOK}
    assert rows.event_filters == {event_filter.id: event_filter}
    assert {one: filters for one, filters in rows.links.items() if filters} == {kept.id: {event_filter.id}}
