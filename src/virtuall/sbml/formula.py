"""Formulas of an SBML file, flat: each is a list of steps in the order of their evaluation, so that a deep one needs
no recursion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from virtuall.core.errors import TextError

# The number that SBML means by the csymbol: the value of CODATA 2006, not that of today.
AVOGADRO = 6.02214179e23

# A step: ("number", value), ("truth", value), ("name", id), ("time",), ("rate", id),
# ("call", function, count of arguments) or ("user", function id, count of arguments).
Step = tuple[Any, ...]


@dataclass(frozen=True)
class Formula:
    """A formula in postfix order.

    Attributes
    ----------
    steps : tuple of tuple
        ``("number", value)``, ``("truth", value)``, ``("name", id)``, ``("time",)``, ``("rate", id)``,
        ``("call", function, arguments)`` or ``("user", id, arguments)``; the arguments of a call are the
        values left by the steps before it.
    where : str
        Place in the file, for errors.
    """

    steps: tuple[Step, ...]
    where: str

    @property
    def names(self) -> frozenset[str]:
        """Identifiers that the formula uses, those of rates (``rateOf``) left out."""
        return frozenset(step[1] for step in self.steps if step[0] == "name")

    @property
    def rates(self) -> frozenset[str]:
        """Identifiers whose rate of change the formula uses."""
        return frozenset(step[1] for step in self.steps if step[0] == "rate")


@dataclass(frozen=True)
class Function:
    """A function definition.

    Attributes
    ----------
    arguments : tuple of str
    body : Formula
    """

    arguments: tuple[str, ...]
    body: Formula


def read_formula(tree: Any, where: str) -> Formula:
    """Flatten the math of libSBML.

    Raises
    ------
    TextError
        For a symbol or function that is not supported.
    """
    steps: list[Step] = []
    waiting: list[tuple[Any, bool]] = [(tree, False)]
    while waiting:
        node, done = waiting.pop()
        leaf = _leaf(node, where)
        if leaf is not None:
            steps.append(leaf)
        elif done:
            steps.append(_call(node, where))
        else:
            waiting.append((node, True))
            count = node.getNumChildren()
            waiting.extend((node.getChild(k), False) for k in range(count - 1, -1, -1))
    return Formula(tuple(steps), where)


def read_function(definition: Any, where: str) -> Function | None:
    """A function definition, or None when it has no body."""
    if definition.getBody() is None:
        return None
    names = tuple(definition.getArgument(k).getName() for k in range(definition.getNumArguments()))
    return Function(names, read_formula(definition.getBody(), where))


def _leaf(node: Any, where: str) -> Step | None:
    import libsbml

    kind = node.getType()
    if kind == libsbml.AST_NAME:
        return ("name", node.getName())
    if kind == libsbml.AST_NAME_TIME:
        return ("time",)
    if kind == libsbml.AST_NAME_AVOGADRO:
        return ("number", AVOGADRO)
    if kind == libsbml.AST_CONSTANT_PI:
        return ("number", 3.141592653589793)
    if kind == libsbml.AST_CONSTANT_E:
        return ("number", 2.718281828459045)
    if kind in (libsbml.AST_CONSTANT_TRUE, libsbml.AST_CONSTANT_FALSE):
        return ("truth", kind == libsbml.AST_CONSTANT_TRUE)
    if node.isNumber():
        return ("number", float(node.getValue()))
    if kind == libsbml.AST_FUNCTION_DELAY:
        raise TextError("unsupported: delay (the csymbol)", where=where)
    if kind == libsbml.AST_FUNCTION_RATE_OF:
        if node.getNumChildren() != 1 or node.getChild(0).getType() != libsbml.AST_NAME:
            raise TextError("rateOf takes one name", where=where)
        return ("rate", node.getChild(0).getName())
    return None


def _call(node: Any, where: str) -> Step:
    import libsbml

    kind, count = node.getType(), node.getNumChildren()
    if kind == libsbml.AST_FUNCTION:
        return ("user", node.getName(), count)
    name = _function_names().get(kind)
    if name is None:
        raise TextError(f"unsupported: '{node.getName() or kind}' in a formula", where=where)
    least, most = _ARGUMENTS.get(name, (1, 1))
    if not (least <= count and (most is None or count <= most)):
        raise TextError(f"'{name}' with {count} arguments", where=where)
    return ("call", name, count)


# Fewest and most arguments, where not one.
_ARGUMENTS: dict[str, tuple[int, int | None]] = {
    "plus": (0, None),
    "times": (0, None),
    "minus": (1, 2),
    "root": (1, 2),
    "log": (1, 2),
    "piecewise": (0, None),
    **dict.fromkeys(("divide", "power", "quotient", "rem", "implies"), (2, 2)),
    **dict.fromkeys(("min", "max"), (1, None)),
    **dict.fromkeys(("and", "or", "xor"), (0, None)),
    **dict.fromkeys(("eq", "neq", "lt", "gt", "leq", "geq"), (1, None)),
}
_NAMES = {
    "PLUS": "plus",
    "MINUS": "minus",
    "TIMES": "times",
    "DIVIDE": "divide",
    "POWER": "power",
    "FUNCTION_POWER": "power",
    "FUNCTION_ROOT": "root",
    "FUNCTION_LN": "ln",
    "FUNCTION_CEILING": "ceil",
    "FUNCTION_PIECEWISE": "piecewise",
    "LOGICAL_AND": "and",
    "LOGICAL_OR": "or",
    "LOGICAL_XOR": "xor",
    "LOGICAL_NOT": "not",
    "LOGICAL_IMPLIES": "implies",
    "FUNCTION_QUOTIENT": "quotient",
    "FUNCTION_REM": "rem",
    **{f"RELATIONAL_{name.upper()}": name for name in ("eq", "neq", "lt", "gt", "leq", "geq")},
    **{f"FUNCTION_{name.upper()}": name for name in ("abs", "exp", "log", "floor", "factorial", "min", "max")},
    **{f"FUNCTION_{name.upper()}": name for name in ("sin", "cos", "tan", "sec", "csc", "cot")},
    **{f"FUNCTION_{name.upper()}H": f"{name}h" for name in ("sin", "cos", "tan", "sec", "csc", "cot")},
    **{f"FUNCTION_ARC{name.upper()}": f"a{name}" for name in ("sin", "cos", "tan", "sec", "csc", "cot")},
    **{f"FUNCTION_ARC{name.upper()}H": f"a{name}h" for name in ("sin", "cos", "tan", "sec", "csc", "cot")},
}
_known: dict[int, str] = {}


def _function_names() -> dict[int, str]:
    """libSBML's number of each function, and our name of it."""
    import libsbml

    if not _known:
        _known.update({getattr(libsbml, f"AST_{theirs}"): ours for theirs, ours in _NAMES.items()})
    return _known
