"""The whole simulation, clinic included: core-milliseconds of a lived patient-year, cores, memory, and orders.

Each figure is taken in a fresh process, so that nothing built before helps or burdens it: ``clinic.py JSON``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from clock import core_seconds, cores, wall_seconds
from table import Row, Section, show

COHORT, PROTOCOL, SEED = "adult_relapsed", "blinatumomab/relapsed", 1
YEAR = 365.0
MOST_COST, MOST_MEMORY, LEAST_CORES = 2.0, 1.5, 1.8
MOST_CHANGED, MOST_MOVED = 1.0, 0.3
TIGHT = 1e-8
# Orders are the same when they follow each other in the same way, within an hour, amounts within a thousandth.
HOUR, MINUTE, AMOUNT = 1.0 / 24.0, 1.0 / 1440.0, 1e-3
MARK = "RESULT "
RESPONSES = ("CR",)


def clinic_section(quick: bool) -> Section:
    """All figures of the whole simulation."""
    patients = 2000 if quick else 10_000
    key, full = (_cost(patients, chart, "few") for chart in ("key", "full"))
    default = _cost(patients, "full", "default")
    one = _ask(what="cost", patients=patients, chart="key", record="wall", processes=1)
    two = _ask(what="cost", patients=patients, chart="key", record="wall", processes=2)
    memory = _ask(what="memory", patients=patients)
    orders = _ask(what="orders", patients=1000 if quick else 4000)
    rows = [
        _cost_row(key, "key chart, nothing recorded", True),
        _cost_row(full, "full chart, nothing recorded", True),
        _cost_row(default, "full chart, default signals daily", False),
        Row(
            "... of these the kernel's advance",
            f"{key['advance'] / key['seconds']:.0%} (key), {full['advance'] / full['seconds']:.0%} (full)",
        ),
    ]
    if cores() >= 2:
        rows.append(
            Row(
                f"{patients} patients in 2 processes against 1 ({one['seconds']:.1f} s, {two['seconds']:.1f} s, "
                "workers warm)",
                f"{one['seconds'] / two['seconds']:.2f} times",
                f">= {LEAST_CORES:g} times",
                one["seconds"] / two["seconds"] >= LEAST_CORES,
            )
        )
    rows += [
        Row(
            f"peak memory, {patients} patients x 2 years, 10 signals daily (before: {memory['before']:.2f} GiB)",
            f"{memory['peak']:.2f} GiB",
            f"< {MOST_MEMORY:g} GiB" if not quick else "",
            memory["peak"] < MOST_MEMORY if not quick else None,
        ),
        Row(
            "patients with other orders (what, why, amount, time within an hour) at the working "
            f"tolerance {orders['rtol']:g} than at {TIGHT:g}, of {orders['patients']}",
            f"{orders['changed']:.2f} %",
            f"< {MOST_CHANGED:g} %",
            orders["changed"] < MOST_CHANGED,
        ),
        Row("... to the minute (a clock's ring moves by minutes)", f"{orders['minute']:.2f} %"),
        Row("... other events than orders, samples and results, within an hour", f"{orders['events']:.2f} %"),
        Row(
            f"CR at the working tolerance and at {TIGHT:g} ({orders['cr']:.2f} %, {orders['cr_tight']:.2f} %) moved by",
            f"{abs(orders['cr'] - orders['cr_tight']):.2f} points",
            f"< {MOST_MOVED:g} points",
            abs(orders["cr"] - orders["cr_tight"]) < MOST_MOVED,
        ),
    ]
    return Section(
        "The whole simulation",
        f"`virtuall.simulate` of cohort `{COHORT}` under `{PROTOCOL}`, all its follow-up, rules, samples and draws: "
        "the blinatumomab arm of TOWER. One core unless said otherwise; each figure in a fresh process, kernel from "
        "the cache. A lived patient-year ends with death or the end of follow-up.",
        rows=tuple(rows),
    )


def _cost(patients: int, chart: str, record: str) -> dict[str, Any]:
    return _ask(what="cost", patients=patients, chart=chart, record=record, processes=1)


def _cost_row(found: dict[str, Any], words: str, has_bar: bool) -> Row:
    cost = found["seconds"] / found["years"] * 1e3
    return Row(
        f"core-ms a lived patient-year, {found['patients']} patients, {words} ({found['seconds']:.1f} s, "
        f"{found['years']:.0f} lived years)",
        show(cost),
        f"<= {MOST_COST:g}" if has_bar else "",
        cost <= MOST_COST if has_bar else None,
    )


def _ask(**question: Any) -> dict[str, Any]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).resolve()), json.dumps(question)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            answer: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return answer
    raise SystemExit(f"{question}: {done.stderr[-2000:]}")


def cost(patients: int, chart: str, record: str, processes: int) -> dict[str, Any]:
    """Seconds of a whole simulation, the faster of two calls; and how long the patients lived."""
    import virtuall as va
    from virtuall.engine.kernel import Kernel

    clock = core_seconds if processes == 1 and record != "wall" else wall_seconds
    people, protocol = va.sample(COHORT, patients, seed=SEED), va.load_protocol(PROTOCOL)
    settings: dict[str, Any] = {"chart": chart, "processes": processes, "record": None if record == "default" else ()}
    va.simulate(people[: 16 * processes], protocol, **settings)
    spent = [0.0]
    plain = Kernel.advance

    def advance(*given: Any) -> None:
        start = clock()
        plain(*given)
        spent[0] += clock() - start

    Kernel.advance = advance  # type: ignore[method-assign, assignment]
    best = {"seconds": float("inf")}
    for _ in range(2):
        spent[0] = 0.0
        begin = clock()
        result = va.simulate(people, protocol, **settings)
        seconds = clock() - begin
        if seconds < best["seconds"]:
            years = float(result.outcomes.last_day.sum()) / YEAR
            best = {"seconds": seconds, "advance": spent[0], "years": years, "patients": patients}
        del result
    return best


def memory(patients: int) -> dict[str, Any]:
    """Peak GiB of two years with ten signals."""
    import virtuall as va
    from virtuall.model import load_system

    before = _peak()
    names = [name for name, _ in load_system().system.signals][:10]
    people, protocol = va.sample(COHORT, patients, seed=SEED), va.load_protocol(PROTOCOL)
    result = va.simulate(people, protocol, days=2.0 * YEAR, record=names)
    return {"before": before, "peak": _peak(), "failed": int((result.status != 0).sum())}


def _peak() -> float:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**30 if sys.platform == "darwin" else 2**20)


def orders(patients: int) -> dict[str, Any]:
    """Patients whose orders differ between the working tolerance and a tight one."""
    import virtuall as va
    from virtuall.simulation.simulate import WORKING_TOLERANCE

    people, protocol = va.sample(COHORT, patients, seed=SEED), va.load_protocol(PROTOCOL)
    found = [va.simulate(people, protocol, record=(), rtol=rtol, chart="full") for rtol in (WORKING_TOLERANCE, TIGHT)]
    told = [chart_of(each.events, {"order"}) for each in found]
    lived = [
        chart_of(each.events, {*each.events.kind.cat.categories} - {"order", "sample", "result"}) for each in found
    ]
    ids = people.ids.tolist()
    cr = [100.0 * float(each.outcomes.best_response.isin(RESPONSES).mean()) for each in found]
    return {
        "patients": patients,
        "rtol": WORKING_TOLERANCE,
        "changed": _share(told, ids, HOUR),
        "minute": _share(told, ids, MINUTE),
        "events": _share(lived, ids, HOUR),
        "cr": cr[0],
        "cr_tight": cr[1],
    }


def _share(charts: list[dict[int, list[tuple[float, float, str]]]], ids: list[int], apart: float) -> float:
    """Percent of the patients whose two charts are not the same."""
    return 100.0 * float(np.mean([not same(charts[0].get(k, []), charts[1].get(k, []), apart) for k in ids]))


def same(one: list[tuple[float, float, str]], other: list[tuple[float, float, str]], apart: float) -> bool:
    """The same entries in the same order, at most so many days apart, amounts within a thousandth."""
    if [words for *_, words in one] != [words for *_, words in other]:
        return False
    pairs = list(zip(one, other, strict=True))
    return all(abs(a[0] - b[0]) <= apart and abs(a[1] - b[1]) <= AMOUNT * abs(a[1]) for a, b in pairs)


def chart_of(events: Any, kinds: set[str]) -> dict[int, list[tuple[float, float, str]]]:
    """Each patient's entries of these kinds: day, value (0 where there is none, or where it is measured), words."""
    chosen = events[events.kind.isin(kinds)]
    value = chosen.value.fillna(0.0) if kinds == {"order"} else chosen.value * 0.0
    words = chosen.kind.astype(str) + ": " + chosen.what.astype(str) + ", " + chosen.rule.astype(str)
    found: dict[int, list[tuple[float, float, str]]] = {}
    for patient, *entry in zip(chosen.patient, chosen.day, value.fillna(0.0), words, strict=True):
        found.setdefault(int(patient), []).append(tuple(entry))  # type: ignore[arg-type]
    return found


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    if given.get("processes", 1) == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    answered = {"cost": cost, "memory": memory, "orders": orders}[given.pop("what")](**given)
    print(MARK + json.dumps(answered), flush=True)
