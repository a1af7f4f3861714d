#!/usr/bin/env bash
# Dead letters: what expires and what is left of deleted nodes; list, show, requeue and purge them, also over a kill.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"

newest() { nodectl dead list -n 1 --json | sed -n 's/^{"id":\([0-9]*\),.*/\1/p'; }
total() { nodectl dead list -n 1000 --json | wc -l; }

store=(--data "$tmp/data")
start_broker
exits 0 nodectl node create alice bob
exits 0 nodectl dead list --json
out_is ""

exits 0 nodectl send --from bob --unicast alice --ttl 50ms --header k=v --id m1 --priority 7 --type json '{"a":1}'
wait_for "the expiry" bash -c 'nodectl dead list | grep -q expired'
exits 0 nodectl dead list
grep -Eq '^ *[0-9]+ +alice +expired +20[-0-9T:.]+Z +bob: \{"a":1\}$' "$tmp/out" || die "the row: $(<"$tmp/out")"
exits 0 nodectl dead list --json
out_has '"node":"alice","reason":"expired"'
letter='"sender":"bob","target":"alice","kind":"unicast","type":"json","payload":"{\"a\":1}",'
letter+='"headers":{"k":"v"},"id":"m1","priority":7'
out_has '"message":{'"$letter"
id=$(newest)
exits 0 nodectl dead show "$id"
for word in "node +alice" "reason +expired" "sender +bob" "headers +id=m1 k=v" "priority +7"; do
    grep -Eq "^$word$" "$tmp/out" || die "show lacks $word: $(<"$tmp/out")"
done
exits 0 nodectl dead show "$id" --raw
out_is '{"a":1}'

# Back as it was, and no longer dead.
exits 0 nodectl dead requeue "$id"
out_is '1 message put back'
exits 0 nodectl peek alice --json
out_has "$letter"
exits 0 nodectl recv alice -n 1 -W 5 --raw
out_is '{"a":1}'
is "none is left" 0 "$(total)"
exits 5 nodectl dead requeue "$id"
exits 5 nodectl dead show "$id"
exits 5 nodectl dead purge "$id"

# A deleted node's mail, of the store's; it survives a kill, and cannot come back while there is no node.
seq 1 500 | exits 0 nodectl send -l --unicast alice
exits 0 nodectl send --unicast bob keep
exits 0 nodectl node delete alice
wait_for "the dead" bash -c '(($(nodectl dead list -n 1000 --json | wc -l) == 500))'
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker
is "all of them after the kill" 500 "$(total)"
is "in their order" "$(seq 1 500)" "$(nodectl dead list -n 1000 --json | sed 's/.*"payload":"\([0-9]*\)".*/\1/')"
exits 0 nodectl dead list --node bob
is "none of bob" 1 "$(wc -l <"$tmp/out")"
exits 5 nodectl dead requeue "$(newest)"
exits 5 nodectl dead requeue --all
out_is '0 messages put back'
err_has "no_such_node: cannot requeue 500 dead letters to 'alice'"
is "a line, not 500" 1 "$(wc -l <"$tmp/err")"
exits 0 nodectl node create alice
exits 0 nodectl dead purge "$(newest)" --json
out_is '{"purged":1,"failed":0}'
exits 0 nodectl dead requeue --node alice
out_is '499 messages put back'
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker
is "none is dead" 0 "$(total)"
exits 0 nodectl recv alice -n 499 -W 5 --raw
out_is "$(seq 1 499)"

# What expires while the broker is down, and what it purges.
exits 0 nodectl send --unicast alice --ttl 300ms 'while it was down'
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
nap 0.4
start_broker
exits 7 nodectl recv alice -n 1 -W "$quiet"
is "it is dead" 1 "$(total)"
exits 0 nodectl dead purge --all
out_is '1 message thrown away'
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker
is "and stays away" 0 "$(total)"
exits 0 nodectl recv bob -n 1 -W 5 --raw
out_is keep

# What runs out after a restart makes room, though nobody reads it.
exits 0 nodectl send --unicast alice --ttl 2s 'nobody reads it'
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker --mailbox-messages 1
exits 0 nodectl send --unicast alice --timeout $((20 * ${CAST_TIME_FACTOR:-1}))s 'in its place'
exits 0 nodectl dead list --json
out_has '"payload":"nobody reads it"'
exits 0 nodectl recv alice -n 1 -W 5 --raw
out_is 'in its place'
exits 0 nodectl dead purge --all
stop_broker
start_broker

# What a command does not take is refused, and recv goes on; a group's message comes back to the one who refused it.
exits 0 nodectl node create worker other
exits 0 nodectl group join team worker other
seq 1 4 | exits 0 nodectl send -l --from bob --unicast worker --header try=1
exits 0 nodectl send --from bob --multicast team 'for all'
exits 1 nodectl recv worker -n 5 -W 5 --nack --exec 'read -r word; [ "$word" = 2 ] || [ "$word" = 4 ] || exit 3'
is "the warnings" 3 "$(grep -c 'goes to the dead letters' "$tmp/err")"
exits 0 nodectl dead list --node worker --json
# A group and a mailbox are two streams: which of them comes first is left open.
is "their payloads" "1 3 for all" "$(sed 's/.*"payload":"\([^"]*\)".*/\1/' "$tmp/out" | LC_ALL=C sort | xargs)"
out_has '"reason":"refused","detail":"exit status 3"'
out_has '"sender":"bob","target":"worker","kind":"unicast","type":"text","payload":"1","headers":{"try":"1"}'
out_has '"sender":"bob","target":"team","kind":"multicast","type":"text","payload":"for all"'
exits 7 nodectl recv worker -n 1 -W "$quiet"
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker
exits 0 nodectl dead requeue --node worker
out_is '3 messages put back'
exits 0 nodectl recv worker -n 3 -W 5 --format '%s %h{try} %p\n'
is "in any order" $'bob  for all\nbob 1 1\nbob 1 3' "$(LC_ALL=C sort "$tmp/out")"
exits 0 nodectl recv other -n 1 -W 5 --raw
out_is 'for all'
head -c 1048576 /dev/zero | tr '\0' 'x' >"$tmp/large"
exits 0 nodectl send --unicast worker -s <"$tmp/large"
exits 1 nodectl recv worker -n 1 -W 5 --nack --exec false
exits 0 nodectl dead requeue "$(newest)"
exits 0 nodectl recv worker -n 1 -W 5 -N
is "as large as a message may be" 1048576 "$(wc -c <"$tmp/out")"
exits 2 nodectl recv worker --nack

# A node that vanishes with its program; the bound.
background reader nodectl recv carol --exec 'cat >/dev/null; kill -9 $PPID'
wait_attached carol
exits 0 nodectl send --unicast carol left
wait_for "carol's end" bash -c 'nodectl dead list --node carol | grep -q left'
stop_broker
start_broker --dead-messages 3
seq 1 9 | exits 0 nodectl send -l --unicast bob
exits 0 nodectl node delete bob
wait_for "the last of them" bash -c 'nodectl dead list --json | grep -q "\"payload\":\"9\""'
is "the newest three" $'7\n8\n9' "$(nodectl dead list --json | sed 's/.*"payload":"\([0-9]*\)".*/\1/')"
exits 2 nodectl dead
exits 2 nodectl dead requeue
exits 2 nodectl dead purge 1 --all
exits 2 nodectl dead show
exits 2 nodectl dead show -1
exits 2 nodectl dead purge 1x
err_has "'1x' is no id: 'nodectl dead list' shows them"
stop_broker
passed
