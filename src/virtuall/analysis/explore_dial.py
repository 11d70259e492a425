"""What varies, found in the library: the places in the texts, the value that stands there and those to try."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from virtuall.analysis.explore_key import FLAG, NUMBER, SWITCH, TABLE, Spot, find_spot
from virtuall.analysis.explore_text import Exploration, Follower, Vary
from virtuall.core.errors import TextError
from virtuall.core.position import Position
from virtuall.core.units import unit as read_unit
from virtuall.model.shelf import Shelf
from virtuall.texts.file import read_text
from virtuall.texts.quantity import Quantity, quantity
from virtuall.texts.toml_text import TomlText, parse_toml

# Texts that say how patients are treated and judged. Others say who the patients are, or what the model is: a change
# there would make other patients, or another model.
TREATMENT = (
    "therapies/*/regimens/*.toml",
    "therapies/*/rules.toml",
    "therapies/*/policy.toml",
    "care/*.toml",
    "support/*/care.toml",
    "monitoring/*.toml",
    "response/*.toml",
    "sequences/*.toml",
)
_FLAGS = ("true", "false")
# Digits of a number that a search chose: nobody doses more finely.
_DIGITS = 3
_CLOSE = 1e-9


@dataclass(frozen=True)
class Setting:
    """One value of a dial: its number in the unit of the dial (None: a word), and as it is written."""

    number: float | None
    words: str


@dataclass(frozen=True)
class Dial:
    """One thing that varies.

    Attributes
    ----------
    name : str
    spots : tuple of Spot
        All get the same value; the first tells kind and unit.
    base : Setting
        What the library has.
    settings : tuple of Setting
        The values to try; empty for any number from low to high.
    low, high : float
        In the unit of the dial; NaN for words.
    followers : tuple of (Spot, Follower)
        What moves along.
    where : Position
    """

    name: str
    spots: tuple[Spot, ...]
    base: Setting
    settings: tuple[Setting, ...]
    low: float
    high: float
    followers: tuple[tuple[Spot, Follower], ...]
    where: Position

    @property
    def unit(self) -> str:
        """The unit of the numbers; empty for words."""
        return self.spots[0].unit

    @property
    def numeric(self) -> bool:
        """Whether it is a number."""
        return self.base.number is not None

    def at(self, number: float) -> Setting:
        """A setting from low to high, rounded as people write it."""
        rounded = min(max(float(f"{number:.{_DIGITS}g}"), self.low), self.high)
        return _setting(rounded, self.unit)

    def is_base(self, setting: Setting) -> bool:
        """Whether this is what the library has."""
        if setting.number is None or self.base.number is None:
            return setting.words == self.base.words
        return math.isclose(setting.number, self.base.number, rel_tol=_CLOSE, abs_tol=_CLOSE)

    def changes(self, setting: Setting) -> dict[Spot, str]:
        """What to write where; nothing at the value that the library has, so that followers stay as well."""
        if self.is_base(setting):
            return {}
        found = {spot: _as_written(setting, spot) for spot in self.spots}
        return found | {spot: _followed(setting, self.unit, spot, each) for spot, each in self.followers}


@dataclass(frozen=True)
class Sources:
    """The texts that vary: as they stand, and read."""

    written: Mapping[str, str]
    read: Mapping[str, TomlText]


def read_sources(exploration: Exploration, shelf: Shelf) -> Sources:
    """Read every text that the exploration changes.

    Raises
    ------
    TextError
        When there is no such text, or it is none that may vary.
    """
    allowed = sorted({name for pattern in TREATMENT for name in shelf.matching(pattern)})
    wanted: dict[str, Position] = {}
    for vary in exploration.varied:
        for text, where in ((vary.text, vary.where), *((each.text, each.where) for each in vary.also)):
            wanted.setdefault(text_of(text, exploration, shelf), where)
    written = {}
    for name, where in wanted.items():
        if name in shelf.files and name not in allowed:
            problem = "this text says who the patients are or what the model is: only how they are treated may vary"
            raise TextError(problem, given=name, where=where)
        if name not in allowed:
            raise TextError("the library has no such text", given=name, allowed=allowed, where=where)
        written[name] = read_text(shelf.files[name])
    return Sources(written, {name: parse_toml(text, name) for name, text in written.items()})


def text_of(text: str, exploration: Exploration, shelf: Shelf) -> str:
    """The relative name of a text; by default that of the protocol."""
    if text:
        return text
    path = shelf.protocol(exploration.protocol)
    return next(name for name, file in shelf.files.items() if file == path)


def find_dials(exploration: Exploration, shelf: Shelf, sources: Sources) -> tuple[Dial, ...]:
    """Look up everything that varies.

    Raises
    ------
    TextError
        When a key is not there (nearest one offered), or a value does not fit it.
    """
    dials = tuple(_dial(vary, exploration, shelf, sources) for vary in exploration.varied)
    taken: dict[Spot, str] = {}
    for dial in dials:
        for spot in (*dial.spots, *(spot for spot, _ in dial.followers)):
            if spot in taken:
                problem = f"two things vary the same value: {taken[spot]} and {dial.name}"
                raise TextError(problem, given=_address(spot), where=dial.where)
            taken[spot] = dial.name
    return dials


def _dial(vary: Vary, exploration: Exploration, shelf: Shelf, sources: Sources) -> Dial:
    def spot(text: str, key: str, where: Position) -> Spot:
        name = text_of(text, exploration, shelf)
        return find_spot(sources.read[name], sources.written[name], name, key, where)

    spots = tuple(spot(vary.text, key, vary.where) for key in vary.keys)
    first = spots[0]
    for other in spots[1:]:
        if other.kind != first.kind or (first.unit and not read_unit(first.unit).same(read_unit(other.unit))):
            problem = f"values that move together must be of one kind and unit, such as {first.word!r}"
            raise TextError(problem, given=f"{_address(other)}: {other.word}", where=vary.where)
    base = Setting(first.number, first.word if first.number is None else _setting(first.number, first.unit).words)
    low = high = math.nan
    if vary.low is not None and vary.high is not None:
        if first.number is None:
            raise TextError(f"{vary.name} is no number: it has values", given=first.word, where=vary.where)
        low, high = (_number(each, first, vary.where) for each in (vary.low, vary.high))
        if not low < high:
            raise TextError("low must lie below high", given=f"{vary.low} to {vary.high}", where=vary.where)
        count = vary.count or 0
        numbers = [low + (high - low) * place / (count - 1) for place in range(count)]
        settings = tuple(_setting(number, first.unit) for number in numbers)
    else:
        settings = tuple(_read(value, first, vary.where) for value in vary.values)
        if first.number is not None:
            known = [each.number for each in settings if each.number is not None]
            low, high = min(known), max(known)
    followers = tuple((spot(each.text, each.key, each.where), each) for each in vary.also)
    dial = Dial(vary.name, spots, base, settings, low, high, followers, vary.where)
    for each in settings or (dial.at(low),):
        dial.changes(each)  # followers of another unit are said before anything is simulated
    return dial


def _read(value: str, spot: Spot, where: Position) -> Setting:
    """A value that the user wrote, checked against what stands there."""
    if spot.number is not None:
        try:
            given = quantity(value, where=where)
        except TextError:
            raise TextError(
                f"a number as there is wanted for {_address(spot)}: {spot.word}", given=value, where=where
            ) from None
        number = _number(given, spot, where)
        own = given.unit == spot.unit
        return Setting(number, str(given) if own else f"{given} = {_setting(number, spot.unit).words}")
    allowed = {FLAG: _FLAGS, TABLE: SWITCH}.get(spot.kind, ())
    if allowed and value not in allowed:
        raise TextError(f"{_address(spot)} can be {' or '.join(allowed)}", given=value, allowed=allowed, where=where)
    return Setting(None, value)


def _number(given: Quantity, spot: Spot, where: Position) -> float:
    if spot.kind == NUMBER and given.unit != "1":
        raise TextError(f"{_address(spot)} is a number without a unit", given=given.given or str(given), where=where)
    try:
        return given.to(spot.unit).value
    except TextError as error:
        problem = f"{_address(spot)} is in {spot.unit or 'words'}: {error.problem}"
        raise TextError(problem, given=given.given or str(given), where=where, hint=error.hint) from None


def _setting(number: float, unit: str) -> Setting:
    return Setting(number, f"{number:.6g}" if unit in ("", "1") else f"{number:.6g} {unit}")


def _as_written(setting: Setting, spot: Spot) -> str:
    """A setting as it stands in the text: with the unit, unless that stands beside it."""
    if setting.number is None:
        return setting.words
    plain = f"{setting.number:.12g}"
    return plain if spot.plain or spot.unit == "1" else f"{plain} {spot.unit}"


def _followed(setting: Setting, unit: str, spot: Spot, follower: Follower) -> str:
    """What a follower becomes."""
    if spot.number is None or setting.number is None:
        if follower.times is not None or follower.plus is not None:
            raise TextError("only numbers can be multiplied or added to", given=follower.key, where=follower.where)
        return setting.words
    value, own = setting.number, read_unit(unit)
    if follower.times is not None:
        value, own = value * follower.times.value, own * read_unit(follower.times.unit)
    found = Quantity(value, str(own), follower.where).to(spot.unit).value
    if follower.plus is not None:
        found += follower.plus.to(spot.unit).value
    return _as_written(_setting_exact(found), spot)


def _setting_exact(number: float) -> Setting:
    return Setting(number, "")


def _address(spot: Spot) -> str:
    return ".".join(str(each + 1) if isinstance(each, int) else each for each in spot.path)
