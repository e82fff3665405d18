#!/bin/sh
# Runs a whole life of a gateway with each OpenClaw that clawtray supports. `make
# test-matrix` builds the program and the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

section "runtimes"
runtimes

section "matrix"
go test -run '^TestMatrix$' -count 1 -timeout 20m -v ./tray/commands
section_end
