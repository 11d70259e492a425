"""`virtuall sbml`: models of other people, in SBML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtuall.cli.options import JsonOption, check_least, check_positive
from virtuall.cli.output import NOTICE, print_json, remark, write_text
from virtuall.core.errors import InputError

if TYPE_CHECKING:
    from virtuall.engine.ensemble import Floats
    from virtuall.sbml.suite import Tally

_PASSED, _NOT_ALL = 0, 1


def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model in SBML.")],
    duration: Annotated[
        float, typer.Option(metavar="T", help="How long, in the model's unit of time; it starts at 0.")
    ] = 100.0,
    steps: Annotated[int, typer.Option(metavar="N", help="How many intervals between the rows.")] = 100,
    names: Annotated[
        str | None, typer.Option("--show", metavar="A,B", help="What to show; all variables if left out.")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Another first value; repeat it for more.")
    ] = None,
    rtol: Annotated[float, typer.Option(metavar="E", help="Error allowed per step.")] = 1e-8,
    out: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Where to write the table; standard output if left out.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="SVG|PNG", help="Draw the curves too.")] = None,
    json: JsonOption = False,
) -> None:
    """Simulate a model.

    Species are shown in the unit they have in the model's formulas; amount(S) and concentration(S) are names too.
    """
    check_positive("the duration", duration)
    check_least("the steps", steps, 1)
    if steps > 1_000_000:
        raise InputError("the steps must be 1,000,000 or fewer", given=steps)
    import numpy as np

    from virtuall.sbml import read_sbml, simulate_sbml
    from virtuall.sbml.simulate import default_names

    model = read_sbml(file, _values(values or []))
    shown = tuple(default_names(model) if names is None else (name.strip() for name in names.split(",")))
    times = duration * np.arange(steps + 1) / steps
    table = simulate_sbml(model, times, shown, rtol=rtol)
    if plot is not None:
        _draw(plot, model.name or file.stem, shown, times, table)
    if out is not None:
        write_text(out, _csv(shown, times, table))
    if json:
        columns = {name: table[:, k] for k, name in enumerate(shown)}
        content: dict[str, Any] = {"model": model.name, "time": times, "values": columns}
        print_json(content | {"file": None if out is None else str(out), "notice": NOTICE})
    elif out is None:
        print(_csv(shown, times, table), end="")
        remark(NOTICE)
    else:
        print(f"{model.name or file.stem}: {len(shown)} values at {len(times)} times: {out}")
        print(NOTICE)


def suite(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folders of cases, named by five digits.")],
    cases: Annotated[str | None, typer.Option(metavar="1,2,5-9", help="Only these cases; all if left out.")] = None,
    json: JsonOption = False,
) -> None:
    """Run cases of the SBML Test Suite and count those that pass.

    A case passes when every value is within the case's own tolerance of the expected one. The exit code is 1
    when not all of them do.
    """
    from virtuall.sbml.suite import Tally, find_cases, parse_cases, run_case

    chosen = find_cases(folder, None if cases is None else parse_cases(cases))
    tally = Tally()
    for number, case in enumerate(chosen, start=1):
        tally.verdicts.append(run_case(case))
        if number % 100 == 0 and number < len(chosen):
            remark(f"{number} of {len(chosen)} cases")
    if json:
        print_json(tally.summary() | {"notice": NOTICE})
    else:
        print(_report(tally))
    raise typer.Exit(_PASSED if len(tally.cases("passed")) == len(chosen) else _NOT_ALL)


def _values(texts: list[str]) -> dict[str, float]:
    import math

    found: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals or not math.isfinite(found[name.strip()]):
            raise InputError("--set takes a name and a finite number, such as k1=0.5", given=text)
    return found


def _csv(names: tuple[str, ...], times: Floats, table: Floats) -> str:
    import csv
    import io

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["time", *names])
    for time, row in zip(times, table, strict=True):
        writer.writerow([repr(float(value)) for value in (time, *row)])
    return stream.getvalue()


def _draw(path: Path, title: str, names: tuple[str, ...], times: Floats, table: Floats) -> None:
    from virtuall.core.errors import StoreError

    kind = path.suffix.lower()
    if kind not in (".png", ".svg", ".pdf"):
        raise InputError("a plot is a file of the kind .svg, .png or .pdf", given=str(path))
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for place, name in enumerate(names):
        axes.plot(times, table[:, place], label=name)
    axes.set_title(title)
    axes.set_xlabel("time")
    axes.legend(fontsize="small", ncols=1 + len(names) // 20)
    try:
        figure.savefig(path)
    except OSError as error:
        raise StoreError("the plot cannot be written", given=error.strerror or str(error), where=str(path)) from None


def _report(tally: Tally) -> str:
    passed, total = len(tally.cases("passed")), len(tally.verdicts)
    lines = [f"{passed} of {total} cases pass ({100.0 * passed / total:.1f} %)"]
    for outcome in ("wrong", "unsupported"):
        numbers = tally.cases(outcome)
        lines.append(f"{outcome}: {', '.join(map(str, numbers)) or 'none'}")
    lines += [f"  {verdict.case}: {verdict.reason}" for verdict in tally.verdicts if verdict.reason]
    return "\n".join([*lines, NOTICE])
