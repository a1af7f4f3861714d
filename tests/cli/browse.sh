#!/usr/bin/env bash
# Nodes, groups, events, statistics, status and the configuration of nodectl itself.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker --http 127.0.0.1:0

background events nodectl events --json
background watch nodectl node watch alice
wait_for "the watchers" bash -c 'nodectl node create probe alice &&
    grep -q alice "$0/watch.out" && grep -q probe "$0/events.out" \
    || { nodectl node delete probe alice; false; }' "$tmp"

exits 0 nodectl node create bob --port 0
port=$(<"$tmp/out")
((port > 0 && port < 65536)) || die "no port: $port"
exits 0 nodectl node show bob --json
out_has "\"name\":\"bob\",\"created\":true,\"attached\":false,\"port\":$port,\"groups\":[]"
exits 0 nodectl group create team
exits 0 nodectl group join team alice bob
exits 0 nodectl send --multicast team 'hello team'
exits 0 nodectl send --unicast bob 'hello bob'
exits 0 nodectl node list
is "the table's header" "NODE STATE KIND PORT QUEUED RECEIVED SENT GROUPS" "$(head -n 1 "$tmp/out" | xargs)"
grep -Eq "^bob +offline +created +$port +1 +1 +0 +team$" "$tmp/out" || die "bob's row: $(<"$tmp/out")"
exits 0 nodectl node list --json
is "a line a node" 3 "$(wc -l <"$tmp/out")"
exits 0 nodectl node show bob
out_has "created: stays until deleted"
exits 0 nodectl group list
grep -Eq '^team +created +2 +1 ' "$tmp/out" || die "the team's row: $(<"$tmp/out")"
exits 0 nodectl group show team --json
out_has '"members":["alice","bob"],"messages":1'

wait_for "the join" grep -q '"joined"' "$tmp/events.out"
grep '"joined"' "$tmp/events.out" | grep -q '"group":"team"' || die "the event names no group"
wait_for "alice's join" grep -Eq 'joined +node alice group team' "$tmp/watch.out"
if grep -q bob "$tmp/watch.out"; then die "watch alice tells of bob"; fi
exits 0 nodectl recv bob -n 2 -W 5
wait_for "bob online and offline" bash -c 'grep -q "\"online\"" "$0" && grep -q "\"offline\"" "$0"' "$tmp/events.out"

exits 0 nodectl stats
for word in broker nodes messages queued receipts refused latency "PER SECOND" bob team; do out_has "$word"; done
exits 0 nodectl stats --json
out_has '"uptime_s"'
out_has '"per_node"'
is "one line" 1 "$(wc -l <"$tmp/out")"
exits 0 nodectl stats --json --watch -n 2
is "two refreshes" 2 "$(wc -l <"$tmp/out")"
background refreshes nodectl stats -n 1000
wait_for "the first of them" grep -q queued "$tmp/refreshes.out"
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
is "stats -n after SIGTERM" 143 "$code"
exits 0 nodectl status
grep -Eq '^status +ok$' "$tmp/out" || die "status: $(<"$tmp/out")"
exits 0 nodectl status --json
out_has '"status":"ok"'

# Flags win over the environment, the environment over the file, the file over the default.
printf '# mine\nbroker = "%s"   # here\nnode = "from-file"\ntimeout = "300ms"\n' "$CAST_BROKER" >"$tmp/nodectl.toml"
broker=$CAST_BROKER
unset CAST_BROKER
export CAST_CONFIG=$tmp/nodectl.toml
exits 0 nodectl send --unicast bob x
exits 0 nodectl recv bob -n 1 -W 5
out_is 'from-file: x'
CAST_NODE=from-env exits 0 nodectl send --unicast bob x
exits 0 nodectl recv bob -n 1 -W 5
out_is 'from-env: x'
CAST_NODE=from-env exits 0 nodectl send --unicast bob x --from flag
exits 0 nodectl recv bob -n 1 -W 5
out_is 'flag: x'
CAST_BROKER=tcp://127.0.0.1:1 exits 3 nodectl status
CAST_BROKER=tcp://127.0.0.1:1 exits 0 nodectl status --broker "$broker"
mkdir -p "$HOME/.config/cast"
mv "$CAST_CONFIG" "$HOME/.config/cast/nodectl.toml"
exits 2 nodectl status
err_has "cannot read the config file"
unset CAST_CONFIG
exits 0 nodectl status
echo 'brokre = "x"' >"$tmp/bad.toml"
exits 2 nodectl --config "$tmp/bad.toml" status
err_has "bad.toml:1"
CAST_BROKER=$broker exits 2 env CAST_TIMEOUT=soon nodectl status

CAST_BROKER=$broker
export CAST_BROKER
exits 0 nodectl group delete team
exits 0 nodectl node delete alice bob probe
exits 0 nodectl node list --json
out_is ""

stop_broker
passed
