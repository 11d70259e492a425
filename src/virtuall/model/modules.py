"""The modules of a library: a folder with equations and the numbers they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from virtuall.core.errors import Problems, VirtuallError
from virtuall.model.shelf import COVARIATES, EQUATIONS, PARAMETERS, PRODUCT_VALUES, Shelf
from virtuall.texts.equations import Equations, read_equations
from virtuall.texts.values import Covariate, Value, Values, read_covariates, read_product_values, read_values

T = TypeVar("T")


@dataclass(frozen=True)
class Module:
    """One module: a folder with a ``biology.ant`` and perhaps a ``parameters.toml``.

    Attributes
    ----------
    folder : str
        The relative folder, for example ``therapies/some_drug``.
    equations : Equations
        What the ``biology.ant`` says.
    values : Values
        What the ``parameters.toml`` says; empty when there is none.
    """

    folder: str
    equations: Equations
    values: Values


@dataclass(frozen=True)
class Modules:
    """Every module of a shelf, the covariates that describe a patient, and what each product gives to inputs."""

    modules: tuple[Module, ...]
    covariates: Mapping[str, Covariate]
    products: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


def read_modules(shelf: Shelf) -> Modules:
    """Read all equations and numbers of a shelf.

    Raises
    ------
    Problems
        With the errors of all texts.
    """
    problems: list[VirtuallError] = []
    modules: list[Module] = []
    for folder in shelf.modules:
        equations = _read(read_equations, shelf, _beside(folder, EQUATIONS), problems)
        values = _read(read_values, shelf, _beside(folder, PARAMETERS), problems)
        if equations is not None:
            modules.append(Module(folder, equations, values or Values(_beside(folder, PARAMETERS))))
    covariates = _read(read_covariates, shelf, COVARIATES, problems)
    products = {
        relative.split("/")[1]: _read(read_product_values, shelf, relative, problems) or {}
        for pattern in PRODUCT_VALUES
        for relative in shelf.matching(pattern)
    }
    if problems:
        raise Problems(problems)
    return Modules(tuple(modules), covariates or {}, products)


def _beside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _read(read: Callable[[Path], T], shelf: Shelf, relative: str, problems: list[VirtuallError]) -> T | None:
    """Read one file of the shelf; None when it is not there or has problems, which are added to the list."""
    if relative not in shelf.files:
        return None
    try:
        return read(shelf.files[relative])
    except VirtuallError as error:
        problems += flattened([error])
        return None


def flattened(errors: Iterable[VirtuallError]) -> list[VirtuallError]:
    """Return single errors, those of `Problems` taken out of it."""
    return [each for error in errors for each in (error.problems if isinstance(error, Problems) else (error,))]
