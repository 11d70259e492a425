"""Exposure and response on made-up patients whose relation is known, and on a few simulated ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from virtuall.analysis.exposure_fit import fit_shares, fit_times
from virtuall.analysis.exposure_outcome import Crossing, Share, Time, read_outcome
from virtuall.analysis.exposure_quarters import quarters_of_shares, quarters_of_times
from virtuall.analysis.exposure_response import (
    ExposureResponse,
    ask,
    default_exposure,
    default_response,
    exposure_response,
)
from virtuall.analysis.scaled_dose import scaled
from virtuall.analysis.signal_measure import SignalMeasure, first_cycle, read_measure
from virtuall.cli.main import app
from virtuall.core.errors import InputError
from virtuall.population import sample
from virtuall.report.exposure_response_page import exposure_response_page
from virtuall.report.exposure_response_table import exposure_response_table
from virtuall.simulation.protocol import Protocol, load_protocol
from virtuall.trial.reporting import comparison_text

SIGNALS = ("drug", "cells", "il6")


@pytest.fixture(scope="module")
def infusion() -> Protocol:
    return load_protocol("blinatumomab/relapsed")


@pytest.fixture(scope="module")
def made() -> Protocol:
    return load_protocol("tisagenlecleucel/relapsed")


@pytest.fixture(scope="module")
def found() -> ExposureResponse:
    """A week of infusion in forty patients, and the same ones at twice the dose."""
    protocol = load_protocol("blinatumomab/pk_28")
    limit = "max blina_concentration, day 0 to 7 above 600 pg/mL"
    question = ask(protocol, "mean blina_concentration, day 2 to 7", limit, days=8, doses=[2.0])
    return exposure_response(sample("adult_relapsed", 40, 3), protocol, question)


# measures of a signal


def test_words_of_a_measure_are_read_and_said() -> None:
    for words in ("mean drug, day 0 to 28", "auc cells, day 1.5 to 7", "il6 on day 2"):
        assert read_measure(words, SIGNALS, (0, 42)).name == words
    assert read_measure("max drug", SIGNALS, (0, 42)).name == "max drug, day 0 to 42"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("mean drgu", "did you mean 'drug'"),
        ("drgu on day 3", "did you mean 'drug'"),
        ("height of drug", "no measure"),
        ("mean drug, day 7 to 2", "must rise"),
    ],
)
def test_bad_words_of_a_measure(words: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_measure(words, SIGNALS, (0, 42))


def test_numbers_out_of_a_signal_count_from_each_patients_beginning() -> None:
    time = np.arange(0.0, 11.0)
    values = np.array([time, time, np.where(time > 6, np.nan, time), time])
    begin = np.array([0.0, 3.0, 3.0, np.nan])

    def of(reduce: str, first: float, last: float) -> list[float]:
        return SignalMeasure(reduce, "drug", first, last).of(time, values, begin).tolist()

    nan = pytest.approx(np.nan, nan_ok=True)
    assert of("max", 0, 4) == [4.0, 7.0, 6.0, nan]
    assert of("min", 1, 4) == [1.0, 4.0, 4.0, nan]
    assert of("mean", 0, 4) == [2.0, 5.0, 4.5, nan]
    assert of("auc", 0, 4) == [8.0, 20.0, 13.5, nan]  # the third one's area ends with its life
    assert of("on", 4, 4) == [4.0, 7.0, nan, nan]
    assert of("on", 9, 9) == [9.0, nan, nan, nan]  # not recorded so late
    assert SignalMeasure("auc", "drug", 0, 4).unit("pg/mL") == "pg*d/mL"


def test_the_first_cycle_is_the_time_of_a_lasting_infusion_and_of_cells_all_of_it(
    infusion: Protocol, made: Protocol
) -> None:
    assert first_cycle(infusion) == (0, infusion.regimen.cycles[0].infusion)
    assert first_cycle(made) == (0, made.regimen.cycles[0].rest)


def test_what_is_taken_when_nothing_is_said_comes_from_the_texts(infusion: Protocol, made: Protocol) -> None:
    assert default_exposure(infusion) == "mean blina_concentration"
    assert default_exposure(made) == "max car_copies"  # of two signals the one that the clinic measures
    assert default_response(infusion) == "CR/CRh/CRi"
    with pytest.raises(InputError, match="--exposure"):
        default_exposure(load_protocol("chemotherapy/salvage"))


# responses


def test_responses_by_their_words(infusion: Protocol) -> None:
    text = comparison_text()

    def read(words: str) -> object:
        return read_outcome(words, infusion, 730, text, SIGNALS, (0, 28))

    assert isinstance(read("MRD-negative"), Share)
    assert isinstance(read("ICANS, grade 3 or more"), Share)
    assert read("os") == Time("OS", "os")
    assert read("EFS, remission by day 84") == Time("EFS, remission by day 84", "efs", 84.0)
    assert read("min cells below 0.5 cell/L") == Crossing(SignalMeasure("min", "cells", 0, 28), "below", 0.5, "cell/L")
    for words, problem in (
        ("MRD-negativ", "did you mean 'MRD-negative'"),
        ("EFS", "remission by day N"),
        ("dead by day 900", "followed for 730 days"),
        ("days in hospital", "no such response"),
        ("min cells below few cell/L", "number and its unit"),
    ):
        with pytest.raises(InputError, match=problem):
            read(words)


def test_a_limit_is_compared_in_the_unit_of_the_signal() -> None:
    limit = Crossing(SignalMeasure("min", "cells", 0, 28), "below", 0.5, "cell/uL")
    assert limit.of(np.array([4e5, 6e5, np.nan]), "cell/L").tolist() == [1, 0, pytest.approx(np.nan, nan_ok=True)]


def test_survival_counts_from_the_landmark_in_those_still_at_risk() -> None:
    frame = {"death_day": np.array([10.0, 50.0, np.nan]), "last_day": np.array([10.0, 50.0, 100.0])}
    frame |= {"relapse_day": np.full(3, np.nan)}
    time, event, there = Time("OS", "os").times(frame, np.array([20.0, 20.0, 30.0]))  # type: ignore[arg-type]
    assert there.tolist() == [False, True, True]
    assert time.tolist() == [30.0, 70.0]
    assert event.tolist() == [True, False]


# the fits


def patients(slope: float, n: int = 4000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Exposures over some doublings, and a response whose log odds rise by `slope` a doubling."""
    rng = np.random.default_rng(seed)
    exposure = 100 * 2 ** rng.normal(0, 1.2, n)
    chance = 1 / (1 + np.exp(-(-0.5 + slope * np.log2(exposure / 100))))
    return exposure, rng.random(n) < chance


