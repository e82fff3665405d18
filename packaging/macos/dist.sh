# shellcheck shell=sh
# The variables are those of packaging/dist.sh.
# shellcheck disable=SC2154
# packaging/dist.sh sources this file. It makes the parcels for macOS, unsigned (see macos/sign.sh).

macos_parcels() {
  [ -n "$(architectures darwin)" ] || return 0
  if [ "$(uname -s)" = Darwin ]; then
    cgo=1 kind=
  else
    cgo=0 kind=_headless
    echo "the tray needs Apple's headers: these programs supervise without an icon; run make dist on a Mac for the others"
  fi
  go run ./packaging/macos/icns "$stage/share/icons/hicolor/512x512@2/apps/clawtray.png" "$stage/clawtray.icns"
  for arch in $(architectures darwin); do
    name=clawtray_${VERSION}_macos_$arch$kind
    dir=$(tree "$name")
    app=$dir/clawtray.app/Contents
    mkdir -p "$app/MacOS" "$app/Resources"
    build darwin "$arch" "$app/MacOS/clawtray" "$cgo"
    cp "$stage/clawtray.icns" "$app/Resources/"
    sed "s/0\.0\.0/$numbers/" packaging/macos/Info.plist >"$app/Info.plist"
    cp packaging/macos/app.clawtray.plist "$dir/"
    cp -R "$stage/share/man" "$stage/completions" "$dir/"
    archive "$name.zip" "$dir"
    bill "$app/MacOS/clawtray"
  done
}
