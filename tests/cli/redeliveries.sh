#!/usr/bin/env bash
# A message that ends its readers: it comes again so often and no more, is a dead letter then, and those behind it are
# read.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"

# What a worker does of which one kind of message is the end. It ends when the broker has its word for those before, and
# itself with its parent: what an orphan writes would stand among the errors of the next reader.
patience=$((20 * ${CAST_TIME_FACTOR:-1}))s
work='read -r word; [ "$word" = poison ] || exit 0
while first=$(nodectl peek "$reads" -n 1); do case $first in *poison) kill -9 $PPID; exit ;; esac; done'
dies() { reads=$1 exits 137 nodectl recv "$1" -W "$patience" -n 9 --exec "$work"; }

store=(--data "$tmp/data")
start_broker --max-redeliveries 2
exits 0 nodectl node create bob carol other
printf '%s\n' one two poison three four | exits 0 nodectl send -l --unicast bob
dies bob
dies bob
exits 0 nodectl send --unicast other 'with this receipt the count is on the disk, too'
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker --max-redeliveries 2
is "nothing is dead yet" "" "$(nodectl dead list --json)"
dies bob # the end of the broker was none of a reader's, so the second of them was not counted
dies bob
is "nothing is dead yet" "" "$(nodectl dead list --json)"
exits 0 nodectl recv bob -W "$patience" -n 2 --format '%p\n'
out_is $'three\nfour'
err_has 'without acknowledging'
exits 0 nodectl dead list --json
out_has '"node":"bob","reason":"redeliveries","detail":"3 readers went without acknowledging it"'
out_has '"payload":"poison"'
is "the others live" 1 "$(wc -l <"$tmp/out")"
exits 0 nodectl send --unicast other 'with this receipt the cursor is on the disk, too'
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker --max-redeliveries 2
exits 0 nodectl dead list --json
out_has '"payload":"poison"'
exits 7 nodectl recv bob -n 1 -W "$quiet"

# Its sender is told.
background sender nodectl send --unicast carol --wait delivered --timeout "$patience" poison
sender_pid=$pid
wait_for "the message" bash -c 'nodectl peek carol | grep -q poison'
for _ in 1 2 3; do dies carol; done
exits 7 nodectl recv carol -n 1 -W "$quiet"
code=0
wait "$sender_pid" || code=$?
is "the sender's exit code" 6 "$code"
grep -q undeliverable "$tmp/sender.err" || die "the sender was told: $(<"$tmp/sender.err")"

# Without the setting it comes for ever.
stop_broker
exits 0 cast-broker --data "$tmp/data" --check-data
start_broker
exits 0 nodectl send --unicast bob poison
for _ in 1 2 3 4 5 6; do dies bob; done
exits 0 nodectl recv bob -n 1 -W "$patience" --raw
out_is poison
stop_broker
passed
