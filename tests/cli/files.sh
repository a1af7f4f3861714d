#!/usr/bin/env bash
# send --file and recv --save-files: files of many sizes by all casts, names, what is printed, exit codes, folders that
# hold traps, interruption by kill -9 on both sides.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
start_broker
exits 0 nodectl node create bob carl dave eve

same() { cmp -s "$1" "$2" || die "$1 and $2 differ"; }
# only FOLDER NAME...: what is in the folder, hidden or not.
only() {
    local folder=$1
    shift
    is "what is in $folder" "$(printf '%s\n' "$@" | sort)" "$(ls -A "$folder" | sort)"
}

# --- Sizes: nothing, one chunk, just over it, many; an existing name gets a number. ----------------------------------
for size in 0 1 262144 262145 3000000; do
    head -c "$size" /dev/urandom >"$tmp/f-$size.bin"
    exits 0 nodectl send --from alice --unicast bob --file "$tmp/f-$size.bin"
    exits 0 nodectl recv bob -n 1 -W 5 --save-files "$tmp/bob"
    out_is "alice: $tmp/bob/f-$size.bin"
    same "$tmp/f-$size.bin" "$tmp/bob/f-$size.bin"
done
exits 0 nodectl send --unicast bob --file "$tmp/f-1.bin"
exits 0 nodectl send --unicast bob --file "$tmp/f-1.bin"
exits 0 nodectl recv bob -n 2 -W 5 --save-files "$tmp/bob/" --raw
out_is "$tmp/bob/f-1-1.bin"$'\n'"$tmp/bob/f-1-2.bin"
same "$tmp/f-1.bin" "$tmp/bob/f-1-2.bin"
only "$tmp/bob" f-0.bin f-1.bin f-1-1.bin f-1-2.bin f-262144.bin f-262145.bin f-3000000.bin
is "no notes" "" "$(<"$tmp/err")"

# --- All casts, other messages in between, JSON, --exec, a pipe. -----------------------------------------------------
exits 0 nodectl group join team bob carl dave
head -c 5000000 /dev/urandom >"$tmp/big.bin"
for cast in "--unicast bob,carl,dave" "--multicast team" "--broadcast"; do
    waiting=()
    for node in bob carl dave; do
        background "$node" nodectl recv "$node" -n 1 -W 20 --save-files "$tmp/${cast%% *}-$node"
        waiting+=("$pid")
        wait_attached "$node"
    done
    # shellcheck disable=SC2086  # flags are words
    exits 0 nodectl send --from alice $cast --file "$tmp/big.bin"
    err_is ""
    for pid in "${waiting[@]}"; do wait "$pid" || die "recv exited $?"; done
    for node in bob carl dave; do same "$tmp/big.bin" "$tmp/${cast%% *}-$node/big.bin"; done
done
exits 0 nodectl recv eve -n 1 -W 5 --save-files "$tmp/eve" # the broadcast was kept for it
same "$tmp/big.bin" "$tmp/eve/big.bin"

exits 0 nodectl send --unicast bob 'before'
exits 0 nodectl send --from alice --unicast bob --header note=hi --file "$tmp/f-1.bin"
exits 0 nodectl send --unicast bob 'after'
exits 0 nodectl recv bob -n 3 -W 5 --save-files "$tmp/mixed" --format '%s|%T|%h{note}|%h{size}|%p\n'
out_is "nodectl|text|||before"$'\n'"alice|file|hi|1|$tmp/mixed/f-1.bin"$'\n'"nodectl|text|||after"
exits 0 nodectl send --unicast bob --file "$tmp/big.bin"
exits 0 nodectl recv bob -n 1 -W 5 --save-files "$tmp/mixed" --json
out_has "\"type\":\"file\",\"payload\":\"$tmp/mixed/big.bin\",\"headers\":{"
out_has "\"sha256\":\"$(sha256sum <"$tmp/big.bin" | cut -d' ' -f1)\""
exits 0 nodectl send --unicast bob --file "$tmp/f-262145.bin"
# shellcheck disable=SC2016  # for the command
exits 0 nodectl recv bob -n 1 -W 5 --save-files "$tmp/mixed" --exec 'echo "$(wc -c <"$(cat)") of $CAST_HEADER_NAME"'
out_is "262145 of f-262145.bin"
head -c 1000000 "$tmp/big.bin" | exits 0 nodectl send --unicast bob --file /dev/stdin
exits 0 nodectl recv bob -n 1 -W 5 --save-files "$tmp/mixed"
head -c 1000000 "$tmp/big.bin" | cmp - "$tmp/mixed/stdin" || die "what came through the pipe differs"

