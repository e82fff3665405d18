#!/bin/sh
# sign.sh ZIP...: on a Mac, signs the clawtray.app in each zip that `make dist` has made
# there, lets Apple notarize it, and packs it as a disk image beside the zip. Afterwards,
# run packaging/sums.sh for that folder again. It needs Xcode's command line tools and
#   SIGN_IDENTITY   a "Developer ID Application" certificate in the keychain, by name
#   NOTARY_PROFILE  credentials stored with `xcrun notarytool store-credentials`
# Without NOTARY_PROFILE, the image is signed but not notarized.
set -eu

[ "$(uname -s)" = Darwin ] || { echo "sign.sh needs a Mac" >&2; exit 1; }
if [ -z "${SIGN_IDENTITY:-}" ] || [ $# = 0 ]; then
  echo "usage: SIGN_IDENTITY=... sign.sh ZIP..." >&2
  exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# notarize FILE waits for Apple's answer.
notarize() {
  [ -z "${NOTARY_PROFILE:-}" ] || xcrun notarytool submit "$1" --keychain-profile "$NOTARY_PROFILE" --wait
}

for zip in "$@"; do
  folder=$work/$(basename "$zip" .zip)
  image=${zip%.zip}.dmg
  ditto -x -k "$zip" "$work"
  # Notarization requires the hardened runtime. Node, which clawtray starts, is a
  # separate program with its own signature.
  codesign --force --timestamp --options runtime --sign "$SIGN_IDENTITY" "$folder/clawtray.app"
  codesign --verify --strict --verbose=2 "$folder/clawtray.app"
  ditto -c -k --keepParent "$folder/clawtray.app" "$work/app.zip"
  notarize "$work/app.zip"
  [ -z "${NOTARY_PROFILE:-}" ] || xcrun stapler staple "$folder/clawtray.app"
  ln -s /Applications "$folder/Applications"
  rm -f "$image"
  hdiutil create -volname clawtray -srcfolder "$folder" -format UDZO "$image"
  codesign --force --timestamp --sign "$SIGN_IDENTITY" "$image"
  notarize "$image"
  [ -z "${NOTARY_PROFILE:-}" ] || xcrun stapler staple "$image"
  # Prints what Gatekeeper will say.
  spctl --assess --type open --context context:primary-signature --verbose "$image" || [ -z "${NOTARY_PROFILE:-}" ]
  echo "$image"
done
