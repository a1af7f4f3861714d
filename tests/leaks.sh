#!/usr/bin/env bash
# leaks.sh: plays all three casts with a broker and a nodectl that run under valgrind; fails on a leak or a bad access.
set -euo pipefail
bin=${CAST_BIN_DIR:?"the directory of cast-broker and nodectl"}
work=$(mktemp -d)
daemon=
check=(valgrind -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --error-exitcode=99)

finish() {
    if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then
        kill -KILL "$daemon"
    fi
    rm -rf "$work"
}
trap finish EXIT

# nodectl ARGUMENTS...: under valgrind, against this broker.
nodectl() { "${check[@]}" "$bin/nodectl" "$@"; }

# same NAME EXPECTED ACTUAL
same() {
    if [ "$2" != "$3" ]; then
        printf '%s: expected "%s", got "%s"\n' "$1" "$2" "$3"
        exit 1
    fi
}

"${check[@]}" "$bin/cast-broker" --data "$work/data" --bind tcp://127.0.0.1:0 --publish tcp://127.0.0.1:0 \
    --http off --endpoints-file "$work/ends" &
daemon=$!
for _ in $(seq 300); do
    if [ -s "$work/ends" ] || ! kill -0 "$daemon" 2>/dev/null; then
        break
    fi
    sleep 0.1
done
CAST_BROKER=$(sed -n 's/^bind=//p' "$work/ends" | head -n 1)
export CAST_BROKER CAST_TIMEOUT=60s

nodectl node create alice bob
nodectl group create team
nodectl group join team alice bob
nodectl send --unicast bob --from alice one
seq 1000 | nodectl send --unicast bob --from alice -l
nodectl send --multicast team --from alice two
nodectl send --broadcast --from alice three
same "what bob received" "1003 one three two" \
    "$(nodectl recv bob -n 1003 -W 60 --raw >"$work/bob" &&
        echo "$(wc -l <"$work/bob") $(grep '[a-z]' "$work/bob" | sort | xargs)")"
nodectl stats >/dev/null
nodectl status >/dev/null

kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
daemon=
same "the broker's exit code" 0 "$status"
echo "no leak"
