#!/usr/bin/env bash
# send --file of any size, by all casts, exits 0 only if whoever receives it could save it; else it says who, and why.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker
exits 0 nodectl node create bob carl away
exits 0 nodectl group join team bob carl away

# on_a_bad_disk COMMAND...: with a disk that obeys $tmp/orders, for the folders that are called bad-something.
on_a_bad_disk() {
    LD_PRELOAD=${CAST_LIB_DIR:-$CAST_BIN_DIR/../lib}/failing_disk.so \
        FAILING_DISK=$tmp/bad- FAILING_DISK_ORDERS=$tmp/orders \
        ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 exec "$@"
}
for size in 0 1 100000 262144 262145 600000; do head -c "$size" /dev/urandom >"$tmp/f-$size"; done

# --- A receiver that cannot save. ------------------------------------------------------------------------------------
echo "write * ENOSPC" >"$tmp/orders"
background bob on_a_bad_disk nodectl recv bob --save-files "$tmp/bad-bob"
bob=$pid
wait_attached bob
full="cannot write 'f-SIZE': No space left on device"
for size in 1 100000 262144 262145 600000; do
    exits 6 nodectl send --unicast bob --file "$tmp/f-$size"
    err_has "'$tmp/f-$size' did not get to 'bob': not_saved: ${full/SIZE/$size}"
    exits 6 nodectl send --unicast bob --wait delivered --file "$tmp/f-$size"
done
exits 6 bash -c "head -c 1000 '$tmp/f-100000' | nodectl send --unicast bob --file /dev/stdin"
err_has "not_saved: cannot write 'stdin'"

background carl nodectl recv carl --save-files "$tmp/carl"
wait_attached carl
for cast in "--unicast carl,bob" "--multicast team" "--broadcast"; do
    for size in 1 262144 600000; do
        # shellcheck disable=SC2086  # flags are words
        exits 6 nodectl send $cast --file "$tmp/f-$size"
        err_has "'$tmp/f-$size' did not get to 'bob': not_saved: ${full/SIZE/$size}"
        is "who failed" 1 "$(grep -c 'did not get' "$tmp/err")"
    done
done
is "what carl has" 9 "$(ls "$tmp/carl" | wc -l)"

echo "sync * EIO" >"$tmp/orders"
exits 6 nodectl send --unicast bob --file "$tmp/f-1"
err_has "did not get to 'bob': not_saved: cannot sync 'f-1': Input/output error"
: >"$tmp/orders"
exits 0 nodectl send --unicast bob --file "$tmp/f-0"
exits 0 nodectl send --unicast bob,carl --file "$tmp/f-1"
exits 0 nodectl send --multicast team --file "$tmp/f-262144"
err_is ""
is "what bob has" "f-0 f-1 f-262144" "$(ls -A "$tmp/bad-bob" | sort | tr '\n' ' ' | sed 's/ $//')"

# Slow to sync: it answers before.
echo "sync * slow:1500" >"$tmp/orders"
exits 0 nodectl send --multicast team --file "$tmp/f-100000"
cmp "$tmp/f-100000" "$tmp/bad-bob/f-100000" || die "it was not there when send said so"
: >"$tmp/orders"
kill "$bob"
code=0
wait "$bob" || code=$?
is "recv's exit code after failures" 1 "$code"
grep -q "cannot save 'f-1' from 'nodectl': not_saved: cannot write 'f-1': No space left" "$tmp/bob.err" ||
    die "recv did not say why"

# --- Who is away, or does not save files. ----------------------------------------------------------------------------
exits 0 nodectl send --unicast away --file "$tmp/f-100000"
err_is ""
exits 0 nodectl recv away -n 1 --save-files "$tmp/away" -W 5
background plain nodectl recv plain
wait_attached plain
exits 0 nodectl send --unicast plain --file "$tmp/f-100000"
exits 0 nodectl send --unicast plain --file "$tmp/f-600000"
exits 5 nodectl send --unicast plain,nobody --file "$tmp/f-1"
err_has "did not get to 'nobody': no_such_node"

stop_broker

# --- A receiver waits for nobody whom a message names: reports that a full node does not take are dropped. -----------
start_broker --mailbox-messages 100
exits 0 nodectl node create bob full
seq 1 100 | exits 0 nodectl send -l --unicast full
for i in {1..90}; do
    printf '{"payload":"","headers":{"part":"offer","transfer":"%032x","correlation":"c",' "$i"
    printf '"name":"f","size":9999999,"report-to":"full"}}\n'
done | exits 0 nodectl send --jsonl --type file --from mallory --unicast bob
exits 0 nodectl send --from alice --unicast bob 'an honest message'
# 90 waits of 2 s would be longer than that.
exits 0 timeout $((60 * ${CAST_TIME_FACTOR:-1})) nodectl recv bob -n 1 --save-files "$tmp/honest"
out_is 'alice: an honest message'
err_is ""

stop_broker
passed
