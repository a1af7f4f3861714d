#!/usr/bin/env bash
# endurance.sh [--minutes N] [--out FILE]: a broker with a store under mixed load of all three casts with churn (attach,
# detach, create, delete, join, leave; a dozen client processes), 10 minutes by default. Samples its memory, files, open
# descriptors and messages a second each 5 s; prints a table and JSON; exit 1 when one of them does not level off.
# $CAST_BIN_DIR names the programs; without it the preset bench is built.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=programs.sh
. "$here/programs.sh"
exec python3 "$here/endurance.py" "$@"
