"""Collect the nodes of a program, each once, and lay them out in steps.

A node is its own canonical text: two rules that ask for the same thing name the same node, hence share its
work and its memory; and the memory of a program can be read, stored and recognized by these texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from virtuall.clinic.condition_program import ConditionProgram, NumberStep, TruthStep

_MEMORY_KINDS = {"elapsed": "instant", "total": "count", "recent": "ring", "highest_within": "ring"}


@dataclass(frozen=True)
class _Number:
    operation: str
    inputs: tuple[str, ...] = ()
    name: str = ""
    constant: float = 0.0
    key: str = ""


@dataclass(frozen=True)
class _Truth:
    """A truth row; `depth` counts the logical steps below it."""

    operation: str
    inputs: tuple[str, ...] = ()
    name: str = ""
    constant: float = 0.0
    depth: int = 0


class Builder:
    """The nodes of a program so far. Every method returns the text that stands for the node."""

    def __init__(self) -> None:
        self._numbers: dict[str, _Number] = {}
        self._truths: dict[str, _Truth] = {}
        self._categories: set[str] = set()

    # -- numbers ---------------------------------------------------------------------------------------------

    def constant(self, value: float) -> str:
        """Return a constant."""
        return self._number(repr(value), _Number("constant", constant=value))

    def read(self, name: str, is_category: bool) -> str:
        """Return an observation."""
        if is_category:
            self._categories.add(name)
        return self._number(name, _Number("read", name=name))

    def number(self, operation: str, *inputs: str) -> str:
        """Return a calculation on numbers: + - * / or ``negative``."""
        text = f"({f' {operation} '.join(inputs)})" if len(inputs) == 2 else f"{operation}({inputs[0]})"
        return self._number(text, _Number(operation, inputs))

    def remembered(self, operation: str, of: str = "", *, name: str = "", window: float = 0.0) -> str:
        """Return a number that needs a memory, of a number or of the event `name`."""
        text = f"{operation}({of or name}{f', {window!r} d' if window else ''})"
        return self._number(text, _Number(operation, (of,) if of else (), name, window, key=text))

    # -- truth values ----------------------------------------------------------------------------------------

    def compare(self, operator: str, number: str, constant: float) -> str:
        """Return a comparison of a number with a constant."""
        node = _Truth(f"{operator} constant", (number,), "", constant)
        return self._truth(f"({number} {operator} {constant!r})", node)

    def leaf(self, operation: str, inputs: tuple[str, ...] = (), *, name: str = "") -> str:
        """Return ``happened`` of an event, ``known`` of a number, or a comparison of two numbers."""
        return self._truth(f"{operation}({', '.join(inputs) or name})", _Truth(operation, inputs, name))

    def join(self, operation: str, terms: Sequence[str]) -> str:
        """Return ``and`` or ``or`` of several rows; order and repetition do not count."""
        unique = tuple(sorted(set(terms)))
        if len(unique) == 1:
            return unique[0]
        return self._logic(f"({f' {operation} '.join(unique)})", operation, unique)

    def opposite(self, term: str) -> str:
        """Return the opposite of a row."""
        return self._logic(f"not({term})", "not", (term,))

    def held(self, term: str, window: float) -> str:
        """Return whether a row has been true for `window` days."""
        return self._logic(f"for({term}, {window!r} d)", "held", (term,), window)

    # -- layout ----------------------------------------------------------------------------------------------

    def program(self, outputs: Sequence[str]) -> ConditionProgram:
        """Lay the nodes out; `outputs` are the rows of the conditions."""
        self._prune(outputs)
        self._numbers = dict(sorted(self._numbers.items(), key=lambda item: item[1].operation != "read"))
        self._truths = dict(sorted(self._truths.items(), key=lambda item: _after(item[1])))
        places = {text: place for place, text in enumerate(self._numbers)}
        rows = {text: row for row, text in enumerate(self._truths)}
        numbers = tuple(
            NumberStep(n.operation, tuple(places[i] for i in n.inputs), n.name, n.constant, n.key)
            for n in self._numbers.values()
        )
        truths = tuple(
            TruthStep(t.operation, tuple((rows if t.depth else places)[i] for i in t.inputs), t.name, t.constant, text)
            for text, t in self._truths.items()
        )
        return ConditionProgram(
            columns=tuple(n.name for n in self._numbers.values() if n.operation == "read"),
            events=self._events(),
            categories=frozenset(self._categories),
            numbers=numbers,
            truths=truths,
            outputs=np.array([rows[text] for text in outputs], np.int64),
            memories=self._memories(),
        )

    def _prune(self, outputs: Sequence[str]) -> None:
        """Forget nodes that no condition needs, such as constants that became thresholds."""
        truths: set[str] = set()
        waiting = list(outputs)
        while waiting:
            text = waiting.pop()
            if text not in truths:
                truths.add(text)
                waiting += self._truths[text].inputs if self._truths[text].depth else ()
        numbers: set[str] = set()
        waiting = [i for text in truths if not self._truths[text].depth for i in self._truths[text].inputs]
        while waiting:
            text = waiting.pop()
            if text not in numbers:
                numbers.add(text)
                waiting += self._numbers[text].inputs
        self._truths = {text: node for text, node in self._truths.items() if text in truths}
        self._numbers = {text: node for text, node in self._numbers.items() if text in numbers}

    def _events(self) -> tuple[str, ...]:
        named = [n.name for n in self._numbers.values() if n.operation in ("elapsed", "total", "recent")]
        named += [t.name for t in self._truths.values() if t.operation == "happened"]
        return tuple(dict.fromkeys(named))

    def _memories(self) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        for n in self._numbers.values():
            kind = _MEMORY_KINDS.get(n.operation, "number")
            if n.operation == "highest_within":
                found += [(f"{n.key} times", kind), (f"{n.key} values", kind)]
            elif n.key:
                found.append((n.key, kind))
        found += [(text, "number") for text, node in self._truths.items() if node.operation == "held"]
        return tuple(found)

    def _logic(self, text: str, operation: str, terms: tuple[str, ...], constant: float = 0.0) -> str:
        depth = 1 + max(self._truths[term].depth for term in terms)
        return self._truth(text, _Truth(operation, terms, "", constant, depth))

    def _number(self, text: str, node: _Number) -> str:
        self._numbers.setdefault(text, node)
        return text

    def _truth(self, text: str, node: _Truth) -> str:
        self._truths.setdefault(text, node)
        return text


def _after(node: _Truth) -> tuple[int, bool]:
    """By depth; what machine code makes stands together."""
    return node.depth, node.operation not in ("happened", "held")
