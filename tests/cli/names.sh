#!/usr/bin/env bash
# Names on the command line are looked at before anything is done: a command with one bad name among several changes and
# sends nothing. What fails at the broker for some of several names says for how many it was done.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker
exits 0 nodectl node create bob alice
exits 0 nodectl group join team bob

queued() { nodectl node show "$1" --json | sed 's/.*"queued":\([0-9]*\).*/\1/'; }
before() { nodectl node list --json | sed 's/"received.*//' && nodectl group list --json; }

# --- Sending: all or nothing, and spaces around commas are no part of a name. ----------------------------------------
for names in 'bob,a/b' 'bob,al ice' 'bob, ,alice' 'bob,-x' '' ' '; do
    exits 2 nodectl send --unicast "$names" hello
    err_has "invalid_name"
    exits 2 nodectl send -l --unicast "$names" <<<x
    exits 2 nodectl send --unicast "$names" --file /etc/passwd
done
exits 2 nodectl send --unicast bob --unicast 'a/b' hello
exits 2 nodectl send --unicast bob --from 'a b' hello
printf '{"to":["bob","al ice"],"payload":"x"}\n' | exits 1 nodectl send --jsonl
err_has "line 1: invalid_name: 'al ice'"
is "what bob has" 0 "$(queued bob)"
for names in 'bob, alice' ' bob,alice ' $'bob\t,  alice'; do exits 0 nodectl send --unicast "$names" hello; done
is "what bob has" 3 "$(queued bob)"
is "what alice has" 3 "$(queued alice)"
exits 0 nodectl purge bob alice

# --- Every other command refuses what can be no name, and does nothing. ----------------------------------------------
exits 0 nodectl send --unicast bob kept
was=$(before)
bad='b c'
for command in "node create carl X dora" "node delete bob X" "node show X" "node watch X" "node watch bob X" \
    "group create news X" "group delete team X" "group join team alice X" "group join X alice" \
    "group leave team bob X" "group show X" "send --multicast X hello" "recv X" "recv bob -n 1 --group X" \
    "reply X --exec true" "request X hello" "request bob --from X hello" "peek X" "history X" "history --group X" \
    "purge bob X" "purge --group X" "dead list --node X" "dead purge --node X" "dead requeue --node X"; do
    words=()
    for word in $command; do words+=("${word/#X/$bad}"); done
    exits 2 timeout 20 nodectl "${words[@]}"
    err_has "invalid_name: 'b c'"
done
is "what there is" "$was" "$(before)"
exits 2 nodectl node show $'bell\a'
err_has "'bell\\x07'"

# --- Those that the broker refuses: the others are done, and how many is said. ---------------------------------------
exits 5 nodectl node delete alice nosuch bob
err_has "cannot delete node 'nosuch': no_such_node"
err_has "deleted 2 of 3 nodes"
# shellcheck disable=SC2016
exits 4 nodectl node create alice '$mine' bob
err_has "created 2 of 3 nodes"
# shellcheck disable=SC2016
exits 4 nodectl group create news '$mine'
err_has "created 1 of 2 groups"
exits 5 nodectl group delete nosuch news
err_has "deleted 1 of 2 groups"
exits 5 nodectl purge nosuch alice
out_is "alice: 0 messages thrown away"
exits 5 nodectl node delete nosuch
is "words for one" 1 "$(wc -l <"$tmp/err")"

# Members come and go together, or not at all.
exits 5 nodectl group join crew alice nosuch bob
err_has "nosuch"
exits 5 nodectl group show crew
exits 0 nodectl group join crew alice bob
exits 5 nodectl group leave crew alice nosuch
exits 0 nodectl group show crew --json
out_has '"members":["alice","bob"]'

stop_broker
passed
