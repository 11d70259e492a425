"""Load the model: every equation and number of a library as one checked system."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from virtuall.core.errors import Problems
from virtuall.engine.system import System
from virtuall.model.agreement import check_agreement
from virtuall.model.compose import compose_system
from virtuall.model.modules import Modules, read_modules
from virtuall.model.names import bind_names
from virtuall.model.shelf import Shelf, open_shelf
from virtuall.model.units import check_units
from virtuall.texts.values import Clone, Correlation, Covariate, Input, Random, Value


@dataclass(frozen=True)
class Model:
    """The equations and numbers of a library.

    Attributes
    ----------
    system : System
        What the kernel is built from.
    values : mapping of str to Value
        Fixed numbers, each in the unit that the equations use, with source, mark and position.
    random : mapping of str to Random
        Numbers that differ between patients.
    correlations : tuple of Correlation
        Between the normals that underlie them.
    inputs : mapping of str to Input
        What orders set, and what products bring along.
    products : mapping of str to mapping of str to Value
        What each product gives to inputs, each in the unit of the input.
    clocks : mapping of str to str
        Event name to the state that is its integrated hazard.
    clones : mapping of str to Clone
        State to its birth and loss rates and its threshold (cells).
    covariates : mapping of str to Covariate
        What describes a patient.
    modules : tuple of str
        The relative folders that the equations came from.
    """

    system: System
    values: Mapping[str, Value]
    random: Mapping[str, Random]
    correlations: tuple[Correlation, ...]
    inputs: Mapping[str, Input]
    products: Mapping[str, Mapping[str, Value]]
    clocks: Mapping[str, str]
    clones: Mapping[str, Clone]
    covariates: Mapping[str, Covariate]
    modules: tuple[str, ...]


def load_system(library: Sequence[Path | str] = (), *, shipped: bool = True) -> Model:
    """Load the shipped library with the given folders laid over it.

    Parameters
    ----------
    library : sequence of Path or str
        The user's own library folders.
    shipped : bool
        Leave the shipped library out when False.

    Raises
    ------
    InputError
        When a folder does not exist.
    Problems
        With everything that is wrong in the equations and numbers.
    """
    shelf = open_shelf(library, shipped=shipped)
    return _loaded(shelf.roots, shelf.stamp())


@lru_cache(maxsize=4)
def _loaded(roots: tuple[Path, ...], stamp: Hashable) -> Model:
    # Kept as long as no text changes: patients are sampled and simulated by one and the same model.
    return load_model(Shelf(roots))


def load_model(shelf: Shelf) -> Model:
    """Load the model of a shelf. Errors as for `load_system`."""
    return compose(read_modules(shelf))


def compose(modules: Modules) -> Model:
    """Compose the texts of all modules to one model.

    Raises
    ------
    Problems
        With everything that does not fit together. Units are checked only when all names are bound.
    """
    names = bind_names(modules)
    if names.problems:
        raise Problems(names.problems)
    units = check_units(modules, names)
    check_agreement(modules, names, units)
    if names.problems:
        raise Problems(names.problems)
    values = [module.values for module in modules.modules]
    return Model(
        system=compose_system(modules, names, units),
        values={name: each for part in values for name, each in part.parameters.items()},
        random={name: each for part in values for name, each in part.random.items()},
        correlations=tuple(each for part in values for each in part.correlations),
        inputs={name: each for part in values for name, each in part.inputs.items()},
        products=modules.products,
        clocks={name: each.state for part in values for name, each in part.clocks.items()},
        clones={name: each for part in values for name, each in part.clones.items()},
        covariates=modules.covariates,
        modules=tuple(module.folder for module in modules.modules),
    )
