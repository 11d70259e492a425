"""Predictive checks of made-up data with a known truth, and of data that the model itself has made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from virtuall.analysis.vpc import (
    PERCENTILES,
    PredictiveCheck,
    compared,
    percentile,
    prediction_errors,
    predictive_check,
)
from virtuall.analysis.vpc_bins import Binning, binned, read_bins
from virtuall.analysis.vpc_data import Observations, read_observations
from virtuall.analysis.vpc_simulate import Replicates, assay_of, replicate
from virtuall.cli.main import app
from virtuall.core.errors import InputError, StoreError, UnitError
from virtuall.population import sample
from virtuall.report.vpc_page import vpc_page
from virtuall.report.vpc_table import vpc_table
from virtuall.simulation.protocol import load_protocol
from virtuall.simulation.simulate import simulate

SIGNAL = "blina_concentration"
DAYS = np.array([1.0, 2.0, 4.0, 7.0])
SUBJECTS, REPLICATES = 60, 300


def observed(value: np.ndarray, limit: float = np.nan) -> Observations:
    """Values of subjects (rows) at `DAYS`; below the limit censored."""
    many = len(value)
    flat = value.ravel()
    with np.errstate(invalid="ignore"):
        censored = flat <= limit
    return Observations(
        subjects=tuple(map(str, range(many))),
        subject=np.repeat(np.arange(many), DAYS.size),
        time=np.tile(DAYS, many),
        value=np.where(censored, np.nan, flat),
        censored=censored,
        limit=np.full(flat.size, limit),
        group=("",) * many,
        protocol=("",) * many,
        factor=np.ones(many),
        covariates={},
        missing=0,
    )


def drawn(rng: np.random.Generator, count: int, dose: np.ndarray, median: float = 100.0) -> np.ndarray:
    """`count` data sets of concentrations: one clearance a subject, a fall over time, the subject's dose."""
    own = rng.normal(0, 0.4, (count, dose.size, 1)) + rng.normal(0, 0.15, (count, dose.size, DAYS.size))
    return dose[:, None] * median * np.exp(own) * np.exp(-0.3 * DAYS)


def replicates(rng: np.random.Generator, dose: np.ndarray, median: float = 100.0) -> Replicates:
    values = drawn(rng, REPLICATES, dose, median).reshape(REPLICATES, -1)
    return Replicates(values, values)


# percentiles and bins


def test_a_percentile_is_numpys_and_minus_infinity_is_lower_than_all() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 31))
    for share in PERCENTILES:
        assert percentile(values, share) == pytest.approx(np.quantile(values, share, axis=1))
    some = np.array([[np.nan, 3.0, 1.0, 2.0], [-np.inf, -np.inf, 1.0, 2.0], [np.nan] * 4])
    assert percentile(some, 0.5).tolist() == [2.0, -np.inf, pytest.approx(np.nan, nan_ok=True)]
    assert percentile(some, 0.95)[1] == pytest.approx(1.85)


def test_bins_keep_equal_times_together() -> None:
    time = np.repeat([0.0, 1.0, 7.0], 10)
    assert [time[each][0] for each in binned(time, Binning())] == [0.0, 1.0, 7.0]
    assert [each.size for each in binned(time, Binning(count=2))] == [10, 20]
    own = np.linspace(0, 10, 80)
    assert [each.size for each in binned(own, Binning(count=4))] == [20, 20, 20, 20]
    assert len(binned(own, Binning())) == 10
    parts = binned(own, Binning(edges=(0.0, 5.0, 10.0)))
    assert sum(each.size for each in parts) == 80
    assert own[parts[1]].min() >= 5.0
    assert read_bins("0,1,3", day=7.0) == Binning(edges=(0.0, 7.0, 21.0))
    for words in ("few", "0", "1.5", "3,2,1"):
        with pytest.raises(InputError):
            read_bins(words)


# a known truth


