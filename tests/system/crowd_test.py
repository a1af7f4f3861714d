"""What one client may ask for does not cost the others their time: lists and searches of many names, groups with many
members, long ACKs and ATTACHes. By counts and by the order of answers, not by the clock."""
import unittest

from rawcast import *
from web import curl

NODES = 20_000


def position_attach(name, positions):
    return frame(
        ATTACH,
        struct.pack("<II", 1, 1)
        + bytes([1 | 4])
        + str8(name)
        + struct.pack("<I", positions)
        + struct.pack("<QQQ", 1, 0, 0) * positions,
    )


class Crowd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The peer answers no PINGs.
        cls.broker = Broker(
            "--max-memberships", "6000", "--ping-interval", "10m", "--dead-after", "20m", http="127.0.0.1:0"
        )
        cls.broker.__enter__()
        cls.peer = cls.broker.peer()
        cls.peer.say(hello(cls.peer.session))
        cls.peer.expect(WELCOME)
        # The worst names for a search that begins anew after each letter that does not fit.
        cls.names = ["a" * 20 + f"{i:06}" for i in range(NODES)]
        for at in range(0, NODES, 1000):
            cls.peer.say(*[control({"op": "node.create", "name": name}) for name in cls.names[at : at + 1000]])
            for _ in range(1000):
                assert cls.peer.expect(CONTROL_REPLY)[4:6] == b"\0\0"

    @classmethod
    def tearDownClass(cls):
        cls.peer.say(frame(BYE))
        cls.broker.__exit__(None, None, None)

    def error(self, said):
        with self.broker.peer() as peer:
            peer.say(hello(peer.session), attach(["here"]))
            peer.expect(ATTACHED, skip=(WELCOME,))
            peer.say(said, frame(PING, b"12345678"))
            verb, body = peer.hear()
            code = CODES[struct.unpack_from("<H", body)[0]] if verb == ERROR else None
            peer.say(frame(BYE))
            return code

    def test_a_search_goes_on_over_many_turns_and_others_are_answered_meanwhile(self):
        for what in ({"search": "a" * 20 + "b"}, {"offset": NODES - 1}):
            self.go_on_over_many_turns({"op": "node.list", **what})

    def go_on_over_many_turns(self, call, searches=100):
        with self.broker.peer() as seeker, self.broker.peer() as other:
            for peer in (seeker, other):
                peer.say(hello(peer.session))
                peer.expect(WELCOME)
            seeker.say(*[control(call, request=i) for i in range(searches)], frame(PING, b"seeker!!"))
            answered = 0
            while (
                verb := seeker.hear()[0]
            ) != PONG:  # all of them are asked for, and they do not keep this answer waiting
                answered += 1
                self.assertEqual(verb, CONTROL_REPLY)
            other.say(frame(PING, b"12345678"))
            other.expect(PONG)
            while seeker.socket.poll(0):
                answered += 1
                self.assertEqual(seeker.hear()[0], CONTROL_REPLY)
            self.assertLess(answered, searches)
            for i in range(answered, searches):
                # In the order in which they came.
                self.assertEqual(struct.unpack_from("<I", seeker.expect(CONTROL_REPLY))[0], i)
            for peer in (seeker, other):
                peer.say(frame(BYE))

    def test_a_search_finds_what_it_is_to_find(self):
        found = self.peer.call({"op": "node.list", "search": "A0000", "limit": 3})
        self.assertEqual(
            ([node["name"] for node in found["nodes"]], found["total"], found["next_after"]),
            (self.names[:3], 100, self.names[2]),
        )
        found = self.peer.call({"op": "node.list", "search": "a0000", "after": self.names[97]})
        self.assertEqual(
            ([node["name"] for node in found["nodes"]], found["total"], found["next_after"]),
            (self.names[98:100], 100, None),
        )
        found = self.peer.call({"op": "node.list", "offset": NODES - 2})
        self.assertEqual(([node["name"] for node in found["nodes"]], found["total"]), (self.names[-2:], NODES))

    def test_who_asks_for_very_many_searches_is_told_so(self):
        with self.broker.peer() as peer:
            peer.say(
                hello(peer.session), *[control({"op": "node.list", "search": "aab"}, request=i) for i in range(1500)]
            )
            peer.expect(WELCOME)
            codes = [
                CODES[struct.unpack_from("<H", peer.expect(CONTROL_REPLY, skip=(PING,)), 4)[0]] for _ in range(1500)
            ]
            self.assertIn("too_many", codes)
            self.assertGreaterEqual(codes.count("ok"), 1024)
            peer.say(frame(BYE))
        self.broker.check_serves()

    def test_a_group_shows_its_members_page_by_page_and_memberships_have_a_limit(self):
        for at in range(0, 5000, 1000):
            self.peer.call({"op": "group.join", "group": "crowd", "nodes": self.names[at : at + 1000]})
        first = self.peer.call({"op": "group.show", "name": "crowd"})
        self.assertEqual(
            (first["members"], first["member_count"], first["next_after"]), (self.names[:1000], 5000, self.names[999])
        )
        last = self.peer.call({"op": "group.show", "name": "crowd", "after": self.names[3999]})
        self.assertEqual((last["members"], last["next_after"]), (self.names[4000:5000], None))
        page = curl(self.broker.http + "/api/groups/crowd?after=" + self.names[4997]).json
        self.assertEqual((page["members"], page["member_count"]), (self.names[4998:5000], 5000))
        shown = subprocess.run(
            [BIN + "/nodectl", "--broker", self.broker.url, "group", "show", "crowd", "--json"], capture_output=True
        )
        self.assertEqual(json.loads(shown.stdout)["members"], self.names[:5000])
        listed = subprocess.run(
            [BIN + "/nodectl", "--broker", self.broker.url, "group", "list", "--json"], capture_output=True
        )
        self.assertEqual(json.loads(listed.stdout)["members"], self.names[:5000])
        self.assertEqual(self.peer.call({"op": "stats"})["memberships"], 5000)
        before = self.peer.call({"op": "status"})["memory_bytes"]
        self.assertGreaterEqual(before, 5000 * 160)
        self.peer.say(control({"op": "group.join", "group": "other", "nodes": self.names[:1001]}))
        self.assertEqual(CODES[struct.unpack_from("<H", self.peer.expect(CONTROL_REPLY), 4)[0]], "too_many")
        self.assertEqual(self.peer.call({"op": "stats"})["memberships"], 5000)  # all of a call, or nothing
        for _ in range(2):  # who is a member already may say so again
            self.assertEqual(self.peer.call({"op": "group.join", "group": "other", "nodes": self.names[:1000]}), {})
        self.assertEqual(self.peer.call({"op": "stats"})["memberships"], 6000)
        self.assertEqual(
            self.peer.call({"op": "group.join", "group": "other", "nodes": self.names[1000:1001]})[0], "too_many"
        )
        for group in ("crowd", "other"):
            self.peer.call({"op": "group.delete", "name": group})
        self.assertEqual(self.peer.call({"op": "stats"})["memberships"], 0)

    def test_a_client_that_names_more_than_a_call_may_makes_several(self):
        nodectl = lambda *words: subprocess.run(
            [BIN + "/nodectl", "--broker", self.broker.url, "group", *words], check=True
        )
        nodectl("join", "several", *self.names[:2500])
        self.assertEqual(self.peer.call({"op": "group.show", "name": "several"})["member_count"], 2500)
        nodectl("leave", "several", *self.names[:2499])
        self.assertEqual(self.peer.call({"op": "group.show", "name": "several"})["members"], self.names[2499:2500])
        self.peer.call({"op": "group.delete", "name": "several"})

    def test_a_list_is_told_a_thousand_at_a_time(self):
        for limit in (0, 1000, 10000):
            page = self.peer.call({"op": "node.list", "limit": limit})
            self.assertEqual((len(page["nodes"]), page["next_after"]), (1000, self.names[999]))
        self.assertEqual(curl(self.broker.http + "/api/nodes?limit=1001").json["code"], "malformed")

    def test_a_page_of_what_is_long_ends_early_and_the_next_one_goes_on_there(self):
        self.peer.call({"op": "group.join", "group": "g" * 128, "nodes": self.names[:1000]})
        first = self.peer.call({"op": "node.list"})
        there = [node["name"] for node in first["nodes"]]
        self.assertLess(len(there), 1000)
        self.assertEqual((there, first["next_after"]), (self.names[: len(there)], there[-1]))
        rest = self.peer.call({"op": "node.list", "after": there[-1], "limit": 1})
        self.assertEqual(rest["nodes"][0]["name"], self.names[len(there)])
        self.peer.call({"op": "group.delete", "name": "g" * 128})

    def test_messages_are_listed_a_thousand_at_a_time_too(self):
        with self.broker.peer("planner") as planner:
            for number in range(1, 1002):  # in an hour
                planner.say(
                    cast(
                        batch(
                            planner.session,
                            number,
                            self.names[0],
                            "planner",
                            ["x"],
                            flags=32 | 8,
                            arrival=3_600_000_000,
                        )
                    )
                )
            self.assertEqual(planner.outcome(1001), {})
            planner.say(frame(BYE))
        for count in (0, 1000, 10000):
            page = self.peer.call({"op": "later.list", "count": count})
            self.assertEqual((len(page["later"]), page["messages"]), (1000, 1001))
        ids = [late["id"] for late in page["later"]]
        self.assertEqual(len(self.peer.call({"op": "later.cancel", "ids": ids})["canceled"]), 1000)
        last = self.peer.call({"op": "later.list"})["later"]
        self.assertEqual(self.peer.call({"op": "later.cancel", "ids": [last[0]["id"]]}), {"canceled": [last[0]["id"]]})
        for call in (
            {"op": "peek", "node": self.names[0]},
            {"op": "history", "node": self.names[0]},
            {"op": "dead.list"},
        ):
            self.assertNotIsInstance(self.peer.call({**call, "count": 1000}), tuple)
            self.assertEqual(self.peer.call({**call, "count": 1001})[0], "invalid_argument")
        for path in ("/api/later", "/api/dead", f"/api/nodes/{self.names[0]}/mailbox"):
            self.assertEqual(curl(self.broker.http + path + "?count=1000").status, 200, path)
            self.assertEqual(curl(self.broker.http + path + "?count=1001").json["code"], "malformed", path)
        for words in (["later", "list"], ["peek", self.names[0]]):
            for count, code in ((1000, 0), (1001, 2), (0, 2)):
                done = subprocess.run(
                    [BIN + "/nodectl", "--broker", self.broker.url, *words, "-n", str(count)], capture_output=True
                )
                self.assertEqual(done.returncode, code, (words, count, done.stderr))

    def test_an_ack_or_attach_that_lists_more_than_it_may_is_malformed(self):
        entry = struct.pack("<QQI", 1, 1, 0)
        self.assertEqual(
            self.error(
                frame(ACK, struct.pack("<I", 1025) + b"".join(struct.pack("<QQI", i, 1, 0) for i in range(1025)))
            ),
            "malformed",
        )
        self.assertEqual(self.error(frame(ACK, struct.pack("<I", 2) + entry * 2)), "malformed")  # one stream twice
        exceptions = (str8("here") + struct.pack("<Q", 0)) * 16385
        self.assertEqual(self.error(frame(ACK, struct.pack("<IQQI", 1, 1, 1, 16385) + exceptions)), "malformed")
        self.assertIsNone(self.error(frame(ACK, struct.pack("<I", 1) + entry)))
        self.assertEqual(self.error(position_attach("there", 16385)), "malformed")

    def test_statistics_count_what_all_nodes_are_without_looking_at_them(self):
        stats = self.peer.call({"op": "stats"})
        self.assertEqual((stats["nodes"]["created"], len(stats["per_node"])), (NODES, 1000))
        self.assertGreaterEqual(stats["nodes"]["known"], NODES)
        with self.broker.peer("busy") as busy:
            busy.say(cast(batch(busy.session, 1, self.names[-1], "busy", ["x"])))
            self.assertEqual(busy.outcome(1), {})
            # The page reads of what happened to nodes; that counts as queued until it has.
            wait_for("the one message that waits", lambda: self.peer.call({"op": "stats"})["queued"]["messages"] == 1)
            stats = self.peer.call({"op": "stats"})
            self.assertEqual(stats["nodes"]["attached"], 1)
            self.assertEqual((stats["per_node"]["busy"]["sent"], stats["per_node"][self.names[-1]]["queued"]), (1, 1))
            busy.say(frame(BYE))
        self.peer.call({"op": "purge", "node": self.names[-1]})


class CrowdThatGoes(unittest.TestCase):
    def test_many_connections_that_end_at_once_are_given_up_a_few_a_turn(self):
        each, readers = 1000, []
        with Broker("--ping-interval", "500ms", "--dead-after", f"{20 * FACTOR}s") as broker, broker.peer(
            "watcher"
        ) as watcher:
            for i in range(12):
                names = [f"n{i}-{k}" for k in range(each)]
                readers.append(broker.peer())
                readers[i].say(hello(readers[i].session), attach(names))
                readers[i].expect(WELCOME)
                readers[i].expect(ATTACHED)
                watcher.call({"op": "group.join", "group": "all", "nodes": names})
            before = watcher.call({"op": "stats"})
            self.assertEqual(before["nodes"]["attached"], 12 * each + 1)
            for reader in readers:
                reader.socket.close(0)
            most = 0
            while before["nodes"]["attached"] > 1:
                stats = watcher.call({"op": "stats"})
                lost, turns = before["nodes"]["attached"] - stats["nodes"]["attached"], stats["turns"] - before["turns"]
                most = max(most, lost / max(turns, 1))
                before = stats
            self.assertLessEqual(most, each)


if __name__ == "__main__":
    unittest.main()
