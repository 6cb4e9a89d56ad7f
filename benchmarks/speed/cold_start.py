"""Cold starts: import and first request of every function as built, in fresh processes.

Each function runs from its artifact and its layers alone, without site packages. The first request is a real one (a
page of endpoints, an event to route, a webhook to send ...) with AWS answered at once by :mod:`benchmarks.speed.stub_aws`.

Compared with, from the same lock: the naive stack (one file that imports FastAPI, strawberry.fastapi, Mangum, boto3,
PynamoDB, Powertools' Logger, Tracer and Metrics, and makes one DynamoDB client), the same without the web part and with
requests for the other functions, one botocore client, and an empty handler. `sam build` leaves no bytecode and Lambda's
file system is read-only, so the naive stack has none; the interpreter's own library always has.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from benchmarks.report.page import Goal, Section, Table, quartiles, ratio
from benchmarks.report.plots import bars
from benchmarks.speed.stub_aws import StubAws, environment_of_functions, stub_aws
from event_service.base.dates import format_date
from event_service.base.identifiers import new_id
from event_service.events.event import Event
from local.build import build
from local.tools import LOCAL, ROOT, architecture, interpreter
from tests.template_file import resources

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
BESIDE = 3
"""Of so many rounds one for what has no goal."""
LAYERS = ("DependenciesLayer", "EventServiceLayer")
GOAL = {"GraphqlApiFunction": 0.35, "EventRouterFunction": 0.5, "WebhookDeliveryFunction": 0.5, "SocketDeliveryFunction": 0.5}
SAMPLES = {
    "GraphqlApiFunction": "graphql_api/endpoints",
    "EventRouterFunction": "event_router/publish",
    "SocketDeliveryFunction": "socket_delivery/wake_up",
    "WebsocketFunction": "websocket/default_ping",
    "EventBusFunction": "event_bus/custom_event",
}

CHILD = """
import json, sys, time
plan = json.loads(sys.argv[1])
sys.path[:0] = plan["path"]
import importlib
wall, cpu = time.perf_counter(), time.process_time()
module = importlib.import_module(plan["module"])
import_wall, import_cpu = time.perf_counter() - wall, time.process_time() - cpu
modules = len(sys.modules)
class Context:
    aws_request_id = "8f6b1c1e-0000-4000-8000-00000000c0de"
    function_name = "function"
    function_version = "1"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    def get_remaining_time_in_millis(self):
        return 30000
answer = module.lambda_handler(plan["event"], Context())
total_wall, total_cpu = time.perf_counter() - wall, time.process_time() - cpu
print()
print(json.dumps({"import_wall": import_wall, "import_cpu": import_cpu, "total_wall": total_wall, "total_cpu": total_cpu,
                  "modules": modules, "answer": answer}))
"""

SEED = """
import json
from datetime import UTC, datetime, timedelta
from event_service import wiring
from event_service.configuration.endpoint import Settings
from event_service.configuration.endpoint import EndpointType
from event_service.sockets.ports import LogHead
token, _ = wiring.tokens().issue(%(workspace)r)
hook = wiring.configuration().endpoints.create(%(workspace)r, EndpointType.WEB_HOOK, "hook", Settings(%(url)r))
head = LogHead(next=1, floor=1, kept_until=datetime.now(UTC) + timedelta(hours=1))
assert wiring.socket_log_store().put_head(%(socket)r, head, None)
print(json.dumps({"token": token, "endpoint": hook.id}))
"""

BASELINES = {
    "naive": """
import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from fastapi import FastAPI
from mangum import Mangum
from pynamodb.models import Model
from strawberry.fastapi import GraphQLRouter
client = boto3.client("dynamodb")
def lambda_handler(event, context):
    client.get_item(TableName="TokensTable", Key={"tokenHash": {"S": "x"}})
""",
    "naive_worker": """
import boto3
import requests
from aws_lambda_powertools import Logger, Metrics, Tracer
from pynamodb.models import Model
client = boto3.client("dynamodb")
def lambda_handler(event, context):
    client.get_item(TableName="TokensTable", Key={"tokenHash": {"S": "x"}})
""",
    "one_client": """
import botocore.session
client = botocore.session.get_session().create_client("dynamodb")
def lambda_handler(event, context):
    client.get_item(TableName="TokensTable", Key={"tokenHash": {"S": "x"}})
""",
    "empty": """
def lambda_handler(event, context):
    return None
