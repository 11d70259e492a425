"""Analysis datasets: what SAS transport files, CSV and Parquet hold, and that it is what was simulated."""

from __future__ import annotations

import csv
import datetime
import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest
from lifelines import KaplanMeierFitter

from virtuall.cli.main import main
from virtuall.core.errors import InputError, Problems, StoreError
from virtuall.export.adam import Adam, adam, define
from virtuall.export.adam_files import write_adam
from virtuall.export.adam_study import Study, study_of_run, study_of_trial
from virtuall.export.adam_text import adam_text, read_adam
from virtuall.population import sample
from virtuall.simulation.protocol import load_protocol
from virtuall.simulation.result import Result
from virtuall.simulation.simulate import simulate
from virtuall.trial.endpoints import responded, times_to_event
from virtuall.trial.run import run_trial
from virtuall.trial.survival import median_survival

NAMES = ("ADSL", "ADAE", "ADTTE", "ADLB", "ADEX", "ADRS")
DEATHS, SEED = 9, 3
# Two rows that the trial of the tests computes: events on two scales as reported.
ROWS = """
[publication]
source = "tower_response"
mark = "V"

[cycle_days]
blinatumomab = "42 d"
chemotherapy = "42 d"

[[row]]
targets = ["T0120"]
endpoint = "event_share"
group = { arm = "blinatumomab" }
kind = "crs"
scale = "ctcae_v4_crs"
grade = 1

[[row]]
targets = ["T0100"]
endpoint = "event_share"
group = { arm = "blinatumomab" }
kind = "counts"
scale = "ctcae_v4_neutrophils"
grade = 3
"""


@dataclass(frozen=True, eq=False)
class Written:
    """A study, and the folder that it was written to."""

    content: Adam
    folder: Path

    @property
    def study(self) -> Study:
        return self.content.study

    def xpt(self, name: str, raw: bool = False) -> tuple[pd.DataFrame, Any]:
        """A transport file as pyreadstat reads it; `raw` leaves dates numbers."""
        path = self.folder / "xpt" / f"{name.lower()}.xpt"
        frame, meta = pyreadstat.read_xport(str(path), disable_datetime_conversion=raw)
        return frame, meta

    def table(self, name: str) -> pd.DataFrame:
        return self.xpt(name, raw=True)[0]


