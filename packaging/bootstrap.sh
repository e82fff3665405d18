#!/bin/sh
# Prints the path of a Go that can build clawtray; what it does on the way goes
# to stderr.
#
# It looks at the Go in PATH and in the usual places first. Where there is none,
# or only one that is too old and cannot fetch a newer one by itself (Debian 12
# has Go 1.19), it takes the toolchain that go.mod names from the module proxy
# the user has configured, checked against the checksum database like any other
# module, into the user's cache directory. Nothing outside of that directory
# changes, except that Debian's own Go is installed with apt-get where the
# machine has no Go at all.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
least=$(sed -n 's/^go //p' "$root/go.mod")           # such as 1.26.0
pinned=$(sed -n 's/^toolchain go//p' "$root/go.mod") # such as 1.26.8
cache=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray/go
fetched=$cache/go$pinned/bin/go

say() { echo "bootstrap: $*" >&2; }

# at_least HAVE WANT compares two versions by major and minor number.
at_least() {
  have_minor=$(echo "$1" | cut -d. -f2 | sed 's/[^0-9].*//')
  want_minor=$(echo "$2" | cut -d. -f2)
  [ "${1%%.*}" -ge "${2%%.*}" ] && [ "${have_minor:-0}" -ge "$want_minor" ]
}

# version GO prints the version that GO has in this module. Go 1.21 and newer
# fetch the version that go.mod asks for at this point, unless told not to.
version() {
  (cd "$root" && "$1" version 2>/dev/null) | sed -n 's/^go version go\([0-9.]*\).*/\1/p'
}

# candidates prints every Go worth asking, the best places first.
candidates() {
  command -v go || true
  for c in "$fetched" /usr/local/go/bin/go /opt/homebrew/bin/go /usr/local/bin/go \
    "$HOME"/sdk/go*/bin/go "$HOME"/go/go*/bin/go "$HOME"/.local/go/bin/go \
    /usr/lib/go-*/bin/go /usr/lib/go/bin/go /snap/bin/go; do
    [ -x "$c" ] && echo "$c"
  done
  return 0
}

# platform prints the machine as a toolchain's name has it: linux-amd64.
platform() {
  "$1" env GOHOSTOS GOHOSTARCH | paste -sd - -
}

# fetch OLDGO gets the pinned toolchain by means of an older Go.
fetch() {
  say "Go $(version "$1") at $1 is too old; getting Go $pinned through the module proxy into $cache"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  # Module files are read-only: give them back to their owner before removal.
  trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
  module=golang.org/toolchain@v0.0.1-go$pinned.$(platform "$1")
  (cd "$work" && GOPATH=$work GOMODCACHE=$work/mod GO111MODULE=on GOFLAGS='' GOTOOLCHAIN=local \
    "$1" mod download "$module" >&2) || {
    say "could not get $module: check the network, GOPROXY and the machine's certificates (apt-get install ca-certificates)"
    exit 1
  }
  got=$work/mod/$module
  chmod -R u+w "$got"
  # A module zip carries neither execute bits nor go.mod files of its own:
  # the tools lie in these two folders, and each go.mod is named _go.mod.
  find "$got/bin" "$got/pkg/tool" -type f -exec chmod +x {} +
  find "$got" -name _go.mod | while read -r f; do cp "$f" "${f%_go.mod}go.mod"; done
  rm -rf "${cache:?}/go$pinned"
  mv "$got" "$cache/go$pinned"
}

# install_old_go gets Debian's Go, which is enough to fetch the right one.
install_old_go() {
  if ! command -v apt-get >/dev/null 2>&1; then
    case $(uname -s) in
      Darwin) how='brew install go' ;;
      *) how="the package manager's go, or the archive from https://go.dev/dl" ;;
    esac
    say "no Go found. Get Go $least or newer ($how), then run this again."
    exit 1
  fi
  sh "$root/packaging/packages.sh" --must bootstrap >&2
}

old=
for go in $(candidates); do
  v=$(version "$go")
  [ -n "$v" ] || continue
  if at_least "$v" "$least"; then
    echo "$go"
    exit 0
  fi
  old=${old:-$go}
done

if [ -z "$old" ]; then
  install_old_go
  old=$(candidates | head -n 1)
  [ -n "$(version "${old:-false}")" ] || {
    say "Go is installed, but none of the usual places has one that runs; put it into PATH"
    exit 1
  }
fi
fetch "$old"
v=$(version "$fetched")
if [ -z "$v" ] || ! at_least "$v" "$least"; then
  say "the Go fetched to $fetched does not run; remove $cache/go$pinned and try again"
  exit 1
fi
say "Go $v is at $fetched"
echo "$fetched"
