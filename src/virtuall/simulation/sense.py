"""Do the rules and other conditions of protocols make sense? Asked by `virtuall check`, not when they are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtuall.clinic.conditions import Column
from virtuall.clinic.plausible import Range, plausible_ranges
from virtuall.clinic.rule_sense import RuleSense, doubles, sense_of_conditions, sense_of_rules
from virtuall.core.errors import TextError
from virtuall.core.position import Position
from virtuall.model import Model
from virtuall.simulation.bind import Binding, clinic_columns
from virtuall.simulation.protocol import Protocol
from virtuall.texts.condition_tree import Condition
from virtuall.texts.rules import Rule


@dataclass(frozen=True)
class Bound:
    """A protocol as it stands on some day, bound to the model."""

    protocol: Protocol
    binding: Binding


def sense_of_protocols(model: Model, protocols: Sequence[Bound]) -> RuleSense:
    """Find what makes no sense in the rules and conditions of protocols.

    A rule that several protocols share is reported only when it makes no sense in any of them.

    Parameters
    ----------
    model : Model
    protocols : sequence of Bound
        Also the same protocol on several days, so that rules of the past are looked at.

    Returns
    -------
    RuleSense
        Each problem and remark once.
    """
    found = [_of_rules(model, each) for each in protocols]
    rules = {rule.where: rule for each in protocols for rule in each.protocol.rules}
    problems = _in_all(protocols, rules, [each.problems for each in found])
    remarks = _in_all(protocols, rules, [each.remarks for each in found])
    for each in protocols:
        problems += doubles(each.protocol.rules, each.binding.rule_applies)
        problems += _of_others(model, each).problems
    return RuleSense(_each_once(problems), _each_once(remarks))


def _of_rules(model: Model, bound: Bound) -> RuleSense:
    protocol = bound.protocol
    return sense_of_rules(protocol.rules, *_columns_and_ranges(model, protocol), bound.binding.rule_applies)


def _of_others(model: Model, bound: Bound) -> RuleSense:
    """Of choices, findings and judgments. That such a condition is never false may well be meant."""
    protocol = bound.protocol
    asked = [cycle.when for leg in protocol.legs for cycle in leg.regimen.cycles]
    asked += [when for leg in protocol.legs if leg.supply for when in (leg.supply.skip, leg.supply.ready)]
    asked += [step.when for step in protocol.steps]
    asked += [when for finding in protocol.monitoring.findings for when in finding.whens]
    asked += [graded.when for graded in protocol.monitoring.graded]
    asked += [*protocol.response.conditions, protocol.response.mrd_negative, protocol.response.relapse]
    conditions: list[Condition] = [when for when in asked if when is not None]
    return sense_of_conditions(conditions, *_columns_and_ranges(model, protocol))


def _columns_and_ranges(model: Model, protocol: Protocol) -> tuple[dict[str, Column], dict[str, Range]]:
    columns = clinic_columns(protocol, model) | {each.name: each.column for each in protocol.monitoring.findings}
    covariates = model.covariates.values()
    return columns, plausible_ranges(columns, covariates, protocol.monitoring, protocol.events, protocol.care)


def _in_all(
    protocols: Sequence[Bound], rules: dict[Position, Rule], found: Sequence[Sequence[TextError]]
) -> list[TextError]:
    """What is found in every protocol that has the rule."""
    followed = [{rule.where for rule in each.protocol.rules} for each in protocols]
    told = [{str(error) for error in errors} for errors in found]
    kept = []
    for error in (error for errors in found for error in errors):
        owner = _owner(error, rules)
        if all(str(error) in said for said, places in zip(told, followed, strict=True) if owner in places):
            kept.append(error)
    return kept


def _owner(error: TextError, rules: dict[Position, Rule]) -> Position:
    """Where the rule begins in which the place of an error lies."""
    where = error.where
    assert isinstance(where, Position)
    return max(place for place in rules if place.file == where.file and place <= where)


def _each_once(errors: Sequence[TextError]) -> tuple[TextError, ...]:
    return tuple({str(error): error for error in errors}.values())
