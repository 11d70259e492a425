"""Errors that say what was wrong, what was given, what is allowed, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from virtuall.core.position import Position

# A longer list of allowed words helps nobody: beyond this many, the nearest ones are shown.
_SHOWN = 12


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word most like `word`, or None when none is like it.

    Case does not count: ``nearest("CRS", ["crs", "icans"])`` is ``"crs"``.
    """
    lowered = {name.lower(): name for name in sorted(set(allowed), reverse=True)}
    found = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


class VirtuallError(Exception):
    """Base of every error that VirtuALL raises on purpose.

    Parameters
    ----------
    problem : str
        What was wrong, in plain words.
    given : object, optional
        What was found.
    allowed : iterable of str, optional
        What would have been right. With a `given` text, the nearest one is suggested.
    where : Position or str, optional
        The place in a text, or a name of the place.
    hint : str, optional
        What to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        given: object = None,
        allowed: Iterable[str] = (),
        where: Position | str | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.given = given
        self.allowed = tuple(allowed)
        self.where = where
        self.hint = hint
        super().__init__(problem)

    def __str__(self) -> str:
        parts = [self.problem]
        if self.given is not None:
            parts.append(f"given {self.given!r}" if isinstance(self.given, str) else f"given {self.given}")
        if self.allowed:
            parts.append(self._suggestion())
        if self.hint is not None:
            parts.append(self.hint)
        text = "; ".join(part.rstrip(".;") for part in parts)
        return text if self.where is None else f"{self.where}: {text}"

    def _suggestion(self) -> str:
        near = nearest(self.given, self.allowed) if isinstance(self.given, str) else None
        question = "" if near is None else f"did you mean {near!r}? "
        shown = self.allowed
        if len(shown) > _SHOWN:
            close = difflib.get_close_matches(str(self.given), shown, n=_SHOWN, cutoff=0.0)
            shown = (*(close or shown[:_SHOWN]), f"... ({len(self.allowed)} in all)")
        return f"{question}allowed: {', '.join(shown)}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments are lost by the default pickling of exceptions; errors travel between processes.
        return (_rebuild, (type(self), self.problem, self.given, self.allowed, self.where, self.hint))


def _rebuild(
    kind: type[VirtuallError],
    problem: str,
    given: object,
    allowed: tuple[str, ...],
    where: Position | str | None,
    hint: str | None,
) -> VirtuallError:
    return kind(problem, given=given, allowed=allowed, where=where, hint=hint)


class TextError(VirtuallError):
    """A text of the library, or of the user, cannot be read as meant."""


class UnitError(TextError):
    """Two quantities differ in dimension or in scale."""


class InputError(VirtuallError):
    """An argument of a call or of the command line is not usable."""


class StoreError(VirtuallError):
    """Results on disk cannot be written or read."""


class KernelError(VirtuallError):
    """The numerical kernel cannot be built or refuses to run."""


class Problems(VirtuallError):
    """Several errors at once.

    Attributes
    ----------
    problems : tuple of VirtuallError
        The errors, in the order of the texts.
    """

    def __init__(self, problems: Iterable[VirtuallError]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{len(self.problems)} problems")

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (Problems, (self.problems,))
