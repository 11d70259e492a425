"""Which therapies are open to a described patient on a day: dated approvals and label populations, as rules.

A folder of ``therapies`` may hold an ``eligibility.toml``: rules (docs/reference/rules.md) that ``open`` the therapy
for some patients, say that it is under ``study`` for some, or ``close`` it whatever the others say. Conditions read
the answers to `QUESTIONS`. What was not answered is unknown and never guessed.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.core.errors import InputError, Problems, VirtuallError
from virtuall.model.shelf import COVARIATES, Shelf
from virtuall.texts.condition_tree import And, Condition, Name, Not, parts_of
from virtuall.texts.quantity import quantity
from virtuall.texts.rules import Rule, read_rules, rules_valid_on
from virtuall.texts.values import read_covariates

ELIGIBILITY = "therapies/*/eligibility.toml"
DEEDS = ("open", "study", "close")

# How the leukemia stands. What a word means is said by `virtuall eligible --help`.
STATES = ("new", "remission", "mrd", "relapsed", "refractory")

Answer = float | str | bool | None
Truths = NDArray[np.bool_]

_ANTIGEN = {"positive": 1.0, "negative": 0.0}
_JOINTS = re.compile(r"\"[^\"]*\"|'[^']*'|#[^\n]*|[()]|\band\b")


@dataclass(frozen=True)
class Question:
    """What may be asked about a patient.

    Attributes
    ----------
    column : Column
        How conditions read the answer.
    words : mapping of str to float
        Words that stand for a number.
    whole : bool
        Whether the number counts something.
    high : float
        Largest answer; an age has the limit of the library's covariates instead.
    example : str
        An answer as it may be written.
    """

    column: Column = Column()
    words: Mapping[str, float] = field(default_factory=dict)
    whole: bool = False
    high: float = math.inf
    example: str = ""


QUESTIONS: Mapping[str, Question] = {
    "age": Question(Column("year"), example="years such as 34, or 6 month"),
    "state": Question(Column(kind="category", levels=STATES)),
    "lines": Question(whole=True, example="a whole number such as 2"),
    "cd19": Question(words=_ANTIGEN, high=1, example="positive, negative or a share of the blasts such as 0.9"),
    "cd22": Question(words=_ANTIGEN, high=1, example="positive, negative or a share of the blasts such as 0.9"),
    "mrd": Question(words={"negative": 0}, high=1, example="negative or a share of cells such as 0.001"),
    "ph": Question(Column(kind="flag")),
}
_COLUMNS = {name: question.column for name, question in QUESTIONS.items()}


@dataclass(frozen=True)
class Verdict:
    """Whether a therapy is open.

    Attributes
    ----------
    therapy : str
        Name of its folder.
    open : bool or None
        None where it depends on something that was not answered.
    status : str
        "open", "closed", "investigational" (in trials only) or "unknown".
    rule : Rule
        The rule that decides; where none opens the therapy, the one that comes nearest.
    unmet : tuple of str
        Parts of its condition that do not hold.
    needs : tuple of str
        Questions whose answers would decide.
    """

    therapy: str
    open: bool | None
    status: str
    rule: Rule
    unmet: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Patients whose age lies outside the label of a therapy.

    Attributes
    ----------
    therapy : str
    rule : Rule
        The rule in force that would take the most of them.
    patients, outside : int
        How many there are, and how many of them lie outside.
    youngest, oldest : float
        Among those outside, years.
    day : date
        The day of the label.
    """

    therapy: str
    rule: Rule
    patients: int
    outside: int
    youngest: float
    oldest: float
    day: datetime.date

    def error(self) -> InputError:
        """Say so as an error, with the rule and its source."""
        ages = f"{self.youngest:.3g}" if self.youngest == self.oldest else f"{self.youngest:.3g} to {self.oldest:.3g}"
        rule = f"rule {self.rule.name!r} ({self.rule.when.text}), source {self.rule.source.key}"
        return InputError(
            f"an age outside the label of {self.therapy} on {self.day}: {self.outside} of {self.patients} patients",
            given=f"{ages} years",
            where=str(self.rule.where),
            hint=f"{rule}; --off-label treats them all the same",
        )


