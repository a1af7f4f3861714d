#!/usr/bin/env bash
# quickstart.sh [--fast]: builds cast on a bare Debian 12, starts a broker of its own on free ports, plays three scenes
# with it, sends a real file of this machine through it, and tells in words what happened. It exits 0 only if every
# message arrived as it should; it leaves no process and no file behind, but the build.
#   --fast  skips installing and building: takes the programs of CAST_BIN_DIR, or those that were built before
# Needs root or sudo when Debian packages are missing. CAST_BUILD_DIR: where to build (build/ of the tree); CAST_JOBS:
# how many compilers at once (one a processor). Runs from anywhere, also twice at once.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
builds=$(cd "$root" && realpath -m "${CAST_BUILD_DIR:-build}") # a relative one is the tree's, as for tests/run.sh
bin=$builds/release/bin
patience=$((30 * ${CAST_TIME_FACTOR:-1}))s # nobody below waits longer than this for a message

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

fast=no
for argument in "$@"; do
    case $argument in
        --fast) fast=yes ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
done

# What the caller has set for a broker of their own is not for this one; sorting is by bytes.
for name in "${!CAST_BROKER@}" CAST_NODE CAST_TIMEOUT CAST_JSON; do unset "$name"; done
export CAST_CONFIG=/dev/null LC_ALL=C

tmp=$(mktemp -d)
jobs=()

clean_up() {
    local job
    for job in "${jobs[@]}"; do kill -- "-$job" 2>/dev/null || true; done
    for job in "${jobs[@]}"; do wait "$job" 2>/dev/null || true; done
    rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

die() {
    printf '\nFAILED: %s\n' "$*" >&2
    if [ -s "$tmp/broker.log" ]; then tail -n 5 "$tmp/broker.log" >&2; fi
    exit 1
}
title() { printf '\n== %s\n\n' "$*"; }
say() { printf '%s\n' "$@"; }

# run COMMAND...: shows the command and its output.
run() {
    printf '  $ %s\n' "$(shown "$@")"
    "$@" >"$tmp/out" || die "'$(shown "$@")' exited $?"
    sed 's/^/    /' "$tmp/out"
}

# shown COMMAND...: as one would type it.
shown() {
    local word line=
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9_./:=,%+-]+$ ]]; then line+=" $word"; else line+=" '$word'"; fi
    done
    echo "${line# }"
}

# hears TEXT: the last command printed exactly this (in any order, if there are several lines).
hears() { [ "$(sort "$tmp/out")" = "$(sort <<<"$1")" ] || die "expected: $1"; }

# background COMMAND...: starts it as a job of its own, its id in $job.
background() {
    set -m
    "$@" </dev/null &
    job=$!
    set +m
    jobs+=("$job")
}

# finish WHO JOB: waits for it and insists that it did well.
finish() {
    local code=0
    wait "$2" || code=$?
    [ "$code" -eq 0 ] || die "$1 exited $code"
}

install_and_build() {
    local fresh=()
    "$root/conf/install-packages.sh" build
    mkdir -p "$builds"
    exec 9>"$builds/release.lock"
    if ! flock -n 9; then
        say "waiting for another build in $builds/release"
        flock 9
    fi
    if [ -f "$builds/release/CMakeCache.txt" ] &&
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$builds/release/CMakeCache.txt"; then
        fresh=(--fresh) # the tree was moved or copied with its build directory
    fi
    say "configuring and compiling into $builds/release"
    (cd "$root" && cmake --preset release -B "$builds/release" "${fresh[@]}" 9>&-) >"$tmp/configure" 2>&1 ||
        { cat "$tmp/configure" >&2 && die "cmake cannot configure"; }
    cmake --build "$builds/release" -j "${CAST_JOBS:-$(nproc)}" 9>&- || die "the build failed"
    exec 9>&-
    say "built in $SECONDS s"
}

start_broker() {
    background cast-broker --memory --bind tcp://127.0.0.1:0 --publish tcp://127.0.0.1:0 \
        --http 127.0.0.1:0 --endpoints-file "$tmp/ends" >"$tmp/broker.log" 2>&1
    broker=$job
    local tries=0
    until grep -qs '^publish=' "$tmp/ends"; do
        kill -0 "$broker" 2>/dev/null || die "the broker did not start: $(<"$tmp/broker.log")"
        tries=$((tries + 1))
        [ "$tries" -le 600 ] || die "the broker does not come up"
        sleep 0.05
    done
    CAST_BROKER=$(sed -n 's/^bind=//p' "$tmp/ends")
    export CAST_BROKER
    say "A broker serves at $CAST_BROKER and publishes at $(sed -n 's/^publish=//p' "$tmp/ends")."
}

chat() {
    title "Scene 1: a chat (unicast and broadcast)"
    say "Three nodes are created. What is sent to them waits for them until they read it."
    run nodectl node create alice bob charlie
    say "" "Alice writes to Bob alone (unicast). The command is done once the broker holds the message."
    run nodectl send --from alice --unicast bob 'Hello Bob!'
    run nodectl recv bob -n 1 -W "$patience"
    hears 'alice: Hello Bob!'
    say "" "Bob has read it, and answers:"
    run nodectl send --from bob --unicast alice 'Hi Alice!'
    run nodectl recv alice -n 1 -W "$patience"
    hears 'bob: Hi Alice!'
    say "" "Charlie writes to everybody (broadcast):"
    run nodectl send --from charlie --broadcast 'Hello everyone!'
    for name in alice bob; do
        run nodectl recv "$name" -n 1 -W "$patience"
        hears 'charlie (all): Hello everyone!'
    done
    say "" "Each of them heard Charlie, and nobody else heard what Alice and Bob said to each other."
}

