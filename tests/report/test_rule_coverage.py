"""Which rules were followed: counted from charts, and every rule of the library reached or explained."""

from __future__ import annotations

import datetime
from itertools import product

import numpy as np
import pandas as pd
import pytest

import virtuall as va
from virtuall.model import open_shelf
from virtuall.report.rule_coverage import coverage_table, joined_coverage, rule_coverage, unreached
from virtuall.simulation.protocol import load_protocol
from virtuall.texts.rules import Rule, parse_rules
from virtuall.trial.design import load_design

HEAD = 'source = "assumption"\nmark = "A"\nwhy = "A test."\n'
PATIENTS = 300


def rules(file: str, **entries: str) -> tuple[Rule, ...]:
    blocks = [f'[[rule]]\nname = "{name}"\nwhen = "late"\ndoc = "."\n{entry}\n' for name, entry in entries.items()]
    return parse_rules(HEAD + "\n".join(blocks), file, ("hold", "stop", "order"))


def charts(*entries: tuple[int, float, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(entries, columns=["patient", "day", "kind", "rule"])
    return frame.astype({"patient": "int64", "day": "float64", "kind": "category", "rule": "category"})


RULES = (
    *rules("a.toml", hold='do = "hold"', give='do = "order"\nwhat = "blanket"', beaten='do = "stop"'),
    *rules("b.toml", never='do = "stop"\nunreached = "nobody is so late"', forgotten='do = "hold"'),
)
CHARTS = charts(
    (1, 3.0, "hold", "hold"),
    (1, 3.0, "infusion_stop", "hold"),
    (1, 9.0, "hold", "hold"),
    (2, 2.5, "hold", "hold"),
    (2, 4.0, "overruled", "hold"),
    (2, 4.0, "care", "give"),
    (3, 8.0, "overruled", "beaten"),
    (3, 1.0, "crs", "astct_crs"),
    (3, 1.0, "infusion_start", ""),
)


def test_patients_are_counted_once_for_what_they_followed_and_what_gave_way() -> None:
    found = rule_coverage(CHARTS, (*RULES, *RULES[:2]))
    assert found["rule"].tolist() == ["hold", "give", "beaten", "never", "forgotten"]
    assert found["file"].tolist() == ["a.toml"] * 3 + ["b.toml"] * 2
    assert found["what"].tolist() == ["", "blanket", "", "", ""]
    assert found["patients"].tolist() == [2, 1, 0, 0, 0]
    assert found["overruled"].tolist() == [1, 0, 1, 0, 0]
    assert found["first_day"].tolist()[:3] == [2.5, 4.0, 8.0] and found["first_day"].isna().tolist()[3:] == [True, True]
    assert unreached(found)[["rule", "unreached"]].values.tolist() == [
        ["never", "nobody is so late"],
        ["forgotten", ""],
    ]


def test_groups_of_patients_are_put_together() -> None:
    other = charts((7, 1.0, "hold", "hold"), (8, 5.0, "hold", "forgotten"))
    whole = joined_coverage([rule_coverage(CHARTS, RULES), rule_coverage(other, RULES[::4]), rule_coverage(other, ())])
    assert whole["rule"].tolist() == ["hold", "give", "beaten", "never", "forgotten"]
    assert whole["patients"].tolist() == [3, 1, 0, 0, 1]
    assert whole["first_day"].tolist()[0] == 1.0 and np.isnan(whole["first_day"].tolist()[3])
    assert len(joined_coverage([rule_coverage(other, ())])) == 0


def test_the_table_says_what_is_missing_file_by_file() -> None:
    lines = coverage_table(rule_coverage(CHARTS, RULES)).splitlines()
    assert [line for line in lines if line.endswith(".toml")] == ["a.toml", "b.toml"]
    assert lines[3].split() == ["give", "order", "blanket", "1", "4.0"]
    assert "nobody is so late" in lines[6] and lines[7].split() == ["forgotten", "hold", "0", "?"]
    assert lines[-1] == "3 of 5 rules were reached; 1 of the others say no reason."


def test_simulated_charts_name_the_rules_that_were_followed() -> None:
    protocol = load_protocol("blinatumomab/relapsed")
    result = va.simulate(va.sample("adult_relapsed", 60, seed=4), protocol, days=90.0, record=(), chart="key")
    found = rule_coverage(result.events, protocol.rules)
    off = result.outcomes["off_protocol_reason"].value_counts()
    stops = found[found["action"] == "stop"].set_index("rule")["patients"]
    ended = {rule: int(count) for rule, count in off.items() if rule in stops.index}
    assert ended and {rule: int(stops[rule]) for rule in ended} == ended


@pytest.mark.slow
def test_every_rule_of_the_library_is_reached_or_says_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    """The arms of the shipped trials, 300 patients each, to the end of the trial."""
    shelf = open_shelf()
    nobody = charts()
    parts = [rule_coverage(nobody, load_protocol(name).rules) for name in shelf.protocols]
    done: set[tuple[str, str, datetime.date | None]] = set()
    for design in [load_design(trial) for trial in shelf.trials]:
        for arm, day in product(design.arms, {design.as_of, None}):  # by the rules of the trial, and by those of now
            if (arm.cohort, arm.protocol, day) in done:
                continue
            done.add((arm.cohort, arm.protocol, day))
            protocol = load_protocol(arm.protocol, as_of=day)
            patients = va.sample(arm.cohort, PATIENTS, seed=11)
            result = va.simulate(patients, protocol, days=design.horizon, record=(), chart="key")
            parts.append(rule_coverage(result.events, protocol.rules))
    whole = joined_coverage(parts)
    with capsys.disabled():
        print("\n" + coverage_table(whole))
    missing = unreached(whole)
    silent = missing[missing["unreached"] == ""]
    assert silent.empty, "unreached, and the text says no reason (unreached = ...): " + ", ".join(silent["rule"])
