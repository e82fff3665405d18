#!/bin/sh
# Makes the release again, from a fresh clone of the last commit in another folder and with
# another umask, and compares its sums with those in dist/ (or DIST). That can be a release
# made here, or the SHA256SUMS of a published release. Signatures are not compared. `make
# dist-verify` sets VERSION and the PATH for this. It uses Go's cache;
# GOCACHE=/some/empty/folder compiles everything again: 3 minutes instead of 1.
set -eu

cd "$(dirname -- "$0")/.."
made=${DIST:-dist}
[ -f "$made/SHA256SUMS" ] || { echo "$made/SHA256SUMS is not here: run make dist, or put the one of a release there" >&2; exit 1; }
git diff-index --quiet HEAD || { echo "there are changes that are not committed: a release is made of a commit" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
git clone --quiet --no-local . "$work/another/folder"
umask 077
env -u SIGN_KEY -u WINDOWS_PFX -u MAKEFLAGS TZ=Asia/Tokyo HOSTNAME=another "${MAKE:-make}" -C "$work/another/folder" --no-print-directory dist VERSION="$VERSION" DIST="$work/made"
if ! diff "$made/SHA256SUMS" "$work/made/SHA256SUMS"; then
  echo "these files differ (<: in $made, >: made again)" >&2
  exit 1
fi
echo "the same $(wc -l <"$made/SHA256SUMS") files, byte for byte"
