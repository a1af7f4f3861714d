#!/usr/bin/env bash
# Looking without taking (peek, history) and throwing away (purge), of what is in memory and of what the disk has.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"

look() {
    exits 0 nodectl node create alice bob
    exits 0 nodectl send --from bob --unicast alice --header k=v --id m1 first
    exits 0 nodectl send --from bob --unicast alice --priority 9 urgent
    printf 'a\tb\x01' | exits 0 nodectl send --from bob --unicast alice -s --type text
    exits 0 nodectl peek alice
    is "three, the urgent one first" "bob: urgent|bob: first|bob: a	b\\x01|" \
        "$(cut -d' ' -f2- "$tmp/out" | tr '\n' '|')"
    grep -Eq '^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:.]+Z bob: urgent$' "$tmp/out" || die "no time: $(<"$tmp/out")"
    exits 0 nodectl peek alice -n 2 --json
    is "two lines" 2 "$(wc -l <"$tmp/out")"
    out_has '"payload":"first","headers":{"k":"v"},"id":"m1","priority":4,"sequence":1'
    out_has '"redelivered":false,"acknowledged":false'
    exits 0 nodectl history alice
    out_is ""
    exits 0 nodectl recv alice -n 2 -W 5 --raw
    out_is $'urgent\nfirst'
    exits 0 nodectl history alice
    is "both, the newest last" "bob: urgent|bob: first|" "$(cut -d' ' -f2- "$tmp/out" | tr '\n' '|')"
    exits 0 nodectl history alice -n 1 --json
    out_has '"payload":"first"'
    out_has '"acknowledged":true'
    exits 0 nodectl peek alice
    is "one is left" 1 "$(wc -l <"$tmp/out")"

    head -c 100000 /dev/zero | tr '\0' 'x' | exits 0 nodectl send --from bob --unicast alice -s
    exits 0 nodectl peek alice -n 2
    tail -n 1 "$tmp/out" | grep -Eq 'x{3} \.\.\. \(97\.7 KiB\)$' || die "not cut: $(tail -c 100 "$tmp/out")"
    printf '\xff\xfe' | exits 0 nodectl send --from bob --unicast bob -s
    exits 0 nodectl peek bob --json
    out_has '"payload_b64":"//4="'

    background waiting nodectl send --from bob --unicast alice --wait delivered --timeout 20s waits
    waiting=$pid
    wait_for "what waits" bash -c 'nodectl peek alice | grep -q waits'
    exits 0 nodectl purge alice bob
    out_is $'alice: 3 messages thrown away\nbob: 1 message thrown away'
    ! wait "$waiting" || die "a purged message was delivered"
    grep -q deleted "$tmp/waiting.err" || die "not told of the purge: $(<"$tmp/waiting.err")"
    exits 0 nodectl peek alice
    out_is ""
    exits 0 nodectl send --from bob --unicast alice after
    exits 0 nodectl recv alice -n 1 -W 5 --raw
    out_is after
    err_has "purged"

    exits 0 nodectl group join team alice bob
    seq 1 5 | exits 0 nodectl send -l --multicast team
    exits 0 nodectl history --group team -n 3
    is "the last three" "nodectl (team): 3|nodectl (team): 4|nodectl (team): 5|" \
        "$(cut -d' ' -f2- "$tmp/out" | tr '\n' '|')"
    exits 0 nodectl purge --group team --json
    out_is '{"name":"team","purged":5}'
    exits 0 nodectl history --group team
    out_is ""
    exits 0 nodectl send --multicast team 'after it'
    for reader in bob alice; do
        exits 0 nodectl recv "$reader" -n 1 -W 5 --raw
        out_is 'after it'
    done
    exits 0 nodectl history --broadcast

    exits 5 nodectl peek nobody
    exits 5 nodectl history nobody
    exits 5 nodectl purge nobody
    exits 5 nodectl history --group none
    exits 2 nodectl peek
    exits 2 nodectl history
    exits 2 nodectl purge alice --group team
    exits 2 nodectl peek alice -n 0
}

start_broker
look
stop_broker
store=(--data "$tmp/data")
start_broker
look

# What was purged stays so, and what was not is there, after a kill.
seq 1 2000 | exits 0 nodectl send -l --unicast alice
exits 0 nodectl peek alice -n 1000
is "a thousand of the store's" "nodectl: 1000" "$(tail -n 1 "$tmp/out" | cut -d' ' -f2-)"
exits 0 nodectl purge alice
exits 0 nodectl send --unicast alice survivor
kill -9 "$broker_pid"
wait "$broker_pid" 2>/dev/null || true
start_broker
exits 0 nodectl peek alice
is "the survivor alone" "nodectl: survivor" "$(cut -d' ' -f2- "$tmp/out")"
exits 0 nodectl recv alice -n 1 -W 5 --raw
out_is survivor

stop_broker
passed
