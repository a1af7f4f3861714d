"""The rows of the comparison: what is run at which system, which figure is read from it, and the goal for it.

A goal compares cast's median with a peer's, or with a plain limit. A row's goals must all hold, or any of them when it
says so. Counts are such that a run takes one to three seconds; they differ by system, for rates are compared.
"""
from dataclasses import dataclass

SYSTEMS = ("cast", "nats", "zmq", "tcp", "redis", "mosq0")
DISK_SYSTEMS = ("cast-disk", "cast", "jetstream", "disk")
TITLES = {
    "cast": "cast",
    "nats": "NATS",
    "zmq": "zmq relay",
    "tcp": "bare TCP",
    "redis": "Redis",
    "mosq0": "Mosquitto",
    "cast-disk": "cast, synced",
    "jetstream": "JetStream",
    "disk": "bare fdatasync",
}


@dataclass
class Goal:
    factor: float
    peer: str = ""  # "": the factor is a limit
    row: str = ""  # the peer's figure is of another row
    strict: bool = False

    def met(self, ours, theirs, lower):
        against = self.factor * (theirs if self.peer else 1)
        if lower:
            return ours < against if self.strict else ours <= against
        return ours >= against

    def text(self, unit, lower):
        sign = ("<" if self.strict else "<=") if lower else ">="
        return f"{sign} {self.factor:g} {TITLES[self.peer]}" if self.peer else f"{sign} {self.factor:g} {unit}"


@dataclass
class Row:
    key: str
    title: str
    unit: str
    mode: str
    size: int
    counts: dict  # of each system: messages, round trips or nodes
    goals: list
    figure: str = "kmsg_s"  # the key in the rig's line
    any_goal: bool = False
    lower: bool = False  # less is better
    flags: tuple = ()
    of: str = ""  # reads the runs of this row and has none of its own
    once: bool = False  # one run is enough: it repeats exactly
    ours: str = "cast"  # the system that the goals are for


def unicast(key, title, size, counts, goals, any_goal=False):
    return Row(key, f"unicast {title}", "kmsg/s", "unicast", size, counts, goals, any_goal=any_goal)


PINGS = {"cast": 10000, "zmq": 10000, "nats": 10000, "tcp": 10000, "redis": 10000, "mosq0": 10000}
PINGS_IPC = {"cast": 10000, "zmq": 10000}
MIDDLE = dict(figure="p50_us", lower=True)
TAIL = dict(figure="p99_us", lower=True)

ROWS = [
    # fmt: off
    unicast("unicast-16", "16 B", 16, {"cast": 15000000, "nats": 2000000, "zmq": 2000000, "tcp": 40000000},
            [Goal(10, "nats"), Goal(10, "zmq"), Goal(.5, "tcp")]),
    unicast("unicast-100", "100 B", 100, {"cast": 5000000, "nats": 1500000, "zmq": 1500000, "tcp": 15000000,
                                          "redis": 800000, "mosq0": 100000}, [Goal(4, "nats"), Goal(.5, "tcp")]),
    unicast("unicast-1k", "1 KiB", 1024, {"cast": 600000, "nats": 400000, "zmq": 400000, "tcp": 1500000},
            [Goal(2, "nats"), Goal(.65, "tcp")], any_goal=True),
    unicast("unicast-4k", "4 KiB", 4096, {"cast": 150000, "nats": 120000, "zmq": 120000, "tcp": 400000},
            [Goal(1.5, "nats"), Goal(.65, "tcp")], any_goal=True),
    unicast("unicast-256k", "256 KiB", 262144, {"cast": 4000, "nats": 2000, "tcp": 6000},
            [Goal(1.5, "nats"), Goal(.65, "tcp")], any_goal=True),
    Row("fanout", "1 sender to 1,000 nodes in turn, 100 B", "kmsg/s", "fanout", 100,
        {"cast": 1000000, "nats": 1000000, "redis": 500000}, [Goal(2, "nats")], flags=("--targets", "1000")),
    Row("funnel", "8 senders to 1 receiver, 100 B", "kmsg/s", "funnel", 100,
        {"cast": 4000000, "nats": 1500000, "zmq": 1000000}, [Goal(3, "nats")], flags=("--senders", "8")),
    Row("broadcast", "broadcast 100 B to 8 (deliveries)", "kmsg/s", "broadcast", 100,
        {"cast": 1000000, "nats": 300000, "zmq": 200000, "tcp": 2500000, "redis": 250000},
        [Goal(5, "nats"), Goal(.5, "tcp")], flags=("8",)),
    Row("oneway-p50", "one way 64 B, p50", "us", "pingpong", 64, PINGS, [Goal(1, "zmq")], **MIDDLE),
    Row("oneway-p99", "one way 64 B, p99", "us", "pingpong", 64, PINGS, [Goal(1, "zmq")], of="oneway-p50", **TAIL),
    Row("ipc-p50", "one way 64 B over ipc, p50", "us", "pingpong", 64, PINGS_IPC, [Goal(1, "zmq", strict=True)],
        flags=("--ipc",), **MIDDLE),
    Row("ipc-p99", "one way 64 B over ipc, p99", "us", "pingpong", 64, PINGS_IPC, [Goal(1, "zmq", strict=True)],
        of="ipc-p50", **TAIL),
    Row("receive-p50", "one way 64 B through receive(), p50", "us", "pingpong-receive", 64, {"cast": 10000},
        [Goal(1.15, "zmq", row="oneway-p50")], **MIDDLE),
    Row("receive-p99", "one way 64 B through receive(), p99", "us", "pingpong-receive", 64, {"cast": 10000},
        [Goal(1.15, "zmq", row="oneway-p99")], of="receive-p50", **TAIL),
    Row("flood-p99", "one way 64 B, p99, while another pair floods", "us", "flood-latency", 64,
        {"cast": 3000, "nats": 2000}, [Goal(1000, strict=True)], **TAIL),
    Row("cpu", "processor seconds a million messages, 100 B", "s", "unicast", 100, {}, [Goal(.25, "nats")],
        figure="cpu_s_per_million", lower=True, of="unicast-100"),
    Row("memory-attached", "broker's memory an idle attached node", "B", "idle-memory", 0,
        {"cast": 10000, "nats": 10000}, [Goal(2048)], figure="bytes_per_node", lower=True),
    Row("memory-stored", "broker's memory an idle stored node", "B", "idle-memory", 0, {"cast": 100000}, [Goal(300)],
        figure="bytes_per_node", lower=True, flags=("--stored",), once=True),
    # fmt: on
]


DISK_ROWS = [
    # fmt: off
    Row("synced-100", "receipted and synced unicast 100 B, many under way", "kmsg/s", "receipts", 100,
        {"cast-disk": 2000000, "cast": 2000000, "jetstream": 200000}, [Goal(3, "jetstream")], ours="cast-disk"),
    Row("lone-p50", "a lone synced send 100 B, p50", "us", "lone-receipts", 100,
        {"cast-disk": 1000, "cast": 1000, "jetstream": 1000, "disk": 1000}, [Goal(2, "disk")], ours="cast-disk",
        **MIDDLE),
    Row("lone-p99", "a lone synced send 100 B, p99", "us", "lone-receipts", 100, {}, [], of="lone-p50",
        ours="cast-disk", **TAIL),
    Row("live-100", "live unicast 100 B to an attached reader", "kmsg/s", "unicast", 100,
        {"cast-disk": 5000000, "cast": 5000000}, [Goal(.6, "cast")], ours="cast-disk"),
    # fmt: on
]


def row_of(key):
    """The row of this key."""
    return next(row for row in ROWS + DISK_ROWS if row.key == key)
