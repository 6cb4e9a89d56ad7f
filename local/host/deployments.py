"""Deployments as CloudFormation makes them: SAM sees the values of parameters.

MiniStack expands a template without them. The parameter Release, a hash of what is deployed, is then always the same, so that a
changed parameter, such as another port, publishes no new versions of the functions, and the old ones go on being called.
"""

from __future__ import annotations

import copy
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers  # type: ignore[import-not-found]  # only in its environment


def install() -> None:
    """Puts this in the place of MiniStack's own."""
    original = engine._apply_transforms  # noqa: SLF001 - MiniStack has no hook for this

    def apply_with_values(template: dict[str, Any], provided_params: Any = None, previous_params: Any = None) -> Any:
        given = {one["Key"]: one["Value"] for one in provided_params or [] if "Key" in one and "Value" in one}
        declared = template.get("Parameters") or {}
        with_values = template | {"Parameters": copy.deepcopy(declared)}
        for name, value in given.items():
            if name in declared:
                with_values["Parameters"][name]["Default"] = value  # which SAM reads, in the absence of a value
        expanded = original(with_values, provided_params, previous_params)
        if declared and isinstance(expanded, dict) and "Parameters" in expanded:
            expanded["Parameters"] = {name: declared.get(name, one) for name, one in expanded["Parameters"].items()}
        return expanded

    for module in (engine, changesets, handlers):
        module._apply_transforms = apply_with_values  # noqa: SLF001 - as above
