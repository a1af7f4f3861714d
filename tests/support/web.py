"""HTTP and WebSocket by hand, for tests of the page's server: curl for requests, bare sockets for what curl would not
say. One thread."""
import base64
import json
import os
import socket
import struct
import subprocess
import unittest

from rawcast import FACTOR, Broker


class Served(unittest.TestCase):
    """Tests of one broker with the page's server, which all of a class have together."""

    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(http="127.0.0.1:0").__enter__()
        cls.url = cls.broker.http

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__(None, None, None)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]}"


def curl(url, method=None, body=None, headers=(), content_type="application/json", options=()):
    """What curl gets. `body`: bytes, text, or anything that becomes JSON."""
    command = ["curl", "-s", "-i", "--max-time", str(30 * FACTOR), "--path-as-is", *options]
    if method == "HEAD":
        command += ["-I"]
    elif method:
        command += ["-X", method]
    for header in headers:
        command += ["-H", header]
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        command += ["-H", "Content-Type: " + content_type, "--data-binary", "@-"]
    done = subprocess.run(command + [url], input=data, capture_output=True)
    assert done.returncode == 0, f"curl {url}: {done.returncode}: {done.stderr}"
    return parse(done.stdout)


def parse(raw):
    """The last answer in these bytes (an interim 100 may come before it)."""
    while True:
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        if status != 100:
            break
        raw = body
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Answer(status, headers, body.decode("utf-8", "replace"))


def address(url):
    host, port = url.split("//")[1].rsplit(":", 1)
    return host.strip("[]"), int(port)


def connect(url, receive_buffer=None):
    to = address(url)
    peer = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET)
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.settimeout(20 * FACTOR)
    peer.connect(to)
    return peer


def read_all(peer):
    """Until the server closes."""
    out = b""
    while True:
        try:
            more = peer.recv(65536)
        except ConnectionError:
            return out
        if not more:
            return out
        out += more


class WebSocket:
    """A WebSocket client: texts in and out, pings answered."""

    def __init__(self, url, path, headers=(), receive_buffer=None):
        self.peer = connect(url, receive_buffer)
        key = base64.b64encode(os.urandom(16)).decode()
        host = url.split("//")[1]
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *headers,
        ]
        self.peer.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            more = self.peer.recv(65536)
            if not more:
                break
            self.buffer += more
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1])
        self.refusal = None if self.status == 101 else rest
        self.buffer = rest
        self.close_code = None

    def send_frame(self, opcode, payload=b"", final=True):
        mask = os.urandom(4)
        head = bytes([(0x80 if final else 0) | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        elif len(payload) < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
        repeated = mask * (len(payload) // 4 + 1)
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated[: len(payload)], "big")).to_bytes(
            len(payload), "big"
        )
        self.peer.sendall(head + mask + masked)

    def say(self, what):
        self.send_frame(1, (what if isinstance(what, str) else json.dumps(what)).encode())

    def take(self, size):
        while len(self.buffer) < size:
            more = self.peer.recv(65536)
            if not more:
                raise ConnectionError("the server closed")
            self.buffer += more
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def hear(self):
        """The next text as JSON; None when the server closes (close_code says why)."""
        while True:
            first, size = self.take(2)
            if size == 126:
                size = struct.unpack(">H", self.take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.take(8))[0]
            payload = self.take(size)
            if first & 15 == 9:
                self.send_frame(10, payload)
            elif first & 15 == 8:
                self.close_code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                return None
            elif first & 15 == 1:
                return json.loads(payload)

    def hear_type(self, kind):
        """The next one of this type, passing over others."""
        while True:
            said = self.hear()
            assert said is not None, f"closed with {self.close_code} before a {kind}"
            if said["type"] == kind:
                return said

    def close(self):
        self.peer.close()
