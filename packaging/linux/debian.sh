# shellcheck shell=sh
# Other scripts source this file.

# debian FOLDER [OPTION]... creates a small Debian in a new folder with debootstrap, with
# the suite and the mirror that this machine's apt uses. It needs root.
debian() {
  debian_root=$1
  shift
  suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  # apt replaces these words, not the shell.
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' | sed -n "s/^$suite main //p" | head -n 1)
  debootstrap --variant=minbase "$@" "$suite" "$debian_root" "$mirror"
}
