"""Charts of graded events: episodes, what is reported of them, how long they last, and whom a row is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from virtuall.core.errors import Problems
from virtuall.core.random import uniform
from virtuall.texts.table import reading
from virtuall.trial import endpoints
from virtuall.trial.charted import EventColumn, with_events
from virtuall.trial.design import read_design
from virtuall.trial.episodes import with_episodes
from virtuall.trial.mapping import Mapped, read_mapping
from virtuall.trial.published import Published
from virtuall.trial.reported import Report, read_reports, reported
from virtuall.trial.scoring import score_trial

NEVER = np.nan
A, B = "mild_scale", "strict_scale"
COLUMNS = ["patient", "day", "kind", "what", "value", "unit", "rule"]
# Patient 1 has two episodes, on two scales; patient 2 one that is not over; patient 3 a drug three times.
CHART = pd.DataFrame(
    [
        (1, 12.0, "crs", "release", 1.0, "grade", A),
        (1, 12.5, "crs", "strict release", 2.0, "grade", B),
        (1, 13.0, "crs", "release", 3.0, "grade", A),
        (1, 17.0, "resolved", "release", 4.0, "d", A),
        (1, 17.5, "resolved", "strict release", NEVER, "", B),
        (1, 30.0, "crs", "release", 1.0, "grade", A),
        (1, 32.0, "resolved", "release", 1.0, "d", A),
        (2, 14.0, "crs", "release", 2.0, "grade", A),
        (2, 15.0, "finding", "oxygen", 1.0, "low_flow", ""),
        (2, 16.0, "finding", "oxygen", 3.0, "ventilator", ""),
        (2, 17.0, "finding", "oxygen", 0.0, "none", ""),
        (3, 15.0, "care", "drug", 8.0, "mg/kg", "a rule"),
        (3, 16.0, "care", "drug", 8.0, "mg/kg", "a rule"),
        (3, 17.0, "care", "drug", 8.0, "mg/kg", "another rule"),
        (3, 18.0, "care", "other drug", 8.0, "mg/kg", "another rule"),
    ],
    columns=COLUMNS,
)
PATIENTS = pd.DataFrame(
    {
        "patient": [1, 2, 3, 4],
        "replicate": 0,
        "arm": ["a", "a", "b", "b"],
        "treated": True,
        "infused_day": [10.0, 10.0, 10.0, NEVER],
        "off_protocol_day": [NEVER, 20.0, 20.0, 20.0],
        "follow_up": [40.0, 40.0, 40.0, 40.0],
    }
)


def told(*columns: EventColumn, chart: pd.DataFrame = CHART) -> list[list[float]]:
    added, _ = with_events(PATIENTS, chart, columns, {})
    return [added[column.name].astype(float).fillna(-1).tolist() for column in columns]


def test_episodes_are_told_apart_by_their_ends_on_each_scale() -> None:
    chart = with_episodes(CHART)
    assert not (chart["kind"] == "resolved").any()
    release = chart[(chart["patient"] == 1) & (chart["rule"] == A)]
    assert release["episode"].tolist() == [0, 0, 1]
    assert release["begun"].tolist() == [12, 12, 30]
    assert release["worst"].tolist() == [3, 3, 1]
    assert release["over"].tolist() == [16, 16, 31], "as long as it lasted, not as long as one waited to be sure"
    strict = chart[chart["rule"] == B]
    assert (strict["episode"].item(), strict["over"].item()) == (0, 17.5)
    assert np.isnan(chart[(chart["patient"] == 2) & (chart["kind"] == "crs")]["over"].item())
    assert chart[chart["what"] == "drug"]["episode"].tolist() == [0, 1, 0], "each dose is one of its own rule"


def test_episodes_do_not_depend_on_who_else_is_charted() -> None:
    shuffled = pd.concat([CHART[CHART["patient"] == p] for p in (3, 1, 2)], ignore_index=True)
    columns = ["patient", "day", "kind", "rule", "episode", "worst", "begun", "over"]
    a, b = (
        with_episodes(each)[columns].sort_values(["patient", "day"], kind="stable").reset_index(drop=True)
        for each in (CHART, shuffled)
    )
    pd.testing.assert_frame_equal(a, b)
    alone = with_episodes(CHART[CHART["patient"] == 1])[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, a[a["patient"] == 1].reset_index(drop=True))


def test_onset_duration_and_number_on_a_scale() -> None:
    since = "infused_day"
    crs = EventColumn("crs", 1, scale=A, since=since)
    found = told(
        crs._replace(tells="onset"),
        crs._replace(tells="duration"),
        crs._replace(tells="duration", grade=3),
        crs._replace(tells="count"),
        crs._replace(grade=3, scale=B),
        crs._replace(tells="onset", scale=B),
        crs._replace(times=(2, 2)),
    )
    assert found[0] == [2, 4, -1, -1]
    assert found[1] == [4, -1, -1, -1], "of the first episode; one that is not over has no length"
    assert found[2] == [4, -1, -1, -1], "of the whole episode that came so far"
    assert found[3] == [2, 1, 0, 0]
    assert found[4] == [0, 0, 0, 0]
    assert found[5] == [2.5, -1, -1, -1]
    assert found[6] == [1, 0, 0, 0]


def test_an_end_after_follow_up_is_not_known() -> None:
    early = PATIENTS.assign(follow_up=15.0)
    column = EventColumn("crs", 1, scale=A, tells="duration")
    added, _ = with_events(early, CHART, [column], {})
    assert added[column.name].isna().all()


def test_findings_by_level_and_drugs_by_number_and_rule() -> None:
    found = told(
        EventColumn("finding", 1, what=("oxygen",)),
        EventColumn("finding", 1, what=("oxygen",), words=("ventilator",), tells="onset"),
        EventColumn("finding", 4, what=("oxygen",)),
        EventColumn("care", what=("drug",), times=(3, 3)),
        EventColumn("care", what=("drug",), times=(1, 2)),
        EventColumn("care", what=("drug",), scale="another rule", tells="onset"),
        EventColumn("care", what=("drug", "other drug"), tells="count"),
    )
    assert found[0] == [0, 1, 0, 0]
    assert found[1] == [-1, 16, -1, -1]
    assert found[2] == [0, 0, 0, 0]
    assert found[3] == [0, 0, 1, 0]
    assert found[4] == [0, 0, 0, 0]
    assert found[5] == [-1, -1, 17, -1]
    assert found[6] == [0, 0, 4, 0]


def test_what_nobody_has_is_told_by_scale_and_finding() -> None:
    wanted = [
        EventColumn("crs", scale="a_third_scale"),
        EventColumn("crs", scale=A),
        EventColumn("finding", 1, what=("dialysis",)),
        EventColumn("finding", 1, what=("oxygen",)),
        EventColumn("care", what=("a drug nobody needed",)),
    ]
    _, unseen = with_events(PATIENTS, CHART, wanted, {})
    assert unseen == {"crs on a_third_scale", "finding dialysis"}, "drugs are charted, so nobody got that one"


def many(n: int = 20_000) -> pd.DataFrame:
    rows = {"patient": np.arange(n), "day": 1.0, "kind": "crs", "what": "release", "value": 2.0, "rule": A}
    return with_episodes(pd.DataFrame(rows))


def test_so_many_are_reported_whole_and_always_the_same() -> None:
    chart, reports = many(), (Report("crs", 0.3),)
    arms = pd.Series("a", chart["patient"].unique())
    kept = reported(chart, arms, reports, seed=5)
    assert abs(len(kept) / len(chart) - 0.3) < 4 * np.sqrt(0.3 * 0.7 / len(chart))
    draws = uniform(5, "reported crs", chart["patient"].to_numpy(), 0)
    assert kept["patient"].tolist() == chart["patient"][draws < 0.3].tolist()
    some = chart[chart["patient"] % 7 == 0].iloc[::-1]
    again = reported(some, arms, reports, seed=5)
    assert sorted(again["patient"]) == [patient for patient in kept["patient"] if patient % 7 == 0]
    assert len(reported(chart, arms, (Report("crs", 1.0),), seed=5)) == len(chart)
    assert len(reported(chart, arms, (Report("crs", 0.0),), seed=5)) == 0


def test_an_episode_is_reported_or_not_on_every_scale() -> None:
    chart = with_episodes(CHART)
    arms = PATIENTS.set_index("patient")["arm"]
    for seed in range(30):
        kept = reported(chart, arms, (Report("crs", 0.5),), seed)
        first = kept[(kept["kind"] == "crs") & (kept["patient"] == 1) & (kept["episode"] == 0)]
        assert len(first) in (0, 3)
        assert (kept["kind"] != "crs").sum() == (chart["kind"] != "crs").sum()


def test_what_comes_back_within_a_cycle_is_reported_with_the_first() -> None:
    arms = PATIENTS.set_index("patient")["arm"]
    told = {1: set(), 2: set()}  # type: dict[int, set[int]]
    for second in told:
        chart = with_episodes(CHART.assign(cycle=np.where(CHART["day"] < 30, 1, second)))
        for seed in range(30):
            kept = reported(chart, arms, (Report("crs", 0.5),), seed)
            told[second].add(int(((kept["patient"] == 1) & (kept["rule"] == A)).sum()))
    assert told == {1: {0, 3}, 2: {0, 1, 2, 3}}


def test_the_factor_that_names_more_goes_before() -> None:
    chart = with_episodes(CHART)
    arms = PATIENTS.set_index("patient")["arm"]

    def left(*reports: Report) -> list[tuple[int, str]]:
        kept = reported(chart, arms, reports, 1)
        kept = kept[kept["kind"] == "crs"]
        return sorted(set(zip(kept["patient"], kept["rule"], strict=True)))

    assert left(Report("crs", 0.0), Report("crs", 1.0, scale=B)) == [(1, B)]
    assert left(Report("crs", 1.0), Report("crs", 0.0, arm="a")) == []
    assert left(Report("crs", 0.0), Report("crs", 1.0, arm="b")) == []
    assert left(Report("crs", 0.0, highest=2)) == [(1, A)], "the first episode came to grade 3 on this scale"
    assert left(Report("crs", 0.0, highest=3)) == []
    assert left(Report("infection", 0.0)) == [(1, A), (1, B), (2, A)]


REPORT = """
[[report]]
kind = "crs"
scale = "mild_scale"
share = "0.45"
source = "assumption"
mark = "A"
why = "made up"
"""


def read(folder: Path, text: str) -> tuple[Report, ...]:
    path = folder / "design.toml"
    path.write_text(text, encoding="utf-8")
    with reading(path) as table:
        found = read_reports(table, ("a", "b"))
    return found


def test_factors_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, REPORT) == (Report("crs", 0.45, A),)
    assert Report("crs", 0.45, A, "a", 2).words == "45% of crs up to grade 2 on mild_scale under a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (REPORT.replace("0.45", "1.2"), "share"),
        (REPORT.replace('"crs"', '"care"'), "always known"),
        (REPORT + 'arm = "c"', "arm"),
        (REPORT + REPORT, "two reporting factors"),
        (REPORT.replace('source = "assumption"\nmark = "A"\nwhy = "made up"\n', ""), "source"),
    ],
)
def test_a_wrong_factor_is_placed(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Problems, match=words):
        read(tmp_path, text)


ROWS = """
[[row]]
targets = ["A"]
endpoint = "event_share"
group = { arm = "a" }
kind = "finding"
what = ["oxygen"]
words = ["ventilator"]
among = { kind = "crs", scale = "mild_scale", grade = 1, by = "20 d" }
since = "infused_day"

