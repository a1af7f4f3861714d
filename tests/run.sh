#!/usr/bin/env bash
# run.sh [--ci | --all] [--label LABEL]: builds everything and runs the tests; ends with "N passed, N failed".
#   --ci           also, with the sanitizers: the unit tests, the simulation and the core of the system tests
#   --all          also clang-tidy on every source and, with the sanitizers: everything but the page; valgrind, and
#                  longer fuzzing and simulation
#   --label LABEL  only these tests: unit, system, sim, cli, web, tidy or fuzz
# Runs from anywhere, also twice at once. CAST_BUILD_DIR: where to build (build/ of the tree); CAST_JOBS: how many
# compilers at once (one a processor). Missing Debian packages are installed, which needs root or sudo.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
builds=${CAST_BUILD_DIR:-$root/build}
jobs=${CAST_JOBS:-$(nproc)}
tier=quick label="" passed=0 failed=0 skipped=0 failures=()

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

while [ $# -gt 0 ]; do
    case $1 in
        --ci | --all) tier=${1#--} ;;
        --label) label=${2:?"--label needs a value"} && shift ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift
done

# phase TITLE COMMAND...: runs it under a heading and says how long it took. A failure is counted, not fatal.
phase() {
    local title=$1 start=$SECONDS status=0
    shift
    printf '\n== %s\n' "$title"
    "$@" || status=$?
    if [ "$status" -eq 0 ]; then
        printf -- '-- %s: %d s\n' "$title" $((SECONDS - start))
    else
        printf -- '-- %s: FAILED after %d s\n' "$title" $((SECONDS - start))
        failures+=("$title")
    fi
    return "$status"
}

# build PRESET [TARGET]: configures and builds; a failure to do so counts as one failed test.
build() {
    local preset=$1 target=${2:-} dir=$builds/$1 fresh=()
    if [ -f "$dir/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$dir/CMakeCache.txt"; then
        fresh=(--fresh) # the tree was moved or copied with its build directory
    fi
    if ! cmake --preset "$preset" -B "$dir" "${fresh[@]}" "${together[@]}" >"$dir.configure.log" 2>&1; then
        cat "$dir.configure.log"
        return 1
    fi
    cmake --build "$dir" -j "$jobs" ${target:+--target "$target"}
}

# run_ctest PRESET OPTIONS...: runs the tests of a build and adds to the counts.
run_ctest() {
    local preset=$1 log=$builds/$1.ctest.log status=0 counts skips wrapper=()
    shift
    if [ "$preset" = tsan ] && setarch -R true 2>/dev/null; then
        wrapper=(setarch -R) # the thread sanitizer of GCC 12 cannot live with every address layout
    fi
    "${wrapper[@]}" ctest --test-dir "$builds/$preset" -j2 --output-on-failure --no-tests=error "$@" 9>&- |
        tee "$log" || status=$?
    counts=$(sed -n 's/.*% tests passed, \([0-9]*\) tests failed out of \([0-9]*\)/\1 \2/p' "$log")
    if [ -z "$counts" ]; then
        failed=$((failed + 1))
        return 1
    fi
    skips=$(grep -c '\*\*\*Skipped' "$log" || true) # ctest counts these as passed
    skipped=$((skipped + skips))
    failed=$((failed + ${counts% *}))
    passed=$((passed + ${counts#* } - ${counts% *} - skips))
    return "$status"
}

# tree PRESET TARGET CTEST-OPTIONS...: one build and its tests, alone in its directory.
tree() {
    local preset=$1 target=$2
    shift 2
    mkdir -p "$builds"
    exec 9>"$builds/$preset.lock"
    if ! flock -n 9; then
        echo "waiting for another run in $builds/$preset"
        flock 9
    fi
    if phase "$preset: build" build "$preset" ${target:+"$target"} 9>&-; then
        phase "$preset: test" run_ctest "$preset" "$@" || true
    else
        failed=$((failed + 1))
    fi
    exec 9>&-
}

# lint [--all]: clang-tidy on the sources that changed last, or on all; counts as one test.
lint() {
    if phase "lint" tests/lint.sh "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

# wanted LABEL...: whether --label, if given, asks for one of these.
wanted() { [ -z "$label" ] || [[ " $* " == *" $label "* ]]; }

if [[ -n "$label" && ! "$label" =~ ^(unit|system|sim|cli|web|tidy|fuzz)$ ]]; then
    usage >&2 && exit 2
fi
cd "$root"
for name in "${!CAST_BROKER@}" CAST_NODE; do
    unset "$name" # what the caller has set for their own broker is not for the tests
done
phase "packages" conf/install-packages.sh build test || exit 1
together=()
if ! command -v ccache >/dev/null; then
    together=(-DCMAKE_UNITY_BUILD=ON) # half the time, where the next build would not be spared what has not changed
fi
long=()
if [ "$tier" = all ]; then
    long=(-C long)
    export CAST_FUZZ_SECONDS=${CAST_FUZZ_SECONDS:-60}
fi
if wanted unit system sim cli web tidy; then
    tree dev "" "${long[@]}" -L "${label:-.}"
fi
if wanted fuzz; then
    tree fuzz fuzzers -L fuzz
fi
case $tier in
    ci) # of the system tests those that the tests' CMakeLists.txt marks as their core
        marked=${label/system/core}
        if wanted unit system sim; then tree asan "" -L "${marked:-unit|sim|core}"; fi
        if wanted unit system; then tree tsan "" -L "${marked:-unit|core}"; fi
        ;;
    all)
        if wanted unit system sim cli; then tree asan "" -L "${label:-unit|system|sim|cli}"; fi
        if wanted unit system cli; then tree tsan "" -L "${label:-unit|system|cli}"; fi # the simulation has one thread
        if wanted tidy; then lint --all; fi
        ;;
esac

printf '\n== %d s in all\n' "$SECONDS"
if [ "$skipped" -gt 0 ]; then
    echo "$skipped skipped"
fi
if [ ${#failures[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failures[@]}"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && [ ${#failures[@]} -eq 0 ]
