"""`check`: everything that is wrong, at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from virtuall.core.errors import TextError
from virtuall.model import check
from virtuall.texts.table import reading

Change = Callable[..., Path]
TOML = "therapies/drug/parameters.toml"


def messages(library: Path, checkers: dict[str, Callable[[Path], object]] | None = None) -> list[str]:
    return [str(problem) for problem in check([library], checkers, shipped=False)]  # type: ignore[arg-type]


def test_a_sound_library_has_no_problems(tiny: Path) -> None:
    assert messages(tiny) == []


def test_all_texts_are_reported_at_once(changed: Change) -> None:
    changed("biology/leukemia/parameters.toml", ('mark = "A"', 'mark = "Q"'))
    changed("biology/leukemia/biology.ant", ("growth: -> L;", "growth: -> L"))
    changed("biology/covariates.toml", ("low = 2", "lwo = 2"))
    library = changed(TOML, ('source = "author2020"\nmark = "V"', 'mark = "V"'), ('doc = "volume"\n', ""))
    found = messages(library)
    assert any("unknown mark; given 'Q'" in each and "parameters.toml:6:1" in each for each in found)
    assert any("biology.ant:5" in each and "';'" in each for each in found)
    assert any("unknown key in [weight]; given 'lwo'; did you mean 'low'" in each for each in found)
    assert any("[parameters.CL_typical] needs the key 'source'" in each for each in found)
    assert any("[parameters.V_kg] needs the key 'doc'" in each for each in found)


def test_a_source_that_is_no_reference(changed: Change) -> None:
    (found,) = messages(changed(TOML, ('"author2020"', '"auther2020"')))
    assert "unknown source; given 'auther2020'; did you mean 'author2020'" in found
    assert f"{TOML}:13" in found


def test_a_misspelled_file_name_is_found(changed: Change) -> None:
    (found,) = messages(changed("support/other/parameter.toml", ("", "x = 1\n")))
    assert "nothing reads this file; given 'parameter.toml'; did you mean 'parameters.toml'" in found


def test_numbers_without_equations_are_found(changed: Change) -> None:
    (found,) = messages(changed("support/other/parameters.toml", ("", "[parameters]\n")))
    assert "nothing reads this file; numbers belong to equations" in found


def test_other_readers_are_plugged_in(changed: Change) -> None:
    def read_cohort(path: Path) -> str:
        with reading(path) as table:
            name = table.text("name")
        return name

    def report(path: Path) -> list[TextError]:
        return [TextError("seen", where=path.name)]

    changed("cohorts/young.toml", ("", "nam = 'x'\n"))
    library = changed("notes/odd.csv", ("", "a,b\n"))
    found = messages(library, {"cohorts/*.toml": read_cohort, "*.bib": report})
    assert any("needs the key 'name'" in each for each in found)
    assert any("unknown key here; given 'nam'; did you mean 'name'" in each for each in found)
    assert "references.bib: seen" in found
    assert any("notes/odd.csv: nothing reads this file" in each for each in found)
