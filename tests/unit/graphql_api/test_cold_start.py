"""Garbage is not looked for while code is loaded, and is afterwards."""

from __future__ import annotations

import subprocess
import sys

from local.tools import ROOT

SCRIPT = """
import gc
seen = []
gc.callbacks.append(lambda phase, info: seen.append(phase))
import functions.graphql_api.handler
print(len(seen), gc.isenabled(), gc.get_freeze_count() > 10_000)
"""


def test_no_garbage_is_looked_for_while_the_large_packages_are_loaded() -> None:
    command = [sys.executable, "-c", SCRIPT]
    answer = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT}/layers/event_service"}, capture_output=True, text=True, check=True
    )
    searches, enabled, frozen = answer.stdout.split()

    # Those before it is switched off, by what is imported first: without it there are hundreds.
    assert int(searches) <= 60
    assert (enabled, frozen) == ("True", "True")
