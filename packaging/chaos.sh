#!/bin/sh
# Exposes a real clawtray with a real gateway to real faults: MINUTES=10 SEED=N make chaos.
# `make chaos` builds the program and the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

sh packaging/packages.sh test

section "runtime"
runtime newest
export CLAWTRAY_TEST_NODE="$node" CLAWTRAY_TEST_OPENCLAW="$openclaw"

section "faults"
# Without SEED, each run has another sequence of faults. It prints its seed first.
go run ./packaging/chaos -minutes "${MINUTES:-10}" ${SEED:+-seed "$SEED"} build/clawtray
section_end
