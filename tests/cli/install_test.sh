#!/usr/bin/env bash
# The installed library serves others: find_package(cast), shared and static, and pkg-config, each with a program that
# is built, linked and started; the programs, the configuration and the service are installed too.
set -euo pipefail
tree=${CAST_BUILD_TREE:?"the build tree to install from"}
if [ -n "${CAST_SANITIZE:-}" ]; then
    echo "skipped: users build without sanitizers"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$tree" --prefix "$work/prefix" >"$work/log" || { cat "$work/log" && exit 1; }
for file in bin/cast-broker bin/nodectl etc/cast/cast-broker.toml lib/systemd/system/cast-broker.service \
    lib/sysusers.d/cast.conf \
    include/cast/node.hpp lib/libcast.so lib/libcast.a; do
    if [ ! -e "$work/prefix/$file" ]; then
        echo "not installed: $file" && exit 1
    fi
done

# Once more, as after an update: what the administrator wrote stays, and what is new lies beside it.
conf=$work/prefix/etc/cast
cmp "$CAST_SOURCE_DIR/conf/cast-broker.toml" "$conf/cast-broker.toml"
[ ! -e "$conf/cast-broker.toml.new" ] || { echo "a new configuration beside none" && exit 1; }
for wanted in 'max-nodes = 7' ''; do
    echo "$wanted" >"$conf/cast-broker.toml"
    rm -f "$conf/cast-broker.toml.new"
    cmake --install "$tree" --prefix "$work/prefix" >"$work/log" || { cat "$work/log" && exit 1; }
    [ "$(cat "$conf/cast-broker.toml")" = "$wanted" ] || { echo "the configuration was overwritten" && exit 1; }
    cmp "$CAST_SOURCE_DIR/conf/cast-broker.toml" "$conf/cast-broker.toml.new"
done
DESTDIR=$work/staged cmake --install "$tree" --prefix /usr >"$work/log" || { cat "$work/log" && exit 1; }
[ -n "$(find "$work/staged" -name cast-broker.toml)" ] || { echo "a package would have no configuration" && exit 1; }

if compgen -G '/usr/lib/*/libzmq.a' >/dev/null && ldd "$work/prefix/bin/nodectl" | grep -E 'libzmq|libstdc|libfmt'; then
    echo "nodectl loads these at each start, though the archives are there" && exit 1
fi

mkdir "$work/user"
cat >"$work/user/main.cpp" <<'EOF'
// A user of the installed library.
#include <cast/node.hpp>
int main() {
    cast::Options options;
    options.broker = "tcp://127.0.0.1:1";
    options.connect_timeout = std::chrono::milliseconds(50);
    auto node = cast::Node::attach("somebody", options);
    return node ? 1 : 0;
}
EOF
cat >"$work/user/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(user CXX)
find_package(cast 0.1 REQUIRED COMPONENTS static)
add_executable(with_shared main.cpp)
target_link_libraries(with_shared PRIVATE cast::cast)
add_executable(with_static main.cpp)
target_link_libraries(with_static PRIVATE cast::static)
EOF
{
    cmake -S "$work/user" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix"
    cmake --build "$work/build" -j2
} >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
"$work/build/with_shared"
"$work/build/with_static"

export PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
# shellcheck disable=SC2046  # flags are words; the tree was installed elsewhere than configured
c++ -std=c++17 "$work/user/main.cpp" -o "$work/with_pkg_config" \
    $(pkg-config --define-variable=prefix="$work/prefix" --cflags --libs cast) -Wl,-rpath,"$work/prefix/lib"
"$work/with_pkg_config"
exported=$(nm -DC --defined-only "$work/prefix/lib/libcast.so" | grep -c ' cast::wire::' || true)
if [ "$exported" -ne 0 ]; then
    echo "libcast.so shows $exported internal symbols" && exit 1
fi
echo "installed and used: shared, static, pkg-config"
