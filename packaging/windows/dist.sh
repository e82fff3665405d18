# shellcheck shell=sh
# The variables are those of packaging/dist.sh.
# shellcheck disable=SC2154
# packaging/dist.sh sources this file. It makes the parcels for Windows.

# windows_sign FILE signs a program when WINDOWS_PFX names a certificate with its key (PKCS
# #12). The file WINDOWS_PFX_PASSWORD contains its password, and WINDOWS_TIMESTAMP is the
# address of a timestamp server; both may be left out. Signed programs differ in each run.
windows_sign() {
  [ -n "${WINDOWS_PFX:-}" ] || return 0
  osslsigncode sign -pkcs12 "$WINDOWS_PFX" ${WINDOWS_PFX_PASSWORD:+-readpass "$WINDOWS_PFX_PASSWORD"} \
    ${WINDOWS_TIMESTAMP:+-ts "$WINDOWS_TIMESTAMP"} -n clawtray -i "$project_home" -in "$1" -out "$1.signed"
  mv "$1.signed" "$1"
}

# windows_installer ARCH makes the setup program of one architecture.
windows_installer() {
  # NSIS stores the times of the files that it packs.
  cp LICENSE "$stage/LICENSE.txt"
  touch -t "$(utc +%Y%m%d%H%M.%S)" "$stage/clawtray.exe" "$stage/LICENSE.txt" "$stage/THIRD-PARTY-LICENCES"
  # Windows 10 on arm64 runs x86 setup programs only; the program in it is for arm64.
  target=amd64-unicode
  [ "$1" = amd64 ] || target=x86-unicode
  makensis -V2 -DTARGET="$target" -DVERSION="$VERSION" -DNUMBERS="$numbers.0" -DHOME="$project_home" -DSTAGE="$stage" \
    -DOUT="$dist/$name-setup.exe" packaging/windows/installer.nsi
  windows_sign "$dist/$name-setup.exe"
}

windows_parcels() {
  [ -n "$(architectures windows)" ] || return 0
  winres_program=$(tool "$winres")
  # The resources are beside main.go during the build, because go build looks for them
  # there.
  trap 'rm -f rsrc_windows_*.syso' EXIT
  "$winres_program" make --in packaging/windows/winres.json --out rsrc --arch amd64,arm64 \
    --file-version "$numbers" --product-version "$numbers"
  for arch in $(architectures windows); do
    build windows "$arch" "$stage/clawtray.exe" 0 '-H windowsgui'
    windows_sign "$stage/clawtray.exe"
    name=clawtray_${VERSION}_windows_$arch
    dir=$(tree "$name")
    cp "$stage/clawtray.exe" "$dir/"
    cp "$stage/completions/powershell" "$dir/clawtray.ps1"
    archive "$name.zip" "$dir"
    bill "$stage/clawtray.exe"
    if command -v makensis >/dev/null 2>&1; then
      windows_installer "$arch"
    else
      echo "makensis is not here: no installer (apt-get install nsis)"
    fi
  done
  rm -f rsrc_windows_*.syso
}
