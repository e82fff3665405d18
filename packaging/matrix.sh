#!/bin/sh
# Runs a whole life of a gateway with each OpenClaw that clawtray supports, all users'
# configurations with the oldest and the newest one, and the other tables of which
# `make check` plays a part. `make test-matrix` builds the program and the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

section "runtimes"
runtimes

section "matrix"
go test -run '^(TestMatrix|TestXU_RealConfigurations.*|TestC4_OrdersAtEachPhase|TestG1_KilledAgainAndAgain)$' -count 1 -timeout 90m -v ./tray/commands -every-row
section_end
