"""Words that no identifier, file, command or setting has: the old name of a thing whose name is the field's now.

Prose is free, and so are the titles of tests; what is accepted from older programs stands in ALIASES.
"""
import re

# A word of an identifier or of a file's name, and what the thing is called.
PARTS = {
    "cold": "paged (out)",
    "warm": "resident, page in",
    "cool": "evict",
    "keeper": "persister",
    "unsaved": "dirty",
    "tap": "sampler",
    "door": "node session",
    "deaf": "evicted slow consumer, stalled subscription",
    "parted": "detached",
    "goings": "delivery attempts",
    "expiries": "expiry queue",
    "parcel": "outgoing record",
    "moment": "timestamp",
    "reaped": "orphaned lane",
    "later": "scheduled",
    "look": "browse",
    "looks": "browse",
    "looked": "browse",
    "looking": "browse",
    "pace": "backpressure budget",
    "untold": "gap pending",
    "told": "announced, sent, reported",
}
# The last word of an identifier.
LAST = {"ends": "endpoints"}
# A whole identifier.
WHOLE = {
    "Seen": "MessagePreview",
    "Late": "ScheduledBatch",
    "Held": "DelayedReceipt",
    "Letter": "DeadLetterEnvelope",
    "Way": "destination",
    "way": "destination",
    "way_to": "destination key",
    "hold_back": "backpressure budget",
    "publish_reports": "publish events",
}
# Ordinary uses of these words.
FREE = {
    "ends_with",  # std::string
    "warm_up",  # a benchmark
    "warmed_up",
    "look_up",
}


# Members of the API's JSON, which the page names as they are.
MEMBERS = {"broker/gateway/web/": {"later"}}


def parts_of(identifier):
    """The words of an identifier, in lower case: kColdRange, cold_range and coldRange all have "cold"."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)]


def old_words(identifier):
    """(what is old, what it is called now) in this identifier."""
    if identifier in FREE:
        return
    if identifier in WHOLE:
        yield identifier, WHOLE[identifier]
    parts = parts_of(identifier)
    for part in parts:
        if part in PARTS:
            yield part, PARTS[part]
    if parts and parts[-1] in LAST:
        yield parts[-1], LAST[parts[-1]]


def in_code(path, code):
    """(line, text) of each identifier of a blanked source with an old word in it; each identifier once."""
    seen = {member for folder, members in MEMBERS.items() if path.startswith(folder) for member in members}
    for number, line in enumerate(code.split("\n"), 1):
        for identifier in re.findall(r"\b[A-Za-z_][A-Za-z0-9_]*\b", line):
            if identifier in seen:
                continue
            seen.add(identifier)
            for old, new in old_words(identifier):
                yield number, f'"{old}" in {identifier}: the glossary says {new}'


def in_name(path):
    """The same for a file's path."""
    for piece in re.split(r"[/.-]", path):
        for old, new in old_words(piece):
            yield 1, f'"{old}" in the name: the glossary says {new}'
