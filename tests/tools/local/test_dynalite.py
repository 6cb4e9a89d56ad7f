"""The list of what cannot run on the second DynamoDB names tests that there are."""

from __future__ import annotations

import re

import pytest

from local.tools import ROOT
from tests.dynalite.cannot import CANNOT, PATHS


@pytest.mark.parametrize("name", sorted(CANNOT))
def test_what_is_left_out_is_a_test_of_storage(name: str) -> None:
    path, _, test = name.partition("::")

    assert any(path.startswith(one) for one in PATHS)
    assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert CANNOT[name]
