#!/bin/sh
# Checks the code without running it, for every platform. `make lint` puts a suitable Go
# into the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/tools.sh

# nothing WHAT COMMAND...: fails when the command fails or prints anything.
nothing() {
  what=$1
  shift
  found=$("$@") || { echo "$found" >&2; return 1; }
  [ -z "$found" ] || { printf '%s:\n%s\n' "$what" "$found" >&2; return 1; }
}

# search EXPRESSION looks through the files of the repository.
search() {
  git grep --untracked -nIE "$1" -- . ':!go.sum' || [ $? = 1 ] # status 1 means that nothing was found
}

section "gofmt"
nothing "not formatted, run gofmt -w" gofmt -l .

section "text"
# The expressions are written so that they do not match themselves.
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
go vet -tags man ./tray/commands
echo "the tests in whole desktops"
go vet -tags desktops ./tray

section "types of the darwin files that need cgo"
go run ./packaging/macos/typecheck

section "staticcheck"
check=$(tool "$staticcheck")
for os in linux windows darwin; do
  echo "$os"
  CGO_ENABLED=0 GOOS=$os "$check" ./...
done

section "gosec"
# These rules are switched off, because their findings are intended in clawtray:
# G104  ignored errors: they are ignored where nothing more can be done.
# G115  conversions of integers: process ids, ports and characters always fit.
# G204, G702  started programs: the user has chosen them, they are started by their path, and no text from outside reaches a shell.
# G304, G703  opened files: they belong to the user; openclaw.MakePrivate and package control check the owner of folders.
# Every other finding is explained at its line.
secure=$(tool "$gosec")
for os in linux windows darwin; do
  echo "$os"
  CGO_ENABLED=0 GOOS=$os "$secure" -quiet -exclude=G104,G115,G204,G304,G702,G703 ./...
done

section "scripts"
if command -v shellcheck >/dev/null 2>&1; then
  shellcheck .ci/run packaging/*.sh packaging/*/*.sh
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
  # Any other status means that the check failed, usually because the database is
  # missing.
  *) echo "left out: $(echo "$report" | tail -n 1)" ;;
esac
section_end
echo "lint is clean"