# --- Hostile names, as plain file messages and as transfers. ---------------------------------------------------------
outside=$(ls -A "$tmp")
hash=$(printf evil | sha256sum | cut -d' ' -f1)
chunk=(--type file --header part=chunk --header correlation=c1 --header offset=0 --header "sha256=$hash")
number=0
for name in ../../etc/passwd /etc/passwd .. . .bashrc -rf '' 'a/b/../../../c' 'x\..\y' $'bell\a\e[2J' $'\xff\xfe' \
    "$(printf 'n%.0s' {1..3000})"; do
    number=$((number + 1))
    exits 0 nodectl send --from mallory --unicast bob --type file --header "name=$name" plain
    exits 0 nodectl send --from mallory --unicast bob "${chunk[@]}" --header "name=$name" \
        --header "transfer=$(printf '%032x' "$number")" evil
    exits 0 nodectl recv bob -n 2 -W 5 --save-files "$tmp/hostile" --raw
    while read -r path; do
        is "the folder of $path" "$tmp/hostile" "$(dirname "$path")"
        [[ -f $path && ! -L $path ]] || die "no file: $path"
    done <"$tmp/out"
done
printf '{"payload":"nul","headers":{"name":"a\\u0000/../b"}}\n' | exits 0 nodectl send --jsonl --type file --unicast bob
exits 0 nodectl recv bob -n 1 -W 5 --save-files "$tmp/hostile" --raw
is "a name with NUL" "b" "$(basename "$(<"$tmp/out")")"
is "nothing outside of the folder" "$outside"$'\n'hostile "$(ls -A "$tmp" | grep -v '^hostile$')"$'\n'hostile
only "$tmp/hostile" _ _-1 __ __-1 __-2 __-3 _bashrc _bashrc-1 _rf _rf-1 b bell__[2J bell__[2J-1 c c-1 file file-1 \
    passwd passwd-1 passwd-2 passwd-3 y y-1 "$(printf 'n%.0s' {1..200})" "$(printf 'n%.0s' {1..200})-1"

# Headers that make no sense are a message, not a file; a wrong hash is refused and leaves nothing.
exits 0 nodectl send --unicast bob --type file --header part=chunk --header transfer=../../x \
    --header correlation=c --header offset=0 odd
exits 0 nodectl recv bob -n 1 -W 5 --save-files "$tmp/odd"
out_is "nodectl: odd"
exits 0 nodectl send --unicast bob "${chunk[@]}" --header name=w --header "transfer=$(printf '%032x' 99)" good
exits 1 nodectl recv bob -n 1 -W 5 --save-files "$tmp/odd"
err_has "cannot save 'w' from 'nodectl': malformed"
only "$tmp/odd"

# --- Traps in the folder: links and pipes where the part or the file would be are not followed. ----------------------
mkdir "$tmp/traps" "$tmp/elsewhere"
ln -s "$tmp/elsewhere/stolen" "$tmp/traps/f-1.bin"
exits 0 nodectl send --from alice --unicast bob --file "$tmp/f-1.bin"
exits 0 nodectl recv bob -n 1 -W 5 --save-files "$tmp/traps" --raw
out_is "$tmp/traps/f-1-1.bin"
head -c 600000 /dev/urandom >"$tmp/mid.bin"
background half nodectl recv bob --save-files "$tmp/traps"
wait_attached bob
transfer=$(printf '%032x' 7)
head -c 9 "$tmp/mid.bin" | exits 0 nodectl send --from mallory --unicast bob -s --type file --header part=chunk \
    --header correlation=c --header offset=0 --header "transfer=$transfer" --header name=m
part_there() { compgen -G "$tmp/traps/.cast-*.part"; }
wait_for "the part" part_there
kill -9 "$pid" && wait "$pid" 2>/dev/null || true
part=$(part_there)
for trap in link pipe hardlink; do
    rm -f "$part"
    case $trap in
        link) ln -s "$tmp/elsewhere/stolen" "$part" ;;
        pipe) mkfifo "$part" ;;
        hardlink) printf 'mine' >"$tmp/elsewhere/mine" && ln "$tmp/elsewhere/mine" "$part" ;;
    esac
    exits 0 nodectl send --from mallory --unicast bob --type file --header part=chunk --header correlation="$trap" \
        --header offset=0 --header "transfer=$transfer" --header name=m --header "sha256=$hash" evil
    exits 0 nodectl recv bob -n 1 -W 5 --save-files "$tmp/traps" --raw --take-over
    is "the file behind a $trap" evil "$(<"$(<"$tmp/out")")"
