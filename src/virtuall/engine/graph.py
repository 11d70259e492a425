"""Formulas as one hash-consed graph: equal formulas are one node, so shared parts are computed once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from virtuall.core.errors import InputError

# Functions of `Graph.call` and their number of arguments.
FUNCTIONS = {"exp": 1, "log": 1, "sqrt": 1, "abs": 1, "min": 2, "max": 2}
FUNCTIONS |= dict.fromkeys(("floor", "ceil", "factorial"), 1)
FUNCTIONS |= dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan"), 1)
FUNCTIONS |= dict.fromkeys(("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"), 1)
# Operations whose value is true or false.
LOGICAL = frozenset({"truth", "lt", "le", "and", "or", "not"})
_COMMUTATIVE = frozenset({"add", "mul", "and", "or"})
# Whole exponents up to this size become products.
_LARGEST_PRODUCT = 16

Op = tuple[str | int | float | bool, ...]


class Graph:
    """A growing graph of formulas.

    A node is an int: its place in `ops`. Arguments stand before the nodes that use them, so the order of
    `ops` is an order of evaluation.

    Attributes
    ----------
    ops : list of tuple
        ``("number", value)``, ``("symbol", name)``, ``("truth", value)``, or ``(operation, node, ...)`` with
        add, sub, mul, div, neg, pow, select, lt, le, and, or, not, or one of `FUNCTIONS`.
    """

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self._node_of: dict[Op, int] = {}
        self._symbol_bit: dict[str, int] = {}
        self._symbol_masks: list[int] = []
        self._masks_of: dict[tuple[tuple[str, ...], int], int] = {}
        self._derivatives: dict[tuple[int, str], int] = {}

    def __len__(self) -> int:
        return len(self.ops)

    # -- leaves ---------------------------------------------------------------------------------------------

    def number(self, value: float) -> int:
        """Node of a constant number."""
        value = float(value)
        # 0.0 and -0.0 are equal as keys: keep the positive one, for an absent population is +0.
        return self._add(("number", 0.0 if value == 0.0 else value))

    def symbol(self, name: str) -> int:
        """Node of a named value: a state, a parameter, or ``time``."""
        self._symbol_bit.setdefault(name, len(self._symbol_bit))
        return self._add(("symbol", name))

    def truth(self, value: bool) -> int:
        """Node of true or false."""
        return self._add(("truth", bool(value)))

    # -- arithmetic -----------------------------------------------------------------------------------------

    def add(self, a: int, b: int) -> int:
        """a + b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x + y)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        if self.ops[b][0] == "neg":
            return self.sub(a, self._argument(b, 1))
        if self.ops[a][0] == "neg":
            return self.sub(b, self._argument(a, 1))
        return self._add(("add", a, b))

    def sub(self, a: int, b: int) -> int:
        """a - b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x - y)
        if y == 0.0:
            return a
        if x == 0.0:
            return self.neg(b)
        if a == b:
            return self.number(0.0)
        if self.ops[b][0] == "neg":
            return self.add(a, self._argument(b, 1))
        return self._add(("sub", a, b))

    def mul(self, a: int, b: int) -> int:
        """a * b. A product with the number 0 is the number 0: a structural zero of the Jacobian."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x * y)
        for known, other in ((x, b), (y, a)):
            if known == 0.0:
                return self.number(0.0)
            if known == 1.0:
                return other
            if known == -1.0:
                return self.neg(other)
        if self.ops[a][0] == "neg":
            return self.neg(self.mul(self._argument(a, 1), b))
        if self.ops[b][0] == "neg":
            return self.neg(self.mul(a, self._argument(b, 1)))
        return self._add(("mul", a, b))

    def div(self, a: int, b: int) -> int:
        """a / b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None and y != 0.0:
            return self.number(x / y)
        if x == 0.0 and y != 0.0:
            return self.number(0.0)
        if y == 1.0:
            return a
        if y is not None and y != 0.0 and math.frexp(abs(y))[0] == 0.5:
            return self.mul(a, self.number(1.0 / y))  # a power of two: exact
        if self.ops[a][0] == "neg":
            return self.neg(self.div(self._argument(a, 1), b))
        return self._add(("div", a, b))

    def neg(self, a: int) -> int:
        """-a."""
        x = self.value(a)
        if x is not None:
            return self.number(-x)
        if self.ops[a][0] == "neg":
            return self._argument(a, 1)
        if self.ops[a][0] == "sub":
            return self.sub(self._argument(a, 2), self._argument(a, 1))
        return self._add(("neg", a))

    def pow(self, a: int, b: int) -> int:
        """a ** b. Small whole exponents become products, one half a square root."""
        y = self.value(b)
        if y is not None:
            if y == 0.0:
                return self.number(1.0)
            if y == 0.5:
                return self.call("sqrt", a)
            if y.is_integer() and abs(y) <= _LARGEST_PRODUCT:
                product = self._whole_power(a, int(abs(y)))
                return product if y > 0 else self.div(self.number(1.0), product)
        if self.value(a) == 1.0:
            return self.number(1.0)
        return self._add(("pow", a, b))

    def call(self, name: str, *arguments: int) -> int:
        """A function of one or two arguments: one of `FUNCTIONS`."""
        if name not in FUNCTIONS:
            raise InputError("unknown function", given=name, allowed=FUNCTIONS)
        if len(arguments) != FUNCTIONS[name]:
            raise InputError(f"{name} takes {FUNCTIONS[name]} argument(s)", given=len(arguments))
        known = [self.value(node) for node in arguments]
        if name == "exp" and known == [0.0]:
            return self.number(1.0)
        if name == "log" and known == [1.0]:
            return self.number(0.0)
        if name in ("sqrt", "abs") and known[0] is not None and known[0] >= 0.0:
            return self.number(math.sqrt(known[0])) if name == "sqrt" else arguments[0]
        if name in ("min", "max"):
            x, y = known
            if x is not None and y is not None:
                return self.number(min(x, y) if name == "min" else max(x, y))
            if arguments[0] == arguments[1]:
                return arguments[0]
        return self._add((name, *arguments))

    # -- choice ---------------------------------------------------------------------------------------------

    def select(self, condition: int, a: int, b: int) -> int:
        """a where the condition holds, else b."""
        self._expect_logical("the condition of a choice", condition)
        known = self._truth_value(condition)
        if known is not None:
            return a if known else b
        return a if a == b else self._add(("select", condition, a, b))

    def lt(self, a: int, b: int) -> int:
        """a < b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.truth(x < y)
        return self.truth(False) if a == b else self._add(("lt", a, b))

    def le(self, a: int, b: int) -> int:
        """a <= b."""
        x, y = self.value(a), self.value(b)
        return self.truth(x <= y) if x is not None and y is not None else self._add(("le", a, b))

    def gt(self, a: int, b: int) -> int:
        """a > b."""
        return self.lt(b, a)

    def ge(self, a: int, b: int) -> int:
        """a >= b."""
        return self.le(b, a)

    def eq(self, a: int, b: int) -> int:
        """a == b."""
        return self.and_(self.le(a, b), self.le(b, a))

    def and_(self, a: int, b: int) -> int:
        """Both hold."""
        return self._join("and", a, b, neutral=True)

    def or_(self, a: int, b: int) -> int:
        """One holds, or both."""
        return self._join("or", a, b, neutral=False)

    def not_(self, a: int) -> int:
        """The condition does not hold."""
        self._expect_logical("the argument of not", a)
        known = self._truth_value(a)
        if known is not None:
            return self.truth(not known)
        return self._argument(a, 1) if self.ops[a][0] == "not" else self._add(("not", a))

    def piecewise(self, pieces: Sequence[tuple[int, int]], otherwise: int) -> int:
        """The value of the first (value, condition) whose condition holds."""
        result = otherwise
        for value, condition in reversed(pieces):
            result = self.select(condition, value, result)
        return result

    def apply(self, name: str, arguments: Sequence[int]) -> int:
        """Node of an operation by its name in `ops`."""
        if name in FUNCTIONS:
            return self.call(name, *arguments)
        method = name + "_" if name in ("and", "or", "not") else name
        return getattr(self, method)(*arguments)

    # -- questions ------------------------------------------------------------------------------------------

    def value(self, node: int) -> float | None:
        """The number that a node is, or None when it is no number."""
        op = self.ops[node]
        return op[1] if op[0] == "number" else None  # type: ignore[return-value]

    def arguments(self, node: int) -> tuple[int, ...]:
        """The nodes that a node is computed from."""
        op = self.ops[node]
        return () if op[0] in ("number", "symbol", "truth") else op[1:]  # type: ignore[return-value]

    def is_logical(self, node: int) -> bool:
        """Whether the value of a node is true or false."""
        return self.ops[node][0] in LOGICAL

    def symbols_of(self, node: int) -> frozenset[str]:
        """Names of all symbols that a node depends on."""
        mask, names, found = self._symbol_masks[node], list(self._symbol_bit), []
        while mask:
            bit = mask.bit_length() - 1
            found.append(names[bit])
            mask ^= 1 << bit
        return frozenset(found)

    def depends_on(self, node: int, names: Iterable[str]) -> bool:
        """Whether a node depends on any of the named symbols."""
        # The same names are asked for again and again; a name may get its bit in between.
        key = tuple(names), len(self._symbol_bit)
        mask = self._masks_of.get(key)
        if mask is None:
            mask = self._masks_of[key] = sum(1 << self._symbol_bit[name] for name in {*key[0]} & {*self._symbol_bit})
        return self._symbol_masks[node] & mask != 0

    def reachable(self, roots: Iterable[int]) -> list[int]:
        """All nodes that the roots need, the roots included, in an order of evaluation."""
        seen: set[int] = set()
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting.extend(self.arguments(node))
        return sorted(seen)

    # -- derivative -----------------------------------------------------------------------------------------

    def derivative(self, node: int, symbol: str) -> int:
        """Node of the derivative of a node by a symbol. Conditions count as constant."""
        bit = self._symbol_bit.get(symbol)
        if bit is None or not self._symbol_masks[node] >> bit & 1:
            return self.number(0.0)
        known, found, waiting = self._derivatives, set(), [node]
        while waiting:
            each = waiting.pop()
            depends = self._symbol_masks[each] >> bit & 1 and not self.is_logical(each)
            if depends and each not in found and (each, symbol) not in known:
                found.add(each)
                waiting.extend(self.arguments(each))
        for each in sorted(found):  # arguments first, so that no recursion is needed
            known[each, symbol] = self._derive(each, symbol)
        return known.get((node, symbol), self.number(0.0))

    def _derive(self, node: int, symbol: str) -> int:
        name, *arguments = self.ops[node]
        if name == "symbol":
            return self.number(1.0)
        zero = self.number(0.0)
        slopes = [self._derivatives.get((argument, symbol), zero) for argument in arguments]  # type: ignore[arg-type]
        a, b = (*arguments, 0)[:2]
        assert isinstance(a, int) and isinstance(b, int)
        match name:
            case "add":
                return self.add(slopes[0], slopes[1])
            case "sub":
                return self.sub(slopes[0], slopes[1])
            case "neg":
                return self.neg(slopes[0])
            case "mul":
                return self.add(self.mul(slopes[0], b), self.mul(a, slopes[1]))
            case "div":
                # (a/b)' = (a' - (a/b) b') (1/b): quotient and reciprocal are shared by all derivatives
                return self.mul(self.sub(slopes[0], self.mul(node, slopes[1])), self._reciprocal(b))
            case "pow":
                return self._derive_pow(node, a, b, slopes)
            case "exp":
                return self.mul(node, slopes[0])
            case "log":
                return self.mul(slopes[0], self._reciprocal(a))
            case "sqrt":
                return self.mul(self.mul(self.number(0.5), slopes[0]), self._reciprocal(node))
            case "abs":
                return self.select(self.lt(a, self.number(0.0)), self.neg(slopes[0]), slopes[0])
            case "min":
                return self.select(self.lt(b, a), slopes[1], slopes[0])
            case "max":
                return self.select(self.lt(a, b), slopes[1], slopes[0])
            case "select":
                return self.select(a, slopes[1], slopes[2])
            case "floor" | "ceil" | "factorial":  # constant but for jumps
                return self.number(0.0)
            case str() if name in FUNCTIONS:
                return self.mul(slopes[0], self._slope_of(name, node, a))
        raise AssertionError(name)

    def _slope_of(self, name: str, node: int, a: int) -> int:
        """Derivative of a circular or hyperbolic function by its argument."""
        one = self.number(1.0)
        inside = self.mul(self.sub(one, a), self.add(one, a))  # 1 - a**2
        match name:
            case "sin":
                return self.call("cos", a)
            case "cos":
                return self.neg(self.call("sin", a))
            case "tan":
                return self.add(one, self.mul(node, node))
            case "asin":
                return self._reciprocal(self.call("sqrt", inside))
            case "acos":
                return self.neg(self._reciprocal(self.call("sqrt", inside)))
            case "atan":
                return self._reciprocal(self.add(one, self.mul(a, a)))
            case "sinh":
                return self.call("cosh", a)
            case "cosh":
                return self.call("sinh", a)
            case "tanh":
                return self.mul(self.sub(one, node), self.add(one, node))
            case "asinh":
                return self._reciprocal(self.call("sqrt", self.add(one, self.mul(a, a))))
            case "acosh":
                inside = self.mul(self.sub(a, one), self.add(a, one))
                return self._reciprocal(self.call("sqrt", inside))
            case "atanh":
                return self._reciprocal(inside)
        raise AssertionError(name)

    def _derive_pow(self, node: int, a: int, b: int, slopes: list[int]) -> int:
        result = self.number(0.0)
        if self.value(slopes[0]) != 0.0:
            # a**(b - 1) without a second power, which is dear; at a = 0 it is 0, 1 or inf.
            one, zero = self.number(1.0), self.number(0.0)
            at_zero = self.select(self.lt(one, b), zero, self.select(self.lt(b, one), self.number(math.inf), one))
            is_zero = self.eq(a, zero)
            lower = self.select(is_zero, at_zero, self.mul(node, self._reciprocal(a)))
            result = self.mul(self.mul(b, lower), slopes[0])
        if self.value(slopes[1]) != 0.0:
            # At a = 0 the limit is 0, not 0 * -inf.
            by_exponent = self.mul(self.mul(node, self.call("log", a)), slopes[1])
            positive = self.lt(self.number(0.0), a)
            result = self.add(result, self.select(positive, by_exponent, self.number(0.0)))
        return result

    def _reciprocal(self, a: int) -> int:
        return self.div(self.number(1.0), a)

    # -- inside ---------------------------------------------------------------------------------------------

    def _add(self, op: Op) -> int:
        if op[0] in _COMMUTATIVE and op[1] > op[2]:  # type: ignore[operator]
            op = (op[0], op[2], op[1])
        node = self._node_of.get(op)
        if node is None:
            node = len(self.ops)
            self._node_of[op] = node
            self.ops.append(op)
            mask = 1 << self._symbol_bit[str(op[1])] if op[0] == "symbol" else 0
            for argument in self.arguments(node):
                mask |= self._symbol_masks[argument]
            self._symbol_masks.append(mask)
        return node

    def _argument(self, node: int, place: int) -> int:
        return self.ops[node][place]  # type: ignore[return-value]

    def _whole_power(self, a: int, exponent: int) -> int:
        if exponent == 1:
            return a
        half = self._whole_power(a, exponent // 2)
        square = self.mul(half, half)
        return self.mul(square, a) if exponent % 2 else square

    def _truth_value(self, node: int) -> bool | None:
        op = self.ops[node]
        return bool(op[1]) if op[0] == "truth" else None

    def _expect_logical(self, what: str, node: int) -> None:
        if not self.is_logical(node):
            raise InputError(f"{what} must be true or false", given=str(self.ops[node][0]))

    def _join(self, name: str, a: int, b: int, *, neutral: bool) -> int:
        for node in (a, b):
            self._expect_logical(f"an argument of {name}", node)
        for node, other in ((a, b), (b, a)):
            known = self._truth_value(node)
            if known is not None:
                return other if known == neutral else self.truth(known)
        return a if a == b else self._add((name, a, b))
