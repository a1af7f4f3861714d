#!/usr/bin/env bash
# Every exit code that nodectl promises: 0 done, 1 failed, 2 usage, 3 unreachable, 4 not allowed, 5 no such node or
# group, 6 refused, 7 timed out. And every error says on stderr what to do next.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker --max-message 64KiB --http 127.0.0.1:0

# 0
exits 0 nodectl --version
out_has "nodectl "
exits 0 nodectl --help
out_has "Exit codes:"
for command in node group send recv request reply events stats status "node create" "group join"; do
    # shellcheck disable=SC2086
    exits 0 nodectl $command --help
    out_has "Exit codes:"
done
exits 0 nodectl status
exits 0 nodectl node create alice bob
exits 0 nodectl node create alice
exits 0 nodectl send --unicast alice hello
exits 0 nodectl recv alice -n 1 -W 5 --raw
out_is hello
err_is ""

# 1
printf '{"payload":"ok"}\nnonsense\n{"payload":"never"}\n' >"$tmp/lines"
exits 1 nodectl send --jsonl --unicast bob <"$tmp/lines"
err_has "line 2: not JSON"
exits 0 nodectl recv bob -n 1 -W 5 --raw
out_is ok
exits 1 nodectl send --unicast bob --file "$tmp/missing"
err_has "No such file"

# 2
exits 2 nodectl
exits 2 nodectl frobnicate
err_has "'frobnicate' is no command"
exits 2 nodectl send hello
err_has "--unicast NODE"
exits 2 nodectl send --unicast bob
err_has "exactly one source"
exits 2 nodectl send --unicast bob -l hello
err_has "MESSAGE and -l"
exits 2 nodectl send --unicast bob --broadcast hello
exits 2 nodectl send --unicast bob --priority 10 hello
exits 2 nodectl send --unicast bob --ttl soon hello
err_has "500ms"
exits 2 nodectl send --unicast bob --header novalue hello
exits 2 nodectl send --unicast bob two words
err_has "quotes"
exits 2 nodectl send --multicast team --wait delivered hello
for count in 0 00 -1 1.5 many 99999999999999999999; do
    exits 2 nodectl recv bob -n "$count"
    err_has "is no count"
done
exits 2 nodectl status --timeout 0
err_has "must be more than 0"
exits 2 nodectl recv
exits 2 nodectl recv bob --json --raw
exits 2 nodectl recv bob --format '%z'
err_has "Format codes"
exits 2 nodectl recv bob -W 0
exits 2 nodectl reply bob
exits 2 nodectl request bob
exits 2 nodectl node create 'a/b'
err_has "invalid_name"
exits 2 nodectl node create "$(printf 'x%.0s' {1..129})"
exits 2 nodectl send --unicast 'a/b' hello
exits 2 nodectl send --unicast bob --from '-x' hello

# 3
for command in status "send --unicast bob x" "recv bob -n 1" "node list" "stats" "request bob x"; do
    # shellcheck disable=SC2086
    exits 3 nodectl --broker tcp://127.0.0.1:1 --timeout 300ms $command
    err_has "cannot reach the broker at tcp://127.0.0.1:1"
done
exits 3 nodectl --broker tcp://127.0.0.1:1 --timeout 300ms status --json
out_has '"status":"unreachable"'

# 4
# shellcheck disable=SC2016
exits 4 nodectl node create '$mine'
err_has "forbidden"

# 5
exits 5 nodectl send --unicast nobody hello
err_has "no_such_node nobody"
err_has "nodectl node list"
exits 5 nodectl send --multicast nothing hello
err_has "no_such_group"
exits 5 nodectl node show nobody
exits 5 nodectl node delete nobody
exits 5 nodectl group show nothing
exits 5 nodectl group delete nothing
exits 5 nodectl group join team nobody
exits 5 nodectl request nobody hello

# 6
head -c 65537 /dev/zero >"$tmp/large"
exits 6 nodectl send --unicast bob --file "$tmp/large" --type binary
err_has "too_large"
exits 6 nodectl send --unicast bob -s <"$tmp/large"
exits 6 nodectl send --unicast bob -l <"$tmp/large"
background holder nodectl recv holder
holder=$pid
wait_attached holder
exits 6 nodectl recv holder -n 1
err_has "name_in_use"
err_has "--take-over"
exits 0 nodectl node create door --port 0
port=$(<"$tmp/out")
exits 6 nodectl node create door --port $((port == 4000 ? 4001 : 4000))
err_has "already_exists"

# 7
exits 7 nodectl recv bob -W 0.1
err_has "timed_out"
exits 0 nodectl send --unicast bob one
exits 7 nodectl recv bob -n 2 -W "$quiet"
out_is "nodectl: one"
exits 7 nodectl request bob hello --timeout "$brief"
exits 7 nodectl events -W 0.1
exits 7 nodectl send --unicast bob --wait delivered --timeout "$brief" hello

# 3, and not 7, where nothing came because the broker went meanwhile.
seen_by_watcher() {
    nodectl node create beep && nodectl node delete beep && grep -q beep "$tmp/watcher.out"
}
long=$((10 * ${CAST_TIME_FACTOR:-1})) # the broker goes long before
background reader nodectl recv waiting -W "$long"
reader=$pid
wait_attached waiting
background watcher nodectl events -W "$long"
watcher=$pid
wait_for "the watcher" seen_by_watcher
kill "$holder"
stop_broker
for pid in "$reader" "$watcher"; do
    code=0
    wait "$pid" || code=$?
    is "the exit code of one whose broker went" 3 "$code"
done
passed