done
only "$tmp/elsewhere" mine
is "the linked file" mine "$(<"$tmp/elsewhere/mine")"

# --- Exit codes. -----------------------------------------------------------------------------------------------------
exits 1 nodectl send --unicast bob --file "$tmp/none"
err_has "cannot read '$tmp/none': No such file"
exits 1 nodectl send --unicast bob --file "$tmp"
err_has "Is a directory"
exits 5 nodectl send --unicast nobody --file "$tmp/big.bin"
exits 5 nodectl send --multicast nobodies --file "$tmp/f-1.bin"
exits 5 nodectl send --unicast bob,nobody --file "$tmp/f-1.bin"
err_has "did not get to 'nobody'"
exits 2 nodectl send --unicast bob --file "$tmp/f-1.bin" MESSAGE
exits 2 nodectl send --unicast 'no/name' --file "$tmp/f-1.bin"
exits 7 nodectl send --unicast bob --wait delivered --timeout "$brief" --file "$tmp/f-1.bin"
err_has "has not said that it saved the file"
exits 3 nodectl send --broker tcp://127.0.0.1:1 --timeout "$brief" --unicast bob --file "$tmp/f-1.bin"
exits 1 nodectl recv carl -n 1 -W 1 --save-files "$tmp/none/below"
err_has "cannot make the folder"
exits 1 nodectl recv carl -n 1 -W 1 --save-files "$tmp/f-1.bin"
background receiver nodectl recv dave --save-files "$tmp/delivered"
wait_attached dave
exits 0 nodectl send --unicast dave --wait delivered --file "$tmp/f-1.bin"
same "$tmp/f-1.bin" "$tmp/delivered/f-1.bin"
kill "$pid" && wait "$pid" || die "recv exited $?"


# No room: the receiver tells, its sender hears it, nothing stays behind.
limited() { (trap '' XFSZ && ulimit -f 2000 && exec "$@"); }
background receiver limited nodectl recv dave -n 1 --save-files "$tmp/small"
wait_attached dave
exits 6 nodectl send --unicast dave --file "$tmp/big.bin"
err_has "did not get to 'dave': not_saved: cannot write 'big.bin': File too large"
wait "$pid" && die "recv exited 0" || is "recv's exit code" 1 "$?"
grep -q "cannot save 'big.bin' from 'nodectl': not_saved" "$tmp/receiver.err" ||
    die "recv did not tell: $(<"$tmp/receiver.err")"
only "$tmp/small"

# Interrupted by hand: the exit code says so.
background receiver nodectl recv dave -n 1 --save-files "$tmp/again"
receiver=$pid
wait_attached dave
head -c 40000000 /dev/urandom >"$tmp/large.bin"
background sender nodectl send --unicast dave --file "$tmp/large.bin"
wait_for "some of it" compgen -G "$tmp/again/.cast-*.part"
kill -STOP "$receiver"
kill -INT "$pid"
code=0
wait "$pid" || code=$?
is "the sender's exit code after SIGINT" 130 "$code"
kill -CONT "$receiver"
exits 0 nodectl send --unicast dave --file "$tmp/large.bin"
wait "$receiver" || die "recv exited $?"
same "$tmp/large.bin" "$tmp/again/large.bin"

stop_broker
passed
