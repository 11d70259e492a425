"""A patient's course depends on the patient, the protocol and the seed, and on nothing else: bit for bit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import virtuall as va
from virtuall.core.errors import InputError
from virtuall.simulation.protocol import Protocol
from virtuall.simulation.result import Result

DAYS = 200.0


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return va.load_protocol("blinatumomab/relapsed")


@pytest.fixture(scope="module")
def everybody(protocol: Protocol) -> Result:
    return va.simulate(va.sample("adult_relapsed", 200, seed=5), protocol, days=DAYS, every=7.0)


def same_fates(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a.reset_index(drop=True), b.reset_index(drop=True), check_exact=True)


def test_alone_among_eight_and_among_two_hundred(everybody: Result, protocol: Protocol) -> None:
    patients = va.sample("adult_relapsed", 8, seed=5)
    eight = va.simulate(patients, protocol, days=DAYS, every=7.0)
    same_fates(eight.outcomes, everybody.outcomes[:8])
    for place in (0, 5):
        alone = va.simulate(patients[place], protocol, days=DAYS, every=7.0)
        same_fates(alone.outcomes, everybody.outcomes[place : place + 1])
        for name in alone.signals:
            assert np.array_equal(
                alone.signals[name].values[0], everybody.signals[name].values[place], equal_nan=True
            ), name
        ours = everybody.events[everybody.events.patient == patients.ids[place]].reset_index(drop=True)
        assert alone.events.astype(str).equals(ours.astype(str))


def test_order_does_not_matter(everybody: Result, protocol: Protocol) -> None:
    mixed = np.random.default_rng(0).permutation(200)
    result = va.simulate(va.sample("adult_relapsed", 200, seed=5)[mixed], protocol, days=DAYS, record=())
    same_fates(result.outcomes, everybody.outcomes.iloc[mixed])


def test_each_patient_may_have_a_last_day_of_its_own(everybody: Result, protocol: Protocol) -> None:
    """What happens until then is the same, whatever the others' last days."""
    patients, last = va.sample("adult_relapsed", 40, seed=5), np.linspace(20.0, DAYS, 40)
    result = va.simulate(patients, protocol, days=last, every=7.0)
    whole, own = everybody.outcomes[:40], result.outcomes
    died = (whole["death_day"] <= last).to_numpy()
    assert 0 < died.sum() < 40
    assert np.array_equal(own["death_day"].notna(), died)
    assert np.array_equal(own["last_day"], np.where(died, whole["death_day"], last))
    for name in ("leukemia_cells", "neutrophils"):
        ours, longer = result.signals[name].values, everybody.signals[name].values[:40]
        seen = everybody.signals["time"].values <= last[:, None]
        assert np.array_equal(ours[seen], longer[seen], equal_nan=True)
        assert np.isnan(ours[~seen]).all()


@pytest.mark.parametrize("days", [0.0, np.inf, [30.0, -1.0], [30.0, np.nan], [30.0, 30.0, 30.0], [[30.0]]])
def test_days_that_are_none_are_refused(protocol: Protocol, days: object) -> None:
    with pytest.raises(InputError, match="days must be"):
        va.simulate(va.sample("adult_relapsed", 2, seed=5), protocol, days=days, record=())


def test_another_record_grid_changes_nothing(everybody: Result, protocol: Protocol) -> None:
    patients = va.sample("adult_relapsed", 40, seed=5)
    fine = va.simulate(patients, protocol, days=DAYS, times=np.arange(0, DAYS, 0.5))
    same_fates(fine.outcomes, everybody.outcomes[:40])
    at = np.arange(0, DAYS, 7.0)
    for name in fine.signals:
        coarse = everybody.signals[name].sel(time=at).values[:40]
        assert np.array_equal(fine.signals[name].sel(time=at).values, coarse, equal_nan=True), name


