#!/usr/bin/env bash
# Receipts, --wait delivered, ttl, priorities, a full mailbox.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker --mailbox-messages 10
exits 0 nodectl node create bob small

# Delivered means acknowledged by the reader.
exits 7 nodectl send --unicast bob --wait delivered --timeout "$brief" early
background reader nodectl recv bob --raw -n 2
reader=$pid
wait_for "the early one" grep -q early "$tmp/reader.out"
exits 0 nodectl send --unicast bob --wait delivered --timeout 5s late
wait "$reader" || die "recv exited $?"
is "both" $'early\nlate' "$(<"$tmp/reader.out")"
# Several: each has its own outcome, and the exit code is of the first that has not got it.
background reader nodectl recv bob --raw -n 1
reader=$pid
wait_attached bob
exits 5 nodectl send --unicast bob,nobody,small --wait delivered --timeout $((2 * ${CAST_TIME_FACTOR:-1}))s each
! grep -q "'bob'" "$tmp/err" || die "bob has got it: $(<"$tmp/err")"
err_has "not delivered to 'nobody': no_such_node"
err_has "not delivered to 'small': timed_out: not acknowledged yet"
wait "$reader" || die "recv exited $?"
exits 0 nodectl recv small -n 1 -W 5 --raw
out_is each
exits 0 nodectl send --unicast bob --wait none whatever
exits 0 nodectl recv bob -n 1 -W 5 --raw
out_is whatever

# A ttl that runs out.
exits 0 nodectl send --unicast bob --ttl 100ms 'too late'
exits 0 nodectl send --unicast bob --ttl 1h 'in time'
nap 0.3
exits 0 nodectl recv bob -n 1 -W 5 --raw
out_is 'in time'
exits 7 nodectl recv bob -W "$quiet"
exits 6 nodectl send --unicast bob --ttl 100ms --wait delivered --timeout 5s 'never read'
err_has expired

# Urgent ones overtake in a mailbox; equals keep their order.
for message in '4 a' '0 z' '9 first' '4 b' '9 second'; do
    exits 0 nodectl send --unicast bob --priority "${message%% *}" "${message#* }"
done
exits 0 nodectl recv bob -n 5 -W 5 --raw
out_is $'first\nsecond\na\nb\nz'

# Full: refused once the time is up, and nothing of what was taken is lost.
seq 1 10 | exits 0 nodectl send -l --unicast small
exits 6 nodectl send --unicast small --timeout "$brief" 'one too many'
err_has mailbox_full
err_has "1 of 1 message refused"
exits 0 nodectl recv small -n 10 -W 5 --raw
out_is "$(seq 1 10)"
exits 0 nodectl send --unicast small 'room again'

# A full mailbox makes send wait; it goes on when there is room.
exits 0 nodectl recv small -n 1 -W 5
seq 1 10 | exits 0 nodectl send -l --unicast small
background waiting nodectl send --unicast small --timeout 10s eleven
waiting=$pid
exits 0 nodectl recv small -n 10 -W 5 --raw
wait "$waiting" || die "the waiting send exited $?"
exits 0 nodectl recv small -n 1 -W 5 --raw
out_is eleven

stop_broker
passed
