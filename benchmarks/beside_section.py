"""Pages of our engine beside the peers: the shipped model, and published ones."""

from __future__ import annotations

from collections.abc import Sequence

from beside import Beside, beside, beside_table
from foreign_models import MODELS, SPREAD, model_file
from judge import Verdict
from peers import TOOLS
from table import Row, Section, show, table

LOOSE, TIGHT = 1e-3, 1e-5
# Times the peer's time that a patient takes with us, at the loose error.
LEAST = {"roadrunner": 60.0, "scipy_numpy": 1000.0, "scipy_lsoda": 1000.0}
LEAST_FASTEST, LEAST_FOREIGN = 30.0, 10.0
MOST_APART = 1e-5


def full_section(tools: Sequence[str], seconds: float, settings: bool) -> Section:
    """The shipped model with its schedule."""
    found = beside("full", tools, seconds)
    ratios = found.ratios(LOOSE)
    rows = [
        Row(f"times {TOOLS[tool]}", show(ratios[tool]), f">= {bar:g}", ratios[tool] >= bar)
        for tool, bar in LEAST.items()
        if tool in ratios
    ]
    rows += fastest_row(found, LEAST_FASTEST)
    rows.append(agreement_row(found))
    work = found.work
    return Section(
        "The shipped model beside other engines",
        f"{len(work.system.states)} states, {len(work.system.parameters)} numbers a patient, {len(work.pieces)} pieces "
        f"between changes of the planned schedule, {len(work.times)} daily records of all states.",
        (beside_table(found), *(settings_tables(found) if settings else ())),
        tuple(rows),
    )


def foreign_section(tools: Sequence[str], seconds: float, settings: bool) -> Section:
    """Four published models, ensembles of 1,000."""
    tables: list[str] = []
    rows: list[Row] = []
    for model in MODELS:
        try:
            model_file(model)
        except ImportError as error:
            tables.append(f"**{model.title}** ({model.source}) is left out: {error}.")
            continue
        found = beside(f"foreign:{model.key}", tools, seconds)
        tables += [
            f"**{found.work.name}** ({model.source}), {len(found.work.varied)} numbers varied, {model.points} records:",
            beside_table(found),
            *(settings_tables(found) if settings else ()),
        ]
        rows += fastest_row(found, LEAST_FOREIGN, f"{found.work.name}: ")
        rows.append(agreement_row(found, f"{found.work.name}: "))
    return Section(
        "Published models beside other engines",
        f"SBML files of BioModels as packages on PyPI carry them; 1,000 members, each number varied log-normally by "
        f"{SPREAD:.0%}. Nothing is tuned to a model.",
        tuple(tables),
        tuple(rows),
    )


def fastest_row(found: Beside, bar: float, words: str = "") -> list[Row]:
    """The fastest peer at both errors."""
    rows = []
    for error, has_bar in ((LOOSE, True), (TIGHT, False)):
        ratios = found.ratios(error)
        if ratios:
            tool = min(ratios, key=ratios.__getitem__)
            rows.append(
                Row(
                    f"{words}times the fastest peer at {error:g} ({TOOLS[tool]})",
                    show(ratios[tool]),
                    f">= {bar:g}" if has_bar else "",
                    ratios[tool] >= bar if has_bar else None,
                )
            )
    return rows


def agreement_row(found: Beside, words: str = "") -> Row:
    """Whether another engine confirms the reference."""
    return Row(
        f"{words}reference and the closest other engine differ by",
        f"{found.agreement:.1e}",
        f"<= {MOST_APART:g}",
        found.agreement <= MOST_APART,
    )


def settings_tables(found: Beside) -> list[str]:
    """All settings that were tried."""
    return [_settings(verdict) for verdict in found.verdicts if verdict.settings]


def _settings(verdict: Verdict) -> str:
    body = [
        [each["family"], f"{each['rtol']:.0e}", f"{each['error']:.1e}", show(each["milliseconds"])]
        for each in verdict.settings
    ]
    return f"{verdict.name}:\n\n" + table(("setting", "rtol", "error", "ms"), body)
