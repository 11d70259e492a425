"""What follows a remission or a failure: transplant, and the next line of therapy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp, power
from virtuall.core.random import exponential, normal, uniform
from virtuall.texts.table import Table, reading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class TransplantPolicy:
    """Shares (1), waits (d) and the inputs that a transplant sets; a number may be one for each patient."""

    eligible: float | Floats
    eligible_again: float | Floats
    referred: float | Floats
    referred_after_next_line: float | Floats
    wait: float | Floats
    wait_after_next_line: float | Floats
    wait_log_sd: float | Floats
    conditioning_input: str
    conditioning_days: float
    graft_input: str
    inpatient: float


@dataclass(frozen=True)
class NextLinePolicy:
    """Waits (d), chances (1) and kill (log10) of a next line; a number may be one for each patient."""

    input: str
    decision: float | Floats
    wait: float | Floats
    success: float | Floats
    success_late_line: float | Floats
    success_each_further: float | Floats
    logs: float | Floats
    logs_sd: float | Floats
    logs_least: float | Floats
    logs_failed: float | Floats
    days: float
    most: int
    after: Mapping[str, float | Floats]


Policy = TypeVar("Policy", TransplantPolicy, NextLinePolicy)


def for_patients(policy: Policy, name: str, columns: Mapping[str, Floats], rows: Ints) -> Policy:
    """The policy with the numbers that these patients have of their own.

    ``columns`` are the patients' numbers; those of the policy are called ``name/number`` (``next_line/success``),
    and for what follows a product ``next_line/after.PRODUCT``.
    """
    own = {key.removeprefix(f"{name}/"): each[rows] for key, each in columns.items() if key.startswith(f"{name}/")}
    if not own:
        return policy
    known = {each.name for each in fields(policy)}
    changed: dict[str, object] = {key: values for key, values in own.items() if key in known}
    after = {key.removeprefix("after."): values for key, values in own.items() if key.startswith("after.")}
    if after and isinstance(policy, NextLinePolicy):
        changed["after"] = {**policy.after, **after}
    return replace(policy, **changed)  # type: ignore[arg-type]


def _share(table: Table, key: str) -> float:
    return table.quantity(key, "1", low=0, sourced=True).value


def read_transplant(path: Path) -> TransplantPolicy:
    """Read ``therapies/transplant/policy.toml``."""
    with reading(path) as text:
        table = text.table("policy")
        table.text("title")
        return TransplantPolicy(
            _share(table, "eligible"),
            _share(table, "eligible_again"),
            _share(table, "referred"),
            _share(table, "referred_after_next_line"),
            table.days("wait", low=0),
            table.days("wait_after_next_line", low=0),
            _share(table, "wait_log_sd"),
            table.text("conditioning_input"),
            table.days("conditioning_days", low=0),
            table.text("graft_input"),
            table.days("inpatient", low=0),
        )


def read_next_line(path: Path) -> NextLinePolicy:
    """Read ``therapies/next_line/policy.toml``."""
    with reading(path) as text:
        table = text.table("policy")
        table.text("title")
        after = text.table("after", default=None)
        return NextLinePolicy(
            table.text("input"),
            table.days("decision", low=0),
            table.days("wait", low=0),
            _share(table, "success"),
            _share(table, "success_late_line"),
            _share(table, "success_each_further"),
            _share(table, "logs"),
            _share(table, "logs_sd"),
            _share(table, "logs_least"),
            _share(table, "logs_failed"),
            table.days("days", low=0),
            table.integer("most", low=0),
            {} if after is None else {key: _share(after, key) for key in after.keys()},
        )


def transplant_wait(policy: TransplantPolicy, seed: int, patients: Ints, earlier: Flags, lines: Ints) -> Floats:
    """Days from remission to transplant; infinite for who does not go.

    ``lines`` counts the next lines given so far (0: the protocol's own remission).
    """
    eligible = policy.eligible * np.where(earlier, policy.eligible_again, 1.0)
    fit = uniform(seed, "transplant eligible", patients) < eligible
    later = lines > 0
    share = np.where(later, policy.referred_after_next_line, policy.referred)
    referred = uniform(seed, "transplant referred", patients, lines) < share
    median = np.where(later, policy.wait_after_next_line, policy.wait)
    wait = median * exp(policy.wait_log_sd * normal(seed, "transplant wait", patients, lines))
    return np.where(fit & referred, wait, np.inf)


def next_line_wait(policy: NextLinePolicy, seed: int, patients: Ints, lines: Ints) -> Floats:
    """Days from the failure to the next line; infinite when all lines are used up."""
    wait = policy.decision + policy.wait * exponential(seed, "next line wait", patients, lines)
    return np.where(lines < policy.most, wait, np.inf)


def next_line_logs(policy: NextLinePolicy, seed: int, patients: Ints, lines: Ints, late: Flags, product: str) -> Floats:
    """Log10 kill of this next line in these patients."""
    chance = policy.success * np.where(late, policy.success_late_line, 1.0) * policy.after.get(product, 1.0)
    chance = chance * power(policy.success_each_further, lines.astype(np.float64))
    draw = normal(seed, "next line logs", patients, lines)
    works = uniform(seed, "next line success", patients, lines) < chance
    good = np.maximum(policy.logs + policy.logs_sd * draw, policy.logs_least)
    return np.where(works, good, policy.logs_failed * np.abs(draw))
