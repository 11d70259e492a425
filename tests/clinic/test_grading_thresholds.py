"""Every threshold of the table of gradings: one case on each side, written from its rows and not from the texts.

A case is a record in the units of the scale (counts in cells per liter, liver values of CTCAE in multiples of the
upper limit of normal) and the grade that the row of the table gives it. `COVERED` says which rows of
``grading_tables.csv`` a block of cases stands for, `UNUSED` which rows no scale uses and why; together they are all.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from virtuall.clinic.graded_table import grade
from virtuall.clinic.grading import GradeProgram, Needed, compile_scale, load_scale
from virtuall.model.shelf import open_shelf

Record = dict[str, Any]
Cases = list[tuple[Record, float | None]]

E9 = 1e9
CASES: dict[str, Cases] = {}
COVERED: list[tuple[str, str, str]] = []  # scale, item, grade of the table; an empty word stands for all


def rows(scale: str, item: str = "", grade: str = "") -> None:
    """Note that the cases after it stand for these rows of the table."""
    COVERED.append((scale, item, grade))


def cases(scale: str, *found: tuple[Record, float | None]) -> None:
    CASES.setdefault(scale, []).extend(found)


def steps(scale: str, column: str, *found: tuple[float, float | None], **more: Any) -> None:
    """Cases that differ in one column."""
    cases(scale, *(({**more, column: value}, grade) for value, grade in found))


HOT = {"temperature": 39.0}

# -- cytokine release -----------------------------------------------------------------------------------------

rows("ASTCT_CRS")
steps("astct_crs", "temperature", (37.9, 0), (38.0, 1))
steps("astct_crs", "vasopressors", (0, 1), (1, 3), (2, 4), **HOT)
steps("astct_crs", "vasopressors", (1, 3), (2, 4), vasopressin=True, **HOT)  # vasopressin does not count
cases("astct_crs", ({**HOT, "hypotension": True}, 2), ({**HOT, "fluids": True}, 2), ({**HOT, "death": True}, 5))
for word, worth in (("none", 1), ("low_flow", 2), ("high_flow", 3), ("positive_pressure", 4), ("ventilator", 4)):
    cases("astct_crs", ({**HOT, "oxygen": word}, worth))
cases("astct_crs", ({**HOT, "oxygen": "low_flow", "vasopressors": 1}, 3))  # the worst of both
# Fever is needed at onset, and waived once it was treated.
steps("astct_crs", "temperature", (37.9, 0), (38.0, 3), vasopressors=1)
cases("astct_crs", ({"temperature": 37.0, "vasopressors": 1, "antipyretic_or_anticytokine": True}, 3))

rows("LEE2014_CRS")
steps("lee2014_crs", "fio2", (0.39, 2), (0.40, 3), oxygen="high_flow", **HOT)
cases("lee2014_crs", (HOT, 1), ({**HOT, "fluids": True}, 2), ({**HOT, "oxygen": "ventilator"}, 4))
steps("lee2014_crs", "vasopressor_dose", (19.9, 2), (20.0, 3), vasopressors=1, **HOT)
steps("lee2014_crs", "vasopressor_dose", (9.9, 2), (10.0, 3), vasopressors=1, vasopressin=True, **HOT)
steps("lee2014_crs", "vasopressors", (1, 2), (2, 3), vasopressor_dose=5.0, **HOT)
cases("lee2014_crs", ({**HOT, "vasopressors": 1, "high_dose_vasopressor": True}, 3))
cases("lee2014_crs", ({**HOT, "vasopressors": 1, "high_dose_vasopressor": False}, 2))
steps("lee2014_crs", "organ_grade", (1, 1), (2, 2), (3, 3), (4, 4), **HOT)
steps("lee2014_crs", "transaminases_grade", (1, 1), (2, 2), (3, 3), (4, 3), **HOT)
cases("lee2014_crs", ({**HOT, "death": True}, 5), ({"temperature": 37.0, "crs_symptoms": True}, 1))

rows("PENN_CRS")
cases("penn_crs", (HOT, 1), ({**HOT, "hospital_care": True}, 2), ({**HOT, "fluids": True}, 3))
steps("penn_crs", "creatinine_grade", (1, 1), (2, 2), (3, 3), **HOT)
steps("penn_crs", "transaminases_grade", (2, 1), (3, 2), (4, 3), **HOT)
cases("penn_crs", ({**HOT, "coagulopathy_products": True}, 3), ({**HOT, "death": True}, 5))
for word, worth in (("none", 1), ("low_flow", 3), ("high_flow", 3), ("positive_pressure", 3), ("ventilator", 4)):
    cases("penn_crs", ({**HOT, "oxygen": word}, worth))
steps("penn_crs", "vasopressor_dose", (19.9, 3), (20.0, 4), vasopressors=1, **HOT)
# The key differences: low-dose single pressor is 3 in Penn, 2 in Lee, 3 in ASTCT; BiPAP 3 in Penn and 4 in ASTCT.
cases("astct_crs", ({**HOT, "vasopressors": 1}, 3), ({**HOT, "oxygen": "positive_pressure"}, 4))

rows("MSKCC_CRS")
cases("mskcc_crs", (HOT, 1), ({**HOT, "oxygen": "ventilator"}, 4), ({**HOT, "refractory_hypotension": True}, 4))
steps("mskcc_crs", "vasopressor_hours", (23.9, 2), (24.0, 3), vasopressors=1, **HOT)
steps("mskcc_crs", "fio2", (0.39, 2), (0.40, 3), oxygen="high_flow", **HOT)

rows("CARTOX_CRS")
steps("cartox_crs", "temperature", (37.9, 0), (38.0, 1))
steps("cartox_crs", "organ_grade", (0, 0), (1, 1), (2, 2), (3, 3), (4, 4), temperature=37.0)
steps("cartox_crs", "transaminases_grade", (0, 0), (1, 1), (2, 2), (3, 3), (4, 3), temperature=37.0)
steps("cartox_crs", "fio2", (0.39, 2), (0.40, 3), oxygen="high_flow", **HOT)
steps("cartox_crs", "vasopressor_dose", (19.9, 2), (20.0, 3), vasopressors=1, **HOT)
cases("cartox_crs", ({**HOT, "vasopressors": 2, "vasopressor_dose": 2.0}, 3), ({**HOT, "fluids": True}, 2))
cases("cartox_crs", ({**HOT, "oxygen": "ventilator"}, 4), ({**HOT, "life_threatening": True}, 4))

rows("CTCAE_v4_CRS")
cases("ctcae_v4_crs", ({"temperature": 37.0}, 0), ({"temperature": 37.0, "reaction": True}, 1), (HOT, 1))
cases("ctcae_v4_crs", ({**HOT, "infusion_interrupted": True}, 2), ({**HOT, "prompt_response": False}, 3))
cases("ctcae_v4_crs", ({**HOT, "recurrence": True}, 3), ({**HOT, "hospital_for_sequelae": True}, 3))
cases(
    "ctcae_v4_crs", ({**HOT, "vasopressors": 1}, 4), ({**HOT, "oxygen": "ventilator"}, 4), ({**HOT, "death": True}, 5)
)
cases("ctcae_v4_crs", ({**HOT, "oxygen": "high_flow"}, 1))

rows("CTCAE_v5_CRS")
steps("ctcae_v5_crs", "temperature", (37.9, 0), (38.0, 1))
steps("ctcae_v5_crs", "fio2", (0.39, 2), (0.40, 3), oxygen="high_flow", **HOT)
cases(
    "ctcae_v5_crs",
    ({**HOT, "fluids": True}, 2),
    ({**HOT, "vasopressors": 1}, 3),
    ({**HOT, "life_threatening": True}, 4),
)
cases(
    "ctcae_v5_crs", ({**HOT, "death": True}, 5), ({**HOT, "vasopressors": 2}, 4), ({**HOT, "oxygen": "ventilator"}, 4)
)

# -- ICANS ----------------------------------------------------------------------------------------------------

rows("ASTCT_ICANS_ADULT")
steps("astct_icans", "ice", (10, 0), (9, 1), (7, 1), (6, 2), (3, 2), (2, 3), (0, 3))
for word, worth in (("awake", 0), ("voice", 2), ("touch", 3), ("stupor", 4)):
    cases("astct_icans", ({"ice": 10, "consciousness": word}, worth))
cases("astct_icans", ({"ice": 9, "consciousness": "awake"}, 1), ({"ice": 0, "consciousness": "stupor"}, 4))
cases("astct_icans", ({"ice": None, "consciousness": "stupor"}, 4), ({"ice": 10, "motor_weakness": True}, 4))
cases("astct_icans", ({"ice": 10, "seizure": "brief"}, 3), ({"ice": 10, "seizure": "prolonged"}, 4))
cases("astct_icans", ({"ice": 10, "edema": "focal"}, 3), ({"ice": 10, "edema": "diffuse"}, 4))
cases("astct_icans", ({"ice": 10, "death": True}, 5), ({"ice": 3, "seizure": "brief"}, 3))

rows("ASTCT_ICANS_PED")
steps("astct_icans_child", "capd", (0, 0), (8, 1), (9, 3))
for word, worth in (("awake", 1), ("voice", 2), ("touch", 3), ("stupor", 4)):
    cases("astct_icans_child", ({"capd": 8, "consciousness": word}, worth))
cases("astct_icans_child", ({"capd": 5, "seizure": "brief"}, 3), ({"capd": 5, "seizure": "prolonged"}, 4))
cases("astct_icans_child", ({"capd": 5, "edema": "focal"}, 3), ({"capd": 5, "edema": "diffuse"}, 4))
cases("astct_icans_child", ({"capd": 5, "motor_weakness": True}, 4), ({"capd": 5, "death": True}, 5))
cases("astct_icans_child", ({"capd": None, "capd_impossible": True}, 4))

rows("ICE")
FULL = {"ice_orientation": 4, "ice_naming": 3, "ice_command": 1, "ice_writing": 1, "ice_attention": 1}
cases(
    "ice",
    (FULL, 10),
    ({**FULL, "ice_orientation": 0}, 6),
    ({**FULL, "ice_naming": 0}, 7),
    ({**FULL, "ice_attention": 0}, 9),
)
cases("ice", (dict.fromkeys(FULL, 0), 0), ({**FULL, "ice_writing": None}, None))

rows("CAPD")
WELL: Record = dict.fromkeys(
    ("capd_eye_contact", "capd_purposeful", "capd_aware", "capd_communicates"), "always"
) | dict.fromkeys(("capd_restless", "capd_inconsolable", "capd_underactive", "capd_slow"), "never")
WORDS = ("never", "rarely", "sometimes", "often", "always")
for each in WELL:
    good_first = WELL[each] == "always"
    for points, word in enumerate(reversed(WORDS) if good_first else WORDS):
        cases("capd", ({**WELL, each: word}, points))
cases("capd", ({each: "never" if word == "always" else "always" for each, word in WELL.items()}, 32))

# -- CTCAE: laboratory ----------------------------------------------------------------------------------------

# grades 4, 3, 2 below these; grade 1 below the lower limit of normal
LOW = {
    "neutrophils": ("neutrophil", "neutrophils", "neutrophils_lower_normal", 2.0 * E9, (0.5 * E9, 1.0 * E9, 1.5 * E9)),
    "platelets": ("platelet", "platelets", "platelets_lower_normal", 150 * E9, (25 * E9, 50 * E9, 75 * E9)),
    "lymphocytes": ("lymphocyte", "lymphocytes", "lymphocytes_lower_normal", 1.0 * E9, (0.2 * E9, 0.5 * E9, 0.8 * E9)),
    "leukocytes": ("white blood", "leukocytes", "leukocytes_lower_normal", 4.0 * E9, (1.0 * E9, 2.0 * E9, 3.0 * E9)),
}


def falling(scale: str, column: str, limit: str, normal: float, bounds: tuple[float, ...], **more: Any) -> None:
    fixed = {limit: normal, **more}
    for grade_below, bound in zip((4, 3, 2), bounds, strict=True):
        steps(scale, column, (bound * 0.999, grade_below), (bound, grade_below - 1), **fixed)
    steps(scale, column, (normal * 0.999, 1), (normal, 0), **fixed)


for version in (4, 5):
    for term, (item, column, limit, normal, bounds) in LOW.items():
        falling(f"ctcae_v{version}_{term}", column, limit, normal, bounds)
        rows("CTCAE_v5", item)
rows("CTCAE_v4", "blood counts, potassium, Hb")
rows("CTCAE_v5", "CD4")
falling("ctcae_v5_cd4", "cd4", "cd4_lower_normal", 0.7 * E9, (0.05 * E9, 0.2 * E9, 0.5 * E9))
rows("CTCAE_v5", "anaemia")
rows("CTCAE_v5", "hypokalaemia")
for version in (4, 5):
    scale = f"ctcae_v{version}_hemoglobin"
    steps(
        scale,
        "hemoglobin",
        (79.9, 3),
        (80.0, 2),
        (99.9, 2),
        (100.0, 1),
        (119.9, 1),
        (120.0, 0),
        hemoglobin_lower_normal=120.0,
    )
    cases(scale, ({"hemoglobin": 90.0, "transfusion": True}, 3), ({"hemoglobin": 60.0, "life_threatening": True}, 4))
    cases(scale, ({"hemoglobin": 60.0, "death": True}, 5))
    scale = f"ctcae_v{version}_hypokalemia"
    steps(scale, "potassium", (2.49, 4), (2.5, 3), (2.99, 3), (3.0, 1), (3.49, 1), (3.5, 0), potassium_lower_normal=3.5)
    steps(
        scale,
        "potassium",
        (2.99, 3),
        (3.0, 2),
        (3.49, 2),
        (3.5, 0),
        potassium_lower_normal=3.5,
        potassium_symptoms=True,
    )
    cases(scale, ({"potassium": 2.0, "death": True}, 5))
    # hyperkalemia: read in the tests of the package that the table names, in both versions the same
    scale = f"ctcae_v{version}_hyperkalemia"
    steps(
        scale,
        "potassium",
        (5.0, 0),
        (5.01, 1),
        (5.5, 1),
        (5.51, 2),
        (6.0, 2),
        (6.01, 3),
        (7.0, 3),
        (7.01, 4),
        potassium_upper_normal=5.0,
    )

# multiples of the upper limit of normal: grades 1 to 4 above these; grade 1 from this multiple of a raised baseline
RISING = {
    "alt": (1, 3, 5, 20, 1.5),
    "ast": (1, 3, 5, 20, 1.5),
    "ggt": (1, 2.5, 5, 20, 2),
    "alkaline_phosphatase": (1, 2.5, 5, 20, 2),
}
rows("CTCAE_v5", "ALT or AST")
rows("CTCAE_v5", "GGT")
rows("CTCAE_v5", "alkaline phosphatase")
rows("CTCAE_v5", "blood bilirubin")
rows("CTCAE_v4", "difference from v5: ALT/AST/bilirubin/GGT/ALP")
for term, (*multiples, first) in RISING.items():
    for place, multiple in enumerate(multiples):
        for version in (4, 5):
            steps(f"ctcae_v{version}_{term}", term, (multiple, place), (multiple * 1.001, place + 1))
        if place:
            raised = {f"{term}_baseline": 2.0}
            steps(f"ctcae_v5_{term}", term, (2 * multiple, place), (2.001 * multiple, place + 1), **raised)
    steps(f"ctcae_v5_{term}", term, (2 * first * 0.999, 0), (2 * first, 1), **{f"{term}_baseline": 2.0})
for place, multiple in enumerate((1, 1.5, 3, 10)):
    for version in (4, 5):
        steps(f"ctcae_v{version}_bilirubin", "bilirubin", (multiple, place), (multiple * 1.001, place + 1))
    steps(
        "ctcae_v5_bilirubin", "bilirubin", (2 * multiple, place), (2.002 * multiple, place + 1), bilirubin_baseline=2.0
    )
# version 3, not in the table: a published table of laboratory values by that version
for place, (liver, kidney) in enumerate(((1, 1), (2.5, 1.5), (5, 3), (20, 6))):
    for term, multiple in (("alt", liver), ("ast", liver), ("creatinine", kidney)):
        steps(f"ctcae_v3_{term}", term, (multiple, place), (multiple * 1.001, place + 1))

rows("CTCAE_v5", "creatinine")
steps(
    "ctcae_v5_creatinine",
    "creatinine",
    (1.0, 0),
    (1.01, 1),
    (1.5, 1),
    (1.51, 2),
    (3.0, 2),
    (3.01, 3),
    (6.0, 3),
    (6.01, 4),
    creatinine_upper_normal=1.0,
)
steps(
    "ctcae_v5_creatinine",
    "creatinine",
    *((1.5, 0), (1.51, 2), (3.0, 2), (3.01, 3)),
    creatinine_upper_normal=4.0,
    creatinine_baseline=1.0,
)
rows("CTCAE_v5", "hypomagnesaemia")
steps(
    "ctcae_v5_hypomagnesemia",
    "magnesium",
    (0.7, 0),
    (0.69, 1),
    (0.5, 1),
    (0.49, 2),
    (0.4, 2),
    (0.39, 3),
    (0.3, 3),
    (0.29, 4),
    magnesium_lower_normal=0.7,
)
rows("CTCAE_v5", "hyponatraemia")
steps(
    "ctcae_v5_hyponatremia",
    "sodium",
    (135, 0),
    (134, 1),
    (130, 1),
    (129, 2),
    (125, 2),
    (124, 3),
    (120, 3),
    (119, 4),
    sodium_lower_normal=135,
)
steps("ctcae_v5_hyponatremia", "sodium", (130, 1), (129, 3), (125, 3), sodium_lower_normal=135, symptomatic=True)
rows("CTCAE_v4", "difference from v5: hyponatraemia")
steps(
    "ctcae_v4_hyponatremia",
    "sodium",
    (135, 0),
    (134, 1),
    (130, 1),
    (129, 3),
    (120, 3),
    (119, 4),
    sodium_lower_normal=135,
)
rows("CTCAE_v5", "hypoalbuminaemia")
steps(
    "ctcae_v5_hypoalbuminemia",
    "albumin",
    (35, 0),
    (34.9, 1),
    (30, 1),
    (29.9, 2),
    (20, 2),
    (19.9, 3),
    albumin_lower_normal=35,
)
cases("ctcae_v5_hypoalbuminemia", ({"albumin": 15.0, "life_threatening": True}, 4))
rows("CTCAE_v5", "fibrinogen")
steps(
    "ctcae_v5_fibrinogen",
    "fibrinogen",
    (4, 0),
    (3.99, 1),
    (3, 1),
    (2.99, 2),
    (2, 2),
    (1.99, 3),
    (1, 3),
    (0.99, 4),
    fibrinogen_lower_normal=4,
)
steps("ctcae_v5_fibrinogen", "fibrinogen", (0.5, 3), (0.49, 4), fibrinogen_lower_normal=1.6)
rows("CTCAE_v5", "lipase")
steps("ctcae_v5_lipase", "lipase", (1, 0), (1.01, 1), (1.5, 1), (1.51, 2), (5, 2), (5.01, 3))
steps("ctcae_v5_lipase", "lipase", (2, 2), (2.01, 3), (5, 3), (5.01, 4), symptomatic=True)
rows("CTCAE_v4", "difference from v5: lipase")
steps("ctcae_v4_lipase", "lipase", (1.5, 1), (1.51, 2), (2, 2), (2.01, 3), (5, 3), (5.01, 4))
rows("CTCAE_v5", "INR")
steps("ctcae_v5_inr", "inr", (1.2, 0), (1.21, 1), (1.5, 1), (1.51, 2), (2.5, 2), (2.51, 3))
rows("CTCAE_v5", "aPTT")
steps("ctcae_v5_aptt", "aptt", (1, 0), (1.01, 1), (1.5, 1), (1.51, 2), (2.5, 2), (2.51, 3))
cases("ctcae_v5_aptt", ({"aptt": 1.2, "bleeding": True}, 3))
rows("CTCAE_v5", "hyperuricaemia")
steps("ctcae_v5_hyperuricemia", "uric_acid", (1.0, 0), (1.01, 1))
steps("ctcae_v5_hyperuricemia", "uric_acid", (1.0, 0), (1.01, 3), symptomatic=True)
cases("ctcae_v5_hyperuricemia", ({"uric_acid": 3.0, "life_threatening": True}, 4))

# -- CTCAE: the heart, fever, infection, infusion -------------------------------------------------------------

rows("CTCAE_v5", "QTc")
steps("ctcae_v5_qtc", "qtc", (449, 0), (450, 1), (480, 1), (481, 2), (500, 2), (501, 3))
steps("ctcae_v5_qtc", "qtc_baseline", (400, 1), (399, 3), qtc=460)
cases("ctcae_v5_qtc", ({"qtc": 520, "arrhythmia": True}, 4))
rows("CTCAE_v4", "QTc")
steps("ctcae_v4_qtc", "qtc", (449, 0), (450, 1), (480, 1), (481, 2), (500, 2), (501, 3), qtc_confirmed=True)
cases("ctcae_v4_qtc", ({"qtc": 501, "qtc_confirmed": False}, 2), ({"qtc": 501, "arrhythmia": True}, 4))
rows("CTCAE_v5", "fever")
steps(
    "ctcae_v5_fever",
    "temperature",
    (37.9, 0),
    (38.0, 1),
    (39.0, 1),
    (39.1, 2),
    (40.0, 2),
    (40.1, 3),
    high_fever_hours=5,
)
steps("ctcae_v5_fever", "high_fever_hours", (24, 3), (24.1, 4), temperature=40.5)
cases("ctcae_v5_fever", ({"temperature": 41.0, "death": True}, 5), ({"temperature": 40.5}, None))
rows("CTCAE_v5", "febrile neutropenia")
steps("ctcae_v5_febrile_neutropenia", "temperature", (38.3, 0), (38.4, 3), neutrophils=0.4 * E9, fever_hours=1)
steps("ctcae_v5_febrile_neutropenia", "fever_hours", (1, 0), (1.1, 3), neutrophils=0.4 * E9, temperature=38.0)
steps("ctcae_v5_febrile_neutropenia", "temperature", (37.9, 0), (38.0, 3), neutrophils=0.4 * E9, fever_hours=2)
steps("ctcae_v5_febrile_neutropenia", "neutrophils", (1.0 * E9, 0), (0.999 * E9, 3), temperature=39.0)
steps("ctcae_v5_febrile_neutropenia", "life_threatening", (0, 3), (1, 4), temperature=39.0, neutrophils=0.0)
cases("ctcae_v5_febrile_neutropenia", ({"temperature": 39.0, "neutrophils": 0.0, "death": True}, 5))
rows("CTCAE_v5", "infusion-related")
CALM: Record = {"reaction": False}
cases(
    "ctcae_v5_infusion_reaction",
    (CALM, 0),
    ({"reaction": True}, 1),
    ({"reaction": True, "infusion_interrupted": True}, 2),
)
for sign, worth in (
    ("recurrence", 3),
    ("hospital_for_sequelae", 3),
    ("life_threatening", 4),
    ("death", 5),
):
    cases("ctcae_v5_infusion_reaction", ({"reaction": True, sign: True}, worth))
cases("ctcae_v5_infusion_reaction", ({"reaction": True, "prompt_response": False}, 3))

WORDED: dict[str, tuple[str, str, dict[str, int]]] = {
    "allergic_reaction": ("allergic", "allergy", {"none": 0, "no_therapy": 1, "oral_therapy": 2, "anaphylaxis": 3}),
    "infection": ("infection (organ", "anti_infective", {"none": 0, "oral": 2, "iv": 3}),
    "encephalopathy": (
        "encephalopathy",
        "encephalopathy",
        {"none": 0, "mild": 1, "moderate": 2, "severe": 3, "life_threatening": 4},
    ),
    "seizure": (
        "seizure",
        "seizure_kind",
        {"none": 0, "brief_partial": 1, "brief_generalized": 2, "new_onset": 3, "multiple": 3, "status": 4},
    ),
    "tremor": ("tremor", "tremor", {"none": 0, "mild": 1, "moderate": 2, "severe": 3}),
    "headache": ("headache", "headache", {"none": 0, "mild": 1, "moderate": 2, "severe": 3}),
    "constipation": ("constipation", "constipation", {"none": 0, "occasional": 1, "regular": 2, "manual": 3}),
    "nausea": ("nausea", "nausea", {"none": 0, "appetite": 1, "reduced_intake": 2, "inadequate_intake": 3}),
    "hypotension": ("hypotension", "hypotension_care", {"none": 0, "asymptomatic": 1, "non_urgent": 2, "hospital": 3}),
}
for term, (item, column, worths) in WORDED.items():
    rows("CTCAE_v5", item)
    cases(f"ctcae_v5_{term}", *(({column: word}, worth) for word, worth in worths.items()))
for term in ("allergic_reaction", "infection", "constipation", "hypotension"):
    cases(f"ctcae_v5_{term}", ({WORDED[term][1]: "none", "life_threatening": True}, 4))
cases("ctcae_v5_infection", ({"anti_infective": "iv", "death": True}, 5))
cases("ctcae_v5_encephalopathy", ({"encephalopathy": "severe", "death": True}, 5))
# version 4, not in the table: a published table of neurotoxicity by that version
neurologic_4 = {
    "encephalopathy": {"none": 0, "mild": 1, "moderate": 2, "severe": 3, "life_threatening": 4},
    "seizure": {"none": 0, "brief_partial": 1, "brief_generalized": 2, "multiple": 3, "status": 4},
}
for term, worths in neurologic_4.items():
    cases(f"ctcae_v4_{term}", *(({WORDED[term][1]: word}, worth) for word, worth in worths.items()))
rows("CTCAE_v5", "sepsis")
cases("ctcae_v5_sepsis", ({"positive_culture": False}, 0), ({"positive_culture": True}, 3))
cases(
    "ctcae_v5_sepsis",
    ({"positive_culture": True, "life_threatening": True}, 4),
    ({"positive_culture": True, "death": True}, 5),
)
rows("CTCAE_v5", "oedema limbs")
steps("ctcae_v5_edema_limbs", "limb_difference", (0.049, 0), (0.05, 1), (0.10, 1), (0.101, 2), (0.30, 2), (0.301, 3))
rows("CTCAE_v5", "rash")
steps(
    "ctcae_v5_rash",
    "rash_area",
    (0.0, 0),
    (0.01, 1),
    (0.099, 1),
    (0.10, 2),
    (0.30, 2),
    (0.301, 3),
    limits_self_care=True,
)
rows("CTCAE_v5", "hypoxia")
cases("ctcae_v5_hypoxia", ({"hypoxia_at_rest": False}, 0), ({"hypoxia_at_rest": False, "oxygen_on_exertion": True}, 2))
cases("ctcae_v5_hypoxia", ({"hypoxia_at_rest": True}, 3), ({"hypoxia_at_rest": True, "oxygen": "ventilator"}, 4))

# -- veno-occlusive disease -----------------------------------------------------------------------------------

rows("VOD_SEATTLE_MOD")
LIVER: Record = {"day": 10, "bilirubin": 1.0, "weight_gain": 0.0}
cases("vod_seattle_modified", (LIVER, 0), ({**LIVER, "liver_pain": True}, 0))
steps("vod_seattle_modified", "bilirubin", (2.0, 0), (2.01, 1), day=10, weight_gain=0.0, liver_pain=True)
steps("vod_seattle_modified", "weight_gain", (0.02, 0), (0.0201, 1), day=10, bilirubin=1.0, hepatomegaly=True)
steps("vod_seattle_modified", "day", (20, 1), (21, 0), bilirubin=3.0, weight_gain=0.03)
rows("VOD_BALTIMORE")
steps("vod_baltimore", "bilirubin", (1.99, 0), (2.0, 1), day=10, weight_gain=0.06, ascites=True)
steps("vod_baltimore", "weight_gain", (0.05, 0), (0.051, 1), day=10, bilirubin=3.0, liver_pain=True)
steps(
    "vod_baltimore",
    "day",
    (21, 1),
    (22, 0),
    bilirubin=3.0,
    weight_gain=0.0,
    ascites=True,
    liver_pain=True,
)
rows("VOD_EBMT_ADULT", "classical")
rows("VOD_EBMT_ADULT", "late")
steps("vod_ebmt_adult", "bilirubin", (1.99, 0), (2.0, 1), day=10, weight_gain=0.06, ascites=True)
steps("vod_ebmt_adult", "bilirubin", (1.99, 0), (2.0, 1), day=40, weight_gain=0.06, ascites=True)
steps("vod_ebmt_adult", "day", (21, 0), (22, 1), bilirubin=1.0, weight_gain=0.0, vod_histology=True)
steps(
    "vod_ebmt_adult",
    "weight_gain",
    (0.05, 0),
    (0.051, 1),
    day=40,
    bilirubin=1.0,
    ascites=True,
    vod_imaging=True,
)
steps(
    "vod_ebmt_adult",
    "day",
    (21, 0),
    (22, 1),
    bilirubin=1.0,
    weight_gain=0.06,
    ascites=True,
    vod_imaging=True,
)
rows("VOD_EBMT_ADULT", "2023")
steps("vod_ebmt_2023", "bilirubin", (1.99, 0), (2.0, 1), weight_gain=0.0, liver_pain=True)
steps("vod_ebmt_2023", "weight_gain", (0.05, 0), (0.051, 1), bilirubin=1.0, vod_imaging=True)
steps("vod_ebmt_2023", "bilirubin", (1.99, 1), (2.0, 2), weight_gain=0.0, liver_pain=True, ascites=True)
steps("vod_ebmt_2023", "hvpg", (9.9, 0), (10.0, 3), bilirubin=1.0, weight_gain=0.0)
cases("vod_ebmt_2023", ({"bilirubin": 1.0, "weight_gain": 0.0, "vod_histology": True}, 3))

rows("VOD_EBMT_ADULT_SEV")
MILD: Record = {
    "days_since_first_sign": 9,
    "bilirubin": 2.0,
    "alt": 1.0,
    "ast": 1.0,
    "weight_gain": 0.01,
    "creatinine": 1.0,
    "creatinine_baseline": 1.0,
}
# with one other sign of the grade above, each threshold decides
BESIDE = {2: {"creatinine": 1.2}, 3: {"creatinine": 1.5}, 4: {"creatinine": 2.0}}
cases(
    "vod_ebmt_adult_severity",
    (MILD, 1),
    *(({**MILD, **beside}, max(1, worth - 1)) for worth, beside in ((2, BESIDE[2]),)),
)
for worth, column, below, above in (
    (2, "bilirubin", 2.99, 3.0),
    (3, "bilirubin", 4.99, 5.0),
    (4, "bilirubin", 7.99, 8.0),
    (2, "alt", 2.0, 2.01),
    (3, "ast", 5.0, 5.01),
    (4, "alt", 8.0, 8.01),
    (2, "weight_gain", 0.049, 0.05),
    (4, "weight_gain", 0.099, 0.10),
    (2, "days_since_first_sign", 7.1, 7.0),
    (3, "days_since_first_sign", 4.1, 4.0),
):
    steps(
        "vod_ebmt_adult_severity",
        column,
        (below, worth - 1),
        (above, worth),
        **{**MILD, **BESIDE[worth], column: 0} | {},
    )
for worth, below, above in ((2, 1.19, 1.2), (3, 1.49, 1.5), (4, 1.99, 2.0)):
    beside = {"bilirubin": {2: 3.0, 3: 5.0, 4: 8.0}[worth]}
    steps(
        "vod_ebmt_adult_severity",
        "creatinine",
        (below, worth - 1),
        (above, worth),
        **{**MILD, **beside},
    )
cases("vod_ebmt_adult_severity", ({**MILD, "creatinine": 1.5, "bilirubin_doubled_in_48h": True}, 3))
cases("vod_ebmt_adult_severity", ({**MILD, "organ_failure": True}, 4))
steps("vod_ebmt_adult_severity", "vod_risk_factors", (1, 1), (2, 2), **MILD)
steps("vod_ebmt_adult_severity", "vod_risk_factors", (1, 2), (2, 3), **{**MILD, "bilirubin": 3.0, "creatinine": 1.2})

rows("VOD_EBMT_PED", "diagnosis")
CHILD: Record = {"bilirubin": 1.0, "weight_gain": 0.0}
cases(
    "vod_ebmt_child",
    (CHILD, 0),
    ({**CHILD, "ascites": True}, 0),
    ({**CHILD, "ascites": True, "hepatomegaly": True}, 1),
)
cases("vod_ebmt_child", ({**CHILD, "refractory_thrombocytopenia": True, "weight_rising": True}, 1))
cases("vod_ebmt_child", ({**CHILD, "bilirubin_rising": True, "ascites": True}, 1))
steps("vod_ebmt_child", "bilirubin", (1.99, 0), (2.0, 1), weight_gain=0.0, ascites=True)
steps("vod_ebmt_child", "weight_gain", (0.05, 0), (0.051, 1), bilirubin=1.0, ascites=True)

rows("VOD_EBMT_PED_SEV")
SICK: Record = {"alt": 1.0, "ast": 1.0, "bilirubin": 1.0, "gfr": 90}
cases("vod_ebmt_child_severity", (SICK, 1))
for column, found in (
    ("alt", ((2.0, 1), (2.01, 2), (5.0, 2), (5.01, 3))),
    ("ast", ((2.0, 1), (2.01, 2), (5.0, 2), (5.01, 3))),
    ("refractory_thrombocytopenia_days", ((2.9, 1), (3, 2), (7, 2), (7.1, 3))),
    ("bilirubin", ((1.99, 1), (2.0, 3))),
    ("gfr", ((60, 1), (59, 2), (30, 2), (29, 3), (15, 3), (14, 4))),
    ("oxygen_flow", ((2.0, 1), (2.1, 2))),
):
    steps("vod_ebmt_child_severity", column, *found, **SICK)
for sign, worth in (
    ("ventilatory_support", 3),
    ("cognitive_impairment", 4),
    ("organ_failure", 4),
):
    cases("vod_ebmt_child_severity", ({**SICK, sign: True}, worth))
for word, worth in (("impaired", 3), ("replaced", 4)):
    cases("vod_ebmt_child_severity", ({**SICK, "coagulation": word}, worth))
for word, worth in (("minimal", 1), ("moderate", 2), ("paracentesis", 3)):
    cases("vod_ebmt_child_severity", ({**SICK, "ascites_degree": word}, worth))
# two of the signs that severe and very severe share (footnote of the table)
steps("vod_ebmt_child_severity", "alt", (5.0, 3), (5.01, 4), **{**SICK, "bilirubin": 2.0})

rows("VOD_SEATTLE_SEV")
COURSE: Record = {"day": 60, "vod_treated": False, "vod_resolved": True}
cases("vod_seattle_severity", (COURSE, 1), ({**COURSE, "vod_treated": True}, 2), ({**COURSE, "death": True}, 3))
steps("vod_seattle_severity", "day", (99, 0), (100, 3), vod_treated=True, vod_resolved=False)

# -- scores ---------------------------------------------------------------------------------------------------

rows("CAR_HEMATOTOX")
GOOD: Record = {"platelets": 200 * E9, "neutrophils": 2 * E9, "hemoglobin": 120, "crp": 1, "ferritin": 100}
for column, found in (
    ("platelets", ((175.1 * E9, 0), (175 * E9, 1), (75 * E9, 1), (74.9 * E9, 2))),
    ("neutrophils", ((1.2 * E9, 0), (1.199 * E9, 1))),
    ("hemoglobin", ((90.0, 0), (89.9, 1))),
    ("crp", ((29.9, 0), (30.0, 1))),
    ("ferritin", ((649, 0), (650, 1), (2000, 1), (2001, 2))),
):
    steps("car_hematotox", column, *found, **GOOD)
cases(
    "car_hematotox",
    ({"platelets": 10 * E9, "neutrophils": 0.1 * E9, "hemoglobin": 70, "crp": 100, "ferritin": 5000}, 7),
)

rows("EASIX")
cases(
    "easix",
    ({"ldh": 300, "creatinine": 1.0, "platelets": 50 * E9}, 6.0),
    ({"ldh": 467, "creatinine": 1.0, "platelets": 100 * E9}, 4.67),
)
cases("easix_simplified", ({"ldh": 300, "platelets": 50 * E9}, 6.0))
cases("easix_modified", ({"ldh": 300, "crp": 20, "platelets": 50 * E9}, 12.0))

rows("HSCORE")
COOL: Record = {
    "temperature": 37.0,
    "hepatomegaly": False,
    "splenomegaly": False,
    "ferritin": 100,
    "triglycerides": 1.0,
}
COOL |= {"hemoglobin": 120, "leukocytes": 6 * E9, "platelets": 200 * E9}
COOL |= {"fibrinogen": 3.0, "ast": 20, "hemophagocytosis": False}
for column, found in (
    ("temperature", ((38.3, 0), (38.4, 33), (39.4, 33), (39.5, 49))),
    ("hepatomegaly", ((False, 0), (True, 23))),
    ("splenomegaly", ((False, 0), (True, 23))),
    ("ferritin", ((1999, 0), (2000, 35), (6000, 35), (6001, 50))),
    ("triglycerides", ((1.49, 0), (1.5, 44), (4.0, 44), (4.01, 64))),
    ("fibrinogen", ((2.51, 0), (2.5, 30))),
    ("ast", ((29, 0), (30, 19))),
    ("hemophagocytosis", ((False, 0), (True, 35))),
    ("immunosuppressed", ((False, 0), (True, 18))),
):
    cases("hscore", *(({**COOL, column: value}, score) for value, score in found))

cases("hscore", ({**COOL, "hepatomegaly": True, "splenomegaly": True}, 38))
# one, two, three low lineages, each at its edge
LOW_LINEAGES = {"hemoglobin": (92.1, 92), "leukocytes": (5.01 * E9, 5 * E9), "platelets": (110.1 * E9, 110 * E9)}
for edge in LOW_LINEAGES:
    others = {name: pair[1] for name, pair in LOW_LINEAGES.items() if name != edge}
    steps("hscore", edge, (LOW_LINEAGES[edge][0], 24), (LOW_LINEAGES[edge][1], 34), **{**COOL, **others})
    cases("hscore", ({**COOL, edge: LOW_LINEAGES[edge][1]}, 0))

rows("IEC_HS", "grade")
cases("iec_hs", ({"iec_hs": False}, 0), ({"iec_hs": True}, 1))
for sign, worth in (("intervention", 2), ("hospital_care", 3), ("life_threatening", 4), ("death", 5)):
    cases("iec_hs", ({"iec_hs": True, sign: True}, worth))

# -- over runs of days, graded through the table --------------------------------------------------------------

rows("ICAHT_EARLY (day 0-30, longest run of ANC)")
rows("ICAHT_LATE (after day 30)")

# -- rows that no scale uses ----------------------------------------------------------------------------------

UNUSED = {
    ("TRIAL_SCALE", "", ""): "says which trial used which scale",
    ("CTCAE_v6", "", ""): "refused: it moved grades, and no trial here used it",
    ("IEC_HS", "required", ""): "the diagnosis asks what the syndrome is attributed to",
}


@cache
def program_of(scale: str) -> GradeProgram:
    return compile_scale(load_scale(scale, open_shelf()))


def code(needed: Needed, value: Any) -> float:
    """A value as a program reads it."""
    if value is None:
        return float("nan")
    return float(needed.sign.levels.index(value) if isinstance(value, str) else value)


def grades(scale: str, records: list[Record]) -> list[float | None]:
    program = program_of(scale)
    columns = program.scale.columns
    assert not {name for record in records for name in record} - {*columns, "day"}, scale
    count = len(records)
    known = {
        name: np.array([code(needed, record[name]) if name in record else needed.absent for record in records])
        for name, needed in columns.items()
    }
    days = np.array([float(record.get("day", 0)) for record in records])
    found = program.evaluate(program.memory(count), np.arange(count), days, known).grade
    return [None if np.isnan(each) else float(each) for each in found]


@pytest.mark.parametrize("scale", sorted(CASES))
def test_each_side_of_every_threshold(scale: str) -> None:
    records = [record for record, _ in CASES[scale]]
    found = grades(scale, records)
    wrong = [
        f"{record}: {given}, wanted {wanted}"
        for (record, wanted), given in zip(CASES[scale], found, strict=True)
        if given != (None if wanted is None else pytest.approx(wanted))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("scale", "base", "column", "pair", "bands"),
    [
        (
            "capd",
            {**WELL, "capd_restless": "always", "capd_slow": "always"},
            "capd_underactive",
            ("never", "rarely"),
            ("negative", "positive"),
        ),
        ("car_hematotox", GOOD, "platelets", (75 * E9, 74.9 * E9), ("low", "high")),
        ("easix", {"creatinine": 1.0, "platelets": 100 * E9}, "ldh", (467, 467.1), ("", "high")),
        # 49 + 23 + 34 + 44 = 150 points, and 19 of the last item
        (
            "hscore",
            {**COOL, "temperature": 39.5, "hepatomegaly": True, "triglycerides": 1.5}
            | {name: pair[1] for name, pair in LOW_LINEAGES.items()},
            "ast",
            (29, 30),
            ("negative", "positive"),
        ),
    ],
)
def test_the_bands_of_the_scores(
    scale: str, base: Record, column: str, pair: tuple[Any, Any], bands: tuple[str, str]
) -> None:
    said = {
        "alt": "ULN",
        "ast": "U/L",
        "creatinine": "mg/dL",
        "crp": "mg/L",
        "triglycerides": "mmol/L",
        "fibrinogen": "g/L",
    }
    table = pd.DataFrame([{**base, column: value} for value in pair])
    table.insert(0, "patient", ["a", "b"])
    table.insert(1, "day", 0)
    result = grade(table, scale, {name: unit for name, unit in said.items() if name in table})
    assert tuple(result["by"]) == bands


def course(counts: list[float], first: int = 0) -> pd.DataFrame:
    """One patient's neutrophils per microliter, day by day; None is a day without a row."""
    found = [(first + day, count) for day, count in enumerate(counts) if count is not None]
    return pd.DataFrame({"patient": 1, "day": [d for d, _ in found], "neutrophils [cell/uL]": [c for _, c in found]})


