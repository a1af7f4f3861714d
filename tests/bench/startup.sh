#!/usr/bin/env bash
# startup.sh [RUNS]: how long a broker takes from exec to its first answer, and how much memory, when 1,000,000 messages
# wait in 10,000 mailboxes of its store (goal: under 1 s and 100 MiB). Fills a store through a broker, kills that with
# -9, then starts it RUNS (5) times, half of them after a kill -9, too. Prints the medians. Exit 1 when a goal is
# missed. $CAST_BIN_DIR names the programs; without it the preset bench is built. $CAST_STARTUP_MAILBOXES: fewer, to try
# it out.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
runs=${1:-5}
mailboxes=${CAST_STARTUP_MAILBOXES:-10000}
each=100
# shellcheck source=programs.sh
. "$here/programs.sh"
work=$(mktemp -d)
broker=
trap 'kill -KILL $broker 2>/dev/null || true; rm -rf "$work"' EXIT
export CAST_BROKER=ipc://$work/broker

start() {
    rm -f "$work/ends"
    cast-broker --data "$work/data" --http off --bind "$CAST_BROKER" --publish "ipc://$work/publish" \
        --endpoints-file "$work/ends" --log-level warning &
    broker=$!
    until [[ -s $work/ends ]]; do sleep 0.002; done
}

now_us() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

start
mapfile -t names < <(seq -f 'mailbox-%.0f' "$mailboxes")
for ((i = 0; i < mailboxes; i += 1000)); do nodectl node create "${names[@]:i:1000}" >/dev/null; done
payload=$(printf 'x%.0s' {1..90})
filled=$(now_us)
for ((i = 0; i < mailboxes; i += 500)); do
    targets=$(IFS=, && echo "${names[*]:i:500}")
    for ((n = 0; n < each; ++n)); do printf '%s %d\n' "$payload" "$n"; done |
        nodectl send -l --timeout 5m --unicast "$targets"
done
filled=$(($(now_us) - filled))
queued=$(nodectl stats --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["queued"]["messages"])')
[[ $queued == $((mailboxes * each)) ]] || { echo "the store holds $queued messages" >&2 && exit 1; }
kill -KILL "$broker"
wait "$broker" 2>/dev/null || true
printf '%s messages in %s mailboxes, filled in %s s, %s MiB on disk\n' \
    "$queued" "$mailboxes" "$((filled / 1000000))" "$(du -sm "$work/data" | cut -f1)"

for ((run = 1; run <= runs; ++run)); do
    began=$(now_us)
    start
    nodectl status --json >/dev/null
    took=$(($(now_us) - began))
    peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$broker/status")
    echo "$took" >>"$work/times"
    echo "$peak" >>"$work/peaks"
    printf 'run %d: %d ms, peak %d MiB, resident %d MiB\n' "$run" $((took / 1000)) $((peak / 1024)) \
        $(($(awk '/^VmRSS/ { print $2 }' "/proc/$broker/status") / 1024))
    kill -"$([[ $((run % 2)) == 0 ]] && echo KILL || echo TERM)" "$broker"
    wait "$broker" 2>/dev/null || true
done
took=$(median <"$work/times")
peak=$(median <"$work/peaks")
printf '{"messages": %d, "mailboxes": %d, "first_answer_ms": %d, "peak_kib": %d}\n' \
    "$queued" "$mailboxes" $((took / 1000)) "$peak"
if ((took >= 1000000 || peak >= 100 * 1024)); then
    echo "FAILED: the goal is under 1,000 ms and 102,400 KiB" >&2
    exit 1
fi
