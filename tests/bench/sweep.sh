#!/usr/bin/env bash
# sweep.sh [--quick] [--runs N] [--only SERIES,...] [--out DIR] [--without-missing]: what a message costs as the number
# of nodes, groups and senders and its size grow, for cast and NATS. Prints the cost per message and how it grows;
# writes sweep.json and sweep.svg (tests/bench/results/). Takes at most about five minutes. README.md says more.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
missing=()
for word in "$@"; do
    case $word in
        -h | --help) exec env PATH="/usr/bin:$PATH" python3 -B "$here/compare/sweep.py" --help ;;
        --without-missing) missing=(--without-missing) ;;
    esac
done
"$here/compare/prepare.sh" "${missing[@]}"
exec env PATH="/usr/bin:$PATH" python3 -B "$here/compare/sweep.py" "$@"
