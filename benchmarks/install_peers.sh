#!/bin/sh
# Installs the peers of the benchmarks into the virtual environment $1, at the versions and hashes of the lock file $2.
# Where that fails they are tried one by one: what cannot be installed here is left out, and the page lists it as absent.
set -eu

venv=$1
lock=$2

install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

echo "Installing $lock: other people's engines (some minutes the first time; AMICI is compiled)"
install --require-hashes -r "$lock" && exit 0

for peer in antimony sbmltoodepy libroadrunner numba scikit-sundae pydiffsol copasi-basico jax diffrax amici; do
    pinned=$(sed -n "s/^\($peer==[^ ;]*\).*/\1/p" "$lock")
    install -c "$lock" "$pinned" || echo "$pinned could not be installed and will be listed as absent" >&2
done
