#!/usr/bin/env bash
# What of stdin becomes a message: lines, NUL-separated pieces, the whole, JSON lines. A last line without newline
# counts, an empty line is a message, and stdin is read only when asked for.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker
exits 0 nodectl node create bob carl

# got COUNT: that many payloads of what bob has got, each in brackets. 0: whatever there is.
got() {
    local until=(-n "$1" -W 20)
    if (($1 == 0)); then until=(-W "$quiet"); fi
    nodectl recv bob "${until[@]}" --format '[%p]' 2>/dev/null || true
}

printf 'a\n\nlast' >"$tmp/in"
exits 0 nodectl send -l --unicast bob <"$tmp/in"
is "-l" '[a][][last]' "$(got 3)"
printf 'a\n\n' | exits 0 nodectl send -l --unicast bob
is "-l with a last newline" '[a][]' "$(got 2)"
exits 0 nodectl send -l --unicast bob </dev/null
is "-l of nothing" '' "$(got 0)"
printf 'a\0b\nc\0\0d' | exits 0 nodectl send -0 --unicast bob
is "-0" $'[a][b\nc][][d]' "$(got 4)"
printf 'a\nb\n' | exits 0 nodectl send -s --unicast bob
is "-s" $'[a\nb\n]' "$(got 1)"
exits 0 nodectl send -s --unicast bob </dev/null
is "-s of nothing" '[]' "$(got 1)"
printf 'unread' | exits 0 nodectl send --unicast bob 'argument'
is "MESSAGE" '[argument]' "$(got 1)"
exits 0 nodectl send --unicast bob ''
is "an empty MESSAGE" '[]' "$(got 1)"
exits 0 nodectl send --unicast bob -- '-5'
exits 0 nodectl send --unicast bob status
exits 0 nodectl send --unicast bob '[x,y]'
exits 0 nodectl send --unicast bob '{}'
is "odd payloads" '[-5][status][[x,y]][{}]' "$(got 4)"
printf 'x%.0s' {1..300} >"$tmp/file.txt"
exits 0 nodectl send --unicast bob --file "$tmp/file.txt"
is "--file" "file file.txt 300 $(<"$tmp/file.txt")" "$(nodectl recv bob -n 1 -W 5 --format '%T %h{name} %h{size} %p')"

cat >"$tmp/in" <<'END'
{"payload":"plain"}
{"payload":{"n":1}}
{"payload_b64":"/wA=","to":"carl","type":"image/png"}
{"payload":"all of it","to":["bob","carl"],"priority":9,"ttl":"30s","headers":{"k":"v"},"id":"m1","extra":true}
END
exits 0 nodectl send --jsonl --unicast bob --from json <"$tmp/in"
is "--jsonl to bob" $'9 text v m1 all of it\n4 text   plain\n4 json   {"n":1}' \
    "$(nodectl recv bob -n 3 -W 5 --format '%P %T %h{k} %i %p\n' | sort -r)"
is "--jsonl to carl" "$(printf 'text all of it\nimage/png \377\0\n' | od -c)" \
    "$(nodectl recv carl -n 2 -W 5 --format '%T %p\n' | od -c)"

for bad in '[1]' '{"to":"bob"}' '{"payload":"x","priority":10}' '{"payload":"x","ttl":"soon"}' '{"payload_b64":"?"}' \
    '{"payload":"x","to":"bob","broadcast":true}' '{"payload":"x","headers":3}'; do
    printf '{"payload":"first"}\n%s\n' "$bad" >"$tmp/in"
    exits 1 nodectl send --jsonl --unicast bob <"$tmp/in"
    err_has "line 2: "
    is "the line before $bad" '[first]' "$(got 1)"
done
printf '{"payload":%s}\n' "$(printf '[%.0s' {1..100000})$(printf ']%.0s' {1..100000})" >"$tmp/in"
exits 1 nodectl send --jsonl --unicast bob <"$tmp/in"
err_has "line 1: nests deeper"
printf '{"payload":"x"}\n' >"$tmp/in"
exits 1 nodectl send --jsonl <"$tmp/in"
err_has "no target"

is "no more than that" '' "$(got 0)"

# What recv prints as JSON, send takes.
exits 0 nodectl send --unicast bob --type json --header k=v --id 7 '{"a":1}'
nodectl recv bob -n 1 -W 5 --json | exits 0 nodectl send --jsonl --unicast carl
is "a copied message" 'json v 7 {"a":1}' "$(nodectl recv carl -n 1 -W 5 --format '%T %h{k} %i %p')"

# Each line goes out at once, while the input goes on.
mkfifo "$tmp/slow"
nodectl send -l --unicast bob <"$tmp/slow" &
started+=($!)
exec {slow}>"$tmp/slow"
printf 'one\n' >&"$slow"
exits 0 nodectl recv bob -n 1 -W 5 --raw
out_is one
printf 'two\n' >&"$slow"
exits 0 nodectl recv bob -n 1 -W 5 --raw
out_is two
exec {slow}>&-
wait "${started[-1]}" || die "send -l exited $?"

stop_broker
passed
