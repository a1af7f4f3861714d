#!/usr/bin/env bash
# prepare.sh [--without-missing | --no-peers]: what compare.sh and sweep.sh need before they measure: the Debian
# packages of the sections "build" and "bench" of conf/packages.txt, and a build of the preset "bench". Installs
# nothing: it says what is missing and exits 1; with --without-missing, peers that are missing are left out; with
# --no-peers none is asked for.
# CAST_JOBS: compilers at once.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cd "$root"

# missing SECTION: the packages under "# SECTION" that are not installed; none where there is no dpkg.
missing() {
    local package
    command -v dpkg-query >/dev/null || return 0
    awk -v name="$1" '/^# [a-z]+$/ { inside = ($2 == name); next } inside && NF && !/^#/ { print $1 }' \
        conf/packages.txt |
        while read -r package; do
            [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] ||
                echo "$package"
        done
}

needed=$(missing build)
peers=$([ "${1:-}" = --no-peers ] || missing bench)
if [ -n "$peers" ] && [ "${1:-}" = --without-missing ]; then
    echo "Left out, for it is not installed: $(echo "$peers" | tr '\n' ' ')" >&2
    peers=
fi
if [ -n "$needed$peers" ]; then
    echo "Packages are missing. Install them, or leave peers out with --without-missing:" >&2
    echo "  apt-get install --no-install-recommends $(echo "$needed $peers" | xargs)" >&2
    exit 1
fi

log=build/bench.log
mkdir -p build
if ! {
    cmake --preset bench && cmake --build build/bench -j "${CAST_JOBS:-$(nproc)}" --target rig cast-broker
} >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "The build failed: $log" >&2
    exit 1
fi