""",
}
NAIVE_PACKAGES = ("fastapi", "strawberry-graphql", "mangum", "boto3", "pynamodb", "aws-lambda-powertools", "requests", "python-multipart")


@dataclass
class Case:
    """What is started, and what the rounds gave, in milliseconds."""

    name: str
    bytecode: bool
    path: Sequence[str]
    module: str
    event: Any
    options: Sequence[str] = ()
    every: int = 1
    """Measured in each round, or in each third one: what has no goal need not take as long."""
    rounds: list[dict[str, float]] = field(default_factory=list)

    def values(self, key: str) -> list[float]:
        """Of each round."""
        return [one[key] for one in self.rounds]


def run(quick: bool = False) -> Section:
    """Measures.

    Args:
        quick: 5 rounds in place of 15, and only the functions that have a goal, with bytecode.
    """
    with stub_aws() as stub, _artifacts() as (folder, work):
        cases = _cases(folder, work, stub, quick=quick)
        environment = environment_of_functions(stub.url, EVENT_BUS_WORKSPACE_ID=WORKSPACE)
        for case in cases:  # fills the caches of the file system, and the interpreter's own bytecode where it is missing
            start(case, environment, warming=True)
        _forget_third_party_bytecode(work / "bytecode")
        rounds = 5 if quick else 15
        for done in range(rounds):
            print(f"  round {done + 1} of {rounds}", flush=True)
            for case in cases:
                if done % case.every == 0:
                    case.rounds.append(start(case, environment))
        sizes = {name: _size(folder / name) for name in [*resources("AWS::Serverless::Function"), *LAYERS]}
    return _section(cases, sizes)


def _cases(folder: Path, work: Path, stub: StubAws, *, quick: bool) -> list[Case]:
    # As Lambda's interpreter does: the standard library's bytecode is there, that of packages is where the artifact has it.
    without = ["-B", "-X", f"pycache_prefix={work / 'bytecode'}"]
    naive = [str(work / "baselines"), str(work / "packages")]
    cases = [
        Case("empty handler", True, naive, "empty", None),
        Case("one botocore client", False, naive, "one_client", None, without),
        Case("naive", False, naive, "naive", None, without),
        Case("naive worker", False, naive, "naive_worker", None, without),
    ]
    if not quick:
        cases.append(Case("naive", True, naive, "naive", None, ["-X", f"pycache_prefix={work / 'naive-bytecode'}"], every=BESIDE))
    events = first_requests(stub)
    for name, properties in resources("AWS::Serverless::Function").items():
        if quick and name not in GOAL:
            continue
        path = [str(folder / name), *(str(folder / layer / "python") for layer in LAYERS)]
        module = properties["Properties"]["Handler"].rpartition(".")[0]
        cases.append(Case(name, True, path, module, events[name], every=1 if name in GOAL else BESIDE))
        if not quick and name in ("GraphqlApiFunction", "WebhookDeliveryFunction"):
            cases.append(Case(name, False, path, module, events[name], without, every=BESIDE))
    return cases


@contextmanager
def _artifacts() -> Iterator[tuple[Path, Path]]:
    """The artifacts, copied so that nobody builds them anew meanwhile, and a working directory with the baselines."""
    LOCAL.mkdir(exist_ok=True)
    built = build(LOCAL / "build" / "local", python=interpreter(), processor=architecture(), say=print)
    with tempfile.TemporaryDirectory(dir=LOCAL, prefix="cold-start-") as name:
        work = Path(name)
        folder = work / "artifacts"
        shutil.copytree(built.template.parent, folder)
        (work / "baselines").mkdir()
        for baseline, text in BASELINES.items():
            (work / "baselines" / f"{baseline}.py").write_text(text, encoding="utf-8")
        _link_packages(work / "packages")
        yield folder, work


def _link_packages(folder: Path) -> None:
    """The naive stack's packages and what they need, from this environment, and no others: finding plugins walks through all."""
    folder.mkdir()
    waiting, seen = list(NAIVE_PACKAGES), set[str]()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # an optional part that the lock leaves out
        for file in found.files or ():
            top = Path(str(file)).parts[0]
            source, link = Path(str(found.locate_file(top))), folder / top
            if top not in ("..", "__pycache__") and source.exists() and not link.exists():
                link.symlink_to(source)
        for text in found.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _forget_third_party_bytecode(prefix: Path) -> None:
    """Leaves only the standard library's: the first, unmeasured round has written all."""
    library = prefix / str(Path(json.__file__).parent.parent).lstrip("/")
    for path in list(prefix.rglob("*.pyc")):
        if library not in path.parents or "site-packages" in path.parts:
            path.unlink()


def first_requests(stub: StubAws) -> dict[str, Any]:
    """The first request of each function; the token, the endpoint and the log that they name are put into the stub."""
    events: dict[str, Any] = {
        name: json.loads((ROOT / "events" / f"{sample}.json").read_text(encoding="utf-8")) for name, sample in SAMPLES.items()
    }
    socket = json.loads(events["SocketDeliveryFunction"]["Records"][0]["body"])["endpointId"]
    code = SEED % {"workspace": WORKSPACE, "url": f"{stub.url}/hook", "socket": socket}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=environment_of_functions(stub.url, EVENT_BUS_WORKSPACE_ID=WORKSPACE),
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if answer.returncode:
        raise RuntimeError(f"the stub could not be filled:\n{answer.stderr}")
    seeded = json.loads(answer.stdout.splitlines()[-1])
    events["GraphqlApiFunction"]["headers"]["token"] = seeded["token"]
    events["RetrySchedulerFunction"] = {}
    events["WebhookDeliveryFunction"] = {"Records": [_webhook_record(seeded["endpoint"])]}
    return events


