"""What is left out while the function's code is loaded. Import this before the large packages.

- The search for garbage. Loading makes hundreds of thousands of objects that all stay, and Python looks through them again and again: a
  sixth of a cold start.
- The validators of FastAPI's models of OpenAPI, which is off here. Pydantic builds them on import, an eighth of a cold start, unless
  `defer_build <https://docs.pydantic.dev/latest/api/config/#pydantic.config.ConfigDict.defer_build>`_ says on first use.
"""

from __future__ import annotations

import gc

gc.disable()

from pydantic import BaseModel  # noqa: E402 - after the search for garbage is off

BaseModel.model_config["defer_build"] = True


def loaded() -> None:
    """Everything is loaded: garbage is collected from now on, and what was loaded is not looked at any more."""
    del BaseModel.model_config["defer_build"]
    gc.enable()
    gc.freeze()
