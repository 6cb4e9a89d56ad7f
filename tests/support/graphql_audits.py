"""The public audits of GraphQL over HTTP, of the npm package graphql-http, run by Node against a handler in this process."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.console import find_node

AUDITS: Final = gzip.decompress(Path(__file__).with_name("graphql-http-1.23.1.min.js.gz").read_bytes()).decode()
SECONDS: Final = 120
_DRIVER: Final = """
const { serverAudits } = module.exports;
const waiting = [];
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { status, headers, body } = JSON.parse(line);
  waiting.shift()(new Response([204, 304].includes(status) ? null : Buffer.from(body, "base64"), { status, headers }));
});
const say = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
const fetchFn = (url, { method = "GET", headers = {}, body } = {}) => new Promise((resolve) => {
  waiting.push(resolve);
  say({ request: { url: String(url), method, headers: Object.fromEntries(new Headers(headers)), body: body ?? null } });
});
(async () => {
  for (const audit of serverAudits({ url: "http://localhost/graphql", fetchFn })) {
    const { id, name, status, reason } = await audit.fn();
    say({ audit: { id, name, status, reason: reason ?? null } });
  }
  process.exit(0);
})();
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a handler answers."""

    status: int
    headers: dict[str, str]
    body: str
    """In base64."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit. ``status``: ok, notice, warn or error."""

    id: str
    name: str
    status: str
    reason: str | None


def run_audits(answer: Callable[[str, str, dict[str, str], str | None], Answered]) -> list[Audit]:
    """All of them.

    Args:
        answer: takes the method, the URL, the headers and the body of a request.
    """
    node = shutil.which("node") or find_node().node
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "audits.cjs")
        script.write_text(AUDITS + _DRIVER, encoding="utf-8")
        process = subprocess.Popen([node, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        assert process.stdin is not None
        assert process.stdout is not None
        audits: list[Audit] = []
        try:
            for line in process.stdout:
                said: dict[str, Any] = json.loads(line)
                if "audit" in said:
                    audits.append(Audit(**said["audit"]))
                    continue
                request = said["request"]
                answered = answer(request["method"], request["url"], request["headers"], request["body"])
                process.stdin.write(json.dumps({"status": answered.status, "headers": answered.headers, "body": answered.body}) + "\n")
                process.stdin.flush()
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.stdin.close()
            process.stdout.close()
            process.wait()
        return audits
