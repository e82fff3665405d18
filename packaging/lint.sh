#!/bin/sh
# What can be known about the code without running it, for every platform.
# `make lint` puts a suitable Go into the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/section.sh

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.8.0
tools=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray/tools

# tool MODULE@VERSION prints the path of that Go tool, built once into the cache.
tool() {
  bin=$tools/$(basename "$1")
  if [ ! -x "$bin/$(basename "${1%@*}")" ]; then
    mkdir -p "$bin"
    GOBIN=$bin go install "$1" >&2
  fi
  echo "$bin/$(basename "${1%@*}")"
}

# nothing WHAT COMMAND...: fails when the command fails or prints anything.
nothing() {
  what=$1
  shift
  found=$("$@") || { echo "$found" >&2; return 1; }
  [ -z "$found" ] || { printf '%s:\n%s\n' "$what" "$found" >&2; return 1; }
}

# search EXPRESSION looks through the files of the repository.
search() {
  git grep --untracked -nIE "$1" -- . ':!go.sum' || [ $? = 1 ] # 1: found nothing
}

section "gofmt"
nothing "not formatted, run gofmt -w" gofmt -l .

section "text"
# The expressions are written so that they do not find themselves.
hosts='(registry|proxy|deb|sum)[.](npmjs|yarnpkg|golang|debian)|https?://(registry|proxy|deb)[.]'
if git rev-parse --git-dir >/dev/null 2>&1; then
  nothing "a package registry's host" search "$hosts"
  nothing "an absolute path of one machine" search '/(root|work)/'
  nothing "unfinished work" search '\b(TOD[O]|FIXM[E])\b'
else
  echo "not a git checkout: the search for hosts, paths and unfinished work is left out"
fi
nothing "packages without a doc comment" go list -f '{{if and .GoFiles (not .Doc)}}{{.ImportPath}}{{end}}' ./...

section "go vet"
for platform in linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64; do
  echo "$platform"
  CGO_ENABLED=0 GOOS=${platform%/*} GOARCH=${platform#*/} go vet ./...
done

echo "the manual's generator"
go vet -tags man .

section "types of the darwin files that need cgo"
go run ./packaging/macos/typecheck

section "staticcheck"
check=$(tool "$staticcheck")
for os in linux windows darwin; do
  echo "$os"
  CGO_ENABLED=0 GOOS=$os "$check" ./...
done

section "scripts"
if command -v shellcheck >/dev/null 2>&1; then
  shellcheck .ci/run packaging/*.sh
else
  echo "shellcheck is not here: left out (apt-get install shellcheck)"
fi
if command -v desktop-file-validate >/dev/null 2>&1; then
  desktop-file-validate packaging/linux/*.desktop
else
  echo "desktop-file-validate is not here: left out (apt-get install desktop-file-utils)"
fi

section "known vulnerabilities"
vulncheck=$(tool "$govulncheck")
status=0
report=$("$vulncheck" ./... 2>&1) || status=$?
case $status in
  0) echo "none" ;;
  3) echo "$report"; exit 1 ;;
  # Any other status means that it could not look, mostly for want of the database.
  *) echo "left out: $(echo "$report" | tail -n 1)" ;;
esac
section "lint is clean"
