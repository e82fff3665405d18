#!/bin/sh
# Measures clawtray and its peers, and writes one table and a chart into the folder bench
# (packaging/bench). This takes 70 minutes on a quiet machine; other programs that run at the
# same time change the figures. The arguments go to packaging/bench, for example
# `ARGS="-parts rpc" make bench`. `make bench` puts a suitable Go into the PATH for this.
set -eu

cd "$(dirname -- "$0")/.."
. packaging/progress.sh
. packaging/runtime.sh

sh packaging/packages.sh test check bench

section "runtime"
runtime newest
PATH=$(dirname "$node"):$PATH

section "PM2, one of the peers"
pm2=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray-test/pm2
[ -x "$pm2/node_modules/.bin/pm2-runtime" ] || elapsed "npm install" npm install --prefix "$pm2" --no-audit --no-fund --silent pm2@6.0.13

section "measuring"
NODE=$node OPENCLAW=$openclaw PM2=$pm2/node_modules/.bin/pm2-runtime COMMIT=$(git rev-parse --short=12 HEAD) \
  go run ./packaging/bench -to bench "$@" build/clawtray
section_end
