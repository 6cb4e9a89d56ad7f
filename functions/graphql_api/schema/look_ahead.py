"""What the client will select below a field that is being resolved."""

from strawberry.types.nodes import SelectedField, Selection

from functions.graphql_api.context import Info


def selects(info: Info, *path: str) -> bool:
    """Whether the field at ``path`` below the one that is resolved may be selected, under whatever aliases and through whatever
    fragments.

    ``@skip`` and ``@include`` are taken as selecting: whoever asks prepares for what may come.
    """
    selected: list[Selection] = list(info.selected_fields)
    for name in path:
        pending = [child for one in selected for child in one.selections]
        selected = []
        while pending:
            selection = pending.pop()
            if not isinstance(selection, SelectedField):
                pending.extend(selection.selections)
            elif selection.name == name:
                selected.append(selection)
    return bool(selected)
