"""Pages from templates: everything escaped, everything inside the page."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from virtuall.report.words import (
    endpoint_words,
    number_words,
    published_words,
    simulated_words,
    verdict_words,
)

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **content: Any) -> str:
    """Fill a template of ``report/templates``; figures (`svg`) are ours, all other text is escaped."""
    return _environment().get_template(template).render(**content)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files("virtuall.report") / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        endpoint=endpoint_words,
        number=number_words,
        published=published_words,
        simulated=simulated_words,
        verdict=verdict_words,
    )
    return environment
