"""The pieces of work by their names."""

from __future__ import annotations

from work import Work


def find_work(key: str) -> Work:
    """``full``, ``foreign:KEY`` or ``absent``."""
    kind, _, which = key.partition(":")
    if kind == "full":
        from full_model import full_model

        return full_model()
    if kind == "foreign":
        from foreign_models import foreign_model

        return foreign_model(which)
    if kind == "absent":
        from trial_model import trial_model

        return trial_model()
    raise KeyError(key)