def test_bands_hold_percentiles_of_data_from_the_same_law() -> None:
    rng = np.random.default_rng(1)
    dose = np.ones(SUBJECTS)
    simulated = replicates(rng, dose)
    inside = []
    for data in drawn(rng, 40, dose):
        (panel,) = compared(observed(data), simulated, Binning(), corrected=False)
        inside += [band.inside for each in panel.bins for band in each.percentiles]
    assert 0.85 < np.mean(inside) < 0.95  # bands of 90 %


def test_bands_leave_out_data_from_another_law() -> None:
    rng = np.random.default_rng(2)
    dose = np.ones(SUBJECTS)
    data = observed(drawn(rng, 1, dose, median=200.0)[0])
    simulated = replicates(rng, dose)
    (panel,) = compared(data, simulated, Binning(), corrected=False)
    assert not any(each.percentiles[1].inside for each in panel.bins)
    assert prediction_errors(data, simulated, 0).mean > 1.0


def test_correction_takes_a_difference_of_dose_out_of_the_spread() -> None:
    rng = np.random.default_rng(3)
    dose = np.where(np.arange(SUBJECTS) % 2, 1.0, 5.0)
    data, simulated = observed(drawn(rng, 1, dose)[0]), replicates(rng, dose)

    def spread(corrected: bool) -> float:
        (panel,) = compared(data, simulated, Binning(), corrected)
        low, _, high = (band.observed for band in panel.bins[0].percentiles)
        assert sum(band.inside for each in panel.bins for band in each.percentiles) >= 9
        return float(np.log(high / low))

    one_dose = 2 * 1.645 * np.hypot(0.4, 0.15)  # of a single dose, by the law the data were drawn from
    assert spread(corrected=True) == pytest.approx(one_dose, rel=0.25)
    assert spread(corrected=False) > one_dose + 0.7 * np.log(5)


def test_correction_multiplies_by_the_median_prediction_over_that_of_the_point() -> None:
    truth = np.array([[10.0, 10.0, 40.0, 40.0]])  # two subjects at two times
    data = replace(
        observed(np.array([[1.0] * 4])[:, :1].repeat(4, 1)),
        subjects=("a", "b"),
        subject=np.array([0, 0, 1, 1]),
        time=np.array([1.0, 2.0, 1.0, 2.0]),
        value=np.array([11.0, 12.0, 36.0, 44.0]),
        group=("", ""),
    )
    (panel,) = compared(data, Replicates(truth, truth), Binning(count=1), corrected=True)
    assert panel.value.tolist() == pytest.approx([11 * 2.5, 12 * 2.5, 36 * 0.625, 44 * 0.625])


def test_the_share_below_the_limit_is_a_figure_of_its_own() -> None:
    rng = np.random.default_rng(4)
    dose = np.ones(SUBJECTS)
    data, simulated = observed(drawn(rng, 1, dose)[0], limit=30.0), replicates(rng, dose)
    (panel,) = compared(data, simulated, Binning(), corrected=False)
    shares = [each.below.observed for each in panel.bins]
    assert shares == sorted(shares)
    assert shares[-1] > 0.8
    assert all(each.below.inside for each in panel.bins)
    assert panel.bins[-1].percentiles[1].observed == -np.inf
    assert panel.bins[-1].percentiles[1].inside  # both below the limit
    # half of the values that should be there are lost: the share tells
    lost = replace(data, censored=data.censored | (np.arange(len(data)) % 2 == 0))
    (worse,) = compared(lost, simulated, Binning(), corrected=False)
    assert not worse.bins[0].below.inside


def test_prediction_errors_are_standard_normal_when_the_law_is_right() -> None:
    rng = np.random.default_rng(5)
    dose = np.ones(SUBJECTS)
    simulated = replicates(rng, dose)
    for limit in (np.nan, 30.0):
        found = [prediction_errors(observed(data, limit), simulated, 7) for data in drawn(rng, 20, dose)]
        assert np.mean([each.mean for each in found]) == pytest.approx(0, abs=0.1)
        assert np.mean([each.spread for each in found]) == pytest.approx(1, abs=0.1)
        assert np.mean([each.outside for each in found]) == pytest.approx(0.1, abs=0.03)


# the table


