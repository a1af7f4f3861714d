"""What all who talk to the page's server can cost it together: a bounded amount of memory, and nobody who is honest
waits for them. Each case measures the broker's memory under one attack. One thread."""
import select
import unittest

from rawcast import *
from web import WebSocket, connect, curl, parse

BOUND_KIB = 64 << 10
CLIENTS = 40


class Memory(unittest.TestCase):
    def setUp(self):
        self.broker = Broker("--mailbox-bytes", "8MiB", http="127.0.0.1:0", data=None)
        self.addCleanup(self.broker.__exit__, None, None, None)
        self.url, self.peers = self.broker.http, []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])
        for name in ("bob", "carol"):
            self.assertEqual(curl(self.url + "/api/nodes", method="POST", body={"node_id": name}).status, 201)
        self.serves()
        self.started = self.broker.memory_kib("VmRSS")

    def metric(self, name):
        lines = curl(self.url + "/metrics").body.splitlines()
        return float(next(line.split(" ")[1] for line in lines if line.startswith(name + " ")))

    def serves(self):
        sent = curl(
            self.url + "/api/send",
            method="POST",
            body={"cast_type": "unicast", "recipients": ["carol"], "content": "x" * 1000},
        )
        self.assertEqual((sent.status, sent.json["success"]), (200, True))

    def bounded(self, most=BOUND_KIB):
        self.serves()
        if not SANITIZED:
            self.assertLess(self.broker.memory_kib() - self.started, most)

    def flood(self, peer, *parts):
        """As much of this as the server takes: it may hang up."""
        self.peers.append(peer)
        try:
            for part in parts:
                peer.sendall(part)
        except ConnectionError:
            pass

    def post(self, path, length, kind="application/json"):
        return (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\n" f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def test_bodies_that_never_end(self):
        piece = b"x" * (1 << 20)
        for n in range(CLIENTS):
            self.flood(connect(self.url), self.post("/api/send", 8 << 20), *[piece] * 7, piece[:-100])
            if n % 8 == 0:
                self.serves()
        wait_for("the oldest to be ended", lambda: self.metric("cast_http_ended_total") >= 1)
        told = parse(self.peers[0].recv(65536))
        self.assertEqual((told.status, told.json["code"], told.headers["retry-after"]), (503, "busy", "1"))
        self.assertLessEqual(self.metric("cast_http_held_bytes"), 32 << 20)
        self.bounded()
        while self.peers:
            self.peers.pop().close()
        wait_for("the memory to be given back", lambda: self.metric("cast_http_held_bytes") < 1 << 20)

    def test_a_body_that_does_not_move_is_told_why_it_is_ended(self):
        peer = connect(self.url)
        self.flood(peer, self.post("/api/send", 100), b"{")
        told = parse(peer.recv(65536))
        self.assertEqual((told.status, told.json["code"]), (408, "timed_out"))

    def test_json_that_takes_more_room_than_its_text(self):
        filled = (
            b'{"cast_type": "unicast", "recipients": ["bob"], "message_type": "json", "content": ['
            + b"{}," * 2700000
            + b"{}]}"
        )
        for path in ("/api/send", "/api/nodes", "/api/groups/team/members"):
            for _ in range(4):
                peer = connect(self.url)
                self.flood(peer, self.post(path, len(filled)), filled)
                told = parse(peer.recv(65536))
                self.assertEqual((told.status, told.json["code"]), (400, "malformed"), path)
        self.bounded()

    def test_answers_that_nobody_reads(self):
        with self.broker.peer("maker") as maker:
            for n in range(1000):
                maker.say(control({"op": "node.create", "name": "x" * 100 + f"{n:05d}"}))
            for _ in range(1000):
                maker.expect(CONTROL_REPLY, skip=(WELCOME, ATTACHED, RECEIPT, DELIVER, MEMBERSHIP, TAIL))
        self.started = self.broker.memory_kib("VmRSS")
        for _ in range((4 if SANITIZED else 8) * CLIENTS):  # each keeps the workers of a slow build for long
            self.flood(
                connect(self.url, receive_buffer=4096), b"GET /api/nodes?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
        wait_for("the oldest to be ended", lambda: self.metric("cast_http_ended_total") > 0, seconds=60)
        self.assertLessEqual(self.metric("cast_http_held_bytes"), 32 << 20)
        self.bounded(2 * BOUND_KIB)  # making them leaves freed memory in the heaps of several threads, for some seconds

    def test_frames_that_never_end(self):
        piece = b"x" * (1 << 20)
        for n in range(CLIENTS):
            ws = WebSocket(self.url, f"/ws/nodes/n{n}")
            self.peers.append(ws.peer)
            ws.hear_type("ready")
            try:
                ws.send_frame(1, b'{"content":"' + piece, final=False)
                ws.send_frame(0, piece, final=False)
            except ConnectionError:
                pass
        wait_for("the oldest to be ended", lambda: self.metric("cast_http_ended_total") > 0)
        self.bounded()

    def test_lines_that_never_end(self):
        for n in range(CLIENTS):
            port = curl(self.url + "/api/nodes", method="POST", body={"node_id": f"device{n}", "port": 0}).json["port"]
            self.flood(connect(f"http://127.0.0.1:{port}"), b'{"content":"' + b"x" * (1 << 20))
        wait_for("the oldest to be ended", lambda: self.metric("cast_http_ended_total") > 0)
        self.assertLessEqual(self.metric("cast_http_held_bytes"), 32 << 20)
        self.bounded()

    def test_nodes_that_do_not_read(self):
        text = b'{"type": "ping", "ref": "%s"}' % (b"r" * 10000)
        ping = bytes([0x81, 0xFE]) + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text
        # A slow build takes seconds for each, and by then has given up the first ones, for they answer nothing.
        for n in range(CLIENTS if not SANITIZED else 6):
            ws = WebSocket(self.url, f"/ws/nodes/n{n}", receive_buffer=4096)
            ws.hear_type("ready")
            # More than the system holds for a connection, and less than its own queue may.
            self.flood(ws.peer, ping * 600)
            if n % 8 == 0:
                self.serves()
        if not SANITIZED:
            wait_for("the oldest to be ended", lambda: self.metric("cast_http_ended_total") > 0)
        self.assertLessEqual(self.metric("cast_http_held_bytes"), 32 << 20)
        self.bounded()

    def test_messages_that_scripts_were_handed_and_do_not_acknowledge(self):
        names, content = [f"n{n}" for n in range(CLIENTS)], "x" * 900_000
        for name in names:
            self.assertEqual(curl(self.url + "/api/nodes", method="POST", body={"node_id": name}).status, 201)
        sent = curl(
            self.url + "/api/send",
            method="POST",
            body={"cast_type": "unicast", "recipients": names, "content": content},
        )
        self.assertEqual(sent.json["recipients_count"], CLIENTS)
        take = lambda name: curl(f"{self.url}/api/nodes/{name}/receive?timeout=20s", method="POST").json["messages"]
        for name in names:
            self.assertEqual([m["redelivered"] for m in take(name)], [False])
        self.assertGreater(self.metric("cast_http_ended_total"), 0)
        self.assertLessEqual(self.metric("cast_http_held_bytes"), 32 << 20)
        # The oldest had to go, and comes again.
        self.assertEqual([(m["redelivered"], m["content"]) for m in take(names[0])], [(True, content)])

    def full_mailbox(self):
        """Of the node "full": whoever sends to it waits."""
        self.assertEqual(curl(self.url + "/api/nodes", method="POST", body={"node_id": "full"}).status, 201)
        with self.broker.peer("filler") as filler:
            number = 0
            while not filler.refused:
                number += 1
                filler.say(cast(batch(filler.session, number, "full", "filler", [b"x" * 1_000_000])))
                filler.outcome(number)

    def first_answer(self):
        """Of the peer that hears something first, but for a WebSocket's PINGs, which come to whoever waits long."""
        while True:
            heard = select.select(self.peers, [], [], 20 * FACTOR)[0]
            self.assertTrue(heard, "nobody is told anything")
            answer = heard[0].recv(65536)
            while answer.startswith(b"\x89\x00"):
                answer = answer[2:]
            if answer:
                return answer

    def test_large_messages_that_wait_for_room(self):
        self.full_mailbox()
        body = json.dumps(
            {"cast_type": "unicast", "recipients": ["full"], "content": "x" * 900_000, "timeout": "60s"}
        ).encode()
        for _ in range(CLIENTS // 2):  # together more than may be at work, and less than may be held
            self.flood(connect(self.url), self.post("/api/send", len(body)), body)
        told = parse(self.first_answer())
        self.assertEqual((told.status, told.json["code"]), (503, "busy"))

    def test_large_messages_of_nodes_that_wait_for_room(self):
        self.full_mailbox()
        nodes = [WebSocket(self.url, f"/ws/nodes/n{n}") for n in range(CLIENTS // 2)]
        for node in nodes:
            node.hear_type("ready")
            self.peers.append(node.peer)
            node.say({"recipients": ["full"], "content": "x" * 900_000, "timeout": "60s"})
        self.assertIn(b'"busy"', self.first_answer())

    def test_polling_as_fast_as_can_be(self):
        peer, asked = connect(self.url), b"POST /api/nodes/bob/receive?timeout=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.peers.append(peer)
        grown = []
        for _ in range(4):
            for _ in range(50):
                peer.sendall(asked * 100)
                heard = b""
                while heard.count(b'"node_id"') < 100:
                    heard += peer.recv(1 << 20)
            grown.append(self.broker.memory_kib("VmRSS"))
        if not SANITIZED:  # the address sanitizer keeps what was freed
            self.assertLess(grown[-1] - grown[0], 4 << 10)  # 15,000 calls later


if __name__ == "__main__":
    unittest.main()
