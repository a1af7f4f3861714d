#!/usr/bin/env bash
# How received messages are printed: for people, raw, as JSON, by a format; and how recv ends.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker
exits 0 nodectl node create bob

say() { nodectl send --from alice --unicast bob "$@"; }

# For people: nothing can drive the terminal.
printf 'bell\a esc\033[2J bad\377 \303\244\t\342\200\256' | say -s
exits 0 nodectl recv bob -n 1 -W 5
out_is $'alice: bell\\x07 esc\\x1b[2J bad\\xff ä\t\\u202e'

# Bytes.
printf 'a\0\377' >"$tmp/in"
for mode in "--raw 0a" "-N " "-0 00"; do
    say -s <"$tmp/in"
    exits 0 nodectl recv bob -n 1 -W 5 "${mode%% *}"
    is "$mode" "6100ff${mode#* }" "$(od -An -tx1 "$tmp/out" | tr -d ' \n')"
done

# JSON.
say --type text/plain --header 'k"=v' --id x1 --priority 7 $'two\nlines "\\ ä'
exits 0 nodectl recv bob -n 1 -W 5 --json
message='{"sender":"alice","target":"bob","kind":"unicast","type":"text/plain","payload":"two\nlines \"\\ ä",'
out_has "$message"'"headers":{"k\"":"v"},"id":"x1","priority":7,"sequence":'
out_has '"redelivered":false}'
grep -Eq '"arrival":"20[0-9-]{8}T[0-9:]{8}\.[0-9]{6}Z"' "$tmp/out" || die "no arrival: $(<"$tmp/out")"
printf '\377\376' | say -s
exits 0 nodectl recv bob -n 1 -W 5 --json
out_has '"payload_b64":"//4="'

# Formats.
say --type t --header a-b=c --id 5 --priority 3 'pay load'
exits 0 nodectl recv bob -n 1 -W 5 --format '%p|%s|%t|%k|%T|%i|%P|%h{a-b}|%h{none}|%r|%%|\t\\\n'
out_is $'pay load|alice|bob|unicast|t|5|3|c||0|%|\t\\'

# A command: the payload on stdin, the rest in the environment; acknowledged when it exits 0.
say --header user-name=jo --id 9 'for the command'
# shellcheck disable=SC2016
exits 0 nodectl recv bob -n 1 -W 5 --exec \
    'cat; echo " $CAST_SENDER $CAST_TARGET $CAST_KIND $CAST_TYPE $CAST_ID $CAST_HEADER_USER_NAME"'
out_is 'for the command alice bob unicast text 9 jo'
say 'stubborn'
exits 1 nodectl recv bob -n 1 -W 5 --exec 'exit 3'
err_has "status 3"
exits 0 nodectl recv bob -n 1 -W 5 --format '%r %p'
out_is '1 stubborn'

# -n leaves the rest; the end of the reader is no error.
seq 1 5 | say -l
exits 0 nodectl recv bob -n 2 -W 5 --raw
out_is $'1\n2'
is "the rest" $'3\n4\n5' "$(nodectl recv bob -W "$quiet" --raw)"
seq 1 200000 | say -l
first=$(set +o pipefail; { nodectl recv bob --raw; echo "$?" >"$tmp/code"; } | head -n 1)
is "head" "1" "$first"
is "recv | head" 0 "$(<"$tmp/code")"
exits 0 nodectl recv bob -W "$quiet" --raw
is "the last line" 200000 "$(tail -n 1 "$tmp/out")"

# A signal: what was printed is acknowledged; exit 0, or 128 + signal when -n asked for more.
say "before the signal"
background recv nodectl recv bob --raw
wait_for "the line" grep -q "before the signal" "$tmp/recv.out"
kill -TERM "$pid"
wait "$pid" || die "recv exited $? after SIGTERM"
background recv nodectl recv bob -n 5
wait_attached bob
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
is "recv -n after SIGTERM" 143 "$code"
exits 7 nodectl recv bob -W "$quiet"

# --take-over.
background first nodectl recv bob
first=$pid
wait_attached bob
say 'for whoever has it'
wait_for "the first reader" grep -q whoever "$tmp/first.out"
wait_for "its acknowledgement" bash -c 'nodectl node show bob --json | grep -q "\"queued\":0"'
background second nodectl recv bob --take-over -n 1
second=$pid
code=0
wait "$first" || code=$?
is "the one taken over" 6 "$code"
grep -q taken_over "$tmp/first.err" || die "it does not say taken_over"
say 'for the second'
wait "$second" || die "the second exited $?"
is "the second" 'alice: for the second' "$(<"$tmp/second.out")"

stop_broker
passed