def read(path: Path, text: str, **options: object) -> Observations:
    path.write_text(text, encoding="utf-8")
    given = {"unit": "pg/mL", "of_signal": "pg/mL"} | options
    return read_observations(path, **given)  # type: ignore[arg-type]


def test_a_table_is_read_with_its_units_and_limits(tmp_path: Path) -> None:
    text = (
        "who,hours,ng,lloq,censored,weight,sex,arm\n"
        "a,24,0.1,,0,70,male,x\na,48,0.02,0.03,0,,,x\nb,24,,,0,80,female,y\nb,48,0.05,,1,80,female,y\n"
    )
    seen = read(
        tmp_path / "t.csv",
        text,
        unit="ng/mL",
        time_unit="h",
        names={"id": "who", "time": "hours", "value": "ng"},
        group="arm",
        lloq=0.01,
        covariates=("weight", "sex", "age"),
    )
    assert seen.subjects == ("a", "b")
    assert seen.time.tolist() == [1.0, 2.0, 2.0]
    assert seen.value[0] == pytest.approx(100.0)
    assert seen.censored.tolist() == [False, True, True]
    assert seen.limit == pytest.approx([10.0, 30.0, 10.0])
    assert seen.missing == 1
    assert seen.group == ("x", "y")
    assert {name: values.tolist() for name, values in seen.covariates.items()} == {"weight": [70, 80], "sex": [1, 0]}


