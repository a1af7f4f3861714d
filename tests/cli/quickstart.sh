#!/usr/bin/env bash
# quickstart.sh plays its scenes from anywhere, twice at once and whatever the caller's settings are, sees a message
# that came out wrong, and leaves nothing behind, also when it is ended in the middle.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
quickstart=${CAST_SOURCE_DIR:?"the source tree"}/examples/quickstart.sh
mkdir "$tmp/scratch" "$tmp/elsewhere"
export TMPDIR=$tmp/scratch
cd "$tmp/elsewhere"

# left: what is left of it: processes that know its temporary directory, files.
left() {
    grep -lsz -- "$tmp/[s]cratch/" /proc/[0-9]*/cmdline || true
    find "$TMPDIR" . -mindepth 1
}
nothing_left() { [[ -z $(left) ]]; }
left_nothing() { is "what is left" "" "$(left)"; }

exits 2 "$quickstart" --quick
err_has "quickstart.sh [--fast]"
exits 0 "$quickstart" --help
CAST_BIN_DIR=$tmp/elsewhere exits 1 "$quickstart" --fast
err_has "run quickstart.sh without --fast first"
left_nothing

# Twice at once, one of them in a hostile environment.
export CAST_BROKER_MAX_MESSAGE=nonsense CAST_BROKER=tcp://127.0.0.1:1 CAST_JSON=1 CAST_NODE=somebody CAST_TIMEOUT=1ms
background first "$quickstart" --fast
first=$pid
unset CAST_BROKER_MAX_MESSAGE CAST_BROKER CAST_JSON CAST_NODE CAST_TIMEOUT
exits 0 env LC_ALL=C LANG=C "$quickstart" --fast
is "stderr" "" "$(<"$tmp/err")"
for text in 'alice: Hello Bob!' 'bob: Hi Alice!' 'charlie (all): Hello everyone!' 'client3: File received' \
    'worker1: done: rotate your logs' 'once each and in order' 'Your turn'; do
    out_has "$text"
done
is "one hash" 1 "$(sed -n 's/^ *SHA-256 [a-z]* *//p' "$tmp/out" | sort -u | wc -l)"
is "two ends" 2 "$(grep -c 'SHA-256' "$tmp/out")"
wait "$first" || die "the other quickstart exited $?: $(tail -n 5 "$tmp/first.out" "$tmp/first.err")"
left_nothing

# What arrives wrong is seen.
mkdir "$tmp/bin"
ln -s "$CAST_BIN_DIR/cast-broker" "$tmp/bin/cast-broker"
cat >"$tmp/bin/nodectl" <<END
#!/usr/bin/env bash
set -euo pipefail
if [ "\$*" = "recv alice -n 1 -W \$WRONG" ]; then echo "mallory: Hi Alice!"; exit; fi
"$CAST_BIN_DIR/nodectl" "\$@" | if [ "\$1 \$2" = "recv collector" ]; then sed '77s/./?/'; else cat; fi
END
chmod +x "$tmp/bin/nodectl"
patience=$((30 * ${CAST_TIME_FACTOR:-1}))s
WRONG=none CAST_BIN_DIR=$tmp/bin exits 1 "$quickstart" --fast
err_has "what was received is not what was sent"
WRONG=$patience CAST_BIN_DIR=$tmp/bin exits 1 "$quickstart" --fast
err_has "expected: bob: Hi Alice!"
left_nothing

# Ended in the middle, by a signal and by a reader that goes away.
background ended "$quickstart" --fast
ended=$pid
wait_for "its second scene" grep -q 'Scene 2' "$tmp/ended.out"
kill -TERM "$ended"
code=0
wait "$ended" || code=$?
is "its exit code" 143 "$code"
wait_for "the end of everything" nothing_left
("$quickstart" --fast || true) 2>/dev/null | head -n 20 >"$tmp/out"
wait_for "the end of everything" nothing_left
passed
