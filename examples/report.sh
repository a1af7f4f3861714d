#!/usr/bin/env bash
# report.sh NODE COMMAND...: runs COMMAND and tells NODE how it went; its exit code is the command's, told or not.
# For cron:
#   0 3 * * *  report.sh operator backup /srv
# The message's headers are "status" and "seconds", its text the last lines of the output. nodectl is on the PATH.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: report.sh NODE COMMAND..." >&2
    exit 2
fi
node=$1 status=0
shift
output=$("$@" 2>&1) || status=$?
{
    printf '%s: %s\n' "$(basename -- "$1")" "$([ "$status" -eq 0 ] && echo "done" || echo "FAILED with status $status")"
    tail -n 10 <<<"$output"
} | nodectl send -s --from "${CAST_NODE:-$HOSTNAME}" --unicast "$node" --header status="$status" \
    --header seconds="$SECONDS" || true # nodectl has said what was wrong
exit "$status"
