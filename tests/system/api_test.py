"""The REST API as a script sees it, with curl: every path, every error, and that openapi.json tells the truth."""
import hashlib
import re
import socket
import time
import unittest

from rawcast import *
from web import Served, curl, parse, connect

SHAPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list}


class Api(Served):
    def get(self, path, **more):
        return curl(self.url + path, **more)

    def post(self, path, body, **more):
        return curl(self.url + path, method="POST", body=body, **more)

    def take(self, node, query=""):
        return curl(self.url + f"/api/nodes/{node}/receive" + query, method="POST")

    def delete(self, path):
        return curl(self.url + path, method="DELETE")

    def node(self, name, **more):
        self.assertIn(self.post("/api/nodes", {"node_id": name, **more}).status, (200, 201))
        return name

    def failure(self, answer, status, code):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(set(answer.json), {"code", "message", "hint"})
        self.assertEqual(answer.json["code"], code)
        self.assertTrue(answer.json["hint"])
        return answer

    def test_who_waits_in_vain_at_a_full_mailbox_is_told_that_and_it_is_not_sent_later(self):
        with Broker("--mailbox-messages", "1", http="127.0.0.1:0") as broker:
            send = lambda content: curl(
                broker.http + "/api/send",
                method="POST",
                body={
                    "cast_type": "unicast",
                    "recipients": ["small"],
                    "content": content,
                    "timeout": f"{500 * FACTOR}ms",
                },
            ).json
            take = lambda wait: [
                m["content"]
                for m in curl(broker.http + f"/api/nodes/small/receive?ack=now&timeout={wait}", method="POST").json[
                    "messages"
                ]
            ]
            curl(broker.http + "/api/nodes", method="POST", body={"node_id": "small"})
            self.assertTrue(send("first")["success"])
            answer = send("second")
            self.assertEqual(
                [(f["node_id"], f["code"]) for f in answer["failed_recipients"]], [("small", "mailbox_full")]
            )
            self.assertEqual(take("5s"), ["first"])
            self.assertTrue(send("third")["success"])
            self.assertEqual(take("5s"), ["third"])

    def test_the_three_commands_of_the_guide_work_as_typed(self):
        created = self.post("/api/nodes", '{"node_id": "test_node", "port": 0}')
        self.assertEqual((created.status, created.json["node_id"]), (201, "test_node"))
        self.assertGreater(created.json["port"], 0)
        guide = """{
            "id": "msg_001",
            "cast_type": "unicast",
            "message_type": "text",
            "content": "Hello API!",
            "sender": "api_sender",
            "recipients": ["receiver1"]
          }"""
        nobody = self.post("/api/send", guide)
        self.assertEqual((nobody.status, nobody.json["success"], nobody.json["recipients_count"]), (200, False, 0))
        self.assertEqual(
            [(f["node_id"], f["code"]) for f in nobody.json["failed_recipients"]], [("receiver1", "no_such_node")]
        )
        self.assertIn("no such node", nobody.json["failed_recipients"][0]["reason"])
        self.node("receiver1")
        sent = self.post("/api/send", guide)
        self.assertEqual((sent.status, sent.json["success"], sent.json["id"]), (200, True, "msg_001"))
        self.assertLess(sent.json["delivery_time"], 5)
        status = self.get("/api/status").json
        self.assertGreaterEqual(status["nodes"], 2)
        self.assertGreaterEqual(status["messages"]["refused"], 1)

    def test_nodes_are_made_shown_listed_and_deleted(self):
        made = self.post("/api/nodes", {"node_id": "n1"})
        self.assertEqual((made.status, made.json["port"], made.headers["location"]), (201, 0, "/api/nodes/n1"))
        self.assertEqual(self.post("/api/nodes", {"node_id": "n1", "port": None}).status, 200)
        port = self.post("/api/nodes", {"node_id": "n1", "port": 0}).json["port"]
        self.assertGreater(port, 0)
        self.assertEqual(self.post("/api/nodes", {"node_id": "n1", "port": port}).status, 200)
        self.failure(
            self.post("/api/nodes", {"node_id": "n1", "port": port + 1 if port < 65535 else 1024}),
            409,
            "already_exists",
        )
        self.failure(self.post("/api/nodes", {"node_id": "n2", "port": port}), 409, "already_exists")
        self.failure(self.get("/api/nodes/n2"), 404, "no_such_node")
        shown = self.get("/api/nodes/n1").json
        self.assertEqual((shown["node_id"], shown["created"], shown["active"], shown["queued"]), ("n1", True, False, 0))
        for name in ("list-a", "list-b", "list-c"):
            self.node(name)
        found = self.get("/api/nodes?search=list-&limit=1&offset=1").json
        self.assertEqual(([n["node_id"] for n in found["nodes"]], found["total"], found["active"]), (["list-b"], 3, 0))
        self.assertEqual(self.delete("/api/nodes/list-b").json, {"deleted": "list-b"})
        self.failure(self.delete("/api/nodes/list-b"), 404, "no_such_node")
        self.assertEqual(self.get("/api/nodes?search=list-").json["total"], 2)
        self.failure(self.post("/api/nodes", {"node_id": "no spaces"}), 422, "invalid_name")
        self.failure(self.post("/api/nodes", {"node_id": 7}), 422, "invalid_argument")
        self.failure(self.post("/api/nodes", {"node_id": "x", "port": 70000}), 422, "invalid_argument")
        self.failure(self.post("/api/nodes", {"node_id": "x", "colour": 1}), 422, "invalid_argument")
        self.assertEqual(self.get("/api/nodes/%6e1").json["node_id"], "n1")

    def test_a_message_goes_to_each_recipient_with_an_outcome_of_its_own(self):
        self.node("r1"), self.node("r2")
        sent = self.post(
            "/api/send",
            {
                # fmt: off
                "cast_type": "unicast", "content": {"a": [1, None]}, "message_type": "json", "sender": "s",
                "recipients": ["r1", "gone", "r2", "bad name", "r1"], "priority": 9, "ttl": "1m", "headers": {"k": "v"},
                # fmt: on
            },
        )
        self.failure(sent, 422, "invalid_name")
        sent = self.post(
            "/api/send",
            {
                # fmt: off
                "cast_type": "unicast", "content": {"a": [1, None]}, "message_type": "json", "sender": "s",
                "recipients": ["r1", "gone", "r2", "r1"], "priority": 9, "ttl": "1m", "headers": {"k": "v"},
                # fmt: on
            },
        ).json
        self.assertEqual(
            [(r["node_id"], r["success"], r["code"]) for r in sent["recipients"]],
            [("r1", True, "ok"), ("gone", False, "no_such_node"), ("r2", True, "ok")],
        )
        self.assertEqual((sent["success"], sent["recipients_count"], sent["message"]), (True, 2, "sent to 2 of 3"))
        message = self.take("r2", "?timeout=5s").json["messages"][0]
        wanted = {
            # fmt: off
            "id": sent["id"], "cast_type": "unicast", "message_type": "json", "content": {"a": [1, None]},
            "sender": "s", "target": "r2", "group_id": None, "priority": 9, "headers": {"k": "v"},
            # fmt: on
        }
        self.assertEqual({k: message[k] for k in wanted}, wanted)

    def test_a_message_waits_for_its_time(self):
        self.node("late")
        message = {"cast_type": "unicast", "recipients": ["late"]}
        begun = time.time()
        for n, when in enumerate(
            (
                {"delay": f"{1500 * FACTOR}ms"},
                {"at": begun + 1.2 * FACTOR},
                {"at": "2001-02-03T04:05:06+01:00"},
                {"at": 1},
                {"delay": 0},
            )
        ):
            sent = self.post("/api/send", {**message, "content": str(n), **when})
            self.assertEqual((sent.status, sent.json["success"]), (200, True), when)
        got = []
        while len(got) < 5:
            got += [
                (m["content"], m["time_us"] / 1e6 - begun) for m in self.take("late", "?timeout=10s").json["messages"]
            ]
        self.assertEqual([content for content, _ in got[:3]], ["2", "3", "4"])
        self.assertEqual([content for content, _ in got[3:]], ["1", "0"])
        self.assertGreaterEqual(got[3][1], 1.19 * FACTOR)
        self.assertGreaterEqual(got[4][1], 1.49 * FACTOR)
        for wrong in (
            # fmt: off
            {"delay": "1s", "at": 5}, {"at": "noon"}, {"at": "2030-13-01T00:00:00Z"}, {"at": True}, {"delay": "soon"},
            {"at": "2030-01-01T00:00:00"}, {"delay": "70000h"}, {"at": "2099-01-01T00:00:00Z"},
            {"at": "2026-02-30T00:00:00Z"}, {"at": "2027-04-31T12:00:00Z"},
            # fmt: on
        ):
            self.failure(self.post("/api/send", {**message, "content": "x", **wrong}), 422, "invalid_argument")

    def test_a_time_that_no_clock_here_can_say_is_refused_not_sent_now(self):
        self.node("century")
        message = {"cast_type": "unicast", "recipients": ["century"], "content": "x"}
        for at in (
            # fmt: off
            "2262-04-11T23:47:17Z", "2500-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 9_223_372_037, 20_242_700_000,
            253_402_300_799,
            # fmt: on
        ):
            refused = self.failure(self.post("/api/send", {**message, "at": at}), 422, "invalid_argument")
            self.assertIn("2262-04-11T23:47:16Z", refused.json["message"])
        self.assertEqual(self.get("/api/nodes/century/mailbox").json["messages"], [])
        for at in ("0001-01-01T00:00:00Z", "1601-01-01T00:00:00Z"):  # long past is now, too
            self.assertTrue(self.post("/api/send", {**message, "at": at}).json["success"])
        self.assertEqual(len(self.get("/api/nodes/century/mailbox").json["messages"]), 2)

    def test_what_waits_for_its_time_is_listed_and_called_off(self):
        self.node("patient-one")
        due = time.time() + 3600
        for when in ({"at": due}, {"delay": "2h"}):
            self.post(
                "/api/send",
                {
                    "cast_type": "unicast",
                    "recipients": ["patient-one"],
                    "sender": "planner",
                    "content": "12345",
                    "priority": 7,
                    **when,
                },
            )
        listed = self.get("/api/later").json
        mine = [one for one in listed["later"] if one["target"] == "patient-one"]
        self.assertEqual(
            [{k: one[k] for k in one if k not in ("id", "due_us", "bytes")} for one in mine],
            [{"cast_type": "unicast", "sender": "planner", "target": "patient-one", "priority": 7, "messages": 1}] * 2,
        )
        self.assertAlmostEqual(mine[0]["due_us"] / 1e6, due, places=3)
        self.assertAlmostEqual(mine[1]["due_us"] / 1e6, listed["time_us"] / 1e6 + 7200, delta=30 * FACTOR)
        self.assertEqual(self.get("/api/later?count=1").json["later"], mine[:1])
        self.assertEqual(self.delete(f"/api/later/{mine[0]['id']}").json, {"canceled": mine[0]["id"]})
        self.failure(self.delete(f"/api/later/{mine[0]['id']}"), 404, "no_such_message")
        self.failure(self.delete("/api/later/none"), 404, "no_such_message")
        self.assertEqual([one["id"] for one in self.get("/api/later").json["later"]], [mine[1]["id"]])
        self.delete(f"/api/later/{mine[1]['id']}")
        self.assertEqual(
            {k: v for k, v in self.get("/api/later").json.items() if k != "time_us"},
            {"later": [], "messages": 0, "bytes": 0},
        )

    def test_a_group_is_made_and_joined_as_a_whole_or_not_at_all(self):
        self.node("whole-1"), self.node("whole-2")
        self.failure(
            self.post("/api/groups", {"group_id": "whole", "nodes": ["whole-1", "nobody", "whole-2"]}),
            404,
            "no_such_node",
        )
        self.failure(self.get("/api/groups/whole"), 404, "no_such_group")
        self.failure(self.post("/api/groups/whole/members", {"nodes": ["whole-1", "nobody"]}), 404, "no_such_node")
        self.failure(self.get("/api/groups/whole"), 404, "no_such_group")
        self.failure(self.post("/api/groups", {"group_id": "whole", "nodes": "whole-1"}), 422, "invalid_argument")
        made = self.post("/api/groups", {"group_id": "whole", "nodes": ["whole-1"]})
        self.assertEqual((made.status, made.json["created"], made.json["members"]), (201, True, ["whole-1"]))
        self.failure(self.post("/api/groups/whole/members", {"nodes": ["whole-2", "nobody"]}), 404, "no_such_node")
        with self.broker.peer("leaver") as peer:
            for op in "group.leave", "group.join":
                self.assertEqual(
                    peer.call({"op": op, "group": "whole", "nodes": ["whole-1", "nobody"]})[0], "no_such_node"
                )
            self.assertEqual(self.get("/api/groups/whole").json["members"], ["whole-1"])
            self.assertEqual(peer.call({"op": "group.join", "group": "brief", "nodes": ["whole-1"]}), {})
            self.assertEqual(peer.call({"op": "group.leave", "group": "brief", "nodes": ["whole-1", "whole-2"]}), {})
        self.failure(self.get("/api/groups/brief"), 404, "no_such_group")

    def test_groups_and_broadcasts(self):
        self.node("g1"), self.node("g2")
        self.assertEqual(self.post("/api/groups", {"group_id": "team"}).status, 201)
        self.assertEqual(self.post("/api/groups", {"group_id": "team"}).status, 200)
        self.assertEqual(self.post("/api/groups/team/members", {"nodes": ["g1", "g2"]}).json["members"], ["g1", "g2"])
        self.failure(self.post("/api/groups/team/members", {"nodes": ["nobody"]}), 404, "no_such_node")
        self.assertIn("team", [g["group_id"] for g in self.get("/api/groups").json["groups"]])
        sent = self.post("/api/send", {"cast_type": "multicast", "group_id": "team", "content": "all of you?"}).json
        self.assertEqual((sent["success"], sent["recipients_count"]), (True, 2))
        sent = self.post("/api/send", {"cast_type": "broadcast", "content": "everybody", "sender": "me"}).json
        self.assertTrue(sent["success"] and sent["recipients_count"] >= 2)
        got = []
        while len(got) < 2:  # between the two streams no order is promised, nor that one look finds both
            some = self.take("g1", "?count=10&timeout=5s&ack=now").json["messages"]
            self.assertTrue(some, got)
            got += some
        self.assertIn(
            ("multicast", "team", "team", "all of you?"),
            [(m["cast_type"], m["target"], m["group_id"], m["content"]) for m in got],
        )
        self.assertEqual(self.delete("/api/groups/team/members/g2").json["members"], ["g1"])
        self.assertEqual(self.delete("/api/groups/team").json, {"deleted": "team"})
        self.failure(self.get("/api/groups/team"), 404, "no_such_group")
        gone = self.post("/api/send", {"cast_type": "multicast", "group_id": "team", "content": "x"})
        self.assertEqual((gone.status, gone.json["success"], gone.json["code"]), (404, False, "no_such_group"))
        self.post("/api/groups/passing/members", {"nodes": ["g1"]})  # not created: it goes with its last member
        self.assertEqual(self.delete("/api/groups/passing/members/g1").json, {"deleted": "passing"})

    def test_what_makes_no_sense_is_said(self):
        good = {"cast_type": "unicast", "content": "x", "recipients": ["r"]}
        for change in (
            # fmt: off
            {"cast_type": "spray"}, {"cast_type": None}, {"content": 7}, {"content": None}, {"recipients": []},
            {"recipients": "r"}, {"recipients": [1]}, {"recipients": [f"n{i}" for i in range(1001)]},
            {"group_id": "g"}, {"priority": 10}, {"priority": "high"}, {"ttl": "soon"}, {"ttl": -1},
            {"timeout": "2h"}, {"headers": []}, {"headers": {"k": 1}}, {"content_b64": "AA=="},
            {"cast_type": "broadcast"}, {"cast_type": "multicast", "recipients": None}, {"colour": "red"},
            {"message_type": "t" * 200},
            # fmt: on
        ):
            self.failure(self.post("/api/send", {**good, **change}), 422, "invalid_argument")
        self.failure(self.post("/api/send", {**good, "sender": "-bad"}), 422, "invalid_name")
        self.failure(self.post("/api/send", {**good, "content": "x" * (2 << 20)}), 413, "too_large")
        self.failure(self.post("/api/send", '{"cast_type": '), 400, "malformed")
        self.failure(self.post("/api/send", "[1]"), 400, "malformed")
        self.failure(self.post("/api/send", b"\xff\xfe{}"), 400, "malformed")
        self.failure(self.post("/api/send", good, content_type="text/plain"), 415, "unsupported_media_type")
        self.failure(self.post("/api/send", b" " * (9 << 20)), 413, "too_large")
        for path in (
            # fmt: off
            "/api/nodes/r/receive?timeout=6m", "/api/nodes/r/receive?timeout=soon", "/api/nodes/r/receive?count=0",
            "/api/nodes?limit=-1", "/api/nodes?colour=red", "/api/events?count=x", "/api/stats/history?seconds=0",
            "/api/nodes?search=%zz",
            # fmt: on
        ):
            self.failure(self.get(path), 400, "malformed")

    def test_bytes_that_are_no_text_come_as_base64(self):
        self.node("bytes")
        for content in (
            {"content_b64": "//79AA==", "message_type": "binary"},
            {"content": "{no json", "message_type": "text"},
            {"content": "Grüße, 你好, \u202e\U0001F600 <script>"},
        ):
            self.post("/api/send", {"cast_type": "unicast", **content, "recipients": ["bytes"]})
        got = self.take("bytes", "?count=3&timeout=5s").json["messages"]
        self.assertEqual(
            [m.get("content_b64", m.get("content")) for m in got],
            ["//79AA==", "{no json", "Grüße, 你好, \u202e\U0001F600 <script>"],
        )

    def test_receiving_acknowledges_with_the_next_call(self):
        self.node("script")
        for n in range(5):
            self.post("/api/send", {"cast_type": "unicast", "content": str(n), "recipients": ["script"]})
        first = self.take("script", "?count=2&timeout=5s").json
        self.assertEqual([m["content"] for m in first["messages"]], ["0", "1"])
        shown = self.get("/api/nodes/script").json
        self.assertEqual((shown["active"], shown["agent"], shown["acknowledged"]), (True, "gateway", 0))
        # One that did not get the last answer gets it again; one that did, what follows.
        again = self.take("script", f"?count=2&after={first['batch'] - 1}").json
        self.assertEqual(again, first)
        second = self.take("script", f"?count=2&after={first['batch']}&timeout=5s").json
        self.assertEqual([m["content"] for m in second["messages"]], ["2", "3"])
        wait_for("the acknowledgement", lambda: self.get("/api/nodes/script").json["acknowledged"] == 2)
        self.assertEqual(self.delete("/api/nodes/script/receive").json, {"node_id": "script", "acknowledged": True})
        wait_for("the acknowledgement", lambda: self.get("/api/nodes/script").json["acknowledged"] == 4)
        self.failure(self.delete("/api/nodes/script/receive"), 404, "no_such_node")
        now = self.take("script", "?ack=now&timeout=5s").json
        self.assertEqual([m["content"] for m in now["messages"]], ["4"])
        wait_for("the acknowledgement", lambda: self.get("/api/nodes/script").json["acknowledged"] == 5)
        self.assertEqual(self.take("script", "?timeout=50ms").json["messages"], [])
        self.delete("/api/nodes/script/receive")

    def test_a_waiting_call_gets_the_message_when_it_comes_and_a_second_one_is_refused(self):
        self.node("patient")
        waiting = connect(self.url)
        host = self.url.split("//")[1]
        waiting.sendall(
            (
                "POST /api/nodes/patient/receive?timeout=60s HTTP/1.1\r\n" f"Host: {host}\r\nConnection: close\r\n\r\n"
            ).encode()
        )
        wait_for("the node to be held", lambda: self.get("/api/nodes/patient").json["active"])
        self.failure(self.take("patient", "?timeout=1s"), 409, "name_in_use")
        self.post("/api/send", {"cast_type": "unicast", "content": "at last", "recipients": ["patient"]})
        raw = b""
        while more := waiting.recv(65536):
            raw += more
        self.assertEqual([m["content"] for m in parse(raw).json["messages"]], ["at last"])
        # Who goes away while it waits leaves nothing behind that keeps others out.
        gone = connect(self.url)
        gone.sendall(f"POST /api/nodes/patient/receive?timeout=300s HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        wait_for("it to wait", lambda: self.take("patient", "?timeout=0").status == 409)
        gone.close()
        wait_for("it to be forgotten", lambda: self.take("patient", "?timeout=0").status == 200)

    def test_a_file_goes_to_its_receivers(self):
        self.node("keeper"), self.node("away")
        content = os.urandom(3_000_000)
        folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        reader = subprocess.Popen(
            [
                # fmt: off
                BIN + "/nodectl", "--broker", self.broker.url, "recv", "keeper", "--save-files", folder,
                "-n", "1", "-W", "20s",
                # fmt: on
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for("the receiver", lambda: self.get("/api/nodes/keeper").json["active"])
        query = "/api/files?recipients=keeper,away,nobody&filename=" + "%E6%96%87%20..%2F..%2Fevil.bin&sender=uploader"
        sent = curl(self.url + query, method="POST", body=content, content_type="application/octet-stream").json
        self.assertEqual(reader.wait(20 * FACTOR), 0)
        self.assertEqual(
            (sent["success"], sent["bytes"], sent["sha256"], sent["recipients_count"]),
            (True, len(content), hashlib.sha256(content).hexdigest(), 2),
        )
        outcomes = {r["node_id"]: (r["success"], r["code"], r["state"]) for r in sent["recipients"]}
        self.assertEqual(
            outcomes,
            {
                "keeper": (True, "ok", "saved"),
                "away": (True, "ok", "sent"),
                "nobody": (False, "no_such_node", "failed"),
            },
        )
        saved = [name for name in os.listdir(folder) if not name.startswith(".")]
        self.assertEqual(saved, ["evil.bin"])
        with open(os.path.join(folder, saved[0]), "rb") as file:
            self.assertEqual(file.read(), content)
        chunked = curl(
            self.url + "/api/files?recipients=away&filename=x",
            method="POST",
            body=b"abc",
            content_type="application/octet-stream",
            headers=["Transfer-Encoding: chunked"],
        ).json
        self.assertEqual((chunked["bytes"], chunked["success"]), (3, True))
        for query in (
            # fmt: off
            "", "?recipients=away", "?filename=x", "?filename=x&cast_type=multicast", "?filename=x&cast_type=odd",
            # fmt: on
        ):
            self.failure(curl(self.url + "/api/files" + query, method="POST", body=b"abc"), 422, "invalid_argument")
        nobody = curl(self.url + "/api/files?filename=x&recipients=nobody", method="POST", body=b"abc").json
        self.assertEqual(
            (nobody["success"], [f["code"] for f in nobody["failed_recipients"]]), (False, ["no_such_node"])
        )

    def unicast(self, to, content, **more):
        answer = self.post(
            "/api/send", {"cast_type": "unicast", "sender": "me", "recipients": [to], "content": content, **more}
        )
        self.assertEqual(answer.status, 200, answer)

    def contents(self, path):
        return [message["content"] for message in self.get(path).json["messages"]]

    def test_messages_are_looked_at_without_being_taken_and_thrown_away(self):
        self.node("looked")
        self.unicast("looked", "first", id="m1", headers={"k": "v"})
        self.unicast("looked", {"a": 1}, message_type="json")
        mailbox = self.get("/api/nodes/looked/mailbox").json["messages"]
        self.assertEqual([m["content"] for m in mailbox], ["first", {"a": 1}])
        self.assertEqual(
            (mailbox[0]["id"], mailbox[0]["headers"], mailbox[0]["sender"], mailbox[0]["acknowledged"]),
            ("m1", {"k": "v"}, "me", False),
        )
        self.assertEqual(self.contents("/api/nodes/looked/mailbox?count=1"), ["first"])
        self.assertEqual(self.get("/api/nodes/looked/messages").json, {"messages": [], "next_before": None})
        self.assertEqual(self.take("looked", "?timeout=5s&count=2&ack=now").json["messages"][0]["content"], "first")
        wait_for("the history", lambda: self.contents("/api/nodes/looked/messages") == [{"a": 1}, "first"])
        page = self.get("/api/nodes/looked/messages?count=1").json
        self.assertTrue(page["messages"][0]["acknowledged"])
        self.assertEqual(self.contents(f"/api/nodes/looked/messages?before={page['next_before']}"), ["first"])
        self.unicast("looked", "x" * 20000)
        cut = self.get("/api/nodes/looked/mailbox").json["messages"][0]
        self.assertEqual((cut["truncated"], cut["size"], len(cut["content"])), (True, 20000, 16384))
        self.assertEqual(self.delete("/api/nodes/looked/mailbox").json, {"purged": 1})
        self.assertEqual(self.contents("/api/nodes/looked/mailbox"), [])
        for path in ("/api/nodes/none/messages", "/api/nodes/none/mailbox"):
            self.failure(self.get(path), 404, "no_such_node")
        self.failure(self.get("/api/groups/none/messages"), 404, "no_such_group")
        self.assertEqual(self.get("/api/broadcast/messages").status, 200)

    def test_dead_letters_are_listed_sent_again_and_thrown_away(self):
        self.node("mortal")
        self.unicast("mortal", "one")
        self.unicast("mortal", "two")
        self.delete("/api/nodes/mortal")
        letters = [d for d in self.get("/api/dead").json["dead"] if d["node_id"] == "mortal"]
        self.assertEqual(
            [(d["reason"], d["message"]["content"], d["message"]["sender"]) for d in letters],
            [("deleted", "two", "me"), ("deleted", "one", "me")],
        )
        two, one = [d["seq"] for d in letters]
        self.assertEqual(self.get(f"/api/dead/{one}").json["message"]["content"], "one")
        self.failure(self.post(f"/api/dead/{one}/requeue", {}), 404, "no_such_node")
        self.node("mortal")
        self.assertEqual(self.post(f"/api/dead/{one}/requeue", {}).json, {"requeued": one, "node_id": "mortal"})
        self.failure(self.get(f"/api/dead/{one}"), 404, "no_such_message")
        self.assertEqual(self.contents("/api/nodes/mortal/mailbox"), ["one"])
        self.assertEqual(self.delete(f"/api/dead/{two}").json, {"purged": 1})
        self.failure(self.delete(f"/api/dead/{two}"), 404, "no_such_message")
        self.failure(self.get("/api/dead/nonsense"), 404, "no_such_message")
        self.assertEqual(self.delete("/api/dead").status, 200)
        self.assertEqual(self.get("/api/dead").json["total"], 0)

    def test_what_is_asked_about_the_broker(self):
        self.assertEqual(self.get("/healthz").body, "ok\n")
        self.assertEqual(self.get("/readyz").json, {"status": "ok", "reasons": []})
        for name in (
            'cast_messages_total{cast="unicast"}',
            "cast_memory_bytes",
            'cast_edge_bytes{kind="subscriptions"}',
        ):
            self.assertIn("\n" + name + " ", self.get("/metrics").body)
        for line in self.get("/metrics").body.splitlines():
            self.assertRegex(
                line, r'^(# (HELP|TYPE) cast_\w+ .+|cast_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [-+0-9.e]+)$'
            )
        stats = self.get("/api/stats").json
        self.assertIn("per_node", stats)
        points = self.get("/api/stats/history?seconds=60").json["points"]
        self.assertGreaterEqual(len(points), 1)
        self.node("noticed")
        wait_for(
            "the event",
            lambda: any(
                e["event"] == "created" and e.get("node") == "noticed" for e in self.get("/api/events").json["events"]
            ),
        )

    def test_methods_paths_and_heads(self):
        self.failure(self.get("/api/nothing"), 404, "no_such_path")
        self.failure(self.get("/api/nodes/a/b/c"), 404, "no_such_path")
        self.failure(self.get("/../etc/passwd"), 404, "no_such_path")
        wrong = self.failure(curl(self.url + "/api/nodes", method="PUT", body={}), 405, "method_not_allowed")
        self.assertEqual(wrong.headers["allow"], "GET, HEAD, POST, OPTIONS")
        options = curl(self.url + "/api/nodes", method="OPTIONS")
        self.assertEqual((options.status, options.headers["allow"]), (204, "GET, HEAD, POST, OPTIONS"))
        head, got = curl(self.url + "/healthz", method="HEAD"), self.get("/healthz")
        self.assertEqual((head.status, head.body, head.headers["content-length"]), (200, "", str(len(got.body))))
        self.failure(self.get("/ws"), 426, "upgrade_required")

    def test_the_page_is_served_with_a_strict_policy(self):
        page = self.get("/")
        self.assertEqual((page.status, page.headers["content-type"]), (200, "text/html; charset=utf-8"))
        policy = page.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(page.headers["x-content-type-options"], "nosniff")
        self.assertEqual(self.get("/", headers=[f"If-None-Match: {page.headers['etag']}"]).status, 304)
        for name, kind in re.findall(r'"(/?app\.(js|css))"', page.body):
            self.assertEqual(
                self.get("/" + name.lstrip("/")).headers["content-type"].split(";")[0],
                {"js": "text/javascript", "css": "text/css"}[kind],
            )

    def holds(self, value, schema, where):
        """A value against its schema in the contract."""
        if "$ref" in schema:
            schema = self.contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        if schema.get("nullable") and value is None:
            return
        kind = schema.get("type")
        if kind:
            self.assertIsInstance(value, SHAPES[kind], where)
        if kind in ("integer", "number"):
            self.assertNotIsInstance(value, bool, where)
        if "enum" in schema:
            self.assertIn(value, schema["enum"], where)
        if isinstance(value, dict) and "properties" in schema:
            for name in schema.get("required", []):
                self.assertIn(name, value, where)
            for name, member in value.items():
                if name not in schema["properties"]:
                    self.assertTrue(schema.get("additionalProperties"), f"{where}.{name} is not in the contract")
                else:
                    self.holds(member, schema["properties"][name], f"{where}.{name}")
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                self.holds(item, schema["items"], f"{where}[{index}]")

    def test_the_contract_for_machines_tells_the_truth(self):
        self.contract = self.get("/api/openapi.json").json
        self.assertEqual(self.contract["info"]["version"], self.get("/api/status").json["version"])
        self.node("contract-node"), self.node("contract-peer")
        self.post("/api/groups/contract-group/members", {"nodes": ["contract-node", "contract-peer"]})
        self.post("/api/send", {"cast_type": "unicast", "content": "x", "recipients": ["contract-node"]})
        fill = {"id": "contract-node", "group": "contract-group", "node": "contract-peer", "seq": "999999"}

        for path, methods in self.contract["paths"].items():
            group = path.startswith("/api/groups/")
            real = re.sub(r"\{(\w+)\}", lambda m: fill["group" if group and m[1] == "id" else m[1]], path)
            allowed = curl(self.url + real, method="OPTIONS").headers["allow"].replace(", HEAD", "").split(", ")
            self.assertEqual(
                sorted(m.upper() for m in methods) + ["OPTIONS"], sorted(set(allowed) - {"OPTIONS"}) + ["OPTIONS"], path
            )
            for method, operation in methods.items():
                if path.startswith("/ws"):
                    continue
                content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                query = "?timeout=10ms" if path.endswith("/receive") and method in ("get", "post") else ""
                answer = curl(self.url + real + query, method=method.upper(), body=content.get("example"))
                documented = operation["responses"]
                self.assertIn(str(answer.status), set(documented), f"{method} {path}: {answer}")
                shape = documented.get(str(answer.status), {}).get("content", {}).get("application/json")
                if shape:
                    self.holds(answer.json, shape["schema"], f"{method} {path}")


if __name__ == "__main__":
    unittest.main()
