#!/bin/sh
# packages.sh [--must] TARGET...: installs the Debian packages that make targets need
# (packaging/linux/test-packages.txt) if they are missing. It lists the missing packages and
# asks once, at the terminal, whether to install them, with sudo unless it runs as root.
# With YES=1 or CI set, the answer is yes. If the answer is no, it says what will be left
# out and succeeds; with --must or CI set, it fails.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/packaging/progress.sh"
must=${CI:-}
if [ "$1" = --must ]; then
  must=true
  shift
fi
[ "$(uname -s)" = Linux ] || exit 0
list=$root/packaging/linux/test-packages.txt

# missing PACKAGES... prints the packages that are not installed; without dpkg, all of them.
missing() {
  for p in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || printf ' %s' "$p"
  done
}

# lines TARGET... prints the lines of these targets in the list, without the targets' names.
lines() {
  for t in "$@"; do
    sed -n "s/^$t: *//p" "$list"
  done
}

wanted=$(lines "$@" | sed 's/|.*//' | tr '\n' ' ')
# One package per word.
# shellcheck disable=SC2086
lacking=$(missing $wanted)
[ -n "$lacking" ] || exit 0

# give_up WHY says what is left out and how to get it. It fails with --must or CI set.
give_up() {
  echo "$1" >&2
  shift
  lines "$@" | while IFS='|' read -r packages what; do
    # shellcheck disable=SC2086
    without=$(missing $packages)
    [ -z "$without" ] || echo "  left out without$without:$what" >&2
  done
  [ -z "$must" ] || exit 1
  exit 0
}

install="apt-get install -y --no-install-recommends$lacking"
if ! command -v apt-get >/dev/null 2>&1; then
  give_up "This system needs what Debian calls$lacking." "$@"
fi
as=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null 2>&1 || give_up "There is no sudo here. Run this as root first: apt-get update && $install" "$@"
  as='sudo '
fi
if [ -z "${CI:-}${YES:-}" ]; then
  [ -t 0 ] || give_up "Nobody can be asked here. Run this first, or set YES=1: ${as}apt-get update && $as$install" "$@"
  echo "Debian packages that are missing for $*:$lacking"
  printf 'Install them now, with %sapt-get? [Y/n] ' "$as"
  read -r answer || answer=n
  case $answer in
    '' | [Yy]*) ;;
    *) give_up "Not installed." "$@" ;;
  esac
fi
# env, because sudo removes variables, and without this one apt asks questions.
for command in "apt-get update" "env DEBIAN_FRONTEND=noninteractive $install"; do
  echo "+ $as$command" >&2
  # The words of the command are its arguments. apt's output is left out, its errors
  # are not.
  # shellcheck disable=SC2086
  elapsed "apt-get" $as$command >/dev/null || give_up "This failed: $as$command" "$@"
done
