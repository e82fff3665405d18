#!/bin/sh
# Every Go benchmark of the module, with what the program needs at rest in a real
# panel (tray/footprint_linux_test.go), then our client beside the reference client.
# `make bench` puts a suitable Go into the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/section.sh
. packaging/runtime.sh

section "packages"
sh packaging/packages.sh test

section "runtime"
runtime newest
export CLAWTRAY_TEST_NODE="$node" CLAWTRAY_TEST_OPENCLAW="$openclaw"

section "benchmarks"
packages=$(find . -name '*_test.go' -exec grep -l '^func Benchmark' {} + | while read -r f; do dirname "$f"; done | sort -u)
if [ -n "$packages" ]; then
  # One path per word.
  # shellcheck disable=SC2086
  go test -run '^$' -bench . -benchmem -timeout 60m $packages
else
  echo "there are none"
fi

section "beside the reference client"
NODE=$node PATH=$(dirname "$node"):$PATH go run ./rpc/bench
section "time lost by supervision (a round takes about 3 minutes)"
NODE=$node OPENCLAW=$openclaw go run ./supervisor/bench build/clawtray
section "done"
