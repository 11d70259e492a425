"""The repository holds what it says: texts apart from code, links and commands that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Folders that are made, not written.
MADE = {".git", ".hypothesis", ".venv", "build", "dist", "__pycache__"}
# Packages that are loaded where they are used, so that the command starts at once.
HEAVY = {"lark", "libsbml", "lifelines", "llvmlite", "matplotlib", "pandas", "pint", "scipy.stats", "xarray"}
TEXT_SUFFIXES = {".ant", ".bib", ".cff", ".csv", ".html", ".j2", ".md", ".py", ".sh", ".toml", ".txt", ""}


def written_files(root: Path) -> Iterator[Path]:
    """Every text file of the repository that somebody wrote."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        made = any(part in MADE or part.startswith(".venv") or part.endswith("_cache") for part in parts)
        if path.is_file() and not made and path.suffix in TEXT_SUFFIXES and path.name != "LICENSE":
            yield path


def pages(root: Path) -> list[Path]:
    """Every Markdown page of the repository."""
    return [path for path in written_files(root) if path.suffix == ".md"]


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page have."""
    headings = re.findall(r"^#+ +(.+?) *#*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_of(page: Path) -> str:
    """All code of a page: fenced blocks and inline code, one piece a line."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```[^\n]*\n(.*?)```", text, flags=re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return "\n".join(blocks + inline)


def commands_of(page: Path) -> set[str]:
    """The calls of `virtuall` that a page shows."""
    lines = re.findall(r"^(?:\$ )?virtuall +([a-z].*)$", code_of(page), flags=re.MULTILINE)
    return {line.split(" #")[0].strip() for line in lines}


def test_the_library_holds_texts_only(library: Path) -> None:
    assert library.is_dir()
    assert [str(path) for path in library.rglob("*.py*") if "__pycache__" not in path.parts] == []


def test_links_lead_somewhere(repository: Path) -> None:
    broken = []
    for page in pages(repository):
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if link.startswith(("http://", "https://", "mailto:")):
                continue
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{page.relative_to(repository)}: {link}")
    assert not broken, "\n".join(broken)


def test_every_page_is_reached_from_the_readme(repository: Path) -> None:
    reached, waiting = set(), [repository / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for link in re.findall(r"\]\(([^)\s#]+\.md)[^)]*\)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            if target not in reached and target.is_file():
                waiting.append(target)
    docs = {page for page in pages(repository) if "docs" in page.relative_to(repository).parts}
    assert sorted(str(page) for page in docs - reached) == []


def test_make_commands_of_the_pages_exist(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    wanted = {
        target
        for page in pages(repository)
        for target in re.findall(r"^(?:\$ )?make +([a-z]+)", code_of(page), flags=re.MULTILINE)
    }
    assert {"setup", "demo", "test", "lint", "bench"} <= targets
    assert wanted <= targets


def help_of(*words: str) -> str:
    """What the command says of itself."""
    call = [sys.executable, "-c", "from virtuall.cli.main import main; main()", *words, "--help"]
    plain = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(call, capture_output=True, text=True, env=plain, timeout=60)
    assert done.returncode == 0, f"virtuall {' '.join(words)} --help: {done.stderr}"
    return done.stdout


def path_of(call: str) -> tuple[str, ...]:
    """The command of a call, with the second word of a group."""
    words = call.split()
    return tuple(words[: 2 if words[0] in ("export", "sbml") else 1])


def test_virtuall_commands_of_the_pages_exist(repository: Path) -> None:
    calls = {call for page in pages(repository) for call in commands_of(page)}
    known = help_of()
    helps = {path: help_of(*path) for path in map(path_of, calls) if path[0] in known}
    missing = []
    for call in sorted(calls):
        name, rest = path_of(call), call.split()
        options = [word.split("=")[0] for word in rest if re.fullmatch(r"--?[a-zA-Z][\w-]*(=.*)?", word)]
        if name not in helps or any(option not in helps[name] for option in options):
            missing.append(call)
    assert not missing, "\n".join(missing)


def test_the_package_imports_nothing_heavy() -> None:
    code = "import sys, virtuall, virtuall.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sorted(HEAVY & set(done.stdout.split())) == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-bench.lock"])
def test_locks_are_hashed_and_hold_what_the_project_asks_for(repository: Path, name: str) -> None:
    import tomllib

    text = (repository / name).read_text(encoding="utf-8").replace("\\\n", "")
    locked = {}
    for line in text.splitlines():
        requirement, *hashes = line.split("--hash=")
        assert hashes, f"{name}: no hash: {line}"
        locked.setdefault(requirement.split("==")[0].lower(), requirement)
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    for extra, more in project["project"]["optional-dependencies"].items():
        wanted += more if extra in name else []
    assert {re.split(r"[<>=~! ]", word)[0].lower() for word in wanted} <= set(locked)


def test_the_project_speaks_of_itself_alone(repository: Path) -> None:
    # Paths of one machine and addresses of registries belong to an installation; how the project came about
    # is no part of it either. The patterns are written so that they do not match themselves.
    foreign = re.compile(
        r"(?<![\w.)}])/(?:work|root|home|Users|mnt)/\w|files\.python[h]osted|pypi\.[o]rg"
        r"|\bs[u]b-?agents?\b|\bh[e]lper sessions?\b|contracts\.[m]d|lead f[i]lls",
        flags=re.IGNORECASE,
    )
    found = [
        f"{path.relative_to(repository)}:{number}: {line.strip()}"
        for path in written_files(repository)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if foreign.search(line)
    ]
    assert not found, "\n".join(found)
