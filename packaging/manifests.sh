#!/bin/sh
# manifests.sh FOLDER: writes the files that other package managers need, with the addresses
# and sums of the release in FOLDER, to FOLDER/manifests. In the templates in
# packaging/manifests, @SUM:linux_amd64.tar.gz@ means the sum of that parcel. `make dist`
# sets VERSION and SOURCE_DATE_EPOCH.
set -eu

dist=$(cd "$1" && pwd)
cd "$(dirname -- "$0")/.."
. packaging/project.sh
. packaging/sha256.sh
# The programs for macOS with an icon, if they were built on a Mac (macos/dist.sh).
mac=
[ -f "$dist/clawtray_${VERSION}_macos_arm64.zip" ] || mac=_headless
values=$(mktemp)
trap 'rm -f "$values"' EXIT

# fill_in prints the sed commands that fill in a template.
fill_in() {
  day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d 2>/dev/null || date -u -r "$SOURCE_DATE_EPOCH" +%Y-%m-%d)
  echo "s|@HOME@|$project_home|g; s|@FILES@|$project_files|g; s|@MAINTAINER@|$project_maintainer|g"
  # Versions of Arch must not contain a hyphen.
  echo "s|@VERSION@|$VERSION|g; s|@ARCHVERSION@|$(echo "$VERSION" | tr - _)|g; s|@DATE@|$day|g; s|@MAC@|$mac|g"
  for file in "$dist"/clawtray_*; do
    key=$(basename "$file" | sed "s/^clawtray_${VERSION}_//; s/$mac\.zip$/.zip/")
    echo "s|@SUM:$key@|$(sha256 "$file" | cut -d' ' -f1)|g"
  done
}

fill_in >"$values"
(cd packaging/manifests && find . -type f | LC_ALL=C sort) | sed 's|^\./||' | while read -r template; do
  out=$dist/manifests/$template
  mkdir -p "$(dirname "$out")"
  sed -f "$values" "packaging/manifests/$template" >"$out"
  if grep -q '@SUM:' "$out"; then
    echo "manifests/$template is left out: there is no $(grep -o '@SUM:[^@]*@' "$out" | head -n 1)"
    rm "$out"
  elif grep '@[A-Z]*@' "$out"; then
    echo "packaging/manifests/$template: a word in @ that has no value" >&2
    exit 1
  fi
done
find "$dist/manifests" -type f