@pytest.mark.parametrize(
    ("low", "days", "wanted"),
    [
        (501, 30, 0),
        (500, 1, 1),
        (500, 6, 1),
        (500, 7, 2),
        (500, 13, 2),
        (500, 14, 3),
        (500, 30, 3),
        (500, 31, 4),
        (101, 6, 1),
        (100, 6, 1),
        (100, 7, 3),
        (100, 13, 3),
        (100, 14, 4),
    ],
)
def test_early_hematotoxicity_by_the_longest_run(low: float, days: int, wanted: int) -> None:
    result = grade(course(([low] * days + [2000.0] * 31)[:31]), "icaht_early")
    assert result["grade"].tolist() == [wanted]


@pytest.mark.parametrize(("gap", "wanted"), [(1, 2), (2, 2), (3, 1)])
def test_runs_are_joined_unless_the_break_lasts_three_days(gap: int, wanted: int) -> None:
    counts = [2000.0] * 3 + [400.0] * 3 + [600.0] * gap + [400.0] * 3 + [2000.0] * 20
    assert grade(course(counts[:31]), "icaht_early")["grade"].tolist() == [wanted]


def test_a_day_without_a_count_counts_only_where_it_matters() -> None:
    inside: list[Any] = [2000.0, *[400.0] * 4, None, *[400.0] * 4, *[2000.0] * 21]
    assert grade(course(inside), "icaht_early")["grade"].tolist() == [2]  # 9 days, whatever the sixth was
    edge: list[Any] = [2000.0, *[400.0] * 6, None, *[2000.0] * 23]
    result = grade(course(edge), "icaht_early")  # 6 or 7 days
    assert result["grade"].isna().tolist() == [True]
    assert result["by"].tolist() == ["unknown: neutrophils on some days"]