@pytest.mark.parametrize("slope", [0.0, 0.8])
def test_the_slope_of_a_share_is_found(slope: float) -> None:
    exposure, happened = patients(slope)
    fit = fit_shares(exposure, happened, "log", "pg/mL")
    assert fit is not None
    assert fit.slope.low < slope < fit.slope.high
    assert fit.ratio.value == pytest.approx(np.exp(fit.slope.value))
    assert (fit.p < 1e-6) == (slope > 0)
    truth = 1 / (1 + np.exp(-(-0.5 + slope * np.log2(fit.exposures / 100))))
    assert np.mean((fit.low <= truth) & (truth <= fit.high)) > 0.9
    assert np.all((fit.low <= fit.curve) & (fit.curve <= fit.high))


def test_the_slope_of_a_time_is_found() -> None:
    rng = np.random.default_rng(2)
    exposure = 100 * 2 ** rng.normal(0, 1, 1500)
    time = rng.exponential(300 / np.exp(-0.5 * np.log2(exposure / 100)))
    event = time < 500
    fit = fit_times(exposure, np.minimum(time, 500), event, "log", "pg/mL")
    assert fit is not None
    assert fit.slope.low < -0.5 < fit.slope.high
    assert fit.events == event.sum()
    assert np.interp(np.median(exposure), fit.exposures, fit.curve) == pytest.approx(1, abs=0.02)
    quarters = quarters_of_times(exposure, np.minimum(time, 500), event)
    medians = [quarter.median.value for quarter in quarters]
    assert medians == sorted(medians)


def test_a_confounder_makes_a_slope_that_adjustment_takes_away() -> None:
    rng = np.random.default_rng(3)
    burden = rng.normal(0, 1, 5000)
    exposure = 100 * 2 ** (burden + rng.normal(0, 0.5, 5000))
    happened = rng.random(5000) < 1 / (1 + np.exp(-1.5 * burden))  # exposure does nothing
    crude = fit_shares(exposure, happened, "log", "pg/mL")
    adjusted = fit_shares(exposure, happened, "log", "pg/mL", {"burden": burden, "same": np.ones(5000)})
    assert crude is not None
    assert adjusted is not None
    assert crude.slope.low > 0.5
    assert adjusted.slope.low < 0 < adjusted.slope.high
    assert adjusted.adjusted_for == ("burden",)
    assert adjusted.curve.size == 0


