"""A damaged store is named and never replaced in silence; what is sound in it is served. Backup and restore."""
import os
import sqlite3
import subprocess
import threading
import unittest

from rawcast import *


def run(*flags):
    done = subprocess.run(
        [BIN + "/cast-broker", *flags], capture_output=True, text=True, timeout=60 * FACTOR, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout, done.stderr


def contents(path):
    with open(path, "rb") as file:
        return file.read()


class Store(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = os.path.join(self.folder, "data")
        self.db = os.path.join(self.data, "cast.db")

    def fill(self, *nodes, each=40):
        """Mail for these nodes, in a store that ended in order."""
        with Broker(data=self.data) as broker, broker.peer("sender") as sender:
            number = 0
            for node in nodes:
                sender.call({"op": "node.create", "name": node})
                for i in range(each):
                    number += 1
                    sender.say(
                        cast(batch(sender.session, number, node, "sender", [f"{node}-{i:03d}-" + "needle" * 400]))
                    )
                sender.outcome(number)
            sender.say(frame(BYE))

    def refused(self):
        """Why a broker does not start on the store, whose bytes stay."""
        before = contents(self.db) if os.path.exists(self.db) else None
        code, _, errors = run(
            "--data", self.data, "--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0", "--http", "off"
        )
        self.assertEqual(code, 1)
        self.assertEqual(before, contents(self.db) if os.path.exists(self.db) else None)
        return errors

    def change(self, sql, *values):
        with sqlite3.connect(self.db, timeout=10) as db:
            rows = db.execute(sql, values).fetchall()
        db.close()
        return rows

    def test_a_file_that_is_no_store_or_gone_or_cut_is_refused_in_words(self):
        self.fill("bob")
        good = contents(self.db)
        with open(self.db, "wb") as file:
            file.write(b"garbage " * 4096)
        self.assertIn(self.db, self.refused())
        self.assertIn("not a database", run("--data", self.data, "--check-data")[1])
        with open(self.db, "wb") as file:
            file.write(good[: len(good) // 2])
        self.assertIn("malformed", self.refused())
        code, out, _ = run("--data", self.data, "--check-data")
        self.assertEqual(code, 1)
        self.assertIn("malformed", out)
        open(self.db, "wb").close()
        self.assertIn("gone or empty", self.refused())
        os.remove(self.db)
        self.assertIn("gone or empty", self.refused())
        with open(self.db, "wb") as file:
            file.write(good)
        with Broker(data=self.data) as broker:
            broker.check_serves()

    def test_a_damaged_table_is_named(self):
        self.fill("bob")
        (size,) = self.change("PRAGMA page_size")[0]
        (root,) = self.change("SELECT rootpage FROM sqlite_schema WHERE name = 'streams'")[0]
        with open(self.db, "r+b") as file:
            file.seek((root - 1) * size)
            file.write(b"\xff" * size)
        self.assertRegex(self.refused(), "streams|malformed")
        code, out, _ = run("--data", self.data, "--check-data")
        self.assertEqual(code, 1)
        self.assertIn("table streams", out)

    def test_a_flipped_bit_in_a_message_is_found_and_named(self):
        self.fill("bob")
        self.assertEqual(run("--data", self.data, "--check-data")[0], 0)
        (stream,) = self.change("SELECT id FROM streams WHERE owner = 'bob'")[0]
        bytes_ = bytearray(contents(self.db))
        bytes_[bytes_.index(b"bob-020-needleneedle") + 10] ^= 1
        with open(self.db, "wb") as file:
            file.write(bytes_)
        code, out, _ = run("--data", self.data, "--check-data")
        self.assertEqual(code, 1)
        self.assertRegex(
            out,
            rf"cast.db: table chunks: stream {stream} \(mailbox of bob\), messages \d+ to \d+: is not what was written",
        )

    def test_what_the_broker_relies_on_is_checked(self):
        self.fill("bob")
        (stream,) = self.change("SELECT id FROM streams WHERE owner = 'bob'")[0]
        for sql, words in (
            (f"UPDATE streams SET floor = 1000 WHERE id = {stream}", "its floor 1000 lies beyond its end"),
            (f"INSERT INTO members VALUES('bob', {stream}, 999, 0)", "through 999, beyond its end"),
            ("INSERT INTO members VALUES('bob', 77, 1, 0)", "stream 77, which is not there"),
            (
                "INSERT INTO sessions VALUES(5, 1, x'0102', NULL)",
                "session 0000000000000005: its outcomes do not decode",
            ),
            (f"UPDATE chunks SET messages = messages + 1 WHERE stream = {stream}", "does not hold what it says"),
            (f"UPDATE chunks SET batches = x'00', sum = NULL WHERE stream = {stream}", "its batches do not decode"),
            (f"DELETE FROM chunks WHERE stream = {stream}", "of its 40 messages are missing"),
            (
                "INSERT INTO chunks(stream, first, last, messages, bytes, arrival, batches, sum) "
                "VALUES(99, 1, 2, 2, 2, 2, x'00', NULL)",
                "of a stream that is not there",
            ),
        ):
            good = contents(self.db)
            self.change(sql)
            code, out, _ = run("--data", self.data, "--check-data")
            self.assertEqual(code, 1)
            self.assertIn(words, out)
            for end in ("", "-wal", "-shm"):
                if os.path.exists(self.db + end):
                    os.remove(self.db + end)
            with open(self.db, "wb") as file:
                file.write(good)
        self.assertEqual(run("--data", self.data, "--check-data")[0], 0)

    def test_a_chunk_that_cannot_be_read_stops_its_reader_alone_and_comes_back(self):
        self.fill("bob", "carol")
        (stream,) = self.change("SELECT id FROM streams WHERE owner = 'bob'")[0]
        first, good = self.change(f"SELECT first, batches FROM chunks WHERE stream = {stream} ORDER BY first")[0]
        self.change(f"UPDATE chunks SET batches = zeroblob(1000) WHERE stream = {stream} AND first = {first}")
        with Broker(data=self.data) as broker, broker.peer() as watcher:
            watcher.say(hello(watcher.session), attach([f"$reply.{watcher.session:016x}"]))
            with broker.peer("bob") as bob, broker.peer("carol") as carol:
                wait_for("carol's mail", lambda: carol.hear(0.05) and b"carol-039-" in carol.got)
                wait_for(
                    "the second try",
                    lambda: broker.stats()["store"]["unreadable"]
                    and broker.stats()["store"]["unreadable"][0]["tries"] > 2,
                )
                (place,) = broker.stats()["store"]["unreadable"]
                self.assertEqual((place["stream"], place["node"], place["from"]), (stream, "bob", first))
                self.assertIn("are not what was written", place["reason"])
                broker.expect_log(f"stream {stream} (mailbox of bob")
                self.assertEqual(bob.got, b"")
                bob.expect_silence(1)
                self.assertLess(broker.stats()["store"]["unreadable"][0]["tries"], 8)  # ever more rarely
                self.change(f"UPDATE chunks SET batches = ? WHERE stream = {stream} AND first = {first}", good)
                wait_for("bob's mail", lambda: bob.hear(0.05) and b"bob-039-" in bob.got)
                broker.expect_log("can be read again")
                self.assertEqual(broker.log().count(f"stream {stream} (mailbox of bob, priority 4): from message"), 1)
                self.assertEqual(broker.stats()["store"]["unreadable"], [])

    def test_a_damaged_chunk_stops_its_priority_alone(self):
        self.fill("bob")
        (stream,) = self.change("SELECT id FROM streams WHERE owner = 'bob'")[0]
        first, good = self.change(f"SELECT first, batches FROM chunks WHERE stream = {stream} ORDER BY first")[0]
        self.change(f"UPDATE chunks SET batches = zeroblob(1000) WHERE stream = {stream} AND first = {first}")
        with Broker(data=self.data) as broker, broker.peer("alice") as alice, broker.peer("bob") as bob:
            alice.say(cast(batch(alice.session, 1, "bob", "alice", ["lower"], priority=0)))
            wait_for("what is less urgent", lambda: bob.hear(0.05) and b"lower" in bob.got)
            self.assertNotIn(b"bob-000-", bob.got)
            self.change(f"UPDATE chunks SET batches = ? WHERE stream = {stream} AND first = {first}", good)
            wait_for("bob's mail", lambda: bob.hear(0.05) and b"bob-039-" in bob.got)

    def test_damaged_mail_is_let_go_with_its_node(self):
        self.fill("bob")
        self.change("UPDATE chunks SET batches = zeroblob(1000)")
        with Broker(data=self.data) as broker, broker.peer("admin") as admin:
            admin.call({"op": "node.delete", "name": "bob"})
            wait_for("the end of it", lambda: "damaged and let go" in broker.log())
            wait_for("its rows", lambda: self.change("SELECT count(*) FROM chunks") == [(0,)])

    def test_what_waits_for_its_time_and_is_damaged_is_let_go_and_does_not_hold_back_what_lies_behind_it(self):
        soon = lambda n: int(time.time() * 1e6) + 2_000_000 * FACTOR + n * 1000
        with Broker(data=self.data) as broker, broker.peer("sender") as sender:
            sender.call({"op": "node.create", "name": "bob"})
            for number in range(1, 6):
                sender.say(
                    cast(
                        batch(
                            sender.session,
                            number,
                            "bob",
                            "sender",
                            [f"late-{number}"],
                            flags=8 | 32,
                            arrival=soon(number),
                        )
                    )
                )
            sender.outcome(5)
        (stream,) = self.change("SELECT id FROM streams WHERE kind = 18")[0]
        (second,) = self.change(f"SELECT first FROM chunks WHERE stream = {stream} ORDER BY first")[1]
        self.change(f"UPDATE chunks SET batches = zeroblob(50) WHERE stream = {stream} AND first = {second}")
        with Broker(data=self.data) as broker, broker.peer() as watcher:
            watcher.say(hello(watcher.session), attach([f"$reply.{watcher.session:016x}"]))
            watcher.call({"op": "group.join", "group": "$events", "nodes": [f"$reply.{watcher.session:016x}"]})
            with broker.peer("bob") as bob:
                wait_for("what lies behind it", lambda: bob.hear(0.05) and b"late-5" in bob.got)
                self.assertEqual([n for n in range(1, 6) if f"late-{n}".encode() in bob.got], [1, 3, 4, 5])
            broker.expect_log("1 of them are damaged and let go")
            self.assertEqual(broker.stats()["store"]["unreadable"], [])
            self.assertEqual(broker.stats()["later"]["messages"], 0)
            self.assertEqual(broker.stats()["later"]["bytes"], 0)
            wait_for("its row", lambda: self.change(f"SELECT count(*) FROM chunks WHERE stream = {stream}") == [(0,)])

    def test_a_backup_under_load_is_sound_and_can_be_restored(self):
        stop, receipted = threading.Event(), [0]

        def load(broker):
            with broker.peer("sender") as sender:
                number = 0
                while not stop.is_set() and number < 100000:
                    for _ in range(20):
                        number += 1
                        sender.say(cast(batch(sender.session, number, "box", "sender", [f"<{number}>" + "x" * 500])))
                    sender.outcome(number)
                    receipted[0] = number

        with Broker(data=self.data) as broker:
            with broker.peer("admin") as admin:
                admin.call({"op": "node.create", "name": "box"})
                admin.call({"op": "group.join", "group": "team", "nodes": ["box"]})
            thread = threading.Thread(target=load, args=(broker,))
            thread.start()
            try:
                for i in range(4):
                    wait_for("more load", lambda: receipted[0] >= 100 * (i + 1))
                    before = receipted[0]
                    file = os.path.join(self.folder, f"backup{i}")
                    code, out, errors = run("--data", self.data, "--backup", file)
                    self.assertEqual(code, 0, errors)
                    code, out, _ = run("--data", self.data, "--check-data")
                    self.assertEqual(code, 0, out)
            finally:
                stop.set()
                thread.join()
            self.assertEqual(run("--data", self.data, "--backup", file)[0], 1)  # it is there already
        copy = os.path.join(self.folder, "copy")
        code, out, errors = run("--restore", file, "--data", copy)
        self.assertEqual(code, 0, errors)
        code, _, errors = run("--restore", file, "--data", copy)
        self.assertEqual(code, 1)
        self.assertIn("is not empty", errors)
        self.assertEqual(run("--data", copy, "--check-data")[0], 0)
        with sqlite3.connect(os.path.join(copy, "cast.db")) as db:
            # It knows nobody's past any more.
            self.assertEqual(db.execute("SELECT count(*) FROM sessions").fetchone(), (0,))
            # Nor what readers had.
            self.assertEqual(db.execute("SELECT value FROM meta WHERE name = 'running'").fetchone(), (1,))
        db.close()
        with Broker(data=copy) as broker, broker.peer() as admin:
            got = subprocess.run(
                [BIN + "/nodectl", "--broker", broker.url, "recv", "box", "-W", f"{FACTOR}s", "--format", "%p\n"],
                capture_output=True,
                text=True,
                timeout=60 * FACTOR,
            ).stdout
            numbers = [int(line[1 : line.index(">")]) for line in got.splitlines()]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
            self.assertGreaterEqual(len(numbers), before)  # what was receipted before the backup began
            admin.say(hello(admin.session))
            self.assertEqual(admin.call({"op": "group.show", "name": "team"})["members"], ["box"])
        ids = [
            sqlite3.connect(path).execute("SELECT value FROM meta WHERE name = 'store_id'").fetchone()
            for path in (self.db, os.path.join(copy, "cast.db"))
        ]
        self.assertNotEqual(*ids)

    def test_a_damaged_store_is_not_backed_up_and_a_damaged_backup_not_restored(self):
        self.fill("bob")
        file = os.path.join(self.folder, "backup")
        self.assertEqual(run("--data", self.data, "--backup", file)[0], 0)
        self.change("UPDATE chunks SET batches = zeroblob(1000)")
        code, _, errors = run("--data", self.data, "--backup", file + "2")
        self.assertEqual(code, 1)
        self.assertIn("is not what was written", errors)
        self.assertEqual(sorted(os.listdir(self.folder)), ["backup", "data"])
        with open(file, "r+b") as damaged:
            damaged.write(b"garbage " * 100)
        copy = os.path.join(self.folder, "copy")
        self.assertEqual(run("--restore", file, "--data", copy)[0], 1)
        self.assertFalse(os.path.exists(copy))
        self.assertEqual(run("--backup", file, "--check-data")[0], 2)


if __name__ == "__main__":
    unittest.main()
