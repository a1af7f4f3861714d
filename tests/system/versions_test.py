"""Two versions of the protocol side by side, whose a session is, and several brokers' addresses: from outside."""
import hashlib
import pathlib
import socket
import sqlite3
import subprocess
import threading
import unittest

from rawcast import *

SECRET = b"sixteen bytes..."


def nodectl(url, *words, **settings):
    return subprocess.run(
        [BIN + "/nodectl", "--broker", url, *words], capture_output=True, text=True, timeout=60 * FACTOR, **settings
    )


class Front:
    """A ROUTER of its own that answers for a broker: answer(peer's frame) is what it says, None: hands it on."""

    def __init__(self, broker, answer):
        self.broker, self.answer, self.heard = broker, answer, []
        self.socket = broker.context.socket(zmq.ROUTER)
        self.url = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.stop = broker.context.socket(zmq.PAIR)
        self.stop.bind("inproc://stop")
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        with self.broker.context.socket(zmq.PAIR) as end:
            end.connect("inproc://stop")
            end.send(b"")
            self.thread.join()

    def run(self):
        behind, poller = {}, zmq.Poller()
        for one in (self.socket, self.stop):
            poller.register(one, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self.stop in ready:
                break
            if self.socket in ready:
                peer, bytes_ = self.socket.recv_multipart()
                self.heard.append(bytes_)
                said = self.answer(bytes_)
                if said is not None:
                    self.socket.send_multipart([peer, said])
                    continue
                if peer not in behind:
                    behind[peer] = self.broker.context.socket(zmq.DEALER)
                    behind[peer].connect(self.broker.url)
                    poller.register(behind[peer], zmq.POLLIN)
                behind[peer].send(bytes_)
            for peer, one in behind.items():
                if one in ready:
                    self.socket.send_multipart([peer, one.recv()])
        for one in (self.socket, self.stop, *behind.values()):
            one.close(0)


def older(bytes_):
    """What a broker of version 1 says to a frame, if it is none of its own."""
    return None if bytes_[1] == 1 else frame(ERROR, struct.pack("<HBH", 3, 0, 0))


class Versions(unittest.TestCase):
    def test_a_session_is_its_clients_alone(self):
        with Broker() as broker, broker.peer("bob") as bob:
            with subprocess.Popen(
                [BIN + "/nodectl", "--broker", broker.url, "send", "--from", "alice", "--unicast", "bob", "-l"],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as sender:
                sender.stdin.write(b"one\n")
                sender.stdin.flush()
                bob.expect(DELIVER)
                (session,) = struct.unpack_from("<Q", bob.got, 8)
                for fields in (None, {}, {2: SECRET}):
                    with broker.peer() as thief:
                        thief.say(hello(session, attempt=1000, fields=fields))
                        thief.expect_error("forbidden", HELLO)
                sender.stdin.write(b"two\n")
                _, said = sender.communicate()
                self.assertEqual((sender.returncode, said), (0, b""))
                bob.expect(DELIVER, skip=(TAIL,))
                self.assertIn(b"two", bob.got)

    def test_it_is_so_over_a_restart_and_the_store_does_not_know_the_secret(self):
        folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        session = random.getrandbits(63) | 1
        mine = hello(session, attempt=1, fields={2: SECRET})
        with Broker(data=folder) as broker, broker.peer() as peer:
            peer.say(mine, attach(["alice"], flags=0))
            peer.expect(WELCOME)
            peer.expect(ATTACHED)
            peer.say(cast(batch(session, 1, "nobody", "alice", ["x"])))
            self.assertEqual(peer.outcome(1), {1: "no_such_node"})
        with sqlite3.connect(os.path.join(folder, "cast.db")) as store:
            kept = store.execute("SELECT secret FROM sessions").fetchall()
        self.assertEqual(kept, [(hashlib.sha256(SECRET).digest()[:16],)])
        for path in pathlib.Path(folder).iterdir():
            self.assertNotIn(SECRET, path.read_bytes() if path.is_file() else b"")
        with Broker(data=folder) as broker:
            with broker.peer() as thief:
                thief.say(hello(session, attempt=1000, fields={2: SECRET[::-1]}))
                thief.expect_error("forbidden", HELLO)
            with broker.peer() as peer:
                peer.say(hello(session, attempt=2, fields={2: SECRET}))
                (through,) = struct.unpack_from("<Q", peer.expect(WELCOME), 16)
                self.assertEqual(through, 1)

    def test_nobody_speaks_for_others_and_unknown_fields_are_skipped_or_told(self):
        with Broker() as broker:
            for fields, code in (({0x84: b"eve"}, "forbidden"), ({0xC0: b""}, "unsupported_version")):
                with broker.peer() as peer:
                    peer.say(hello(peer.session, fields=fields))
                    peer.expect_error(code, HELLO)
            with broker.peer() as peer:
                peer.say(hello(peer.session, fields={0x40: b"news"}))
                peer.expect(WELCOME)

    def test_a_client_speaks_to_an_older_broker(self):
        with Broker() as broker, Front(broker, older) as front:
            sent = nodectl(front.url, "send", "--from", "alice", "--unicast", "bob", "hi")
            self.assertEqual(sent.returncode, 5, sent.stderr)
            self.assertEqual(nodectl(front.url, "node", "create", "bob").returncode, 0)
            sent = nodectl(front.url, "send", "--from", "alice", "--unicast", "bob", "hi")
            self.assertEqual((sent.returncode, sent.stderr), (0, ""))
            got = nodectl(front.url, "recv", "bob", "-n", "1", "--raw")
            self.assertEqual((got.returncode, got.stdout), (0, "hi\n"), got.stderr)
            self.assertEqual({bytes_[1] for bytes_ in front.heard if bytes_[2] == HELLO}, {1, 2})
            self.assertEqual({bytes_[1] for bytes_ in front.heard if bytes_[2] != HELLO}, {1})

    def test_a_client_goes_where_a_follower_sends_it(self):
        with Broker() as broker:
            leader = broker.url.encode()
            follows = frame(
                ERROR,
                struct.pack("<HBH", 33, HELLO, 0) + struct.pack("<BH", 1, len(leader)) + leader,
                version=2,
            )
            with Front(broker, lambda bytes_: follows if bytes_[2] == HELLO else b"") as front:
                self.assertEqual(nodectl(front.url, "node", "create", "bob").returncode, 0)

    def test_a_follower_that_names_nobody_is_told_in_words(self):
        with Broker() as broker:
            follows = frame(ERROR, struct.pack("<HBH", 33, HELLO, 0))
            with Front(broker, lambda bytes_: follows if bytes_[2] == HELLO else b"") as front:
                done = nodectl(front.url, "--timeout", "300ms", "node", "list")
                self.assertEqual(done.returncode, 3)
                self.assertIn("the broker there follows another one", done.stderr)

    def test_addresses_are_tried_in_turn(self):
        with Broker() as broker, socket.socket() as silent, socket.socket() as closed:
            silent.bind(("127.0.0.1", 0))
            silent.listen()  # takes connections, and says nothing
            closed.bind(("127.0.0.1", 0))
            dead = [f"tcp://127.0.0.1:{one.getsockname()[1]}" for one in (silent, closed)]
            for urls in (dead + [broker.url], [broker.url] + dead, ["ipc:///nowhere/a,b", broker.url]):
                done = nodectl(",".join(urls), "node", "list")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
            done = nodectl(",".join(dead), "--timeout", "1s", "node", "list")
            self.assertEqual(done.returncode, 3)
            self.assertIn(dead[1], done.stderr)
            done = nodectl(broker.url + ",tcp://nowhere", "node", "list")
            self.assertEqual(done.returncode, 2)
            self.assertIn("'tcp://nowhere' is no address of a broker: the port is missing", done.stderr)

    def test_a_client_goes_over_to_the_next_broker_when_its_own_ends(self):
        with Broker() as first, Broker() as second:
            for broker in (first, second):
                self.assertEqual(nodectl(broker.url, "node", "create", "bob").returncode, 0)
            with subprocess.Popen(
                [BIN + "/nodectl", "--broker", first.url + "," + second.url]
                + ["send", "--from", "alice", "--unicast", "bob", "-l"],
                stdin=subprocess.PIPE,
            ) as sender:
                sender.stdin.write(b"one\n")
                sender.stdin.flush()
                wait_for("the first message", lambda: first.stats()["messages"]["unicast"] == 1)
                first.stop()
                sender.stdin.write(b"two\n")
                sender.stdin.close()
                self.assertEqual(sender.wait(60 * FACTOR), 0)
            self.assertGreaterEqual(second.stats()["messages"]["unicast"], 1)

    def test_the_host_of_a_reader_is_shown(self):
        with Broker() as broker:
            with subprocess.Popen(
                [BIN + "/nodectl", "--broker", broker.url, "recv", "bob"], stdout=subprocess.DEVNULL
            ) as reader:
                shows = lambda *flags: nodectl(broker.url, "node", "show", "bob", *flags)
                wait_for("bob", lambda: '"attached":true' in shows("--json").stdout)
                self.assertEqual(json.loads(shows("--json").stdout)["host"], socket.gethostname())
                self.assertIn(socket.gethostname(), shows().stdout)
                reader.terminate()


if __name__ == "__main__":
    unittest.main()
