"""A thousand browsers that read, and two hundred that do not, while messages flow as fast as one sender can make them:
nobody is held up, and memory stays where it was. What it costs the messages is measured by hand (API.md, section 9)."""
import selectors
import socket
import unittest

from rawcast import *
from web import WebSocket, curl

READING, SLOW, SECONDS = (1000, 200, 6) if not SANITIZED else (200, 50, 6)


class Load(unittest.TestCase):
    def open(self, broker, number, topics, **more):
        all_ = []
        for _ in range(number):
            ws = WebSocket(broker.http, "/ws", **more)
            self.assertEqual(ws.status, 101)
            ws.say({"type": "subscribe", "topics": topics})
            self.addCleanup(ws.close)
            all_.append(ws)
        return all_

    def test_browsers_fast_and_slow_beside_a_flood(self):
        with Broker(http="127.0.0.1:0") as broker:
            reading = self.open(broker, READING, ["status", "presence", "log"])
            slow = self.open(broker, SLOW, ["status", "log", "stats"], receive_buffer=4096)
            curl(broker.http + "/api/groups", method="POST", body={"group_id": "void"})
            heard, chosen = dict.fromkeys(reading, 0), selectors.DefaultSelector()
            for ws in reading:
                ws.peer.setblocking(False)
                chosen.register(ws.peer, selectors.EVENT_READ, ws)
            memory = broker.memory_kib("VmRSS")
            slowest, number = 0.0, 0
            with broker.peer("flood") as flood:
                until = time.monotonic() + SECONDS  # shorter than the server's patience: nobody here answers its pings
                next_ask = 0.0
                while time.monotonic() < until:
                    for _ in range(20):
                        number += 1
                        flood.say(cast(batch(flood.session, number, "void", "flood", [b"x" * 100] * 500, cast=2)))
                    for key, _ in chosen.select(0):
                        try:
                            heard[key.data] += len(key.data.peer.recv(1 << 20))
                        except BlockingIOError:
                            pass
                    if time.monotonic() > next_ask:
                        began = time.monotonic()
                        self.assertEqual(curl(broker.http + "/api/status").status, 200)
                        slowest = max(slowest, time.monotonic() - began)
                        next_ask = time.monotonic() + 0.5
                    flood.outcome(number)
            self.assertLess(slowest, 5 * FACTOR)
            self.assertEqual([ws for ws, size in heard.items() if size < 1000], [])  # everybody got status and log
            grown = broker.memory_kib("VmRSS") - memory
            self.assertLess(grown, (2000 if SANITIZED else 300) << 10, f"{grown} KiB more than before the flood")
            wait_for(
                "all to be counted",
                lambda: curl(broker.http + "/api/status").json["messages"]["multicast"] == number * 500,
            )
            metrics = curl(broker.http + "/metrics").body
            self.assertIn(f"cast_http_websockets {READING + SLOW}\n", metrics)
            print(
                f"{number * 500 / SECONDS:.0f} messages/s beside {READING + SLOW} browsers; "
                f"status took {slowest * 1000:.0f} ms at most; {grown} KiB more"
            )
            for ws in slow:  # they are still there, and get what they lost told
                ws.peer.settimeout(10 * FACTOR)
                self.assertTrue(ws.peer.recv(1000))


if __name__ == "__main__":
    unittest.main()
