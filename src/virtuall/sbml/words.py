"""The functions of SBML's formulas as nodes of the engine's graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from virtuall.core.errors import TextError
from virtuall.engine.graph import Graph
from virtuall.sbml.formula import Formula, Function

# A formula, its function calls written out, may take this many steps: small texts can stand for endless ones.
LARGEST_FORMULA = 2_000_000
_OWN = frozenset({"abs", "exp", "floor", "ceil", "factorial", "sin", "cos", "tan", "asin", "acos", "atan"})
_OWN |= {"sinh", "cosh", "tanh", "asinh", "acosh", "atanh"}
# 1 / f(x), and f(1 / x).
_RECIPROCAL = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}
_OF_RECIPROCAL = {"asec": "acos", "acsc": "asin", "acot": "atan", "asech": "acosh", "acsch": "asinh", "acoth": "atanh"}


@dataclass(frozen=True)
class Scope:
    """What the words of a formula stand for.

    Attributes
    ----------
    name, rate : callable
        Node of an identifier, and of its rate of change.
    time : int
        Node of time.
    """

    name: Callable[[str], int]
    rate: Callable[[str], int]
    time: int


class Writer:
    """Writes formulas as nodes of one graph.

    Parameters
    ----------
    graph : Graph
    functions : mapping of str to Function
        Function definitions by identifier.
    """

    def __init__(self, graph: Graph, functions: Mapping[str, Function]) -> None:
        self.graph = graph
        self._functions = functions
        self._called: dict[tuple[str, tuple[int, ...], int], int] = {}
        self._steps = 0

    def number(self, formula: Formula, scope: Scope) -> int:
        """Node of a formula as a number; true counts as 1."""
        return self._as_number(self._write(formula, scope, ()))

    def logical(self, formula: Formula, scope: Scope) -> int:
        """Node of a formula as true or false; a number other than 0 counts as true."""
        return self._as_logical(self._write(formula, scope, ()))

    def _write(self, formula: Formula, scope: Scope, within: tuple[str, ...]) -> int:
        values: list[int] = []
        for kind, *rest in formula.steps:
            self._steps += 1
            if self._steps > LARGEST_FORMULA:
                raise TextError("the formulas of the model are too long when their functions are written out")
            if kind == "number":
                values.append(self.graph.number(rest[0]))
            elif kind == "truth":
                values.append(self.graph.truth(rest[0]))
            elif kind == "name":
                values.append(scope.name(rest[0]))
            elif kind == "time":
                values.append(scope.time)
            elif kind == "rate":
                values.append(scope.rate(rest[0]))
            else:
                function, count = rest
                split = len(values) - count
                arguments = values[split:]
                del values[split:]
                if kind == "user":
                    values.append(self._user(function, arguments, scope, within, formula.where))
                else:
                    values.append(self._call(function, arguments))
        return values[-1]

    def _user(self, function: str, arguments: list[int], scope: Scope, within: tuple[str, ...], where: str) -> int:
        definition = self._functions.get(function)
        if definition is None:
            raise TextError("unknown function, or one without a body", given=function, where=where)
        if function in within:
            raise TextError(
                f"functions that call each other without end: {' -> '.join((*within, function))}", where=where
            )
        if len(arguments) != len(definition.arguments):
            expected = len(definition.arguments)
            raise TextError(f"'{function}' takes {expected} argument(s)", given=len(arguments), where=where)
        if len(within) >= 100:
            raise TextError("functions call each other through more than 100 levels", where=where)
        key = (function, tuple(arguments), scope.time)
        if key not in self._called:
            bound = dict(zip(definition.arguments, arguments, strict=True))

            def argument(name: str) -> int:
                if name not in bound:
                    raise TextError(f"function '{function}' uses '{name}', which is no argument of it", where=where)
                return bound[name]

            self._called[key] = self._write(definition.body, replace(scope, name=argument), (*within, function))
        return self._called[key]

    def _as_number(self, node: int) -> int:
        graph = self.graph
        return graph.select(node, graph.number(1.0), graph.number(0.0)) if graph.is_logical(node) else node

    def _as_logical(self, node: int) -> int:
        graph = self.graph
        return node if graph.is_logical(node) else graph.not_(graph.eq(node, graph.number(0.0)))

    def _call(self, name: str, arguments: list[int]) -> int:
        graph = self.graph
        if name == "piecewise":
            return self._piecewise(arguments)
        if name in ("and", "or", "xor", "not", "implies"):
            return self._logic(name, [self._as_logical(node) for node in arguments])
        if name in ("eq", "neq") and all(graph.is_logical(node) for node in arguments) and len(arguments) == 2:
            differ = self._logic("xor", arguments)
            return differ if name == "neq" else graph.not_(differ)
        numbers = [self._as_number(node) for node in arguments]
        if name in ("eq", "neq", "lt", "gt", "leq", "geq"):
            return self._compare(name, numbers)
        return self._arithmetic(name, numbers)

    def _piecewise(self, arguments: list[int]) -> int:
        graph = self.graph
        pieces = list(zip(arguments[0::2], arguments[1::2], strict=False))
        values = [value for value, _ in pieces] + arguments[len(pieces) * 2 :]
        conditions = [(self._as_logical(condition)) for _, condition in pieces]
        if values and all(graph.is_logical(value) for value in values) and len(values) > len(pieces):
            result = values[-1]
            for value, condition in reversed(list(zip(values, conditions, strict=False))):
                chosen = graph.and_(condition, value)
                result = graph.or_(chosen, graph.and_(graph.not_(condition), result))
            return result
        numbers = [self._as_number(value) for value in values]
        otherwise = numbers[-1] if len(values) > len(pieces) else graph.number(math.nan)
        return graph.piecewise(list(zip(numbers, conditions, strict=False)), otherwise)

    def _logic(self, name: str, arguments: Sequence[int]) -> int:
        graph = self.graph
        if name == "not":
            return graph.not_(arguments[0])
        if name == "implies":
            return graph.or_(graph.not_(arguments[0]), arguments[1])
        result = graph.truth(name == "and")
        for node in arguments:
            if name == "xor":
                one = graph.and_(result, graph.not_(node))
                result = graph.or_(one, graph.and_(graph.not_(result), node))
            else:
                result = graph.and_(result, node) if name == "and" else graph.or_(result, node)
        return result

    def _compare(self, name: str, numbers: list[int]) -> int:
        graph = self.graph
        if name == "neq":
            return graph.not_(self._compare("eq", numbers))
        method = {"eq": graph.eq, "lt": graph.lt, "gt": graph.gt, "leq": graph.le, "geq": graph.ge}[name]
        result = graph.truth(True)
        for a, b in zip(numbers, numbers[1:], strict=False):
            result = graph.and_(result, method(a, b))
        return result

    def _arithmetic(self, name: str, numbers: list[int]) -> int:
        graph = self.graph
        one = graph.number(1.0)
        if name in ("plus", "times"):
            return self._sum_or_product(name, numbers)
        if name in ("min", "max"):
            result = numbers[0]
            for node in numbers[1:]:
                result = graph.call(name, result, node)
            return result
        if name in _OWN:
            return graph.call(name, numbers[0])
        if name in _RECIPROCAL:
            return graph.div(one, graph.call(_RECIPROCAL[name], numbers[0]))
        if name in _OF_RECIPROCAL:
            return graph.call(_OF_RECIPROCAL[name], graph.div(one, numbers[0]))
        match name:
            case "minus":
                return graph.sub(*numbers) if len(numbers) == 2 else graph.neg(numbers[0])
            case "divide":
                return graph.div(*numbers)
            case "power":
                return graph.pow(*numbers)
            case "root":  # the degree comes first
                if len(numbers) == 1 or graph.value(numbers[0]) == 2.0:
                    return graph.call("sqrt", numbers[-1])
                return graph.pow(numbers[1], graph.div(one, numbers[0]))
            case "ln":
                return graph.call("log", numbers[0])
            case "log":  # the base comes first, and is 10 when left out
                base = numbers[0] if len(numbers) == 2 else graph.number(10.0)
                return graph.div(graph.call("log", numbers[-1]), graph.call("log", base))
            case "quotient":
                return self._toward_zero(graph.div(*numbers))
            case "rem":
                whole = self._toward_zero(graph.div(*numbers))
                return graph.sub(numbers[0], graph.mul(numbers[1], whole))
        raise AssertionError(name)

    def _sum_or_product(self, name: str, numbers: list[int]) -> int:
        graph = self.graph
        if not numbers:
            return graph.number(0.0 if name == "plus" else 1.0)
        result = numbers[0]
        for node in numbers[1:]:
            result = graph.add(result, node) if name == "plus" else graph.mul(result, node)
        return result

    def _toward_zero(self, node: int) -> int:
        graph = self.graph
        negative = graph.lt(node, graph.number(0.0))
        return graph.select(negative, graph.call("ceil", node), graph.call("floor", node))
