"""parameters.toml and covariates.toml: a unit, a source and a mark on every number."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtuall.core.errors import Problems
from virtuall.texts.values import DISTRIBUTIONS, read_covariates, read_values

GOOD = """
[parameters.CL]
value = 2.22
unit = "L/h"
as = "L/d"
doc = "clearance"
source = "author2020"
mark = "V"

[random.eta]
distribution = "normal"
mean = 0
sd = 0.7
unit = "1"
doc = "spread"
source = "author2020"
mark = "V"
low = -3

[random.dose]
distribution = "lognormal"
median = 5
sd_log = 0.3
unit = "mg"
as = "ug"
doc = "amount"
source = "assumption"
mark = "A"
why = "a test"

[random.which]
distribution = "choice"
values = [0, 1]
weights = [0.4, 0.6]
unit = "1"
doc = "kind"
source = "author2020"
mark = "D"

[[correlation]]
between = ["eta", "dose"]
value = 0.73
source = "author2020"
mark = "V"

[inputs.R]
unit = "ug/d"
doc = "infusion"

[scales]
A = "1e-3 ug"

[clocks.infection]
state = "H"
doc = "infection"

[clones.L]
birth = "birth_L"
loss = "loss_L"
threshold = "1e4 cell"
doc = "blasts"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "parameters.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_sound_text_is_read(tmp_path: Path) -> None:
    found = read_values(write(tmp_path, GOOD))
    clearance = found.parameters["CL"]
    assert clearance.value == pytest.approx(53.28, rel=1e-15)
    assert (clearance.unit, clearance.given, clearance.mark) == ("L/d", "2.22 L/h", "V")
    assert clearance.position.line == 2
    assert found.random["eta"].low == -3.0
    assert found.random["dose"].numbers == {"median": 5000.0, "sd_log": 0.3}
    assert found.random["which"].choices == (0.0, 1.0)
    assert found.correlations[0].between == ("eta", "dose")
    assert found.inputs["R"].unit == "ug/d"
    assert found.scales["A"].value == 1e-3
    assert found.clocks["infection"].state == "H"
    assert found.clones["L"].threshold == 1e4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'source = "author2020"\nmark = "V"\n\n[random.eta]',
            'mark = "V"\n\n[random.eta]',
            "needs the key 'source'",
        ),
        (
            'source = "author2020"\nmark = "V"\n\n[random.eta]',
            "\n[random.eta]",
            "[parameters.CL] needs source and mark",
        ),
        ('mark = "V"\n\n[random.eta]', 'mark = "X"\n\n[random.eta]', ":8:1: unknown mark; given 'X'"),
        ('why = "a test"\n', "", "an assumption needs its reason: add why"),
        ('doc = "clearance"\nsource', 'doc = "clearance"\nsorce', "given 'sorce'; did you mean 'source'"),
        ("value = 2.22", 'value = "2.22"', ":3:1: value must be a number, not a text; given '2.22'"),
        ("value = 2.22", "value = nan", ":3:1: value must be a finite number"),
        ('as = "L/d"', 'as = "mL"', ":5:1: L/h cannot be given as mL; the dimension differs"),
        ('unit = "L/h"', 'unit = "L/hr"', ":4:1: unknown unit; given 'hr'"),
        ('"normal"', '"normel"', "given 'normel'; did you mean 'normal'? allowed: normal, lognormal"),
        ("sd = 0.7", "sd = -0.7", "sd must be at least 0"),
        ("low = -3", "low = -3\nhigh = -4", "low must be below high"),
        ("median = 5", "median = 0", "must have a median above 0"),
        ("weights = [0.4, 0.6]", "weights = [0.4, 0.7]", "weights must be at least 0 and sum to 1"),
        ("weights = [0.4, 0.6]", "weights = [1]", "lists of the same length"),
        ('between = ["eta", "dose"]', 'between = ["eta"]', "between must name two different random numbers"),
        ("value = 0.73", "value = 1.73", "value must be at most 1"),
        ("[inputs.R]", "[inputs.CL]", "CL is given twice; first at"),
        ('A = "1e-3 ug"', 'A = "0 ug"', "a scale must be above 0"),
        ('A = "1e-3 ug"', "A = true", "A must be a number with a unit; given True"),
        ('state = "H"', 'stat = "H"', "given 'stat'; did you mean 'state'"),
        ('threshold = "1e4 cell"', 'threshold = "1e4 ug"', "a quantity in cell is expected; given '1e4 ug'"),
        ("[clocks.infection]", "[clock.infection]", "given 'clock'; did you mean 'clocks'"),
    ],
)
def test_every_wrong_value_is_found(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(Problems) as caught:
        read_values(write(tmp_path, GOOD.replace(old, new, 1)))
    assert message in str(caught.value)
    assert all(f"parameters.toml:{problem.where.line}" in str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize("kind", sorted(DISTRIBUTIONS))
def test_every_distribution_is_read(tmp_path: Path, kind: str) -> None:
    given = {"sd": 0.5, "sd_log": 0.5, "median": 2, "mean": 0, "low": 1, "high": 3, "p": 0.5}
    lines = [f"{name} = {given[name]}" for name in DISTRIBUTIONS[kind]]
    lines += ["values = [1, 2]", "weights = [0.5, 0.5]"] if kind == "choice" else []
    text = f'[random.x]\ndistribution = "{kind}"\nunit = "1"\ndoc = "x"\nsource = "s"\nmark = "D"\n'
    found = read_values(write(tmp_path, text + "\n".join(lines)))
    assert found.random["x"].distribution == kind


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('distribution = "bernoulli"\np = 1.5\nunit = "1"', "p must lie within 0 and 1"),
        (
            'distribution = "bernoulli"\np = 0.5\nunit = "mg"',
            "a bernoulli number is a plain number; given 'mg'",
        ),
        ('distribution = "loguniform"\nlow = 0\nhigh = 1\nunit = "1"', "a loguniform number must be above 0"),
        ('distribution = "uniform"\nlow = 2\nhigh = 1\nunit = "1"', "low must be below high"),
        ('distribution = "normal"\nmean = 1\nunit = "1"', "[random.x] needs the key 'sd'"),
    ],
)
def test_distributions_that_cannot_be(tmp_path: Path, lines: str, message: str) -> None:
    text = f'[random.x]\n{lines}\ndoc = "x"\nsource = "s"\nmark = "D"\n'
    with pytest.raises(Problems) as caught:
        read_values(write(tmp_path, text))
    assert message in str(caught.value)


def test_covariates(tmp_path: Path) -> None:
    path = tmp_path / "covariates.toml"
    path.write_text('[covariates.bsa]\nunit = "m^2"\ndoc = "body surface"\nlow = 0.2\nhigh = 3\n')
    assert read_covariates(path)["bsa"].high == 3.0
    path.write_text('[covariates.bsa]\nunit = "m^2"\ndoc = "body surface"\nlow = 4\nhigh = 3\n')
    with pytest.raises(Problems, match="low must be below high"):
        read_covariates(path)
