"""A study as analysis datasets of the ADaM standard of CDISC: ADSL, ADAE, ADTTE, ADLB, ADEX and ADRS.

The names, labels and types are the standard's; what they are filled with is simulated, and every dataset and every
record says so. The dates are fictitious: day 0 of the study is a date that the library states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from virtuall.core.errors import InputError
from virtuall.export.adam_events import adae
from virtuall.export.adam_exposure import adex, exposure
from virtuall.export.adam_responses import adrs
from virtuall.export.adam_results import adlb, results_left_out
from virtuall.export.adam_study import SIMULATED, Study
from virtuall.export.adam_subjects import adsl, treatment_moments
from virtuall.export.adam_table import FORMATS, Dataset, Variable
from virtuall.export.adam_text import LONGEST_LABEL, LONGEST_TEXT
from virtuall.export.adam_times import adtte

STANDARD_NAME = "CDISC ADaM, names and labels of Implementation Guide 1.3"


@dataclass(frozen=True, eq=False)
class Adam:
    """The datasets of a study, with results of the charts that are in none of them."""

    study: Study
    datasets: tuple[Dataset, ...]
    left_out: tuple[str, ...]


def adam(study: Study) -> Adam:
    """Make the datasets of a study.

    Raises
    ------
    InputError
        When a text does not fit into SAS transport files.
    """
    given = exposure(study)
    first_dose, _ = treatment_moments(study, given)
    datasets = (
        adsl(study, given),
        adae(study, first_dose),
        adtte(study),
        adlb(study, first_dose),
        adex(study, given),
        adrs(study),
    )
    for each in datasets:
        _check_texts(each)
    return Adam(study, datasets, results_left_out(study))


def title(dataset: Dataset) -> str:
    """The label of a dataset, which says that it is simulated."""
    return f"{SIMULATED} {dataset.label}"


def lengths(dataset: Dataset) -> dict[str, int]:
    """Bytes of each variable: of texts as many as the longest has, of numbers 8."""
    return {
        each.name: max(1, int(dataset.frame[each.name].str.len().max() if len(dataset.frame) else 1))
        if each.kind == "text"
        else 8
        for each in dataset.variables
    }


def define(content: Adam) -> dict[str, Any]:
    """What every dataset and variable is, for ``define.json``."""
    study = content.study
    return {
        "notice": f"{SIMULATED} data of virtual patients. No person stands behind any record.",
        "study": study.identifier,
        "about": study.about,
        "seed": study.seed,
        "standard": STANDARD_NAME,
        "reference_date": study.text.reference_date.isoformat(),
        "reference_date_is": "fictitious: day 0 of the study",
        "response_window_days": study.response_by,
        "left_out_results": list(content.left_out),
        "provenance": study.provenance,
        "datasets": [_defined(each) for each in content.datasets],
    }


def define_rows(content: Adam) -> list[dict[str, Any]]:
    """One row a variable, for ``define.csv``."""
    return [
        {"dataset": each["dataset"], **variable}
        for each in define(content)["datasets"]
        for variable in each["variables"]
    ]


def _defined(dataset: Dataset) -> dict[str, Any]:
    length = lengths(dataset)
    return {
        "dataset": dataset.name,
        "label": title(dataset),
        "structure": dataset.structure,
        "keys": list(dataset.keys),
        "records": len(dataset.frame),
        "parameters": _parameters(dataset),
        "variables": [
            {
                "variable": each.name,
                "label": each.label,
                "type": "Char" if each.kind == "text" else "Num",
                "length": length[each.name],
                "format": FORMATS.get(each.kind, ""),
                "origin": "Simulated",
                "derivation": each.derivation,
            }
            for each in dataset.variables
        ],
    }


def _parameters(dataset: Dataset) -> dict[str, str]:
    if "PARAMCD" not in dataset.frame:
        return {}
    pairs = dataset.frame[["PARAMCD", "PARAM"]].drop_duplicates().sort_values("PARAMCD")
    return dict(zip(pairs["PARAMCD"], pairs["PARAM"], strict=True))


def _check_texts(dataset: Dataset) -> None:
    for variable in dataset.variables:
        _check_label(dataset, variable)
        if variable.kind != "text":
            continue
        for value in dataset.frame[variable.name].unique():
            if not value.isascii() or len(value) > LONGEST_TEXT:
                raise InputError(
                    f"a text does not fit into SAS transport files: at most {LONGEST_TEXT} plain letters (ASCII)",
                    given=value,
                    where=f"{dataset.name}.{variable.name}",
                    hint="change it in the text of the library that it comes from",
                )


def _check_label(dataset: Dataset, variable: Variable) -> None:
    assert len(variable.label) <= LONGEST_LABEL and len(title(dataset)) <= LONGEST_LABEL