def test_days_after_the_thirtieth_belong_to_the_late_scale() -> None:
    counts = [2000.0] * 31 + [400.0] * 10
    assert grade(course(counts), "icaht_early")["grade"].tolist() == [0]
    assert grade(course(counts), "icaht_late")["grade"].tolist() == [3]


@pytest.mark.parametrize(
    ("lowest", "wanted"), [(1501, 0), (1500, 1), (1001, 1), (1000, 2), (501, 2), (500, 3), (101, 3), (100, 4)]
)
def test_late_hematotoxicity_by_the_lowest_lasting_count(lowest: float, wanted: int) -> None:
    lasting = course([3000.0, lowest, min(lowest + 1, 1500.0) if lowest <= 1500 else 3000.0], first=40)
    assert grade(lasting, "icaht_late")["grade"].tolist() == [wanted]
    transient = course([3000.0, lowest, 3000.0], first=40)
    assert grade(transient, "icaht_late")["grade"].tolist() == [0]
    assert grade(course([lowest], first=40), "icaht_late")["grade"].tolist() == [wanted]


def test_every_row_of_the_table_is_used_or_left_out_for_a_reason(evidence: Path) -> None:
    with (evidence / "grading_tables.csv").open(encoding="utf-8", newline="") as file:
        table = [(row["scale"], row["item"], row["grade"]) for row in csv.DictReader(file)]

    def meant(row: tuple[str, str, str], key: tuple[str, str, str]) -> bool:
        return row[0] == key[0] and row[1].startswith(key[1]) and (not key[2] or row[2] == key[2])

    keys = [*COVERED, *UNUSED]
    assert [row for row in table if not any(meant(row, key) for key in keys)] == []
    assert [key for key in keys if not any(meant(row, key) for row in table)] == []


def test_every_scale_has_cases() -> None:
    shelf = open_shelf()
    by_table = {"icaht_early", "icaht_late"}
    names = {path.stem for path in shelf.matching("grading/*.toml").values()}
    assert names - set(CASES) - by_table == {"ctcae_v6"}
