"""Sparse elimination planned once from the structure of the Jacobian.

Pivots stay on the diagonal, in an order of least fill (Markowitz). There is no pivoting by size: the same few
multiply-adds run for every patient, and a population that is exactly zero stays exactly zero, for a
structural zero is never mixed with round-off. A pivot that is too small shows as a non-finite stage, and the
step is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Elimination:
    """Plan of an LU decomposition without pivoting by size.

    Attributes
    ----------
    order : tuple of int
        Rows (and columns) in the order in which they are eliminated.
    lower : tuple of tuple of int
        Per row in `order`: columns left of the diagonal, in order.
    upper : tuple of tuple of int
        Per row in `order`: columns right of the diagonal, in order.
    slots : dict of (int, int) to int
        Place of every entry (row, column), fill and diagonal included, in the storage of the factors.
    """

    order: tuple[int, ...]
    lower: tuple[tuple[int, ...], ...]
    upper: tuple[tuple[int, ...], ...]
    slots: dict[tuple[int, int], int]


def plan_elimination(size: int, entries: Iterable[tuple[int, int]]) -> Elimination:
    """Choose the order of elimination of a matrix from the places of its nonzero entries."""
    entries = list(entries)
    rows: list[set[int]] = [{row} for row in range(size)]
    columns: list[set[int]] = [{row} for row in range(size)]
    for row, column in entries:
        rows[row].add(column)
        columns[column].add(row)
    left = set(range(size))
    order: list[int] = []
    depth = [0] * size
    while left:
        # Least possible fill, then the shortest chain of results that wait for each other (a processor does
        # independent rows at the same time); the number breaks ties, so that the order is always the same.
        pivot = min(left, key=lambda k: ((len(rows[k]) - 1) * (len(columns[k]) - 1), depth[k], k))
        left.discard(pivot)
        order.append(pivot)
        below, right = columns[pivot] - {pivot}, rows[pivot] - {pivot}
        for row in below | right:
            depth[row] = max(depth[row], depth[pivot] + 1)
        for row in below:
            new = right - rows[row]
            rows[row] |= new
            for column in new:
                columns[column].add(row)
        for row in below:
            rows[row].discard(pivot)
        for column in right:
            columns[column].discard(pivot)
    return eliminate_in_order(order, entries)


def eliminate_in_order(order: Sequence[int], entries: Iterable[tuple[int, int]]) -> Elimination:
    """Plan the elimination of some rows (and the columns of the same numbers) in a given order."""
    place = {row: k for k, row in enumerate(order)}
    filled = {row: {row} for row in order}
    for row, column in entries:
        filled[row].add(column)
    for row in order:
        for pivot in order[: place[row]]:
            if pivot in filled[row]:
                filled[row] |= {column for column in filled[pivot] if place[column] > place[pivot]}
    lower, upper = [], []
    slots: dict[tuple[int, int], int] = {}
    for row in order:
        inside = sorted(filled[row], key=place.__getitem__)
        lower.append(tuple(column for column in inside if place[column] < place[row]))
        upper.append(tuple(column for column in inside if place[column] > place[row]))
        for column in inside:
            slots[row, column] = len(slots)
    return Elimination(tuple(order), tuple(lower), tuple(upper), slots)
