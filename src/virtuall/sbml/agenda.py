"""Which events fire and in which order they are executed: the rules of SBML Level 3, section 4.11."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from virtuall.core.errors import KernelError
from virtuall.sbml.model import Happening

# More executions of an event at one moment than this are taken for events that set off each other for ever.
MOST_AT_ONCE = 500


class World(Protocol):
    """What events look at and change."""

    def triggers(self) -> Sequence[bool]: ...

    def values(self, nodes: Sequence[int]) -> Sequence[float]: ...

    def assign(self, names: Sequence[str], values: Sequence[float]) -> None: ...


@dataclass(frozen=True)
class _Due:
    """An event that has fired and waits for its execution; `values` is None when they are computed then."""

    time: float
    event: int
    values: tuple[float, ...] | None


class Agenda:
    """Events that wait, and what their triggers were."""

    def __init__(self, events: Sequence[Happening]) -> None:
        self.events = tuple(events)
        self._held = [event.initially for event in events]
        self._due: list[_Due] = []

    @property
    def next_time(self) -> float:
        """Time of the next execution that waits, or infinity."""
        return min((due.time for due in self._due), default=math.inf)

    def settle(self, time: float, world: World) -> bool:
        """Fire and execute all that is due at a time; returns whether anything was executed.

        Raises
        ------
        KernelError
            When a delay is negative or no number, or the events set off each other without end.
        """
        self._look(time, world)
        for count in range(MOST_AT_ONCE * max(len(self.events), 1)):
            due = self._most_urgent(time, world)
            if due is None:
                return count > 0
            self._due.remove(due)
            changes = self.events[due.event].changes
            values = world.values([change.value for change in changes]) if due.values is None else due.values
            world.assign([change.name for change in changes], values)
            self._look(time, world)
        raise KernelError(f"events set off each other without end at time {time:.6g}")

    def _look(self, time: float, world: World) -> None:
        """Compare the triggers with what they were."""
        holds = list(world.triggers())
        for number, event in enumerate(self.events):
            if holds[number] and not self._held[number]:
                self._fire(number, time, world)
            elif self._held[number] and not holds[number] and not event.persistent:
                self._due = [due for due in self._due if due.event != number]
        self._held = holds

    def _fire(self, number: int, time: float, world: World) -> None:
        event = self.events[number]
        delay = 0.0 if event.delay is None else world.values([event.delay])[0]
        if not 0.0 <= delay < math.inf:
            raise KernelError(f"the delay of '{event.name}' at time {time:.6g} must be 0 or more", given=delay)
        values = tuple(world.values([change.value for change in event.changes])) if event.early else None
        self._due.append(_Due(time + delay, number, values))

    def _most_urgent(self, time: float, world: World) -> _Due | None:
        """The one of the highest priority; those without one come last, equal ones in the order of firing."""
        ready = [due for due in self._due if due.time <= time]
        if len(ready) < 2:
            return ready[0] if ready else None
        nodes = {due.event: self.events[due.event].priority for due in ready}
        known = [(event, node) for event, node in nodes.items() if node is not None]
        priority = dict(zip((event for event, _ in known), world.values([node for _, node in known]), strict=True))
        return max(ready, key=lambda due: priority.get(due.event, -math.inf))
