# shellcheck shell=sh
# Scripts that need a real OpenClaw source this file. runtime NAME INSTALL-FLAGS... installs
# Node and OpenClaw once into the user's cache (about 850 MB each), with the program in
# build/, and sets $node and $openclaw to Node and openclaw.mjs. CLAWTRAY_TEST_RUNTIMES
# lists every folder with such an installation, separated as in PATH.
runtime() {
  dir=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray-test/$1
  shift
  build/clawtray install --data-dir "$dir" "$@"
  # The name of the current, complete version, see supervisor/openclaw/managed.go.
  version=$dir/runtime/$(cat "$dir/runtime/current")
  node=$version/node/bin/node
  openclaw=$version/openclaw/node_modules/openclaw/openclaw.mjs
  if [ ! -x "$node" ] || [ ! -f "$openclaw" ]; then
    echo "the runtime in $dir is incomplete: remove that folder and try again" >&2
    exit 1
  fi
  export CLAWTRAY_TEST_RUNTIMES="${CLAWTRAY_TEST_RUNTIMES:+$CLAWTRAY_TEST_RUNTIMES:}$dir"
}

# runtimes installs each OpenClaw that clawtray supports, with a Node that it accepts, and
# tells the tests where they are. 2026.3.13 is left out, because one of its indirect
# dependencies is in a git repository and not in the registry. rpc/gatewaytest imitates its
# protocol.
runtimes() {
  runtime newest
  export CLAWTRAY_TEST_NODE="$node" CLAWTRAY_TEST_OPENCLAW="$openclaw"
  runtime 2026.8.2 --openclaw 2026.8.2
  export CLAWTRAY_TEST_NODE_8_2="$node" CLAWTRAY_TEST_OPENCLAW_8_2="$openclaw"
  runtime 2026.6.11 --node 22.22.3 --openclaw 2026.6.11
  export CLAWTRAY_TEST_NODE_6_11="$node" CLAWTRAY_TEST_OPENCLAW_6_11="$openclaw"
}
