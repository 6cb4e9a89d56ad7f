"""Runs functions in a bounded number of processes: :mod:`local.host.pool` says why, :mod:`local.host.process` what one is."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from ministack.core import lambda_runtime  # type: ignore[import-not-found]  # only in MiniStack's environment
from ministack.core.responses import get_account_id, get_region, new_uuid  # type: ignore[import-not-found]  # likewise
from ministack.services import apigateway, lambda_svc  # type: ignore[import-not-found]  # likewise

from local.host.archives import Archives
from local.host.original import Original
from local.host.pool import MOST_WAITING, Pool
from local.host.process import Process, ProcessEnded, environment_of, not_waited

_LOG = logging.getLogger("ministack.workers")

WAIT_SECONDS: Final = 28.0
"""For a free process, before a caller is answered 429: an API gives up after 30."""
QUEUE_WAIT_SECONDS: Final = 240.0
"""The same for a batch from a queue, whose messages would otherwise stay invisible for minutes."""
IDLE_SECONDS: Final = 300.0
WITHOUT_QUEUE: Final = 2 * (os.cpu_count() or 2)
"""The most processes of a function that no queue calls."""
SWITCH_SECONDS: Final = 0.001
"""After which a thread gives way. With Python's 5 ms an answer waits for several turns of busy threads."""


def install(archives: Archives) -> Workers:
    """Puts all of this in the place of MiniStack's own."""
    workers = Workers(archives)
    sys.setswitchinterval(SWITCH_SECONDS)
    lambda_svc._execute_function_warm = workers.execute  # noqa: SLF001 - MiniStack has no hooks for any of this
    # MiniStack counts an invocation that waits as one that runs, and turns away those beyond the account's limit: a batch from a
    # queue among them, whose messages then stay invisible for minutes.
    lambda_svc._ACCOUNT_CONCURRENCY_CAP = 0  # noqa: SLF001 - as above
    # An update or a deletion of a function ends its processes.
    lambda_svc.invalidate_worker = workers.invalidate
    lambda_runtime.reset = workers.end
    # Sockets' invocations bypassed the pool, and with it the function's log.
    apigateway.get_or_create_worker = workers.for_sockets
    apigateway.run_reentrant = _in_kept_thread
    threading.Thread(target=workers.end_idle_ones_for_ever, daemon=True, name="idle-workers").start()
    return workers


