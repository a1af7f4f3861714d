#!/usr/bin/env python3
"""watchers.py READING SLOW URL: that many browsers that look at the page's /ws and read what they are told, and that
many that do not read. Prints a line when all are there, then goes on until it is ended. Used by watched.sh."""
import os
import resource
import selectors
import sys

os.environ.setdefault("CAST_BIN_DIR", "")  # no program is started here, but what is imported asks for it
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from web import WebSocket  # pylint: disable=wrong-import-position


def main():
    reading, slow, url = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    chosen, kept = selectors.DefaultSelector(), []
    for i in range(reading + slow):
        ws = WebSocket(url, "/ws", **({} if i < reading else {"receive_buffer": 4096}))
        ws.say({"type": "subscribe", "topics": ["status", "presence", "log"]})
        kept.append(ws)
        if i < reading:
            ws.peer.setblocking(False)
            chosen.register(ws.peer, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in chosen.select():
            try:
                if not key.fileobj.recv(1 << 20):
                    sys.exit("the page's server has closed a browser")
            except BlockingIOError:
                pass


if __name__ == "__main__":
    main()
