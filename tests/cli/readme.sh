#!/usr/bin/env bash
# README.md does not lie: its shell blocks run in order as one session, in a copy of the tree, and print what they say;
# its C++ and CMake blocks compile against what is built and installed; its configuration is taken; its links lead
# somewhere. The two commands at its top are other tests.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../support/cli.sh
. "$(dirname "$0")/../support/cli.sh"
source_tree=${CAST_SOURCE_DIR:?"the source tree"}
readme=$source_tree/README.md
if [[ -n ${CAST_SANITIZE:-} ]]; then
    echo "skipped: users build without sanitizers"
    exit 77
fi

# blocks LANGUAGE: the content of all its fenced blocks, in order.
blocks() { awk -v fence="\`\`\`$1" '$0 == fence { inside = 1; next } /^```/ { inside = 0 } inside' "$readme"; }

# A copy of the tree as the quickstart leaves it; what is written into it is not written into the tree.
mkdir -p "$tmp/tree/build"
for path in "$source_tree"/*; do
    if [[ ${path##*/} != build ]]; then ln -s "$path" "$tmp/tree/"; fi
done
ln -s "${CAST_BUILD_TREE:?"the build tree"}" "$tmp/tree/build/release"
cd "$tmp/tree"

blocks cpp >hello.cpp
blocks sh >session
(($(wc -l <session) > 20)) || die "the shell blocks were not found"

# The session's broker serves where nobody else is, by settings that have no say in what is tested.
export CAST_BROKER_BIND=ipc://$tmp/broker CAST_BROKER_PUBLISH=ipc://$tmp/publish CAST_BROKER=ipc://$tmp/broker
trap 'exit 143' TERM
set -m # a job of its own, so that what it leaves running can be ended
background session bash -euo pipefail session
set +m
code=0
wait "$pid" || code=$?
kill -- "-$pid" 2>/dev/null || true
((code == 0)) || die "the shell blocks exited $code: $(tail -n 20 "$tmp/session.out" "$tmp/session.err")"
sed -n 's/.*# prints: //p' session >"$tmp/promised"
(($(wc -l <"$tmp/promised") >= 7)) || die "the promises were not found"
while IFS= read -r line; do
    grep -qxF -- "$line" "$tmp/session.out" || die "'$line' was not printed: $(<"$tmp/session.out")"
    checks=$((checks + 1))
done <"$tmp/promised"

# find_package(cast), in what the session installed.
mkdir project
cp hello.cpp project/
blocks cmake >project/CMakeLists.txt
exits 0 cmake -S project -B project/build -G Ninja -DCMAKE_PREFIX_PATH="$HOME/.local"
exits 0 cmake --build project/build
CAST_BROKER=tcp://127.0.0.1:1 exits 3 project/build/hello

blocks toml >cast-broker.toml
unset CAST_BROKER_BIND CAST_BROKER_PUBLISH
exits 0 cast-broker --config cast-broker.toml --check-config
while IFS= read -r line; do
    key=${line%% =*}
    grep -q "^$key = " "$tmp/out" || die "the broker does not know $key"
done <cast-broker.toml

blocks console >commands
is "the two commands" $'examples/quickstart.sh\ntests/run.sh' "$(<commands)"
for path in $(<commands) $(grep -o '](\([^)]*\))' "$readme" | sed 's/](\(.*\))/\1/'); do
    [[ -e $source_tree/$path ]] || die "README.md names $path, which is not there"
    checks=$((checks + 1))
done

# The settings that it names are settings.
known=$(cast-broker --help)
# shellcheck disable=SC2016  # backquotes of Markdown
for setting in $(grep -o '`[a-z]\+-[a-z-]\+`' "$readme" | tr -d '`' | sort -u); do
    case $setting in
        cast-broker) ;;
        *) grep -q -- "--$setting " <<< "$known" || die "README.md: no setting $setting" ;;
    esac
done
passed
