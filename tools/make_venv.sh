#!/bin/sh
# Makes the virtual environment $1, then installs the lock file $2 and this package into it.
# Needs a Python of 3.11 or newer with venv and pip, nothing else; $PYTHON names one, otherwise the usual names
# are tried. Further arguments are modules that must load: a missing system library shows here, by its name.
set -eu

venv=$1
lock=$2
shift 2

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" && echo "$PYTHON" && return
        stop "PYTHON=$PYTHON is no Python of 3.11 or newer: $("$PYTHON" --version 2>&1 || true)"
    fi
    for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
        is_new_enough "$name" && echo "$name" && return
    done
    stop "VirtuALL needs Python 3.11 or newer, and none was found on the PATH" \
        "(python3 is: $(python3 --version 2>&1 || echo missing))." \
        "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name one: make PYTHON=/path/to/python3.12"
}

make_venv() {
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    for module in venv ensurepip; do
        "$python" -c "import $module" >/dev/null 2>&1 || stop \
            "$python (Python $version) comes without the module '$module', which makes virtual environments." \
            "Install the system package python3-venv (Debian, Ubuntu: apt install python$version-venv)" \
            "or name another Python: make PYTHON=/path/to/python3.12"
    done
    echo "Making $venv with $python (Python $version)"
    "$python" -m venv --clear "$venv"
}

"$venv/bin/python" -c 'import pip' >/dev/null 2>&1 && is_new_enough "$venv/bin/python" || make_venv

echo "Installing $lock (about a minute the first time)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
"$venv/bin/python" tools/check_imports.py "$@"
