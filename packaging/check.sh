#!/bin/sh
# Runs everything that `make test` leaves out: the code on six platforms, each supported
# OpenClaw, real panels and desktops with their pictures, Windows under wine and long random
# runs of the model. `make check` builds the program and the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

echo "make check takes about 20 minutes when it has run before; it keeps three real OpenClaw (850 MB each) and a Debian with desktops (2 GB) in ~/.cache/clawtray-test. Beside it there is make chaos."
[ "$(id -u)" = 0 ] || echo "Left out, because only root can play other users: who owns a port (TestM1_AListenerOfAnotherUserIsTold), the life of the .deb in a fresh Debian (TestI18_Parcels/Life), and whole desktops."

sh packaging/packages.sh test check lint

section "runtimes"
runtimes
section_end

sh packaging/lint.sh

# These tests start a real gateway, and make test runs them with the same one.
played='^TestFirstLight$|^TestO1_RealGateway$|^TestReal_ConnectCallRestartStop$/^2026.9.6$'

# Without the race detector, as users run the program, and without -short, so that each long
# part runs here. The two packages that take longest come first. Their tests wait half of
# the time, so that two processors have enough to do only with five at once.
section "go test, all of it"
go test -shuffle=on -parallel 5 -timeout 50m -skip "$played" ./tray/commands ./tray ./...
section_end

[ "$(id -u)" != 0 ] || sh packaging/desktops.sh