@pytest.fixture(scope="module")
def own_library(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Path:
    """A small trial: the design of a shipped one, with arms of 16 and 9, soon full."""
    folder = tmp_path_factory.mktemp("library") / "trials" / "small"
    folder.mkdir(parents=True)
    shipped = library / "trials" / "tower"
    design = (shipped / "design.toml").read_text(encoding="utf-8")
    for pattern, text in (
        (r"size = 271\nnever_treated = 4", "size = 16\nnever_treated = 2"),
        (r"size = 134\nnever_treated = 25", "size = 9\nnever_treated = 3"),
        (r"deaths = 248", f"deaths = {DEATHS}"),
        (r"horizon = \"30 month\"", 'horizon = "7 month"'),
        (r"period = \"20.5 month\"", 'period = "1 month"'),
        (r"also_scored = .*\n", ""),
    ):
        design, count = re.subn(pattern, text, design)
        assert count == 1, pattern
    (folder / "design.toml").write_text(design, encoding="utf-8")
    (folder / "endpoints.toml").write_text(ROWS, encoding="utf-8")
    lines = (shipped / "published.csv").read_text(encoding="utf-8").splitlines()
    kept = [lines[0], *(line for line in lines if line.startswith(("T0120,", "T0100,")))]
    (folder / "published.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return folder.parents[1]


@pytest.fixture(scope="module")
def trial(own_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    study = study_of_trial("small", SEED, adam_text(), [own_library])
    return written(study, tmp_path_factory.mktemp("trial"))


def written(study: Study, folder: Path) -> Written:
    content = adam(study)
    write_adam(content, folder)
    return Written(content, folder)


@pytest.fixture(scope="module")
def cells(own_library: Path) -> Result:
    """Patients for whom cells are made."""
    protocol = load_protocol("tisagenlecleucel/relapsed", [own_library])
    return simulate(sample("eliana", 10, 1, library=[own_library]), protocol, days=300, record=())


@pytest.fixture(scope="module")
def run(cells: Result, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written(study_of_run(cells, adam_text(), response_by=140.0), tmp_path_factory.mktemp("run"))


def test_the_transport_files_say_what_they_are(trial: Written) -> None:
    described = json.loads((trial.folder / "define.json").read_text(encoding="utf-8"))
    assert [each["dataset"] for each in described["datasets"]] == list(NAMES)
    labels: dict[str, tuple[str, str]] = {}
    for each in described["datasets"]:
        frame, meta = trial.xpt(each["dataset"])
        assert meta.table_name == each["dataset"]
        assert meta.file_label == each["label"] and each["label"].startswith("SIMULATED ") and len(each["label"]) <= 40
        assert len(frame) == each["records"] > 0
        assert meta.column_names == [variable["variable"] for variable in each["variables"]]
        for variable in each["variables"]:
            name, label, kind = variable["variable"], variable["label"], variable["type"]
            assert re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", name)
            assert meta.column_names_to_labels[name] == label and 0 < len(label) <= 40
            assert meta.readstat_variable_types[name] == {"Char": "string", "Num": "double"}[kind]
            assert meta.variable_storage_width[name] == variable["length"] <= (200 if kind == "Char" else 8)
            assert f"{meta.original_variable_types[name] or ''}" == variable["format"].rstrip(".")
            assert variable["derivation"]
            assert labels.setdefault(name, (label, kind)) == (label, kind), "one name, two meanings"
        assert frame["STUDYID"].eq("SIMULATED-SMALL").all()
        assert not trial.table(each["dataset"]).duplicated(each["keys"]).any()
    formats = {row["variable"]: row["format"] for row in described["datasets"][0]["variables"]}
    assert formats["TRTSDT"] == "DATE9." and formats["TRTSDTM"] == "DATETIME20."
    with (trial.folder / "define.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(each["variables"]) for each in described["datasets"])
    assert "fictitious" in described["reference_date_is"] and "SIMULATED" in described["notice"]


@pytest.mark.parametrize("name", NAMES)
def test_three_kinds_of_files_hold_the_same_values(trial: Written, name: str) -> None:
    xpt, meta = trial.xpt(name)
    parquet = pq.read_table(trial.folder / "parquet" / f"{name.lower()}.parquet")
    assert parquet.schema.metadata[b"label"].decode() == meta.file_label
    assert [field.metadata[b"label"].decode() for field in parquet.schema] == meta.column_labels
    plain = parquet.to_pandas(timestamp_as_object=True)
    text = pd.read_csv(trial.folder / "csv" / f"{name.lower()}.csv", dtype=str, keep_default_na=False)
    assert list(text) == list(plain) == list(xpt)
    formats = {each: meta.original_variable_types[each] for each in xpt}
    for column in xpt:
        if meta.readstat_variable_types[column] == "string":
            assert xpt[column].tolist() == plain[column].tolist() == text[column].tolist()
        elif formats[column] == "DATE9":
            ours = [None if pd.isna(each) else each for each in xpt[column]]
            assert ours == plain[column].tolist() == [_date(each) for each in text[column]]
        elif formats[column] == "DATETIME20":
            stamps = pd.to_datetime(pd.Series(plain[column].tolist(), dtype=object)).to_numpy("datetime64[s]")
            assert np.array_equal(xpt[column].to_numpy("datetime64[s]"), stamps, equal_nan=True)
            read = pd.to_datetime(text[column].replace("", None)).to_numpy("datetime64[s]")
            assert np.array_equal(stamps, read, equal_nan=True)
        else:  # to the last bit
            numbers = np.array([float(each) if each else np.nan for each in text[column]])
            assert np.array_equal(xpt[column].to_numpy(float), plain[column].to_numpy(float), equal_nan=True)
            assert np.array_equal(xpt[column].to_numpy(float), numbers, equal_nan=True)


def _date(text: str) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None


@pytest.fixture(scope="module")
def many(cells: Result, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Made-up outcomes of 150 patients, so many that medians are reached."""
    draw = np.random.default_rng(5)
    n = 150
    outcomes = cells.outcomes.iloc[draw.integers(len(cells.outcomes), size=n)].reset_index(drop=True)
    answered = np.where(draw.random(n) < 0.7, draw.uniform(20, 160, n), np.nan)
    last = np.where(draw.random(n) < 0.7, draw.exponential(500, n), 900.0)
    relapsed = answered + draw.exponential(300, n)
    answered = np.where(answered < last, answered, np.nan)
    outcomes = outcomes.assign(
        patient=np.arange(n),
        last_day=last,
        death_day=np.where(last < 900, last, np.nan),
        response_day=answered,
        cr_day=answered,
        best_response=np.where(np.isnan(answered), "none", "CR"),
        relapse_day=np.where(relapsed < last, relapsed, np.nan),
    )
    study = study_of_run(replace(cells, outcomes=outcomes, events=cells.events.iloc[:0]), adam_text())
    return written(study, tmp_path_factory.mktemp("many"))


@pytest.mark.parametrize("of", ["OS", "EFS", "DOR"])
def test_medians_from_adtte_alone_are_those_of_the_outcomes(trial: Written, many: Written, of: str) -> None:
    for each in (trial, many):
        _same_medians(each, of)


def _same_medians(written: Written, of: str) -> None:
    times = written.table("ADTTE")
    for arm, patients in written.study.outcomes.groupby("arm"):
        mine = times[(times["PARAMCD"] == of) & (times["TRTP"] == arm)]
        if of == "DOR" and not patients["response_day"].notna().any():
            assert mine.empty  # no responder in this arm of the small trial
            continue
        fitted = KaplanMeierFitter().fit(mine["AVAL"], mine["CNSR"] == 0)
        time, event = times_to_event(patients, of.lower(), response_by=written.study.response_by)
        assert np.array_equal(np.sort(time[event]), np.sort(mine["AVAL"][mine["CNSR"] == 0]))
        assert np.array_equal(np.sort(time[~event]), np.sort(mine["AVAL"][mine["CNSR"] == 1]))
        expected = median_survival(time, event)
        assert fitted.median_survival_time_ == (expected if np.isfinite(expected) else np.inf)
        assert len(patients) < 100 or np.isfinite(expected), "no median was reached: the test shows nothing"


@pytest.mark.slow
def test_the_trial_is_a_replicate_of_the_trial(trial: Written, own_library: Path) -> None:
    whole = run_trial("small", seed=SEED, replicates=1, processes=1, library=[own_library], resamples=0)
    same = [name for name in whole.outcomes if name in trial.study.outcomes]
    assert {"death_day", "accrual_day", "cut_day", "follow_up", "response_level"} <= set(same)
    ours = trial.study.outcomes[same].sort_values("patient").reset_index(drop=True)
    theirs = whole.outcomes[same].sort_values("patient").reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    # what the trial counts can be counted from ADSL and ADAE alone
    subjects, events = trial.table("ADSL"), trial.table("ADAE")
    treated = subjects[(subjects["TRT01P"] == "blinatumomab") & (subjects["SAFFL"] == "Y")]["USUBJID"]
    counted = events[(events["TRTEMFL"] == "Y") & (events["AEREPFL"] == "Y") & events["USUBJID"].isin(treated)]
    rows = {row.target: row for row in whole.rows}
    for target, scale, grade in (("T0120", "ctcae_v4_crs", 1), ("T0100", "ctcae_v4_neutrophils", 3)):
        had = counted[(counted["AESCALE"] == scale) & (counted["ATOXGRN"] >= grade)]["USUBJID"].nunique()
        simulated = rows[target].simulated
        assert simulated is not None and 100 * had / len(treated) == pytest.approx(simulated)
        assert had


def test_subjects_are_those_of_the_outcomes(trial: Written) -> None:
    subjects, outcomes = trial.table("ADSL"), trial.study.outcomes
    assert subjects["TRT01P"].tolist() == outcomes["arm"].tolist()
    assert subjects["TRT01PN"].tolist() == [1 if arm == "blinatumomab" else 2 for arm in outcomes["arm"]]
    treated = (outcomes["treated"] & outcomes["infused_day"].notna()).to_numpy()
    assert np.array_equal(subjects["SAFFL"] == "Y", treated) and 0 < treated.sum() < len(treated)
    assert subjects["TRT01A"].tolist() == [
        arm if yes else "" for arm, yes in zip(outcomes["arm"], treated, strict=True)
    ]
    assert (subjects["ITTFL"] == "Y").all() and (subjects["RANDFL"] == "Y").all()
    assert np.array_equal(subjects["AGE"], np.floor(outcomes["age"]))
    assert (subjects["DTHFL"] == "Y").sum() == DEATHS
    reference = (trial.study.text.reference_date - datetime.date(1960, 1, 1)).days
    assert np.array_equal(subjects["ENRLDT"], reference + np.floor(outcomes["accrual_day"]))
    assert np.array_equal(subjects["DTHDT"] - subjects["ENRLDT"], np.floor(outcomes["death_day"]), equal_nan=True)
    assert subjects["DCUTDT"].nunique() == 1 and (subjects["EOSDT"] <= subjects["DCUTDT"]).all()


def test_nothing_is_known_after_the_data_cut(trial: Written) -> None:
    last = trial.table("ADSL").set_index("USUBJID")["EOSDT"]
    for name in NAMES[1:]:
        table = trial.table(name)
        end = last.reindex(table["USUBJID"]).to_numpy()
        entered = trial.table("ADSL").set_index("USUBJID")["ENRLDT"].reindex(table["USUBJID"]).to_numpy()
        for date, day in (("ADT", "ADY"), ("ASTDT", "ASTDY"), ("AENDT", "AENDY")):
            if date in table:
                assert not (table[date] > end).any() and not (table[date] < entered).any()
                assert np.array_equal(table[day], table[date] - entered + 1, equal_nan=True)
        for moment in ("ADTM", "ASTDTM", "AENDTM"):
            if moment in table:
                assert np.array_equal(table[moment] // 86400, table[moment.removesuffix("M")], equal_nan=True)


def test_baselines_lie_before_the_first_dose(trial: Written) -> None:
    results = trial.table("ADLB").merge(trial.table("ADSL")[["USUBJID", "TRTSDTM", "ENRLDT"]], on="USUBJID")
    first = results["TRTSDTM"].fillna(results["ENRLDT"] * 86400)
    base = results["ABLFL"] == "Y"
    assert base.any() and (results["ADTM"] <= first)[base].all()
    assert not results[base].duplicated(["USUBJID", "PARAMCD"]).any()
    assert (results["AVAL"] == results["BASE"])[base].all()
    by = results[base].set_index(["USUBJID", "PARAMCD"])["ADTM"]
    moment = by.reindex(pd.MultiIndex.from_frame(results[["USUBJID", "PARAMCD"]])).to_numpy()
    before = results["ADTM"] <= first
    assert not (results["ADTM"].to_numpy()[before] > moment[before]).any(), "a later value before the dose"
    later = results["CHG"].notna()
    assert later.any() and not (results["ADTM"][later] < moment[later]).any()
    assert np.array_equal(results["CHG"][later], (results["AVAL"] - results["BASE"])[later])
    pairs = results[["PARAM", "PARAMCD"]].drop_duplicates()
    assert not pairs["PARAM"].duplicated().any() and not pairs["PARAMCD"].duplicated().any()


def test_results_are_dated_by_their_samples(trial: Written) -> None:
    """The chart has a result when it is known; the delay stands in the text of the monitoring."""
    study = trial.study
    chart = study.chart("result")
    after = {each.name: each.result_after for arm in study.protocols.values() for each in arm.monitoring.schedules}
    known = {each.name: each.code for each in study.text.results}
    chart = chart[chart["what"].isin(list(known))]
    expected = np.sort(np.round((chart["day"] - chart["rule"].astype(str).map(after)) * 86400))
    results = trial.table("ADLB").merge(trial.table("ADSL")[["USUBJID", "ENRLDT"]], on="USUBJID")
    assert np.array_equal(np.sort(results["ADTM"] - results["ENRLDT"] * 86400), expected)
    assert set(after.values()) - {0.0}


def test_exposure_is_what_was_infused(run: Written, trial: Written) -> None:
    given = trial.table("ADEX")
    subjects = trial.table("ADSL").set_index("USUBJID")
    main = given[given["EXCAT"] == "THERAPY"].groupby("USUBJID")
    assert np.array_equal(main["ASTDTM"].min().reindex(subjects.index), subjects["TRTSDTM"], equal_nan=True)
    rates = given[given["EXDOSU"].str.endswith("/DAY")]
    assert np.allclose(rates["AMOUNT"], rates["EXDOSE"] * rates["ADURN"]) and (given["EXDOSE"] > 0).all()
    # followed to the end, the days of infusion are those that the clinic counted
    days = run.table("ADEX").query("EXCAT == 'THERAPY'").groupby("USUBJID")["ADURN"].sum()
    counted = run.study.outcomes["infusion_days"].to_numpy()
    assert np.allclose(days.reindex(run.table("ADSL")["USUBJID"]).fillna(0), counted)
    assert {"THERAPY", "BRIDGING", "LYMPHODEPLETION"} == set(run.table("ADEX")["EXCAT"])


def test_responses_are_those_of_the_outcomes(trial: Written, run: Written) -> None:
    for each in (trial, run):
        outcomes = each.study.outcomes
        table = each.table("ADRS")
        best = table[table["PARAMCD"] == "BOR"].set_index("USUBJID")
        within = table[table["PARAMCD"] == "RSPWIN"].set_index("USUBJID")
        order = each.table("ADSL")["USUBJID"]
        assert np.array_equal(best["AVALC"].reindex(order) != "NONE", outcomes["response_day"].notna())
        assert np.array_equal(within["AVALC"].reindex(order) == "Y", responded(outcomes, by=each.study.response_by))
        assert (best["ADT"].notna() == (best["AVALC"] != "NONE")).all()
        relapsed = table[table["PARAMCD"] == "RELAPSE"]["USUBJID"]
        assert set(order[outcomes["relapse_day"].notna().to_numpy()]) <= set(relapsed)


def test_events_are_episodes(trial: Written) -> None:
    events = trial.table("ADAE")
    assert events["AETOXGR"].isin(["1", "2", "3", "4", "5"]).all()
    assert not (events["ADURN"] < 0).any() and events["AENDT"].notna().any()
    syndrome = events[events["AEDECOD"] == "cytokine release syndrome"]
    flagged = syndrome["ANL01FL"] == "Y"
    assert set(syndrome["AESCALE"][flagged]) == {"astct_crs"} and set(syndrome["AESCALE"][~flagged]) == {"ctcae_v4_crs"}
    early = events.merge(trial.table("ADSL")[["USUBJID", "TRTSDTM"]], on="USUBJID")
    assert (early["ASTDTM"] >= early["TRTSDTM"])[early["TRTEMFL"] == "Y"].all() and (early["TRTEMFL"] == "").any()
    assert 0 < (events["AEREPFL"] == "Y").sum() < len(events)


def test_cells_are_timed_from_the_infusion_too(run: Written) -> None:
    times, subjects = run.table("ADTTE"), run.table("ADSL").set_index("USUBJID")
    since = times[times["PARAMCD"] == "OSINF"].set_index("USUBJID")
    infused = run.study.outcomes["infused_day"].notna()
    assert len(since) == infused.sum() > 0
    assert np.array_equal(since["STARTDT"], subjects["TRTSDT"].reindex(since.index))
    whole = times[times["PARAMCD"] == "OS"].set_index("USUBJID")["AVAL"].reindex(since.index)
    waited = run.study.outcomes.loc[infused, "infused_day"].to_numpy()
    assert np.allclose(whole - since["AVAL"], waited) and (waited > 0).all()
    assert run.table("ADSL")["DCUTDT"].isna().all() and run.table("ADSL")["RANDDT"].isna().all()
    assert set(times["CNSDTDSC"][times["CNSR"] == 1]) == {"End of simulated follow-up"}


def test_a_failed_simulation_is_censored_and_said(cells: Result, tmp_path: Path) -> None:
    outcomes = cells.outcomes.copy()
    alive = int(np.flatnonzero(outcomes["death_day"].isna())[0])
    outcomes.loc[alive, ["status", "last_day"]] = [3, 50.5]
    failed = written(study_of_run(replace(cells, outcomes=outcomes), adam_text()), tmp_path)
    row = failed.table("ADTTE").query("PARAMCD == 'OS'").iloc[alive]
    assert (row["AVAL"], row["CNSR"], row["CNSDTDSC"]) == (50.5, 1, "Simulation failed")
    subject = failed.table("ADSL").iloc[alive]
    assert (subject["EOSSTT"], subject["DCSREAS"]) == ("DISCONTINUED", "SIMULATION FAILED")


def test_the_same_study_gives_the_same_bytes(run: Written, tmp_path: Path) -> None:
    write_adam(adam(run.study), tmp_path)
    files = sorted(path.relative_to(run.folder) for path in run.folder.rglob("*") if path.is_file())
    assert len(files) == 3 * len(NAMES) + 2
    for path in files:
        assert (run.folder / path).read_bytes() == (tmp_path / path).read_bytes(), path


def test_empty_datasets_are_written(cells: Result, tmp_path: Path) -> None:
    nobody = written(study_of_run(replace(cells, events=cells.events.iloc[:0]), adam_text()), tmp_path)
    frame, meta = nobody.xpt("ADLB")
    assert len(frame) == 0 and meta.column_names[0] == "STUDYID"
    assert (nobody.table("ADSL")["SAFFL"] == "N").all()


def test_a_text_that_sas_cannot_hold_is_refused(cells: Result) -> None:
    for word in ("Fi\u00e8vre", "x" * 201):
        outcomes = cells.outcomes.assign(death_cause=word)
        with pytest.raises(InputError, match=r"ADSL\.DTHCAUS.*SAS"):
            adam(study_of_run(replace(cells, outcomes=outcomes), adam_text()))


def test_every_result_of_the_clinic_has_its_place(library: Path) -> None:
    text = adam_text()
    named = {each.name for each in text.results} | set(text.left_out)
    for path in sorted((library / "monitoring").glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        assert set(content.get("observable", {})) <= named, path.name


def test_every_scale_of_a_trial_has_a_word(library: Path) -> None:
    """What is graded on a trial's own scale is titled by the scale in the charts, unless the clinic grades it too."""
    text = adam_text()
    titled = {
        graded["scale"]
        for path in (library / "monitoring").glob("*.toml")
        for graded in tomllib.loads(path.read_text(encoding="utf-8")).get("graded", {}).values()
        if graded.get("title")
    }
    for path in sorted((library / "trials").glob("*/design.toml")):
        design = tomllib.loads(path.read_text(encoding="utf-8"))
        scales = {scale for part in (design["trial"], *design["arm"]) for scale in part.get("scales", ())}
        assert scales <= titled | set(text.terms), path.parent.name


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('code = "NEUT"', 'code = "NEUTROPHILS"', "at most 8"),
        ('code = "PLAT"', 'code = "NEUT"', "have one code"),
        ('label = "Neutrophils"', f'label = "{"x" * 41}"', "at most 40"),
        ('of = "efs"', 'of = "efx"', "efs"),
        ('kind = "flag"', 'kind = "flags"', "flag"),
    ],
)
def test_mistakes_in_the_text_are_named(library: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (library / "reports" / "adam.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "adam.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Problems, match=said):
        read_adam(path)


# the command


@pytest.fixture(scope="module")
def stored(own_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small stored run."""
    folder = tmp_path_factory.mktemp("stored") / "result"
    words = ["run", "chemotherapy/salvage", "--cohort", "adult_relapsed", "-n", "4", "--out", str(folder)]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--days", "120", "--library", str(own_library)])
    assert ended.value.code in (0, None)
    return folder


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["export", "adam", *map(str, words)])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_command_exports_a_stored_run(
    stored: Path, own_library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, stored, "--library", own_library, "--out", tmp_path / "new" / "adam", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["study"] == "SIMULATED-RUN" and told["records"]["ADSL"] == 4 and "never for the care" in told["notice"]
    frame, _ = pyreadstat.read_xport(str(tmp_path / "new" / "adam" / "xpt" / "adsl.xpt"))
    assert len(frame) == 4 and (frame["TRT01P"] == "chemotherapy/salvage").all()
    code, out, err = call(capsys, stored, "--library", own_library, "--out", tmp_path / "again")
    assert code == 0 and "SIMULATED Time-to-Event Analysis Dataset" in out
    code, out, err = call(capsys, stored, "--library", own_library, "--out", tmp_path / "again")
    assert code == 2 and "not empty" in err and "--force" not in err


def test_the_command_refuses_what_it_cannot_export(
    stored: Path, own_library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()
    partial = tmp_path / "partial"
    shutil.copytree(stored, partial)
    manifest: Mapping[str, Any] = json.loads((partial / "manifest.json").read_text(encoding="utf-8"))
    manifest["run"]["n"] += manifest["run"]["chunk_size"]
    (partial / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    out = tmp_path / "out"
    for words, said in (
        ((tmp_path / "nowhere", "--out", out), "no such result folder"),
        ((empty, "--out", out), "not a result folder"),
        ((file, "--out", out), "no such result folder"),
        ((partial, "--out", out), "1 of 2 chunks are missing"),
        ((stored, "--out", file), "is a file"),
        ((stored, "--out", file / "below"), "nothing was written"),
        (("--trial", "towr", "--out", out), "did you mean 'tower'"),
        (("--out", out), "either a result folder or --trial"),
        ((stored, "--trial", "tower", "--out", out), "either a result folder or --trial"),
        ((stored, "--seed", 2, "--out", out), "the result decides the seed"),
        (("--trial", "tower", "--seed", -1, "--out", out), "the seed must be 0 or more"),
        (("--trial", "tower", "--response-by", 90, "--out", out), "its own window"),
        ((stored, "--response-by", 0, "--out", out), "above 0"),
    ):
        code, printed, err = call(capsys, *words, "--library", own_library)
        assert code == 2 and said in err and not printed, (words, err)
        assert not out.exists(), words


def test_a_write_that_fails_leaves_nothing(run: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyreadstat, "write_xport", full)
    with pytest.raises(StoreError, match="no space left"):
        write_adam(run.content, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_description_names_seed_and_source(run: Written) -> None:
    said = define(run.content)
    assert said["seed"] == 1 and "tisagenlecleucel/relapsed" in said["about"]
    assert said["provenance"]["tisagenlecleucel/relapsed"]["fingerprint"]
    assert set(said["left_out_results"]) <= set(run.study.text.left_out)
