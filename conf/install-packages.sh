#!/usr/bin/env bash
# install-packages.sh [build] [test] [develop] [bench]: installs what is missing of these sections of packages.txt
# ("build" when none is named). Does nothing, and needs no rights, when nothing is missing.
set -euo pipefail
list=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/packages.txt
if [ $# -eq 0 ]; then
    set -- build
fi

# section NAME: the packages listed under "# NAME".
section() {
    awk -v name="$1" '/^# [a-z]+$/ { inside = ($2 == name); next } inside && NF && !/^#/ { print $1 }' "$list"
}

# missing: those of the wanted packages that are not installed.
missing() {
    local package
    for package in $wanted; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) in
            installed) ;;
            *) echo "$package" ;;
        esac
    done
}

wanted=
for name in "$@"; do
    packages=$(section "$name")
    if [ -z "$packages" ]; then
        echo "install-packages.sh: no section \"$name\" in $list (there are: build, test, develop, bench)" >&2
        exit 2
    fi
    wanted+=" $packages"
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-packages.sh: this is not a Debian system. Install what corresponds to:$(
        echo "$wanted" | tr '\n' ' '
    )" >&2
    exit 1
fi
if [ -z "$(missing)" ]; then
    exit 0
fi

exec 9<"$list"
flock 9 # two scripts at once: the second waits, and then finds nothing missing
packages=$(missing)
if [ -z "$packages" ]; then
    exit 0
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-packages.sh: these packages are missing: $(echo "$packages" | tr '\n' ' ')" >&2
        echo "Run it as root, or have them installed." >&2
        exit 1
    fi
    root=(sudo)
fi
echo "Installing: $(echo "$packages" | tr '\n' ' ')"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# apt COMMAND...: apt-get without questions; its output is shown only when it fails.
apt() {
    if ! "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 9<&-
    then
        cat "$log" >&2
        echo "install-packages.sh: apt-get $1 failed" >&2
        exit 1
    fi
}
apt update
# shellcheck disable=SC2086  # one word a package
apt install --no-install-recommends $packages
