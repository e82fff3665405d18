#!/bin/sh
# Runs everything that `make test` leaves out: the code on six platforms, each supported
# OpenClaw, real panels and desktops with their pictures, Windows under wine and long random
# runs of the model. `make check` builds the program and the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

echo "make check takes half an hour when it has run before; it keeps three real OpenClaw (850 MB each) and a Debian with desktops (2 GB) in ~/.cache/clawtray-test. Beside it there is make chaos."
[ "$(id -u)" = 0 ] || echo "Left out, because only root can play other users: who owns a port (TestM1_AListenerOfAnotherUserIsTold), the life of the .deb in a fresh Debian (TestI18_Parcels/Life), and whole desktops."

sh packaging/packages.sh test check lint

section "runtimes"
runtimes
section_end

sh packaging/lint.sh

# Without the race detector, as users run the program, and without -short, so that each long
# part runs here. What is left out starts real gateways, and make test does the same with them.
section "go test, all of it"
go test -shuffle=on -timeout 50m -skip '^(TestFirstLight|TestB7_BrokenConfiguration)$' ./...
section_end

[ "$(id -u)" != 0 ] || sh packaging/desktops.sh
