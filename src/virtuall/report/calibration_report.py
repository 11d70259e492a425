"""What a calibration found, as a Markdown text: entries, rows, sensitivity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from virtuall.calibrate.fit import BlockFit, Calibration
from virtuall.calibrate.identifiability import Identified, Sensitivity, identified

_NOTICE = "For research and teaching, never for the care of a patient."
_WEAK = 0.1
_STRONG = 0.6
_SHOWN = 0.05


def calibration_report(calibration: Calibration, sensitivity: Sequence[Sensitivity]) -> str:
    """The whole report, with the `sensitivity` of each block; every figure in it comes from the calibration."""
    budget = calibration.budget
    parts = [
        "# Calibration report",
        "Written by `virtuall calibrate`; the plan is [analysis_plan.md](analysis_plan.md). " + _NOTICE,
        _table(
            ("block", "trials", "entries", "rows read", "points simulated", "points with failed patients"),
            [
                (
                    each.block.name,
                    ", ".join(each.block.trials),
                    len(each.fitted),
                    len(each.surrogate.targets),
                    each.evaluated,
                    each.failed,
                )
                for each in calibration.blocks
            ],
        ),
        f"{len(calibration.ensemble)} parameter sets, seed {calibration.seed}, {budget.waves} waves of points, "
        f"trial-level discrepancy {budget.discrepancy:g} sampling standard deviations, "
        f"Student's t with {budget.tail:g} degrees of freedom.",
    ]
    for each, indices in zip(calibration.blocks, sensitivity, strict=True):
        parts += _block(each, indices)
    return "\n\n".join(parts) + "\n"


def sensitivity_table(calibration: Calibration, sensitivity: Sequence[Sensitivity]) -> str:
    """CSV of total Sobol indices: row, then one column for each entry of its block."""
    lines = ["block,row,entry,total_index"]
    for each, (ids, indices) in zip(calibration.blocks, sensitivity, strict=True):
        for row, values in zip(ids, indices, strict=True):
            names = (entry.name for entry in each.fitted)
            lines += [
                f'{each.block.name},{row},"{n}",{v:.3f}' for n, v in zip(names, values, strict=True) if v > _SHOWN
            ]
    return "\n".join(lines) + "\n"


def _block(fit: BlockFit, sensitivity: Sensitivity) -> list[str]:
    found = identified(fit)
    return [
        f"## {fit.block.name.capitalize()}",
        "### What the rows told",
        "Narrowed: 1 - posterior variance / prior variance. Shift: posterior mean in prior standard deviations. "
        "The value is that of the first number of an entry, in the units of the model, with the range of the ensemble.",
        _table(
            ("entry", "stage", "text", "ensemble (95 %)", "shift", "narrowed", "correlated with", "told by"),
            [_entry(each) for each in found],
        ),
        _remarks(found),
        "### Rows after the fit",
        "Mean of the accepted sets, each simulated anew with the same luck, beside the published value. Misfit in "
        "standard deviations of a trial of the published size; 'predicted' is the share of the variance between points "
        "that the surrogate predicts.",
        _table(
            ("row", "trial", "what", "arm", "simulated", "published", "unit", "misfit", "predicted"),
            list(_rows(fit)),
        ),
        "### Sensitivity",
        "Strongest entries of each row that the surrogate predicts (total Sobol index, over the prior); all of them in "
        "`sensitivity.csv`.",
        _table(("row", "entries"), list(_strongest(fit, sensitivity))),
    ]


def _entry(each: Identified) -> tuple[str, ...]:
    return (
        each.name,
        each.stage,
        f"{each.shipped:.3g}",
        f"{each.median:.3g} ({each.low:.3g}-{each.high:.3g})",
        f"{each.shift:+.2f}",
        f"{each.narrowed:.0%}" if each.fitted else "prior",
        f"{each.partner} ({each.correlation:+.2f})" if each.partner else "",
        (", ".join(each.told_by) or "none") if each.fitted else "",
    )


def _remarks(found: Sequence[Identified]) -> str:
    weak = [each.name for each in found if each.fitted and each.narrowed < _WEAK]
    kept = [each.name for each in found if not each.fitted]
    bound = [f"{each.name} with {each.partner}" for each in found if abs(each.correlation) > _STRONG]
    edge = [each.name for each in found if abs(each.shift) > 2]
    lines = [f"- hardly told by any row: {', '.join(weak) or 'none'}"]
    lines.append(f"- not fitted, drawn from the prior: {', '.join(kept) or 'none'}")
    lines.append(f"- told apart badly: {', '.join(bound) or 'none'}")
    lines.append(f"- far from the prior (2 standard deviations or more): {', '.join(edge) or 'none'}")
    return "\n".join(lines)


def _rows(fit: BlockFit) -> Iterable[tuple[str, ...]]:
    misfits = fit.surrogate.misfit(fit.posterior).mean(axis=0)
    order = {target.figure.target: place for place, target in enumerate(fit.all_targets)}
    for place, target in enumerate(fit.surrogate.targets):
        figure = target.figure
        values = fit.simulated[:, order[figure.target]]
        simulated = values[np.isfinite(values)].mean()
        yield (
            figure.target,
            figure.trial,
            f"{figure.endpoint} {figure.timepoint}".strip(),
            figure.arm,
            f"{simulated:.3g}",
            f"{figure.value:.3g}",
            figure.unit,
            f"{misfits[place]:+.1f}",
            f"{fit.surrogate.told[place]:.0%}",
        )


def _strongest(fit: BlockFit, sensitivity: Sensitivity) -> Iterable[tuple[str, str]]:
    for row, values in zip(*sensitivity, strict=True):
        order = np.argsort(-values)[:3]
        named = [f"{fit.fitted[at].name} {values[at]:.2f}" for at in order if values[at] > _SHOWN]
        yield row, ", ".join(named)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
