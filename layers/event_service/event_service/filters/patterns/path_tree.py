"""The paths that patterns ask for, as a tree of their segments.

A path with 2,000 dots is 2,000 small nodes here. As a set of all its beginnings it would be 4 MB of strings.
"""

from __future__ import annotations


class PathNode(dict[str, "PathNode"]):
    """What may follow one beginning of a path, by the next segment.

    Attributes:
        path: the whole path where one that is asked for ends here, else ``None``.
        uses: how many times it is asked for.
    """

    __slots__ = ("path", "uses")

    def __init__(self) -> None:
        super().__init__()
        self.path: str | None = None
        self.uses = 0

    def find(self, path: str) -> PathNode | None:
        """The node at a path from here; ``None`` where nobody asks for what is there or below it."""
        node = self
        for segment in path.split("."):
            below = node.get(segment)
            if below is None:
                return None
            node = below
        return node

    def add(self, path: str) -> int:
        """Asks for ``path`` once more; how many nodes are new."""
        node = self
        made = 0
        for segment in path.split("."):
            below = node.get(segment)
            if below is None:
                below = node[segment] = PathNode()
                made += 1
            node = below
        node.path = path
        node.uses += 1
        return made

    def remove(self, path: str) -> int:
        """Takes back an :meth:`add`; how many nodes are gone."""
        way: list[tuple[PathNode, str]] = []
        node = self
        for segment in path.split("."):
            way.append((node, segment))
            node = node[segment]
        node.uses -= 1
        if not node.uses:
            node.path = None
        gone = 0
        while way and not node and not node.uses:
            node, segment = way.pop()
            del node[segment]
            gone += 1
        return gone
