# shellcheck shell=sh
# Scripts that need sums source this file. sha256 FILE... prints sums as sha256sum does.
sha256() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum -- "$@"
  else
    shasum -a 256 -- "$@" # macOS
  fi
}
