#!/bin/sh
# One life with each OpenClaw that clawtray promises to work with, with a Node
# that it accepts: `make test-matrix` builds the program and the PATH for this.
# 2026.3.13 is left out: a dependency of one of its dependencies lies in a git
# repository, not in the registry. Its protocol is played by rpc/gatewaytest.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/section.sh
. packaging/runtime.sh

section "runtimes"
runtime newest
runtime 2026.8.2 --openclaw 2026.8.2
runtime 2026.6.11 --node 22.22.3 --openclaw 2026.6.11

section "matrix"
go test -run '^TestMatrix$' -count 1 -timeout 20m -v .
section "done"
