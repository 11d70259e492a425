"""Models as Antimony or as SBML, written where a test can read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import antimony
import numpy as np
import pytest

from virtuall.sbml import SbmlModel, read_sbml, simulate_sbml

Write = Callable[[str], Path]
Run = Callable[[str, Sequence[float], Sequence[str]], np.ndarray]

HEAD = '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">'
MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">'
TIME = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time"> t </csymbol>'


def to_sbml(text: str) -> str:
    """SBML of an Antimony text."""
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return antimony.getSBMLString(antimony.getMainModuleName())


def parameters_and(rules: str, *names: str, values: str = "1", events: str = "") -> str:
    """SBML of a model of parameters with rules given as XML."""
    listed = "".join(f'<parameter id="{name}" value="{values}" constant="false"/>' for name in names)
    return (
        f'{HEAD}<model id="model1"><listOfParameters>{listed}</listOfParameters>'
        f"<listOfRules>{rules}</listOfRules>{events}</model></sbml>"
    )


def rule(kind: str, name: str, content: str) -> str:
    """A rate rule or an assignment rule."""
    return f'<{kind}Rule variable="{name}">{MATH}{content}</math></{kind}Rule>'


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Write a text to a file."""

    def write(text: str) -> Path:
        path = tmp_path / "model.xml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def model(written: Write) -> Callable[[str], SbmlModel]:
    """Read an Antimony text through SBML."""
    return lambda text: read_sbml(written(to_sbml(text)))


@pytest.fixture
def run(model: Callable[[str], SbmlModel]) -> Run:
    """Simulate an Antimony text: float64[times, names]."""
    return lambda text, times, names: simulate_sbml(model(text), times, names)
