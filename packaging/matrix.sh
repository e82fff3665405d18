#!/bin/sh
# Runs a whole life of a gateway with each OpenClaw that clawtray supports, and all users'
# configurations with the oldest one. `make test-matrix` builds the program and the PATH for
# this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

section "runtimes"
runtimes

section "matrix"
go test -run '^(TestMatrix|TestXU_RealConfigurationsOfOldVersions)$' -count 1 -timeout 40m -v ./tray/commands -every-row
section_end
