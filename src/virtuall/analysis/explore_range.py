"""Whether a value lies within those of the shipped regimens of the same therapy: beyond them the model extrapolates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from virtuall.analysis.explore_dial import Dial, Setting
from virtuall.analysis.explore_key import Spot
from virtuall.core.errors import TextError
from virtuall.core.units import unit as read_unit
from virtuall.model.shelf import open_shelf
from virtuall.texts.quantity import quantity
from virtuall.texts.toml_index import Path as KeyPath
from virtuall.texts.toml_text import read_toml

_PRODUCT = "product"
_CLOSE = 1e-9


@dataclass(frozen=True)
class Shipped:
    """The lowest and the highest value that the shipped regimens have in such a place, in the unit of the dial."""

    low: float
    high: float

    def holds(self, number: float) -> bool:
        """Whether a value lies within."""
        slack = _CLOSE * max(abs(self.low), abs(self.high), 1.0)
        return self.low - slack <= number <= self.high + slack


def shipped_range(dial: Dial) -> Shipped | None:
    """The range of the same quantity, for the same product, in the shipped texts of the same folder.

    None where it is no number, or the text is none that ships with others of its kind.
    """
    spot = dial.spots[0]
    folder = spot.text.rpartition("/")[0]
    if not dial.numeric or not folder:
        return None
    shelf = open_shelf()
    files = [path for name, path in shelf.files.items() if name.rpartition("/")[0] == folder]
    own = shelf.files.get(spot.text)
    product = _product(read_toml(own).data, spot.path) if own is not None else None
    found = [number for path in files for number in _numbers(read_toml(path).data, spot, product)]
    return Shipped(min(found), max(found)) if found else None


def beyond(dial: Dial, setting: Setting, shipped: Shipped | None) -> str:
    """In words how a setting leaves what is shipped; empty when it does not."""
    if shipped is None or setting.number is None or shipped.holds(setting.number):
        return ""
    unit = "" if dial.unit == "1" else f" {dial.unit}"
    span = f"{shipped.low:g}" if shipped.low == shipped.high else f"{shipped.low:g} to {shipped.high:g}"
    return f"{dial.name} {setting.words} (shipped regimens: {span}{unit})"


def _numbers(data: dict[str, Any], spot: Spot, product: str | None) -> Iterator[float]:
    """Numbers at this place, whatever the entries of lists are called, for this product."""
    for path, value in _leaves(data):
        if not _alike(path, spot.path) or (product is not None and _product(data, path) != product):
            continue
        try:
            found = quantity(value if isinstance(value, str) else repr(value))
        except TextError:
            continue
        if read_unit(found.unit).same_dimension(read_unit(spot.unit)):
            yield found.to(spot.unit).value


def _leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _leaves(each, (*path, place))
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, value


def _alike(path: KeyPath, other: KeyPath) -> bool:
    pairs = zip(path, other, strict=False)
    return len(path) == len(other) and all((isinstance(a, int) and isinstance(b, int)) or a == b for a, b in pairs)


def _product(data: dict[str, Any], path: KeyPath) -> str | None:
    """The product that a place is about: of the nearest entry that names one, else of the first table."""
    value: Any = data
    head = next((each for each in data.values() if isinstance(each, dict)), {})
    found = head.get(_PRODUCT)
    for part in path[:-1]:
        value = value[part]
        if isinstance(value, dict):
            found = value.get(_PRODUCT, found)
    return found if isinstance(found, str) else None
