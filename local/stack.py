"""The local stack: MiniStack, with template.yaml deployed into it by the real `sam deploy`.

`make run` and the end-to-end tests both use :class:`LocalStack`, so what a person sees is what is tested.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from event_service.base.identifiers import new_id
from local.build import build, defaults_of
from local.deployed import DeployedStack, IssuedToken, describe, issue_token
from local.first_calls import environments, require_answer, wake_functions
from local.processes import HOST, answers, end_session, free_port, is_ministack, require_free_port
from local.tools import LOCAL, MINISTACK_PYTHON, ROOT, SAM, ToolError, architecture, interpreter, quiet_environment, run_tool, runtime, tail

__all__ = ["LocalStack", "StackFile", "client_settings_of", "free_port"]

REGION: Final = "us-east-1"
STACK_NAME: Final = "event-service"
ACCESS_KEY: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
ALSO_HOSTS: Final = "also-hosts.json"
"""In the stack's directory, read by :mod:`local.host.door`: further ``Host`` values that it lets in."""
START_SECONDS: Final = 60
CORES: Final = os.cpu_count() or 2
STOP_SECONDS: Final = 8
"""The state is saved while the stack runs; ``local/ministack_host.py`` gives its connections half of this to end."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StackFile:
    """What `.local/stack.json` holds, for programs."""

    graphqlUrl: str  # noqa: N815 - the keys of the file
    consoleUrl: str  # noqa: N815
    """With the token in its fragment, which the page takes and removes."""
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
        self._lock: int | None = None
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
            # Fitted to this machine: more processes than it has cores take each other's time. Webhooks mostly wait.
            "RouterMaximumConcurrency": str(max(2, CORES)),
            "WebhookMaximumConcurrency": str(max(4, 3 * CORES)),
            "SocketMaximumConcurrency": str(max(2, CORES)),
            "SocketBacklogMaximumConcurrency": str(max(2, CORES)),
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

    def deploy(self, template: Path, release: str) -> None:
        """Deploys artifacts into the running stack, in place of what is there.

        Args:
            template: of the artifacts.
            release: a hash that differs from that of the last deployment.

        Raises:
            ToolError: the deployment failed.
        """
        self._deploy(template, release)

    def start(self) -> StackFile:
        """Builds, starts and deploys what is not yet built and deployed, and waits until the API answers.

        Raises:
            ToolError: the port is taken, a stack runs in this directory already, or a step failed.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)  # what is in it opens everything: tokens, signing secrets, events
        self._lock_directory()
        self._file.unlink(missing_ok=True)
        last = self._wait_for_the_last_run()
        require_free_port(self.port)
        built = build(LOCAL / "build" / "local", python=interpreter(), processor=architecture(), say=self._say)
        self._start_ministack()
        if last is not None:
            self._tell_what_was_recovered(last)
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
        http_api = f"{self._url}/_aws/execute-api/{deployed.outputs['HttpApiId']}"
        stack = StackFile(
            graphqlUrl=f"{http_api}/event-service/graphql",
            consoleUrl=f"{http_api}/console#token={token}",
            webSocketUrl=f"ws://{HOST}:{self.port}/_aws/execute-api/{deployed.outputs['WebSocketApiId']}/live",
            token=token,
            workspaceId=access["workspaceId"],
            awsEndpointUrl=self._url,
            stackName=STACK_NAME,
            region=REGION,
        )
        self._say("Waiting for the first answers")
        _write(self.directory / "sam-local-env.json", environments(STACK_NAME, self._client_settings()))
        wake_functions(STACK_NAME, self._client_settings())
        require_answer(stack.graphqlUrl, stack.token, log=self.directory / "ministack.log")
        _write(self._file, asdict(stack))
        self._ready, self._deployed = stack, deployed
        return stack

    def stop(self) -> None:
        """Stops MiniStack and lets it write its state; then makes sure that no process of it is left. Takes ten seconds at most."""
        if self._lock is None:
            return  # it never began: what is there belongs to another run
        self._file.unlink(missing_ok=True)
        self._ready = None
        process, self._process = self._process, None
        if process is not None:
            self._end(process)
        lock, self._lock = self._lock, None
        os.close(lock)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._say(f"The local AWS did not stop within {STOP_SECONDS} s and is killed; what changed in the last seconds may be lost")
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

    def _lock_directory(self) -> None:
        """One run at a time works here. The system releases the lock when its holder ends, however that happens."""
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + STOP_SECONDS
        while not _try_lock(lock):
            # Its MiniStack was killed: the run notices that within a second, tidies up and ends.
            if self._was_killed() and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            holder = os.read(lock, 20).decode() or "unknown"
            os.close(lock)
            raise ToolError(f"A stack of this clone runs already (process {holder}); stop it first, with Ctrl-C there or with make stop.")
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock

    def _was_killed(self) -> bool:
        """Whether the MiniStack that was started here last is gone, without having said that it ended."""
        last = _read(self.directory / "running.json")
        return last is not None and not is_ministack(last.get("pid"))

    def _wait_for_the_last_run(self) -> str | None:
        """Waits for a stack whose starter was killed to stop; says until when it saved, if it was killed itself."""
        running = self.directory / "running.json"
        deadline = time.monotonic() + 2 * STOP_SECONDS
        told = False
        while (last := _read(running)) is not None and is_ministack(last.get("pid")):
            if not told:
                self._say("The stack of a run that was killed is still stopping; waiting for it")
                told = True
            if time.monotonic() > deadline:
                raise ToolError(f"Process {last['pid']} of an earlier run does not stop; end it with: kill -9 {last['pid']}")
            time.sleep(0.2)
        if last is None:
            return None
        running.unlink(missing_ok=True)
        saved = [path.stat().st_mtime for path in (self.directory / "state").glob("*.json*")]
        return datetime.fromtimestamp(max(saved, default=0), UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")

    def _tell_what_was_recovered(self, until: str) -> None:
        recovered = _read(self.directory / "state" / "recovered.json") or {}
        self._say(
            f"The last run was killed. Recovered, as of {until}: {recovered.get('items', 0):,} items of all tables and "
            f"{recovered.get('messages', 0):,} queued messages. What changed in the second before that may be lost."
        )

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
                env=quiet_environment({**environment, "PYTHONPATH": str(ROOT)}),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C must not reach it before we ask it to stop
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{self._url}/_ministack/ready"):
            if self.has_died() or time.monotonic() > deadline:
                raise ToolError(f"The local AWS did not start. The end of its log:\n\n{tail(self.directory / 'ministack.log')}")
            time.sleep(0.1)

    def _deploy(self, template: Path, release: str) -> None:
        self._say("Deploying template.yaml")
        # Without a new Release a changed parameter, such as the port, publishes no new versions of the functions.
        # And a parameter that is not given keeps the value of the last deployment, although its default or what it allows has changed.
        values = {**defaults_of(template), **self._parameters, "Release": release}
        overrides = " ".join(f"{name}={value}" for name, value in values.items() if value)
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


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
