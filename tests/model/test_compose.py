"""From texts to one system: what adds, what multiplies, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from virtuall.core.errors import UnitError, VirtuallError
from virtuall.engine.graph import Graph
from virtuall.model import load_system

ANT = "therapies/drug/biology.ant"
LEUKEMIA = "biology/leukemia/biology.ant"
TOML = "therapies/drug/parameters.toml"
ProblemsOf = Callable[[Path], tuple[VirtuallError, ...]]
Change = Callable[..., Path]


def line_of(path: Path, piece: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if piece in line)


def test_the_tiny_library_becomes_a_system(tiny: Path) -> None:
    model = load_system([tiny], shipped=False)
    system = model.system
    assert system.states == ("L", "H", "A_drug")
    assert [name for name, _ in system.constants] == ["CL", "V"]
    assert {"C_drug", "growth_factor", "birth_L", "L"} <= {name for name, _ in system.signals}
    assert system.scales == (1.0, 1e-3, 1e-3)
    assert system.clocks == ("H",)
    assert system.units["C_drug"] == "ug/L"
    assert model.clocks == {"death": "H"}
    assert model.values["CL_typical"].value == pytest.approx(2.2 * 24, rel=1e-15)
    assert model.values["CL_typical"].given == "2.2 L/h"
    assert model.values["CL_typical"].mark == "V"
    assert model.values["C_half"].value == pytest.approx(0.1)
    assert model.clones["L"].threshold == 1e4
    assert model.modules == ("biology/leukemia", "therapies/drug")


def test_reactions_add_and_factors_multiply(tiny: Path, changed: Change) -> None:
    graph = load_system([tiny], shipped=False).system.graph
    assert isinstance(graph, Graph)
    second = """model other(L)
  stretch: -> 2 L; g*L;
  growth_factor__other := 1/(1 + H_other);
  H_other has dimensionless; H_other = 1; H_other' = 0;
