"""The design of a trial: what ships, and errors that name the place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from virtuall.core.errors import InputError, Problems
from virtuall.model.shelf import open_shelf
from virtuall.trial.check_design import CheckDesign, read_check
from virtuall.trial.checkers import CHECKERS
from virtuall.trial.design import Design, load_design, read_design

TEXT = """
[trial]
title = "Made up"
about = "One against another."
horizon = "24 month"
source = "assumption"
mark = "A"
why = "made up"

[[arm]]
name = "one"
size = 20
never_treated = 5
cohort = "adult_relapsed"
protocol = "a/b"

[[arm]]
name = "two"
size = 10
cohort = "adult_relapsed"
protocol = "a/c"

[accrual]
period = "10 month"

[cut]
deaths = 12

[figures]
last = "24 month"
every = "6 month"
response_by = "12 week"
burden = [0.05, 0.5, 1.01]
"""

EVENTS_TO_THE_END = """
[events]
after = "42 d"
to_the_end = ["late"]

[figures]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "trials" / "made_up" / "design.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_design_is_read(tmp_path: Path) -> None:
    design = read_design(written(tmp_path, TEXT))
    assert (design.name, design.title, design.size, design.deaths) == ("made_up", "Made up", 30, 12)
    assert [arm.never_treated for arm in design.arms] == [0.25, 0.0]
    assert design.accrual == pytest.approx(304.375)
    assert design.figures.response_by == 84


def test_nobody_is_simulated_beyond_the_last_day_on_which_the_data_can_be_cut(tmp_path: Path) -> None:
    design = read_design(written(tmp_path / "deaths", TEXT.replace("deaths = 12", 'deaths = 12\nlatest = "300 d"')))
    entered = np.array([0.0, 250.0, 299.5])
    assert list(design.seen(entered)) == [min(300.0, design.horizon), 50.0, 1.0]
    dated = read_design(written(tmp_path / "day", TEXT.replace("deaths = 12", 'after = "260 d"')))
    assert list(dated.seen(entered)) == [min(260.0, dated.horizon), 10.0, 1.0]
    endless = read_design(written(tmp_path, TEXT))
    assert list(endless.seen(entered)) == [endless.horizon] * 3


def test_a_latest_cut_without_a_number_of_deaths_is_refused(tmp_path: Path) -> None:
    text = TEXT.replace("deaths = 12", 'after = "40 month"\nlatest = "50 month"')
    with pytest.raises(Problems, match="latest goes with a number of deaths"):
        read_design(written(tmp_path, text))


def test_data_can_be_cut_on_a_day_and_some_events_count_to_the_end(tmp_path: Path) -> None:
    text = TEXT.replace("deaths = 12", 'after = "40 month"').replace("[figures]", EVENTS_TO_THE_END, 1)
    design = read_design(written(tmp_path, text))
    assert design.deaths is None
    assert design.cut_after == pytest.approx(40 * 30.4375)
    assert (design.events_after, design.events_to_the_end) == (42, ("late",))


def test_the_users_own_library_adds_a_trial(tmp_path: Path) -> None:
    written(tmp_path, TEXT)
    assert load_design("made_up", [tmp_path]).arms[1].protocol == "a/c"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "two"', 'name = "one"', "two arms have one name"),
        ("deaths = 12", "deaths = 31", "more deaths than patients"),
        ("deaths = 12", 'deaths = 12\nafter = "40 month"', "give deaths or after"),
        ("deaths = 12", 'follow_up = "9 month"', "give deaths or after"),
        ("never_treated = 5", "never_treated = 21", "must be at most 20"),
        ("size = 10", "size = 0", "must be at least 1"),
        ('period = "10 month"', 'period = "10 kg"', "design.toml:"),
        ("[0.05, 0.5, 1.01]", "[0.5, 0.05, 1.01]", "ascending"),
        ("deaths = 12", "death = 12", "death"),
        ("why =", "because =", "because"),
    ],
)
def test_a_wrong_design_is_refused_with_its_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(Problems, match=words) as caught:
        read_design(written(tmp_path, TEXT.replace(old, new, 1)))
    assert "design.toml:" in str(caught.value)


def test_an_unknown_trial_names_the_nearest() -> None:
    with pytest.raises(InputError, match="tower"):
        load_design("towr")


def test_every_design_and_check_that_ships_can_be_read_and_names_what_exists() -> None:
    shelf = open_shelf()
    texts: list[Design | CheckDesign] = [
        *(read_design(path) for path in shelf.trials.values()),
        *(read_check(path) for path in shelf.matching("trials/*/check.toml").values()),
    ]
    assert {text.name for text in texts} >= {"tower", "pk_label", "mt103_202_pd", "nhl_il6"}
    for text in texts:
        for arm in text.arms:
            shelf.cohort(arm.cohort)
            shelf.protocol(arm.protocol)


def test_tower_has_the_published_sizes() -> None:
    design = load_design("tower")
    assert [arm.size for arm in design.arms] == [271, 134]
    assert [round(arm.size * arm.never_treated) for arm in design.arms] == [4, 25]
    assert design.deaths == 248
    assert design.accrual == pytest.approx(20.5 * 30.4375)


def test_inovate_has_the_published_sizes() -> None:
    design = load_design("inovate")
    assert [arm.size for arm in design.arms] == [164, 162]
    assert [round(arm.size * arm.never_treated) for arm in design.arms] == [0, 19]


@pytest.mark.parametrize(("name", "enrolled"), [("eliana", 92), ("zuma3", 71), ("felix", 153)])
def test_trials_of_cells_have_one_arm_of_everybody_enrolled(name: str, enrolled: int) -> None:
    design = load_design(name)
    assert [arm.size for arm in design.arms] == [enrolled]
    assert design.arms[0].never_treated == 0, "who is never infused comes of the simulation"


def test_the_grid_of_a_check_holds_every_time_a_row_reads() -> None:
    from virtuall.trial.run import read_rows
    from virtuall.trial.traced import SignalColumn

    for path in open_shelf().matching("trials/*/check.toml").values():
        check = read_check(path)
        names = {arm.name for arm in check.arms}
        for row in read_rows(check.name).mapped.rows:
            if isinstance(row.column, SignalColumn):
                first, last = row.column.first - 1e-9, row.column.last + 1e-9
                assert ((check.times >= first) & (check.times <= last)).any(), str(row.where)
            assert row.group["arm"] in names, str(row.where)


def test_the_signals_of_every_check_exist_in_the_model() -> None:
    from virtuall.model.load import load_system
    from virtuall.trial.run import read_rows
    from virtuall.trial.traced import SignalColumn

    known = dict(load_system().system.signals)
    for path in open_shelf().matching("trials/*/check.toml").values():
        check = read_check(path)
        columns = [row.column for row in read_rows(check.name).mapped.rows]
        read = {column.signal for column in columns if isinstance(column, SignalColumn)}
        assert {*check.signals, *read} <= set(known)


def test_the_trials_that_ship_pass_the_check_and_a_broken_one_does_not(tmp_path: Path) -> None:
    shelf = open_shelf()
    for pattern, checker in CHECKERS.items():
        assert shelf.matching(pattern)
        for path in shelf.matching(pattern).values():
            assert checker(path) is None
    with pytest.raises(Problems):
        CHECKERS["trials/*/design.toml"](written(tmp_path, TEXT.replace("size = 20", "size = 2", 1)))
