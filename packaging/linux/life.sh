#!/bin/sh
# Runs as root in a fresh Debian (root.sh), with a repository of clawtray 1.0.0 and 1.1.0.
# It installs clawtray, starts it by a user's login, upgrades, downgrades and removes it. It
# ends with an error at the first thing that is wrong.
set -eu

port=$1
user=tester
home=/home/$user
settings=$home/.config/clawtray/clawtray.toml
state=$home/.local/state/clawtray
entry=$home/.config/autostart/clawtray.desktop
# How often to look for something, once per second, before it counts as missing. A gateway
# that starts on a busy machine takes minutes.
patience=240

say() { echo "== $*"; }
fail() {
  echo "FAILED: $*" >&2
  cat "$state/clawtray.log" /tmp/session.log >&2 2>/dev/null || true
  exit 1
}

# as_user COMMAND runs a shell command as the user's login shell does.
as_user() { su - "$user" -c "XDG_RUNTIME_DIR=/run/user/1000 OPENCLAW_SKIP_CHANNELS=1 $1"; }

# value NAME prints a value of the status.
value() { as_user 'clawtray status --json' 2>/dev/null | tr ',' '\n' | sed -n "s/^[ {]*\"$1\": *\"\{0,1\}\([^\"}]*\).*/\1/p" | head -n 1; }

# until_is WANT COMMAND... waits until a command prints WANT.
until_is() {
  want=$1
  shift
  for _ in $(seq "$patience"); do
    got=$("$@") || true
    [ "$got" != "$want" ] || return 0
    sleep 1
  done
  fail "$* gives $got, not $want"
}

# running prints the processes of the user's clawtray.
running() { pgrep -u "$user" -x clawtray | tr '\n' ' ' || true; }

# login starts what a desktop starts at login: the entry, unless its program is gone.
login() {
  say "login"
  program=$(sed -n 's/^TryExec=//p' "$entry")
  [ -n "$program" ] || fail "the entry names no program"
  if [ ! -x "$program" ]; then
    say "nothing to start"
    return
  fi
  command=$(sed -n 's/^Exec=//p' "$entry")
  mkdir -p /run/user/1000
  chown "$user" /run/user/1000
  chmod 700 /run/user/1000
  as_user "dbus-run-session -- $command" </dev/null >/tmp/session.log 2>&1 &
  until_is running value state
}

# logout ends the session as systemd does, and waits for its end.
logout() {
  say "logout"
  pkill -TERM -u "$user" -x clawtray || true
  until_is "" running
  until_is "" gateways
}
gateways() { pgrep -u "$user" -f openclaw | tr '\n' ' ' || true; }

# kept fails when the settings or the identity have changed.
kept() { sha256sum --quiet --check /tmp/kept >&2 || fail "settings or identity have changed"; }

install_version() {
  say "apt-get install clawtray=$1"
  apt-get install -y --no-install-recommends --allow-downgrades "clawtray=$1-1" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; fail "apt-get"; }
  [ "$(as_user 'clawtray version' | grep -oF "$1")" = "$1" ] || fail "not $1: $(as_user 'clawtray version')"
}

useradd --create-home --shell /bin/sh "$user"
mv /srv/repository/clawtray.asc /etc/apt/keyrings/
rm -f /etc/apt/sources.list
echo 'deb [signed-by=/etc/apt/keyrings/clawtray.asc] file:/srv/repository stable main' >/etc/apt/sources.list.d/clawtray.list
apt-get update >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; fail "apt-get update"; }

install_version 1.0.0
man_pages=$(dpkg -L clawtray | grep -c '/man1/clawtray.*\.gz$')
[ "$man_pages" -gt 10 ] || fail "$man_pages pages of the manual"
mkdir -p "$home/.config/clawtray" "$home/.openclaw"
echo '{gateway: {mode: "local", controlUi: {enabled: false}}}' >"$home/.openclaw/openclaw.json" # starts fastest
printf 'port = %s\nnode = "/opt/runtime/node/bin/node"\nopenclaw = "/opt/runtime/openclaw/node_modules/openclaw/openclaw.mjs"\nnotifications = "none"\n' "$port" >"$settings"
chown -R "$user" "$home"
as_user 'clawtray autostart on'
login
sha256sum "$settings" "$state/identity.pem" "$entry" >/tmp/kept

say "an upgrade while it runs leaves the gateway alone"
gateway=$(value pid)
install_version 1.1.0
until_is "$gateway" value pid
until_is running value state
logout
login
tail -n 200 "$state/clawtray.log" | grep 'clawtray starts' | tail -n 1 | grep -qF 1.1.0 || fail "1.1.0 did not start"
kept

say "back to the version before"
install_version 1.0.0
logout
login
kept
logout

say "removed"
apt-get purge -y clawtray >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; fail "apt-get purge"; }
left=$(find / -xdev -iname '*clawtray*' ! -path '/home/*' ! -path '/srv/*' ! -path '/proc/*' ! -path '/tmp/*' \
  ! -path '/etc/apt/*clawtray.*' ! -path '/var/lib/apt/lists/*')
[ -z "$left" ] || fail "left over: $left"
kept
login
[ -z "$(running)" ] || fail "it runs without its package"
say "all is well"
