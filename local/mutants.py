"""`make mutants`: whether a test fails when the code is changed. Not part of `make test`: a change takes seconds, and there are thousands.

mutmut makes the changes, one at a time: another comparison, another number, a call left out. A change that no test notices *survived*:
it is printed as a difference, and belongs into a test, or with a reason into decision 0101.

It works on a copy in ``.local/mutants`` whose package is in ``src``, where mutmut looks for it, with the unit tests of the packages. What
survives them may be tried with the slow ones as well (``SLOW=1``), which kill a worker at each await or simulate minutes of load: an hour.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from local.tools import LOCAL, ROOT, UV, ToolError, quiet_environment

REQUIREMENTS: Final = ROOT / "local" / "mutants-requirements.txt"
ENVIRONMENT: Final = LOCAL / "env" / "mutants"
COPY: Final = LOCAL / "mutants"
PACKAGE: Final = Path("layers/event_service/event_service")
MODULES: Final = (
    *("webhooks/*.py", "delivery/retry_schedule.py", "delivery/retry_scheduler.py", "delivery/lanes.py", "delivery/attempt.py"),
    *("filters/*.py", "filters/matching/*.py", "filters/patterns/*.py", "routing/*.py", "sockets/*.py"),
)
"""Below the package: delivery, retries, matching, routing. Storage and wiring are left out: their tests need tables, and are slow."""
TESTS: Final = {
    "webhooks": (
        "tests/unit/webhooks",
        "tests/integration/webhooks/http_sender",
        "tests/unit/routing/test_replay.py",
        "tests/unit/routing/test_routing.py",
    ),
    "delivery": ("tests/unit/delivery", "tests/unit/webhooks"),
    "filters": ("tests/unit/filters",),
    "routing": (
        "tests/unit/routing",
        "tests/unit/jobs",
        "tests/unit/graphql_api/test_bulk_retry.py",
        "tests/unit/graphql_api/test_jobs.py",
    ),
    "sockets": (
        "tests/unit/sockets",
        "tests/integration/sockets/test_poster.py",
        "tests/unit/routing/test_replay.py",
        "tests/unit/graphql_api/test_connections.py",
        "tests/unit/graphql_api/test_explain_delivery.py",
    ),
}
"""Of a package of the service."""
SLOW: Final = (
    "tests/unit/webhooks/test_faults.py",
    "tests/unit/webhooks/test_interleavings.py",
    "tests/unit/sockets/test_interleavings.py",
)
"""Of these; and the simulations."""
UNFIT: Final = ("tests/unit/filters/matching/test_work_done.py", "tests/unit/filters/matching/test_size.py")
"""They count calls and bytes, and mutmut adds some to each function."""
SIMULATIONS: Final = "tests/simulation"
KILLED: Final = frozenset({"killed", "timeout", "segfault"})
"""What mutmut calls a change that a test noticed. One that never ends is noticed, too."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the process in mutmut's environment is to do.

    Attributes:
        sample: how many changes, drawn by ``seed``; 0: all.
        names: these changes instead.
        children: at once.
    """

    sample: int
    seed: int
    children: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each change, and the difference of those that survived."""

    statuses: dict[str, str]
    differences: dict[str, str]

    @property
    def survivors(self) -> tuple[str, ...]:
        """Changes that tests ran over and did not notice, or that no test ran over."""
        return tuple(sorted(name for name, status in self.statuses.items() if status not in KILLED))


def tests_of(modules: Sequence[str]) -> list[str]:
    """The tests of the packages that patterns of modules are in, each once."""
    return list(dict.fromkeys(one for module in modules for one in TESTS[module.partition("/")[0]]))


