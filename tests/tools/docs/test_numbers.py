"""Numbers that the code has and documents repeat."""

from __future__ import annotations

import math

import pytest

from event_service.base.names import MAXIMUM_NAME_CHARACTERS
from event_service.delivery.retry_schedule import DELAYS_SECONDS, JITTER, MAXIMUM_ATTEMPTS
from event_service.webhooks.url import MAXIMUM_URL_CHARACTERS
from local.tools import ROOT

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SECONDS = sum(DELAYS_SECONDS)
DAYS = WORDS[SECONDS // 86_400]


def _span(seconds: int) -> str:
    for unit, size in (("h", 3_600), ("min", 60), ("s", 1)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    raise AssertionError(seconds)


SAID = [
    ("layers/event_service/event_service/delivery/retry_schedule.py", f"{WORDS[MAXIMUM_ATTEMPTS].capitalize()} attempts over"),
    (
        "layers/event_service/event_service/delivery/retry_schedule.py",
        f"over {SECONDS // 3_600} h {SECONDS // 60 % 60} min {SECONDS % 60} s.",
    ),
    ("docs/webhooks.md", f"Tried again after {', '.join(map(_span, DELAYS_SECONDS))}."),
    ("docs/troubleshooting.md", f"All {WORDS[MAXIMUM_ATTEMPTS]} attempts failed"),
    ("README.md", f"Retried for {DAYS} days"),
    ("docs/runbook.md", f"are retried for {DAYS} days"),
    ("docs/operations.md", f"receivers were down for {DAYS} days"),
    ("template.yaml", f"The longest retry schedule takes {math.ceil(SECONDS * (1 + JITTER) / 86_400)}."),
    ("docs/api.md", f"| a name, a URL | {MAXIMUM_NAME_CHARACTERS} and {MAXIMUM_URL_CHARACTERS:,} characters |"),
    ("console/src/screens/filter.tsx", f"value={{name}} maxLength={{{MAXIMUM_NAME_CHARACTERS}}}"),
]


@pytest.mark.parametrize(("path", "said"), SAID, ids=[f"{path}: {said[:30]}" for path, said in SAID])
def test_a_document_says_the_number_of_the_code(path: str, said: str) -> None:
    assert said in (ROOT / path).read_text(encoding="utf-8")
