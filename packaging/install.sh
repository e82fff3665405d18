#!/bin/sh
# install.sh [--remove] PREFIX: installs build/clawtray with its desktop entry, icon and
# completions under PREFIX (`make install`: ~/.local), or removes them. It needs root only
# if PREFIX does.
set -eu

cd "$(dirname -- "$0")/.."
remove=
if [ "$1" = --remove ]; then
  remove=true
  shift
fi
prefix=$1
program=$prefix/bin/clawtray
entry=$prefix/share/applications/clawtray.desktop

# put SOURCE TARGET MODE installs a file under the prefix, or removes it.
put() {
  if [ -n "$remove" ]; then
    rm -f "$prefix/$2"
    return
  fi
  mkdir -p "$(dirname "$prefix/$2")"
  # install replaces a running program by a new file; cp would fail or change the running one.
  install -m "$3" "$1" "$prefix/$2"
}

# Every profile has an entry of its own that starts clawtray at login.
for login in "${XDG_CONFIG_HOME:-$HOME/.config}/autostart"/clawtray*.desktop; do
  if [ -n "$remove" ] && grep -qsF "$program" "$login"; then
    rm -f "$login"
  fi
done

put build/clawtray bin/clawtray 755
put packaging/linux/clawtray.desktop share/applications/clawtray.desktop 644
put assets/icons/app.svg share/icons/hicolor/scalable/apps/clawtray.svg 644
put assets/icons/app.png share/icons/hicolor/256x256/apps/clawtray.png 644
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for shell in bash zsh fish; do
  [ -n "$remove" ] || build/clawtray completion "$shell" >"$work/$shell"
done
put "$work/bash" share/bash-completion/completions/clawtray 644
put "$work/zsh" share/zsh/site-functions/_clawtray 644
put "$work/fish" share/fish/vendor_completions.d/clawtray.fish 644

if [ -n "$remove" ]; then
  echo "clawtray is removed from $prefix. Its settings, its log, Node and OpenClaw are left: clawtray's README says where."
  exit 0
fi
# Not every desktop session has ~/.local/bin in its PATH.
sed "s|^Exec=clawtray|Exec=\"$program\"|; s|^TryExec=clawtray|TryExec=$program|" packaging/linux/clawtray.desktop >"$entry"
echo "clawtray is installed: $program"
case :$PATH: in
  *":$prefix/bin:"*) ;;
  *) echo "$prefix/bin is not in your PATH: log in again, or add it, so that your terminal finds clawtray" ;;
esac