def copy_tree(modules: Sequence[str], tests: Sequence[str], ignored: Sequence[str]) -> None:
    """Makes the copy, and mutmut's configuration in it."""
    shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if not source.is_file():
            continue  # removed and not committed yet
        inside = Path(name).is_relative_to(PACKAGE)
        target = COPY / ("src/event_service" / Path(name).relative_to(PACKAGE) if inside else name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    copied = sorted(path.name for path in COPY.iterdir() if path.name not in ("src", ".git"))
    selection = [*tests, *(f"--ignore={one}" for one in ignored)]
    with (COPY / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(
            "\n[tool.mutmut]\n"
            f"source_paths = {json.dumps(['src'])}\n"
            f"only_mutate = {json.dumps([f'src/event_service/{one}' for one in modules])}\n"
            'do_not_mutate = ["*/storage/*"]\n'
            f"also_copy = {json.dumps(copied)}\n"
            f"pytest_add_cli_args_test_selection = {json.dumps(selection)}\n"
            f"pytest_add_cli_args = {json.dumps(['-p', 'no:cacheprovider', '-p', 'no:xdist'])}\n"
        )


def run(wanted: Wanted) -> Outcome:
    """Runs mutmut in its environment.

    Raises:
        ToolError: it failed, or tests fail without any change.
    """
    python = ENVIRONMENT / "bin" / "python"
    answer = COPY / "outcome.json"
    answer.unlink(missing_ok=True)
    environment = quiet_environment({"PYTHONPATH": "", "MUTANTS": json.dumps(asdict(wanted))})
    log = COPY / "mutmut.log"  # a spinner writes it, ten times a second
    with log.open("wb") as output:
        command: list[str | Path] = [python, ROOT / "local" / "mutants.py", "--inside"]
        done = subprocess.run(command, cwd=COPY, check=False, env=environment, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode != 0 or not answer.exists():
        last = re.split(r"[\r\n]+", log.read_text(encoding="utf-8", errors="replace"))[-20:]
        raise ToolError("\n".join([*last, f"mutmut ended with {done.returncode}; all it said is in {log}"]))
    found = json.loads(answer.read_text(encoding="utf-8"))
    return Outcome(found["statuses"], found["differences"])


def summary(outcome: Outcome) -> list[str]:
    """The lines at the end: for each module and in all, how many changes were noticed."""
    by_module: dict[str, Counter[str]] = {}
    for name, status in outcome.statuses.items():
        module = name.rpartition(".")[0].removeprefix("event_service.")
        by_module.setdefault(module, Counter())["noticed" if status in KILLED else "survived"] += 1
    lines = [
        f"{counts['noticed']:5} of {counts.total():5} noticed  {counts['noticed'] / counts.total():4.0%}  {module}"
        for module, counts in sorted(by_module.items())
    ]
    total: Counter[str] = Counter()
    for counts in by_module.values():
        total.update(counts)
    if total:
        lines.append(f"{total['noticed']:5} of {total.total():5} noticed  {total['noticed'] / total.total():4.0%}  in all")
    return lines


def _install() -> None:
    stamp = ENVIRONMENT / ".made-from"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + (ROOT / "uv.lock").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print("Installing mutmut", file=sys.stderr)
    place = {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)}
    python = Path(sys.executable).resolve()
    subprocess.run([UV, "sync", "--quiet", "--frozen", "--python", python], cwd=ROOT, check=True, env=quiet_environment(place))
    installer: list[str | Path] = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--python",
        ENVIRONMENT / "bin" / "python",
        "-r",
        REQUIREMENTS,
    ]
    subprocess.run(installer, cwd=ROOT, check=True, env=quiet_environment())
    stamp.write_text(wanted, encoding="utf-8")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("--modules", nargs="*", default=list(MODULES), help="patterns of files below the package")
    parser.add_argument("--sample", type=int, default=0, help="how many changes, drawn at random; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--slow", action="store_true", help="try what survives with slow tests, too")
    given = parser.parse_args()
    try:
        _install()
        tests = tests_of(given.modules)
        copy_tree(given.modules, tests, (*SLOW, *UNFIT))
        quick = run(Wanted(given.sample, given.seed, given.children))
        outcome = quick
        if given.slow and quick.survivors:
            print(f"{len(quick.survivors)} of {len(quick.statuses)} survived quick tests; trying the slow ones", flush=True)
            copy_tree(given.modules, (*tests, SIMULATIONS), UNFIT)
            slow = run(Wanted(0, given.seed, given.children, quick.survivors))
            outcome = Outcome(quick.statuses | slow.statuses, slow.differences)
    except (ToolError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    for name in outcome.survivors:
        print(f"\n{name}: {outcome.statuses[name]}\n{outcome.differences.get(name, '')}")
    print("\n".join(["", *summary(outcome)]))
    return 0


def inside() -> int:
    """The same, in mutmut's environment and in the copy: draws the sample, runs it and writes ``outcome.json``."""
    from mutmut import __main__ as mutmut  # type: ignore[import-not-found]  # only in its own environment
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # type: ignore[import-not-found]  # likewise

    wanted = Wanted(**json.loads(os.environ["MUTANTS"]))
    collect = mutmut.collect_source_file_mutation_data
    drawn: list[tuple[Any, str]] = []

    def sampled(**options: Any) -> Any:
        found, data = collect(**options)
        names = set(wanted.names)
        chosen = [one for one in found if one[1] in names] if names else sorted(found, key=lambda one: str(one[1]))
        if wanted.sample and not names:
            chosen = random.Random(wanted.seed).sample(chosen, min(wanted.sample, len(chosen)))  # noqa: S311 - a draw, no secret
        drawn[:] = [(one[0], one[1]) for one in chosen]
        return chosen, data

    mutmut.collect_source_file_mutation_data = sampled
    mutmut._run([], wanted.children)  # noqa: SLF001 - its command line cannot draw
    statuses = {name: str(mutmut.status_by_exit_code[data.exit_code_by_key[name]]) for data, name in drawn}
    differences = {name: get_diff_for_mutant(name, path=data.path) for data, name in drawn if statuses[name] not in KILLED}
    Path("outcome.json").write_text(json.dumps({"statuses": statuses, "differences": differences}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(inside() if sys.argv[1:] == ["--inside"] else main())
