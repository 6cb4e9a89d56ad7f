"""`make scan`: checkov's rules on the templates as they are deployed, and why some of them do not hold here.

A finding that is not listed fails, and so does an entry of the list that nothing fails any more.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from local.tools import LOCAL, ROOT, SAM_PYTHON, UV, ToolError, quiet_environment

REQUIREMENTS: Final = ROOT / "local" / "scan-requirements.txt"
ENVIRONMENT: Final = LOCAL / "env" / "scan"
TEMPLATES: Final = ("template", "monitoring", "console")

ALLOWED: Final[Mapping[str, str]] = {
    "CKV_AWS_28 EventsTable EventIndexTable DeliveriesTable DueTable ConnectionsTable SocketLogTable": (
        "Events and what follows from them expire by themselves; tokens and configuration have point-in-time recovery (docs/operations.md)."
    ),
    "CKV_AWS_95 WebSocketApiliveStage": "WebSocketAccessLogs=true logs; it needs a setting of the account, which a stack must not make.",
    "CKV_AWS_115 EventRouterFunction WebhookDeliveryFunction SocketDeliveryFunction RetrySchedulerFunction EventBusFunction "
    "ConsoleFunction": (
        "Pollers have a maximum (local/concurrency.py); a reservation is refused where the limit is 10, and takes from the others."
    ),
    "CKV_AWS_116 GraphqlApiFunction WebsocketFunction ConsoleFunction EventRouterFunction WebhookDeliveryFunction SocketDeliveryFunction "
    "RetrySchedulerFunction EventBusFunction": (
        "An API's caller gets the error itself; queues have dead-letter queues of their own; the scheduler and the bus have AsyncDlq as "
        "destination of what failed, which replaces the function's own setting."
    ),
    "CKV_AWS_117 GraphqlApiFunction WebsocketFunction ConsoleFunction EventRouterFunction SocketDeliveryFunction RetrySchedulerFunction "
    "EventBusFunction": "They call AWS alone. Webhook delivery, which calls others, can be in a network: SubnetIds.",
    "CKV_AWS_119 TokensTable ChangesTable EndpointsTable EndpointsByIdTable SecretsTable EventFiltersTable LinksTable EventsTable "
    "EventIndexTable DeliveriesTable DueTable ConnectionsTable SocketLogTable": (
        "Encrypted with a key that AWS owns, at no cost; KmsKeyArn takes one of yours."
    ),
}
"""A check and the resources that fail it, and why that is meant."""


def allowed() -> set[tuple[str, str]]:
    """Check and resource of each entry of :data:`ALLOWED`."""
    return {(check, resource) for check, *resources in map(str.split, ALLOWED) for resource in resources}


def judge(found: Iterable[tuple[str, str]]) -> list[str]:
    """Sentences about what is not as the list says.

    Args:
        found: check and logical id of each resource that fails it.
    """
    failed = set(found)
    sentences = [f"{check} {resource}: repair it, or say in local/scan.py why not" for check, resource in sorted(failed - allowed())]
    return sentences + [
        f"{check} {resource}: nothing fails any more; remove it from local/scan.py" for check, resource in sorted(allowed() - failed)
    ]


def failures(report: Any) -> list[tuple[str, str]]:
    """What checkov's JSON says of failed checks."""
    parts = report if isinstance(report, list) else [report]
    return [(one["check_id"], one["resource"].rpartition(".")[2]) for part in parts for one in part["results"]["failed_checks"]]


def scan() -> list[tuple[str, str]]:
    """Runs checkov; what failed.

    Raises:
        ToolError: it could not be run.
    """
    _install()
    work = LOCAL / "scan"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for name in TEMPLATES:
        expanded = _run([SAM_PYTHON, ROOT / "local" / "translate_template.py", ROOT / f"{name}.yaml"])
        (work / f"{name}.json").write_text(expanded, encoding="utf-8")
    # It need not ask its maker for anything.
    command: list[str | Path] = [
        ENVIRONMENT / "bin" / "checkov",
        "--framework",
        "cloudformation",
        "--directory",
        work,
        "--output",
        "json",
        "--quiet",
        "--skip-download",
        "--soft-fail",
    ]
    report = json.loads(_run(command))
    results = defaultdict(
        int, {key: value for part in ([report] if isinstance(report, dict) else report) for key, value in part["summary"].items()}
    )
    if results["parsing_errors"] or not results["passed"]:
        raise ToolError(f"checkov could not read the templates: {dict(results)}")
    return failures(report)


def _install() -> None:
    stamp, wanted = ENVIRONMENT / ".made-from", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print("Installing checkov", file=sys.stderr)
    _run([UV, "venv", "--quiet", "--clear", "--python", Path(sys.executable).resolve(), ENVIRONMENT])
    _run([UV, "pip", "sync", "--quiet", "--require-hashes", "--python", ENVIRONMENT / "bin" / "python", REQUIREMENTS])
    stamp.write_text(wanted, encoding="utf-8")


def _run(command: list[str | Path]) -> str:
    answer = subprocess.run([str(part) for part in command], cwd=ROOT, check=False, capture_output=True, text=True, env=quiet_environment())
    if answer.returncode != 0:
        raise ToolError(f"{command[0]} failed:\n{answer.stdout[-2000:]}{answer.stderr[-2000:]}")
    return answer.stdout


def main() -> int:
    """The command line."""
    try:
        found = scan()
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    wrong = judge(found)
    print("\n".join(wrong) if wrong else f"Nothing but the {len(found)} findings that local/scan.py gives reasons for.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
