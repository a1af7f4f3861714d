"""Mail that ends in large numbers: it runs out of its time, its node is deleted, it is purged, its letters are put back
and thrown away. Meanwhile everybody else is answered, and no turn of the broker's thread is long."""
import unittest

from rawcast import *

LONE = 60_000 if not SANITIZED else 10_000  # messages in batches of their own
JOINED, EACH = 140_000 if not SANITIZED else 30_000, 2_000
LONGEST_US = 60_000 * FACTOR  # a machine that is busy takes the processor away for longer than a turn takes
LETTERS = 10_000


class Spread(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.TemporaryDirectory(prefix="cast-test-")
        self.addCleanup(self.data.cleanup)

    def in_memory(self):
        return Broker("--ping-interval", "10m", "--dead-after", "20m")

    def on_disk(self):
        return Broker("--ping-interval", "10m", "--dead-after", "20m", data=self.data.name)

    def begin(self, broker):
        self.broker = broker
        self.sender, self.other, self.operator = broker.peer("sender"), broker.peer("other"), broker.peer("operator")
        self.sent = self.told = 0
        for name in ("bulk", "lat"):
            self.operator.call({"op": "node.create", "name": name})

    def stats(self):
        return self.operator.call({"op": "stats"})

    def send_bulk(self, ttl=0):
        """All of it, by windows; half of the lone ones behind the others."""
        batches = [["x"]] * (LONE // 2) + [["y"] * EACH] * (JOINED // EACH) + [["z"]] * (LONE // 2)
        for at in range(0, len(batches), 1000):
            some = batches[at : at + 1000]
            made = [
                batch(self.sender.session, self.sent + i + 1, "bulk", "sender", records, ttl=ttl)
                for i, records in enumerate(some)
            ]
            for i in range(0, len(made), 50):
                self.sender.say(cast(*made[i : i + 50]))
            self.sent += len(some)
            self.assertEqual(self.sender.outcome(self.sent), {})

    def answered_until(self, done, begun=lambda stats: True):
        """Another client gets receipt after receipt until then. Returns the statistics before it began, and the last
        ones."""
        quiet, until = None, time.monotonic() + 60 * FACTOR
        while True:
            self.told += 1
            self.other.say(cast(batch(self.other.session, self.told, "lat", "other", ["me, too"])))
            self.assertEqual(self.other.outcome(self.told), {})
            stats = self.stats()
            if done(stats):
                return quiet, stats
            if not begun(stats):
                quiet = stats
            self.assertLess(time.monotonic(), until, stats)

    def check_turns(self, what, before, stats, least):
        turns = stats["turns"] - before["turns"]
        print(f"{what}: {turns} turns, the longest since the start {stats['turn_us_max']['start']} us")
        self.assertGreater(turns, least, what)
        self.assertLess(stats["turn_us_max"]["start"], LONGEST_US, what)

    def check_sums(self, stats):
        dead = stats["dead"]
        self.assertLessEqual(dead["messages"], LETTERS)
        self.assertEqual(dead["buried"] - dead["dropped"] - self.dug, dead["messages"])

    def check_all(self, broker):
        self.begin(broker)
        self.dug = 0
        everything = LONE + JOINED
        self.send_bulk(ttl=5000 * FACTOR)
        before = self.stats()
        self.assertEqual(before["expired"], 0)
        before, stats = self.answered_until(lambda s: s["dead"]["buried"] == everything, lambda s: s["expired"] > 0)
        self.check_turns("expired", before, stats, LONE // 2000)
        self.assertEqual(stats["expired"], everything)
        self.check_sums(stats)

        self.send_bulk()
        before = self.stats()
        self.operator.call({"op": "node.delete", "name": "bulk"})
        self.operator.call({"op": "node.create", "name": "bulk"})
        self.assertEqual(self.operator.call({"op": "node.show", "name": "bulk"})["queued"], 0)
        _, stats = self.answered_until(lambda s: s["dead"]["buried"] == 2 * everything)
        self.check_turns("deleted", before, stats, LONE // 4000)
        self.check_sums(stats)

        before = stats
        answer = self.operator.call({"op": "dead.requeue"})
        self.dug = answer["requeued"]
        self.assertEqual((self.dug, answer["failed"]), (LETTERS, []))
        stats = self.stats()
        self.check_turns("put back", before, stats, LETTERS // 1000)
        self.check_sums(stats)
        self.send_bulk()
        before = self.stats()
        self.assertEqual(self.operator.call({"op": "purge", "node": "bulk"}), {"purged": LETTERS + everything})
        _, stats = self.answered_until(lambda s: s["discarded"] == 2 * everything + LETTERS)
        self.check_turns("purged", before, stats, LONE // 4000)
        self.assertEqual(stats["dead"]["messages"], 0)
        self.assertEqual(stats["queued"]["messages"], self.told)  # for "lat"

    def test_in_memory(self):
        with self.in_memory() as broker:
            self.check_all(broker)

    def test_on_disk(self):
        with self.on_disk() as broker:
            self.check_all(broker)


if __name__ == "__main__":
    unittest.main()
