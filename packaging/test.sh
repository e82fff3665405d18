#!/bin/sh
# Runs vet and the tests before each commit, with one real OpenClaw, the newest, but without
# their longest parts (`make check` runs those). It needs no root. `make test` sets TAGS,
# GCFLAGS and MAKE for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

cat <<'END'
make test takes about 10 minutes on a fresh machine with two processors. After that it takes some
seconds, or up to 5 minutes, because it repeats only the tests of what has changed.
Once, it fetches what is not there yet, 2 GB on disk in all:
  a C compiler and a D-Bus, 60 MB   Debian packages, and Debian's Go (80 MB) where there is no Go at all; you are asked first
  Go 1.26 and Go modules, 100 MB    to ~/.cache/clawtray and Go's own folders
  Node and OpenClaw, 300 MB         to ~/.cache/clawtray-test
END

# Ask only once for Debian's Go and the packages of the tests.
PATH=$(dirname "$(ALSO="test" sh packaging/bootstrap.sh)"):$PATH
export PATH
sh packaging/packages.sh test

section "build"
"${MAKE:-make}" --no-print-directory build
# Build the tested program with the same flags as the program that users get.
# shellcheck disable=SC2086
CGO_ENABLED=0 go build -trimpath -tags "$TAGS" $GCFLAGS -o build/test/clawtray.new .
# A program that has not changed keeps its file with its time, because go test repeats the
# tests that run it when that time is another one.
cmp -s build/test/clawtray.new build/test/clawtray || cp build/test/clawtray.new build/test/clawtray
export CLAWTRAY_TEST_BINARY="$PWD/build/test/clawtray"

race=
if [ "$(uname -s)" = Darwin ] || command -v "$(go env CC)" >/dev/null 2>&1; then
  race=-race
  export CGO_ENABLED=1
else
  export CGO_ENABLED=0
fi

section "runtime"
# Half of this time is spent waiting, so compile meanwhile. What does not compile is told by
# go test.
go build $race ./... >/dev/null 2>&1 &
compiling=$!
runtime newest
export CLAWTRAY_TEST_NODE="$node" CLAWTRAY_TEST_OPENCLAW="$openclaw"
wait "$compiling" || true

# The packages that take longest come first. Their tests wait half of the time. Without
# -shuffle, go test repeats only the packages that a change concerns; make check shuffles.
# -vet=all is all of go vet in the same run, because another one would look through all
# libraries a second time.
section "go vet, go test"
go test $race -vet=all -short -parallel 4 -timeout 40m ./tray/commands ./tray ./rpc ./supervisor/openclaw ./supervisor ./...
section_end
echo "All is well. make check runs the rest: six platforms, old versions of OpenClaw, real panels, Windows under wine."