def test_one_process_or_two(everybody: Result, protocol: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    from virtuall.simulation import simulate as module

    monkeypatch.setattr(module, "CHUNK", 100)
    two = va.simulate(
        va.sample("adult_relapsed", 200, seed=5), protocol, days=DAYS, every=7.0, processes=2, record=("platelets",)
    )
    same_fates(two.outcomes, everybody.outcomes)
    assert np.array_equal(two.signals.platelets.values, everybody.signals.platelets.values, equal_nan=True)


def test_the_two_back_ends_agree(everybody: Result, protocol: Protocol) -> None:
    reference = va.simulate(
        va.sample("adult_relapsed", 8, seed=5), protocol, days=60.0, every=7.0, record=("platelets",), backend="numpy"
    )
    days = reference.signals.time.values
    ours = everybody.signals.platelets.sel(time=days).values[:8]
    np.testing.assert_allclose(reference.signals.platelets.values, ours, rtol=1e-9)


def test_an_added_blood_count_that_no_rule_reads_changes_no_fate(protocol: Protocol) -> None:
    patients = va.sample("adult_relapsed", 1000, seed=6)
    monitoring = protocol.monitoring
    unread = dataclasses.replace(monitoring.observables[0], name="neutrophils_again")
    extra = dataclasses.replace(
        monitoring.schedules[0], name="extra counts", observables=("neutrophils_again",), every=3.0, during="alive"
    )
    more = dataclasses.replace(
        protocol,
        monitoring=dataclasses.replace(
            monitoring, observables=(*monitoring.observables, unread), schedules=(extra, *monitoring.schedules)
        ),
    )
    usual = va.simulate(patients, protocol, record=(), chart="key")
    watched = va.simulate(patients, more, record=())
    same_fates(watched.outcomes, usual.outcomes)
    assert (watched.events.rule == "extra counts").sum() > 1000


def test_two_protocols_are_the_same_until_the_first_different_order() -> None:
    patients = va.sample("adult_relapsed", 50, seed=7)
    one, other = (va.load_protocol(name) for name in ("blinatumomab/relapsed", "blinatumomab/mrd_positive"))
    legs = (dataclasses.replace(other.legs[0], rules=one.rules),)
    other = dataclasses.replace(other, response=one.response, legs=legs)
    results = [va.simulate(patients, each, days=30.0, every=0.25) for each in (one, other)]
    start = one.regimen.start
    before = results[0].signals.time.values <= start
    after = results[0].signals.time.values > start + 1
    for name in ("leukemia_cells", "platelets", "cd8_blood"):
        a, b = (each.signals[name].values for each in results)
        assert np.array_equal(a[:, before], b[:, before], equal_nan=True)
    a, b = (each.signals.blina_concentration.values for each in results)
    assert not np.array_equal(a[:, after], b[:, after], equal_nan=True)


def test_a_failed_patient_is_a_status_and_nobody_elses_matter(everybody: Result, protocol: Protocol) -> None:
    patients = va.sample("adult_relapsed", 8, seed=5)
    growth = patients.eta_growth.copy()
    growth[3] = 800.0
    with np.errstate(all="ignore"):
        result = va.simulate(patients.changed(eta_growth=growth), protocol, days=DAYS, every=7.0)
    assert result.status[3] != 0 and not np.any(np.delete(result.status, 3))
    others = [0, 1, 2, 4, 5, 6, 7]
    same_fates(result.outcomes.iloc[others], everybody.outcomes.iloc[others])


def test_slices_of_a_population() -> None:
    patients = va.sample("adult_relapsed", 20, seed=1)
    assert list(patients[5:13].ids) == list(range(5, 13))
    assert np.array_equal(patients[5:13].age, patients.age[5:13])


def test_a_loaded_protocol_is_ones_own(protocol: Protocol) -> None:
    mine = va.load_protocol(protocol.name)
    mine.products.clear()  # type: ignore[attr-defined]
    assert va.load_protocol(protocol.name).products


def test_what_nobody_asks_for_is_not_begun(protocol: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import Future

    from virtuall.simulation import simulate as module

    class Busy:
        """A pool that never gets to its tasks."""

        def __init__(self) -> None:
            self.given: list[Future[object]] = []

        def submit(self, *task: object) -> Future[object]:
            self.given.append(Future())
            return self.given[-1]

    pool = Busy()
    monkeypatch.setattr(module, "_pool", lambda processes: pool)
    run = module.planned(va.sample("adult_relapsed", 4, seed=5), protocol, days=DAYS)
    results = module.simulate_together([run, run], processes=2)
    monkeypatch.setattr(Future, "result", lambda future: (_ for _ in ()).throw(RuntimeError("broken")))
    with pytest.raises(RuntimeError, match="broken"):
        next(results)
    assert len(pool.given) > 1
    assert all(each.cancelled() for each in pool.given[1:])
