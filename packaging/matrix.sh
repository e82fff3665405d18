#!/bin/sh
# Runs the tests with real gateways in full: a whole life with each OpenClaw that clawtray
# supports, all users' configurations with the oldest and the newest one, and everything else
# with the newest, for which `make check` uses a quicker one. `make test-matrix` builds the
# program and the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

section "runtimes"
runtimes

section "matrix"
go test -count 1 -timeout 180m -v ./tray/commands -every-row
section_end
