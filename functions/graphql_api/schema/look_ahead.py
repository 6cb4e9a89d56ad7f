"""What the client will select below a field that is being resolved."""

from __future__ import annotations

from strawberry.types.nodes import SelectedField, Selection

from functions.graphql_api.context import Info


def selects(info: Info, name: str) -> bool:
    """Whether ``name`` may be selected directly below the field, under whatever alias and through whatever fragments.

    ``@skip`` and ``@include`` are taken as selecting: whoever asks prepares for what may come.
    """
    pending: list[Selection] = [child for field in info.selected_fields for child in field.selections]
    while pending:
        selection = pending.pop()
        if not isinstance(selection, SelectedField):
            pending.extend(selection.selections)
        elif selection.name == name:
            return True
    return False
