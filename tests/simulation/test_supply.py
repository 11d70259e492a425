"""Products made of the patient's own cells: from the collection to the infusion, and every way not to get there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import virtuall as va
from virtuall.model.shelf import shipped_library

NAME = "tisagenlecleucel/relapsed"
TEXT = (shipped_library() / "therapies" / "tisagenlecleucel" / "regimens" / "relapsed.toml").read_text()
DAYS = 150.0
PLACES = ("collected_day", "product_ready_day", "lymphodepletion_day", "infused_day")


def changed(folder: Path, *changes: tuple[str, str]) -> list[Path]:
    """A library with this regimen's text changed."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "therapies" / "tisagenlecleucel" / "regimens" / "relapsed.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [folder]


def line(key: str) -> str:
    """The whole line of the shipped supply that begins with this key."""
    return next(each for each in TEXT[TEXT.index("[supply]") :].splitlines() if each.startswith(key))


@pytest.fixture(scope="module")
def shipped() -> va.Result:
    return va.simulate(va.sample("eliana", 150, seed=4), va.load_protocol(NAME), days=DAYS, record=())


def test_the_places_come_in_order_and_everybody_ends_somewhere(shipped: va.Result) -> None:
    frame = shipped.outcomes
    days = frame[list(PLACES)].to_numpy()
    steps = np.diff(days, axis=1)
    assert np.all(steps[np.isfinite(steps)] >= 0)
    assert not shipped.status.any()
    infused = frame.infused_day.notna()
    lost = (frame.supply_failure != "") | frame.death_day.notna() | (frame.off_protocol_reason != "")
    waiting = frame.last_day >= DAYS
    assert (infused | lost | waiting).all() and infused.any() and lost.any()
    assert not (infused & (frame.supply_failure != "")).any()
    assert not (infused & (frame.best_response != "none") & ~(frame.response_day > frame.infused_day)).any(), (
        "a remission counts from the cells on"
    )


def test_stages_follow_each_other_once(shipped: va.Result) -> None:
    events = shipped.events
    stages = events[events.kind == "manufacture"].groupby("patient").what.apply(list)
    names = ["shipping and slot", "manufacture", "return"]
    assert all(each == names[: len(each)] for each in stages)
    ready = events[events.kind == "product ready"].groupby("patient").size()
    assert ready.max() == 1


def test_a_patients_product_does_not_depend_on_the_others(shipped: va.Result) -> None:
    some = np.array([3, 17, 60, 149])
    alone = va.simulate(va.sample("eliana", 150, seed=4)[some], va.load_protocol(NAME), days=DAYS, record=())
    for name in (*PLACES, "death_day", "collections", "supply_failure"):
        theirs = shipped.outcomes[name].to_numpy()[some]
        mine = alone.outcomes[name].to_numpy()
        assert all(a == b or (a != a and b != b) for a, b in zip(theirs, mine, strict=True)), name


@pytest.mark.parametrize(
    ("old", "new", "failure"),
    [
        ("least = ", 'least = "1e15 cell"', "leukapheresis"),
        ("failure = ", 'failure = "1"', "manufacture"),
    ],
)
def test_who_gets_no_product_is_told_why(tmp_path: Path, old: str, new: str, failure: str) -> None:
    library = changed(tmp_path, (line(old), new))
    patients = va.sample("eliana", 40, seed=4, library=library)
    frame = va.simulate(patients, va.load_protocol(NAME, library), days=DAYS, record=()).outcomes
    assert frame.infused_day.isna().all()
    alive = frame.death_day.isna()
    assert (frame.supply_failure[alive] == failure).all() and alive.any()
    assert (frame.off_protocol_reason[alive] == f"no product: {failure}").all()
    if failure == "leukapheresis":
        assert (frame.collections[alive] == 2).all() and frame.collected_day.isna().all()


def test_who_is_never_ready_is_withdrawn_after_a_while(tmp_path: Path) -> None:
    library = changed(tmp_path, (line('when = "infection'), 'when = "age > 90 year"'))
    patients = va.sample("eliana", 40, seed=4, library=library)
    result = va.simulate(patients, va.load_protocol(NAME, library), days=DAYS, record=())
    frame = result.outcomes
    withdrawn = frame.supply_failure == "not fit"
    assert withdrawn.any() and frame.infused_day.isna().all()
    ended = result.events[result.events.kind == "no product"].groupby("patient").day.first()
    waited = ended[frame.patient[withdrawn]].to_numpy() - frame.product_ready_day[withdrawn].to_numpy()
    assert np.all((waited >= 30) & (waited < 34)), "at the first look after the days that the text allows"


def test_lymphodepletion_may_be_left_out(tmp_path: Path) -> None:
    protocol_line = line('protocol = "lymphodepletion/')
    library = changed(tmp_path, (protocol_line, f'{protocol_line}\nskipped_when = "age < 90 year"'))
    patients = va.sample("eliana", 40, seed=4, library=library)
    result = va.simulate(patients, va.load_protocol(NAME, library), days=DAYS, record=())
    assert result.outcomes.lymphodepletion_day.isna().all()
    assert result.outcomes.infused_day.notna().any()
    assert not (result.events.what == "fludarabine").any()
