#!/bin/bash
# lxqt.sh FOLDER: an lxqt-panel that shows tray icons, for the pictures of the
# tests. Runs in the foreground on the current display and session bus.
set -eu
dir=$1
export HOME=$dir XDG_CONFIG_HOME=$dir/config XDG_CACHE_HOME=$dir/cache XDG_DATA_HOME=$dir/share NO_AT_BRIDGE=1
mkdir -p "$XDG_CONFIG_HOME/lxqt" "$XDG_CACHE_HOME" "$XDG_DATA_HOME"
cat > "$XDG_CONFIG_HOME/lxqt/panel.conf" <<'INI'
panels=panel1

[panel1]
alignment=-1
animation-duration=0
desktop=0
hidable=false
iconSize=22
lineCount=1
panelSize=32
plugins=spacer, statusnotifier
position=Bottom
width=100
width-percent=true

[spacer]
type=spacer
expandable=true

[statusnotifier]
type=statusnotifier
alignment=Right
INI
exec lxqt-panel
