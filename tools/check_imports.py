"""Load the compiled packages named as arguments, and name the system package that one of them misses."""

import importlib
import re
import sys

# A shared library that a wheel expects of the system -> where it comes from.
SYSTEM_PACKAGES = {
    "libexpat": "libexpat1",
    "libz": "zlib1g",
    "libstdc++": "libstdc++6",
    "libgcc_s": "libgcc-s1",
    "libpython": f"libpython{sys.version_info.major}.{sys.version_info.minor}",
}


def missing_package(message: str) -> str:
    """Name the system package of the shared library that an import error misses; '' if it misses none."""
    found = re.search(r"(lib[\w+]+?)[\d.]*\.(?:so|dylib)", message)
    return SYSTEM_PACKAGES.get(found.group(1), found.group(1)) if found else ""


def main(modules: list[str]) -> int:
    """Load every module; return 1 if one fails."""
    failed = 0
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            failed = 1
            package = missing_package(str(error))
            hint = f"\n  install the system package {package} (Debian, Ubuntu: apt install {package})"
            print(f"{module} does not load: {error}{hint if package else ''}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
