"""No search for garbage while the function's code is loaded.

Loading makes hundreds of thousands of objects that all stay, and Python looks through them again and again: a sixth of a
cold start. Import this before the large packages.
"""

from __future__ import annotations

import gc

gc.disable()


def resume() -> None:
    """Everything is loaded: garbage is collected from now on, and what was loaded is not looked at any more."""
    gc.enable()
    gc.freeze()
