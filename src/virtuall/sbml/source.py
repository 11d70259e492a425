"""An SBML file, read with care: nothing reaches libSBML that could make it crash, hang or open other files."""

from __future__ import annotations

import xml.parsers.expat as expat
from pathlib import Path
from typing import Any

from virtuall.core.errors import TextError

# Larger files are no models for one person's screen; reading them would take minutes and gigabytes.
LARGEST_FILE = 32 * 1024 * 1024
# libSBML reads nested elements by recursion in C++ and dies of some thousands of levels.
DEEPEST = 1000
# libSBML's general checks look for circles in a time that grows with the fourth power of the formulas and functions.
# Whatever decides the results is checked by `equations` as well.
_MOST_CHECKED = 100
_SHOWN_ERRORS = 3
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def open_document(path: Path) -> Any:
    """Read a file into a libSBML document of Level 3 Version 2.

    Raises
    ------
    TextError
        When the file cannot be read, is no SBML, is too large or too deep, brings a document type, breaks the
        rules of SBML, or needs a package or a feature that is not supported.
    """
    return parse(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """The content of a file, up to `LARGEST_FILE`."""
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise TextError("the file cannot be read", given=error.strerror or str(error), where=str(path)) from None
    if len(content) > LARGEST_FILE:
        raise TextError(f"the file is larger than {LARGEST_FILE // 2**20} MiB", where=str(path))
    return content


def parse(content: bytes, where: str) -> Any:
    """Parse SBML; `where` names the file in errors."""
    _inspect(content, where)
    import libsbml

    text = content.decode("utf-8").removeprefix("\ufeff")
    document = libsbml.readSBMLFromString(_declared(text))
    _raise_errors(document, where)
    _refuse_packages(document, where)
    if document.getModel() is None:
        raise TextError("the file holds no model", where=where)
    model = document.getModel()
    formulas = model.getNumRules() + model.getNumInitialAssignments() + model.getNumReactions()
    formulas += 2 * model.getNumFunctionDefinitions()
    for category, checked in (
        (libsbml.LIBSBML_CAT_GENERAL_CONSISTENCY, formulas <= _MOST_CHECKED),
        (libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, False),
        (libsbml.LIBSBML_CAT_MODELING_PRACTICE, False),
        (libsbml.LIBSBML_CAT_SBO_CONSISTENCY, False),
    ):
        document.setConsistencyChecks(category, checked)
    document.checkConsistency()
    _raise_errors(document, where)
    if document.getLevel() < 3:
        _convert(document, where)
    return document


def _declared(text: str) -> str:
    """The text with a declaration that says its encoding; on the line where it began, so that lines count right."""
    if not text.startswith("<?xml"):
        return _DECLARATION + text
    declaration, end, rest = text.partition("?>")
    return text if "encoding" in declaration or not end else _DECLARATION + rest


class _Refused(Exception):
    pass


def _inspect(content: bytes, where: str) -> None:
    """Look through the XML before libSBML sees it.

    Entities are what attacks on XML readers are made of (other files, texts that grow without end); SBML has
    no use for a document type.
    """
    reader = expat.ParserCreate()
    depth, root = 0, ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, root
        depth += 1
        root = root or name.rpartition(":")[2]
        if depth == 1 and root != "sbml":
            raise _Refused(f"the file is XML but no SBML: its outermost element is '{name}'")
        if depth > DEEPEST:
            raise _Refused(f"elements are nested deeper than {DEEPEST} levels")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        raise _Refused("unsupported: a document type (DOCTYPE) or entity declaration")

    reader.StartElementHandler, reader.EndElementHandler = start, end
    reader.StartDoctypeDeclHandler = reader.EntityDeclHandler = refuse
    try:
        reader.Parse(content, True)
        content.decode("utf-8")
    except _Refused as problem:
        raise TextError(str(problem), where=f"{where}:{reader.CurrentLineNumber}") from None
    except expat.ExpatError as error:
        words = expat.ErrorString(error.code) or "no XML"
        place = f"{where}:{error.lineno}:{error.offset + 1}"
        raise TextError(f"the file is not well-formed XML: {words}", where=place) from None
    except UnicodeDecodeError:
        raise TextError("SBML must be written in UTF-8", where=where) from None


def _raise_errors(document: Any, where: str) -> None:
    import libsbml

    errors = [document.getError(k) for k in range(document.getNumErrors())]
    severe = [e for e in errors if e.getSeverity() in (libsbml.LIBSBML_SEV_ERROR, libsbml.LIBSBML_SEV_FATAL)]
    if severe:
        lines = [f"line {e.getLine()}: {_sentence(e)}" for e in severe[:_SHOWN_ERRORS]]
        more = len(severe) - _SHOWN_ERRORS
        rest = f" (and {more} more)" if more > 0 else ""
        raise TextError("not valid SBML: " + "; ".join(lines) + rest, where=where)
    document.getErrorLog().clearLog()


def _sentence(error: Any) -> str:
    """What libSBML says, without the paragraph of the specification around it."""
    lines = [line.strip() for line in error.getMessage().splitlines() if line.strip()]
    if not lines:
        return str(error.getShortMessage()).strip()
    return f"{error.getShortMessage().strip()}: {lines[-1]}"


def _refuse_packages(document: Any, where: str) -> None:
    """A package that changes what the model means cannot be left out in silence."""
    if document.getLevel() < 3:
        return
    required = [
        document.getPlugin(k).getPackageName()
        for k in range(document.getNumPlugins())
        if document.getPackageRequired(document.getPlugin(k).getPackageName())
    ]
    for k in range(document.getNumUnknownPackages()):
        prefix = document.getUnknownPackagePrefix(k)
        if document.getPackageRequired(prefix):
            required.append(prefix)
    required = [name for name in required if name != "l3v2extendedmath"]
    if required:
        raise TextError(f"unsupported: SBML package '{required[0]}', which the model requires", where=where)


def _convert(document: Any, where: str) -> None:
    level, version = document.getLevel(), document.getVersion()
    done = document.setLevelAndVersion(3, 2, False)
    if not done:
        problems = "; ".join(
            _sentence(document.getError(k)) for k in range(min(document.getNumErrors(), _SHOWN_ERRORS))
        )
        raise TextError(
            f"unsupported: this model of SBML Level {level} Version {version} cannot be stated in Level 3",
            hint=problems or None,
            where=where,
        )
    document.getErrorLog().clearLog()
