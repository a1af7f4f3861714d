# What the tests of the command line share: a broker of their own on free ports, commands with expected exit codes,
# waiting without long sleeps. Source it; $CAST_BIN_DIR holds the programs. Ends only what it has started itself.
# shellcheck shell=bash
set -euo pipefail

tmp=$(mktemp -d)
started=()
store=(--memory) # what start_broker keeps its messages in
checks=0
quiet=$((500 * ${CAST_TIME_FACTOR:-1}))ms # so long without a message: no more will come
brief=$((300 * ${CAST_TIME_FACTOR:-1}))ms # a --timeout that is to run out, but not before nodectl is connected
exec {nap_fd}<> <(:) # nothing ever comes from here: read -t on it is a short sleep without a process
unset CAST_NODE CAST_TIMEOUT CAST_JSON CAST_CONFIG XDG_CONFIG_HOME
export CAST_BROKER_HTTP=off # many brokers run at once; who wants the page says --http 127.0.0.1:0
export HOME=$tmp PATH=${CAST_BIN_DIR:?names the folder of cast-broker and nodectl}:$PATH

cleanup() {
    local code=$? pid
    for pid in "${started[@]}"; do
        kill -CONT "$pid" 2>/dev/null || true
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    if ((code != 0)) && [[ -s $tmp/broker.log ]]; then tail -n 20 "$tmp/broker.log" >&2; fi
    rm -rf "$tmp"
    exit "$code"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

die() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

nap() { read -r -t "${1:-0.02}" -u "$nap_fd" || true; }

# wait_for WHAT COMMAND...: until the command succeeds, at most 20 s (times CAST_TIME_FACTOR).
wait_for() {
    local what=$1 deadline=$((SECONDS + 20 * ${CAST_TIME_FACTOR:-1}))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || die "waited in vain: $what"
        nap
    done
}

# background NAME COMMAND...: runs it with its output in $tmp/NAME.out and .err, its id in $pid.
background() {
    local name=$1
    shift
    "$@" >"$tmp/$name.out" 2>"$tmp/$name.err" </dev/null &
    pid=$!
    started+=("$pid")
}

start_broker() {
    rm -f "$tmp/ends"
    cast-broker "${store[@]}" --bind tcp://127.0.0.1:0 --publish tcp://127.0.0.1:0 --endpoints-file "$tmp/ends" "$@" \
        >"$tmp/broker.log" 2>&1 </dev/null &
    broker_pid=$!
    started+=("$broker_pid")
    wait_for "the broker's ends" grep -q '^publish=' "$tmp/ends"
    CAST_BROKER=$(sed -n 's/^bind=//p' "$tmp/ends" | head -n 1)
    export CAST_BROKER
}

# Ends the broker with SIGTERM, and insists that it exits 0.
stop_broker() {
    local code=0
    kill -TERM "$broker_pid"
    wait "$broker_pid" || code=$?
    ((code == 0)) || die "the broker exited $code after SIGTERM"
}

# exits CODE COMMAND...: runs it with its output in $tmp/out and $tmp/err, new files each time: what a child that
# outlived an earlier command still writes goes to that one's.
exits() {
    local want=$1 code=0
    shift
    rm -f "$tmp/out" "$tmp/err"
    "$@" >"$tmp/out" 2>"$tmp/err" || code=$?
    checks=$((checks + 1))
    if ((code != want)); then
        cat "$tmp/out" "$tmp/err" >&2
        die "exit code $code instead of $want: $*"
    fi
}

# is WHAT WANT GOT: two texts are the same.
is() {
    checks=$((checks + 1))
    [[ $3 == "$2" ]] || die "$1:"$'\n'"wanted: $(printf '%q' "$2")"$'\n'"got:    $(printf '%q' "$3")"
}

# The output of the last `exits` is exactly this, the last newline aside.
out_is() { is "stdout" "$1" "$(<"$tmp/out")"; }
err_is() { is "stderr" "$1" "$(<"$tmp/err")"; }

# out_has TEXT, err_has TEXT: contains it.
out_has() { grep -qF -- "$1" "$tmp/out" || die "stdout lacks '$1': $(<"$tmp/out")"; }
err_has() { grep -qF -- "$1" "$tmp/err" || die "stderr lacks '$1': $(<"$tmp/err")"; }

attached() { nodectl node show "$1" | grep -q '^state *online$'; }

# wait_attached NODE: until somebody receives as it.
wait_attached() { wait_for "$1 to be attached" attached "$1"; }

passed() { printf 'passed, %d checks\n' "$checks"; }
