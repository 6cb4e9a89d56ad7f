"""The local stack: MiniStack, with template.yaml deployed into it by the real `sam deploy`.

`make run` and the end-to-end tests both use :class:`LocalStack`, so what a person sees is what is tested.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import botocore.session
import psutil

from event_service.base.identifiers import new_id
from local.build import build
from local.deployed import DeployedStack, IssuedToken, describe, issue_token
from local.tools import LOCAL, MINISTACK_PYTHON, ROOT, SAM, ToolError, architecture, interpreter, quiet_environment, run_tool, runtime, tail

HOST: Final = "127.0.0.1"
REGION: Final = "us-east-1"
STACK_NAME: Final = "event-service"
ACCESS_KEY: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
START_SECONDS: Final = 60
STOP_SECONDS: Final = 60
"""For writing the state of a big stack to disk."""

WAKE_UP: Final[Mapping[str, Mapping[str, Any]]] = {
    "EventRouterFunction": {"Records": []},
    "WebhookDeliveryFunction": {"Records": []},
    "SocketDeliveryFunction": {"Records": []},
    "WebsocketFunction": {"requestContext": {"eventType": "MESSAGE", "connectionId": "none"}, "body": '{"action": "ping"}'},
}
"""An event for each function that lets it do nothing."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StackFile:
    """What `.local/stack.json` holds, for programs."""

    graphqlUrl: str  # noqa: N815 - the keys of the file
    webSocketUrl: str  # noqa: N815
    token: str
    workspaceId: str  # noqa: N815
    awsEndpointUrl: str  # noqa: N815
    stackName: str  # noqa: N815
    region: str


