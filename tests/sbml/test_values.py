"""What the parts of a model mean, against closed solutions."""

from __future__ import annotations

import numpy as np
import pytest

from virtuall.core.errors import InputError
from virtuall.engine.kernel import build_kernel
from virtuall.sbml import read_sbml, simulate_sbml

from .conftest import HEAD, MATH, TIME, parameters_and, rule

TIMES = np.linspace(0.0, 4.0, 9)


def test_concentrations_follow_a_growing_room(run) -> None:
    text = "compartment C = 2; C' = 0.5; species S in C; S = 3; k = 0.4; S -> ; k*S*C"
    found = run(text, TIMES, ["amount(S)", "S", "concentration(S)", "C"])
    amount = 6.0 * np.exp(-0.4 * TIMES)  # the initial concentration is 3 in 2 liters
    size = 2.0 + 0.5 * TIMES
    expected = np.column_stack([amount, amount / size, amount / size, size])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_species_in_amounts_stands_for_its_amount(run) -> None:
    text = "compartment C = 4; substanceOnly species S in C; S = 8; S -> ; 0.5*S"
    found = run(text, TIMES, ["S", "amount(S)", "concentration(S)"])
    amount = 8.0 * np.exp(-0.5 * TIMES)
    np.testing.assert_allclose(found, np.column_stack([amount, amount, amount / 4.0]), rtol=1e-6)


def test_a_boundary_species_is_left_alone(run) -> None:
    found = run("species $S, P; S = 2; P = 0; S -> P; 0.5*S", TIMES, ["S", "P"])
    np.testing.assert_allclose(found, np.column_stack([np.full(9, 2.0), TIMES]), atol=1e-8)


def test_rules_assignments_and_functions(run) -> None:
    text = """
        function square(x) x*x end
        a = square(3) + b; b = 2*c; c = 0.5; y := square(x) + time; x = a; x' = -c; z = y;
    """
    found = run(text, TIMES, ["a", "b", "x", "y", "z"])
    x = 10.0 - 0.5 * TIMES
    expected = np.column_stack([np.full(9, 10.0), np.full(9, 1.0), x, x**2 + TIMES, np.full(9, 100.0)])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_pulse_between_the_steps_is_not_missed(run) -> None:
    found = run("x = 0; x' = piecewise(3, time > 2.003 && time < 2.0031, 0)", [0.0, 2.0, 100.0], ["x"])
    np.testing.assert_allclose(found[:, 0], [0.0, 0.0, 3e-4], rtol=1e-6)


def test_jumps_of_floor_and_kinks_of_the_largest(run) -> None:
    found = run("x = 0; y = 0; x' = floor(time) + ceil(time); y' = max(time - 1, 0)", TIMES, ["x", "y"])
    whole = np.floor(TIMES)
    x = whole**2 + (2 * whole + 1) * (TIMES - whole)
    np.testing.assert_allclose(found[:, 0], x, atol=1e-9)
    np.testing.assert_allclose(found[:, 1], np.maximum(TIMES - 1, 0) ** 2 / 2, atol=1e-9)


def test_a_conversion_factor_and_a_counted_stoichiometry(written) -> None:
    text = f"""{HEAD}<model id="m" conversionFactor="f">
        <listOfCompartments><compartment id="C" size="1" constant="true"/></listOfCompartments>
        <listOfSpecies><species id="S" compartment="C" initialAmount="1" hasOnlySubstanceUnits="true"
            boundaryCondition="false" constant="false"/></listOfSpecies>
        <listOfParameters><parameter id="f" value="10" constant="true"/></listOfParameters>
        <listOfRules><assignmentRule variable="n">{MATH}{TIME}</math></assignmentRule></listOfRules>
        <listOfReactions><reaction id="R" reversible="false"><listOfProducts>
            <speciesReference id="n" species="S" constant="false"/></listOfProducts>
            <kineticLaw>{MATH}<ci> k </ci></math><listOfLocalParameters>
            <localParameter id="k" value="3"/></listOfLocalParameters></kineticLaw></reaction></listOfReactions>
        </model></sbml>"""
    found = simulate_sbml(read_sbml(written(text)), TIMES, ["S", "n", "R"])
    expected = np.column_stack([1.0 + 15.0 * TIMES**2, TIMES, np.full(9, 3.0)])
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    set_locally = read_sbml(written(text), {"R.k": 6.0, "S": 0.0})
    np.testing.assert_allclose(simulate_sbml(set_locally, TIMES, ["S"])[:, 0], 30.0 * TIMES**2, atol=1e-6)


def test_rates_of_change_in_formulas(written) -> None:
    of_x = (
        '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/rateOf"> r </csymbol>'
        "<ci>x</ci></apply>"
    )
    rules = rule("rate", "x", f"<apply><times/><cn>2</cn>{TIME}</apply>") + rule("assignment", "y", of_x)
    found = simulate_sbml(read_sbml(written(parameters_and(rules, "x", "y"))), TIMES, ["x", "y"])
    np.testing.assert_allclose(found, np.column_stack([1.0 + TIMES**2, 2.0 * TIMES]), atol=1e-8)


