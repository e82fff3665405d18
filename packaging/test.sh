#!/bin/sh
# Everything that must hold before a change is kept, in the order of cost; the
# first failure ends it. `make test` builds the program and the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/section.sh
. packaging/runtime.sh

section "packages"
sh packaging/packages.sh test
sh packaging/packages.sh lint

# What a user gets, and the oldest version that clawtray promises to work with.
section "runtimes"
runtime newest
export CLAWTRAY_TEST_NODE="$node" CLAWTRAY_TEST_OPENCLAW="$openclaw"
runtime 2026.6.11 --node 22.22.3 --openclaw 2026.6.11
export CLAWTRAY_TEST_NODE_6_11="$node" CLAWTRAY_TEST_OPENCLAW_6_11="$openclaw"

sh packaging/lint.sh

section "go test"
CGO_ENABLED=1 go test -race -shuffle=on -timeout 50m ./...

section "the model, at length"
go test -timeout 20m -run TestModel ./supervisor
