#!/usr/bin/env bash
# What waits for its time: --at, --delay, later list and cancel, a kill -9 in between, refusals; and --when-full reject.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"

start_durable() {
    rm -f "$tmp/ends"
    cast-broker --data "$tmp/data" --bind tcp://127.0.0.1:0 --publish tcp://127.0.0.1:0 \
        --endpoints-file "$tmp/ends" "$@" >"$tmp/broker.log" 2>&1 </dev/null &
    broker_pid=$!
    started+=("$broker_pid")
    wait_for "the broker's ends" grep -q '^publish=' "$tmp/ends"
    CAST_BROKER=$(sed -n 's/^bind=//p' "$tmp/ends" | head -n 1)
    export CAST_BROKER
}

start_durable --later-messages 20 --later-time 1h
exits 0 nodectl node create bob eve
exits 0 nodectl group join team bob

# Not before its time, and then by all three casts.
wait_s=$((2 * ${CAST_TIME_FACTOR:-1})) # longer than sending them and receiving the first takes
begin=$(date +%s%N)
exits 0 nodectl send --unicast bob --delay "${wait_s}s" unicast
exits 0 nodectl send --multicast team --delay "${wait_s}s" multicast
exits 0 nodectl send --broadcast --at "$(date -u -d "+$wait_s second" +%Y-%m-%dT%H:%M:%S.%NZ)" broadcast
exits 0 nodectl send --unicast bob now
exits 0 nodectl recv bob -n 1 -W 5s --raw
out_is now
exits 0 nodectl recv bob -n 3 -W "$((10 * wait_s))s" --raw
took=$((($(date +%s%N) - begin) / 1000000))
is "all of it" $'broadcast\nmulticast\nunicast' "$(sort "$tmp/out")"
((took >= 1000 * wait_s)) || die "it came after $took ms"

exits 0 nodectl recv eve -n 1 -W 5s --raw
out_is broadcast

# A time that has passed is now; the ttl counts from when it goes.
exits 0 nodectl send --unicast bob --at 1 past
exits 0 nodectl send --unicast bob --delay 300ms --ttl 10s 'short of life'
exits 0 nodectl recv bob -n 2 -W 10s --raw
out_is $'past\nshort of life'

# What waits can be seen and canceled.
exits 0 nodectl send --unicast bob --delay 30m first
exits 0 nodectl send --multicast team --delay 10m second
exits 0 nodectl later list --json
grep -q '"target":"team"' <(head -n 1 "$tmp/out") || die "the next one is not first: $(<"$tmp/out")"
exits 0 nodectl later list
out_has "group team"
id=$(awk '$5 == "bob" { print $1 }' "$tmp/out")
exits 0 nodectl later cancel "$id"
exits 5 nodectl later cancel "$id"
err_has "nothing waits under $id"
exits 0 nodectl later list --json
is "what is left" 1 "$(wc -l <"$tmp/out")"
exits 0 nodectl stats
out_has "waiting for their time"

# Receipted is kept: it outlives the broker, and comes once.
for i in 1 2 3; do exits 0 nodectl send --unicast eve --delay 2s --id "$i" "kept $i"; done
kill -KILL "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_durable --later-messages 20 --later-time 1h
exits 0 nodectl recv eve -n 3 -W 20s --raw
out_is $'kept 1\nkept 2\nkept 3'
exits 7 nodectl recv eve -W "$quiet" --raw
out_is ''
exits 0 nodectl later list --json
is "what is left" 1 "$(wc -l <"$tmp/out")"

# Refusals.
exits 2 nodectl send --unicast bob --delay 2h far
err_has invalid_argument
err_has "later-time"
exits 5 nodectl send --unicast nobody --delay 1s x
err_has no_such_node
seq 1 19 | exits 0 nodectl send -l --unicast bob --delay 30m
exits 6 nodectl send --unicast bob --delay 30m 'one too many'
err_has too_many
exits 2 nodectl send --unicast bob --delay 1s --at 12:00 both
exits 2 nodectl later cancel 1 abc
err_has "'abc' is no id: 'nodectl later list' shows them"
exits 2 nodectl send --unicast bob --at soon x
err_has "'soon' is no time"

# What no clock here can show is refused, and does not become a time that has passed; so is what is too long to count.
exits 0 nodectl node create future
for at in 2262-04-11T23:47:16Z 2262-04-12T00:00Z 2500-01-01T00:00 9999-12-31T00:00Z 20242700000 99999999999999999999; do
    exits 2 nodectl send --unicast future --at "$at" x
    err_has "'$at' is no time up to 2262-04-11"
    exits 1 nodectl send --jsonl <<<"{\"to\":\"future\",\"payload\":\"x\",\"at\":\"$at\"}"
    err_has '"at" must be a time up to 2262-04-11'
done
exits 2 nodectl send --unicast future --at 2262-04-11T23:47:15Z x
err_has "later-time"
for long in 3661d 99999999d 1000000000000000000000s 18446744073709551617ms; do
    for option in --delay --ttl --timeout; do
        exits 2 nodectl send --unicast future "$option" "$long" x
        err_has "'$long' is no duration of at most 3660 days"
    done
    exits 2 nodectl recv future -W "$long"
    CAST_TIMEOUT=$long exits 2 nodectl status
    exits 1 nodectl send --jsonl --unicast future <<<"{\"payload\":\"x\",\"ttl\":\"$long\"}"
    err_has '"ttl" must be a duration of at most 3660 days'
done
exits 2 nodectl send --unicast future --ttl 50d x
err_has "49 days"
exits 0 nodectl peek future
out_is ""
exits 2 nodectl send --unicast bob --delay 1s --file "$0"
stop_broker

# A broker that rejects: no waiting for room, and nothing that was taken is lost.
start_broker --mailbox-messages 3 --when-full reject
exits 0 nodectl node create small
nodectl send --jsonl --unicast small <<<'{"payload":"a","delay":"50ms"}' || die "jsonl with a delay"
exits 0 nodectl recv small -n 1 -W 10s --raw
out_is a
seq 1 3 | exits 0 nodectl send -l --unicast small
begin=$(date +%s%N)
exits 6 nodectl send --unicast small --timeout 20s 'one too many'
err_has mailbox_full
took=$((($(date +%s%N) - begin) / 1000000))
((took < 10000)) || die "the refusal took $took ms"
exits 0 nodectl recv small -n 3 -W 5s --raw
out_is $'1\n2\n3'
exits 0 nodectl send --unicast small 'room again'
exits 0 nodectl recv small -n 1 -W 5s --raw
out_is 'room again'
stop_broker
passed
