"""Templates as AWS expands them, several in one process: starting the translator takes longer than its work."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.tools import ROOT, SAM_PYTHON, quiet_environment

_SCRIPT = """
import json, sys
from local.translate_template import translate, yaml_parse

for line in sys.stdin.read().splitlines():
    template, parameters = json.loads(line)
    try:
        answer = {"expanded": translate(yaml_parse(template), parameters)}
    except Exception as error:
        answer = {"error": str(error) or repr(error)}
    print(json.dumps(answer))
"""


@dataclass(frozen=True, slots=True)
class Translation:
    """What became of a template: one of the two is empty."""

    expanded: dict[str, Any]
    error: str


def translations(templates: Iterable[tuple[str, Mapping[str, str]]]) -> list[Translation]:
    """Each template, given as its text and values of its parameters, as ``local/translate_template.py`` expands it."""
    answer = subprocess.run(
        [str(SAM_PYTHON), "-c", _SCRIPT],
        cwd=ROOT,
        env=quiet_environment({"AWS_DEFAULT_REGION": "us-east-1"}),
        input="\n".join(map(json.dumps, templates)),
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    answers = [json.loads(line) for line in answer.stdout.splitlines()]
    return [Translation(one.get("expanded", {}), one.get("error", "")) for one in answers]
