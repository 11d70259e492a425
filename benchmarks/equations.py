"""The programs of a System as source text in other languages: Python, and DiffSL."""

from __future__ import annotations

from collections.abc import Sequence

from virtuall.engine.blueprint import Blueprint
from virtuall.engine.program import Program

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "and": "and", "or": "or"}


def python_lines(program: Program, inputs: Sequence[str], *, choice: str = "python", prefix: str = "") -> list[str]:
    """One assignment a step; step k is the variable ``v<k>``.

    Parameters
    ----------
    inputs : sequence of str
        Text of each input slot.
    choice : {"python", "jax"}
        How a choice is written: an expression with if, or a call of ``where`` (conditions by ``&`` and ``|``).
    prefix : str
        Before the name of a function, such as ``math.``.
    """
    lines = []
    for place, (name, *rest) in enumerate(program.steps):
        a = [f"v{k}" for k in rest] if name not in ("input", "number", "truth") else []
        if name == "input":
            text = inputs[rest[0]]  # type: ignore[index]
        elif name in ("number", "truth"):
            text = repr(rest[0]) if abs(rest[0]) != float("inf") else f"{'-' * (rest[0] < 0)}inf"  # type: ignore[arg-type, operator]
        elif choice == "jax" and name in ("and", "or", "not", "select", "min", "max"):
            text = {
                "and": "({0} & {1})",
                "or": "({0} | {1})",
                "not": "~{0}",
                "select": "where({0}, {1}, {2})",
                "min": "minimum({0}, {1})",
                "max": "maximum({0}, {1})",
            }[name].format(*a)
        elif name in _INFIX:
            text = f"{a[0]} {_INFIX[name]} {a[1]}"
        elif name == "neg":
            text = f"-{a[0]}"
        elif name == "not":
            text = f"not {a[0]}"
        elif name == "pow":
            text = f"{a[0]} ** {a[1]}"
        elif name == "select":
            text = f"{a[1]} if {a[0]} else {a[2]}"
        elif name in ("min", "max", "abs"):
            text = f"{name}({', '.join(a)})"
        else:
            text = f"{prefix}{name}({', '.join(a)})"
        lines.append(f"v{place} = {text}")
    return lines


def rates_function(blueprint: Blueprint, *, prefix: str = "math.") -> str:
    """``rates(t, y, p, out)``: y states, p fixed columns, out[:] = rates."""
    outputs = blueprint.rates.outputs
    lines = python_lines(blueprint.rates, input_names(blueprint), prefix=prefix)
    lines += [f"out[{k}] = v{node}" for k, node in enumerate(outputs)]
    return "def rates(t, y, p, out):\n" + _body(lines)


def rates_list_function(blueprint: Blueprint) -> str:
    """``rates(t, y, p)`` that returns a list: plain Python is faster on floats and lists than on arrays."""
    lines = python_lines(blueprint.rates, input_names(blueprint), prefix="")
    lines.append(f"return [{', '.join(f'v{node}' for node in blueprint.rates.outputs)}]")
    return "def rates(t, y, p):\n" + _body(lines)


def slopes_function(blueprint: Blueprint, places: Sequence[str], *, prefix: str = "math.") -> str:
    """``slopes(t, y, p, out)``: entries of the Jacobian, entry k into ``out[places[k]]``."""
    from virtuall.engine.program import pick_outputs

    size = len(blueprint.system.states)
    program = pick_outputs(blueprint.slopes, range(size, size + len(blueprint.entries)))
    lines = python_lines(program, input_names(blueprint), prefix=prefix)
    lines += [f"out[{place}] = v{node}" for place, node in zip(places, program.outputs, strict=True)]
    return "def slopes(t, y, p, out):\n" + _body(lines)


def jax_function(blueprint: Blueprint) -> str:
    """``rates(t, y, p)`` of jax.numpy arrays."""
    lines = python_lines(blueprint.rates, input_names(blueprint), choice="jax")
    lines.append(
        f"return stack([asarray(v, y.dtype) for v in [{', '.join(f'v{k}' for k in blueprint.rates.outputs)}]])"
    )
    return "def rates(t, y, p):\n" + _body(lines)


def input_names(blueprint: Blueprint) -> list[str]:
    """Text of each input slot of the programs of a step."""
    size = len(blueprint.system.states)
    fixed = range(len(blueprint.fixed.outputs))
    return [*(f"y[{k}]" for k in range(size)), "t", *(f"p[{k}]" for k in fixed)]


def _body(lines: Sequence[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def diffsl_text(blueprint: Blueprint) -> str:
    """A DiffSL program. States are divided by their scales, for the tool knows one absolute tolerance only.

    Inputs: the fixed columns, then the first states (scaled), then the time at which the piece begins.
    """
    size = len(blueprint.system.states)
    fixed = len(blueprint.fixed.outputs)
    names = [*(f"(x{k} * {scale!r})" for k, scale in enumerate(blueprint.system.scales)), "(begin + t)"]
    names += [f"p{k}" for k in range(fixed)]
    given = [*(f"p{k} = 0" for k in range(fixed)), *(f"s{k} = 0" for k in range(size)), "begin = 0"]
    text = [f"in_i {{ {', '.join(given)} }}"]
    text.append("u_i { " + ", ".join(f"x{k} = s{k}" for k in range(size)) + " }")
    known: dict[int, str] = {}
    logical: dict[int, str] = {}
    for place, (name, *rest) in enumerate(blueprint.rates.steps):
        a = [known.get(k, "") for k in rest] if name not in ("input", "number", "truth") else []  # type: ignore[arg-type]
        step = _diffsl_step(name, rest, a, [logical.get(k, "") for k in rest] if a else [], names)
        if name in ("lt", "le", "and", "or", "not", "truth"):
            logical[place] = step
        elif name in ("input", "number"):
            known[place] = step
        else:
            text.append(f"v{place} {{ {step} }}")
            known[place] = f"v{place}"
    scales = blueprint.system.scales
    rates = (f"{known[node]} / {scale!r}" for node, scale in zip(blueprint.rates.outputs, scales, strict=True))
    text.append("F_i { " + ", ".join(rates) + " }")
    return "\n".join(text)


def _diffsl_step(name: str, rest: Sequence[object], a: Sequence[str], b: Sequence[str], names: Sequence[str]) -> str:
    """One step. Truths are numbers 0 and 1 made of heaviside."""
    match name:
        case "input":
            return names[rest[0]]  # type: ignore[index]
        case "number":
            return f"({rest[0]!r})"
        case "truth":
            return "1.0" if rest[0] else "0.0"
        case "lt":
            return f"(1.0 - heaviside({a[0]} - {a[1]}))"
        case "le":
            return f"heaviside({a[1]} - {a[0]})"
        case "and":
            return f"({b[0]} * {b[1]})"
        case "or":
            return f"(1.0 - (1.0 - {b[0]}) * (1.0 - {b[1]}))"
        case "not":
            return f"(1.0 - {b[0]})"
        case "select":
            return f"{b[0]} * {a[1]} + (1.0 - {b[0]}) * {a[2]}"
        case "neg":
            return f"-{a[0]}"
        case "pow":
            return f"pow({a[0]}, {a[1]})"
        case _ if name in _INFIX:
            return f"{a[0]} {_INFIX[name]} {a[1]}"
        case _:
            return f"{name}({', '.join(a)})"