# client NAME: waits for one announcement and answers its sender.
client() {
    # shellcheck disable=SC2016  # CAST_SENDER is set for the command that recv runs
    nodectl recv "$1" -n 1 -W "$patience" --exec 'nodectl send --unicast "$CAST_SENDER" "File received"'
}

files() {
    local name clients=()
    title "Scene 2: a server announces a file (broadcast), its clients answer (unicast)"
    run nodectl node create server client1 client2 client3
    say "" "Three clients run, each as a process that waits for news and answers who sent them:"
    say "  \$ nodectl recv client1 -n 1 --exec 'nodectl send --unicast \"\$CAST_SENDER\" \"File received\"'" \
        "    (and so on)"
    for name in client1 client2 client3; do
        CAST_NODE=$name background client "$name"
        clients+=("$job")
    done
    say "" "The server tells everybody, once:"
    run nodectl send --from server --broadcast 'New file available: document.pdf'
    say "" "and reads the three answers:"
    run nodectl recv server -n 3 -W "$patience"
    hears $'client1: File received\nclient2: File received\nclient3: File received'
    for job in "${clients[@]}"; do finish "a client" "$job"; done
    say "" "One message went out, three processes got it, and three answers came back to the server alone."
}

# worker NAME: reports twice, waits for an order and reports that it is carried out.
worker() {
    local n
    for n in 1 2; do nodectl send --from "$1" --unicast monitor "report $n: load $(cut -d' ' -f1 /proc/loadavg)"; done
    nodectl recv "$1" -n 1 -W "$patience" --exec "nodectl send --from $1 --unicast monitor \"done: \$(cat)\""
}

cluster() {
    local name workers=()
    title "Scene 3: workers report to a monitor (unicast), which orders them about (broadcast)"
    run nodectl node create monitor worker1 worker2 worker3
    say "" "Three workers run as processes. Each reports its load twice; the monitor reads all six:"
    for name in worker1 worker2 worker3; do
        background worker "$name"
        workers+=("$job")
    done
    run nodectl recv monitor -n 6 -W "$patience"
    for name in worker1 worker2 worker3; do
        # Reports of one worker come in the order in which it sent them.
        [ "$(sed -n "s/^$name: \(report [0-9]\): load [0-9.]*$/\1/p" "$tmp/out")" = $'report 1\nreport 2' ] ||
            die "the reports of $name are not as sent"
    done
    say "" "The monitor gives an order to all, and reads that it is carried out:"
    run nodectl send --from monitor --broadcast 'rotate your logs'
    run nodectl recv monitor -n 3 -W "$patience"
    hears $'worker1: done: rotate your logs\nworker2: done: rotate your logs\nworker3: done: rotate your logs'
    for job in "${workers[@]}"; do finish "a worker" "$job"; done
    say "" "Six reports and three answers reached the monitor, each worker's in the order it sent them."
}

# pick_file: a text of this machine with thousands of lines, copied as it is now, whole lines only.
pick_file() {
    local path
    for path in /var/log/dpkg.log /var/lib/dpkg/status /usr/include/zmq.hpp; do
        if [ -r "$path" ] && [ "$(wc -l <"$path")" -ge 2000 ]; then
            head -n "$(wc -l <"$path")" "$path" >"$tmp/sent"
            source_file=$path
            return
        fi
    done
    die "no file with 2000 lines to send on this machine"
}

pipe() {
    local lines receiver before after
    title "A real file, line by line"
    pick_file
    lines=$(wc -l <"$tmp/sent")
    say "$source_file has $lines lines. One process sends each as a message, another writes what it receives:"
    say "  \$ nodectl recv collector -n $lines --raw >received &"
    say "  \$ nodectl send -l --unicast collector <$source_file"
    nodectl node create collector
    background nodectl recv collector -n "$lines" -W "$patience" --raw >"$tmp/received"
    receiver=$job
    nodectl send -l --from shipper --unicast collector <"$tmp/sent" || die "send exited $?"
    finish "recv" "$receiver"
    before=$(sha256sum <"$tmp/sent") after=$(sha256sum <"$tmp/received")
    say "" "  SHA-256 sent      ${before%% *}" "  SHA-256 received  ${after%% *}"
    [ "$before" = "$after" ] || die "what was received is not what was sent"
    say "" "$lines messages of $(wc -c <"$tmp/sent") bytes arrived, once each and in order."
}

what_now() {
    title "What the broker counted"
    run nodectl stats
    nodectl status >/dev/null || die "the broker is not well"
    kill -TERM "$broker"
    finish "the broker, told to end," "$broker"
    title "Done in $SECONDS s. Your turn:"
    say "  export PATH=$bin:\$PATH" \
        "  cast-broker --data ./cast-data &     # at tcp://127.0.0.1:5570; \"kill %1\" ends it, what it holds stays" \
        "  nodectl recv me &                    # prints what comes for the node \"me\"" \
        "  nodectl send --unicast me hello" \
        "  nodectl --help                       # every command has examples under --help" "" \
        "README.md is the tour, $root/examples holds C++ programs and pipelines," \
        "and tests/run.sh runs the tests."
}

if [ "$fast" = yes ]; then
    bin=${CAST_BIN_DIR:-$bin}
else
    title "Installing and building"
    install_and_build
fi
for program in cast-broker nodectl; do
    [ -x "$bin/$program" ] || die "there is no $bin/$program; run quickstart.sh without --fast first"
done
export PATH=$bin:$PATH
title "A broker"
start_broker
chat
files
cluster
pipe
what_now
