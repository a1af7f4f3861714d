#!/usr/bin/env bash
# build.sh OUT: bundles the page into the folder OUT: index.html, app.js and app.css. Needs Debian's esbuild,
# node-react, node-react-dom and node-chart.js; no network.
#   build.sh --check    checks the types, with node-typescript
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -ne 1 ]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
if [ "$1" = --check ]; then
    exec tsc -p "$here/tsconfig.json"
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
partial=$(mktemp -d "$out/.build.XXXXXX") # nobody who reads OUT meanwhile sees half a file
trap 'rm -rf "$partial"' EXIT

NODE_PATH=/usr/share/nodejs esbuild "$here/app.tsx" --bundle --minify --format=esm --target=es2020 --jsx=automatic \
    --charset=utf8 '--define:process.env.NODE_ENV="production"' --log-level=warning \
    --outfile="$partial/app.js"
cp "$here/index.html" "$partial/index.html"
chmod a+r "$partial"/*
mv -f "$partial"/app.css "$partial"/app.js "$partial"/index.html "$out/"
