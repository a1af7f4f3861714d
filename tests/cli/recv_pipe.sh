#!/usr/bin/env bash
# recv into a pipe: a message is acknowledged when its bytes have left the pipe, not before and not much later; what the
# reader has not taken comes again. With the smallest reader window, so that a reader that is slow would show a
# deadlock.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker --reader-window 64KiB
exits 0 nodectl node create bob

# What is left begins with this. Whole batches count as queued: of a partly acknowledged one only looking tells.
next_is() {
    exits 0 nodectl peek bob -n 1 --json
    is "what comes next" "$1" "$(sed 's/.*"payload":"\([^"]*\)".*/\1/' "$tmp/out")"
}
queued() { nodectl node show bob --json | sed 's/.*"queued":\([0-9]*\).*/\1/'; }
queued_is() { [[ $(queued) == "$1" ]]; }
# piped READER...: recv, and what reads from it. recv's exit code is in $tmp/code.
piped() { { nodectl recv bob --raw "${recv[@]}" 2>"$tmp/err" && echo 0 >"$tmp/code" || echo $? >"$tmp/code"; } | "$@"; }
recv=()

# --- The reader takes some bytes and goes: the messages that they end are acknowledged, and no other. ----------------
seq 1 1000 | exits 0 nodectl send -l --unicast bob
is "ten lines" "$(seq 1 10)" "$(piped head -c 21)"
is "the exit code" 0 "$(<"$tmp/code")"
next_is 11
is "nine lines and a half" $'11\n12\n13\n14\n15\n16\n17\n18\n19\n2' "$(piped head -c 28)"
next_is 20
exits 0 nodectl recv bob -n 1 --raw
out_is 20
exits 0 nodectl purge bob

# More than a pipe holds.
seq 1 100000 | exits 0 nodectl send -l --unicast bob
is "a hundred lines" "$(seq 1 100)" "$(piped head -c 292)"
next_is 101
# A reader that says nothing until its input ends.
recv=(-W "$quiet")
is "the rest" "$(seq 101 100000 | sha256sum)" "$(piped sort -n | sha256sum)"
is "what is left" 0 "$(queued)"

# A message that is larger than the pipe, half of it taken.
head -c 300000 /dev/zero | tr '\0' x | exits 0 nodectl send -s --unicast bob
recv=()
is "a part of it" 100000 "$(piped head -c 100000 | wc -c)"
is "what is left" 1 "$(queued)"
exits 0 nodectl recv bob -n 1 --raw
is "its size" 300001 "$(stat -c %s "$tmp/out")"

# --- recv waits at its end for a reader that comes later, and acknowledges as that goes on. --------------------------
for i in 1 2 3; do exits 0 nodectl send --unicast bob $i; done
mkfifo "$tmp/pipe"
background recv bash -c "exec nodectl recv bob -n 3 --raw >'$tmp/pipe'"
exec 4<"$tmp/pipe"
read -r line <&4
is "the first line" 1 "$line"
wait_for "the first acknowledgement" queued_is 2
kill -0 "$pid" || die "recv did not wait for its reader"
is "the rest" $'2\n3' "$(cat <&4)"
wait "$pid" || die "recv exited $?"
is "what is left" 0 "$(queued)"
exec 4<&-

# A signal ends the waiting; what was not taken is told, and comes again.
for i in 1 2 3; do exits 0 nodectl send --unicast bob $i; done
background recv bash -c "exec nodectl recv bob -n 3 --raw >'$tmp/pipe'"
exec 4<"$tmp/pipe"
read -r line <&4
wait_for "the first acknowledgement" queued_is 2
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
is "recv's exit code" 143 "$code"
grep -q "has not taken 2 messages" "$tmp/recv.err" || die "it does not say what was not taken: $(<"$tmp/recv.err")"
exec 4<&-
exits 0 nodectl recv bob -n 2 --raw
out_is $'2\n3'

# The same while more is to be written than the pipe holds.
exits 0 nodectl send --unicast bob 1
seq 2 50000 | exits 0 nodectl send -l --unicast bob
background recv bash -c "exec nodectl recv bob --raw >'$tmp/pipe'"
exec 4<"$tmp/pipe"
read -r line <&4
wait_for "the first acknowledgement" queued_is 49999
kill -TERM "$pid"
wait "$pid" || die "recv exited $? after SIGTERM"
exec 4<&-
next_is 2
exits 0 nodectl purge bob

# --- What is no pipe is taken when it is written. --------------------------------------------------------------------
exits 0 nodectl send --unicast bob 'to a file'
exits 0 nodectl recv bob -n 1 --raw
out_is 'to a file'
is "what is left" 0 "$(queued)"
exits 0 nodectl send --unicast bob 'to nobody'
exits 1 bash -c 'nodectl recv bob -n 1 --raw >/dev/full'
err_has "cannot write the output"
is "what is left" 1 "$(queued)"

stop_broker
passed