class Workers:
    """The pools of all function versions."""

    def __init__(self, archives: Archives) -> None:
        self._archives = archives
        self._lock = threading.Lock()
        self._pools: dict[str, tuple[Pool[Process], _Copies]] = {}
        self._live: set[Process] = set()
        self._starts = threading.Semaphore(1)

    def execute(self, func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        """One invocation, in the shape that MiniStack's dispatcher expects."""
        config: dict[str, Any] = func.get("config") or func
        pool = self._pool(config, func["code_zip"])
        from_a_queue = threading.current_thread().name == "ministack-esm"
        seconds = QUEUE_WAIT_SECONDS if from_a_queue else WAIT_SECONDS
        began = time.monotonic()
        try:
            process = pool.lease(seconds)
        except ProcessEnded as error:
            pool.discard()
            return _failure("Runtime.ImportModuleError", str(error), str(error))
        if process is None:
            answer: dict[str, Any] = lambda_svc._throttle_response(  # noqa: SLF001 - the shape is MiniStack's
                reason_code="ConcurrentInvocationLimitExceeded",
                msg=f"Rate Exceeded: all {pool.limit} local processes of {config.get('FunctionName')} were busy for {seconds:.0f} s",
            )
            return answer
        timeout = float(config.get("Timeout", 30))
        context = {
            "request_id": request_id,
            "invoked_function_arn": config.get("FunctionArn", ""),
            "timeout_ms": int(timeout * 1_000),
            "trace_id": lambda_svc._xray_trace_id_for_invocation(config),  # noqa: SLF001 - as above
            "depth": lambda_svc._invoke_depth.get(),  # noqa: SLF001 - as above
            "durable": {},
        }
        event = not_waited(event, time.monotonic() - began)
        try:
            result = process.invoke(event, context, timeout)
        except TimeoutError:
            return self._drop(pool, process, "Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds")
        except ProcessEnded as error:
            return self._drop(pool, process, "Runtime.ExitError", str(error))
        with self._lock:
            live = process in self._live
        if live:
            pool.release(process)
        else:  # the function was updated meanwhile; its pool is gone
            process.end()
        if result["status"] == "ok":
            return {"body": result.get("result"), "log": result["log"]}
        message = str(result.get("error", "Unknown error"))
        return _failure("Runtime.HandlerError", message, "\n".join(filter(None, [result["log"], result.get("trace", message)])))

    def for_sockets(self, name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST") -> _SocketWorker:
        """What MiniStack's WebSocket API takes for a worker: goes through the dispatcher, so that its log is written as well."""
        del name, qualifier
        return _SocketWorker({"config": config, "code_zip": code})

    def invalidate(self, name: str, qualifier: str | None = None, account: str | None = None, region: str | None = None) -> None:
        """Ends the processes of a function, or of one version of it; busy ones when they are done."""
        prefix = f"{account or get_account_id()}:{region or get_region()}:{name}:"
        with self._lock:
            keys = [key for key in self._pools if key.startswith(prefix) and (qualifier is None or key == prefix + qualifier)]
            found = [self._pools.pop(key) for key in keys]
        for pool, copies in found:
            self._end(pool.take_idle(0, keep=0))
            copies.close()

    def end(self) -> None:
        """Ends all processes at once, busy ones too."""
        with self._lock:
            live, self._live = self._live, set()
            every = [copies for _, copies in self._pools.values()]
            self._pools.clear()
        for process in live:
            process.end()
        for copies in every:
            copies.close()

    def end_idle_ones_for_ever(self) -> None:
        """Ends what a burst left behind; one process of each function stays, so that the next call is a warm one."""
        while True:
            time.sleep(IDLE_SECONDS / 10)
            with self._lock:
                pools = [pool for pool, _ in self._pools.values()]
            for pool in pools:
                self._end(pool.take_idle(IDLE_SECONDS))

    def _pool(self, config: dict[str, Any], code: bytes) -> Pool[Process]:
        version = config.get("Version", "$LATEST")
        key = lambda_runtime._worker_key(config["FunctionName"], config, version)  # noqa: SLF001 - as above
        with self._lock:
            found = self._pools.get(key)
            if found is None:
                copies = _Copies(lambda: _start(config, code, self._archives))

                def make() -> Process:
                    process = copies.make()
                    with self._lock:
                        self._live.add(process)
                    return process

                found = self._pools[key] = (Pool(make, _limit_of(config["FunctionName"]), self._starts), copies)
        return found[0]

    def _drop(self, pool: Pool[Process], process: Process, kind: str, message: str) -> dict[str, Any]:
        log = process.take_log()
        pool.discard()
        self._end([process])
        return _failure(kind, message, "\n".join(filter(None, [log, message])))

    def _end(self, processes: Iterable[Process]) -> None:
        for process in processes:
            with self._lock:
                self._live.discard(process)
            process.end()


class _Copies:
    """The processes of one function version: copies of one that is started when the first is wanted."""

    def __init__(self, start: Callable[[], Original]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._original: Original | None = None
        self._closed = False

    def make(self) -> Process:
        """Another process.

        Raises:
            ProcessEnded: the function cannot be imported.
        """
        with self._lock:
            if self._closed:
                raise ProcessEnded("the function was changed meanwhile")
            if self._original is None:
                self._original = self._start()
            original = self._original
        try:
            return original.copy({"AWS_LAMBDA_LOG_STREAM_NAME": new_uuid()})
        except ProcessEnded:
            with self._lock:
                if self._original is original:  # the next one starts it anew
                    self._original = None
            original.close()
            raise

    def close(self) -> None:
        """Makes no more."""
        with self._lock:
            self._closed = True
            original, self._original = self._original, None
        if original is not None:
            original.close()


class _SocketWorker:
    """One invocation for the WebSocket API."""

    def __init__(self, function: dict[str, Any]) -> None:
        self._function = function

    def invoke(self, event: Any, _message_id: str) -> dict[str, Any]:
        """As MiniStack's worker does it."""
        result = lambda_svc._execute_function(self._function, event)  # noqa: SLF001 - the dispatcher has no other name
        if result.get("error"):
            return {"status": "error", "error": json.dumps(result.get("body"))}
        return {"status": "ok", "result": result.get("body")}


_threads: Final = ThreadPoolExecutor(2 * MOST_WAITING, thread_name_prefix="invocation")


async def _in_kept_thread(call: Callable[..., Any], *arguments: Any, thread_name: str = "") -> Any:
    """MiniStack starts a thread for each invocation; an idle one is taken here where there is one."""
    del thread_name
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: context.run(call, *arguments))


def _limit_of(function: str) -> int:
    """As many as its queue calls at once, and one for direct calls beside them."""
    for _, _, mapping in lambda_svc._iter_all_esms():  # noqa: SLF001 - as above
        if mapping.get("FunctionName") == function or str(mapping.get("FunctionArn", "")).split(":")[6:7] == [function]:
            return int((mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or WITHOUT_QUEUE) + 1
    return WITHOUT_QUEUE


def _failure(kind: str, message: str, log: str) -> dict[str, Any]:
    return {"body": {"errorMessage": message, "errorType": kind}, "error": True, "log": log}


def _start(config: dict[str, Any], archive: bytes, archives: Archives) -> Original:
    code = archives.folder_of(archive)
    layers = [archives.folder_of(data) for data in _layers(config)]
    own: dict[str, str] = config.get("Environment", {}).get("Variables", {})
    reserved = lambda_runtime._RESERVED_RUNTIME_ENV_VARS  # noqa: SLF001 - as above
    variables = {name: value for name, value in own.items() if name not in reserved}
    _, region = lambda_runtime._account_region_from_function_config(config)  # noqa: SLF001 - as above
    base = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        **os.environ,
        **variables,
        **lambda_runtime.execution_credentials(config),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        lambda_runtime.HOST_PREFIX_ENV: "true",
    }
    module, _, handler = config.get("Handler", "index.handler").rpartition(".")
    first = {
        "code_dir": str(code),
        "module": module.replace("/", "."),
        "handler": handler,
        "env": variables,
        "function_name": config.get("FunctionName", ""),
        "memory": config.get("MemorySize", 128),
        "arn": config.get("FunctionArn", ""),
        "snapstart": (config.get("SnapStart") or {}).get("OptimizationStatus") == "On",
    }
    return Original(
        lambda_runtime._PYTHON_WORKER_SCRIPT,  # noqa: SLF001 - as above
        first=first,
        code=code,
        environment=environment_of(base, config, code, layers),
        temporary_prefix=f"function-{config.get('FunctionName', '')}-",
    )


def _layers(config: dict[str, Any]) -> list[bytes]:
    found = []
    for layer in config.get("Layers", []):
        data = lambda_svc._resolve_layer_zip(layer)  # noqa: SLF001 - as above
        if data:
            found.append(data)
    return found


def archives_in_use() -> Iterable[bytes]:
    """The code of all functions and their versions, and all layers."""
    for function in list(lambda_svc._functions._data.values()):  # noqa: SLF001 - as above
        for record in (function, *function.get("versions", {}).values()):
            if isinstance(record.get("code_zip"), bytes):
                yield record["code_zip"]
            yield from _layers(record.get("config") or record)