[[row]]
targets = ["B"]
endpoint = "event_share"
kind = "care"
what = ["drug"]
times = [3, 3]
without = { kind = "crs" }
since = "infused_day"

[[row]]
targets = ["C"]
endpoint = "event_duration"
kind = "crs"
scale = "mild_scale"
statistic = "median"

[[row]]
targets = ["D"]
endpoint = "event_rate"
kind = "crs"
scale = "mild_scale"
"""


def mapped(folder: Path, text: str = ROWS) -> Mapped:
    path = folder / "endpoints.toml"
    path.write_text(text, encoding="utf-8")
    return read_mapping(path)


def figure(target: str, unit: str) -> Published:
    words: dict[str, Any] = dict.fromkeys(
        ("trial", "population", "arm", "endpoint", "timepoint", "event_kind", "duplicate", "source"), ""
    )
    numbers: dict[str, Any] = {"n": 10, "value": 1.0, "low": NEVER, "high": NEVER, "scored": True}
    return Published(target=target, unit=unit, use="calibrate", mark="V", **numbers, **words)


def test_rows_of_those_with_and_without_an_event(tmp_path: Path) -> None:
    published = [figure("A", "%"), figure("B", "patients"), figure("C", "d"), figure("D", "events/patient-year")]
    rows = score_trial(PATIENTS, CHART, published, mapped(tmp_path), seed=1, resamples=0)
    years = (40 + 3 * 20) / endpoints.DAYS_OF_YEAR
    assert [row.simulated for row in rows] == [50, 10, 4, pytest.approx(3 / years)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('words = ["ventilator"]', "grade = 3", "'grade' does not go with"),
        ('without = { kind = "crs" }', 'without = { kind = "crs", least = 2 }', "'least' does not go with"),
        ('without = { kind = "crs" }', 'without = { scale = "mild_scale" }', "kind"),
        ("times = [3, 3]", "times = [3, 2]", "lower first"),
        ('statistic = "median"\n', "", "needs the key 'statistic'"),
    ],
)
def test_a_wrong_row_of_events_is_placed(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(Problems, match=words):
        mapped(tmp_path, ROWS.replace(old, new, 1))


def test_a_design_tells_scales_reports_and_recorded_times(tmp_path: Path) -> None:
    text = (Path(endpoints.__file__).parents[1] / "library/trials/eliana/design.toml").read_text(encoding="utf-8")
    path = tmp_path / "eliana" / "design.toml"
    path.parent.mkdir()
    assert 'until = "300 d"' in text
    path.write_text(text.replace('until = "300 d"', 'until = "3 d"\noffset = "6 h"'), encoding="utf-8")
    design = read_design(path)
    assert design.scales == ("penn_crs",)
    assert {report.kind for report in design.reports} >= {"crs", "icans"}
    assert design.recorded.tolist() == [0, 0.25, 1.25, 2.25, 3.25]
