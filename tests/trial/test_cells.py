"""Products made for each patient: who is never infused and why, days from the infusion, counts, events and deaths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from virtuall.core.errors import Problems
from virtuall.trial import endpoints
from virtuall.trial.accrual import cut_data, follow_until
from virtuall.trial.charted import EventColumn, during_treatment, with_events
from virtuall.trial.mapping import read_mapping
from virtuall.trial.published import Published
from virtuall.trial.replicates import Stack
from virtuall.trial.scoring import score_trial

NEVER = np.nan

# Infused, relapsed and dead; infused and well; collected too little; not made, then dead; dead while waiting; not fit;
# still waiting.
PATIENTS = pd.DataFrame(
    {
        "patient": np.arange(7),
        "replicate": 0,
        "arm": "cells",
        "age": 10.0,
        "line": 2,
        "treated": [True, True, False, False, False, False, False],
        "collected_day": [5.0, 5, NEVER, 6, 6, 6, 7],
        "product_ready_day": [30.0, 28, NEVER, NEVER, NEVER, 31, NEVER],
        "infused_day": [40.0, 50, NEVER, NEVER, NEVER, NEVER, NEVER],
        "supply_failure": ["", "", "leukapheresis", "manufacture", "", "not fit", ""],
        "out_of_specification": [True, False, False, False, False, False, False],
        "off_protocol_day": [NEVER, NEVER, 20, 27, 22, 91, NEVER],
        "best_response": ["CR", "CRi", "none", "none", "none", "none", "none"],
        "response_day": [68.0, 78, NEVER, NEVER, NEVER, NEVER, NEVER],
        "cr_day": [68.0, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER],
        "mrd_negative": [True, False, False, False, False, False, False],
        "mrd_day": [68.0, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER],
        "relapse_day": [140.0, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER],
        "relapse_phenotype": ["CD19-negative", "", "", "", "", "", ""],
        "transplant_day": [NEVER, 110, NEVER, NEVER, NEVER, NEVER, NEVER],
        "next_line_day": [150.0, NEVER, NEVER, 60, NEVER, NEVER, NEVER],
        "death_day": [240.0, NEVER, NEVER, 90, 22, NEVER, NEVER],
        "death_cause": ["leukemia", "", "", "leukemia", "infection", "", ""],
        "last_day": [240.0, 700, 700, 90, 22, 700, 700],
    }
)
EVENTS = pd.DataFrame(
    [(0, 20.0, "fever", 3.0), (0, 44.0, "fever", 1.0), (0, 46.0, "fever", 4.0), (1, 60.0, "fever", 2.0)],
    columns=["patient", "day", "kind", "value"],
)


@pytest.mark.parametrize(
    ("causes", "share"),
    [
        (["leukapheresis", "manufacture"], 2 / 7),
        (["manufacture"], 1 / 7),
        (["death"], 1 / 7),
        (["not fit", "other"], 2 / 7),
    ],
)
def test_who_is_never_infused_counts_once_for_the_first_cause(causes: list[str], share: float) -> None:
    assert endpoints.not_infused_share(PATIENTS, causes=causes) == pytest.approx(share)


def test_days_between_and_what_happened() -> None:
    assert endpoints.interval(PATIENTS, last="infused_day", statistic="median") == 45
    assert endpoints.interval(PATIENTS, first="collected_day", last="product_ready_day", statistic="max") == 25
    assert np.isnan(endpoints.interval(PATIENTS[2:3], last="infused_day", statistic="mean"))
    assert endpoints.happened_share(PATIENTS, column="infused_day") == pytest.approx(2 / 7)
    assert endpoints.happened_share(PATIENTS, column="infused_day", by=45) == pytest.approx(1 / 7)
    assert endpoints.death_share(PATIENTS, by=100) == pytest.approx(2 / 7)
    assert endpoints.death_share(PATIENTS, causes=["infection"]) == pytest.approx(1 / 7)


def test_phenotypes_are_shares_of_relapses() -> None:
    assert endpoints.relapse_share(PATIENTS, phenotype="CD19-negative") == 1
    assert endpoints.relapse_share(PATIENTS, phenotype="CD19-positive") == 0
    assert np.isnan(endpoints.relapse_share(PATIENTS, phenotype="CD19-negative", by=100))


def test_transplant_straight_after_remission() -> None:
    late = PATIENTS.assign(transplant_day=[200.0, 110, NEVER, 70, NEVER, NEVER, NEVER])
    assert endpoints.transplant_share(late) == pytest.approx(3 / 7)
    assert endpoints.transplant_share(late, in_remission=True) == pytest.approx(1 / 7)
    assert endpoints.transplant_share(late, in_remission=True, by=100) == 0


def test_another_therapy_without_remission_ends_progression_free_survival() -> None:
    time, event = endpoints.times_to_event(PATIENTS, "pfs")
    assert time.tolist() == [140, 700, 700, 60, 22, 700, 700]
    assert event.tolist() == [True, False, False, True, True, False, False]


def test_duration_of_the_better_remissions_only() -> None:
    time, _ = endpoints.times_to_event(PATIENTS, "dor", levels=["CR"])
    assert time.tolist() == [72]


def test_who_is_infused_counts_from_the_infusion() -> None:
    stack = Stack(PATIENTS)
    everybody = stack.group(stack.replicates[0], {"arm": "cells"})
    infused = stack.group(stack.replicates[0], {"arm": "cells"}, "infused_day")
    assert (len(everybody["patient"]), len(infused["patient"])) == (7, 2)
    assert infused["death_day"][0] == 200
    assert infused["last_day"].tolist() == [200, 650]
    assert infused["age"].tolist() == [10, 10]
    assert endpoints.survival_median(infused, of="os") == 200
    assert endpoints.response_share(infused, levels=["CR", "CRh", "CRi"], by=28) == 1
    transplanted = endpoints.selected(PATIENTS, {"infused": True, "transplanted": False})
    assert np.flatnonzero(transplanted).tolist() == [0]


def test_a_cut_on_a_stated_day_hides_what_comes_later() -> None:
    known = cut_data(PATIENTS, np.zeros(7), period=100, after=45)
    assert known["cut_day"].tolist() == [45.0] * 7
    assert known["infused_day"].fillna(-1).tolist() == [40, -1, -1, -1, -1, -1, -1]
    assert known["supply_failure"].tolist() == ["", "", "leukapheresis", "manufacture", "", "", ""]
    early = follow_until(PATIENTS, np.full(7, 10.0))
    assert not early["out_of_specification"].any()


def test_events_since_the_infusion_before_a_transplant_and_by_grade() -> None:
    since = "infused_day"
    wanted = [
        EventColumn("fever", 1),
        EventColumn("fever", 1, since=since),
        EventColumn("fever", 1, since=since, by=5),
        EventColumn("fever", 1, since=since, tells="onset"),
        EventColumn("fever", 1, highest=3, since=since),
        EventColumn("fever", 1, before="collected_day"),
        EventColumn("fever", 3, since=since, fatal="leukemia"),
        EventColumn("fever", 5, fatal="infection"),
    ]
    added, _ = with_events(PATIENTS, EVENTS, wanted, {})
    told = [added[column.name].tolist()[:5] for column in wanted]
    assert told[0] == [True, True, False, False, False]
    assert told[1] == [True, True, False, False, False]
    assert told[2] == [True, False, False, False, False]
    np.testing.assert_array_equal(told[3], [4, 10, NEVER, NEVER, NEVER])
    assert told[4] == [False, True, False, False, False], "the worst grade of the first patient is 4"
    assert told[5] == [False] * 5
    assert told[6] == [True, False, False, False, False], "a death of the infused only"
    assert told[7] == [False, False, False, False, True]
    assert endpoints.event_days(added, column=wanted[3].name, statistic="median") == 7


def test_some_events_count_to_the_end() -> None:
    events = pd.DataFrame({"patient": [3, 3], "day": [80.0, 80.0], "kind": ["fever", "late"], "value": 3.0})
    assert during_treatment(events, PATIENTS, 30.0)["kind"].tolist() == []
    assert during_treatment(events, PATIENTS, 30.0, ("late",))["kind"].tolist() == ["late"]


TEXT = """
[[row]]
targets = ["A"]
endpoint = "happened_share"
group = { arm = "cells" }
column = "infused_day"

