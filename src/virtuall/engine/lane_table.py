"""What the caller passes to compiled code: one table of numbers and addresses, and words to read it."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from virtuall.engine.elementary import Value
from virtuall.engine.llvm import DOUBLE, POINTER, WORD, element, word

# 64 bits each: numbers and addresses of a call, then addresses of an ensemble.
GIVEN = tuple(
    "count time_count record_count state_count fixed_count group_count index stop record_columns needed_states "
    "needed_fixed needed_groups recorded tolerance memory row".split()
)
OWNED = tuple(
    "times now y status ring bad_state thresholds steps rejected fixed before after proposal track held "
    "cursor fresh".split()
)
SLOTS = (*GIVEN, *OWNED)
# Arrays of a track: states at both ends of the last step and the three bends.
TRACK = 5


@dataclass(frozen=True)
class Table:
    """The table at an address, read at the place of a builder."""

    builder: ir.IRBuilder
    address: Value

    def number(self, slot: str) -> Value:
        """A number of the call."""
        return self.builder.load(element(self.builder, self.address, SLOTS.index(slot), WORD), typ=WORD)

    def array(self, slot: str) -> Value:
        """Address of an array."""
        return self.builder.load(element(self.builder, self.address, SLOTS.index(slot), POINTER), typ=POINTER)

    def get(self, slot: str, place: Value, kind: ir.Type = DOUBLE) -> Value:
        """Element of an array."""
        return self.builder.load(element(self.builder, self.array(slot), place, kind), typ=kind)

    def set(self, slot: str, place: Value, value: Value) -> None:
        """Write an element of an array."""
        self.builder.store(value, element(self.builder, self.array(slot), place, value.type))

    def row(self, slot: str, patient: Value, width: int | Value) -> Value:
        """Address of a patient's row of doubles."""
        width = word(width) if isinstance(width, int) else width
        return element(self.builder, self.array(slot), self.builder.mul(patient, width), DOUBLE)
