"""The state of a simulation: model, clinic and charts of all patients, handed from handler to handler of a round."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.condition_memory import Memory
from virtuall.clinic.event import draw_purposes
from virtuall.dosing.care import Given
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import Kernel
from virtuall.model import Model
from virtuall.simulation.bind import Binding
from virtuall.simulation.charts import Charts
from virtuall.simulation.protocol import Protocol
from virtuall.simulation.snapshot import Readers, column_readers
from virtuall.simulation.timetable import Timetable, timetable_of
from virtuall.simulation.ward import Ward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(eq=False)
class Rounds:
    """Everything that a round needs."""

    model: Model
    protocol: Protocol
    binding: Binding
    kernel: Kernel
    ensemble: Ensemble
    ward: Ward
    charts: Charts
    seed: int
    late: Flags
    earlier_transplant: Flags
    timetable: Timetable = field(init=False)
    event_purposes: tuple[str, ...] = field(init=False)
    readers: Readers = field(init=False)
    rule_memory: Memory = field(init=False)
    judgment_memory: Memory = field(init=False)
    finding_memory: Memory = field(init=False)
    graded_memory: dict[int, list[list[Memory]]] = field(init=False)
    choice_memory: Memory = field(init=False)
    given: dict[str, Given] = field(init=False)
    care_place: dict[str, int] = field(init=False)
    sets: list[tuple[str, Ints, Floats]] = field(default_factory=list)
    adds: list[tuple[str, Ints, Floats]] = field(default_factory=list)
    seen: Flags = field(default_factory=lambda: np.empty(0, bool))
    looked: Flags = field(default_factory=lambda: np.empty((0, 0), bool))

    def __post_init__(self) -> None:
        n = len(self.ward)
        self.timetable = timetable_of(self.protocol, self.binding)
        self.event_purposes = draw_purposes(self.binding.events)
        self.given = {name: Given.nothing(dose, n) for name, dose in self.protocol.care.items()}
        self.readers = column_readers(self.model, self.protocol, self.binding.events, self.given)
        self.finding_memory = self.binding.findings.memory(n)
        self.graded_memory = self.binding.panel.memory(n)
        self.rule_memory = self.binding.rules.memory(n)
        self.judgment_memory = self.binding.judgments.memory(n)
        self.choice_memory = self.binding.choices.memory(n)
        self.care_place = {name: place for place, name in enumerate(self.protocol.care)}
        self.seen, self.looked = np.zeros(n, bool), np.zeros((1 + len(self.binding.panel.graded), n), bool)
