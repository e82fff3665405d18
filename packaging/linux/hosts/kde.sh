#!/bin/bash
# kde.sh FOLDER: KDE Plasma on X11, for the pictures of the tests. Runs in the foreground on
# the current display and session bus, and keeps all its files in FOLDER.
set -eu
dir=$1
export HOME=$dir XDG_CONFIG_HOME=$dir/config XDG_CACHE_HOME=$dir/cache XDG_DATA_HOME=$dir/share XDG_STATE_HOME=$dir/state
export LIBGL_ALWAYS_SOFTWARE=1 XDG_SESSION_TYPE=x11 XDG_CURRENT_DESKTOP=KDE KDE_FULL_SESSION=true KDE_SESSION_VERSION=5
plain=$XDG_DATA_HOME/plasma/look-and-feel/plain
mkdir -p "$XDG_CONFIG_HOME" "$XDG_CACHE_HOME" "$plain/contents/layouts"
# Plasma's own panel, in front of one colour.
cat > "$plain/metadata.json" <<'JSON'
{"KPlugin": {"Id": "plain", "Name": "plain", "ServiceTypes": ["Plasma/LookAndFeel"]}, "KPackageStructure": "Plasma/LookAndFeel"}
JSON
cat > "$plain/contents/layouts/org.kde.plasma.desktop-layout.js" <<'JS'
loadTemplate("org.kde.plasma.desktop.defaultPanel")
for (const desktop of desktopsForActivity(currentActivity())) {
  desktop.wallpaperPlugin = "org.kde.color"
  desktop.currentConfigGroup = ["Wallpaper", "org.kde.color", "General"]
  desktop.writeConfig("Color", "#3a5a78")
}
JS
printf '[KDE]\nAnimationDurationFactor=0\nLookAndFeelPackage=plain\n' > "$XDG_CONFIG_HOME/kdeglobals"
printf '[Compositing]\nEnabled=false\n' > "$XDG_CONFIG_HOME/kwinrc"
# The bus starts other parts of KDE, which have to find the same folders.
dbus-update-activation-environment DISPLAY HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CURRENT_DESKTOP KDE_FULL_SESSION KDE_SESSION_VERSION
kwin_x11 &
exec plasmashell
