#!/bin/sh
# packages.sh [--must] TARGET: makes sure that the Debian packages a make target
# needs (packaging/linux/test-packages.txt) are there. As root, or where sudo is
# there, it installs the missing ones and shows the command before it runs;
# otherwise it names the command. With --must, or in CI, missing packages fail.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
must=${CI:-}
if [ "$1" = --must ]; then
  must=true
  shift
fi
target=$1
wanted=$(sed -n "s/^$target: *//p" "$root/packaging/linux/test-packages.txt" | tr '\n' ' ')

# give_up says what is to be done by hand, and fails where that is needed.
give_up() {
  echo "packages for $target: $1" >&2
  [ -z "$must" ] || exit 1
  exit 0
}

if ! command -v dpkg-query >/dev/null 2>&1; then
  [ "$(uname -s)" = Linux ] || exit 0
  give_up "this system needs what Debian calls: $wanted"
fi

missing=
for p in $wanted; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
  as=
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
  as='sudo '
else
  give_up "run this as root first: apt-get update && $install"
fi
for command in "${as}apt-get update" "$as$install"; do
  echo "+ $command" >&2
  # The words of the command are its arguments; apt's long story is left out, its errors are not.
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $command >/dev/null || give_up "this failed: $command"
done
