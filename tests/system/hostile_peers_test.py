"""Peers that mean harm: names and commands below the protocol that made libzmq end the whole process. The broker serves
everybody else meanwhile and afterwards."""
import contextlib
import os
import socket
import struct
import threading
import unittest

from rawcast import *
from rawzmtp import GREETING, PING as ZMTP_PING, RawPeer, message

FIRST_NUMBER = 0xEB8B4567  # what libzmq makes of two rand() of same_random.c


def preloaded():
    return {"LD_PRELOAD": os.path.join(os.environ["CAST_LIB_DIR"], "same_random.so")}


class HostilePeers(unittest.TestCase):
    @unittest.skipIf(SANITIZED, "nothing can be preloaded before a sanitizer")
    def test_a_peer_that_takes_the_number_of_a_later_one_harms_nobody(self):
        with Broker(environment=preloaded()) as broker:
            for step in (1, 5, 20, 50):
                hostile = RawPeer(broker.port, identity=b"\0" + struct.pack(">I", FIRST_NUMBER + step))
                self.addCleanup(hostile.socket.close)
            for _ in range(120):  # each is given a number, the hostile ones' among them
                broker.check_serves()

    @unittest.skipIf(SHARED_LIBZMQ, "this build ignores peers that name themselves")
    def test_peers_with_names_of_their_own_are_served_even_two_of_one_name(self):
        with Broker() as broker, broker.peer(identity=b"chosen") as first, broker.peer(identity=b"chosen") as second:
            for peer in (first, second):
                peer.say(hello(peer.session), attach([f"node{peer.session}"]))
                peer.expect(WELCOME)
                self.assertEqual(attached_codes(peer.expect(ATTACHED)), {f"node{peer.session}": "ok"})

    def test_older_zmtp_which_carries_names_another_way_is_refused(self):
        name = b"\0\x06\0" + struct.pack(">I", FIRST_NUMBER)
        signature = b"\xff" + bytes(8) + b"\x7f"
        with Broker() as broker:
            for port in (broker.port, broker.publish_port):
                for greeting in (b"\x06" + name[2:], signature + b"\0\x05" + name, signature + b"\x01\x05" + name):
                    with RawPeer(port, handshake=False) as old:
                        old.socket.sendall(greeting)
                        self.assertTrue(old.cut(20 * FACTOR), greeting)
            broker.check_serves()

    def test_pings_of_zmtp_behind_a_burst_from_peers_that_vanish_harm_nobody(self):
        """libzmq that has stopped reading a connection must not answer a PING on it once it is gone."""
        subscription, noise = message(b"\x01x"), message(b"x")
        with Broker() as broker:

            def burst(port, kind, frame_):
                for _ in range(60):
                    with contextlib.suppress(OSError), RawPeer(port, kind) as peer:
                        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        peer.socket.sendall(frame_ * 1040 + (ZMTP_PING + frame_) * 300)

            threads = [
                threading.Thread(target=burst, args=args)
                for args in [(broker.publish_port, b"SUB", subscription), (broker.port, b"DEALER", noise)] * 3
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            broker.check_serves()


if __name__ == "__main__":
    unittest.main()
