#!/bin/sh
# desktops.sh: shows the icon, its menu and its notifications in whole desktops (GNOME with
# AppIndicator, KDE Plasma, and sway with waybar and swaync) and reads what they show; see
# TestL1_Desktops in tray/desktops_linux_test.go. The pictures go to build/screenshots.
# `make desktops` puts a suitable Go into the PATH for this.
#
# The desktops are in a Debian of their own, in ~/.cache/clawtray-test/desktops, so that this
# machine is not filled with them. It is made once, from where this machine's apt
# gets its packages; remove the folder to make it again. Only root can make and use it.
# With CI set it is a failure when that does not work, but not when the distribution has
# no such desktop.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/linux/debian.sh

desktops='gnome kde sway'
# packages DESKTOP prints what a desktop needs.
packages() {
  case $1 in
    gnome) echo gnome-shell gnome-shell-extension-appindicator gjs ;;
    kde) echo plasma-desktop kwin-x11 ;;
    sway) echo sway waybar sway-notification-center ;;
    all) echo dbus dbus-x11 at-spi2-core xvfb xdotool imagemagick fonts-noto-core fonts-wqy-microhei librsvg2-common ;;
  esac
}

leave_out() {
  echo "GNOME, KDE and sway are left out: $1" >&2
  [ -z "${CI:-}" ] || exit 1
  exit 0
}
[ "$(id -u)" = 0 ] || leave_out "only root can make a Debian with it; sudo make desktops"
for tool in debootstrap unshare setpriv flock; do
  command -v "$tool" >/dev/null 2>&1 || leave_out "there is no $tool here"
done

# Processes and mounts are in namespaces of their own: they end with this script.
[ $$ = 1 ] || exec unshare --mount --pid --fork --kill-child --mount-proc sh packaging/desktops.sh
trap 'exit 130' INT TERM

root=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray-test/desktops
wanted=$(for d in all $desktops; do echo "$d: $(packages "$d")"; done)
mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9

# into COMMAND... runs this machine's apt on the packages of the new Debian.
into() {
  command=$1
  shift
  DEBIAN_FRONTEND=noninteractive "$command" -qq -o Dir::State="$new/var/lib/apt" -o Dir::State::status="$new/var/lib/dpkg/status" \
    -o Dir::Cache="$new/var/cache/apt" -o DPkg::Chroot-Directory="$new" -o Dpkg::Options::=--force-unsafe-io \
    -o Dpkg::Use-Pty=0 "$@"
}

# mounts FOLDER gives a Debian what programs expect to find.
mounts() {
  mount -t proc proc "$1/proc"
  mount -t sysfs -o ro sysfs "$1/sys"
  mount --rbind /dev "$1/dev"
  for place in dev/shm run tmp home srv; do
    mount -t tmpfs -o mode=1777 tmpfs "$1/$place"
  done
}

# with_desktops makes $root.
with_desktops() {
  new=$root.new
  rm -rf --one-file-system "$root" "$new"
  debian "$new" >"$root.log" 2>&1 || return 1
  mounts "$new" || return 1
  # Nothing is started, nobody reads manuals there, and the bus of another desktop must not
  # start the notification server of sway.
  printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
  chmod 755 "$new/usr/sbin/policy-rc.d"
  printf 'path-exclude=/usr/share/%s\n' 'doc/*' 'man/*' 'help/*' 'dbus-1/services/*swaync*' >"$new/etc/dpkg/dpkg.cfg.d/lean"
  into apt-get update >>"$root.log" 2>&1 || return 1
  # shellcheck disable=SC2046
  into apt-get install -y --no-install-recommends $(packages all) >>"$root.log" 2>&1 || return 1
  found=
  for d in $desktops; do
    # shellcheck disable=SC2046
    if into apt-get install --simulate --no-install-recommends $(packages "$d") >>"$root.log" 2>&1; then
      found="${found:+$found }$d"
    fi
  done
  # shellcheck disable=SC2046
  into apt-get install -y --no-install-recommends $(for d in $found; do packages "$d"; done) >>"$root.log" 2>&1 || return 1
  into apt-get clean
  chroot "$new" useradd --uid 1000 tester || return 1
  echo "$found" >"$new/etc/desktops-found"
  echo "$wanted" >"$new/etc/desktops-wanted"
  umount --recursive "$new/dev" "$new/proc" "$new/sys" "$new/run" "$new/tmp" "$new/home" "$new/srv"
  mv "$new" "$root"
}

if [ "$(cat "$root/etc/desktops-wanted" 2>/dev/null || true)" != "$wanted" ]; then
  section "a Debian with GNOME, KDE and sway, once: 2 GB"
  with_desktops || {
    tail -n 20 "$root.log" >&2
    leave_out "the packages cannot be had"
  }
fi
found=$(cat "$root/etc/desktops-found")
for d in $desktops; do
  case " $found " in
    *" $d "*) ;;
    *) echo "$d is left out: this distribution does not have all of $(packages "$d")" >&2 ;;
  esac
done

section "the tray in $found"
CGO_ENABLED=0 go test -c -tags desktops -o build/tray.test ./tray
mounts "$root"
mkdir -p "$root/srv/tray" "$root/srv/build/screenshots" "$root/srv/packaging/linux" build/screenshots
cp -R build/tray.test tray/testdata "$root/srv/tray/"
cp -R packaging/linux/hosts "$root/srv/packaging/linux/"
chmod -R a+rX "$root/srv"
chmod 777 "$root/srv/build/screenshots"
status=0
# It talks to this machine only.
unshare --net chroot "$root" env -i CI="${CI:-}" CLAWTRAY_TEST_DESKTOPS="$found" LANG=C.UTF-8 \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games sh -eu -c '
    mkdir -p /run/dbus
    dbus-daemon --system --fork
    mkdir /home/tester
    chown tester /home/tester
    cd /srv/tray
    HOME=/home/tester exec setpriv --reuid tester --regid tester --clear-groups \
      ./tray.test -test.run "^TestL1_Desktops$" -test.v -test.timeout 15m' </dev/null || status=$?
cp "$root/srv/build/screenshots/"* build/screenshots/ 2>/dev/null || true
section_end
exit "$status"