GOOD = "id,time,value\na,1,5\nb,1,6\n"


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [
        ("id,tiem,value\na,1,5\nb,1,6\n", {}, r"did you mean 'tiem'\?|no such column; given 'time'"),
        (GOOD, {"names": {"value": "valeu"}}, "did you mean 'value'"),
        (GOOD, {"names": {"values": "value"}}, "no such column to name"),
        (GOOD, {"group": "arm"}, "no such column; given 'arm'"),
        ("id,time,value\na,-1,5\nb,1,6\n", {}, r"t\.csv:2: a time before"),
        ("id,time,value\na,1,5\nb,1,much\n", {}, r"t\.csv:3: value must be a number"),
        ("id,time,value\na,1,5\nb,,6\n", {}, "time must be a number"),
        ("id,time,value\na,1,5\na,2,6\n", {}, "two subjects"),
        ("id,time,value\na,1,5\n,2,6\n", {}, "without a subject"),
        (GOOD, {"lloq": 10.0}, "every value is below"),
        ("id,time,value,censored\na,1,5,maybe\nb,1,6,0\n", {}, "censored is 1 or 0"),
        ("id,time,value,censored\na,1,5,0\nb,1,,1\n", {}, "without a limit"),
        ("id,time,value,dose_factor\na,1,5,0\nb,1,6,1\n", {}, "above 0"),
        ("id,time,value,dose_factor\na,1,5,1\na,2,5,2\nb,1,6,1\n", {}, "more than one dose_factor"),
        ("id,time,value\n", {}, "no rows"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, options: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(tmp_path / "t.csv", text, **options)


def test_bad_units_and_files(tmp_path: Path) -> None:
    with pytest.raises(UnitError):
        read(tmp_path / "t.csv", GOOD, unit="cell/L")
    with pytest.raises(UnitError):
        read(tmp_path / "t.csv", GOOD, time_unit="furlong")
    with pytest.raises(StoreError, match="no such file"):
        read_observations(tmp_path / "gone.csv", unit="1", of_signal="1")


# data of the model itself


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drug of ten patients under two rates of infusion, measured with an error, below 50 censored."""
    rng = np.random.default_rng(11)
    lines = ["id,time,value,protocol,weight"]
    for arm in ("blinatumomab/pk_9", "blinatumomab/pk_28"):
        patients = sample("adult_relapsed", 5, 9)
        result = simulate(patients, load_protocol(arm), days=7.5, record=(SIGNAL,), times=[1.0, 4.0, 7.1], chart="key")
        for row, weight in enumerate(patients.columns["weight"]):
            for day, value in zip((1.0, 4.0, 7.1), result.records.values[row, :, 0], strict=True):
                reported = max(value * np.exp(0.1 * rng.standard_normal()), 50.0)
                lines.append(f"{arm[-2:]}-{row},{day},{reported:.2f},{arm},{weight:.1f}")
    path = tmp_path_factory.mktemp("vpc") / "drug.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def seen(table: Path) -> Observations:
    return read_observations(table, unit="pg/mL", of_signal="pg/mL", lloq=50.0, covariates=("weight",))


@pytest.fixture(scope="module")
def found(seen: Observations) -> PredictiveCheck:
    protocols = [load_protocol(name) for name in seen.protocol]
    return predictive_check(
        seen, protocols, "adult_relapsed", SIGNAL, "pg/mL",
        name="drug.csv", replicates=15, seed=4, corrected=True, noise=0.1,
    )  # fmt: skip


def test_data_of_the_model_lie_in_its_bands(found: PredictiveCheck) -> None:
    assert sum(band.inside for band in found.bands) >= 8  # of nine
    assert [each.values for each in found.panels[0].bins] == [10, 10, 10]
    assert found.censored > 0
    assert found.protocols == ("blinatumomab/pk_9", "blinatumomab/pk_28")


def test_subjects_get_their_own_protocol_dose_and_covariates(seen: Observations) -> None:
    few = replace(seen, factor=np.where(np.arange(10) % 2, 3.0, 1.0), protocol=("blinatumomab/pk_28",) * 10)
    protocol = load_protocol("blinatumomab/pk_28")

    def truth(data: Observations) -> np.ndarray:
        assay = assay_of([protocol], SIGNAL, "pg/mL", 0.2)
        made = replicate(data, [protocol] * 10, "adult_relapsed", SIGNAL, "pg/mL", assay, count=2, seed=4)
        spread = np.log(made.value / made.truth)
        assert np.nanstd(spread) == pytest.approx(0.2, rel=0.4)
        return made.truth

    once, changed = truth(replace(few, factor=np.ones(10))), truth(few)
    times = np.nanmedian(changed / once, axis=0)
    assert times[few.factor[few.subject] == 3.0] == pytest.approx(3.0, rel=0.05)
    assert times[few.factor[few.subject] == 1.0] == pytest.approx(1.0)


def test_table_page_and_json_tell_the_bins(found: PredictiveCheck) -> None:
    text, page = vpc_table(found), vpc_page(found)
    assert "Prediction-corrected" in text
    assert "below the limit, %" in text
    assert page.count("<svg") == 1
    one = found.as_json()["panels"][0]["bins"][0]
    assert set(one["percentiles"]) == {"5", "50", "95"}
    assert one["below"]["inside"] in (True, False)


def test_the_assay_is_that_of_the_clinic() -> None:
    protocol = load_protocol("tisagenlecleucel/relapsed")
    assay = assay_of([protocol], "car_copies", "copy/ug", None)
    assert assay.name == "transgene"
    assert assay.noise > 0
    assert assay_of([protocol], "car_copies", "copy/ug", 0.5).noise == 0.5
    assert assay_of([protocol], "il6", "pg/mL", None).noise == 0


def test_the_command(table: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = ["vpc", "blinatumomab/pk_28", "--cohort", "adult_relapsed", "--data", str(table), "--signal"]
    page = tmp_path / "vpc.html"
    app([*asked, SIGNAL, "--unit", "pg/mL", "--lloq", "50", "-n", "3", "--group", "protocol", "--report", str(page),
         "--json"], standalone_mode=False)  # fmt: skip
    whole = json.loads(capsys.readouterr().out)
    assert [panel["subjects"] for panel in whole["panels"]] == [5, 5]
    assert "research" in whole["notice"]
    assert page.read_text(encoding="utf-8").count("<svg") == 2
    for wrong, problem in (("blina_concentratoin", "did you mean 'blina_concentration'"),):
        with pytest.raises(InputError, match=problem):
            app([*asked, wrong], standalone_mode=False)
    with pytest.raises(InputError, match="id=patient"):
        app([*asked, SIGNAL, "--column", "patient"], standalone_mode=False)
