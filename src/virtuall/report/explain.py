"""Fact sheets in plain words: what is known of a therapy or a toxicity on a day, with sources and figures."""

from __future__ import annotations

import datetime
import itertools
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from virtuall.core.errors import InputError, Problems, TextError, VirtuallError, nearest
from virtuall.model.shelf import REFERENCES, Shelf
from virtuall.report.words import number_words, simulated_words, verdict_words
from virtuall.texts.references import read_references
from virtuall.texts.toml_text import TomlText, read_toml
from virtuall.texts.validity import day_in
from virtuall.trial.published import Published, read_published
from virtuall.trial.scoring import TrialRow

SHEET = "explain.toml"
TERMS = "terms.toml"
MARKS = ("V", "M", "D", "A")
_YEAR = re.compile(r"\s*\d{4}\s*")
_DATED = ("valid_from", "valid_to")
_STATEMENT = ("topic", "text", "source", "mark", "status", "why", *_DATED)
_NEEDED = ("topic", "text", "source")
_FIGURES = ("trial", "arm", "targets", *_DATED)
_NAMES = ("brands", "also")
_SHEETS = f"*/*/{SHEET}"
_USE = "Use"
_WIDTH = 100


@dataclass(frozen=True)
class Dated:
    """Something that holds from one day on, up to (not including) another; None is without end."""

    valid_from: datetime.date | None
    valid_to: datetime.date | None

    def holds(self, day: datetime.date) -> bool:
        """Whether it holds on `day`."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True)
class Statement(Dated):
    """A statement in plain words.

    Attributes
    ----------
    topic, text : str
    status : str
        Such as "approved" or "investigational"; empty where it is neither.
    sources : tuple of str
        Keys of the references.
    mark : str
        V, M, D or A.
    """

    topic: str
    text: str
    status: str
    sources: tuple[str, ...]
    mark: str


@dataclass(frozen=True)
class Figures(Dated):
    """Which published figures belong to a sheet: those of a trial and, where named, of an arm or of some targets."""

    trial: str
    arm: str
    targets: tuple[str, ...] = ()

    def has(self, row: Published) -> bool:
        """Whether a row is one of them."""
        named = row.target in self.targets if self.targets else True
        return row.scored and named and self.arm in ("", row.arm)


@dataclass(frozen=True)
class Sheet:
    """A fact sheet.

    Attributes
    ----------
    name : str
        Of the folder.
    title, summary : str
    statements : tuple of Statement
        In the order of the text.
    figures : tuple of Figures
    shares : tuple of str
        Other sheets, of the kind that this is one of: their statements hold for it too.
    """

    name: str
    title: str
    summary: str
    statements: tuple[Statement, ...]
    figures: tuple[Figures, ...]
    shares: tuple[str, ...] = ()

    def topics(self, day: datetime.date) -> dict[str, list[Statement]]:
        """What holds on a day, by topic."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            if statement.holds(day):
                found.setdefault(statement.topic, []).append(statement)
        return found

    def figures_on(self, day: datetime.date) -> tuple[Figures, ...]:
        """The trials that were published on a day."""
        return tuple(figures for figures in self.figures if figures.holds(day))


def read_sheet(path: Path) -> Sheet:
    """Read an ``explain.toml``.

    Raises
    ------
    TextError
        When it is no TOML.
    Problems
        With all that is wrong in it.
    """
    text = read_toml(path)
    problems: list[VirtuallError] = []
    _known(text, (), text.data, ("sheet", "statement", "figures"), problems)
    head = text.data.get("sheet", {})
    if not isinstance(head, dict):
        raise TextError("[sheet] is a table", where=text.file)
    _known(text, ("sheet",), head, ("title", "summary", "shares"), problems, needed=("title", "summary"))
    statements, figures = [], []
    for place, entry in enumerate(_entries(text, "statement", problems)):
        here = ("statement", place)
        _known(text, here, entry, _STATEMENT, problems, needed=_NEEDED)
        if entry.get("mark") not in MARKS:
            problems.append(TextError("unknown mark", given=entry.get("mark"), allowed=MARKS, where=text.where(here)))
        source = entry.get("source", ())
        statements.append(
            Statement(
                **_dates(text, here, entry, problems),
                topic=str(entry.get("topic", "")),
                text=" ".join(str(entry.get("text", "")).split()),
                status=str(entry.get("status", "")),
                sources=(source,) if isinstance(source, str) else tuple(source),
                mark=str(entry.get("mark")),
            )
        )
    for place, entry in enumerate(_entries(text, "figures", problems)):
        here = ("figures", place)
        _known(text, here, entry, _FIGURES, problems, needed=("trial",))
        dates, targets = _dates(text, here, entry, problems), tuple(entry.get("targets", ()))
        trial, arm = str(entry.get("trial")), str(entry.get("arm", ""))
        figures.append(Figures(**dates, trial=trial, arm=arm, targets=targets))
    if problems:
        raise Problems(problems)
    name, shares = path.parent.name, tuple(head.get("shares", ()))
    return Sheet(name, head["title"], head["summary"], tuple(statements), tuple(figures), shares)