def _webhook_record(endpoint_id: str) -> dict[str, Any]:
    from datetime import UTC, datetime

    from event_service.delivery.messages import WebhookMessage

    now = datetime.now(UTC)
    event = Event(new_id(), "measured", now, {"n": 1}, None, None, WORKSPACE, now)
    message = WebhookMessage.first(WORKSPACE, endpoint_id, event.id, format_date(now), None, event.as_json())
    return {"messageId": new_id(), "body": message.text(), "attributes": {"ApproximateReceiveCount": "1"}}


def start(case: Case, environment: Mapping[str, str], *, warming: bool = False) -> dict[str, float]:
    """Starts a process that imports the handler and answers its first request; milliseconds of both, and how many modules there are.

    Raises:
        RuntimeError: it does not start.
        AssertionError: the request did not succeed.
    """
    plan = json.dumps({"path": list(case.path), "module": case.module, "event": case.event})
    # -I and -S: nothing but the path that is given. The unmeasured first round may write bytecode, the others find it.
    options = [one for one in case.options if one != "-B" or not warming]
    command = [str(interpreter()), "-I", "-S", *options, "-c", CHILD, plan]
    answer = subprocess.run(command, env=dict(environment), check=False, capture_output=True, text=True, cwd="/", timeout=300)
    if answer.returncode:
        raise RuntimeError(f"{case.name} does not start:\n{answer.stderr}")
    result = json.loads(answer.stdout.splitlines()[-1])
    _require_success(case.name, result.pop("answer"))
    return {key: value if key == "modules" else value * 1_000 for key, value in result.items()}


def _require_success(name: str, answer: Any) -> None:
    if isinstance(answer, dict):
        assert not answer.get("batchItemFailures"), f"{name}: {answer}"
        assert answer.get("statusCode", 200) == 200, f"{name}: {answer}"
        assert '"errors"' not in str(answer.get("body", "")), f"{name}: {answer}"


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _section(cases: Sequence[Case], sizes: Mapping[str, float]) -> Section:
    naive, worker = (next(one for one in cases if one.name == name and not one.bytecode) for name in ("naive", "naive worker"))
    rows = []
    goals = []
    for case in cases:
        other = naive if case.name in ("naive", "GraphqlApiFunction") else worker
        import_ratio, import_text = ratio(case.values("import_cpu"), other.values("import_cpu")[:: case.every])
        _, total_text = ratio(case.values("total_cpu"), other.values("total_cpu")[:: case.every])
        rows.append(
            [
                case.name,
                "yes" if case.bytecode else "no",
                *(quartiles(case.values(key))[1] for key in ("import_cpu", "total_cpu", "import_wall", "total_wall")),
                int(case.rounds[0]["modules"]),
                import_text,
                total_text,
            ]
        )
        if case.bytecode and case.name in GOAL:
            goal = GOAL[case.name]
            goals.append(
                Goal(
                    f"cold import of {case.name} as built, against {other.name} without bytecode",
                    import_text,
                    f"≤ {goal}",
                    import_ratio <= goal,
                )
            )
    shown = {f"{case.name}{'' if case.bytecode else ', no bytecode'}": quartiles(case.values("total_cpu"))[1] for case in cases}
    return Section(
        title="Cold start",
        notes=[
            (
                f"Medians of {len(cases[0].rounds)} fresh processes each (a third of that for what has no goal), in turn, in milliseconds. 'First request' is import and "
                "first request together; AWS is answered at once on this machine. The naive rows make one DynamoDB call as their first request and serve "
                "nothing, so their second number is a lower bound. The GraphQL function is compared with *naive*, the others with "
                "*naive worker* (boto3, requests, PynamoDB, Powertools). The interpreter's own start (the same for all) is not included."
            ),
        ],
        tables=[
            Table(
                "",
                [
                    "function",
                    "bytecode",
                    "import CPU",
                    "first request CPU",
                    "import wall",
                    "first request wall",
                    "modules",
                    "import ratio",
                    "first request ratio",
                ],
                rows,
            ),
            Table("Artifacts, MiB unpacked", ["artifact", "MiB"], [[name, size] for name, size in sizes.items()]),
        ],
        goals=goals,
        plots=[bars("cold-start.svg", "Import and first request in a fresh process", shown, "ms of CPU")],
    )
