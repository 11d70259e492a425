"""Virtual patients: covariates and individual numbers, drawn by keys."""

from virtuall.population.population import Population
from virtuall.population.sampling import sample

__all__ = ["Population", "sample"]
