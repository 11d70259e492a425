"""The reader of equations: what it reads, what it refuses, and in which words."""

from __future__ import annotations

import antimony
import pytest

from virtuall.core.errors import Problems, TextError, VirtuallError
from virtuall.core.position import Position
from virtuall.texts.equations import parse_equations
from virtuall.texts.formula import written

HEAD = "model m(L)\n"


def read(body: str) -> VirtuallError:
    with pytest.raises(VirtuallError) as caught:
        parse_equations(f"{HEAD}{body}\nend", "m.ant")
    return caught.value


def test_a_module_is_read() -> None:
    text = """# a comment
model drug(L, C_drug)   // needs and gives
  species A, C_x;
  A_drug has ug;
  A_drug = 0;
  A_drug' = R_drug - CL/V*A_drug;
  C_drug := A_drug/V;
  CL = CL_typical*(BSA/BSA_reference)^BSA_exponent*exp(eta_CL);
  death: L -> ; k*L;   mature: A => 2 B + C_x; k*A;
  -> L; birth;
  leak = 1;
  leak__drug := piecewise(1, C_drug < C_low && !(time > 2), max(0, C_drug, L)^-2);
end
"""
    found = parse_equations(text, "drug.ant")
    assert found.name.name == "drug"
    assert list(found.ports) == ["L", "C_drug"]
    assert found.units["A_drug"].unit.name == "ug"
    assert written(found.rates["A_drug"].formula) == "R_drug - ((CL / V) * A_drug)"
    assert written(found.values["CL"].formula) == (
        "(CL_typical * ((BSA / BSA_reference) ^ BSA_exponent)) * exp(eta_CL)"
    )
    assert written(found.signals["leak__drug"].formula) == (
        "piecewise(1, (C_drug < C_low) && (!(time > 2)), max(0, C_drug, L) ^ -2)"
    )
    assert [each.name for each in found.reactions] == ["death", "mature", "reaction_3"]
    assert [(count, each.name) for count, each in found.reactions[1].produced] == [(2, "B"), (1, "C_x")]
    assert found.rates["A_drug"].name.position == Position("drug.ant", 6, 3)
    assert found.defines("C_drug") == Position("drug.ant", 7, 3)
    assert found.defines("L") is None
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()


@pytest.mark.parametrize(
    ("formula", "meaning"),
    [
        ("a - b - c", "(a - b) - c"),
        ("a/b/c", "(a / b) / c"),
        ("a/b*c", "(a / b) * c"),
        ("-a^2", "-(a ^ 2)"),
        ("-a*b", "(-a) * b"),
        ("a*-b", "a * (-b)"),
        ("a^(-2)", "a ^ -2"),
        ("a^12", "a ^ 12"),
        ("a + b*c^d", "a + (b * (c ^ d))"),
    ],
)
def test_precedence(formula: str, meaning: str) -> None:
    found = parse_equations(f"{HEAD} x := {formula};\nend", "m.ant")
    assert written(found.signals["x"].formula) == meaning


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "x = 1\ny = 2;",
            "m.ant:3:1: this word does not fit here; given 'y'; expected ';' or an operator; is the ';' ",
        ),
        ("x = 1 + ;", "m.ant:2:9: this word does not fit here; given ';'; expected a formula"),
        ("x = (a + b;", "m.ant:2:11: this word does not fit here; given ';'; expected ')'"),
        ("x = a^b^c;", "m.ant:2:8: this word does not fit here; given '^'"),
        ("x = a % b;", "m.ant:2:7: a character that has no meaning here; given '%'"),
        ("x := a < b && c < d || e < f;", "given '||'; expected ';'; && and || together need brackets"),
        (
            "x = 1.5;",
            "m.ant:2:5: equations hold no numbers but 0, 1 and 2; given '1.5'; give it a name and put it",
        ),
        ("x = 1e3*a;", "equations hold no numbers but 0, 1 and 2; given '1e3'"),
        ("x = a^2.5;", "an exponent is a whole number below 100; given '2.5'"),
        ("x = exo(a);", "unknown function; given 'exo'; did you mean 'exp'?"),
        ("x = a^100;", "an exponent is a whole number below 100"),
        ("x = exp(a, b);", "exp takes 1 argument; given 2"),
        ("x = min(a);", "min takes at least 2 arguments; given 1"),
        ("x := piecewise(a, b < c);", "piecewise takes at least 3 arguments"),
        ("x := piecewise(a, b < c, d, e < f);", "a last value for every other case"),
        ("x := piecewise(a, b, c);", "a condition such as a < b is expected here"),
        ("x := (a < b)*c;", "a condition stands where a number is expected; use piecewise(1, condition, 0)"),
        ("x := a < b;", "a condition stands where a number is expected"),
        ("x := piecewise(1, a == b, 0);", "numbers that flow are never exactly equal; given '=='"),
        ("gamma = 1;", "m.ant:2:1: 'gamma' has a meaning of its own in Antimony; choose another name"),
        ("time' = 1;", "'time' has a meaning of its own"),
        ("x = 1; x := a;", "x is defined twice; first at m.ant:2:1"),
        ("x = 1; x = 2;", "x is defined twice"),
        ("x := a; x' = b;", "x is defined twice"),
        ("x has ug; x has mg;", "the unit of x is stated twice; first at line 2"),
        ("x has L; x = L;", "L is a unit here and a name elsewhere in this module; spell the unit out"),
        ("species A, A;", "A is listed twice"),
        ("-> ; k;", "a reaction needs a species on one side at least"),
        ("r: 0 L -> ; k*L;", "a species counts in whole numbers from 1; given '0'"),
        ("r: 1.5 L -> ; k*L;", "a species counts in whole numbers from 1; given '1.5'"),
        ("x := " + "(" * 70 + "a" + ")" * 70 + ";", "m.ant:2:66: brackets are nested more than 60 deep"),
        ("x := " + "(\n" * 70 + "a" + ")" * 70 + ";", "brackets are nested more than 60 deep"),
        (
            "x := " + " + ".join("a" * 5000) + ";",
            "the formula is nested more than 120 deep; give its parts names",
        ),
        ("x := " + "-" * 5000 + "a;", "the formula is nested more than 120 deep"),
    ],
)
def test_what_is_refused_and_how(body: str, message: str) -> None:
    error = read(body)
    assert message in str(error)
    assert str(error).startswith("m.ant:")


def test_a_text_that_ends_too_early() -> None:
    with pytest.raises(TextError, match=r"m.ant:2:8: the text ends too early; expected .*'end'"):
        parse_equations("model m()\n x = a;", "m.ant")
    with pytest.raises(TextError, match=r"m.ant:1:1: this word does not fit here; given 'x'; expected 'model'"):
        parse_equations("x = a;", "m.ant")


def test_several_problems_come_at_once() -> None:
    error = read("x = 3; y = foo(a); gamma = 1;")
    assert isinstance(error, Problems)
    assert len(error.problems) == 3


def test_names_may_begin_with_words_of_the_language() -> None:
    found = parse_equations(f"{HEAD} model_x = 1; ending = 2; has_b = species_a;\nend", "m.ant")
    assert list(found.values) == ["model_x", "ending", "has_b"]
