"""The shelf of texts, and the model that its equations and numbers make together."""

from virtuall.model.check import check
from virtuall.model.load import Model, load_model, load_system
from virtuall.model.shelf import Shelf, open_shelf

__all__ = ["Model", "Shelf", "check", "load_model", "load_system", "open_shelf"]
