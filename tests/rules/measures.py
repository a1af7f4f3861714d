"""How large things may be: lines of files, functions and classes, columns, branches."""
import os
import re
from collections import defaultdict

CXX = (".cpp", ".hpp", ".h", ".c", ".cc")
WEB = (".ts", ".tsx", ".css")
MAX_FUNCTION, MAX_BRANCHES, MAX_CLASS = 60, 20, 400
MAX_HEADER, MAX_SOURCE, MAX_TEST, MAX_EXAMPLE = 200, 400, 600, 60
CODE_COLUMNS, DOCUMENT_COLUMNS = 120, 100
FREE_COLUMNS = ("tests/bench/results/", "tests/fuzz/corpus/")
NARROW_THROUGHOUT = ("broker/ARCHITECTURE.md", "libcast/PROTOCOL.md", "libcast/TRANSFER.md")

# What is still larger than it may be, and how large it is: it may only shrink. A class that fits leaves the list.
LARGE_CLASSES = {
    "broker/core/group/Groups": 638,
    "broker/core/mailbox/Mailboxes": 498,
    "broker/core/Router": 664,
    "broker/core/stream/Stream": 489,
    "broker/store/DiskStore": 435,
    "libcast/src/transfer/FileSender::State": 408,
    "libcast/src/inbound/Inbound": 437,
    "libcast/src/connection/Link": 617,
    "libcast/src/outbound/Outbound": 553,
    "libcast/src/session/Session": 483,
}
BRANCHED_FILES = {
    "broker/control/control.cpp": 28,
    "broker/core/group/groups.cpp": 27,
    "broker/core/mailbox/mailboxes.cpp": 26,
    "broker/core/stream/stream_paging.cpp": 23,
    "broker/gateway/node_ports/receivers.cpp": 21,
    "broker/gateway/http/server.cpp": 21,
    "libcast/src/session/session.cpp": 24,
    "libcast/src/transfer/transfer_send.cpp": 24,
    "nodectl/input/json_lines.cpp": 25,
    "nodectl/commands/send.cpp": 21,
    "tests/simulation/actions.cpp": 37,
    "tests/simulation/oracle.cpp": 28,
    "tests/simulation/oracle_broker.cpp": 21,
    "tests/simulation/oracle_disk.cpp": 29,
    "tests/simulation/world.cpp": 27,
    "tests/support/broker_process.cpp": 24,
    "tests/support/wire_check.hpp": 27,
    "tests/unit/stream_test.cpp": 31,
}


def limit_of(path):
    """The most lines that this file may have, or None."""
    if path.startswith("tests/"):
        code = path.endswith(CXX + (".sh", ".py")) or "." not in os.path.basename(path)
        return MAX_TEST if code else None
    if path.endswith((".hpp", ".h")):
        return MAX_HEADER
    if path.startswith("examples/") and path.endswith(CXX):
        return MAX_EXAMPLE
    return MAX_SOURCE if path.endswith(CXX + WEB) else None


def wide_lines(path, text):
    """(line, columns, limit) of each line that is too wide. Addresses are free; so are tables and code of documents."""
    document = path.endswith(".md")
    if path.endswith((".json", ".svg")) or path.startswith(FREE_COLUMNS):
        return
    limit = DOCUMENT_COLUMNS if document else CODE_COLUMNS
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if document and line.lstrip().startswith("```"):
            fenced = not fenced
        free = document and path not in NARROW_THROUGHOUT and (fenced or line.lstrip().startswith("|"))
        if len(line) > limit and not free and not re.search(r"\S{60,}", line):
            yield number, len(line), limit


class ClassSizes:
    """The lines of each class, wherever its parts lie; two of one name in one folder count as one."""

    def __init__(self):
        self.lines = defaultdict(int)
        self.homes = {}  # where to complain: the definition

    def add(self, path, bodies, classes):
        if path.startswith("tests/"):
            return
        folder = os.path.dirname(path)
        for name, begin, end in classes:
            inner = sum(
                last - first + 1
                for other, first, last in classes
                if other.startswith(name + "::") and begin <= first and last <= end
            )
            self.lines[folder, name] += end - begin + 1 - inner
            self.homes[folder, name] = (path, begin)
        spans = [(begin, end) for _, begin, end in classes]
        for body in bodies:
            if body.owner and not any(begin <= body.begin and body.end <= end for begin, end in spans):
                self.lines[folder, body.owner] += body.end - body.begin + 1

    def large(self):
        """(path, line, text) of what is larger than it may be, or is listed as large and no longer is."""
        for (folder, name), lines in sorted(self.lines.items()):
            listed = LARGE_CLASSES.get(folder + "/" + name)
            path, line = self.homes.get((folder, name), (folder, 1))
            if lines > (listed or MAX_CLASS):
                yield path, line, f"class {name} has {lines} lines in all; at most {listed or MAX_CLASS}"
            elif listed and lines <= MAX_CLASS:
                yield path, line, f"class {name} fits now: take it off LARGE_CLASSES in tests/rules/measures.py"


def branched(path, bodies):
    """(line, text) of each function with too many branches."""
    listed = BRANCHED_FILES.get(path, MAX_BRANCHES)
    most = max((body.branches for body in bodies), default=0)
    for body in bodies:
        if body.branches > listed:
            yield body.begin, f"a function of {body.branches} branches; at most {listed}"
    if path in BRANCHED_FILES and most <= MAX_BRANCHES:
        yield 1, "no function is too branched now: take it off BRANCHED_FILES in tests/rules/measures.py"
