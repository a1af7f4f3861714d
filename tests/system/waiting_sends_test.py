"""Sends that wait at full mailboxes hold up nobody: 16 of them over HTTP, WebSockets and ports, while others to
another node are answered. One thread; what waits is seen by its silence, and by its answer once there is room."""
import socket
import time
import unittest

from rawcast import *
from web import WebSocket, connect, curl, parse, read_all

FULL = [f"full{i}" for i in range(4)]
PATIENCE = "60s"


def post(url, body):
    """A connection on which this was sent and nothing read yet."""
    text = json.dumps(body).encode()
    peer = connect(url)
    peer.sendall(
        b"POST /api/send HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (url.split("//")[1].encode(), len(text), text)
    )
    return peer


class WaitingSends(unittest.TestCase):
    def setUp(self):
        self.broker = Broker("--mailbox-messages", "1", http="127.0.0.1:0").__enter__()
        self.addCleanup(self.broker.__exit__, None, None, None)
        self.url = self.broker.http
        self.waiting = {}  # the socket of each, and how to read its answer
        self.addCleanup(lambda: [peer.close() for peer in self.waiting])

    def create(self, name, port=None):
        body = {"node_id": name} if port is None else {"node_id": name, "port": port}
        answer = curl(self.url + "/api/nodes", method="POST", body=body)
        self.assertIn(answer.status, (200, 201), answer)
        return answer.json

    def request(self, to, **more):
        return {"cast_type": "unicast", "recipients": [to], "content": "x", "timeout": PATIENCE, **more}

    def wait_over_http(self, to):
        peer = post(self.url, self.request(to))
        self.waiting[peer] = lambda: parse(read_all(peer)).json

    def wait_over_websocket(self, number, to):
        client = WebSocket(self.url, f"/ws/nodes/browser{number}")
        client.hear_type("ready")
        client.say({"content": "x", "recipients": [to], "timeout": PATIENCE})
        self.waiting[client.peer] = lambda: client.hear_type("sent")

    def wait_over_port(self, number, to):
        port = self.create(f"device{number}", 0)["port"]
        peer = connect(f"http://127.0.0.1:{port}")
        lines = peer.makefile("rb")
        peer.sendall(json.dumps({"content": "x", "recipients": [to], "timeout": PATIENCE}).encode() + b"\n")
        self.assertEqual(json.loads(lines.readline())["type"], "ready")
        self.waiting[peer] = lambda: json.loads(lines.readline())

    def silent(self):
        """How many of them have no answer yet."""
        count = 0
        for peer in self.waiting:
            before = peer.gettimeout()
            peer.setblocking(False)
            try:
                peer.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                count += 1
            peer.settimeout(before)
        return count

    def test_sixteen_that_wait_delay_nobody_and_are_answered_once_there_is_room(self):
        self.create("bob")
        for name in FULL:
            self.create(name)
            self.assertTrue(curl(self.url + "/api/send", body=self.request(name)).json["success"])
        for i in range(4):
            self.wait_over_http(FULL[i])
            self.wait_over_http(FULL[i])
            self.wait_over_websocket(i, FULL[i])
            self.wait_over_port(i, FULL[i])
        self.assertEqual(len(self.waiting), 16)
        browser = WebSocket(self.url, "/ws/nodes/another")
        browser.hear_type("ready")
        times = []
        for i in range(20):
            begun = time.monotonic()
            if i % 2 == 0:
                sent = curl(self.url + "/api/send", body=self.request("bob", sender=f"s{i % 4}")).json
            else:
                browser.say({"content": "x", "recipients": ["bob"], "timeout": PATIENCE})
                sent = browser.hear_type("sent")
            times.append(time.monotonic() - begun)
            self.assertTrue(sent["success"], sent)
            self.assertTrue(self.receive("bob"))
        print(f"another send took {1000 * sorted(times)[10]:.1f} ms, at most {1000 * max(times):.1f} ms")
        self.assertEqual(self.silent(), 16)  # all of them still wait
        self.assertLess(max(times), 5 * FACTOR)
        for name in FULL:
            for _ in range(5):  # what it began with, and the four that waited for it
                self.assertTrue(self.receive(name), name)
        for answer in self.waiting.values():
            said = answer()
            self.assertTrue(said["success"], said)

    def receive(self, name):
        return curl(self.url + f"/api/nodes/{name}/receive?ack=now&timeout=20s", method="POST").json["messages"]

    def test_who_waits_is_told_mailbox_full_when_its_own_time_is_over(self):
        self.create("full")
        self.assertTrue(curl(self.url + "/api/send", body=self.request("full")).json["success"])
        patient = post(self.url, self.request("full"))
        said = curl(self.url + "/api/send", body=self.request("full", timeout="200ms")).json
        self.assertEqual((said["success"], said["code"]), (False, "mailbox_full"))
        self.assertTrue(self.receive("full"))
        self.assertTrue(parse(read_all(patient)).json["success"])


if __name__ == "__main__":
    unittest.main()
