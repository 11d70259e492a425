"""Where the lanes keep what they work on."""

from __future__ import annotations

from dataclasses import dataclass

from virtuall.engine.blueprint import Blueprint
from virtuall.engine.elementary import Value
from virtuall.engine.llvm import Vectors, word
from virtuall.engine.tableau import STAGES, H


@dataclass(frozen=True)
class Memory:
    """Places (in vectors) of what the lanes work on.

    time, proposal, held, stop, next_record, tries, rejected and the thresholds: what a lane is loaded with; step,
    later: the step tried and its end; accepted, sound, arrives (the step holds the stop or a ring), event (the
    lane wants to be looked at): 1 or 0. The states at both ends of a step and its bends lie one after another.
    """

    states: int
    entries: int
    factors: int
    fixed: int
    clocks: int
    switches: int

    time = 0
    proposal = 1
    held = 2
    step = 3
    later = 4
    accepted = 5
    sound = 6
    inverse = 7
    diagonal = 8
    stage_time = 9
    stop = 10
    next_record = 11
    tries = 12
    rejected = 13
    arrives = 14
    event = 15
    error = 16
    _single = 17

    @property
    def y(self) -> int:
        return self._single

    @property
    def place(self) -> int:
        return self.y + self.states

    @property
    def bends(self) -> int:
        return self.place + self.states

    @property
    def right(self) -> int:
        return self.bends + len(H) * self.states

    @property
    def stages(self) -> int:
        return self.right + self.states

    @property
    def slopes(self) -> int:
        return self.stages + STAGES * self.states

    @property
    def factors_at(self) -> int:
        return self.slopes + 2 * self.states + self.entries

    @property
    def thresholds(self) -> int:
        return self.factors_at + self.factors

    @property
    def switches_at(self) -> int:
        """Switches at the start of a step, then at its end."""
        return self.thresholds + self.clocks

    @property
    def fixed_at(self) -> int:
        return self.switches_at + 2 * self.switches

    @property
    def size(self) -> int:
        return self.fixed_at + self.fixed

    def at(self, m: Vectors, base: Value, array: int, state: Value) -> Value:
        """Value of a state in an array."""
        return m.load(base, m.builder.add(state, word(array)))

    def put(self, m: Vectors, value: Value, base: Value, array: int, state: Value) -> None:
        """Write the value of a state in an array."""
        m.store(value, base, m.builder.add(state, word(array)))

    def stages_of(self, m: Vectors, base: Value, count: int, state: Value) -> list[Value]:
        """The first stages of a state."""
        first = m.builder.mul(state, word(STAGES))
        return [self.at(m, base, self.stages + k, first) for k in range(count)]


def memory_of(blueprint: Blueprint) -> Memory:
    """Places of the arrays of a System."""
    return Memory(
        states=len(blueprint.system.states),
        entries=len(blueprint.entries),
        factors=len(blueprint.elimination.slots),
        fixed=blueprint.stepped,
        clocks=len(blueprint.system.clocks),
        switches=len(blueprint.switches.outputs),
    )
