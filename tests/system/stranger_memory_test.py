"""What strangers may cost, and clients below what the core can count: connections that send without end, subscribe
without end, say nothing, or take nothing. Each attack stays within its bound, is counted in `stats`, and others are
served."""
import contextlib
import os
import socket
import struct
import threading
import unittest

from rawcast import *
from rawzmtp import RawPeer, message

LIMIT_KIB = 64 << 10


@unittest.skipIf(SANITIZED, "the memory of a sanitizer is not the broker's")
class StrangerMemory(unittest.TestCase):
    def attack(self, broker, port, kind, pieces, first=b"", most=256 << 20):
        """Sends pieces until the broker hangs up. How many bytes went out."""
        sent = 0
        with contextlib.suppress(OSError), RawPeer(port, kind) as peer:
            peer.socket.sendall(first)
            while sent < most:
                piece = pieces()
                peer.socket.sendall(piece)
                sent += len(piece)
        self.assertLess(sent, most, "nobody hung up")
        return sent

    def bounded(self, attack, why="flooded", times=3):
        """The attack, several at once, within the bound; others are served meanwhile and afterwards."""
        with Broker() as broker:
            broker.check_serves()
            before = broker.memory_kib("VmRSS")
            threads = [threading.Thread(target=attack, args=(broker,)) for _ in range(times)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                broker.check_serves()
            for thread in threads:
                thread.join()
            broker.check_serves()
            self.assertLess(broker.memory_kib("VmHWM") - before, LIMIT_KIB)
            self.assertGreaterEqual(broker.stats()["edge"]["cut"][why], times)

    def test_subscriptions_without_end(self):
        self.bounded(
            lambda broker: self.attack(
                broker,
                broker.publish_port,
                b"SUB",
                lambda: b"".join(message(b"\x01" + os.urandom(240)) for _ in range(200)),
            )
        )
        self.bounded(
            lambda broker: self.attack(
                broker,
                broker.publish_port,
                b"SUB",
                lambda: b"".join(message(b"\x01" + os.urandom(8)) for _ in range(500)),
            )
        )

    def test_a_message_whose_parts_have_no_end_before_and_after_the_hello(self):
        parts = message(b"x" * 20, more=True) * 1000
        for first in (b"", message(hello(77))):
            self.bounded(lambda broker: self.attack(broker, broker.port, b"DEALER", lambda: parts, first), times=1)

    def test_frames_before_the_hello(self):
        for size in (0, 40, 100000):
            frames = message(b"x" * size) * max(1, 60000 // (size + 2))
            self.bounded(lambda broker: self.attack(broker, broker.port, b"DEALER", lambda: frames))

    def test_frames_of_a_client_faster_than_they_are_taken(self):
        frames = message(frame(ACK, struct.pack("<IQQI", 1, 5, 5, 0))) * 1000

        def attack(broker):
            with contextlib.suppress(OSError), RawPeer(broker.port) as peer:
                peer.say(hello(random.getrandbits(62) | 1))
                for _ in range(3000):
                    peer.socket.sendall(frames)

        with Broker() as broker:
            broker.check_serves()
            before = broker.memory_kib("VmRSS")
            thread = threading.Thread(target=attack, args=(broker,))
            thread.start()
            while thread.is_alive():
                broker.check_serves()
            thread.join()
            broker.check_serves()
            # A client's 32 MiB, as pieces in libzmq.
            self.assertLess(broker.memory_kib("VmHWM") - before, 3 * LIMIT_KIB)

    def test_a_message_as_large_as_max_message_allows_is_no_flood(self):
        with Broker("--max-message", "48MiB") as broker, broker.peer("sender") as sender:
            payload = bytes(48 << 20)
            sender.say(cast(batch(sender.session, 1, "sender", "sender", [payload])))
            self.assertEqual(sender.outcome(1), {})
            self.assertEqual(broker.stats()["edge"]["cut"]["flooded"], 0)

    def test_who_says_no_hello_is_cut_and_of_many_the_oldest(self):
        with Broker() as broker, broker.peer("honest") as honest:
            silent = [RawPeer(broker.port, handshake=i % 2 == 0) for i in range(300)]
            for peer in silent:
                self.addCleanup(peer.socket.close)
            self.assertTrue(silent[0].cut(20 * FACTOR))
            self.assertGreaterEqual(broker.stats()["edge"]["cut"]["crowded"], 300 - 256)
            self.assertTrue(silent[-1].cut(30 * FACTOR))  # its time is over
            wait_for("the strangers to go", lambda: broker.stats()["edge"]["strangers"]["connections"] == 0)
            self.assertGreater(broker.stats()["edge"]["cut"]["silent"], 0)
            honest.say(frame(PING, b"12345678"))
            self.assertEqual(honest.expect(PONG), b"12345678")

    def test_who_is_given_up_is_hung_up_on(self):
        with Broker("--ping-interval", "1s", "--dead-after", "2s") as broker, RawPeer(broker.port) as silent:
            silent.say(hello(random.getrandbits(62) | 1))
            self.assertTrue(silent.cut(30 * FACTOR))
            self.assertEqual(broker.stats()["edge"]["cut"]["given_up"], 1)

    def counted(self, broker):
        """What subscribers have sent counts in the memory budget."""

        def is_counted():
            stats = broker.stats()
            held = stats["edge"]["subscribers"]["bytes"]
            return held > 0 and stats["memory"]["bytes"] >= stats["queued"]["bytes"] + held

        wait_for("it to be counted", is_counted)

    def test_subscribers_who_take_nothing_cost_little_whatever_is_published(self):
        with Broker("--group-bytes", "16MiB", "--hold-back", "200ms") as broker, broker.peer("sender") as sender:
            broker.check_serves()
            before = broker.memory_kib("VmRSS")
            stopped = [RawPeer(broker.publish_port, b"SUB") for _ in range(3)]
            for peer in stopped:
                self.addCleanup(peer.socket.close)
                peer.say(b"\x01")
            wait_for("the subscribers", lambda: broker.stats()["edge"]["subscribers"]["connections"] == 3)
            self.counted(broker)
            payload = os.urandom(1 << 20)
            for number in range(1, 151):
                sender.say(cast(batch(sender.session, number, "", "sender", [payload], cast=3)))
                sender.outcome(number)
            self.assertLess(broker.memory_kib("VmHWM") - before, 16 * 1024 * 2 + LIMIT_KIB)
            wait_for("them to be cut", lambda: broker.stats()["edge"]["cut"]["stuck"] == 3)
            wait_for("what waited for them to go", lambda: broker.stats()["edge"]["subscribers"]["waiting_bytes"] == 0)
            broker.check_serves()


if __name__ == "__main__":
    unittest.main()