def read_eligibility(path: Path) -> tuple[Rule, ...]:
    """Read an ``eligibility.toml`` and check that its conditions can be asked.

    Raises
    ------
    TextError
        When the file cannot be read or is no TOML.
    Problems
        With every other error of the text, each with its place.
    """
    rules = read_rules(path, DEEDS)
    compile_conditions([rule.when for rule in rules], _COLUMNS, ())
    return rules


def read_answers(given: Mapping[str, str | bool | None], shelf: Shelf) -> dict[str, Answer]:
    """Understand what was said about a patient.

    Parameters
    ----------
    given : mapping of str to str, bool or None
        Answers to `QUESTIONS` as written; None where nothing was said. Numbers may have a unit: ``6 month``, ``0.1 %``.
    shelf : Shelf
        Its covariates limit the age.

    Returns
    -------
    dict of str to float, str, bool or None
        Every question with its answer: age in years, shares between 0 and 1.

    Raises
    ------
    InputError
        When an answer cannot be understood, lies outside its limits, or contradicts another.
    """
    for name in given:
        if name not in QUESTIONS:
            raise InputError("no such question", given=name, allowed=tuple(QUESTIONS))
    answers = {name: _answer(name, given.get(name), shelf) for name in QUESTIONS}
    state, lines = answers["state"], answers["lines"]
    if state == "new" and lines:
        raise InputError("a new leukemia has had no earlier line of treatment", given=f"lines {lines:g}")
    if state in ("relapsed", "refractory") and lines == 0:
        hint = "the first treatment counts: in a first relapse it is 1"
        raise InputError(f"a {state} leukemia has had an earlier line of treatment", given="lines 0", hint=hint)
    if state == "mrd" and answers["mrd"] == 0:
        raise InputError("residual disease is more than 0", given="mrd 0", hint="without it the state is remission")
    return answers


def judge(shelf: Shelf, answers: Mapping[str, Answer], day: datetime.date) -> tuple[Verdict, ...]:
    """Judge every therapy of the shelf that has an ``eligibility.toml``.

    Parameters
    ----------
    shelf : Shelf
    answers : mapping of str to float, str, bool or None
        From `read_answers`.
    day : date
        The rules in force on that day count.

    Returns
    -------
    tuple of Verdict
        In the order of the names.

    Raises
    ------
    TextError, Problems
        When a text is wrong.
    """
    found = _texts(shelf)
    return tuple(verdict(therapy, rules, answers, day) for therapy, rules in found.items())


def check_label(shelf: Shelf, therapies: Iterable[str], ages: ArrayLike, day: datetime.date) -> tuple[Refusal, ...]:
    """Find patients whose age alone excludes them from the label of a therapy on a day.

    Whatever else would be known of them could not open the therapy. A therapy without rules that open it on that
    day has no label, so nobody is refused: before its approval it is given in trials.

    Parameters
    ----------
    shelf : Shelf
    therapies : iterable of str
        Names of folders, as before the ``/`` of a protocol.
    ages : array_like of float, shape (patients,)
        Years.
    day : date

    Returns
    -------
    tuple of Refusal
        One for each therapy that excludes somebody; `Refusal.error` puts it in words.

    Raises
    ------
    TextError, Problems
        When a text is wrong.
    """
    years = np.atleast_1d(np.asarray(ages, np.float64))
    found: list[Refusal] = []
    texts = _texts(shelf)
    for therapy in dict.fromkeys(therapies):
        rules = rules_valid_on(texts.get(therapy, ()), day)
        opening = [rule for rule in rules if rule.action == "open"]
        if not opening or not len(years):
            continue
        closing = [rule for rule in rules if rule.action == "close"]
        true, false = _truths([rule.when for rule in (*opening, *closing)], {"age": years}, len(years))
        shut = false[: len(opening)]
        outside = shut.all(axis=0) | true[len(opening) :].any(axis=0)
        if outside.any():
            nearest = opening[int(shut.sum(axis=1).argmin())]
            low, high = float(years[outside].min()), float(years[outside].max())
            found.append(Refusal(therapy, nearest, len(years), int(outside.sum()), low, high, day))
    return tuple(found)


