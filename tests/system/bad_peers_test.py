"""Peers that behave badly in time: that never read, never acknowledge, trickle, speak another protocol, come and go.
The broker stays small, and nobody else notices."""
import contextlib
import itertools
import socket
import struct
import time
import unittest

import zmq
from rawcast import *

MIB = 1 << 10  # in KiB
LIMIT = (4000 if SANITIZED else 200) * MIB


class BadPeers(unittest.TestCase):
    def test_other_protocols_at_the_router_end_harm_nobody(self):
        with Broker() as broker:
            for noise in (
                b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
                b"SSH-2.0-OpenSSH_9.2\r\n",
                b"\xff" + bytes(8) + b"\x7f" + bytes(100),
                b"\0" * 10000,
                b"\n",
                b"",
            ):
                with socket.create_connection(("127.0.0.1", broker.port)) as raw:
                    with contextlib.suppress(OSError):  # it may be cut off before it is done
                        raw.sendall(noise)
                        raw.shutdown(socket.SHUT_WR)
                    raw.settimeout(5 * FACTOR)
                    try:
                        while raw.recv(4096):
                            pass
                    except ConnectionError:
                        pass
                broker.check_serves()

    def test_a_connection_that_trickles_and_many_that_say_nothing_hold_nobody_up(self):
        with Broker() as broker:
            idle = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(300)]
            slow = socket.create_connection(("127.0.0.1", broker.port))
            for raw in idle + [slow]:
                self.addCleanup(raw.close)
            greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\0" + bytes(31)
            for i, byte in enumerate(greeting):
                slow.sendall(bytes([byte]))
                if i % 8 == 0:
                    broker.check_serves()
            slow.settimeout(10 * FACTOR)
            heard = b""
            while len(heard) < 64:
                heard += slow.recv(4096)
            ready = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
            for byte in ready:
                slow.sendall(bytes([byte]))
            while b"ROUTER" not in heard:  # messages may follow only when the broker's READY is here, says ZMTP
                chunk = slow.recv(4096)
                self.assertTrue(chunk, heard)
                heard += chunk
            words = hello(7)
            for byte in bytes([0, len(words)]) + words:
                slow.sendall(bytes([byte]))
            while b"0.1.0" not in heard:  # the trickled HELLO is answered like any other
                chunk = slow.recv(4096)
                self.assertTrue(chunk, heard)
                heard += chunk
            broker.check_serves()

    def test_a_client_that_never_acknowledges_gets_its_window_and_its_mailbox_fills_up(self):
        with Broker("--mailbox-bytes", "8MiB", "--reader-window", "1MiB") as broker:
            with broker.peer("lazy") as lazy, broker.peer("sender") as sender:
                payload = b"x" * 50000
                number = self.fill(sender, "lazy", payload)
                self.assertEqual(set(sender.refused.values()), {"mailbox_full"})
                self.assertLess(number, 400)
                while lazy.hear(0.3):
                    pass
                self.assertLess(len(lazy.got), (1 << 20) + 100000)
                self.assertGreater(len(lazy.got), 900000)
                broker.check_serves()
                self.assertLess(broker.memory_kib(), LIMIT)
                stream, sequence, _, _ = delivered(lazy.got)[-1]
                before = len(lazy.got)
                lazy.say(ack(stream, sequence))
                lazy.expect(DELIVER)
                self.assertGreater(len(lazy.got), before)

    def fill(self, sender, target, payload, most=2000):
        """Sends until the mailbox refuses."""
        for number in range(1, most):
            sender.say(cast(batch(sender.session, number, target, "sender", [payload])))
            if sender.outcome(number):
                return number
        self.fail("nothing was refused")

    def test_small_messages_without_acknowledgement_stop_at_so_many_batches(self):
        with Broker("--mailbox-messages", "5000") as broker, broker.peer("lazy") as lazy, broker.peer(
            "sender"
        ) as sender:
            for number in range(1, 3001):
                sender.say(
                    cast(batch(sender.session, number, "lazy", "sender", ["x"], flags=8 if number % 100 == 0 else 0))
                )
                if number % 100 == 0:
                    self.assertEqual(sender.outcome(number), {})
            while lazy.hear(0.3):
                pass
            self.assertEqual(len(delivered(lazy.got)), 1024)

    def test_a_client_that_never_reads_its_deliveries_costs_a_bounded_memory(self):
        with Broker("--mailbox-bytes", "16MiB", "--dead-after", "1h") as broker:
            with broker.peer(receive_buffer=4096) as deaf, broker.peer("sender") as sender:
                deaf.say(
                    hello(deaf.session),
                    attach(["deaf"]),
                    control({"op": "group.join", "group": "team", "nodes": ["deaf"]}),
                )
                wait_for("the group", lambda: broker.stats()["groups"] == 1)
                self.fill(sender, "deaf", b"x" * 100000)
                number = max(sender.refused) + 1
                for number in range(number, number + 1500):
                    sender.say(cast(batch(sender.session, number, "team", "sender", [b"y" * 100000], cast=2)))
                    sender.outcome(number)
                broker.check_serves()
                self.assertLess(broker.memory_kib(), LIMIT)

    def test_a_client_that_asks_and_never_reads_the_answers_costs_a_bounded_memory(self):
        with Broker("--dead-after", "1h") as broker:
            with broker.peer("good") as good:
                good.say(attach([f"some.node.with.a.longer.name.{i}" for i in range(1000)]))
                good.expect(ATTACHED)
                calls = [control({"op": "node.list"}), frame(PING, b"12345678"), frame(200), b"noise"]
                for call, count in zip(calls, (600, 200000, 200000, 200000)):
                    with broker.peer(receive_buffer=4096) as deaf:
                        deaf.say(hello(deaf.session))
                        begin = time.monotonic()
                        for _ in range(count):
                            deaf.socket.send(call)
                            if time.monotonic() - begin > 20 * FACTOR:
                                break
                        wait_for("the calls to be handled", lambda: self.quiet(broker), 60)
                        self.assertLess(broker.memory_kib(), LIMIT, call[:40])
                        good.say(frame(PING, b"87654321"))
                        self.assertEqual(good.expect(PONG), b"87654321")
                broker.check_serves()

    def quiet(self, broker):
        before = broker.cpu_seconds()
        time.sleep(0.2)
        return broker.cpu_seconds() - before < 0.05

    def test_sessions_that_come_and_go_leave_nothing_behind(self):
        with Broker(
            "--session-time", "1s", "--grace-time", "100ms", "--ping-interval", "100ms", "--dead-after", "300ms"
        ) as broker:
            broker.check_serves()
            before = broker.memory_kib("VmRSS")
            for round_ in range(1500):
                with broker.peer() as peer:
                    peer.say(
                        hello(peer.session),
                        attach([f"transient{round_}"]),
                        cast(batch(peer.session, 1, "nobody", f"transient{round_}", ["x"])),
                    )
                    peer.expect(WELCOME)
                    if round_ % 2:
                        peer.say(frame(BYE))
            wait_for(
                "the sessions to end", lambda: broker.stats()["sessions"] == 1 and broker.stats()["nodes"]["known"] == 0
            )
            self.assertLess(broker.memory_kib("VmRSS") - before, (400 if SANITIZED else 40) * MIB)

    def test_subscribers_that_come_and_go_leave_nothing_behind_in_a_broker_that_publishes_nothing(self):
        greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\0" + bytes(31)
        ready = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB"
        with Broker() as broker:

            def come_and_go(times):
                for _ in range(times):
                    with socket.create_connection(("127.0.0.1", broker.publish_port)) as raw:
                        raw.settimeout(10 * FACTOR)
                        raw.sendall(greeting + ready)
                        heard = b""
                        while b"PUB" not in heard[64:]:  # its READY: it has taken us for a subscriber
                            chunk = raw.recv(4096)
                            self.assertTrue(chunk, heard)
                            heard += chunk
                        raw.sendall(b"\0\x09\x01" + bytes(8))

            come_and_go(100)
            broker.check_serves()
            before = broker.memory_kib("VmRSS")
            come_and_go(2000)
            broker.check_serves()
            # 24 MiB, if it stayed.
            wait_for(
                "what they left to go", lambda: broker.memory_kib("VmRSS") - before < (400 if SANITIZED else 8) * MIB
            )

    def test_duplicate_names_have_one_holder(self):
        with Broker() as broker, broker.peer("twin") as first:
            others = [broker.peer() for _ in range(20)]
            for other in others:
                other.say(hello(other.session), attach(["twin"]))
                other.expect(WELCOME)
            for other in others:
                while first.socket.poll(20):
                    first.hear(0.01)  # answers the PINGs
                self.assertEqual(attached_codes(other.expect(ATTACHED)), {"twin": "name_in_use"})
            for other in others:
                other.socket.close(0)
            same = broker.peer()
            same.say(hello(same.session), attach(["a", "a", "b"]))
            same.expect(WELCOME)
            self.assertEqual(attached_codes(same.expect(ATTACHED))["b"], "ok")
            same.socket.close(0)
            broker.check_serves()


if __name__ == "__main__":
    unittest.main()
