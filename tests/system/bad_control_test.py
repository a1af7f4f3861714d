"""Management calls that no library would make: each is answered with its code, and the broker serves on."""
import json
import random
import unittest

from rawcast import *


class BadControl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker("--max-nodes", "2000")

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__(None, None, None)

    def setUp(self):
        self.peer = self.broker.peer()
        self.addCleanup(self.peer.socket.close, 0)
        self.peer.say(hello(self.peer.session))
        self.peer.expect(WELCOME)

    def tearDown(self):
        self.broker.check_serves()
        self.assertLess(self.broker.memory_kib(), (4000 if SANITIZED else 600) * 1024)

    def code(self, call):
        answer = self.peer.call(call if isinstance(call, bytes) else json.dumps(call).encode())
        return answer[0] if isinstance(answer, tuple) else "ok"

    def test_what_is_no_json_object_is_malformed(self):
        for text in (
            # fmt: off
            b"", b" ", b"{", b"}", b"null", b"42", b"[]", b'"op"', b"{}{}", b"{'op':'stats'}", b'{"op":"stats"',
            b"\xff\xfe", b'{"op":"st\xffats"}', b'{"op":"\\ud800"}', b"nan", b'{"a":1e999999}',
            # fmt: on
        ):
            self.assertEqual(self.code(text), "malformed", text)

    def test_a_call_of_an_unknown_or_wrong_kind_is_unknown(self):
        for call in (
            # fmt: off
            {}, {"op": ""}, {"op": "node"}, {"op": "node.explode"}, {"op": 7}, {"op": None}, {"op": ["stats"]},
            {"op": {"a": 1}}, {"OP": "stats"},
            # fmt: on
        ):
            self.assertEqual(self.code(call), "unknown_verb", call)

    def test_deep_nesting_and_huge_arrays_are_answered_soon(self):
        many = 120 << 10
        deep = [
            b"[" * many,
            b'{"a":' * (many // 3),
            b"[" * many + b"]" * many,
            b'{"op":' + b"[" * many + b"]" * many + b"}",
        ]
        for text, want in zip(deep, ("malformed",) * 4):
            self.assertEqual(self.code(text), want)
        self.assertEqual(self.code({"op": "group.join", "group": "huge", "nodes": ["nobody"] * 1000}), "no_such_node")
        self.assertEqual(self.code({"op": "group.join", "group": "huge", "nodes": ["nobody"] * 1001}), "too_many")
        self.assertEqual(self.code({"op": "later.cancel", "ids": [1] * 1001}), "too_many")
        self.assertEqual(self.code({"op": "stats", "padding": list(range(35000))}), "ok")
        self.assertEqual(self.code({"op": "stats", "padding": [{}] * 60000}), "ok")  # not searched again after each
        self.assertEqual(self.code({f"k{i}": i for i in range(15000)}), "unknown_verb")
        self.assertEqual(self.code({"op": "x" * 250000}), "unknown_verb")

    def test_a_call_that_is_too_large_is_told_so(self):
        self.assertEqual(self.code(b" " * (256 << 10) + b"{}"), "too_large")
        self.assertEqual(self.code({"op": "stats", "padding": "x" * (64 << 10) * 4}), "too_large")

    def test_members_of_wrong_types_are_refused_not_guessed(self):
        for name in (
            # fmt: off
            None, 7, [], {}, ["a"], True, "", "a/b", "x" * 200, "x" * 100000, "ä", "\0", "$events",
            "$reply.0123456789abcdef", "$broker",
            # fmt: on
        ):
            for op in ("node.create", "node.delete", "node.show", "group.create", "group.delete", "group.show"):
                self.assertIn(
                    self.code({"op": op, "name": name}),
                    ("invalid_name", "no_such_node", "no_such_group", "forbidden"),
                    (op, name),
                )
        for port in (-1, 65536, 2**40, -(2**63), 2**63, 2**64 - 1, 10**30):
            self.assertEqual(self.code({"op": "node.create", "name": "ported", "port": port}), "invalid_argument", port)
        for port in ("80", 1.5, None, [80], True, {}):
            self.assertIn(
                self.code({"op": "node.create", "name": "ported", "port": port}),
                ("malformed", "invalid_argument"),
                port,
            )
        self.assertEqual(self.code({"op": "node.show", "name": "ported"}), "no_such_node")
        for nodes in (None, 7, "bob", {}, [7], [None], [["bob"]], [""], ["a/b"], ["x" * 100000]):
            for op in ("group.join", "group.leave"):
                self.assertIn(
                    self.code({"op": op, "group": "team", "nodes": nodes}),
                    ("malformed", "no_such_node", "invalid_name"),
                    (op, nodes),
                )
        self.assertEqual(self.code({"op": "node.create", "name": "member"}), "ok")
        for group in (None, 7, "", "a/b", "x" * 200, "$events", "$x"):
            self.assertIn(
                self.code({"op": "group.join", "group": group, "nodes": ["member"]}),
                ("invalid_name", "forbidden"),
                group,
            )
        self.assertEqual(self.code({"op": "group.leave", "group": "none", "nodes": ["member"]}), "no_such_group")
        self.assertEqual(self.code({"op": "group.join", "group": "empty", "nodes": []}), "ok")

    def test_calls_with_random_bytes_changed_in_them_never_hurt(self):
        source = random.Random(4)
        texts = [
            json.dumps(call).encode()
            for call in (
                {"op": "node.create", "name": "fuzzed", "port": 0, "pick_port": False},
                {"op": "group.join", "group": "team", "nodes": ["fuzzed"]},
                {"op": "node.show", "name": "fuzzed"},
                {"op": "stats"},
                {"op": "group.leave", "group": "team", "nodes": ["fuzzed"]},
            )
        ]
        for _ in range(2000):
            text = bytearray(source.choice(texts))
            for _ in range(source.randrange(1, 4)):
                text[source.randrange(len(text))] = source.choice(
                    b'{}[]":,\\0\xff\x00e-truf' + bytes([source.randrange(256)])
                )
            self.peer.say(control(bytes(text)))
            self.peer.expect(CONTROL_REPLY)

    def test_nodes_end_at_the_limit_and_their_list_is_answered(self):
        made = 0
        while self.code({"op": "node.create", "name": f"many{made}"}) == "ok":
            made += 1
            self.assertLess(made, 3000)
        self.assertEqual(self.code({"op": "node.create", "name": "one-more"}), "too_many")
        first = self.peer.call({"op": "node.list"})
        self.assertEqual(
            (len(first["nodes"]), first["total"], first["next_after"]), (1000, 2000, first["nodes"][-1]["name"])
        )
        rest = self.peer.call({"op": "node.list", "after": first["next_after"]})
        self.assertEqual((len(rest["nodes"]), rest["next_after"]), (1000, None))
        for odd in ({"limit": -1}, {"limit": "x"}, {"offset": -7}, {"after": 7}, {"search": []}, {"with_port": "yes"}):
            self.assertEqual(len(self.peer.call({"op": "node.list", **odd})["nodes"]), 1000, odd)
        self.assertEqual(self.peer.call({"op": "node.list", "offset": 2**62})["nodes"], [])
        self.assertEqual(len(self.peer.call({"op": "stats"})["per_node"]), 1000)
        for i in range(made):
            self.assertEqual(self.code({"op": "node.delete", "name": f"many{i}"}), "ok")


if __name__ == "__main__":
    unittest.main()