[[row]]
targets = ["B"]
endpoint = "relapse_share"
group = { arm = "cells" }
phenotype = "CD19-negative"
since = "infused_day"
out_of = 16

[[row]]
targets = ["C"]
endpoint = "event_onset"
group = { arm = "cells" }
kind = "fever"
statistic = "min"
since = "infused_day"

[[row]]
targets = ["D"]
endpoint = "interval"
group = { arm = "cells", infused = true }
last = "lymphodepletion_day"
statistic = "median"
"""


def figure(target: str, unit: str, n: int | None = 92) -> Published:
    words: dict[str, Any] = dict.fromkeys(
        ("trial", "population", "arm", "endpoint", "timepoint", "event_kind", "duplicate", "source"), ""
    )
    return Published(
        target=target, n=n, value=1.0, low=NEVER, high=NEVER, unit=unit, use="calibrate", scored=True, mark="V", **words
    )  # fmt: skip


def test_a_published_count_is_a_share_of_so_many(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text(TEXT, encoding="utf-8")
    mapped = read_mapping(path)
    published = [figure("A", "patients"), figure("B", "relapses (all typed)"), figure("C", "d"), figure("D", "mo")]
    rows = score_trial(PATIENTS, EVENTS, published, mapped, seed=1, resamples=0)
    assert [row.simulated for row in rows] == [pytest.approx(92 * 2 / 7), 16, 4, None]
    assert "no column 'lymphodepletion_day'" in rows[3].note
    share = score_trial(PATIENTS, EVENTS, [replace(published[0], unit="% (75/92)")], mapped, seed=1, resamples=0)
    assert share[0].simulated == pytest.approx(100 * 2 / 7)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('since = "infused_day"\nout', 'since = "infusion"\nout', "infused_day"),
        ('last = "lymphodepletion_day"', 'last = "lymphodepletion"', "lymphodepletion_day"),
        ('column = "infused_day"\n', "", "needs the key 'column'"),
        ('phenotype = "CD19-negative"\n', "", "needs the key 'phenotype'"),
    ],
)
def test_a_wrong_row_is_placed(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Problems, match=words):
        read_mapping(path)
