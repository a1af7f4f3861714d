#!/usr/bin/env bash
# watched.sh [RUNS]: what 1,000 browsers that watch the page, and 200 that do not read, cost a flood of unicast
# messages: RUNS (5) of each in turns, medians. Takes about two minutes. Needs the packages of the sections "build",
# "test" and "bench" of conf/packages.txt; builds the preset bench.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
"$here/compare/prepare.sh" --without-missing
exec env PATH="/usr/bin:$PATH" python3 -B - "$root/build/bench/bin/rig" "$here/watchers.py" "${1:-5}" <<'EOF'
import json, statistics, subprocess, sys
rig, watchers, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
rates = {"alone": [], "watched": []}
for number in range(runs):
    for which, more in (("alone", "0 0"), ("watched", "1000 200")):
        beside = ["--beside", f"python3 -B {watchers} {more}"]
        line = subprocess.run([rig, "cast", "unicast", "40000000", "100", "--limit", "120", *beside],
                              capture_output=True, text=True)
        if line.returncode != 0:
            sys.exit(line.stderr.strip() or f"exit code {line.returncode}")
        rates[which].append(json.loads(line.stdout)["kmsg_s"])
for which, found in rates.items():
    print(f"{which:8} {statistics.median(found):8.0f} thousand messages/s ({min(found):.0f}-{max(found):.0f})")
print(f"watched / alone: {statistics.median(rates['watched']) / statistics.median(rates['alone']):.2f} "
      f"(medians of {runs})")
EOF