def require_label(shelf: Shelf, therapies: Iterable[str], ages: ArrayLike, day: datetime.date) -> None:
    """Raise what `check_label` finds; parameters as there.

    Raises
    ------
    Problems
        With one error for each therapy that excludes somebody, and when a text is wrong.
    TextError
        When a text is wrong.
    """
    if refusals := check_label(shelf, therapies, ages, day):
        raise Problems(refusal.error() for refusal in refusals)


def _texts(shelf: Shelf) -> dict[str, tuple[Rule, ...]]:
    return {relative.split("/")[1]: read_eligibility(path) for relative, path in shelf.matching(ELIGIBILITY).items()}


def _answer(name: str, given: str | bool | None, shelf: Shelf) -> Answer:
    question = QUESTIONS[name]
    if given is None or isinstance(given, bool):
        return given
    said = given.strip().lower()
    if question.column.kind == "category":
        if said not in question.column.levels:
            raise InputError(f"{name} is not one of the words for it", given=given, allowed=question.column.levels)
        return said
    if said in question.words:
        return question.words[said]
    number = _number(name, said, question)
    high = _highest(name, question, shelf)
    if not 0 <= number <= high:
        limit = f"0 or more, and {high:g} at most" if math.isfinite(high) else "0 or more"
        raise InputError(f"{name} must be {limit}", given=given)
    if question.whole and number != int(number):
        raise InputError(f"{name} must be a whole number", given=given)
    return number


def _number(name: str, said: str, question: Question) -> float:
    try:
        number = float(said)
    except ValueError:
        try:
            number = quantity(said, question.column.unit).value
        except VirtuallError:
            number = math.nan
    if math.isfinite(number):
        return number
    raise InputError(f"{name} is not understood", given=said, allowed=question.words, hint=f"write {question.example}")


def _highest(name: str, question: Question, shelf: Shelf) -> float:
    """The limit of a covariate of the same name, where there is one."""
    covariates = read_covariates(shelf.file(COVARIATES)) if COVARIATES in shelf.files else {}
    return covariates[name].high if name in covariates else question.high


@dataclass(frozen=True)
class _Asked:
    """A rule with what the answers make of its condition; neither `holds` nor `fails` where that is unknown."""

    rule: Rule
    holds: bool
    fails: bool
    met: int
    unmet: tuple[str, ...]
    needs: frozenset[str]


def _ask(rules: Sequence[Rule], answers: Mapping[str, Answer]) -> list[_Asked]:
    terms = [_terms(rule.when) for rule in rules]
    conditions = [*(rule.when for rule in rules), *(term for each in terms for term in each)]
    one = {name: np.array([_code(answer)]) for name, answer in answers.items()}
    true, false = (rows[:, 0].tolist() for rows in _truths(conditions, one, 1))
    found, place = [], len(rules)
    for number, (rule, parts) in enumerate(zip(rules, terms, strict=True)):
        holds, fails = true[place : place + len(parts)], false[place : place + len(parts)]
        place += len(parts)
        unmet = tuple(part.text for part, failed in zip(parts, fails, strict=True) if failed)
        open_parts = (part for part, yes, no in zip(parts, holds, fails, strict=True) if not yes and not no)
        names = {each.name for part in open_parts for each in parts_of(part.expression) if isinstance(each, Name)}
        needs = frozenset(name for name in names if answers.get(name) is None)
        found.append(_Asked(rule, true[number], false[number], sum(holds), unmet, needs))
    return found