def test_where_no_finite_slope_fits_there_is_none() -> None:
    exposure = np.geomspace(1, 100, 40)
    assert fit_shares(exposure, np.ones(40, bool), "log", "1") is None
    assert fit_shares(exposure, exposure > 10, "log", "1") is None  # separated
    assert fit_times(exposure, exposure, np.zeros(40, bool), "log", "1") is None


def test_quarters_hold_all_and_their_intervals_are_exact() -> None:
    exposure, happened = patients(0.8, n=203)
    quarters = quarters_of_shares(exposure, happened)
    assert [quarter.number for quarter in quarters] == [1, 2, 3, 4]
    assert sum(quarter.patients for quarter in quarters) == 203
    assert sum(quarter.events for quarter in quarters) == happened.sum()
    assert all(a.high < b.low for a, b in zip(quarters[:-1], quarters[1:], strict=True))
    from scipy.stats import binomtest

    exact = binomtest(quarters[0].events, quarters[0].patients).proportion_ci(method="exact")
    assert quarters[0].share.low == pytest.approx(exact.low)
    assert quarters[0].share.high == pytest.approx(exact.high)


# other doses


def test_a_scaled_protocol_changes_the_main_products_doses_alone(infusion: Protocol) -> None:
    twice = scaled(infusion, 2.0)
    for level, before in zip(twice.regimen.levels, infusion.regimen.levels, strict=True):
        assert level.fixed == 2 * before.fixed  # type: ignore[operator]
        assert level.light_cap == 2 * before.light_cap  # type: ignore[operator]
    assert twice.regimen.premedication == infusion.regimen.premedication
    assert scaled(infusion, 1.0) is infusion


def test_simulated_exposure_doubles_with_the_dose(found: ExposureResponse) -> None:
    once, twice = found.doses
    assert (once.factor, twice.factor) == (1.0, 2.0)
    assert twice.exposure == pytest.approx(2 * once.exposure, rel=0.03)
    assert twice.response.value > once.response.value


def test_a_limit_on_the_exposure_itself_is_related_to_it(found: ExposureResponse) -> None:
    shares = [quarter.share.value for quarter in found.quarters]
    assert shares == sorted(shares)
    assert shares[0] < 0.1 < 0.9 < shares[-1]
    assert found.unit == "pg/mL"
    assert found.values.size + found.unexposed + found.unknown + found.failed == found.patients == 40


def test_table_page_and_json_say_that_the_relation_is_confounded(found: ExposureResponse) -> None:
    for text in (exposure_response_table(found), exposure_response_page(found)):
        assert "confounded" in text
        assert "same patients at other doses" in text
    whole = found.as_json()
    assert "values" not in whole
    assert [each["patients"] for each in whole["quarters"]] == [each.patients for each in found.quarters]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"days": 10}, "followed for 10 days only"),
        ({"adjust": ["marow_blasts"]}, "did you mean 'marrow_blasts'"),
        ({"doses": [0.0]}, "above 0"),
        ({"exposure": "mean blina_concentratoin"}, "did you mean 'blina_concentration'"),
    ],
)
def test_bad_questions(infusion: Protocol, changed: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        ask(infusion, **({"exposure": None, "response": None} | changed))  # type: ignore[arg-type]


def test_too_few_patients_make_no_groups() -> None:
    protocol = load_protocol("blinatumomab/pk_28")
    question = ask(protocol, "mean blina_concentration, day 2 to 3", "OS", days=4)
    with pytest.raises(InputError, match="four groups"):
        exposure_response(sample("adult_relapsed", 5, 3), protocol, question)


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = ["exposure-response", "blinatumomab/pk_28", "--cohort", "adult_relapsed"]
    app([*asked, "-n", "16", "--days", "4", "--exposure", "mean blina_concentration, day 1 to 3", "--response", "OS",
         "--off-label", "--report", str(page), "--json"], standalone_mode=False)  # fmt: skip
    whole = json.loads(capsys.readouterr().out)
    assert whole["kind"] == "time"
    assert whole["from_day"] == 3
    assert len(whole["quarters"]) == 4
    assert "<svg" in page.read_text(encoding="utf-8")
    app([*asked, "--measures"], standalone_mode=False)
    assert "overall survival" in capsys.readouterr().out
    with pytest.raises(InputError, match="did you mean 'adult_relapsed'"):
        app([*asked[:-1], "adult_relapse"], standalone_mode=False)
