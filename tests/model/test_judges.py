"""Every equation text is Antimony too, and libantimony reads it as we do."""

from __future__ import annotations

import re
from pathlib import Path

import antimony
import libsbml
import pytest

from virtuall.model.shelf import shipped_library
from virtuall.texts.equations import Equations, read_equations
from virtuall.texts.formula import ARITHMETIC, COMPARISONS, FUNCTIONS, LOGICAL, Apply, Formula, Number

TINY = Path(__file__).parent / "library"
TEXTS = sorted([*TINY.rglob("*.ant"), *shipped_library().rglob("*.ant")])


_ANY_LENGTH = (libsbml.AST_PLUS, libsbml.AST_TIMES, libsbml.AST_LOGICAL_AND, libsbml.AST_LOGICAL_OR)


def infix(formula: Formula) -> str:
    """Write a formula so that libSBML reads it without any rule of precedence."""
    if isinstance(formula, Number):
        return f"{formula.value:g}" if formula.value >= 0 else f"({formula.value:g})"
    if not isinstance(formula, Apply):
        return formula.name
    arguments = [infix(each) for each in formula.arguments]
    if formula.operator in FUNCTIONS:
        name = "ln" if formula.operator == "log" else formula.operator
        return f"{name}({', '.join(arguments)})"
    sign = {**ARITHMETIC, **COMPARISONS, **LOGICAL, "neg": "-"}[formula.operator]
    return f"({sign}{arguments[0]})" if len(arguments) == 1 else f"({arguments[0]} {sign} {arguments[1]})"


def normal(math: libsbml.ASTNode) -> str:
    """Write a libSBML tree in one way, sums and products of any length as nested pairs."""
    if math.isNumber():
        return f"{math.getValue():g}"
    if math.getNumChildren() == 0:
        return math.getName()
    children = [normal(math.getChild(n)) for n in range(math.getNumChildren())]
    name = math.getName() or str(math.getType())
    if math.getType() in _ANY_LENGTH:
        return f"{name}[{' '.join(flat(math, math.getType()))}]"
    if math.getType() in (libsbml.AST_POWER, libsbml.AST_FUNCTION_POWER):
        name = "power"
    if math.getType() == libsbml.AST_FUNCTION_ROOT:
        children = children[-1:]
    return f"{name}({', '.join(children)})"


def flat(math: libsbml.ASTNode, kind: int) -> list[str]:
    if math.getType() != kind:
        return [normal(math)]
    return [each for n in range(math.getNumChildren()) for each in flat(math.getChild(n), kind)]


def ours(equations: Equations) -> dict[str, Formula]:
    found = {f"{name}'": each.formula for name, each in equations.rates.items()}
    found |= {f"{name}:=": each.formula for name, each in equations.signals.items()}
    return found | {f"{each.name}:": each.rate for each in equations.reactions}


def theirs(text: str, name: str) -> dict[str, libsbml.ASTNode]:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    model = libsbml.readSBMLFromString(antimony.getSBMLString(name)).getModel()
    found = {}
    for rule in model.getListOfRules():
        found[rule.getVariable() + ("'" if rule.isRate() else ":=")] = rule.getMath().deepCopy()
    for reaction in model.getListOfReactions():
        found[f"{reaction.getId()}:"] = reaction.getKineticLaw().getMath().deepCopy()
    return found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.parent.name)
def test_libantimony_reads_the_same_formulas(path: Path) -> None:
    equations = read_equations(path)
    judge = theirs(path.read_text(encoding="utf-8"), equations.name.name)
    mine = ours(equations)
    assert set(mine) == set(judge)
    for name, formula in mine.items():
        tree = libsbml.parseL3Formula(infix(formula))
        assert tree is not None, libsbml.getLastParseL3Error()
        assert normal(tree) == normal(judge[name]), name


def test_the_judge_would_notice() -> None:
    text = "model m()\n x := a - b - c;\nend"
    judge = theirs(text, "m")
    other = libsbml.parseL3Formula("a - (b - c)")
    assert normal(judge["x:="]) != normal(other)
    assert re.match(r"[^ ]", normal(other))
