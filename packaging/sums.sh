#!/bin/sh
# sums.sh FOLDER: writes the SHA-256 sums of all files of a release to FOLDER/SHA256SUMS.
# When SIGN_KEY names a key of gpg, it signs that file (gpg-agent asks for the passphrase,
# if there is one). Without a key, it says that the file is not signed.
set -eu

folder=$(cd "$1" && pwd)
cd "$(dirname -- "$0")/.."
. packaging/sha256.sh

cd "$folder"
rm -f SHA256SUMS SHA256SUMS.asc
find . -type f | sed 's|^\./||' | LC_ALL=C sort | while read -r file; do
  sha256 "$file"
done >"$folder.sums"
mv "$folder.sums" SHA256SUMS
cat SHA256SUMS
if [ -n "${SIGN_KEY:-}" ]; then
  gpg --batch --yes --local-user "$SIGN_KEY" --armor --detach-sign --output SHA256SUMS.asc SHA256SUMS
  echo "signed with $SIGN_KEY"
else
  echo "not signed: SIGN_KEY names no key"
fi
