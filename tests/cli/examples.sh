#!/usr/bin/env bash
# Every example program and pipeline does what it says at its top.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
PATH=${CAST_SOURCE_DIR:?"the source tree"}/examples:$PATH
start_broker

has_member() { nodectl group show "$1" | grep -q "^members .*\b$2\b"; }
said() { grep -qxF -- "$2" "$tmp/$1.out"; }

# feed NAME COMMAND...: runs it in the background with a pipe as its input; "tell NAME LINE" writes to it.
declare -A inputs=()
feed() {
    local name=$1
    shift
    mkfifo "$tmp/$name.in"
    "$@" <"$tmp/$name.in" >"$tmp/$name.out" 2>"$tmp/$name.err" &
    pid=$!
    started+=("$pid")
    local fd
    exec {fd}>"$tmp/$name.in"
    inputs[$name]=$fd
}
tell() { printf '%s\n' "$2" >&"${inputs[$1]}"; }
hang_up() {
    local fd=${inputs[$1]}
    exec {fd}>&-
}

# ends NAME PID CODE: the program of this name has ended so.
ends() {
    local code=0
    wait "$2" || code=$?
    checks=$((checks + 1))
    ((code == $3)) || die "$1 exited $code instead of $3: $(<"$tmp/$1.err")"
}

# Wrong use, and no broker (5 s: the default of Options::connect_timeout).
for program in chat worker monitor publisher subscriber many_nodes follow.sh report.sh fan_out.sh; do
    exits 2 "$program"
    err_has "usage: $program"
done
CAST_BROKER=ipc://$tmp/nobody exits 3 monitor boss
err_has "monitor: unreachable"

# A chat of three: the room, a word to one alone, a word to nobody.
feed alice chat alice room
alice=$pid
feed bob chat bob room
bob=$pid
feed carol chat carol room
carol=$pid
for name in alice bob carol; do wait_for "$name in the room" has_member room "$name"; done
tell alice 'Hello everyone'
wait_for "bob to hear alice" said bob 'alice: Hello everyone'
wait_for "carol to hear alice" said carol 'alice: Hello everyone'
tell bob '/to alice Hi, only you'
wait_for "alice to hear bob" said alice 'bob (to you): Hi, only you'
tell carol '/to nobody anybody?'
wait_for "the refusal" grep -q '^not delivered to nobody: no such node' "$tmp/carol.err"
tell carol '/to'
tell carol '/me waves'
tell carol 'bye'
wait_for "bob to hear carol" said bob 'carol: bye'
grep -q 'say /to NAME TEXT' "$tmp/carol.err" || die "a wrong command went unanswered"
for name in alice bob carol; do hang_up "$name"; done
ends alice "$alice" 0
ends bob "$bob" 0
ends carol "$carol" 5
is "what bob heard" $'alice: Hello everyone\ncarol: bye' "$(<"$tmp/bob.out")"
exits 0 nodectl node list
is "nobody stays in the list" "" "$(grep -E 'alice|bob|carol' "$tmp/out" || true)"

# 10,000 nodes and one thread: a broadcast reaches each of them.
feed crowd many_nodes 10000
crowd=$pid
wait_for "10,000 nodes" said crowd '10000 nodes wait'
exits 0 nodectl send --broadcast 'hello to all of you'
ends crowd "$crowd" 0
all=$'10000 nodes wait\n10000 messages, at least one for each of 10000 nodes'
is "what the crowd said" "$all" "$(<"$tmp/crowd.out")"
hang_up crowd

# A monitor and three workers.
feed boss monitor boss
boss=$pid
wait_attached boss
workers=()
for name in w1 w2 w3; do
    background "$name" worker "$name" boss
    workers+=("$pid")
done
for name in w1 w2 w3; do wait_for "$name to report" said boss "$name: report 2"; done
tell boss 'rotate the logs'
for name in w1 w2 w3; do wait_for "$name to obey" said boss "$name: did: rotate the logs"; done
tell boss stop
for i in 0 1 2; do ends "w$((i + 1))" "${workers[i]}" 0; done
ends boss "$boss" 0
for name in w1 w2 w3; do said boss "$name: stopped" || die "$name did not say that it stopped"; done

# A publisher and two subscribers, one of which takes only some.
background some subscriber some lines -n 10
some=$pid
background all subscriber all lines -n 5000
all=$pid
for name in some all; do wait_for "$name to be a member" has_member lines "$name"; done
seq 5000 >"$tmp/lines"
publisher press lines <"$tmp/lines" >"$tmp/out" || die "publisher exited $?"
out_is '5000 lines published to lines'
ends all "$all" 0
ends some "$some" 0
cmp "$tmp/lines" "$tmp/all.out"
is "what the other took" "$(seq 10)" "$(<"$tmp/some.out")"

# follow.sh: a growing file.
touch "$tmp/log"
set -m # a job of its own, so that the whole pipeline can be ended
background follow follow.sh "$tmp/log" news
set +m
follow=$pid
exits 0 nodectl node create reader
exits 0 nodectl group join news reader
added() {
    echo 'a line' >>"$tmp/log"
    nodectl recv reader -n 1 -W 300ms --format '%s (%t): %p\n' >"$tmp/out"
}
wait_for "a line of the log" added
grep -qx 'follow (news): a line' "$tmp/out" || die "what came: $(<"$tmp/out")"
kill -- "-$follow"
wait "$follow" 2>/dev/null || true

# report.sh: how a job went.
exits 0 nodectl node create operator
exits 0 report.sh operator echo backed up
exits 3 env CAST_NODE=cron report.sh operator bash -c 'echo no disk; exit 3'
exits 0 nodectl recv operator -n 2 -W 20 --format '%h{status} %p'
is "the reports" $'0 echo: done\nbacked up\n3 bash: FAILED with status 3\nno disk' "$(<"$tmp/out")"

# fan_out.sh: each line to one worker, and a line whose command failed comes again.
seq 20 | fan_out.sh 3 "echo \"\$(cat)\" >>$tmp/done" >"$tmp/out" || die "fan_out.sh exited $?"
is "the lines that were done" "$(seq 20)" "$(sort -n "$tmp/done")"
exits 1 fan_out.sh 1 false <<<'a line'
exits 0 nodectl recv fan-out-01 -n 1 -W 20 --raw
out_is "a line"

stop_broker
passed
