"""Which includes each folder may have: arrows go downwards only."""
import os
import re

THREADS = r"<(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|pthread\.h)>"
SOCKETS = r"<(sys/|netinet/|arpa/|poll\.h|netdb\.h)"
C_STD = r"<(assert|ctype|errno|limits|math|stdarg|stdbool|stddef|stdint|stdio|stdlib|string|time)\.h>"
STD = r"<[a-z0-9_]+>"
ZMQ, JSON = r"[<\"]zmq", r"[<\"]nlohmann/"
OUTSIDE = (
    ZMQ
    + "|"
    + JSON
    + r"|[<\"](fmt|spdlog|CLI|toml\+\+|boost(?!/intrusive)|nats|prometheus|openssl|systemd)/|<(sqlite3|nats)\.h>"
)
WIRE, SRC = r"[<\"]wire/", r"\"src/"
PURE_BASE = r"base/(?!clock|json_text|random_id|sha256)"
BROKER = r"[<\"](broker|core|edge|store|gateway|config|control|server)/"
CORE_DOORS = r"\"core/(?!(edge|outbox|spin|store|transaction|types)\.hpp\")"

# folder (an expression): (what alone may be included or None for anything, what may not, the rule in words)
LAYERS = [
    (
        "libcast/base/",
        None,
        r"(?!\"base/|" + STD + r"|<nlohmann/|<openssl/|<unistd\.h>)|" + THREADS,
        "base includes base/ and std, no sockets and threads",
    ),
    ("libcast/base/(?!json_text)", None, JSON, "of base, json_text alone includes nlohmann"),
    ("libcast/base/(?!sha256)", None, r"<openssl/", "of base, sha256 alone includes openssl"),
    (
        "libcast/wire/",
        r"\"(wire/|" + PURE_BASE + r")|[<\"]cast/(error|result|export)\.hpp|" + STD,
        THREADS + "|" + SOCKETS,
        "wire is bytes only: wire/, base/, cast/error.hpp, cast/result.hpp and std, no sockets and threads",
    ),
    (
        "libcast/include/cast/",
        r"[<\"]cast/|" + STD + "|" + C_STD,
        None,
        "public headers: cast/ and std, no zmq, json, fmt",
    ),
    ("libcast/src/", None, BROKER, "the library knows nothing of the broker"),
    (
        "broker/core/",
        r"\"((core|wire)/|"
        + PURE_BASE
        + r")|[<\"]cast/(error|result|export)\.hpp|<boost/intrusive/[a-z_]+\.hpp>|"
        + STD,
        THREADS,
        "the core is pure: core/, wire/, base/, std and Boost.Intrusive, no zmq, sql, http, json, logs, clock, threads",
    ),
    (
        "broker/edge/",
        None,
        CORE_DOORS + r"|\"gateway/",
        "of the core: only core/edge.hpp, outbox.hpp, spin.hpp, store.hpp, transaction.hpp, types.hpp",
    ),
    (
        "broker/store/",
        None,
        CORE_DOORS + r"|\"gateway/",
        "of the core: only core/edge.hpp, outbox.hpp, spin.hpp, store.hpp, transaction.hpp, types.hpp",
    ),
    (
        "broker/gateway/",
        None,
        ZMQ + r"|[<\"](config|control|core|store|edge|server|wire|src)/",
        "the gateway is a client: libcast's public headers, no core, store, edge, wire, zmq",
    ),
    (
        "broker/config/",
        None,
        ZMQ + "|" + JSON + "|" + SOCKETS + r"|\"(control|edge|gateway|server|store)/",
        "config: base, core and the parser of flags",
    ),
    (
        "nodectl/",
        None,
        ZMQ + "|" + WIRE + "|" + SRC + "|" + BROKER,
        "nodectl uses libcast's public headers: no zmq, wire, broker",
    ),
    ("examples/", r"<cast/|" + STD, None, "examples use <cast/...> and std only"),
]


def resolved(root, path, name):
    """An include as seen from the include directories: "x.hpp" of the own folder becomes "folder/x.hpp"."""
    inner = name[1:-1]
    beside = os.path.normpath(os.path.join(os.path.dirname(path), inner)).replace(os.sep, "/")
    if name[0] != '"' or not os.path.exists(os.path.join(root, beside)):
        return name
    for base in ("libcast/include/", "libcast/", "broker/"):
        if beside.startswith(base):
            return '"' + beside[len(base) :] + '"'
    return '"' + beside + '"'


def broken(root, path, include):
    """The rules that this file breaks with this include (with its quotes or brackets)."""
    name = resolved(root, path, include)
    for folder, allowed, forbidden, rule in LAYERS:
        if re.match(folder, path):
            outside = allowed and (not re.match(allowed, name) or re.match(OUTSIDE, name))
            if outside or (forbidden and re.match(forbidden, name)):
                yield rule
