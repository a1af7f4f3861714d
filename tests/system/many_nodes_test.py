"""As many nodes and groups as a broker takes, and their lists: page by page over HTTP and by nodectl, whole and in
order; what is searched for; and that no page keeps the broker for long."""
import unittest

from rawcast import *
from web import curl

NODES, GROUPS = (100_000, 10_000) if not SANITIZED else (20_000, 2_000)
PER_PEER = 10_000


class ManyNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The peers answer no PINGs.
        cls.broker = Broker(
            "--ping-interval",
            "10m",
            "--dead-after",
            "20m",
            "--max-nodes",
            str(NODES + 10),
            "--max-groups",
            str(GROUPS + 10),
            http="127.0.0.1:0",
        )
        cls.broker.__enter__()
        cls.names = [f"node-{i:06}" for i in range(NODES)]
        cls.peers = []
        for at in range(0, NODES, PER_PEER):
            peer = cls.broker.peer()
            peer.say(hello(peer.session))
            peer.expect(WELCOME)
            for some in range(at, at + PER_PEER, 1000):
                peer.say(attach(cls.names[some : some + 1000]))
                codes = attached_codes(peer.expect(ATTACHED))
                assert set(codes.values()) == {"ok"}, codes
            cls.peers.append(peer)
        for i in range(GROUPS):
            cls.peers[0].say(control({"op": "group.create", "name": f"group-{i:05}"}))
        for _ in range(GROUPS):
            assert cls.peers[0].expect(CONTROL_REPLY)[4:6] == b"\0\0"

    @classmethod
    def tearDownClass(cls):
        for peer in cls.peers:
            peer.say(frame(BYE))
        cls.broker.__exit__(None, None, None)

    def get(self, path):
        answer = curl(self.broker.http + path)
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def pages(self, kind, key, limit):
        found, after, longest = [], "", 0.0
        while after is not None:
            began = time.monotonic()
            page = self.get(f"/api/{kind}?limit={limit}&after={after}")
            longest = max(longest, time.monotonic() - began)
            self.assertLessEqual(len(page[kind]), limit)
            found += [one[key] for one in page[kind]]
            after = page["next_after"]
        print(f"{len(found)} {kind}, {limit} a page: the slowest page took {longest * 1000:.0f} ms")
        return found, page

    def test_all_nodes_come_page_by_page(self):
        found, last = self.pages("nodes", "node_id", 1_000)
        self.assertEqual(found, self.names)
        self.assertEqual((last["total"], last["active"]), (NODES, NODES))
        first = self.get("/api/nodes")
        self.assertEqual((len(first["nodes"]), first["total"], first["next_after"]), (1000, NODES, self.names[999]))

    def test_all_groups_come_page_by_page(self):
        found, last = self.pages("groups", "group_id", 300)
        self.assertEqual(found, [f"group-{i:05}" for i in range(GROUPS)])
        self.assertEqual(last["total"], GROUPS)
        page = self.get("/api/groups?search=GROUP-0012&limit=3")
        self.assertEqual(
            ([g["group_id"] for g in page["groups"]], page["total"]),
            (["group-00120", "group-00121", "group-00122"], 10),
        )

    def test_what_is_searched_for_is_counted_and_paged(self):
        page = self.get("/api/nodes?search=E-0123&limit=10&offset=95")
        self.assertEqual([node["node_id"] for node in page["nodes"]], self.names[12395:12400])
        self.assertEqual((page["total"], page["next_after"]), (100, None))
        page = self.get("/api/nodes?search=E-0123&limit=10&after=node-012345")
        self.assertEqual([node["node_id"] for node in page["nodes"]], self.names[12346:12356])
        self.assertEqual((page["total"], page["next_after"]), (100, "node-012355"))
        self.assertEqual(
            self.get("/api/nodes?search=nobody"), {"nodes": [], "total": 0, "active": 0, "next_after": None}
        )

    def test_nodectl_lists_all_of_them(self):
        for kind, most in (("node", NODES), ("group", GROUPS)):
            began = time.monotonic()
            done = subprocess.run(
                [BIN + "/nodectl", "--broker", self.broker.url, kind, "list", "--json"],
                capture_output=True,
                timeout=60 * FACTOR,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            names = [json.loads(line)["name"] for line in done.stdout.splitlines()]
            print(f"nodectl {kind} list: {len(names)} in {time.monotonic() - began:.1f} s")
            self.assertEqual((len(names), names), (most, sorted(names)))

    def test_a_node_that_sends_meanwhile_is_not_held_up_for_long(self):
        lister = subprocess.Popen(
            [BIN + "/nodectl", "--broker", self.broker.url, "node", "list", "--json"], stdout=subprocess.DEVNULL
        )
        slowest, rounds = 0.0, 0
        with self.broker.peer() as peer:
            peer.say(hello(peer.session), attach(["here"]))
            while lister.poll() is None:
                rounds += 1
                began = time.monotonic()
                peer.say(cast(batch(peer.session, rounds, "here", "here", ["x"])))
                self.assertEqual(peer.outcome(rounds), {})
                slowest = max(slowest, time.monotonic() - began)
            peer.say(frame(BYE))
        self.assertEqual(lister.wait(), 0)
        print(f"a receipt took {slowest * 1000:.0f} ms at most beside it, of {rounds}")
        self.assertLess(slowest, 1.0 * FACTOR)


if __name__ == "__main__":
    unittest.main()
