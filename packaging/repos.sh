#!/bin/sh
# repos.sh OUT DIST...: makes static repositories for apt and dnf, in OUT/apt and OUT/dnf,
# for any web server. They contain the packages in the folders that `make dist` has filled
# (one or several versions). When SIGN_KEY names a key of gpg, both repositories are signed
# with it, and its public key is beside them. Without a key they are not signed, and apt and
# dnf refuse them unless that is switched off.
set -eu

mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
rm -rf "$out/apt" "$out/dnf"
mkdir -p "$out/apt/pool" "$out/dnf"
for dist in "$@"; do
  cp -p "$dist"/*.deb "$out/apt/pool/"
  # A partial release may have no such package.
  find "$dist" -maxdepth 1 -name '*.rpm' -exec cp -p {} "$out/dnf/" \;
done

# sign ARGS... signs with the key, if there is one.
sign() {
  [ -z "${SIGN_KEY:-}" ] || gpg --batch --yes --local-user "$SIGN_KEY" "$@"
}

cd "$out/apt"
for arch in amd64 arm64; do
  to=dists/stable/main/binary-$arch
  mkdir -p "$to"
  apt-ftparchive --arch "$arch" packages pool >"$to/Packages"
  gzip -9nk "$to/Packages"
done
apt-ftparchive -o APT::FTPArchive::Release::Origin=clawtray -o APT::FTPArchive::Release::Label=clawtray \
  -o APT::FTPArchive::Release::Suite=stable -o APT::FTPArchive::Release::Codename=stable \
  -o APT::FTPArchive::Release::Architectures='amd64 arm64' -o APT::FTPArchive::Release::Components=main \
  release dists/stable >Release.new
mv Release.new dists/stable/Release
sign --clearsign --output dists/stable/InRelease dists/stable/Release
sign --armor --detach-sign --output dists/stable/Release.gpg dists/stable/Release

cd "$out/dnf"
createrepo_c --quiet --no-database --revision "$SOURCE_DATE_EPOCH" --set-timestamp-to-revision .
sign --armor --detach-sign --output repodata/repomd.xml.asc repodata/repomd.xml
if [ -n "${SIGN_KEY:-}" ]; then
  gpg --batch --armor --export "$SIGN_KEY" | tee "$out/apt/clawtray.asc" >"$out/dnf/clawtray.asc"
else
  echo "not signed: SIGN_KEY names no key"
fi
echo "$out/apt and $out/dnf are complete"
