"""Files that are broken, hostile or beyond what is supported: an error that says what and where, never a hang."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtuall.core.errors import KernelError, TextError
from virtuall.sbml import read_sbml, simulate_sbml, source

from .conftest import HEAD, MATH, parameters_and, rule

SUM = "<apply><plus/><ci>a</ci><cn>1</cn></apply>"


def nested(levels: int) -> str:
    """A sum in a sum in a sum ..."""
    content = "<apply><plus/><cn>1</cn>" * levels + "<ci>b</ci>" + "</apply>" * levels
    return parameters_and(rule("assignment", "a", content), "a", "b")


BAD_XML = {
    "empty": ("", "no element found"),
    "no XML": ("S1 -> S2", "not well-formed"),
    "cut off": (f"{HEAD}<model id='m'>", "not well-formed"),
    "another XML": ("<svg/>", "no SBML: its outermost element is 'svg'"),
    "no model": (f"{HEAD}</sbml>", "holds no model"),
    "a document type": ("<!DOCTYPE sbml>" + HEAD + "<model id='m'/></sbml>", "document type"),
    "an external entity": (
        f'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]>{HEAD}<model id="m" name="&x;"/></sbml>',
        "document type",
    ),
    "entities without end": (
        '<!DOCTYPE s [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;">]>' + f'{HEAD}<model id="m" name="&b;"/></sbml>',
        "document type",
    ),
    "10,000 levels": (nested(10_000), "deeper than 1000 levels"),
    "an unknown variable": (parameters_and(rule("rate", "q", "<cn>1</cn>"), "a"), "'q'"),
    "an unknown name": (parameters_and(rule("rate", "a", "<ci>q</ci>"), "a"), "'q'"),
    "an unknown function": (
        parameters_and(rule("rate", "a", "<apply><ci>f</ci><ci>a</ci></apply>"), "a"),
        "not valid SBML: line 1.*'f'",
    ),
    "a circle of rules": (
        parameters_and(rule("assignment", "a", "<ci>b</ci>") + rule("assignment", "b", SUM), "a", "b"),
        "line 1: Circular dependencies.*'a'.*'b'",
    ),
    "an algebraic rule": (
        parameters_and(f"\n<algebraicRule>{MATH}<ci>a</ci></math></algebraicRule>", "a"),
        "model.xml:2: unsupported: algebraic rule",
    ),
    "a delay": (
        parameters_and(
            rule(
                "rate",
                "a",
                '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay"> d </csymbol>'
                "<ci>a</ci><cn>1</cn></apply>",
            ),
            "a",
        ),
        "unsupported: delay",
    ),
    "a required package": (
        HEAD[:-1]
        + ' xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" comp:required="true">'
        + "<model id='m'/></sbml>",
        "unsupported: SBML package 'comp'",
    ),
    "an unknown required package": (
        HEAD[:-1] + ' xmlns:new="http://www.sbml.org/sbml/level3/version1/new/version1" new:required="true">'
        "<model id='m'/></sbml>",
        "package",
    ),
}


@pytest.mark.parametrize("name", BAD_XML)
def test_a_file_that_cannot_be_used(name: str, written) -> None:
    text, words = BAD_XML[name]
    with pytest.raises(TextError, match=words) as caught:
        read_sbml(written(text))
    assert "model.xml" in str(caught.value)


def test_a_circle_that_libsbml_is_not_asked_about(written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_CHECKED", 0)
    rules = rule("assignment", "a", "<ci>b</ci>") + rule("assignment", "b", SUM)
    with pytest.raises(TextError, match="an algebraic loop: (a -> b -> a|b -> a -> b)"):
        read_sbml(written(parameters_and(rules, "a", "b")))


def test_deep_formulas_and_long_chains_are_no_problem(written) -> None:
    assert simulate_sbml(read_sbml(written(nested(950))), [0.0], ["a"])[0, 0] == 951.0
    count = 2000
    rules = "".join(rule("assignment", f"a{k}", SUM.replace("a<", f"a{k + 1}<")) for k in range(count))
    names = [f"a{k}" for k in range(count + 1)]
    assert simulate_sbml(read_sbml(written(parameters_and(rules, *names))), [0.0], ["a0"])[0, 0] == count + 1.0


def test_functions_that_unfold_without_end(written) -> None:
    lambda_of = (
        "<functionDefinition id='f{0}'>{1}<lambda><bvar><ci>x</ci></bvar>{2}</lambda></math></functionDefinition>"
    )
    inner = "<apply><ci>f{0}</ci><apply><cos/><ci>x</ci></apply></apply>"
    call = f"<apply><plus/><apply><ci>f{{0}}</ci><ci>x</ci></apply>{inner}</apply>"
    functions = lambda_of.format(0, MATH, "<apply><sin/><ci>x</ci></apply>")
    functions += "".join(lambda_of.format(k, MATH, call.format(k - 1)) for k in range(1, 400))
    text = parameters_and(rule("assignment", "a", "<apply><ci>f399</ci><cn>1</cn></apply>"), "a")
    text = text.replace(
        "<listOfParameters>", f"<listOfFunctionDefinitions>{functions}</listOfFunctionDefinitions><listOfParameters>"
    )
    with pytest.raises(TextError, match="100 levels"):
        read_sbml(written(text))


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TextError, match="cannot be read; given 'Is a directory'"):
        read_sbml(tmp_path)
    with pytest.raises(TextError, match="No such file"):
        read_sbml(tmp_path / "none.xml")
    path = tmp_path / "noise.xml"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(TextError, match="not well-formed"):
        read_sbml(path)
    path.write_text(f"{HEAD}<model id='m' name='\xe9'/></sbml>", encoding="utf-16")
    with pytest.raises(TextError, match="UTF-8"):
        read_sbml(path)
    monkeypatch.setattr(source, "LARGEST_FILE", 100)
    with pytest.raises(TextError, match="larger than"):
        read_sbml(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1; x' = x^2", "ended at time 1 in 'x': it changes without bound"),
        ("x = 1; x' = 1/(x - 1)", "ended at time 0 in 'x'"),
        ("x = 1/0; x' = 1", "first value of 'x' is no finite number; given inf"),
        ("x = 1; x' = k*x", "without a value in the file: k"),
        ("compartment C; C := time - 1; species S in C; S = 1", "compartment 'C' must be above 0 at the start"),
    ],
)
def test_numbers_that_are_none(run, text: str, words: str) -> None:
    with pytest.raises(KernelError, match=words):
        run(text, [0.0, 3.0], [])


@pytest.mark.parametrize("size", [0.0, -1.0])
def test_a_compartment_needs_a_size(model, size: float) -> None:
    with pytest.raises(TextError, match="size of compartment 'C' must be above 0"):
        model(f"compartment C = {size}; species S in C; S = 1")


def test_older_levels_are_converted(written) -> None:
    import libsbml
    import numpy as np

    from .conftest import to_sbml

    text = "compartment C = 2; species S in C; S = 3; k = 0.4; S -> ; k*S*C"
    for level, version in ((2, 4), (2, 1), (1, 2)):
        document = libsbml.readSBMLFromString(to_sbml(text))
        assert document.setLevelAndVersion(level, version, False)
        found = simulate_sbml(read_sbml(written(libsbml.writeSBMLToString(document))), [0.0, 2.0], ["S"])
        np.testing.assert_allclose(found[:, 0], [3.0, 3.0 * np.exp(-0.8)], rtol=1e-6)


def test_a_declaration_may_leave_out_the_encoding(written) -> None:
    text = '<?xml version="1.0"?>' + parameters_and(rule("rate", "a", "<cn>1</cn>"), "a", values="2")
    found = simulate_sbml(read_sbml(written(text)), [0.0, 3.0], ["a"])
    assert found[:, 0].tolist() == pytest.approx([2.0, 5.0])
