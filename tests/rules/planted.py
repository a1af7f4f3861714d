"""Every violation once, and code that must pass: (path, content, expected complaints)."""
import re

COMMENT = "// A planted file.\n"


def files():
    """(path, content, expected complaints): every violation once, and code that must pass."""
    long_body = "    x();\n" * 61
    yield "libcast/base/ok.cpp", COMMENT + '#include "base/ok.hpp"\n\n#include <string>\n', 0
    yield "libcast/base/wire.cpp", COMMENT + '#include "wire/batch.hpp"\n', 1
    yield "libcast/base/fmt.cpp", COMMENT + "#include <fmt/format.h>\n", 1
    yield "libcast/base/json.cpp", COMMENT + "#include <nlohmann/json.hpp>\n", 1
    yield "libcast/base/json_text.cpp", COMMENT + "#include <nlohmann/json.hpp>\n", 0
    yield "libcast/base/openssl.cpp", COMMENT + "#include <openssl/sha.h>\n", 1
    yield "libcast/base/sha256.cpp", COMMENT + "#include <openssl/sha.h>\n", 0
    yield "libcast/wire/base.cpp", COMMENT + '#include "base/utf8.hpp"\n', 0
    yield "libcast/wire/json.cpp", COMMENT + '#include "base/json_text.hpp"\n', 1
    yield "libcast/wire/ok.cpp", COMMENT + '#include <cast/error.hpp>\n#include <vector>\n#include "wire/ok.hpp"\n', 0
    yield "libcast/wire/zmq.cpp", COMMENT + "#include <zmq.hpp>\n", 1
    yield "libcast/wire/thread.cpp", COMMENT + "#include <thread>\n", 1
    yield "libcast/wire/node.cpp", COMMENT + "#include <cast/node.hpp>\n", 1
    yield "libcast/wire/src.cpp", COMMENT + '#include "src/session/session.hpp"\n', 1
    yield "libcast/include/cast/ok.hpp", COMMENT + '#include <string>\n#include "cast/error.hpp"\n', 0
    yield "libcast/include/cast/cast.h", "/* C */\n#include <stdint.h>\n", 0
    yield "libcast/include/cast/fmt.hpp", COMMENT + "#include <fmt/core.h>\n", 1
    yield "libcast/include/cast/wire.hpp", COMMENT + '#include "wire/batch.hpp"\n', 1
    yield "libcast/src/ok.cpp", COMMENT + '#include <zmq.hpp>\n#include <thread>\n#include "wire/batch.hpp"\n', 0
    yield "libcast/src/broker.cpp", COMMENT + '#include "core/router.hpp"\n', 1
    yield "libcast/src/up.cpp", COMMENT + '#include "../../broker/core/router.hpp"\n', 1
    yield "broker/core/router.hpp", COMMENT + '#include <chrono>\n#include "core/types.hpp"\n', 0
    yield "broker/core/names.hpp", COMMENT + "#include <boost/intrusive/set.hpp>\n", 0
    for name in (
        "zmq.hpp",
        "boost/asio.hpp",
        "sqlite3.h",
        "nats/nats.h",
        "nlohmann/json.hpp",
        "spdlog/spdlog.h",
        "thread",
        "mutex",
    ):
        yield f"broker/core/has_{re.sub('[^a-z0-9]', '_', name)}.cpp", COMMENT + f"#include <{name}>\n", 1
    yield "broker/core/edge.cpp", COMMENT + '#include "edge/zmq_edge.hpp"\n', 1
    yield "broker/core/clock.cpp", COMMENT + "auto t = Clock::now();\n", 1
    yield "broker/core/sleep.cpp", COMMENT + "void f() { std::this_thread::sleep_for(x); }\n", 1
    yield "broker/edge/ok.cpp", COMMENT + '#include <zmq.hpp>\n#include "core/outbox.hpp"\n', 0
    yield "broker/edge/inside.cpp", COMMENT + '#include "core/router.hpp"\n', 1
    yield "broker/store/inside.cpp", COMMENT + '#include "core/stream/stream.hpp"\n', 1
    yield "broker/gateway/store.cpp", COMMENT + '#include "store/memory.hpp"\n', 1
    yield "broker/config/store.cpp", COMMENT + '#include "store/disk.hpp"\n', 1
    yield "nodectl/ok.cpp", COMMENT + '#include <cast/node.hpp>\n#include <CLI/CLI.hpp>\n#include "options.hpp"\n', 0
    yield "nodectl/zmq.cpp", COMMENT + "#include <zmq.h>\n", 1
    yield "nodectl/wire.cpp", COMMENT + '#include "wire/batch.hpp"\n', 1
    yield "nodectl/broker.cpp", COMMENT + '#include "config/options.hpp"\n', 1
    yield "examples/ok.cpp", COMMENT + "#include <cast/node.hpp>\n#include <iostream>\n", 0
    yield "examples/fmt.cpp", COMMENT + "#include <fmt/core.h>\n", 1
    yield "examples/long.cpp", COMMENT + "\n" * 60, 1
    yield "nodectl/bare.cpp", "#include <string>\n", 1
    yield "nodectl/long_function.cpp", COMMENT + "void f(int a) {\n" + long_body + "}\n", 1
    yield "nodectl/long_member.cpp", COMMENT + "struct A {\n    A(int x) : a_{x}, b_(2) {\n" + long_body + "}\n};\n", 1
    yield "nodectl/long_template.cpp", COMMENT + "template <class T>\nauto f(T) -> int {\n" + long_body + "}\n", 1
    yield "nodectl/long_lambda.cpp", COMMENT + "void g() {\n    run([] {\n" + long_body + "    });\n}\n", 1
    yield "nodectl/long_class.cpp", COMMENT + "struct A {\n" + "    void f() { x(); }\n" * 70 + "};\n", 0
    yield "nodectl/long_table.cpp", COMMENT + "const Row kRows[] = {\n" + "    {f(1), '{', \"{\"},\n" * 70 + "};\n", 0
    yield "nodectl/long_file.cpp", COMMENT + "\n" * 400, 1
    yield "nodectl/long_header.hpp", COMMENT + "\n" * 200, 1
    yield "tests/unit/long_test.cpp", COMMENT + "\n" * 600, 1
    yield "tests/unit/sleep_test.cpp", COMMENT + "void f() { usleep(3); }\n", 1
    yield "tests/unit/case_test.cpp", COMMENT + 'TEST_CASE("long" * skip()) {\n' + long_body + "}\n", 1
    yield "tests/system/sleep_test.cpp", COMMENT + "void f() { usleep(3); }\n", 0
    yield "broker/gateway/web/ok.tsx", COMMENT + "export const a = <b>{text}</b>;\n", 0
    yield "broker/gateway/web/markup.tsx", COMMENT + "a.innerHTML = text;\n", 1
    yield "broker/gateway/web/bare.ts", "export {};\n", 1
    yield "broker/gateway/web/long.css", "/* Long. */\n" + "\n" * 400, 1
    yield "nodectl/wide.cpp", COMMENT + "// " + "wide " * 25 + "\n", 1
    yield "nodectl/address.cpp", COMMENT + "// https://example.org/" + "a" * 120 + "\n", 0
    yield "conf/wide.sh", "#!/bin/bash\nset -euo pipefail\n# " + "wide " * 25 + "\n", 1
    yield "libcast/wide.md", "wide " * 21 + "\n", 1
    yield "libcast/table.md", "| " + "wide " * 21 + "|\n```\n" + "wide " * 21 + "\n```\n", 0
    wide = "wide " * 21
    yield "libcast/TRANSFER.md", f"| {wide}|\n```\n{wide}\n```\n", 2
    yield "conf/linked.md", "# One, two\n[here](linked.md) [there](../conf/linked.md#one-two) `[code](none)`\n", 0
    yield "conf/links.md", "[nowhere](none.md) [elsewhere](https://example.org)\n```\n[code](none.md)\n```\n", 1
    yield "conf/anchors.md", "# One\n[in this page](#two)\n[in another](linked.md#one)\n[well](#one)\n", 2
    yield "nodectl/branches.cpp", COMMENT + "void f() {\n" + "    if (a && b) x();\n" * 10 + "}\n", 1
    yield "nodectl/few.cpp", COMMENT + "void f() {\n" + "    if (a) x();\n" * 19 + "}\n", 0
    member = "void Wide::{}() {{\n" + "    x();\n" * 48 + "}}\n"
    yield "libcast/src/wide.hpp", COMMENT + "class Wide {\n" + "    int a;\n" * 150 + "};\n", 1
    for part in "ab":
        text = "\n".join(member.format(part + str(number)) for number in range(3))
        yield f"libcast/src/wide_{part}.cpp", COMMENT + text, 0
    old = 'int cold_bytes;  // cold\nclass Keeper {};\nauto later = "later";\n'
    yield "nodectl/old_words.cpp", COMMENT + old, 3
    yield "nodectl/free_words.cpp", COMMENT + "// told, cold, way\nbool ends_with(int over, int left);\n", 0
    yield "nodectl/look.cpp", COMMENT, 1
    yield "broker/gateway/web/old.tsx", COMMENT + "export const parcel = <b>reaped</b>;\nlet later;\n", 2
    yield "nodectl/words.cpp", COMMENT + "// TO" + "DO: more\n", 1
    yield "conf/words.toml", "# FIX" + "ME\n", 1
    yield "libcast/words.md", "X" + "XX\n", 1
    yield "conf/lax.sh", "#!/bin/bash\nset -e\n", 1
    yield "conf/lax", "#!/usr/bin/env bash\necho\n", 1
    yield "conf/strict.sh", "#!/usr/bin/env bash\nset -euo pipefail\n", 0


def layouts():
    """The same for a tree that has a .clang-format."""
    yield "nodectl/layout.cpp", COMMENT + "int  a;\n", 1
    yield "tests/system/layout.py", "a = {'b'}\n", 1
    yield "tests/system/formatted.py", 'a = {"b"}\n', 0
    yield "nodectl/formatted.cpp", COMMENT + "int a;\n", 0
