#!/bin/sh
# root.sh REPOSITORY RUNTIME PORT: creates a fresh Debian with debootstrap and runs
# packaging/linux/life.sh in it, with the packages of an apt repository (its key is
# REPOSITORY/clawtray.asc), and with the Node and OpenClaw in the folder RUNTIME. It needs
# root. Processes and mounts are in separate namespaces, so they end with this script.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=packaging/linux/debian.sh
. "$here/debian.sh"
repository=$1 runtime=$2 port=$3
# The Debian is created once; each run unpacks a new copy.
base=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray-test/debian.tar
work=$(mktemp -d /var/tmp/clawtray-root-XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM

# archive creates $base.
archive() {
  mkdir -p "$(dirname "$base")"
  debian "$work/new" --include=dbus,procps
  tar -C "$work/new" --one-file-system --exclude=./var/cache/apt/archives/*.deb -cf "$work/debian.tar" .
  mv "$work/debian.tar" "$base"
  rm -rf --one-file-system "$work/new"
}

[ -f "$base" ] || archive
root=$work/root
mkdir "$root"
tar -C "$root" -xpf "$base"
mkdir -p "$root/srv/repository" "$root/opt/runtime/node/bin" "$root/opt/runtime/openclaw/node_modules"
cp -R "$repository/." "$root/srv/repository/"
cp "$here/life.sh" "$root/srv/"

# This shell is PID 1 in the namespace. When it ends, all other processes there end, too.
unshare --mount --pid --fork --kill-child --mount-proc sh -eu -s "$root" "$runtime" "$port" <<'END'
# Only the owner may access the folders that contain these two.
for half in node/bin openclaw/node_modules; do
  mount --bind "$2/$half" "$1/opt/runtime/$half"
done
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/run"
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
  chroot "$1" sh -eu /srv/life.sh "$3" </dev/null
END
