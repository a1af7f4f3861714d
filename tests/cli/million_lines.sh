#!/usr/bin/env bash
# A million lines through nodectl, the broker and nodectl arrive once each and in order, fast enough, and the broker
# stays small: with a reader that keeps up, and with half of the lines waiting in the mailbox first,
# read into a pipe.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
limit_kib=$((200 * 1024))
lines=1000000
if [[ -n ${CAST_SANITIZE:-} ]]; then # the instrumentation's memory is not the broker's
    lines=100000
    limit_kib=$((2000 * 1024))
fi
start_broker
exits 0 nodectl node create sink

small() {
    local kib
    kib=$(awk '/^VmHWM:/ { print $2 }' "/proc/$broker_pid/status")
    ((kib < limit_kib)) || die "the broker took $kib KiB at its peak, $1"
    printf '%s: at most %d KiB\n' "$1" "$kib"
}

awk -v n=$lines 'BEGIN { for (i = 1; i <= n; i++) print i, "line number", i * 7919 % 1000003 }' >"$tmp/lines"
want=$(sha256sum <"$tmp/lines")

background recv nodectl recv sink -n $lines -W 30 --raw
reader=$pid
wait_attached sink
begin=$(date +%s%N)
exits 0 nodectl send -l --unicast sink --timeout 60s <"$tmp/lines"
wait "$reader" || die "recv exited $?: $(<"$tmp/recv.err")"
printf '%d lines in %d ms\n' $lines $((($(date +%s%N) - begin) / 1000000))
is "the sum of what arrived" "$want" "$(sha256sum <"$tmp/recv.out")"
small "with a reader at work"

half=$((lines / 2))
head -n $half "$tmp/lines" | exits 0 nodectl send -l --unicast sink --timeout 60s
exits 0 nodectl node show sink --json
out_has "\"queued\":$half,"
is "the sum of what waited" "$(head -n $half "$tmp/lines" | sha256sum)" \
    "$(nodectl recv sink -n $half -W 30 --raw | sha256sum)"
exits 0 nodectl node show sink --json
out_has '"queued":0,'
small "with half of the lines waiting"

stop_broker
passed
