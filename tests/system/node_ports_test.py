"""The TCP ports of nodes: one that somebody else has is told and tried again, and a last line needs no end. One
thread."""
import socket
import unittest

from rawcast import *
from web import connect, curl, read_all


class Ports(unittest.TestCase):
    def start(self, folder=None):
        broker = Broker(http="127.0.0.1:0", data=folder)
        self.addCleanup(broker.__exit__, None, None, None)
        return broker

    def stored_device(self):
        """A data directory that knows a node with a port, and that port."""
        folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        before = self.start(folder)
        port = curl(before.http + "/api/nodes", method="POST", body={"node_id": "device", "port": 0}).json["port"]
        self.assertEqual(before.stop(), 0)
        return folder, port

    def status(self, broker):
        with broker.peer() as peer:
            peer.say(hello(peer.session))
            told = peer.call({"op": "status"})
            peer.say(frame(BYE))
        return told["status"], told["reasons"]

    def listens(self, port):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    def ready(self, port):
        try:
            with connect(f"http://127.0.0.1:{port}") as client:
                return json.loads(client.makefile("rb").readline())["type"] == "ready"
        except ConnectionError:
            return False

    def test_a_port_that_is_taken_at_the_start_is_told_and_opened_as_soon_as_it_is_free(self):
        folder, port = self.stored_device()
        with socket.create_server(("127.0.0.1", port)):
            broker = self.start(folder)
            wait_for("the status to tell", lambda: self.status(broker)[0] == "degraded")
            self.assertIn(f"port {port}", "".join(self.status(broker)[1]))
            shown = curl(broker.http + "/api/status").json
            self.assertEqual((shown["status"], len(shown["reasons"])), ("degraded", 1))
            self.assertEqual(curl(broker.http + "/readyz").status, 503)
            again = curl(broker.http + "/api/nodes", method="POST", body={"node_id": "device", "port": port})
            self.assertEqual((again.status, again.json["code"]), (409, "already_exists"))
        wait_for("the port to be opened", lambda: self.status(broker) == ("ok", []))
        self.assertTrue(self.ready(port))
        broker.expect_log("it is tried again")
        self.assertEqual(curl(broker.http + "/readyz").status, 200)

    def test_a_port_that_was_missed_is_opened_when_it_is_asked_for_again_and_forgotten_with_its_node(self):
        broker = self.start()
        with socket.create_server(("127.0.0.1", 0)) as taken, broker.peer("maker") as maker:
            port = taken.getsockname()[1]
            for name in ("kept", "short-lived"):
                self.assertIn(
                    "port",
                    maker.call({"op": "node.create", "name": name, "port": port if name == "kept" else broker.port}),
                )
            wait_for("both to be told", lambda: len(self.status(broker)[1]) == 2)
            self.assertEqual(maker.call({"op": "node.delete", "name": "short-lived"}), {})
            wait_for("one to be forgotten", lambda: len(self.status(broker)[1]) == 1)
        made = curl(broker.http + "/api/nodes", method="POST", body={"node_id": "kept", "port": port})
        self.assertEqual((made.status, made.json["port"]), (200, port))
        wait_for("the status to tell", lambda: self.status(broker) == ("ok", []))
        self.assertTrue(self.ready(port))

    def test_a_port_that_is_asked_for_while_the_page_starts_is_opened(self):
        for _ in range(5):
            with Broker(http="127.0.0.1:0") as broker, broker.peer() as maker:
                maker.say(
                    hello(maker.session),
                    *[control({"op": "node.create", "name": f"early{n}", "pick_port": True}) for n in range(100)],
                )
                maker.expect(WELCOME)
                for _ in range(100):
                    port = json.loads(maker.expect(CONTROL_REPLY)[6:])["port"]
                    wait_for(f"port {port}", lambda: self.listens(port))
                maker.say(frame(BYE))

    def test_without_the_page_there_are_no_ports_and_whoever_asks_for_one_is_told(self):
        folder, port = self.stored_device()
        with Broker(http="off", data=folder) as broker:
            broker.expect_log("1 nodes have ports of their own, which are not opened")
            with broker.peer() as peer:
                peer.say(hello(peer.session))
                for asked in ({"port": port}, {"pick_port": True}):
                    code, why = peer.call({"op": "node.create", "name": "portless", **asked})
                    self.assertEqual((code, "--http off" in why), ("invalid_argument", True), why)
                    self.assertEqual(peer.call({"op": "node.show", "name": "portless"})[0], "no_such_node")
                self.assertEqual(peer.call({"op": "node.create", "name": "portless", "port": 0})["port"], 0)

    def test_the_last_line_needs_no_end(self):
        broker = self.start()
        port = curl(broker.http + "/api/nodes", method="POST", body={"node_id": "piped", "port": 0}).json["port"]
        for said in (
            b'{"content": "1", "recipients": ["piped"]}\n',
            b'{"content": "2", "recipients": ["piped"]}',
            b'{"type": "ping"}\r\n{"content": "3", "recipients": ["piped"]}\r',
        ):
            with connect(f"http://127.0.0.1:{port}") as client:
                client.sendall(said)
                client.shutdown(socket.SHUT_WR)
                answers = [json.loads(line) for line in read_all(client).splitlines()]
            self.assertEqual([a["success"] for a in answers if a["type"] == "sent"], [True], said)


if __name__ == "__main__":
    unittest.main()
