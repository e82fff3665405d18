#!/bin/sh
# Makes the files of a release, in dist/ (or the folder DIST). `make dist` sets VERSION,
# SOURCE_DATE_EPOCH and the flags of the compiler, and puts a suitable Go into the PATH. The
# same commit gives the same bytes, independent of folder, user and time; `make dist-verify`
# checks that. PLATFORMS="linux/amd64 …" makes only these platforms.
set -eu

cd "$(dirname -- "$0")/.."
umask 022
export LC_ALL=C TZ=UTC
. packaging/progress.sh
. packaging/project.sh
. packaging/tools.sh
. packaging/linux/dist.sh
. packaging/windows/dist.sh
. packaging/macos/dist.sh

# Another version of Go makes other bytes, so use exactly the version in go.mod.
GOTOOLCHAIN=$(sed -n 's/^toolchain //p' go.mod)
export GOTOOLCHAIN
all='linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64'
platforms=${PLATFORMS:-$all}
mkdir -p "${DIST:=dist}"
dist=$(cd "$DIST" && pwd)
stage=$dist/stage
# The maximum size of a program in bytes. The Windows programs may be larger, because they
# need more code for notifications and process facts.
most=13631488
most_windows=15728640
# Windows and macOS accept only versions of three numbers.
numbers=$(echo "$VERSION" | sed 's/[-+].*//')
# utc FORMAT prints the time of the commit, with the date command of Linux or of BSD.
utc() {
  date -u -d "@$SOURCE_DATE_EPOCH" "$1" 2>/dev/null || date -u -r "$SOURCE_DATE_EPOCH" "$1"
}

# architectures OS prints the architectures of OS for which to make a program.
architectures() {
  for platform in $platforms; do
    [ "${platform%/*}" != "$1" ] || echo "${platform#*/}"
  done
}

# build OS ARCH OUT [CGO [LDFLAGS]] builds a stripped program and checks its size.
build() {
  # One flag per word.
  # shellcheck disable=SC2086
  CGO_ENABLED=${4:-0} GOOS=$1 GOARCH=$2 go build -trimpath -buildvcs=false -tags "$TAGS" $GCFLAGS -ldflags "-s -w $LDFLAGS ${5:-}" -o "$3" .
  size=$(wc -c <"$3")
  echo "$1/$2: $size bytes"
  limit=$most
  [ "$1" != windows ] || limit=$most_windows
  [ "$size" -lt "$limit" ] || { echo "$3 is larger than $limit bytes" >&2; exit 1; }
}

# tree NAME creates the folder of a download with the files that every download has, and
# prints its path.
tree() {
  mkdir -p "$stage/tree/$1"
  cp LICENSE README.md CHANGELOG.md "$stage/THIRD-PARTY-LICENCES" "$stage/tree/$1/"
  echo "$stage/tree/$1"
}

# archive NAME DIR packs a folder.
archive() {
  "$stage/archive" "$dist/$1" "$2"
}

# bill PROGRAM lists the modules in the program of the parcel $name with their licences, for
# people who look for vulnerable modules.
bill() {
  "$cyclonedx_program" bin -json -std -licenses -noserial -version "$VERSION" -output "$stage/bill.json" "$1" 2>"$stage/bill.log" ||
    { cat "$stage/bill.log" >&2; exit 1; }
  # Replace the time of the run by that of the commit.
  sed 's/"timestamp": "[^"]*"/"timestamp": "'"$(utc +%Y-%m-%dT%H:%M:%SZ)"'"/' "$stage/bill.json" >"$dist/$name.cdx.json"
}

if [ -n "$(ls -A "$dist")" ] && [ ! -f "$dist/SHA256SUMS" ] && [ ! -d "$stage" ]; then
  echo "$dist is not empty, and no release is in it: nothing is removed there" >&2
  exit 1
fi
rm -rf "$dist"
mkdir -p "$stage/tree"

section "what all parcels share"
go build -o "$stage/archive" ./packaging/archive
go run ./packaging/licences >"$stage/THIRD-PARTY-LICENCES"
cyclonedx_program=$(tool "$cyclonedx")
section "linux"
linux_parcels
section "windows"
windows_parcels
section "macos"
macos_parcels
rm -rf "$stage"

section "manifests"
if [ "$platforms" = "$all" ]; then
  sh packaging/manifests.sh "$dist"
else
  echo "left out: they name the parcels of all platforms"
fi

section "sums"
sh packaging/sums.sh "$dist"
section_end
echo "$dist is complete"
