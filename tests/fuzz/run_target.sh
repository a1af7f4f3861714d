#!/usr/bin/env bash
# run_target.sh BINARY CORPUS ARTIFACTS: fuzzes for CAST_FUZZ_SECONDS (5), starting from a copy of the corpus, so that
# a run never changes the tree. A finding is kept in ARTIFACTS and its replay command printed.
set -euo pipefail
binary=$1 corpus=$2 artifacts=$3
seconds=${CAST_FUZZ_SECONDS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/corpus" "$artifacts"
if [ -d "$corpus" ]; then
    cp -r "$corpus/." "$work/corpus/"
fi
if ! "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$artifacts/" "$work/corpus"; then
    echo "found by $(basename "$binary"); replay: $binary $artifacts/<newest file>"
    exit 1
fi
