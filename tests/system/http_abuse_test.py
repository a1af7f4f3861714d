"""The server against those who do not play by the rules: garbage, smuggling, pipelining, half-closed and never-ending
requests, floods of connections. Whatever they say, it serves on."""
import json
import random
import re
import socket
import struct
import subprocess
import unittest

from rawcast import *
from web import WebSocket, connect, curl, parse, read_all


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker("--http-connections", "50", http="127.0.0.1:0").__enter__()
        cls.url = cls.broker.http
        cls.host = cls.url.split("//")[1]

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__(None, None, None)

    def tearDown(self):
        wait_for("it to serve on", lambda: curl(self.url + "/api/status").status == 200)

    def raw(self, *parts, close_write=False):
        """Everything that the server says to these bytes, until it closes."""
        with connect(self.url) as peer:
            try:
                for part in parts:
                    peer.sendall(part if isinstance(part, bytes) else part.encode())
                if close_write:
                    peer.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass
            return read_all(peer)

    def request(self, line="GET /healthz HTTP/1.1", *headers, body=b""):
        return "\r\n".join([line, "Host: " + self.host, *headers]).encode() + b"\r\n\r\n" + body

    def status_of(self, *parts, **more):
        said = self.raw(*parts, **more)
        return parse(said).status if said else None

    def test_garbage_gets_400_or_a_closed_door(self):
        dice = random.Random(1)
        for size in (1, 7, 100, 5000, 100000):
            noise = bytes(dice.randrange(256) for _ in range(size))
            self.assertIn(self.status_of(noise + b"\r\n\r\n", close_write=True), (None, 400, 431))
        for text in (
            # fmt: off
            "\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "SSH-2.0-x\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n", "GET / HTTP/1.1\r\n folded: x\r\n\r\n",
            "G\x80T / HTTP/1.1\r\n\r\n",
            # fmt: on
        ):
            self.assertIn(self.status_of(text, close_write=True), (None, 400, 403), repr(text))

    def test_mutated_requests_never_end_it(self):
        dice = random.Random(2)
        good = self.request(
            "POST /api/send HTTP/1.1",
            "Content-Type: application/json",
            "Content-Length: 59",
            body=b'{"cast_type":"unicast","content":"x","recipients":["nobody"]}',
        )
        for _ in range(300):
            bad = bytearray(good)
            for _ in range(dice.randrange(1, 6)):
                at = dice.randrange(len(bad))
                choice = dice.randrange(3)
                if choice == 0:
                    bad[at] = dice.randrange(256)
                elif choice == 1:
                    del bad[at : at + dice.randrange(1, 20)]
                else:
                    bad[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 20)))
                if not bad:
                    break
            self.raw(bytes(bad), close_write=True)

    def test_two_lengths_and_smuggled_requests_are_refused(self):
        hidden = b"GET /api/nodes HTTP/1.1\r\nHost: x\r\n\r\n"
        for headers in (
            # fmt: off
            ("Content-Length: 5", "Content-Length: 6"), ("Content-Length: 5", "Transfer-Encoding: chunked"),
            ("Transfer-Encoding: chunked", "Content-Length: 0"), ("Content-Length: -1",), ("Content-Length: 5x",),
            ("Content-Length: 99999999999999999999999",), ("Transfer-Encoding: gzip, chunked, x",),
            # fmt: on
        ):
            said = self.raw(
                self.request(
                    "POST /api/nodes HTTP/1.1", "Content-Type: application/json", *headers, body=b"0\r\n\r\n" + hidden
                ),
                close_write=True,
            )
            self.assertIn(parse(said).status, (400, 411, 413, 422), headers)
            self.assertEqual(len(re.findall(rb"HTTP/1.1 \d", said)), 1, headers)  # nobody answers what was hidden

    def test_pipelined_requests_are_answered_in_order(self):
        paths = ["/healthz", "/api/nothing", "/api/status", "/healthz"] * 25
        said = self.raw(
            b"".join(self.request(f"GET {path} HTTP/1.1") for path in paths)
            + self.request("GET /healthz HTTP/1.1", "Connection: close")
        )
        codes = [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]
        self.assertEqual(codes, [200, 404, 200, 200] * 25 + [200])

    def test_refusals_to_many_at_once_are_each_their_own(self):
        """What is refused on the worker threads is told on the server's: under the thread sanitizer this bites."""
        peers, count = [connect(self.url) for _ in range(8)], 150
        try:
            for at, peer in enumerate(peers):
                asked = b"".join(self.request(f"GET /api/nodes/none-{at}-{n} HTTP/1.1") for n in range(count))
                peer.sendall(asked + self.request(f"GET /api/nodes/none-{at}-last HTTP/1.1", "Connection: close"))
            for at, peer in enumerate(peers):
                said = read_all(peer)
                self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", said), [b"404"] * (count + 1))
                self.assertEqual(
                    re.findall(rb'"message":"none-(\d+)-(\w+)', said),
                    [(b"%d" % at, b"%d" % n) for n in range(count)] + [(b"%d" % at, b"last")],
                )
        finally:
            for peer in peers:
                peer.close()

    def test_what_follows_a_refused_body_is_no_request(self):
        said = self.raw(
            self.request(
                "POST /api/nodes HTTP/1.1", "Content-Type: text/plain", "Content-Length: 40", body=self.request()
            ),
            close_write=True,
        )
        self.assertEqual((parse(said).status, len(re.findall(rb"HTTP/1.1 \d", said))), (415, 1))

    def test_too_long_headers_and_bodies_hear_why(self):
        self.assertEqual(self.status_of(self.request("GET /healthz HTTP/1.1", "X: " + "y" * 20000)), 431)
        self.assertEqual(self.status_of(self.request("GET /" + "y" * 20000 + " HTTP/1.1")), 431)
        self.assertEqual(self.status_of(self.request("GET /healthz HTTP/1.1", *[f"X{i}: y" for i in range(3000)])), 431)
        length = self.request(
            "POST /api/nodes HTTP/1.1", "Content-Type: application/json", f"Content-Length: {100 << 20}"
        )
        self.assertEqual(self.status_of(length, b"x" * 100000), 413)
        chunks = self.request(
            "POST /api/nodes HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked"
        )
        self.assertEqual(self.status_of(chunks, *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 140), 413)
        self.assertEqual(
            self.status_of(
                self.request("POST /api/nodes HTTP/1.1", "Content-Type: application/json", "Connection: close")
            ),
            411,
        )

    def test_json_that_nests_without_end_is_refused_or_shown_as_text(self):
        deep = "[" * 100000 + "]" * 100000
        say = lambda path, body: self.status_of(
            self.request(
                f"POST {path} HTTP/1.1",
                "Content-Type: application/json",
                "Connection: close",
                f"Content-Length: {len(body)}",
                body=body.encode(),
            )
        )
        self.assertEqual(say("/api/nodes", '{"node_id": "deep"}'), 201)
        for path in "/api/send", "/api/nodes", "/api/groups":
            self.assertEqual(say(path, '{"cast_type": "unicast", "recipients": ["deep"], "content": %s}' % deep), 400)
            self.assertEqual(say(path, deep), 400)
        for content in "[" * 511 + "]" * 511, "[" * 100000 + "]" * 100000:  # what no client of HTTP could send
            node = subprocess.run(
                [BIN + "/nodectl", "--broker", self.broker.url, "send", "--unicast", "deep", "--type", "json", "-s"],
                input=content.encode(),
            )
            self.assertEqual(node.returncode, 0)
            got = curl(self.url + "/api/nodes/deep/receive?timeout=5s", method="POST")
            self.assertEqual(got.status, 200)
            shown = json.loads(got.body)["messages"][0]["content"]
            self.assertEqual(shown if isinstance(shown, str) else json.dumps(shown), content)

    def test_a_half_closed_connection_is_answered(self):
        self.assertEqual(self.status_of(self.request(), close_write=True), 200)
        self.assertIn(self.status_of(self.request()[:-10], close_write=True), (None, 400))
        self.assertEqual(
            self.status_of(
                self.request(
                    "POST /api/nodes HTTP/1.1", "Content-Type: application/json", "Content-Length: 100", body=b"{"
                ),
                close_write=True,
            ),
            400,
        )

    def test_a_request_that_never_ends_is_cut_off(self):
        with connect(self.url) as slow, connect(self.url) as body:
            body.sendall(
                self.request("POST /api/nodes HTTP/1.1", "Content-Type: application/json", "Content-Length: 100")
            )
            began = time.monotonic()
            text = self.request("GET /healthz HTTP/1.1", "X: " + "y" * 4000)
            slow.settimeout(0.5)
            at, heard = 0, b""
            while at < len(text) and not heard:  # a byte now and then
                try:
                    slow.sendall(text[at : at + 1])
                    heard = slow.recv(1000)
                except TimeoutError:
                    at += 1
                except ConnectionError:
                    break
            self.assertLess(time.monotonic() - began, 20 * FACTOR)
            self.assertEqual(heard, b"")
            self.assertIn(b"HTTP/1.1 408", read_all(body))

    def test_one_address_may_have_so_many_connections(self):
        peers = []
        try:
            for _ in range(50):
                peers.append(connect(self.url))
                peers[-1].sendall(self.request())
                self.assertTrue(peers[-1].recv(1000))
            refused = connect(self.url)
            peers.append(refused)
            self.assertEqual(parse(read_all(refused)).status, 429)
        finally:
            for peer in peers:
                peer.close()

    def test_resets_and_early_goodbyes_leave_nothing_behind(self):
        def descriptors():
            return len(os.listdir(f"/proc/{self.broker.process.pid}/fd"))

        curl(self.url + "/api/nodes/reset/receive?timeout=0", method="POST")
        before = descriptors()
        for n in range(200):
            peer = connect(self.url)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if n % 4:
                peer.sendall(
                    self.request()[:n]
                    if n % 4 == 1
                    else self.request("POST /api/nodes/reset/receive?timeout=10s HTTP/1.1")
                    if n % 4 == 2
                    else self.request()
                )
            peer.close()
        wait_for("the descriptors to be closed", lambda: descriptors() <= before + 3)

    def test_the_figures_wait_behind_nobodys_calls(self):
        names = [f"held{n}" for n in range(24)]
        with self.broker.peer("silent") as silent:
            silent.say(attach(names))
            silent.expect(ATTACHED)
            # From now on it answers nothing: each of these calls waits a second until the broker knows that it does
            # not.
            callers = [connect(self.url) for _ in names]
            for name, caller in zip(names, callers):
                caller.sendall(self.request(f"POST /api/nodes/{name}/receive?timeout=0 HTTP/1.1"))
            self.assertEqual(curl(self.url + "/metrics").status, 200)
            self.assertEqual(curl(self.url + "/api/status").status, 200)
            waiting = 0
            for caller in callers:
                caller.setblocking(False)
                try:
                    caller.recv(1)
                except BlockingIOError:
                    waiting += 1
            self.assertGreater(waiting, len(names) // 2)
            for caller in callers:
                caller.close()

    def test_websockets_that_break_the_rules_are_closed(self):
        frames = [
            b"\xff" * 100,
            b"\x81\x05hello",
            b"\x83\x80abcd",
            b"\x81\xff" + b"\x7f" * 8 + b"mask",
            b"\x89\xfe\x00\xff" + b"m" * 300,
            bytes([0x81, 0x82]) + b"\0\0\0\0\xc3\x28",
        ]
        for path in ("/ws", "/ws/nodes/breaker"):
            for junk in frames:
                ws = WebSocket(self.url, path)
                self.assertEqual(ws.status, 101)
                ws.peer.sendall(junk)
                ws.peer.shutdown(socket.SHUT_WR)
                read_all(ws.peer)
                ws.close()


if __name__ == "__main__":
    unittest.main()
