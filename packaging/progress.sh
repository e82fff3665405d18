# shellcheck shell=sh
# Other scripts source this file. It shows that a run is still working:
#   section NAME              starts a named part and says how long the part before it took
#   elapsed WHAT COMMAND...   runs one command
# During both, a line every 10 s says how long it has been running.

# tick WHAT prints these lines until it is killed or the script has ended.
tick() {
  ticked=0
  # sleep gets none of our outputs, because it may run longer than this loop and would keep a pipe open.
  while sleep 10 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    ticked=$((ticked + 10))
    echo "   $1: $ticked s" >&2
  done
}

# untick PID ends the loop of tick.
untick() {
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# section_end ends the current part, if there is one.
section_end() {
  [ -n "${section_start:-}" ] || return 0
  untick "$section_ticker"
  echo "-- $(($(date +%s) - section_start)) s"
  section_start=
  unset TICKING
}

section() {
  section_end
  echo "== $1"
  section_start=$(date +%s)
  tick "$1" &
  section_ticker=$!
  export TICKING=true # so that the commands of this part print no such lines
}

elapsed() {
  elapsed_what=$1
  shift
  if [ -n "${TICKING:-}" ]; then
    "$@"
    return
  fi
  tick "$elapsed_what" &
  elapsed_ticker=$!
  elapsed_status=0
  "$@" || elapsed_status=$?
  untick "$elapsed_ticker"
  return "$elapsed_status"
}
