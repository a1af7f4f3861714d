#!/usr/bin/env bash
# follow.sh FILE GROUP: sends each line that is added to FILE to the members of GROUP, for ever. Readers need nothing
# but "nodectl recv ME --group GROUP". Log rotation is followed; the file may come later. nodectl is on the PATH.
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "usage: follow.sh FILE GROUP" >&2
    exit 2
fi
nodectl group create "$2"
tail -n 0 -F -- "$1" 2>/dev/null | nodectl send -l --from "${CAST_NODE:-follow}" --multicast "$2"
