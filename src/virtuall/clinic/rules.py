"""Rules of a round: which fire, and which of those stand when they contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.clinic.condition_memory import Memory, Rows, Truths
from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.texts.rules import Rule

# Actions that contradict each other, the strongest first. Every other action stands whenever its rule fires.
RANKING = ("stop", "hold", "reduce", "resume", "continue")


@dataclass(frozen=True)
class RuleProgram:
    """Compiled rules; made by `compile_rules`.

    Attributes
    ----------
    rules : tuple of Rule
        The rules, in the order in which arrays of this module have their rows.
    conditions : ConditionProgram
        Their conditions.
    """

    rules: tuple[Rule, ...]
    conditions: ConditionProgram

    def memory(self, patients: int) -> Memory:
        """Return the memory of patients about whom nothing is known yet."""
        return self.conditions.memory(patients)

    def fire(
        self,
        memory: Memory,
        index: Rows,
        time: ArrayLike,
        snapshot: Mapping[str, ArrayLike],
        happened: Mapping[str, ArrayLike],
        applies: Truths | None = None,
    ) -> Truths:
        """Say which rules fire: those that have just come true, and those with ``while`` that are true.

        Parameters and errors as for `ConditionProgram.evaluate`; a rule is true only where it ``applies``,
        bool (rules, patients due).

        Returns
        -------
        bool array (rules, patients due)
        """
        truth = self.conditions.evaluate(memory, index, time, snapshot, happened)
        if applies is not None:
            truth = truth & applies
        fired = self.conditions.risen(memory, index, truth)
        np.copyto(fired, truth, where=self._steady)
        return fired

    @cached_property
    def _steady(self) -> Truths:
        """Which rules fire as long as they are true, bool (rules, 1)."""
        return np.array([rule.while_true for rule in self.rules], bool)[:, None]


@dataclass(frozen=True)
class Settlement:
    """Which fired rules are carried out.

    Attributes
    ----------
    stands : bool array (rules, patients due)
        The rule fired and is carried out.
    overruled_by : int64 array (rules, patients due)
        The rule that won against this one; -1 where it stands or did not fire.
    """

    stands: Truths
    overruled_by: NDArray[np.int64]

    @property
    def overruled(self) -> Truths:
        """The rule fired and gave way, bool (rules, patients due)."""
        return np.asarray(self.overruled_by >= 0)


def compile_rules(rules: Sequence[Rule], columns: Mapping[str, Column], events: Sequence[str]) -> RuleProgram:
    """Compile rules; parameters and errors as for `compile_conditions`."""
    return RuleProgram(tuple(rules), compile_conditions([rule.when for rule in rules], columns, events))


def settle(fired: Truths, rules: Sequence[Rule], ranking: Sequence[str] = RANKING) -> Settlement:
    """Settle contradictions: stop before hold before reduce before continue, then by priority, then by order.

    Only actions of `ranking` about the same thing (`Rule.what`) contradict each other; one of them stands.

    Parameters
    ----------
    fired : bool array (rules, patients due)
        From `RuleProgram.fire`.
    rules : sequence of Rule
        The rules, in the same order.
    ranking : sequence of str
        Contradicting actions, the strongest first.

    Returns
    -------
    Settlement
    """
    stands = fired.copy()
    overruled_by = np.full(fired.shape, -1, np.int64)
    winners: dict[str, NDArray[np.int64]] = {}
    some = np.logical_or.reduce(fired, axis=1).nonzero()[0].tolist()
    ranked = [place for place in some if rules[place].action in ranking]
    for place in sorted(ranked, key=lambda p: (ranking.index(rules[p].action), -rules[p].priority, p)):
        winner = winners.setdefault(rules[place].what, np.full(fired.shape[1], -1, np.int64))
        beaten = fired[place] & (winner >= 0)
        overruled_by[place, beaten] = winner[beaten]
        stands[place, beaten] = False
        winner[fired[place] & ~beaten] = place
    return Settlement(stands, overruled_by)
