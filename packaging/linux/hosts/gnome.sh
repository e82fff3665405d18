#!/bin/bash
# gnome.sh FOLDER: GNOME Shell with the extension that shows tray icons, for the
# pictures of the tests. Runs in the foreground on the current display and
# session bus, and keeps all its files in FOLDER.
set -eu
dir=$1
export HOME=$dir XDG_CONFIG_HOME=$dir/config XDG_CACHE_HOME=$dir/cache XDG_DATA_HOME=$dir/share
export GSETTINGS_BACKEND=keyfile LIBGL_ALWAYS_SOFTWARE=1 XDG_SESSION_TYPE=x11 XDG_CURRENT_DESKTOP=GNOME
mkdir -p "$XDG_CONFIG_HOME/glib-2.0/settings" "$XDG_CACHE_HOME" "$XDG_DATA_HOME/gnome-shell"
touch "$XDG_DATA_HOME/gnome-shell/lock-warning-shown" # that nothing locks the screen
cat > "$XDG_CONFIG_HOME/glib-2.0/settings/keyfile" <<'INI'
[org/gnome/shell]
enabled-extensions=['ubuntu-appindicators@ubuntu.com']
welcome-dialog-last-shown-version='99.0'

[org/gnome/desktop/interface]
enable-animations=false
toolkit-accessibility=true

[org/gnome/desktop/background]
picture-options='none'
primary-color='#3a5a78'

[org/gnome/desktop/session]
idle-delay=uint32 0
INI
# The bus starts the other half of the notifications; it has to find the same folders.
dbus-update-activation-environment DISPLAY HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_RUNTIME_DIR GSETTINGS_BACKEND XDG_CURRENT_DESKTOP
exec gnome-shell --x11
