#!/usr/bin/env bash
# Requests are answered by a shell command, also ones sent before anybody answers; the ways they fail are told apart.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker

# shellcheck disable=SC2016
background reply nodectl reply calculator --exec 'read -r sum; echo "$(($sum)) for $CAST_SENDER"'
wait_attached calculator
exits 0 nodectl request calculator '2+3' --from alice
out_is '5 for alice'
echo '6*7' | exits 0 nodectl request calculator -s
out_is '42 for nodectl'
exits 0 nodectl request calculator '1+1' --json
out_has '"sender":"calculator"'
out_has '"payload":"2 for nodectl\n"'
for i in 1 2 3 4 5 6 7 8; do
    nodectl request calculator "$i*$i" >"$tmp/answer.$i" &
    asking[i]=$!
done
for i in 1 2 3 4 5 6 7 8; do
    wait "${asking[i]}" || die "request $i exited $?"
    is "answer $i" "$((i * i)) for nodectl" "$(<"$tmp/answer.$i")"
done

# A plain message is no request, and does no harm.
exits 0 nodectl send --unicast calculator 'no request'
exits 0 nodectl request calculator '1+2'
out_is '3 for nodectl'
grep -q 'no request' "$tmp/reply.err" || die "nothing is said of the plain message"

# Failures.
background failing nodectl reply failing --exec 'echo sorry; exit 4' -n 1
failing=$pid
wait_attached failing
exits 1 nodectl request failing x
out_is sorry
err_has "status 4"
wait "$failing" || die "reply exited $?"

# An answer that is too large: both sides are told, nobody waits in vain.
background large nodectl reply large --exec 'head -c 20000000 /dev/zero' -n 1
large=$pid
wait_attached large
exits 1 nodectl request large x --timeout 60s
err_has "too_large: the answer has 20000000 bytes"
code=0
wait "$large" || code=$?
is "what reply exits with" 1 "$code"
grep -q "gets no answer: too_large" "$tmp/large.err" || die "reply says nothing: $(<"$tmp/large.err")"
exits 0 nodectl node create absent
exits 5 nodectl request nobody x
exits 6 nodectl request absent x --attached
err_has node_absent
exits 7 nodectl request absent x --timeout "$brief"

# Sent while nobody answers, answered once somebody does.
background early nodectl request absent 'are you there?' --timeout 10s
early=$pid
queued() { nodectl node show absent --json | grep -q '"queued":[1-9]'; }
wait_for "the request in the mailbox" queued
background late nodectl reply absent --exec 'echo yes'
wait "$early" || die "the early request exited $?"
is "the late answer" yes "$(<"$tmp/early.out")"

stop_broker
passed