end
"""
    library = changed("support/other/biology.ant", ("", second))
    changed("support/other/parameters.toml", ("", '[scales]\nH_other = "1"\n'))
    system = load_system([library], shipped=False).system
    values = {"L": 7.0, "g": 0.5, "A_drug": 0.0, "H_other": 3.0}
    rate = dict(zip(system.states, system.rates, strict=True))["L"]
    # growth g*L with factors 1 (no drug) and 1/4, and two cells from the new reaction
    assert evaluate(system.graph, rate, values) == pytest.approx(0.5 * 7.0 / 4 + 2 * 0.5 * 7.0)


def evaluate(graph: Graph, node: int, values: dict[str, float]) -> float:
    op, *rest = graph.ops[node]
    if op == "number":
        return float(rest[0])
    if op == "symbol":
        return values.get(str(rest[0]), 1.0)
    a, b = (evaluate(graph, int(each), values) for each in rest)
    return {"add": a + b, "sub": a - b, "mul": a * b, "div": a / b if b else 0.0}[str(op)]


def test_an_empty_slot_is_one(tiny: Path, changed: Change) -> None:
    library = changed(ANT, ("growth_factor__drug := C_half/(C_half + C_drug);", ""))
    system = load_system([library], shipped=False).system
    assert "growth_factor" not in system.parameters
    assert system.graph.ops[dict(system.signals)["birth_L"]] == ("symbol", "g")


def test_constants_come_in_order_of_use(changed: Change) -> None:
    library = changed(ANT, ("V = V_kg*weight;", "V = V_mid*exp(0); V_mid has liter; V_mid = V_kg*weight;"))
    names = [name for name, _ in load_system([library], shipped=False).system.constants]
    assert names.index("V_mid") < names.index("V")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (ANT, "CL_typical*exp(eta_CL)", "CL_typ*exp(eta_CL)", "did you mean 'CL_typical'"),
        (
            ANT,
            "model drug(L, C_drug)",
            "model drug(L, C_drug, T_cells)",
            "module drug needs a name that nothing gives",
        ),
        (ANT, "model drug(L, C_drug)", "model drug(C_drug)", "L belongs to the module leukemia"),
        (
            LEUKEMIA,
            "model leukemia(L, growth_factor)",
            "model leukemia(growth_factor)",
            "L is private to the module leukemia",
        ),
        (
            LEUKEMIA,
            "model leukemia(L, growth_factor)",
            "model leukemia(L)",
            "the slot growth_factor is private",
        ),
        (LEUKEMIA, "growth_factor = 1;", "growth_factor = 2;", "a slot that no module has"),
        (ANT, "growth_factor__drug", "growth_fator__drug", "did you mean 'growth_factor'"),
        (ANT, "V = V_kg*weight;", "V = V_kg*weight; L = 0;", "two modules give L"),
        (
            ANT,
            "V = V_kg*weight;",
            "V = V_kg*weight*C_drug/C_drug;",
            "the constant V depends on the signal C_drug",
        ),
        (ANT, "V = V_kg*weight;", "V = V_kg*weight*(1 + L/L_half);", "the constant V depends on the state L"),
        (
            ANT,
            "V = V_kg*weight;",
            "V = V_kg*weight*R_drug/R_drug;",
            "the constant V depends on the input R_drug",
        ),
        (ANT, "A_drug = 0;", "A_drug = C_drug*V;", "the first value of A_drug depends on the signal C_drug"),
        (ANT, "A_drug = 0;", "", "the state A_drug has no first value"),
        (ANT, "A_drug has ug;", "", "the state A_drug has no unit"),
        (ANT, "kill: L ->", "kill: C_drug ->", "C_drug is no state"),
        (TOML, 'A_drug = "1 ng"', "", "the state A_drug has no scale; add to"),
        (TOML, 'A_drug = "1 ng"', 'A_drug = "1 ng"\nA_drog = "1 ng"', "did you mean 'A_drug'"),
        (TOML, 'A_drug = "1 ng"', 'A_drug = "1 d"', "the scale of A_drug must be in ug"),
        (TOML, "[inputs.R_drug]", "[inputs.R_drugs]", "did you mean 'R_drug"),
        (TOML, 'between = ["eta_CL", "eta_L"]', 'between = ["eta_CL", "eta_M"]', "did you mean 'eta_L'"),
        (
            TOML,
            "[parameters.k_max]",
            "[parameters.C_drug]",
            "C_drug is given here and defined by the equations at",
        ),
        (TOML, "[parameters.k_max]", "[parameters.g]", "g is given twice"),
        ("biology/leukemia/parameters.toml", 'state = "H"', 'state = "HH"', "must name a state"),
        (
            "biology/leukemia/parameters.toml",
            'state = "H"',
            'state = "L"',
            "the integrated hazard L must be in 1, not in cell",
        ),
        (
            "biology/leukemia/parameters.toml",
            'birth = "birth_L"',
            'birth = "birth"',
            "did you mean 'birth_L'",
        ),
        (
            "biology/leukemia/parameters.toml",
            'birth = "birth_L"',
            'birth = "C_drug"',
            "must be in 1/d, not in ug/L",
        ),
        ("biology/leukemia/parameters.toml", "[clones.L]", "[clones.H]", "the clone H must be in cell"),
    ],
)
def test_what_does_not_fit_is_refused(
    changed: Change, problems_of: ProblemsOf, file: str, old: str, new: str, message: str
) -> None:
    found = problems_of(changed(file, (old, new)))
    text = "\n".join(map(str, found))
    assert message in text
    assert all(":" in str(problem).split(" ")[0] for problem in found), "every problem has its place"


def test_a_circle_is_named(changed: Change, problems_of: ProblemsOf) -> None:
    circle = "C_drug := A_drug/V; a := b; b := c*a; c := a; a has ug; b has ug; c has dimensionless;"
    library = changed(ANT, ("C_drug := A_drug/V;", circle))
    (problem,) = problems_of(library)
    assert "these definitions go round in a circle: a -> b -> a" in str(problem) or ("a -> b -> c -> a" in str(problem))
    assert f"{ANT}:{line_of(library / ANT, 'a := b')}" in str(problem)


def test_a_wrong_dimension_is_named_with_its_line(changed: Change, problems_of: ProblemsOf) -> None:
    library = changed(ANT, ("A_drug' = R_drug - CL/V*A_drug;", "A_drug' = R_drug - CL*A_drug;"))
    (problem,) = problems_of(library)
    assert isinstance(problem, UnitError)
    assert f"{ANT}:{line_of(library / ANT, 'R_drug - CL')}" in str(problem)
    assert "'-' joins R_drug in ug/d with CL * A_drug in L*ug/d" in str(problem)
    assert "the dimension differs: mass*time^-1 against" in str(problem)


def test_per_hour_against_per_day_is_found(changed: Change, problems_of: ProblemsOf) -> None:
    library = changed(TOML, ('as = "L/d"\n', ""))
    found = "\n".join(map(str, problems_of(library)))
    assert "CL must be in L/d, not in L/h" in found
    assert "the scale differs: 1 L/h is 24 L/d" in found
    assert f"{ANT}:{line_of(library / ANT, 'CL = ')}" in found


def test_nanogram_against_microgram_is_found(changed: Change, problems_of: ProblemsOf) -> None:
    library = changed(TOML, ('unit = "pg/mL"\nas = "ug/L"', 'unit = "pg/mL"'))
    found = [str(problem) for problem in problems_of(library)]
    assert len(found) == 2, found
    assert any("'+' joins C_drug in ug/L with C_half in pg/mL" in each for each in found)
    assert any("the scale differs: 1 pg/mL is 0.001 ug/L" in each or "is 1000 pg/mL" in each for each in found)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("exp(A_drug)/V*A_drug", "the argument of exp must be a plain number, not in ug"),
        ("A_drug/V*(A_drug^eta_CL)", "the base of a power with a computed exponent must be a plain number"),
        ("A_drug/V*eta_CL^A_drug", "an exponent must be a plain number, not in ug"),
        ("max(A_drug, V)/V", "'max' joins A_drug in ug with V in L"),
        ("piecewise(A_drug/V, A_drug > V, C_half)", "'>' joins A_drug in ug with V in L"),
        ("piecewise(A_drug/V, A_drug > 0, A_drug)", "'piecewise' joins A_drug / V in ug/L with A_drug in ug"),
        ("A_drug/V + 1", "'+' joins A_drug / V in ug/L with 1 in 1"),
        ("sqrt(A_drug)/V", "C_drug must be in ug/L"),
        ("A_drug/V*time", "C_drug must be in ug/L"),
    ],
)
def test_units_of_every_kind_of_formula(changed: Change, problems_of: ProblemsOf, formula: str, message: str) -> None:
    library = changed(ANT, ("C_drug := A_drug/V;", f"C_drug := {formula};"))
    found = "\n".join(map(str, problems_of(library)))
    assert message in found


@pytest.mark.parametrize(
    "formula",
    ["sqrt(A_drug*A_drug)/V", "max(A_drug, 0)/V", "abs(-A_drug)^2/A_drug/V", "A_drug/V*(1 + 2)^2", "0"],
)
def test_formulas_with_sound_units_pass(changed: Change, formula: str) -> None:
    load_system([changed(ANT, ("C_drug := A_drug/V;", f"C_drug := {formula};"))], shipped=False)


def test_a_unit_stated_otherwise_in_another_module_is_found(changed: Change, problems_of: ProblemsOf) -> None:
    found = problems_of(changed(ANT, ("A_drug has ug;", "A_drug has ug; L has cell_per_uL;")))
    assert any("L is stated in cell/uL here but in cell elsewhere" in str(problem) for problem in found)


def test_contradicting_correlations_are_found(changed: Change, problems_of: ProblemsOf) -> None:
    more = """
[random.eta_3]
distribution = "normal"
mean = 0
sd = 1
unit = "1"
doc = "spread"
source = "author2020"
mark = "V"
[[correlation]]
between = ["eta_3", "eta_L"]
value = 0.9
source = "author2020"
mark = "V"
[[correlation]]
between = ["eta_3", "eta_CL"]
value = -0.9
source = "author2020"
mark = "V"
"""
    library = changed(TOML, ("[inputs.R_drug]", more + "[inputs.R_drug]"))
    assert "the correlations contradict each other" in str(problems_of(library)[0])


def test_the_texts_decide_the_fingerprint_and_not_their_place(tiny: Path, changed: Change) -> None:
    here = load_system([tiny], shipped=False).system.fingerprint()
    copy = changed(ANT, ("kill:", "  kill:"))
    assert load_system([copy], shipped=False).system.fingerprint() == here
    other = changed(ANT, ("kill: L -> ;", "kill: 2 L -> ;"))
    assert load_system([other], shipped=False).system.fingerprint() != here
