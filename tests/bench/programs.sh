# shellcheck shell=bash
# programs.sh: to be sourced. Puts nodectl and cast-broker on the PATH and names their folder in CAST_BIN_DIR: what that
# names already, or the preset bench, which it then builds.
set -euo pipefail
if [[ -z ${CAST_BIN_DIR:-} ]]; then
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    cmake -S "$root" --preset bench >/dev/null
    mkdir -p "$root/build/bench"
    cmake --build "$root/build/bench" --target nodectl cast-broker >"$root/build/bench.log" 2>&1 ||
        { cat "$root/build/bench.log" && exit 1; }
    CAST_BIN_DIR=$root/build/bench/bin
fi
export CAST_BIN_DIR PATH=$CAST_BIN_DIR:$PATH
