#!/usr/bin/env bash
# start.sh [RUNS]: one message from the shell, the start of the program to its exit with the receipt in hand: `nodectl
# send` against `mosquitto_pub -q 1`, RUNS (200) of each in turns of three rounds. Starts both brokers on free ports and
# ends them. Needs the packages of the sections "build" and "bench" of conf/packages.txt; builds the preset bench.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
runs=${1:-200}
"$here/compare/prepare.sh"
cmake --build "$root/build/bench" --target nodectl >"$root/build/bench.log" 2>&1 ||
    { cat "$root/build/bench.log" && exit 1; }
export PATH=$root/build/bench/bin:$PATH:/usr/sbin
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$work/mosquitto.conf"
mosquitto -c "$work/mosquitto.conf" >/dev/null 2>&1 &
pids+=($!)
cast-broker --memory --http off --bind tcp://127.0.0.1:0 --publish tcp://127.0.0.1:0 \
    --endpoints-file "$work/ends" 2>/dev/null &
pids+=($!)
for _ in $(seq 100); do
    [ -s "$work/ends" ] && mosquitto_pub -p "$port" -t a -m up 2>/dev/null && break
    sleep 0.05
done
CAST_BROKER=$(sed -n 's/^bind=//p' "$work/ends")
export CAST_BROKER
nodectl node create bob >/dev/null
for round in 1 2 3; do
    hyperfine -N --warmup 20 --runs "$runs" --export-json "$work/times.json" \
        'nodectl send --from alice --unicast bob hello' "mosquitto_pub -p $port -q 1 -t a -m hello" >/dev/null 2>&1
    nodectl recv bob --raw -W 1s >/dev/null
    python3 - "$work/times.json" "$round" <<'EOF'
import json, sys
ours, theirs = (r["median"] * 1000 for r in json.load(open(sys.argv[1]))["results"])
print(f"round {sys.argv[2]}: nodectl send {ours:.2f} ms, mosquitto_pub -q 1 {theirs:.2f} ms, "
      f"{ours / theirs:.2f} times (medians)")
EOF
done
