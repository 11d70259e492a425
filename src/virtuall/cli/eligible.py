"""`virtuall eligible`: which therapies are open to one described patient on a day, and by which rule."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtuall.cli.options import AsOfOption, JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from virtuall.clinic.eligibility import Answer, Verdict
    from virtuall.model.shelf import Shelf

# Lines of text are as wide as the terminal, within what can be read.
_NARROWEST, _WIDEST = 80, 120
_HEADER = ("therapy", "open?", "why", "mark", "source")
_GAP = "  "
_SAID = {
    "age": "{:g} years of age",
    "state": "leukemia {}",
    "lines": "{:g} earlier lines",
    "cd19": "CD19 on {:.4g} % of the blasts",
    "cd22": "CD22 on {:.4g} % of the blasts",
    "mrd": "residual disease {:.4g} %",
}
_SHARES = ("cd19", "cd22", "mrd")
_STATES = (
    "new (not treated yet), remission, mrd (remission with measurable residual disease), relapsed (came back),"
    " refractory (did not respond to the last treatment)"
)


def eligible(
    age: Annotated[str | None, typer.Option(metavar="YEARS", help='Or with a unit: "6 month".')] = None,
    state: Annotated[str | None, typer.Option(metavar="S", help=f"How the leukemia stands: {_STATES}.")] = None,
    lines: Annotated[
        str | None,
        typer.Option(metavar="N", help="Earlier lines of treatment; in a first relapse after one, 1."),
    ] = None,
    cd19: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Share of the blasts that carry CD19: positive, negative, or such as 0.9."),
    ] = None,
    cd22: Annotated[str | None, typer.Option(metavar="SHARE", help="Likewise CD22.")] = None,
    mrd: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help='Residual disease, share of cells: negative, 0.001, or "0.1 %".'),
    ] = None,
    ph: Annotated[
        bool, typer.Option("--ph", help="With the Philadelphia chromosome; otherwise taken as without.")
    ] = False,
    as_of: AsOfOption = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Say which therapies are open to a patient, closed, or in trials only, and by which rule.

    What is not said stays unknown: a therapy that depends on it is neither open nor closed. Labels and approvals
    are those of a day: today, or that of --as-of.
    """
    from virtuall.cli.library import open_library
    from virtuall.clinic.eligibility import judge, read_answers
    from virtuall.report.explain import day_of

    shelf = open_library(library)
    given = {"age": age, "state": state, "lines": lines, "cd19": cd19, "cd22": cd22, "mrd": mrd, "ph": ph}
    answers = read_answers(given, shelf)
    day = day_of(as_of, shelf)
    verdicts = judge(shelf, answers, day)
    sources = _sources(shelf, verdicts)
    if json:
        rows = [_as_json(each) for each in verdicts]
        content = {"as_of": day.isoformat(), "patient": answers, "therapies": rows, "sources": sources}
        print_json(content | {"notice": NOTICE})
        return
    print("\n".join(_wrapped(f"On {day.isoformat()}: {_patient_words(answers)}.", _width(), "", "  ")) + "\n")
    print("\n".join(_table(verdicts)))
    print("\nSources (V read in the source, M recalled, D derived, A assumption)")
    for key, words in sources.items():
        print("\n".join(_wrapped(f"[{key}] {words}", _width(), "  ", "    ")))
    print(f"\n{NOTICE}")


def _as_json(verdict: Verdict) -> dict[str, Any]:
    rule = verdict.rule
    return {
        "therapy": verdict.therapy,
        "open": verdict.open,
        "status": verdict.status,
        "rule": rule.name,
        "source": rule.source.key,
        "mark": rule.source.mark,
        "valid_from": rule.valid_from and rule.valid_from.isoformat(),
        "valid_to": rule.valid_to and rule.valid_to.isoformat(),
        "condition": rule.when.text,
        "why": rule.doc,
        "unmet": list(verdict.unmet),
        "needs": [f"--{name}" for name in verdict.needs],
        "where": str(rule.where),
    }


def _sources(shelf: Shelf, verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Every source that is named, in words; nothing for a key that is no reference, such as an assumption."""
    from virtuall.model.shelf import REFERENCES
    from virtuall.texts.references import read_references

    known = read_references(shelf.files[REFERENCES]) if REFERENCES in shelf.files else {}
    found: dict[str, str] = {}
    for verdict in verdicts:
        for key in verdict.rule.source.keys:
            found[key] = (known[key].words if key in known else "") or verdict.rule.source.why
    return found


def _patient_words(answers: Mapping[str, Answer]) -> str:
    shown = {
        name: 100 * answer if name in _SHARES else answer for name, answer in answers.items() if answer is not None
    }
    said = [words.format(shown[name]) for name, words in _SAID.items() if name in shown]
    said.append("the Philadelphia chromosome" if answers["ph"] else "no Philadelphia chromosome (--ph if there is)")
    unsaid = [f"--{name}" for name, answer in answers.items() if answer is None]
    return ", ".join(said) + (f"; not said: {', '.join(unsaid)}" if unsaid else "")


def _why(verdict: Verdict) -> str:
    rule = verdict.rule
    since = f", since {rule.valid_from}" if rule.valid_from else ""
    needs = ", ".join(f"--{name}" for name in verdict.needs)
    match verdict.status:
        case "unknown":
            return f"needs {needs} ({rule.name}{since})"
        case "closed" if verdict.unmet:
            return f"not met: {', '.join(verdict.unmet)} ({rule.name})"
        case _:
            return f"{rule.name}{since}"


def _table(verdicts: Sequence[Verdict]) -> list[str]:
    """Aligned columns; the reason and the source are broken over several lines."""
    rows = [(each.therapy, each.status, _why(each), each.rule.source.mark, each.rule.source.key) for each in verdicts]
    cells = [_HEADER, *rows]
    widths = [max(len(word) for row in cells for word in row[place].split(" ")) for place in range(len(_HEADER))]
    room = _width() - sum(widths) + widths[2] - len(_GAP) * (len(widths) - 1)
    widths[2] = max(room, widths[2])
    lines: list[str] = []
    for row in cells:
        columns = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for line in zip_longest(*columns, fillvalue=""):
            padded = (part.ljust(width) for part, width in zip(line, widths, strict=True))
            lines.append(_GAP.join(padded).rstrip())
    return lines


def _width() -> int:
    import shutil

    return max(_NARROWEST, min(shutil.get_terminal_size((_WIDEST, 1)).columns, _WIDEST))


def _wrapped(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
