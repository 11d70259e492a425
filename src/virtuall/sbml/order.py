"""In which order things that need each other are worked out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Loop(Exception):
    """Things that need each other in a circle: `items`, the first one again at the end."""

    def __init__(self, items: Sequence[object]) -> None:
        super().__init__(items)
        self.items: tuple[Any, ...] = tuple(items)


def in_order(goals: Iterable[Item], needs: Callable[[Item], Iterable[Item]]) -> list[Item]:
    """All that the goals need, the goals included, everything after what it needs.

    Raises
    ------
    Loop
        When there is no such order.
    """
    done: dict[Item, None] = {}
    for goal in goals:
        if goal in done:
            continue
        path: dict[Item, None] = {goal: None}
        waiting = [iter(tuple(needs(goal)))]
        while waiting:
            for item in waiting[-1]:
                if item in path:
                    circle = list(path)
                    raise Loop([*circle[circle.index(item) :], item])
                if item not in done:
                    path[item] = None
                    waiting.append(iter(tuple(needs(item))))
                    break
            else:
                waiting.pop()
                done[path.popitem()[0]] = None
    return list(done)
