#!/bin/bash
# sway.sh FOLDER: sway with waybar and swaync, for the pictures of the tests. Runs in the
# foreground, in a window that fills the current display and with the current session bus,
# and keeps all its files in FOLDER.
set -eu
dir=$1
export HOME=$dir XDG_CONFIG_HOME=$dir/config XDG_CACHE_HOME=$dir/cache XDG_DATA_HOME=$dir/share
export XDG_SESSION_TYPE=wayland XDG_CURRENT_DESKTOP=sway WLR_BACKENDS=x11 WLR_RENDERER=pixman NO_AT_BRIDGE=1 GSETTINGS_BACKEND=memory
mkdir -p "$XDG_CONFIG_HOME"/{sway,waybar,swaync} "$XDG_CACHE_HOME" "$XDG_DATA_HOME"
cat > "$XDG_CONFIG_HOME/sway/config" <<'CONF'
output * mode 1280x960
output * bg #3a5a78 solid_color
xwayland disable
exec swaync
exec waybar
CONF
cat > "$XDG_CONFIG_HOME/waybar/config" <<'JSON'
{"height": 30, "modules-right": ["clock", "tray"]}
JSON
cat > "$XDG_CONFIG_HOME/swaync/config.json" <<'JSON'
{"transition-time": 0}
JSON
exec sway
