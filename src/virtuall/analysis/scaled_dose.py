"""A protocol with other doses of what it is about: everything else stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from virtuall.dosing.regimen import Level, Regimen
from virtuall.simulation.protocol import Protocol

# What of a level is an amount or a rate; the limits go with it, or they would undo the change.
_AMOUNTS = ("fixed", "per_area", "per_weight", "cap", "light_per_area", "light_cap")


def scaled(protocol: Protocol, factor: float) -> Protocol:
    """The protocol with every dose of its main products times `factor`.

    What prepares for it, premedication and the care of side effects stay as they are.
    """
    if factor == 1.0:
        return protocol
    legs = tuple(
        replace(leg, regimen=_scaled_regimen(leg.regimen, factor)) if leg.main else leg for leg in protocol.legs
    )
    return replace(protocol, legs=legs)


def _scaled_regimen(regimen: Regimen, factor: float) -> Regimen:
    levels = tuple(_scaled_level(each, factor) if each.product == regimen.product else each for each in regimen.levels)
    return replace(regimen, levels=levels)


def _scaled_level(level: Level, factor: float) -> Level:
    known = {name: getattr(level, name) for name in _AMOUNTS}
    amounts: dict[str, Any] = {name: None if value is None else factor * value for name, value in known.items()}
    return replace(level, least=factor * level.least, most=factor * level.most, **amounts)
