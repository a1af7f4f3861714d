#!/usr/bin/env bash
# Unicast, multicast and broadcast reach created nodes that nobody receives as, and nodes that are attached.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker

# Absent.
exits 0 nodectl node create alice bob charlie
exits 0 nodectl group join team alice bob
exits 0 nodectl send --from alice --unicast bob,charlie 'to two'
exits 0 nodectl send --from alice --unicast bob --unicast charlie 'to two again'
exits 0 nodectl send --from alice --multicast team 'to the team'
exits 0 nodectl send --from alice --broadcast 'to all'
exits 0 nodectl recv charlie -n 3 -W 5
is "charlie's mail" $'alice (all): to all\nalice: to two\nalice: to two again' "$(sort "$tmp/out")"
exits 0 nodectl recv bob -n 4 -W 5
is "bob's mail" $'alice (all): to all\nalice (team): to the team\nalice: to two\nalice: to two again' \
    "$(sort "$tmp/out")"
exits 7 nodectl recv alice -W "$quiet"
out_is ""

# What was read is read.
exits 7 nodectl recv bob -W "$quiet"
out_is ""

# --echo brings the sender's own back.
exits 0 nodectl send --from alice --multicast team --echo 'myself, too'
exits 0 nodectl recv alice -n 1 -W 5
out_is 'alice (team): myself, too'

# Attached, by a node that attaching makes and that joins by itself.
background dora nodectl recv dora --group team -n 3
dora=$pid
wait_attached dora
wait_for "dora to be a member" bash -c 'nodectl group show team | grep -q dora'
exits 0 nodectl send --from bob --unicast dora one
exits 0 nodectl send --from bob --multicast team two
exits 0 nodectl send --from bob --broadcast three
wait "$dora" || die "recv of dora exited $?"
is "dora's mail" $'bob (all): three\nbob (team): two\nbob: one' "$(sort "$tmp/dora.out")"
exits 0 nodectl group leave team bob
exits 0 nodectl group show team --json
out_has '"members":["alice"'

# A node is not deleted in silence.
exits 0 nodectl node delete bob
exits 5 nodectl send --unicast bob,charlie hello
err_has "1 of 2 messages refused: no_such_node bob"
exits 0 nodectl recv charlie -W "$quiet" --raw
out_has hello

# CAST_NODE says who sends.
CAST_NODE=erin exits 0 nodectl send --unicast charlie hi
exits 0 nodectl recv charlie -n 1 -W 5
out_has 'erin: hi'

stop_broker
passed
