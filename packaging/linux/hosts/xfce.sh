#!/bin/bash
# xfce.sh FOLDER: an xfce4-panel that shows tray icons, for the pictures of the
# tests. Runs in the foreground on the current display and session bus, and
# keeps all its files in FOLDER. DARK=true makes the panel dark.
set -eu
dir=$1
export HOME=$dir XDG_CONFIG_HOME=$dir/config XDG_CACHE_HOME=$dir/cache XDG_DATA_HOME=$dir/share NO_AT_BRIDGE=1
export GTK_THEME=Adwaita
[ "${DARK:-false}" = false ] || GTK_THEME=Adwaita:dark
settings=$XDG_CONFIG_HOME/xfce4/xfconf/xfce-perchannel-xml
mkdir -p "$settings" "$XDG_CACHE_HOME" "$XDG_DATA_HOME"
cat > "$settings/xfce4-panel.xml" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="${DARK:-false}"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=8;x=0;y=0"/>
      <property name="length" type="double" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/><value type="int" value="2"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
      <property name="icon-size" type="int" value="22"/>
    </property>
  </property>
</channel>
XML
# The bus starts xfconfd, which has to find the same folders.
dbus-update-activation-environment DISPLAY HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME NO_AT_BRIDGE GTK_THEME
exec xfce4-panel --disable-wm-check