def read_terms(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Read ``terms.toml``.

    Returns
    -------
    editions : dict of str to str
        Day (YYYY-MM-DD) to what is said of that edition.
    names : dict of str to str
        Every other name, in lower case, to the name of the folder.

    Raises
    ------
    TextError, Problems
        When it cannot be read as meant.
    """
    text = read_toml(path)
    problems: list[VirtuallError] = []
    _known(text, (), text.data, ("editions", "names"), problems)
    editions = {str(day): str(words) for day, words in text.data.get("editions", {}).items()}
    for day in editions:
        if day_in(day) is None:
            problems.append(TextError("not a day, YYYY-MM-DD", given=day, where=text.where(("editions", day))))
    names: dict[str, str] = {}
    for name, entry in text.data.get("names", {}).items():
        _known(text, ("names", name), entry, _NAMES, problems)
        for other in (each for key in _NAMES for each in entry.get(key, ())):
            names[str(other).lower()] = name
    if problems:
        raise Problems(problems)
    return editions, names


# Readers for `virtuall.model.check`.
CHECKERS: dict[str, Any] = {_SHEETS: read_sheet, TERMS: read_terms}


def day_of(given: str | None, shelf: Shelf) -> datetime.date:
    """Understand a day; today when none is given.

    Raises
    ------
    InputError
        When it is no day. A year alone is refused with the editions offered: they differ, and a year does not
        say which one is meant.
    """
    if given is None:
        return datetime.date.today()
    day = day_in(given)
    if day is not None:
        return day
    editions = read_terms(shelf.file(TERMS))[0] if TERMS in shelf.files else {}
    offered = " or ".join(f"{each} ({words})" for each, words in editions.items())
    if _YEAR.fullmatch(given):
        problem = "a year alone does not say which edition is meant"
        raise InputError(problem, given=given, hint=f"name a day: {offered}" if offered else "name a day")
    raise InputError("not a day, YYYY-MM-DD", given=given, hint=f"for example {offered}" if offered else None)


def find_sheet(name: str, shelf: Shelf) -> Sheet:
    """Find a sheet by the name of its folder, or by another name of the same thing.

    Case does not count, nor whether words are joined by blanks, hyphens or underscores. The statements of the
    sheets that it shares stand in it too.

    Raises
    ------
    InputError
        When there is none; the nearest name is offered.
    """
    sheets = _sheets(shelf)
    others = read_terms(shelf.file(TERMS))[1] if TERMS in shelf.files else {}
    wanted = {_plain(other): folder for other, folder in others.items()}.get(_plain(name), _plain(name))
    if wanted not in sheets:
        near = nearest(name, (*sheets, *others))
        allowed = (*sheets, *([near] if near in others else []))
        raise InputError("there is no fact sheet of that name", given=name, allowed=allowed)
    sheet = read_sheet(sheets[wanted])
    for other in sheet.shares:
        if other not in sheets:
            where = f"{sheets[wanted]}: shares"
            raise TextError("there is no fact sheet of that name", given=other, allowed=tuple(sheets), where=where)
        sheet = replace(sheet, statements=_merged(sheet.statements, read_sheet(sheets[other]).statements))
    return sheet


def products_of(sheet: Sheet, shelf: Shelf, day: datetime.date) -> list[dict[str, str]]:
    """Those that share a sheet, such as the products of a kind of therapy, with their status on a day.

    Returns
    -------
    list of dict of str to str
        ``name`` of the folder, ``title``, and ``status`` in words ("" where nothing is said of their use).
    """
    found = []
    for path in _sheets(shelf).values():
        other = read_sheet(path)
        if sheet.name in other.shares:
            uses = [each for each in other.topics(day).get(_USE, ()) if each.status]
            status = _status(uses[0]) if uses else ""
            found.append({"name": other.name, "title": _named(other, shelf), "status": status})
    return found


def sheet_text(
    sheet: Sheet,
    shelf: Shelf,
    day: datetime.date,
    simulated: Mapping[str, TrialRow] | None = None,
    *,
    width: int = _WIDTH,
) -> str:
    """The sheet for a terminal, as known on a day.

    Parameters
    ----------
    sheet : Sheet
    shelf : Shelf
        For references, other names and published figures.
    day : datetime.date
    simulated : mapping of str to TrialRow, optional
        By target: what stands beside the published figures.
    width : int
        Of a line, in characters.
    """
    lines = _wrapped(f"{_named(sheet, shelf)}, as known on {day.isoformat()}", "", "  ", width)
    lines += ["", *_wrapped(sheet.summary, "", "", width)]
    if products := products_of(sheet, shelf, day):
        lines += ["", "Products"]
        for product in products:
            words = f"{product['title']}: {product['status']}" if product["status"] else product["title"]
            lines += _wrapped(words, "  - ", "    ", width)
    for topic, statements in sheet.topics(day).items():
        lines += ["", topic]
        for statement in statements:
            lines += _wrapped(f"{statement.text}{_tail(statement)}", "  - ", "    ", width)
    lines += _figures_text(sheet, shelf, day, simulated or {}, width)
    lines += ["", *_wrapped("Sources (V read in the source, M recalled, D derived, A assumption)", "", "  ", width)]
    for key, words in _sources(sheet, shelf, day).items():
        lines += _wrapped(f"[{key}] {words}", "  ", "    ", width)
    return "\n".join(lines)


def sheet_json(
    sheet: Sheet, shelf: Shelf, day: datetime.date, simulated: Mapping[str, TrialRow] | None = None
) -> dict[str, Any]:
    """The sheet as a mapping for JSON; arguments as for `sheet_text`."""
    simulated = simulated or {}
    return {
        "name": sheet.name,
        "title": sheet.title,
        "also": _other_names(sheet, shelf),
        "as_of": day.isoformat(),
        "summary": sheet.summary,
        "products": products_of(sheet, shelf, day),
        "statements": [
            {
                "topic": topic,
                "text": each.text,
                "status": each.status or None,
                "valid_from": each.valid_from and each.valid_from.isoformat(),
                "valid_to": each.valid_to and each.valid_to.isoformat(),
                "source": list(each.sources),
                "mark": each.mark,
            }
            for topic, statements in sheet.topics(day).items()
            for each in statements
        ],
        "figures": [_figure_json(figure, simulated) for figure in published_of(sheet, shelf, day)],
        "sources": _sources(sheet, shelf, day),
    }


def published_of(sheet: Sheet, shelf: Shelf, day: datetime.date) -> list[Published]:
    """The published figures of a sheet that count."""
    found: list[Published] = []
    for figures in sheet.figures_on(day):
        table = shelf.file(f"trials/{figures.trial}/published.csv")
        rows = [row for row in read_published(table) if figures.has(row)]
        found += sorted(rows, key=lambda row: figures.targets.index(row.target)) if figures.targets else rows
    return found


def _figures_text(
    sheet: Sheet, shelf: Shelf, day: datetime.date, simulated: Mapping[str, TrialRow], width: int
) -> list[str]:
    rows = published_of(sheet, shelf, day)
    if not rows:
        return []
    lines = ["", "Figures: published" + (", and simulated (with 95 % of the trials)" if simulated else "")]
    for (trial, arm), group in itertools.groupby(rows, key=lambda row: (row.trial, row.arm)):
        lines += _wrapped(f"{trial}, {arm}", "  ", "    ", width)
        for row in group:
            lines += _wrapped(_figure_words(row, simulated.get(row.target)), "  - ", "    ", width)
    if not simulated:
        lines += ["", "  The simulated figures beside them: --simulate R, or `virtuall trial`."]
    return lines


def _figure_words(row: Published, simulated: TrialRow | None) -> str:
    when = "" if row.timepoint in ("", "-", "baseline") else f", {row.timepoint}"
    words = f"{row.endpoint.replace('_', ' ')}{when}: {number_words(row.value)} {row.unit}".rstrip()
    if simulated is not None:
        words += f"; simulated {simulated_words(simulated)}"
        if simulated.inside is not None:
            words += f", {verdict_words(simulated)}"
    return f"{words} [{row.target}, {row.mark}]"


def _figure_json(figure: Published, simulated: Mapping[str, TrialRow]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "target": figure.target,
        "trial": figure.trial,
        "arm": figure.arm,
        "endpoint": figure.endpoint,
        "timepoint": figure.timepoint,
        "unit": figure.unit,
        "published": figure.value,
        "mark": figure.mark,
    }
    row = simulated.get(figure.target)
    names = ("simulated", "low", "high", "inside")
    return content | {name: None if row is None else row.as_json()[name] for name in names}


def _sources(sheet: Sheet, shelf: Shelf, day: datetime.date) -> dict[str, str]:
    """Every source that is named, in words."""
    known = read_references(shelf.files[REFERENCES]) if REFERENCES in shelf.files else {}
    keys = dict.fromkeys(
        key for statements in sheet.topics(day).values() for each in statements for key in each.sources
    )
    return {key: known[key].words if key in known else "" for key in keys}


def _named(sheet: Sheet, shelf: Shelf) -> str:
    others = _other_names(sheet, shelf)
    return sheet.title + (f" ({', '.join(others)})" if others else "")


def _other_names(sheet: Sheet, shelf: Shelf) -> list[str]:
    if TERMS not in shelf.files:
        return []
    entry = read_toml(shelf.files[TERMS]).data.get("names", {}).get(sheet.name, {})
    return [str(each) for each in entry.get("brands", ())]


def _tail(statement: Statement) -> str:
    status = f" ({_status(statement)})" if statement.status else ""
    return f"{status} [{', '.join(statement.sources)}; {statement.mark}]"


def _status(statement: Statement) -> str:
    since = f" since {statement.valid_from}" if statement.valid_from else ""
    return f"{statement.status}{since}"


def _sheets(shelf: Shelf) -> dict[str, Path]:
    return {relative.split("/")[1]: path for relative, path in shelf.matching(_SHEETS).items()}


def _plain(name: str) -> str:
    """A name in lower case, its words joined in one way, however they were joined."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _merged(own: tuple[Statement, ...], shared: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Shared statements with a sheet's own after them in each topic; a topic of its own keeps its neighbors."""
    order = list(dict.fromkeys(each.topic for each in shared))
    place = 0
    for topic in dict.fromkeys(each.topic for each in own):
        if topic not in order:
            order.insert(place, topic)
        place = order.index(topic) + 1
    return tuple(sorted((*shared, *own), key=lambda each: order.index(each.topic)))


def _wrapped(text: str, first: str, others: str, width: int) -> list[str]:
    kept = text.replace(" %", "\u00a0%")  # a number and its sign stay on one line
    lines = textwrap.wrap(kept, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


def _entries(text: TomlText, name: str, problems: list[VirtuallError]) -> list[dict[str, Any]]:
    entries = text.data.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.append(TextError(f"written [[{name}]], one table each", where=text.where((name,))))
        return []
    return entries


def _known(
    text: TomlText,
    path: tuple[str | int, ...],
    table: Mapping[str, Any],
    allowed: tuple[str, ...],
    problems: list[VirtuallError],
    needed: tuple[str, ...] = (),
) -> None:
    for name in table:
        if name not in allowed:
            problems.append(TextError("unknown key", given=name, allowed=allowed, where=text.where((*path, name))))
    where = text.where(path) if path in text.positions else text.file
    problems += [TextError(f"{name} is missing", where=where) for name in needed if not table.get(name)]


def _dates(
    text: TomlText, path: tuple[str | int, ...], entry: Mapping[str, Any], problems: list[VirtuallError]
) -> dict[str, datetime.date | None]:
    found: dict[str, datetime.date | None] = {}
    for name in _DATED:
        value = entry.get(name)
        is_day = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
        if value is not None and not is_day:
            problems.append(TextError("not a day, YYYY-MM-DD", given=value, where=text.where((*path, name))))
        found[name] = value if is_day else None
    return found