class LocalStack:
    """One local stack. Use as a context manager: leaving it stops it, with its state kept, and leaves no process."""

    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        file: Path | None = None,
        parameters: Mapping[str, str] | None = None,
        say: Say = lambda _: None,
    ) -> None:
        """
        Args:
            directory: holds its state and its logs.
            file: exists while the stack is ready and tells programs about it; without it ``stack.json`` in the directory.
            port: the only one that it listens on, on 127.0.0.1.
            parameters: template parameters that differ from those of `make run`.
            say: told of each step, and of what a kill lost.
        """
        self.directory = directory
        self.port = port
        self._say = say
        self._url = f"http://{HOST}:{port}"
        self._file = file or directory / "stack.json"
        # One for each run: a run that is still tidying up must not take away what the next one works in.
        self._temporary = directory / "tmp" / str(os.getpid())
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: StackFile | None = None
        self._deployed: DeployedStack | None = None
        self._parameters = {
            "Architecture": architecture(),
            "PythonRuntime": runtime(),
            "LocalAwsUrl": self._url,
            "AllowHttp": "true",
            "AllowedNetworks": "127.0.0.0/8,::1/128",
            "GraphqlIde": "true",
            "EventBusName": "default",
            "EventBusWorkspaceId": "",
            **(parameters or {}),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def function_log(self) -> Path:
        """A JSON line for each line that a function logged; see :mod:`local.ministack_host`."""
        return self.directory / "functions.log"

    @property
    def pid(self) -> int:
        """MiniStack's process; its functions run in children of it."""
        if self._process is None:
            raise ToolError("the stack is not running")
        return self._process.pid

    @property
    def ready(self) -> StackFile:
        """What :meth:`start` returned."""
        if self._ready is None:
            raise ToolError("the stack is not ready")
        return self._ready

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of template.yaml: names of tables, URLs of queues."""
        if self._deployed is None:
            raise ToolError("the stack is not ready")
        return self._deployed.outputs

    def new_token(self, workspace_id: str | None = None, kind: str = "access") -> IssuedToken:
        """A token, in a new workspace where none is given."""
        if self._deployed is None:
            raise ToolError("the stack is not ready")
        return issue_token(self._deployed, workspace_id=workspace_id, kind=kind, name="made for a test")

    def start(self) -> StackFile:
        """Builds, starts and deploys what is not yet built and deployed, and waits until the API answers.

        Raises:
            ToolError: the port is taken, a stack runs in this directory already, or a step failed.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._file.unlink(missing_ok=True)
        self._settle_the_last_run()
        self._require_free_port()
        built = build(LOCAL / "build" / "local", python=interpreter(), processor=architecture(), say=self._say)
        self._start_ministack()
        access = self._access()
        self._parameters["EventBusWorkspaceId"] = self._parameters["EventBusWorkspaceId"] or access["workspaceId"]
        release = hashlib.sha256(f"{built.fingerprint} {sorted(self._parameters.items())}".encode()).hexdigest()
        deployed = describe(STACK_NAME, self._client_settings())
        if deployed is None or deployed.release != release or not deployed.is_complete:
            self._deploy(built.template, release)
            deployed = describe(STACK_NAME, self._client_settings())
            if deployed is None:
                raise ToolError(f"sam deploy left no stack {STACK_NAME!r}")
        token = self._valid_token(deployed, access)
        stack = StackFile(
            graphqlUrl=f"{self._url}/_aws/execute-api/{deployed.outputs['HttpApiId']}/event-service/graphql",
            webSocketUrl=f"ws://{HOST}:{self.port}/_aws/execute-api/{deployed.outputs['WebSocketApiId']}/live",
            token=token,
            workspaceId=access["workspaceId"],
            awsEndpointUrl=self._url,
            stackName=STACK_NAME,
            region=REGION,
        )
        self._say("Waiting for the first answers")
        _write(self.directory / "sam-local-env.json", self._environments())
        self._wake_functions()
        self._require_answer(stack)
        _write(self._file, asdict(stack))
        self._ready, self._deployed = stack, deployed
        return stack

    def stop(self) -> None:
        """Stops MiniStack and lets it write its state; then makes sure that no process of it is left."""
        self._file.unlink(missing_ok=True)
        self._ready = None
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._say(f"The local AWS did not stop within {STOP_SECONDS} s and is killed; what was written since its start is lost")
            process.kill()
            process.wait()
        finally:
            if process.stdin is not None:
                process.stdin.close()
        end_session(process.pid)
        shutil.rmtree(self._temporary, ignore_errors=True)

    def has_died(self) -> bool:
        """Whether MiniStack ended by itself."""
        return self._process is not None and self._process.poll() is not None

    # -- steps ---------------------------------------------------------------------------------------------------

    def _settle_the_last_run(self) -> None:
        """Waits for a stack whose starter was killed to stop; tells what was lost when the stack itself was."""
        running = self.directory / "running.json"
        deadline = time.monotonic() + STOP_SECONDS
        told = False
        while (last := _read(running)) is not None and _is_ministack(last.get("pid")):
            parent = psutil.Process(last["pid"]).parent()
            if parent is not None and "local.run" in " ".join(parent.cmdline()):
                raise ToolError(f"A stack of this clone runs already (process {parent.pid}); stop it first, with Ctrl-C there.")
            if not told:
                self._say("The stack of a run that was killed is still stopping; waiting for it")
                told = True
            if time.monotonic() > deadline:
                raise ToolError(f"Process {last['pid']} of an earlier run does not stop; end it with: kill -9 {last['pid']}")
            time.sleep(0.2)
        if _read(running) is None:
            return
        saved = self.directory / "state" / "dynamodb.json"
        if saved.exists():
            when = datetime.fromtimestamp(saved.stat().st_mtime, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
            lost = f"what was written since it last stopped cleanly, at {when}, is lost"
        else:
            lost = "it had never stopped cleanly, so all that was written is lost"
        self._say(f"The last run was killed: {lost} (endpoints, filters, links, events, tokens)")
        running.unlink(missing_ok=True)

    def _require_free_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
                return
            except OSError as error:
                fault = error.strerror
        holder = next(
            (
                f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
                for connection in _listeners()
                if connection.laddr.port == self.port and connection.pid is not None
            ),
            "",
        )
        raise ToolError(f"Port {self.port} on {HOST} cannot be used{holder}: {fault}. Choose another: make run PORT={self.port + 1}")

    def _start_ministack(self) -> None:
        self._say("Starting the local AWS")
        shutil.rmtree(self._temporary.parent, ignore_errors=True)  # what killed runs left
        self._temporary.mkdir(parents=True)
        state = self.directory / "state"
        state.mkdir(exist_ok=True)
        environment = {
            **ACCESS_KEY,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            # its MQTT and SFTP servers would open ports of their own
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "s3"),
            "TMPDIR": str(self._temporary),
            "LOG_LEVEL": "WARNING",
            "DOCKER_HOST": "unix:///nonexistent",  # an engine that happens to run here is none of its business
        }
        with (self.directory / "ministack.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(MINISTACK_PYTHON), str(ROOT / "local" / "ministack_host.py"), str(self.directory)],
                cwd=self.directory,
                env=quiet_environment(environment),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C must not reach it before we ask it to stop
            )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(f"{self._url}/_ministack/ready"):
            if self.has_died() or time.monotonic() > deadline:
                raise ToolError(f"The local AWS did not start. The end of its log:\n\n{tail(self.directory / 'ministack.log')}")
            time.sleep(0.1)

    def _deploy(self, template: Path, release: str) -> None:
        self._say("Deploying template.yaml")
        overrides = " ".join(f"{name}={value}" for name, value in self._parameters.items() if value)
        run_tool(
            [
                *(SAM, "deploy", "--template-file", template, "--stack-name", STACK_NAME, "--resolve-s3"),
                *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
                *("--no-confirm-changeset", "--no-progressbar", "--no-fail-on-empty-changeset"),
                *("--tags", f"release={release}", "--parameter-overrides", overrides),
            ],
            log=self.directory / "deploy.log",
            environment=quiet_environment(
                {**ACCESS_KEY, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self._url, "AWS_CONFIG_FILE": os.devnull}
            ),
            what="sam deploy",
        )

    def _access(self) -> dict[str, str]:
        """The first workspace and its token, as of an earlier start; the token is absent before it was issued."""
        path = self.directory / "access.json"
        access = _read(path)
        if access is None:
            access = {"workspaceId": new_id()}
            _write(path, access)
        return access

    def _valid_token(self, deployed: DeployedStack, access: dict[str, str]) -> str:
        if deployed.knows_token(access.get("token", "")):
            return access["token"]
        issued = issue_token(deployed, workspace_id=access["workspaceId"], kind="access", name="first token of the local stack")
        access["token"] = issued.token
        _write(self.directory / "access.json", access)
        return issued.token

    def _environments(self) -> dict[str, dict[str, str]]:
        """The environment of each function as deployed, for `sam local invoke --env-vars`: SAM itself knows no table's name."""
        session = botocore.session.get_session()
        cloudformation: Any = session.create_client("cloudformation", **self._client_settings())
        lambda_: Any = session.create_client("lambda", **self._client_settings())
        resources = cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
        names = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources if one["ResourceType"] == "AWS::Lambda::Function"}
        return {
            function: lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"] for function, name in names.items()
        }

    def _wake_functions(self) -> None:
        """Has each function of an event's way started once, so that the first event need not wait for four cold starts in a row."""
        clients = self._client_settings()
        session = botocore.session.get_session()
        cloudformation: Any = session.create_client("cloudformation", **clients)
        lambda_: Any = session.create_client("lambda", **clients)

        def wake(function: str, event: Mapping[str, Any]) -> None:
            resource = cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=function)
            name = resource["StackResourceDetail"]["PhysicalResourceId"]
            answer = lambda_.invoke(FunctionName=name, Qualifier="live", Payload=json.dumps(event))
            if "FunctionError" in answer:
                raise ToolError(f"{function} does not start: {answer['Payload'].read().decode(errors='replace')[:4000]}")

        with ThreadPoolExecutor() as pool:
            for woken in [pool.submit(wake, function, event) for function, event in WAKE_UP.items()]:
                woken.result()

    def _require_answer(self, stack: StackFile) -> None:
        request = urllib.request.Request(  # noqa: S310 - a URL of our own
            stack.graphqlUrl,
            data=b'{"query": "{ __typename }"}',
            headers={"content-type": "application/json", "token": stack.token},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - as above
                body = response.read()
        except urllib.error.URLError as error:
            detail = error.read().decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else ""
            raise ToolError(f"The GraphQL API does not answer: {error} {detail}\n\n{tail(self.directory / 'ministack.log')}") from error
        if not re.search(rb'"data":\s*\{', body):
            raise ToolError(f"The GraphQL API answers something else than data: {body[:2000].decode(errors='replace')}")

    def _client_settings(self) -> dict[str, Any]:
        return client_settings_of(REGION, self._url)


def client_settings_of(region: str, endpoint_url: str) -> dict[str, Any]:
    """How botocore reaches a local stack."""
    return {
        "region_name": region,
        "endpoint_url": endpoint_url,
        "aws_access_key_id": ACCESS_KEY["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": ACCESS_KEY["AWS_SECRET_ACCESS_KEY"],
    }


def session_processes(session: int) -> list[psutil.Process]:
    """The processes of a session, zombies left out."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_session(session: int) -> None:
    """Ends what is left of a session: function processes end by themselves when MiniStack does, unless they are busy."""
    deadline = time.monotonic() + 2
    while (left := session_processes(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _listeners() -> list[Any]:
    try:
        return [connection for connection in psutil.net_connections("tcp") if connection.status == psutil.CONN_LISTEN]
    except psutil.AccessDenied:  # without root on macOS; the holder's name is a courtesy
        return []


def _is_ministack(pid: Any) -> bool:
    try:
        return isinstance(pid, int) and "ministack_host.py" in " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a URL of our own
            return bool(response.status == 200)
    except OSError:
        return False


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return value


def _write(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all, and for this user only: these files hold a token."""
    beside = path.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)
