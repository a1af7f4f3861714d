#!/usr/bin/env bash
# compare.sh [--runs N] [--quick] [--disk] [--only ROW,...] [--out DIR] [--without-missing] [--deaf-sender] [--list]:
# measures cast and its peers side by side on this machine, in one sitting, run 1 of every system first, then run 2 and so
# on. Prints a table against the goals and writes results.json, table.md and speed.svg (tests/bench/results/). Takes about
# 15 minutes; --quick (one short run) about two; --disk measures the durable broker instead, and takes two. Exits 1 when a
# run failed; a missed goal is no failure. README.md says more.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
missing=()
for word in "$@"; do
    case $word in
        -h | --help | --list) exec env PATH="/usr/bin:$PATH" python3 -B "$here/compare/compare.py" "$word" ;;
        --without-missing) missing=(--without-missing) ;;
    esac
done
"$here/compare/prepare.sh" "${missing[@]}"
exec env PATH="/usr/bin:$PATH" python3 -B "$here/compare/compare.py" "$@"
