"""What browsers and port clients see: /ws pushes, /ws/nodes and node ports are nodes. WebSockets by hand."""
import socket
import unittest

from rawcast import *
from web import Served, WebSocket, address, connect, curl, read_all


class Lines:
    """A program on a node's port: JSON objects, one a line."""

    def __init__(self, port):
        self.peer = socket.create_connection(("127.0.0.1", port), 20 * FACTOR)
        self.buffer = b""

    def say(self, what):
        self.peer.sendall((what if isinstance(what, str) else json.dumps(what)).encode() + b"\n")

    def hear(self):
        while b"\n" not in self.buffer:
            more = self.peer.recv(65536)
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def hear_type(self, kind):
        while True:
            said = self.hear()
            assert said is not None, f"closed before a {kind}"
            if said["type"] == kind:
                return said


class Web(Served):
    def ws(self, path, **more):
        socket_ = WebSocket(self.url, path, **more)
        self.addCleanup(socket_.close)
        return socket_

    def send(self, **body):
        return curl(self.url + "/api/send", method="POST", body={"cast_type": "unicast", **body}).json

    def create(self, name, **more):
        answer = curl(self.url + "/api/nodes", method="POST", body={"node_id": name, **more})
        self.assertIn(answer.status, (200, 201), answer)
        return answer.json

    def lines(self, port):
        client = Lines(port)
        self.addCleanup(client.peer.close)
        return client

    def shown(self, name):
        return curl(f"{self.url}/api/nodes/{name}").json

    def test_status_comes_at_once_and_every_second_and_events_as_they_happen(self):
        ws = self.ws("/ws")
        hello = ws.hear()
        self.assertEqual((hello["type"], hello["dev"], hello["max_message"]), ("hello", False, 1 << 20))
        first, second = ws.hear_type("status")["status"], ws.hear_type("status")["status"]
        self.assertGreaterEqual(second["uptime_s"], first["uptime_s"])
        self.create("newcomer")
        while True:
            event = ws.hear_type("presence")["event"]
            if event.get("node") == "newcomer":
                break
        self.assertEqual(event["event"], "created")
        ws.say({"type": "subscribe", "topics": ["stats"]})
        self.assertEqual(ws.hear_type("ok")["topics"], ["stats"])
        self.assertIn("per_node", ws.hear_type("stats")["stats"])
        ws.say({"type": "ping"})
        ws.hear_type("pong")

    def test_the_log_shows_what_is_sent_filtered_and_only_while_somebody_wants_it(self):
        self.create("watched"), self.create("other")
        all_, some = self.ws("/ws"), self.ws("/ws")
        for ws in (all_, some):
            ws.say({"type": "subscribe", "topics": ["log"]})
            ws.hear_type("ok")
        some.say({"type": "filter", "target": "watch*", "text": "needle"})
        self.assertEqual(some.hear_type("ok")["filter"]["target"], "watch*")
        wait_for("the tap", lambda: self.heard_by_now(all_))
        self.send(content="hay", recipients=["watched"])
        self.send(content="needle", recipients=["other"])
        self.send(
            content="a needle <script>" + "x" * 2000, recipients=["watched"], sender="me", headers={"k": "v"}, id="m7"
        )
        log = some.hear_type("log")
        message = log["messages"][0]
        self.assertEqual([m["id"] for m in log["messages"]], ["m7"])
        self.assertEqual(
            (message["sender"], message["target"], message["cast_type"], message["message_type"], message["headers"]),
            ("me", "watched", "unicast", "text", {"k": "v"}),
        )
        self.assertTrue(
            message["truncated"]
            and message["content"].startswith("a needle <script>xxx")
            and len(message["content"]) == 1024
        )
        self.assertEqual(message["size"], 2017)
        seen = []
        while len(seen) < 3:
            seen += [m["content"][:8] for m in all_.hear_type("log")["messages"] if m["target"] in ("watched", "other")]
        self.assertEqual(seen, ["hay", "needle", "a needle"])

    def heard_by_now(self, ws):
        self.create("probe")
        self.send(content="anybody?", recipients=["probe"])
        ws.peer.settimeout(0.5 * FACTOR)
        try:
            return ws.hear_type("log") is not None
        except TimeoutError:
            return False
        finally:
            ws.peer.settimeout(20 * FACTOR)

    def test_a_flood_is_sampled_and_it_says_so(self):
        self.create("flooded")
        ws = self.ws("/ws")
        ws.say({"type": "subscribe", "topics": ["log"]})
        ws.hear_type("ok")
        wait_for("the tap", lambda: self.heard_by_now(ws))
        ws.say({"type": "filter", "sender": "flood"})
        ws.hear_type("ok")
        with self.broker.peer("flood") as flood:
            for number in range(1, 41):
                flood.say(cast(batch(flood.session, number, "flooded", "flood", ["x"] * 500)))
            log = ws.hear_type("log")
            self.assertLessEqual(log["shown"], 40)
            self.assertTrue(log["sampled"])
            self.assertGreater(log["seen"], log["shown"])

    def test_what_a_browser_says_wrongly_is_answered(self):
        ws = self.ws("/ws")
        for text, code in (
            ("nonsense", "malformed"),
            ("[]", "malformed"),
            ('{"type":"dance"}', "invalid_argument"),
            ("{}", "invalid_argument"),
            ('{"type":"subscribe","topics":["gossip"]}', "invalid_argument"),
            ('{"type":"filter","colour":"red"}', "invalid_argument"),
        ):
            ws.say(text)
            self.assertEqual(ws.hear_type("error")["code"], code, text)
        self.assertEqual(self.ws("/ws", headers=["Origin: https://evil.example"]).status, 403)
        self.assertEqual(self.ws("/ws", headers=[f"Origin: {self.url}"]).status, 101)
        self.assertEqual(self.ws("/ws/nothing").status, 404)
        self.assertEqual(self.ws("/api/status").status, 404)
        big = self.ws("/ws")
        big.send_frame(1, b'"' + b"x" * 70000 + b'"')
        while big.hear() is not None:
            pass
        self.assertEqual(big.close_code, 1009)

    def test_a_browser_is_a_node_and_acknowledges(self):
        self.create("browser"), self.create("friend")
        ws = self.ws("/ws/nodes/browser")
        self.assertEqual(ws.hear(), {"type": "ready", "node_id": "browser", "max_message": 1 << 20, "ack": "client"})
        for n in range(3):
            self.send(content=f"m{n}", recipients=["browser"])
        got = [ws.hear_type("message") for _ in range(3)]
        self.assertEqual([(g["n"], g["message"]["content"]) for g in got], [(1, "m0"), (2, "m1"), (3, "m2")])
        self.assertEqual(self.shown("browser")["acknowledged"], 0)
        ws.say({"type": "ack", "n": 3})
        wait_for("the acknowledgement", lambda: self.shown("browser")["acknowledged"] == 3)
        ws.say({"type": "send", "ref": 17, "cast_type": "unicast", "content": "hi", "recipients": ["friend", "nobody"]})
        sent = ws.hear_type("sent")
        self.assertEqual((sent["ref"], sent["success"], sent["recipients_count"]), (17, True, 1))
        self.assertEqual([f["code"] for f in sent["failed_recipients"]], ["no_such_node"])
        ws.say({"type": "join", "group_id": "circle", "ref": "j"})
        self.assertEqual(ws.hear_type("ok"), {"type": "ok", "ref": "j", "group_id": "circle"})
        self.send(cast_type="multicast", content="round", group_id="circle")
        self.assertEqual(ws.hear_type("message")["message"]["group_id"], "circle")
        for text, code in (
            ("{", "malformed"),
            ('{"type":"ack"}', "invalid_argument"),
            ('{"content":1,"recipients":["friend"]}', "invalid_argument"),
            ('{"type":"send","sender":"x","content":"y"}', "invalid_argument"),
            ('{"ref":[],"type":"ping"}', "invalid_argument"),
        ):
            ws.say(text)
            self.assertEqual(ws.hear_type("error")["code"], code, text)

    def test_who_acknowledges_nothing_is_handed_so_many_messages_and_no_more(self):
        self.create("slow")
        with self.broker.peer("sender") as sender:
            sender.say(cast(batch(sender.session, 1, "slow", "sender", [str(n) for n in range(300)])))
            self.assertEqual(sender.outcome(1), {})
            sender.say(frame(BYE))
        ws = self.ws("/ws/nodes/slow")
        self.assertEqual(
            [ws.hear_type("message")["message"]["content"] for _ in range(256)], [str(n) for n in range(256)]
        )
        for _ in range(20):
            ws.say({"type": "ping"})
            self.assertEqual(ws.hear()["type"], "pong")
        ws.say({"type": "ack", "n": 256})
        self.assertEqual(
            [ws.hear_type("message")["message"]["content"] for _ in range(44)], [str(n) for n in range(256, 300)]
        )

    def test_what_a_browser_did_not_acknowledge_goes_to_the_next_reader(self):
        self.create("unsteady")
        first = self.ws("/ws/nodes/unsteady")
        first.hear_type("ready")
        self.send(content="again", recipients=["unsteady"])
        first.hear_type("message")
        first.close()
        wait_for("it to be gone", lambda: not self.shown("unsteady")["active"])
        second = self.ws("/ws/nodes/unsteady")
        message = second.hear_type("message")["message"]
        self.assertEqual((message["content"], message["redelivered"]), ("again", True))
        third = self.ws("/ws/nodes/unsteady")
        self.assertEqual(third.hear_type("error")["code"], "name_in_use")
        self.assertIsNone(third.hear())
        self.assertEqual(third.close_code, 1008)
        fourth = self.ws("/ws/nodes/unsteady?take_over=true")
        fourth.hear_type("ready")
        self.assertEqual(second.hear_type("error")["code"], "taken_over")
        self.assertIsNone(second.hear())
        self.assertEqual(second.close_code, 4000)
        fifth = self.ws("/ws/nodes/unsteady?take_over=true")  # from one that has taken it over itself
        self.assertTrue(fifth.hear_type("message")["message"]["redelivered"])
        self.assertEqual(fourth.hear_type("error")["code"], "taken_over")
        self.assertIsNone(fourth.hear())
        curl(self.url + "/api/nodes/unsteady", method="DELETE")
        while fifth.hear() is not None:
            pass
        self.assertEqual(fifth.close_code, 4001)

    def test_a_port_is_a_node_for_any_program(self):
        port = self.create("device", port=0)["port"]
        self.create("pal")
        self.send(content="waiting for you", recipients=["device"])
        client = self.lines(port)
        self.assertEqual(client.hear()["ack"], "auto")
        self.assertEqual(client.hear_type("message")["message"]["content"], "waiting for you")
        wait_for("the acknowledgement", lambda: self.shown("device")["acknowledged"] == 1)
        client.say({"content": "from the device", "recipients": ["pal"], "ref": 1})
        self.assertTrue(client.hear_type("sent")["success"])
        self.assertEqual(
            [
                m["sender"]
                for m in curl(self.url + "/api/nodes/pal/receive?timeout=5s&ack=now", method="POST").json["messages"]
            ],
            ["device"],
        )
        client.say("nonsense\r")
        self.assertEqual(client.hear_type("error")["code"], "malformed")
        client.say({"type": "mode", "ack": "client"})
        client.hear_type("ok")
        self.send(content="kept", recipients=["device"])
        client.hear_type("message")
        newer = self.lines(port)  # a device that was switched off and on
        self.assertEqual(client.hear_type("error")["code"], "taken_over")
        self.assertIsNone(client.hear())
        kept = newer.hear_type("message")["message"]
        self.assertEqual((kept["content"], kept["redelivered"]), ("kept", True))
        newer.say("x" * (3 << 20))
        self.assertEqual(newer.hear_type("error")["code"], "too_large")
        self.assertIsNone(newer.hear())

    def test_a_device_that_comes_again_while_its_last_words_wait_is_the_node(self):
        with Broker("--mailbox-messages", "1", http="127.0.0.1:0") as broker:
            port = curl(broker.http + "/api/nodes", method="POST", body={"node_id": "restless", "port": 0}).json["port"]
            curl(broker.http + "/api/nodes", method="POST", body={"node_id": "full"})
            curl(
                broker.http + "/api/send",
                method="POST",
                body={"cast_type": "unicast", "content": "fills it", "recipients": ["full"]},
            )
            devices = []
            for n in range(3):
                devices.append(self.lines(port))
                devices[n].hear_type("ready")
                devices[n].say({"content": f"waits {n}", "recipients": ["full"], "timeout": "60s"})
                wait_for("it to wait", lambda: broker.stats()["refused"].get("mailbox_full", 0) > n)
            devices[2].peer.shutdown(socket.SHUT_WR)  # one that was switched off
            last = self.lines(port)
            last.say({"type": "ping"})
            last.hear_type("pong")

    def test_who_asks_and_never_reads_is_hung_up_on(self):
        port = self.create("deaf", port=0)["port"]
        client = self.lines(port)
        client.hear_type("ready")
        asked = 24
        try:
            for n in range(asked):
                client.say({"type": "ping", "ref": f"{n:02d}" + "x" * (1 << 20)})
            wait_for("it to be gone", lambda: not self.shown("deaf")["active"])
        except ConnectionError:
            pass
        heard = 0
        try:
            while client.hear() is not None:
                heard += 1
        except ConnectionError:
            pass
        self.assertLess(heard, asked)
        self.lines(port).hear_type("ready")

    def test_a_pipe_into_a_port_hears_its_answers(self):
        port = self.create("piped", port=0)["port"]
        client = self.lines(port)
        for n in range(20):
            client.say({"content": str(n), "recipients": ["piped"], "ref": n})
        client.peer.shutdown(socket.SHUT_WR)
        answers = [said for said in iter(client.hear, None) if said["type"] == "sent"]
        self.assertEqual([(a["ref"], a["success"]) for a in answers], [(n, True) for n in range(20)])

    def test_ports_come_and_go_with_their_nodes_whoever_makes_them(self):
        with self.broker.peer("maker") as maker:
            port = maker.call({"op": "node.create", "name": "elsewhere", "pick_port": True})["port"]
        client = None

        def reached():
            nonlocal client
            try:
                client = self.lines(port)
                return True
            except ConnectionError:
                return False

        wait_for("the port", reached)
        client.hear_type("ready")
        curl(self.url + "/api/nodes/elsewhere", method="DELETE")
        self.assertEqual(client.hear_type("error")["code"], "deleted")
        with self.assertRaises(ConnectionError):
            wait_for("the port to close", lambda: self.lines(port) and False, 1)
        taken = socket.create_server(("127.0.0.1", 0))
        answer = curl(self.url + "/api/nodes", method="POST", body={"node_id": "late", "port": taken.getsockname()[1]})
        self.assertEqual((answer.status, answer.json["code"]), (409, "already_exists"))
        self.assertEqual(curl(self.url + "/api/nodes/late").status, 404)
        taken.close()

    def test_sigterm_says_goodbye_to_everybody(self):
        with Broker(http="127.0.0.1:0") as broker:
            watcher, node = WebSocket(broker.http, "/ws"), WebSocket(broker.http, "/ws/nodes/n")
            watcher.hear_type("status"), node.hear_type("ready")
            waiting = connect(broker.http)
            waiting.sendall(
                f"POST /api/nodes/m/receive?timeout=60s HTTP/1.1\r\nHost: {broker.http.split('//')[1]}\r\n\r\n".encode()
            )
            wait_for("it to wait", lambda: curl(broker.http + "/api/nodes/m").json.get("active"))
            idle = connect(broker.http)
            began = time.monotonic()
            broker.process.terminate()
            for ws in (watcher, node):
                while ws.hear() is not None:
                    pass
                self.assertEqual(ws.close_code, 1001)
            self.assertIn(b'"messages":[]', read_all(waiting))
            self.assertEqual(read_all(idle), b"")
            broker.process.wait(20 * FACTOR)
            self.assertLess(time.monotonic() - began, 3 * FACTOR)
            for peer in (watcher, node, waiting, idle):
                peer.close()


if __name__ == "__main__":
    unittest.main()
