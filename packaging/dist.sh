#!/bin/sh
# Makes what a release needs, in dist/. `make dist` builds the program, sets
# VERSION, LDFLAGS and SOURCE_DATE_EPOCH, and puts a suitable Go into the PATH.
# The same commit gives the same bytes, but for the Windows installer.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
. packaging/section.sh

nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
winres=github.com/tc-hib/go-winres@v0.3.3
# What a program may weigh in bytes: a tray, not a browser. What Windows needs for
# notifications and process facts costs more.
most=12582912
most_windows=14680064
# Windows and macOS want three numbers and nothing else.
numbers=$(echo "$VERSION" | sed 's/[-+].*//')

# tree NAME BINARY starts the folder of a download and prints its path.
tree() {
  mkdir -p "dist/tree/$1"
  cp LICENSE README.md CHANGELOG.md "dist/tree/$1/"
  [ -z "$2" ] || cp "$2" "dist/tree/$1/"
  echo "dist/tree/$1"
}

# build OS ARCH OUT [CGO [LDFLAGS]] builds a stripped program and weighs it.
build() {
  # One flag per word.
  # shellcheck disable=SC2086
  CGO_ENABLED=${4:-0} GOOS=$1 GOARCH=$2 go build -trimpath -tags "$TAGS" $GCFLAGS -ldflags "-s -w $LDFLAGS ${5:-}" -o "$3" .
  size=$(wc -c <"$3")
  echo "$1/$2: $size bytes"
  limit=$most
  [ "$1" != windows ] || limit=$most_windows
  [ "$size" -lt "$limit" ] || { echo "$3 is larger than $limit bytes" >&2; exit 1; }
}

# archive OUT DIR
archive() {
  go run ./packaging/archive "dist/$1" "$2"
}

rm -rf dist
mkdir -p dist/tree dist/stage

section "linux"
for shell in bash zsh fish; do
  build/clawtray completion "$shell" >"dist/stage/$shell"
done
mkdir dist/stage/man
go run -tags "$TAGS man" -ldflags "$LDFLAGS" . dist/stage/man
gzip -9n dist/stage/man/*
date=$(date -u -R -d "@$SOURCE_DATE_EPOCH" 2>/dev/null || date -u -R -r "$SOURCE_DATE_EPOCH")
printf 'clawtray (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- The clawtray authors <clawtray@users.noreply.github.com>  %s\n' \
  "$(echo "$VERSION" | sed 's/-/~/')-1" "$date" | gzip -9n >dist/stage/changelog.Debian.gz
for arch in amd64 arm64; do
  build linux "$arch" dist/stage/clawtray
  name=clawtray_${VERSION}_linux_$arch
  dir=$(tree "$name" dist/stage/clawtray)
  cp packaging/linux/clawtray.desktop assets/icons/app.svg "$dir/"
  archive "$name.tar.gz" "$dir"
  for format in deb rpm; do
    ARCH=$arch STAGE=dist/stage go run "$nfpm" package --config packaging/linux/nfpm.yaml --packager "$format" --target "dist/$name.$format"
  done
done

section "windows"
# The resources lie beside main.go while it is built, where go build looks for them.
trap 'rm -f "$root"/rsrc_windows_*.syso' EXIT
go run "$winres" make --in packaging/windows/winres.json --out rsrc --arch amd64,arm64 \
  --file-version "$numbers" --product-version "$numbers"
for arch in amd64 arm64; do
  build windows "$arch" dist/stage/clawtray.exe 0 '-H windowsgui'
  name=clawtray_${VERSION}_windows_$arch
  archive "$name.zip" "$(tree "$name" dist/stage/clawtray.exe)"
  if [ "$arch" != amd64 ]; then
    continue # NSIS makes installers for amd64; these run on arm64, and the program in them does too
  elif command -v makensis >/dev/null 2>&1; then
    makensis -V2 -DVERSION="$VERSION" -DPROGRAM="$PWD/dist/stage/clawtray.exe" -DLICENSE="$PWD/LICENSE" \
      -DOUT="$PWD/dist/$name-setup.exe" packaging/windows/installer.nsi
  else
    echo "makensis is not here: no installer (apt-get install nsis)"
  fi
done

section "macos"
if [ "$(uname -s)" = Darwin ]; then
  cgo=1 kind=
else
  cgo=0 kind=_headless
  echo "the tray needs Apple's headers: these programs supervise without an icon; run make dist on a Mac for the others"
fi
go run ./packaging/macos/icns assets/icons/app.png dist/stage/clawtray.icns
for arch in amd64 arm64; do
  name=clawtray_${VERSION}_macos_$arch$kind
  dir=$(tree "$name" "")
  app=$dir/clawtray.app/Contents
  mkdir -p "$app/MacOS" "$app/Resources"
  build darwin "$arch" "$app/MacOS/clawtray" "$cgo"
  cp dist/stage/clawtray.icns "$app/Resources/"
  sed "s/0\.0\.0/$numbers/" packaging/macos/Info.plist >"$app/Info.plist"
  archive "$name.zip" "$dir"
done

section "sums"
rm -rf dist/tree dist/stage
cd dist
if command -v sha256sum >/dev/null 2>&1; then
  sha256sum -- * >SHA256SUMS
else
  shasum -a 256 -- * >SHA256SUMS
fi
cat SHA256SUMS
section "dist/ is complete"
