#!/usr/bin/env bash
# http.sh [SECONDS]: how many GET /api/status a broker answers a second, over 32 connections that stay open, for 10
# seconds, with 1,000 nodes; and how long one takes. Needs wrk. $CAST_BIN_DIR names the programs; without it the preset
# bench is built. Exit 1 when an answer is not 200, or none comes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v wrk >/dev/null || { echo "http.sh needs wrk: apt-get install wrk" >&2 && exit 1; }
# shellcheck source=programs.sh
. "$here/programs.sh"
work=$(mktemp -d)
broker=
trap 'kill $broker 2>/dev/null || true; wait $broker 2>/dev/null || true; rm -rf "$work"' EXIT
cast-broker --data "$work/data" --bind "ipc://$work/broker" --publish "ipc://$work/publish" --http 127.0.0.1:0 \
    --endpoints-file "$work/ends" --log-level warning &
broker=$!
until [[ -s $work/ends ]]; do sleep 0.01; done
export CAST_BROKER=ipc://$work/broker
# shellcheck disable=SC2046  # many names, none with a blank
nodectl node create $(seq -f 'node-%g' 1000) >/dev/null
url=$(sed -n 's/^http=//p' "$work/ends")
wrk --threads 1 --connections 32 --duration "${1:-10}s" --latency "$url/api/status" | tee "$work/report"
! grep -q 'Non-2xx\|Socket errors' "$work/report" || exit 1
grep -q '^Requests/sec: *[1-9]' "$work/report"
