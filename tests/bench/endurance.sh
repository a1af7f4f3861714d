#!/usr/bin/env bash
# endurance.sh [--minutes N] [--out FILE]: a broker with a store under mixed load of all three casts with churn (attach,
# detach, create, delete, join, leave; a dozen client processes), 10 minutes by default. Samples its memory, files, open
# descriptors and messages a second each 5 s; prints a table and JSON; exit 1 when one of them does not level off.
# $CAST_BIN_DIR names the programs; without it the preset bench is built.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
if [[ -z ${CAST_BIN_DIR:-} ]]; then
    cmake -S "$root" --preset bench >/dev/null
    mkdir -p "$root/build/bench"
    cmake --build "$root/build/bench" --target nodectl cast-broker >"$root/build/bench.log" 2>&1 || { cat "$root/build/bench.log" && exit 1; }
    export CAST_BIN_DIR=$root/build/bench/bin
fi
exec python3 "$here/endurance.py" "$@"
