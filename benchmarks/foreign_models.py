"""Four published models as pieces of work: read from BioModels files that a package on PyPI carries.

The files are not copied into this repository: ``sbmltoodepy`` (MIT) installs them; their digests are checked, so that
everybody measures the same. Every number that the model has as a constant is varied between patients, log-normally.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from work import Floats, Work, make_work

from virtuall.engine.kernel import build_kernel

SPREAD = 0.15  # of the logarithm of each number
SEED = 7
SHARE = 1e-6  # of a state's largest value: below it an error counts as absolute


@dataclass(frozen=True)
class Published:
    """A published model: its file, what it is, and how long and how often it is looked at, in its own unit of time."""

    key: str
    file: str
    digest: str
    title: str
    source: str
    end: float
    points: int


MODELS = (
    Published(
        "crypt",
        "sbmltoodepy/sbml_files/Smallbone2013_Colon_Crypt_cycle.xml",
        "24368d4cf9d50a06c11792ba52f2d6d960ff2dce089c31c5dec11f1cbc5bfb6f",
        "colon crypt",
        "Smallbone and Corfe, Int J Exp Pathol 2014;95:1-7 (MODEL1306190001)",
        200.0,
        200,
    ),
    Published(
        "repressilator",
        "basico/data/Genetic-2000Elo.xml",
        "74815c0ceae9030ada413e0f90d6da1ba0b7089abf29e2ea4c3e6caeb775b0b1",
        "repressilator",
        "Elowitz and Leibler, Nature 2000;403:335-338",
        1000.0,
        200,
    ),
    Published(
        "trypanosome",
        "sbmltoodepy/sbml_files/Kerkhoven2013_Glycolysis_in_T_brucei.xml",
        "0758f0d1c92c3fc382d4d2a0ee1c531eacb3d946ce709e08782ae07f84f6ce28",
        "glycolysis of T. brucei",
        "Kerkhoven et al., PLoS Comput Biol 2013;9:e1003371 (BIOMD0000000513)",
        100.0,
        200,
    ),
    Published(
        "insulin_egf",
        "sbmltoodepy/sbml_files/Borisov2009_insulin_EGF.xml",
        "37e7d4ec1cc2708d2f5f83c5009dc4a0fff6e24c9697b3bd4a8cc13d9c425539",
        "insulin and EGF",
        "Borisov et al., Mol Syst Biol 2009;5:256 (BIOMD0000000223)",
        3600.0,
        200,
    ),
)


def published(key: str) -> Published:
    """By its key."""
    return next(each for each in MODELS if each.key == key)


def model_file(model: Published) -> Path:
    """Where the package put the file.

    Raises
    ------
    ImportError
        When the package is missing, or carries another file.
    """
    package, _, rest = model.file.partition("/")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed")
    path = Path(spec.origin).parent / rest
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if model.digest and digest != model.digest:
        raise ImportError(f"{model.file} is not the file that the figures stand for (sha256 {digest})")
    return path


def level_three(path: Path) -> str:
    """The model as plain SBML Level 3: constants of reactions made global, functions written out."""
    import libsbml

    document = libsbml.readSBMLFromFile(str(path))
    for words in ({"promoteLocalParameters": True}, {"expandFunctionDefinitions": True}):
        properties = libsbml.ConversionProperties()
        for word, value in words.items():
            properties.addOption(word, value)
        document.convert(properties)
    document.setLevelAndVersion(3, 1, False)
    for k in reversed(range(document.getNumPlugins())):
        plugin = document.getPlugin(k)
        document.disablePackage(plugin.getURI(), plugin.getPrefix())
    document.getModel().unsetAnnotation()
    return str(libsbml.writeSBMLToString(document))


@lru_cache(maxsize=4)
def foreign_model(key: str, patients: int = 1000) -> Work:
    """A published model with its numbers varied between patients."""
    from virtuall.sbml import read_sbml

    about = published(key)
    text = level_three(model_file(about))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        path.write_bytes(text.encode())
        model = read_sbml(path)
    varied = varied_names(text, model.parameters)
    luck = np.random.default_rng(SEED)
    factors = np.exp(SPREAD * luck.standard_normal((patients, len(varied))))
    factors[0] = 1.0  # the first patient is the published one
    values = {name: model.parameters[name] * factors[:, k] for k, name in enumerate(varied)}
    times = np.linspace(0.0, about.end, about.points + 1)
    rows = model.rows(patients, **values)
    system = replace(model.system, scales=_scales(model.system, rows[:16], times))
    ids = {name: name.removeprefix("amount(").removesuffix(")") for name in system.states}
    return make_work(
        f"{about.title}, {len(system.states)} states",
        system,
        rows,
        (),
        times,
        "member",
        sbml=text,
        ids=ids,
        varied=tuple(varied),
    )


def varied_names(text: str, known: dict[str, float]) -> list[str]:
    """Constant global parameters above zero, as in the file."""
    import libsbml

    model = libsbml.readSBMLFromString(text).getModel()
    ruled = {rule.getVariable() for rule in model.getListOfRules()}
    ruled |= {each.getSymbol() for each in model.getListOfInitialAssignments()}
    names = [parameter.getId() for parameter in model.getListOfParameters()]
    return [name for name in names if name not in ruled and known.get(name, 0.0) > 0.0]


def _scales(system: object, rows: Floats, times: Floats) -> tuple[float, ...]:
    """From the sizes that the states reach in some patients: all engines are told the same."""
    kernel = build_kernel(system, rtol=1e-6)  # type: ignore[arg-type]
    ens = kernel.start(rows)
    kernel.record(ens, times, kernel.system.states)
    kernel.advance(ens, np.arange(len(rows)), times[-1])
    size = np.nanmax(np.abs(ens.recorded), axis=(0, 1))
    usual = float(np.median(size[size > 0.0])) if (size > 0.0).any() else 1.0
    return tuple(float(SHARE * (each or usual)) for each in size)
