#!/usr/bin/env bash
# lint.sh [--all | --last N | FILE...]: clang-tidy on C++ sources; any warning fails. Without arguments: the 20 sources
# that changed last. Configures build/lint (CAST_BUILD_DIR: another place for build/), compiles nothing of it, and takes
# about ten seconds of processor time a source. CAST_JOBS: how many at once (one a processor).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${CAST_BUILD_DIR:-$root/build}/lint
last=20 files=()
cd "$root"

# sources: all that can be checked, those that changed last first. Without a history: by name.
sources() {
    { git log --format= --name-only 2>/dev/null || true; git ls-files '*.cpp' 2>/dev/null || find . -name '*.cpp'; } |
        awk '/\.cpp$/ && !/^(\.\/)?(build|tests\/bench|tests\/fuzz)\// && !seen[$0]++' |
        while read -r file; do
            if [ -f "$file" ]; then echo "$file"; fi
        done
}

case ${1:-} in
    --all) last=1000000 ;;
    --last) last=${2:?"--last needs a number"} ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
    -*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
    "") ;;
    *) files=("$@") ;;
esac
if [ ${#files[@]} -eq 0 ]; then
    mapfile -t files < <(sources | awk -v last="$last" 'NR <= last') # head would end the pipe, and with it the script
fi

mkdir -p "$build"
exec 9>"$build.lock"
flock 9
# File by file and without precompiled headers: those are of another compiler.
cmake --preset dev -B "$build" -DCMAKE_UNITY_BUILD=OFF -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >"$build/configure.log" ||
    { cat "$build/configure.log" && exit 1; }
echo "clang-tidy: ${#files[@]} sources"
printf '%s\0' "${files[@]}" |
    xargs -0 -n 1 -P "${CAST_JOBS:-$(nproc)}" clang-tidy --quiet --warnings-as-errors='*' -p "$build" 2>/dev/null