def verdict(therapy: str, rules: Sequence[Rule], answers: Mapping[str, Answer], day: datetime.date) -> Verdict:
    """Judge one therapy by its rules; parameters as for `judge`.

    What closes wins; then what opens; a rule that is neither true nor false leaves the verdict unknown, unless the
    others decide it. Among rules of a kind the first one counts.
    """
    asked = _ask(rules_valid_on(rules, day), answers)
    opening, study, closing = ([each for each in asked if each.rule.action == deed] for deed in DEEDS)
    for each in closing:
        if each.holds:
            return Verdict(therapy, False, "closed", each.rule)
    possible = [each for each in opening if not each.fails]
    certain = [each for each in possible if each.holds]
    doubts = [each for each in closing if not each.fails]
    if certain and not doubts:
        return Verdict(therapy, True, "open", certain[0].rule)
    if possible:
        undecided = doubts if certain else [*possible, *doubts]
        return Verdict(therapy, None, "unknown", (certain or possible)[0].rule, needs=_needs(undecided))
    for each in study:
        if each.holds:
            return Verdict(therapy, False, "investigational", each.rule)
    if candidates := opening or study:
        nearest = min(candidates, key=lambda each: (len(each.unmet), -each.met))
        undecided = [each for each in study if not each.fails]
        return Verdict(therapy, False, "closed", nearest.rule, nearest.unmet, _needs(undecided))
    return _out_of_force(therapy, rules, day)


def _needs(undecided: Iterable[_Asked]) -> tuple[str, ...]:
    found = frozenset[str]().union(*(each.needs for each in undecided))
    return tuple(name for name in QUESTIONS if name in found)


def _out_of_force(therapy: str, rules: Sequence[Rule], day: datetime.date) -> Verdict:
    """No rule opens the therapy on that day: name the one that will next, or else did last."""
    dated = [rule for rule in rules if rule.action != "close"] or list(rules)
    later = [rule for rule in dated if rule.valid_from is not None and rule.valid_from > day]
    if later:
        rule = min(later, key=lambda rule: rule.valid_from or day)
        return Verdict(therapy, False, "closed", rule, (f"a day from {rule.valid_from} on",))
    rule = max(dated, key=lambda rule: rule.valid_to or day)
    return Verdict(therapy, False, "closed", rule, (f"a day up to {rule.valid_to}",))


def _truths(
    conditions: Sequence[Condition], answers: Mapping[str, NDArray[np.float64]], patients: int
) -> tuple[Truths, Truths]:
    """Where each condition is true, and where it is false; bool (conditions, patients)."""
    opposites = [Condition(each.text, Not(each.expression, each.where), each.where) for each in conditions]
    program = compile_conditions([*conditions, *opposites], _COLUMNS, ())
    unknown = np.full(patients, np.nan)
    snapshot = {name: answers.get(name, unknown) for name in program.columns}
    found = program.evaluate(program.memory(patients), np.arange(patients), 0.0, snapshot, {})
    return found[: len(conditions)], found[len(conditions) :]


def _code(answer: Answer) -> float:
    if answer is None:
        return math.nan
    return float(STATES.index(answer)) if isinstance(answer, str) else float(answer)


def _terms(condition: Condition) -> tuple[Condition, ...]:
    """The parts of a condition that are joined by ``and``, each with its own words; the whole where it has none."""
    if not isinstance(condition.expression, And):
        return (condition,)
    words = _split(condition.text)
    terms = condition.expression.terms
    if len(words) != len(terms):
        return (condition,)
    return tuple(Condition(text, term, term.where) for text, term in zip(words, terms, strict=True))


def _split(text: str) -> list[str]:
    """Cut a text at each ``and`` that stands in no brackets."""
    parts, depth, start = [], 0, 0
    for joint in _JOINTS.finditer(text):
        depth += {"(": 1, ")": -1}.get(joint.group(), 0)
        if joint.group() == "and" and depth == 0:
            parts.append(text[start : joint.start()])
            start = joint.end()
    return [" ".join(part.split()) for part in (*parts, text[start:])]
