"""``make bench``: every figure of speed, memory and agreement in one run, peers beside us; 1 where a bar is missed.

bench.py                          everything
bench.py --only full foreign      some parts: full, foreign, replay, absent, clinic, costs, peak
bench.py --tools diffsol sundae   some peers
bench.py --quick                  fewer patients and tries; bars are shown all the same
bench.py --write                  write the page benchmarks/README.md, with what earlier runs left of other parts
bench.py --settings               every setting that was tried, too
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# One thread for libraries that have threads of their own: the figures are those of one core.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from peers import TOOLS
from table import Row, Section, table, verdict

PAGE = Path(__file__).resolve().parent / "README.md"
# What a part found is kept when it is done, so that a part can be run again alone.
KEPT = PAGE.parents[1] / "build" / "bench" / "parts"
PACKAGES = (
    "virtuall",
    "numpy",
    "llvmlite",
    "scipy",
    "scikit-sundae",
    "numba",
    "pydiffsol",
    "libroadrunner",
    "copasi-basico",
    "python-copasi",
    "diffrax",
    "jax",
    "amici",
    "antimony",
    "python-libsbml",
)


def full_part(options: argparse.Namespace) -> list[Section]:
    """The shipped model beside the peers."""
    from beside_section import full_section

    return [full_section(options.tools, 12.0 if options.quick else 25.0, options.settings)]


def foreign_part(options: argparse.Namespace) -> list[Section]:
    """Published models beside the peers."""
    from beside_section import foreign_section

    return [foreign_section(options.tools, 5.0 if options.quick else 8.0, options.settings)]


def replay_part(options: argparse.Namespace) -> list[Section]:
    """Realized orders in another engine."""
    from second_engine import replay_section

    return [replay_section(10 if options.quick else 50)]


def absent_part(options: argparse.Namespace) -> list[Section]:
    """The population that is not there."""
    from absent import absent_section

    return [absent_section(options.tools, 1000 if options.quick else 10_000)]


def clinic_part(options: argparse.Namespace) -> list[Section]:
    """The whole simulation."""
    from clinic import clinic_section

    return [clinic_section(options.quick)]


def costs_part(options: argparse.Namespace) -> list[Section]:
    """What the time depends on."""
    from costs import costs_section

    return [costs_section(options.quick)]


def peak_part(options: argparse.Namespace) -> list[Section]:
    """Share of the peak."""
    from peak import peak_section

    return [peak_section()]


PARTS: dict[str, Callable[[argparse.Namespace], list[Section]]] = {
    "full": full_part,
    "foreign": foreign_part,
    "replay": replay_part,
    "absent": absent_part,
    "clinic": clinic_part,
    "costs": costs_part,
    "peak": peak_part,
}


def machine() -> str:
    """Processor, cores and system."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def load() -> str:
    """Work of others on the machine."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def versions() -> str:
    """What is installed."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} absent")
    return ", ".join(found)


def keep(part: str, sections: Sequence[Section], load_after: str) -> None:
    """Put aside what a part found."""
    KEPT.mkdir(parents=True, exist_ok=True)
    rows = [[row.words, row.value, row.bar, row.met] for section in sections for row in section.rows]
    command = "make bench" + (f' ARGS="{" ".join(sys.argv[1:])}"' if sys.argv[1:] else "")
    found = {
        "text": "\n\n".join(section.text().strip() for section in sections),
        "rows": rows,
        "run": f"`{command}`, {time.strftime('%Y-%m-%d')}, load {load_after}",
    }
    (KEPT / f"{part}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def page() -> str:
    """The whole page, from what is kept of every part."""
    files = {part: KEPT / f"{part}.json" for part in PARTS}
    kept = {part: json.loads(file.read_text(encoding="utf-8")) for part, file in files.items() if file.exists()}
    rows = [Row(*row) for each in kept.values() for row in each["rows"]]
    runs: dict[str, list[str]] = {}
    for part, each in kept.items():
        runs.setdefault(each["run"], []).append(part)
    parts = [
        "# Benchmarks",
        f"Measured on {machine()}. {versions()}.",
        "\n".join(f"- {', '.join(names)}: {run}" for run, names in runs.items()),
        _met_words([row for row in rows if row.met is not None]),
        *(each["text"] for each in kept.values()),
        HOW.strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _met_words(bars: Sequence[Row]) -> str:
    missed = [row for row in bars if not row.met]
    words = f"{len(bars) - len(missed)} of {len(bars)} bars are met."
    if missed:
        words += " Missed:\n\n" + table(
            ("measured", "value", "bar", ""), [(row.words, row.value, row.bar, verdict(row)) for row in missed]
        )
    return words


HOW = """
## How it is measured

- **Same work.** Every engine gets the same patients, changes and record times, and gives back all states. The
  integration starts anew at each change of an input. Tools that take code get our equations with the divisions shared
  and all that depends on a patient's numbers alone computed beforehand; tools that take SBML get the file.
- **Same error.** Largest difference from the reference over the record times, divided by the largest value of the
  reference (or the state's scale, if it never reaches that), the worst of all states and of the judged patients. The
  reference is our kernel at rtol 1e-10; that the peers' tightest settings agree with it is a row with a bar.
- **Own best setting.** For every engine several methods, linear solvers and kinds of absolute tolerance are tried from
  loose to tight (`--settings` lists them). A peer is given its cheapest setting that meets the error, even where a
  tighter one misses it; we take our loosest tolerance of which all tighter ones meet the error too.
- **Clock.** One core. Loading, compiling and putting in a patient's numbers are not counted ("cold start" shows them);
  COPASI's and AMICI's conversion of results is not counted either. Ours includes start, all changes and the record.
  Our kernel is timed in turns with each peer in the same process; the fastest run of each counts. Peers that work one
  patient at a time are timed on 3 to 64 patients, diffrax on 64 at once, ours on 1,000 or 1,024.
- **Absent** is a tool that is not installed, refuses the model, or ends its process; it never stops the run. mrgsolve
  is an R package with a C++ compiler behind it and is on neither PyPI nor Debian: it is not here.
- In the shipped model's patient-years nobody dies and no clone ends: a fixed piece of work, not medicine.
"""


def main() -> int:
    """Measure, print, write; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS), metavar="TOOL")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--settings", action="store_true")
    options = parser.parse_args()
    sections: list[Section] = []
    for name in options.only:
        started = time.perf_counter()
        found = PARTS[name](options)
        sections += found
        for section in found:
            print(section.text(), flush=True)
        print(f"({name}: {time.perf_counter() - started:.0f} s)\n", flush=True)
        keep(name, found, load())
    if options.write:
        PAGE.write_text(page(), encoding="utf-8")
    bars = [row for section in sections for row in section.rows if row.met is not None]
    print(_met_words(bars))
    return 0 if all(row.met for row in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
