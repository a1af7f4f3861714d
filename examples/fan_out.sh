#!/usr/bin/env bash
# fan_out.sh COUNT COMMAND: deals the lines of stdin out to COUNT workers, which run COMMAND once a line (on its stdin)
# at the same time. A line counts as done when COMMAND exits 0; what was not done lies in its worker's mailbox, and is
# done by the next fan_out.sh of as many workers. Exits 1 if a command failed. nodectl is on the PATH.
set -euo pipefail
if [ $# -ne 2 ] || ! [[ $1 =~ ^[1-9][0-9]?$ ]]; then
    echo "usage: fan_out.sh COUNT COMMAND, with a COUNT of 1 to 99" >&2
    exit 2
fi
mapfile -t workers < <(seq -f 'fan-out-%02g' "$1")
nodectl node create "${workers[@]}"
# shellcheck disable=SC2016  # split sets $FILE for its filter
split -n "r/$1" --numeric-suffixes=1 -a 2 --filter='nodectl send -l --unicast "$FILE"' - fan-out-
running=() failed=0
for worker in "${workers[@]}"; do
    nodectl recv "$worker" -W 1s --exec "$2" &
    running+=($!)
done
for pid in "${running[@]}"; do
    code=0
    wait "$pid" || code=$?
    if [ "$code" -ne 0 ] && [ "$code" -ne 7 ]; then failed=1; fi # 7: this one had nothing to do
done
exit "$failed"
