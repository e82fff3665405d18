# shellcheck shell=sh
# The variables are those of packaging/dist.sh.
# shellcheck disable=SC2154
# packaging/dist.sh sources this file. It makes the parcels for Linux. $stage/share is made
# once, with the layout of /usr/share; nfpm.yaml has the differences between kinds of
# packages.

# linux_share fills $stage/share: manual, completions, desktop entry, metadata, icons.
linux_share() {
  share=$stage/share
  mkdir -p "$share/man/man1" "$share/applications" "$share/metainfo" "$share/icons/hicolor/scalable/apps" "$stage/completions"
  go build -tags "$TAGS man" -ldflags "$LDFLAGS" -o "$stage/manual" .
  for shell in bash zsh fish powershell; do
    "$stage/manual" completion "$shell" >"$stage/completions/$shell"
  done
  "$stage/manual" man --folder "$share/man/man1"
  gzip -9n "$share"/man/man1/*
  cp packaging/linux/clawtray.desktop "$share/applications/"
  kind=stable
  [ "$VERSION" = "$numbers" ] || kind=development
  sed "s|@HOME@|$project_home|; s|@VERSION@|$VERSION|; s|@DATE@|$(utc +%Y-%m-%d)|; s|@KIND@|$kind|" \
    packaging/linux/io.github.clawtray.metainfo.xml >"$share/metainfo/io.github.clawtray.metainfo.xml"
  cp assets/icons/app.svg "$share/icons/hicolor/scalable/apps/clawtray.svg"
  go run ./assets/gen -theme "$share/icons/hicolor"
}

# linux_documents makes the files that only a .deb has.
linux_documents() {
  gzip -9nc CHANGELOG.md >"$stage/changelog.gz"
  printf 'clawtray (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' \
    "$(echo "$VERSION" | sed 's/-/~/')-1" "$project_maintainer" "$(utc '+%a, %d %b %Y %H:%M:%S +0000')" | gzip -9n >"$stage/changelog.Debian.gz"
  gzip -9nc "$stage/THIRD-PARTY-LICENCES" >"$stage/THIRD-PARTY-LICENCES.gz"
  {
    cat LICENSE
    printf '\nThe licences of the libraries in the program are in THIRD-PARTY-LICENCES.gz, beside this file.\n'
    printf 'The Apache License 2.0, which some of them have, is in /usr/share/common-licenses/Apache-2.0, too.\n'
  } >"$stage/copyright"
}

# linux_contents prints nfpm.yaml with a line for each file of $stage/share.
linux_contents() {
  sed "s|@HOME@|$project_home|; s|@MAINTAINER@|$project_maintainer|; s|@STAGE@|$stage|" packaging/linux/nfpm.yaml
  (cd "$stage/share" && find . -type f | sort) | sed 's|^\./||' | while read -r file; do
    echo "  - {src: \"$stage/share/$file\", dst: \"/usr/share/$file\", file_info: {mode: 0644}}"
  done
}

# linux_tar ARCH makes the .tar.gz: the program, and beside it share/ with the layout of
# /usr/share.
linux_tar() {
  dir=$(tree "$name")
  cp "$stage/clawtray" "$dir/"
  cp -R "$stage/share" "$dir/"
  for to in bash:bash-completion/completions/clawtray zsh:zsh/site-functions/_clawtray fish:fish/vendor_completions.d/clawtray.fish; do
    mkdir -p "$dir/share/$(dirname "${to#*:}")"
    cp "$stage/completions/${to%%:*}" "$dir/share/${to#*:}"
  done
  cp "$stage/completions/powershell" "$dir/clawtray.ps1"
  archive "$name.tar.gz" "$dir"
}

linux_parcels() {
  # The parcels of other systems use these completions, too.
  linux_share
  linux_documents
  nfpm_program=$(tool "$nfpm")
  linux_contents >"$stage/nfpm.yaml"
  for arch in $(architectures linux); do
    build linux "$arch" "$stage/clawtray"
    name=clawtray_${VERSION}_linux_$arch
    linux_tar
    bill "$stage/clawtray"
    for format in deb:deb rpm:rpm archlinux:pkg.tar.zst; do
      ARCH=$arch "$nfpm_program" package --config "$stage/nfpm.yaml" --packager "${format%:*}" --target "$dist/$name.${format#*:}" >/dev/null
    done
  done
}