def test_words_of_programming_languages_are_names_like_others(written) -> None:
    names = ("lambda", "for", "import", "None", "double", "exp_", "time", "self", "__init__")
    rules = rule("rate", "time", "<ci>lambda</ci>") + rule(
        "rate", "lambda", f"<apply><plus/><ci>for</ci>{TIME}</apply>"
    )
    model = read_sbml(written(parameters_and(rules, *names, values="2")))
    found = simulate_sbml(model, TIMES, ["lambda", "time", "None"])
    expected = [2 + 2 * TIMES + TIMES**2 / 2, 2 + 2 * TIMES + TIMES**2 + TIMES**3 / 6, np.full(9, 2.0)]
    np.testing.assert_allclose(found, np.column_stack(expected), rtol=1e-8)


def test_a_model_without_states_is_a_table(run, written) -> None:
    np.testing.assert_array_equal(run("a = 2; b := a*time", [0.0, 3.0], ["a", "b"]), [[2.0, 0.0], [2.0, 6.0]])
    empty = read_sbml(written(f'{HEAD}<model id="m"/></sbml>'))
    assert simulate_sbml(empty, [0.0, 1.0]).shape == (2, 0)


def test_every_function_of_the_formulas(run) -> None:
    text = """
        x = 0.7; a := sin(x) + cos(x) + tan(x) + sec(x) + csc(x) + cot(x);
        b := arcsin(x) + arccos(x) + arctan(x) + arcsec(1/x) + arccsc(1/x) + arccot(x);
        c := sinh(x) + cosh(x) + tanh(x) + sech(x) + csch(x) + coth(x);
        d := arcsinh(x) + arccosh(1/x) + arctanh(x) + arcsech(x) + arccsch(x) + arccoth(1/x);
        e := floor(-x) + ceil(x) + abs(-x) + factorial(5) + ln(x) + log10(x) + exp(x) + sqrt(x) + root(3, x) + x^2.5;
        f := piecewise(1, x > 1, 2, x > 0.5, 3) + piecewise(1, x < 0.5);
    """
    x = 0.7
    expected = [
        np.sin(x) + np.cos(x) + np.tan(x) + 1 / np.cos(x) + 1 / np.sin(x) + 1 / np.tan(x),
        np.arcsin(x) + np.arccos(x) + np.arctan(x) + np.arccos(x) + np.arcsin(x) + np.arctan(1 / x),
        np.sinh(x) + np.cosh(x) + np.tanh(x) + 1 / np.cosh(x) + 1 / np.sinh(x) + 1 / np.tanh(x),
        np.arcsinh(x) + np.arccosh(1 / x) + np.arctanh(x) + np.arccosh(1 / x) + np.arcsinh(1 / x) + np.arctanh(x),
        -1 + 1 + x + 120 + np.log(x) + np.log10(x) + np.exp(x) + np.sqrt(x) + x ** (1 / 3) + x**2.5,
        np.nan,  # no piece of the second one holds
    ]
    found = run(text, [0.0], list("abcdef"))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_model_is_a_system_for_ensembles(model) -> None:
    decay = model("compartment C = 2; species S in C; S = 3; k = 0.4; S -> ; k*S*C")
    assert decay.parameters == {"C": 2.0, "init(S)": 3.0, "k": 0.4}
    kernel = build_kernel(decay.system, "numpy", rtol=1e-8)
    ens = kernel.start(decay.rows(3, k=[0.1, 0.2, 0.3]))
    kernel.advance(ens, np.arange(3), np.full(3, 2.0))
    found = kernel.signals(ens, np.arange(3), ["S", "amount(S)"])
    expected = 3.0 * np.exp(-0.2 * np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, np.column_stack([expected, 2.0 * expected]), rtol=1e-7)
    with pytest.raises(InputError, match="unknown parameter"):
        decay.rows(1, q=1.0)


def test_both_back_ends_give_the_same_bits(model) -> None:
    text = "x = 1; y = 0; x' = -x*tanh(y) + sin(time); y' = piecewise(x, x > 0.2, cos(x)); at x < 0.5: y = y + 1"
    both = [simulate_sbml(model(text), TIMES, ["x", "y"], backend=name) for name in ("numpy", "llvm")]
    np.testing.assert_array_equal(*both)


def test_what_cannot_be_asked_for(model) -> None:
    small = model("x = 1; x' = 1; y := x")
    with pytest.raises(InputError, match="did you mean"):
        simulate_sbml(small, [0.0, 1.0], ["yy"])
    for times in ([], [1.0, 0.0], [-1.0], [np.nan], [[0.0]]):
        with pytest.raises(InputError, match="times must"):
            simulate_sbml(small, times)


def test_values_that_replace_those_of_the_file(written) -> None:
    from .conftest import to_sbml

    path = written(to_sbml("compartment C = 2; species S in C; S = 3*k; k = 0.4; S -> ; k*S*C; y := S"))
    changed = read_sbml(path, {"k": 1.0, "C": 4.0})
    np.testing.assert_allclose(simulate_sbml(changed, [0.0, 1.0], ["S"])[:, 0], [3.0, 3.0 / np.e], rtol=1e-7)
    changed = read_sbml(path, {"S": 7.0})
    np.testing.assert_allclose(simulate_sbml(changed, [0.0], ["S", "amount(S)"])[0], [7.0, 14.0])
    with pytest.raises(InputError, match="assignment rule"):
        read_sbml(path, {"y": 1.0})
    with pytest.raises(InputError, match="no such value"):
        read_sbml(path, {"kk": 1.0})
