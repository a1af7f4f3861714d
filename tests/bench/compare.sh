#!/usr/bin/env bash
# compare.sh [--runs N] [--quick] [--disk] [--only ROW,...] [--out DIR] [--without-missing] [--deaf-sender] [--list]:
# measures cast and its peers side by side on this machine, in one sitting, run 1 of every system first, then run 2 and
# so on. Prints a table against the goals and writes results.json, table.md and speed.svg (tests/bench/results/). Takes
# about 15 minutes; --quick (one short run) about two; --disk measures the durable broker instead, and takes two. Exits
# 1 when a run failed; a missed goal is no failure. README.md says more.
#
# compare.sh --against BUILD [--build BUILD] [--runs N] [--rows ROW,...] [--quick] [--out DIR]: two builds of cast
# instead, in turns: is this one (build/bench, built first, or --build) slower than that? Exits 0 when no row is, 1 when
# one is, 2 when that cannot be told. Takes about half an hour; --against BUILD --help says more.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
needs=() build=yes script=compare.py
for word in "$@"; do
    case $word in
        --list) exec env PATH="/usr/bin:$PATH" python3 -B "$here/compare/compare.py" --list ;;
        -h | --help) build=no ;;
        --without-missing) needs=(--without-missing) ;;
        --against | --against=*) needs=(--no-peers) script=against.py ;;
    esac
done
for word in "$@"; do
    case $script:$word in against.py:--build | against.py:--build=*) build=no ;; esac
done
[ $build = no ] || "$here/compare/prepare.sh" "${needs[@]}"
exec env PATH="/usr/bin:$PATH" python3 -B "$here/compare/$script" "$@"
