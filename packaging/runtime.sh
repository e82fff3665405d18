# shellcheck shell=sh
# Sourced by the scripts that need a real OpenClaw: runtime NAME INSTALL-FLAGS...
# installs Node and OpenClaw once into the user's cache (about 850 MB each), with
# the program in build/, and sets $node and $openclaw to Node and openclaw.mjs.
# Every folder so installed is listed in CLAWTRAY_TEST_RUNTIMES, like a PATH.
runtime() {
  dir=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray-test/$1
  shift
  build/clawtray install --data-dir "$dir" "$@"
  # The name of the version that is complete, see supervisor/openclaw/managed.go.
  version=$dir/runtime/$(cat "$dir/runtime/current")
  node=$version/node/bin/node
  openclaw=$version/openclaw/node_modules/openclaw/openclaw.mjs
  if [ ! -x "$node" ] || [ ! -f "$openclaw" ]; then
    echo "the runtime in $dir is incomplete: remove that folder and try again" >&2
    exit 1
  fi
  export CLAWTRAY_TEST_RUNTIMES="${CLAWTRAY_TEST_RUNTIMES:+$CLAWTRAY_TEST_RUNTIMES:}$dir"
}
