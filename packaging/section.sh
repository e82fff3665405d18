# shellcheck shell=sh
# Sourced by the other scripts: section NAME starts a named part of a run and
# says how long the part before it took.
section() {
  now=$(date +%s)
  [ -z "${section_start:-}" ] || echo "-- $((now - section_start)) s"
  section_start=$now
  echo "== $1"
}
