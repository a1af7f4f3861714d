#!/usr/bin/env python3
"""A data directory that is removed, renamed or cut short under a broker: nothing more is receipted, and it is said."""
import os
import unittest

from rawcast import *


class Gone(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = os.path.join(self.folder, "data")
        self.db, self.wal = (os.path.join(self.data, name) for name in ("cast.db", "cast.db-wal"))

    def send(self, sender, first, count):
        """Batches from `first` on, for a box that nobody reads; each a message of 900 bytes and its number."""
        for number in range(first, first + count):
            sender.say(cast(batch(sender.session, number, "box", "sender", [f"{number} " + "x" * 900])))

    def begin(self, sender):
        """A store with 100 messages that are receipted."""
        sender.call({"op": "node.create", "name": "box"})
        self.send(sender, 1, 100)
        self.assertEqual(sender.outcome(100), {})

    def nothing_more_is_receipted(self, broker, sender, why):
        self.send(sender, 101, 2000)
        wait_for("the news", lambda: not broker.stats()["store"]["healthy"])
        while sender.hear(0.5) is not None:
            pass
        self.assertEqual(sender.through, 100)
        self.assertIn(why, broker.stats()["store"]["trouble"])
        wait_for("the log's line", lambda: "the store fails, new messages are refused: " in broker.log())
        with broker.peer() as admin:
            admin.say(hello(admin.session))
            status = admin.call({"op": "status"})
            self.assertEqual(status["status"], "degraded")
            self.assertIn(why, status["reasons"][0])
            self.assertEqual(admin.call({"op": "node.create", "name": "late"})[0], "store_failed")

    def lost_at_the_end(self, broker):
        self.assertEqual(broker.stop(), 1)
        self.assertIn("a start may not find what was receipted", broker.log())
        self.assertNotIn("what was receipted is in it", broker.log())
        broker.killed = True  # its end was looked at

    def check_lost(self, damage, why):
        with Broker(data=self.data) as broker, broker.peer("sender") as sender:
            self.begin(sender)
            damage()
            self.nothing_more_is_receipted(broker, sender, why)
            self.lost_at_the_end(broker)

    def test_the_directory_is_removed(self):
        self.check_lost(lambda: shutil.rmtree(self.data), "cast.db is gone")
        self.assertFalse(os.path.exists(self.data))  # nothing is begun anew in its place

    def test_the_directory_is_renamed_and_another_made(self):
        def damage():
            os.rename(self.data, self.data + ".away")
            shutil.copytree(self.data + ".away", self.data)

        self.check_lost(damage, "cast.db is another file now")

    def test_the_database_is_unlinked(self):
        self.check_lost(lambda: os.unlink(self.db), "cast.db is gone")
        self.assertFalse(os.path.exists(self.db))

    def test_the_log_is_truncated(self):
        self.check_lost(lambda: os.truncate(self.wal, 0), "cast.db-wal was cut short")

    def test_the_log_is_truncated_and_nothing_is_sent(self):
        with Broker(data=self.data) as broker, broker.peer("sender") as sender:
            self.begin(sender)
            os.truncate(self.wal, 0)
            self.lost_at_the_end(broker)

    def test_the_directory_comes_back_and_all_goes_on(self):
        with Broker(data=self.data) as broker, broker.peer("sender") as sender:
            self.begin(sender)
            os.rename(self.data, self.data + ".away")
            self.nothing_more_is_receipted(broker, sender, "cast.db is gone")
            os.rename(self.data + ".away", self.data)
            wait_for("the good news", lambda: broker.stats()["store"]["healthy"])
            wait_for("the log's line", lambda: "the store takes messages again" in broker.log())
            through = sender.through
            self.send(sender, 2101, 1)  # what was refused meanwhile is to be sent again: the broker says what it has
            while sender.through == through and sender.hear(1) is not None:
                pass
            kept = sender.through
            broker.kill()
        with Broker(data=self.data) as broker:
            self.assertGreaterEqual(broker.stats()["queued"]["messages"], max(kept, 100))

    def test_the_log_is_unlinked_and_nothing_is_lost(self):
        with Broker(data=self.data) as broker, broker.peer("sender") as sender:
            self.begin(sender)
            os.unlink(self.wal)
            self.send(sender, 101, 500)
            self.assertEqual(sender.outcome(600), {})
            broker.kill()
        with Broker(data=self.data) as broker:
            self.assertEqual(broker.stats()["queued"]["messages"], 600)


if __name__ == "__main__":
    unittest.main()
