#!/bin/sh
# Prints the path of a Go that can build clawtray. All other output goes to stderr.
#
# It looks at the Go in PATH and in the usual places first. If there is none, or only one
# that is too old and cannot fetch a newer one by itself (Debian 12 has Go 1.19), it
# downloads the toolchain that go.mod names. It uses the module proxy that the user has
# configured, the checksum database as for any other module, and the user's cache directory.
# Nothing outside of that directory changes, with one exception: on a machine without any
# Go, Debian's Go is installed with apt-get. ALSO names further targets of
# packaging/packages.sh whose packages are then installed with it, so that there is only one
# question.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/packaging/progress.sh"
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

# version GO prints the version that GO uses in this module. Go 1.21 and newer fetch the
# version in go.mod at this point, unless that is switched off.
version() {
  (cd "$root" && "$1" version 2>/dev/null) | sed -n 's/^go version go\([0-9.]*\).*/\1/p'
}

# candidates prints every Go that may be suitable, the best places first.
candidates() {
  command -v go || true
  for c in "$fetched" /usr/local/go/bin/go /opt/homebrew/bin/go /usr/local/bin/go \
    "$HOME"/sdk/go*/bin/go "$HOME"/go/go*/bin/go "$HOME"/.local/go/bin/go \
    /usr/lib/go-*/bin/go /usr/lib/go/bin/go /snap/bin/go; do
    [ -x "$c" ] && echo "$c"
  done
  return 0
}

# platform prints the machine as in a toolchain's name: linux-amd64.
platform() {
  "$1" env GOHOSTOS GOHOSTARCH | paste -sd - -
}

# download OLDGO MODULE FOLDER gets a module through the proxy.
download() {
  (cd "$3" && GOPATH=$3 GOMODCACHE=$3/mod GO111MODULE=on GOFLAGS='' GOTOOLCHAIN=local "$1" mod download "$2" >&2)
}

# fetch OLDGO gets the pinned toolchain with an older Go.
fetch() {
  say "Go $(version "$1") at $1 is too old; getting Go $pinned through the module proxy into $cache"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  # Module files are read-only: make them writable before they are removed.
  trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
  module=golang.org/toolchain@v0.0.1-go$pinned.$(platform "$1")
  elapsed "getting Go" download "$1" "$module" "$work" || {
    say "could not get $module: check the network, GOPROXY and the machine's certificates (apt-get install ca-certificates)"
    exit 1
  }
  got=$work/mod/$module
  chmod -R u+w "$got"
  # A module zip has neither execute bits nor go.mod files: the tools are in these two
  # folders, and each go.mod is called _go.mod.
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
  # One target per word.
  # shellcheck disable=SC2086
  sh "$root/packaging/packages.sh" --must bootstrap ${ALSO:-} >&2
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
