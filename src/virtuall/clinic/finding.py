"""Findings: what a ward makes of what it measures, and which support it gives for it.

A finding is a flag, a word of a category, or a number. It is found anew at every look at a patient; what cannot be
told, because something is not measured yet, stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.condition_memory import Memory
from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.clinic.derived import both_ways, condition_of
from virtuall.texts.condition_tree import Condition
from virtuall.texts.table import Table

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    name : str
        As conditions and scales call it.
    column : Column
        Its kind, its unit, or its words.
    whens : tuple of Condition
        The first that holds decides.
    values : tuple of float
        What is found then; of a category the number of the word. Where none holds it is 0.
    doc : str
        What it is.
    """

    name: str
    column: Column
    whens: tuple[Condition, ...]
    values: tuple[float, ...]
    doc: str

    def word(self, value: float) -> str:
        """The value in words, for charts."""
        if self.column.kind == "number":
            return self.column.unit
        return (self.column.levels or ("no", "yes"))[int(value)]


def read_finding(table: Table) -> Finding:
    """Read one ``[finding.NAME]``."""
    table.source()
    doc = table.text("doc")
    if "when" in table:
        return Finding(table.name, Column(kind="flag"), (condition_of(table, "when"),), (1.0,), doc)
    parts = table.tables("is", at_least=1)
    for each in parts:
        each.source(required=False)
    whens = tuple(condition_of(each, "when") for each in parts)
    if "levels" in table:
        levels = table.texts("levels")
        words = [each.choice("level", levels) for each in parts]
        values = tuple(float(levels.index(word)) if word in levels else 0.0 for word in words)
        return Finding(table.name, Column(kind="category", levels=levels), whens, values, doc)
    unit = table.unit()
    amounts = tuple(each.quantity("value", unit, sourced=True).value for each in parts)
    return Finding(table.name, Column(unit), whens, amounts, doc)


@dataclass(frozen=True, eq=False)
class FindingProgram:
    """Compiled findings."""

    findings: tuple[Finding, ...]
    conditions: ConditionProgram

    @property
    def columns(self) -> tuple[str, ...]:
        """What they read."""
        return self.conditions.columns

    def memory(self, patients: int) -> Memory:
        """The memory of patients about whom nothing is known yet."""
        return self.conditions.memory(patients)

    def evaluate(self, memory: Memory, index: Rows, time: Floats, seen: Mapping[str, Floats]) -> Floats:
        """Find, for n patients: float64[findings, n]; NaN where it cannot be told."""
        truth = self.conditions.evaluate(memory, index, time, seen, {})
        half = len(truth) // 2
        true, false = truth[:half], truth[half:]
        found = np.zeros((len(self.findings), len(index)))
        for which, places, values in self._backwards:
            otherwise = np.where(false.take(places, axis=0), found.take(which, axis=0), np.nan)
            found[which] = np.where(true.take(places, axis=0), values, otherwise)
        return found

    @cached_property
    def _backwards(self) -> list[tuple[Rows, Rows, Floats]]:
        """Findings, places of their conditions and what is found then: the last condition of each first."""
        ends = np.cumsum([len(finding.values) for finding in self.findings])
        most = max((len(finding.values) for finding in self.findings), default=0)
        steps = []
        for back in range(1, most + 1):
            which = [number for number, finding in enumerate(self.findings) if len(finding.values) >= back]
            values = np.array([self.findings[number].values[-back] for number in which])
            steps.append((np.array(which, np.int64), ends[which] - back, values[:, None]))
        return steps


def compile_findings(findings: Sequence[Finding], columns: Mapping[str, Column]) -> FindingProgram:
    """Compile findings over the columns that they may read.

    Raises
    ------
    Problems
        When a condition cannot be understood.
    """
    whens = tuple(when for finding in findings for when in finding.whens)
    return FindingProgram(tuple(findings), compile_conditions(both_ways(whens), columns, ()))
