"""`make invoke` and `make start-api`: functions under `sam local`, in Docker, against the local stack.

The local stack listens on the loopback address only, which a container cannot reach. So while SAM runs, this passes what comes
to an address of Docker's bridge on to the stack, and tells the functions to find AWS there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from local.stack import ACCESS_KEY, ALSO_HOSTS
from local.tools import LOCAL, ROOT, SAM, ToolError, architecture, quiet_environment, runtime

TEMPLATE: Final = LOCAL / "build" / "local" / "template.yaml"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make invoke")
    parser.add_argument("--function", help="logical id, such as GraphqlApiFunction; without it the API is started")
    parser.add_argument("--event", help="file with the event, such as events/graphql_api/endpoints.json")
    parser.add_argument("--api-port", type=int, default=3000)
    options = parser.parse_args()
    try:
        running = _running_stack()
        gateway = _docker_gateway()
        return asyncio.run(_run(options, running, gateway))
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1


async def _run(options: argparse.Namespace, running: dict[str, Any], gateway: str) -> int:
    with tempfile.TemporaryDirectory() as directory:
        async with _forwarded(running["awsEndpointUrl"], gateway) as url:
            environments = (LOCAL / "stack" / "sam-local-env.json").read_text(encoding="utf-8")
            variables = Path(directory) / "environment.json"
            variables.write_text(environments.replace(running["awsEndpointUrl"], url), encoding="utf-8")
            common = [
                *("--template", str(TEMPLATE), "--env-vars", str(variables)),
                *(["--skip-pull-image"] if _has_base_image() else []),
                *("--parameter-overrides", f"Architecture={architecture()} PythonRuntime={runtime()} LocalAwsUrl={url}"),
            ]
            if options.function:
                event = Path(directory) / "event.json"
                event.write_text(_with_token(Path(options.event or os.devnull), running["token"]), encoding="utf-8")
                command = ["invoke", options.function, "--event", str(event), *common]
            else:
                command = ["start-api", "--port", str(options.api_port), "--warm-containers", "LAZY", *common]
            environment = quiet_environment({**ACCESS_KEY, "AWS_DEFAULT_REGION": running["region"]})
            if "DOCKER_HOST" in os.environ:
                environment["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
            process = await asyncio.create_subprocess_exec(str(SAM), "local", *command, cwd=ROOT, env=environment)
            # SAM started in the background ignores SIGINT, and leaves its containers when it is killed
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, process.terminate)
            return await process.wait()


@asynccontextmanager
async def _forwarded(target: str, gateway: str) -> AsyncIterator[str]:
    """Passes connections to an address that containers reach on to the local stack; yields its URL."""
    parts = urlsplit(target)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return  # one side went away, which is how connections end
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))

    server = await asyncio.start_server(serve, gateway, 0)
    host = f"{gateway}:{server.sockets[0].getsockname()[1]}"
    # The stack lets in requests to its own names only; this is one of them while this runs.
    also = LOCAL / "stack" / ALSO_HOSTS
    also.write_text(json.dumps([host]), encoding="utf-8")
    try:
        yield f"http://{host}"
    finally:
        also.unlink(missing_ok=True)
        server.close()


def _with_token(event: Path, token: str) -> str:
    """The sample event with the local stack's token in place of the made-up one, so that it is let in."""
    if not event.is_file():
        raise ToolError("Name the event: make invoke FUNCTION=GraphqlApiFunction EVENT=events/graphql_api/endpoints.json")
    text = event.read_text(encoding="utf-8")
    headers = json.loads(text).get("headers") or {}
    for name, value in headers.items():
        if name.lower() == "token":
            text = text.replace(value, token)
    return text


def _running_stack() -> dict[str, Any]:
    try:
        running: dict[str, Any] = json.loads((LOCAL / "stack.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ToolError("No local stack is ready: start one with make run.") from None
    return running


def _has_base_image() -> bool:
    image = f"public.ecr.aws/lambda/python:{runtime().removeprefix('python')}-{architecture()}"
    return subprocess.run(["docker", "image", "inspect", image], check=False, capture_output=True).returncode == 0


def _docker_gateway() -> str:
    command = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ToolError("`sam local` needs Docker; nothing else here does.") from None
    except subprocess.CalledProcessError as error:
        raise ToolError(f"Docker does not answer (`sam local` needs it; nothing else here does): {error.stderr.strip()}") from None
    return answer.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
