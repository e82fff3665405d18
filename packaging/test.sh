#!/bin/sh
# Everything that must hold before a change is kept, in the order of cost; the
# first failure ends it. `make test` builds the program and the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/section.sh

# The versions a user gets from `clawtray install`, and the oldest ones we
# promise to work with. A runtime is kept between runs: it is about 700 MB.
runtimes=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray-test

# runtime NAME INSTALL-FLAGS... installs a runtime once and sets $node, $openclaw.
# runtime/current, written last, names the version that is complete.
runtime() {
  dir=$runtimes/$1/runtime
  shift
  [ -e "$dir/current" ] || build/clawtray install --data-dir "${dir%/runtime}" "$@"
  version=$dir/$(cat "$dir/current")
  node=$version/node/bin/node
  openclaw=$version/openclaw/node_modules/openclaw/openclaw.mjs
  if [ ! -x "$node" ] || [ ! -f "$openclaw" ]; then
    echo "the runtime in $dir is incomplete: remove that folder and try again" >&2
    exit 1
  fi
}

section "packages"
sh packaging/packages.sh test
sh packaging/packages.sh lint

section "runtimes"
runtime newest
export CLAWTRAY_TEST_NODE="$node" CLAWTRAY_TEST_OPENCLAW="$openclaw"
runtime 2026.6.11 --node 22.22.3 --openclaw 2026.6.11
export CLAWTRAY_TEST_NODE_6_11="$node" CLAWTRAY_TEST_OPENCLAW_6_11="$openclaw"

sh packaging/lint.sh

section "go test"
CGO_ENABLED=1 go test -race -shuffle=on -timeout 20m ./...
