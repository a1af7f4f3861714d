"""Upgrade: a store of every earlier version of the tables is brought up to date, with all that was receipted in it;
before that it can be looked at, backed up and restored. The tables here are as those versions made them, and never
change."""
import os
import sqlite3
import subprocess
import unittest

from rawcast import *

VERSION_1 = """
    CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE nodes(name TEXT PRIMARY KEY, created INTEGER, port INTEGER, holder INTEGER) WITHOUT ROWID;
    CREATE TABLE streams(id INTEGER PRIMARY KEY, kind INTEGER, created INTEGER, owner TEXT, last INTEGER, floor INTEGER,
        high INTEGER, passed INTEGER, messages INTEGER, bytes INTEGER, chunk_first INTEGER, chunk_bytes INTEGER, \
gone BLOB);
    CREATE TABLE members(node TEXT, stream INTEGER, cursor INTEGER, high INTEGER, \
PRIMARY KEY(stream, node)) WITHOUT ROWID;
    CREATE INDEX members_node ON members(node);
    CREATE TABLE sessions(id INTEGER PRIMARY KEY, through INTEGER, outcomes BLOB);
    CREATE TABLE chunks(stream INTEGER, first INTEGER, last INTEGER, messages INTEGER, bytes INTEGER, arrival INTEGER,
        batches BLOB, PRIMARY KEY(stream, first)) WITHOUT ROWID;"""
VERSION_2 = VERSION_1 + "ALTER TABLE chunks ADD COLUMN sum INTEGER;"
VERSION_3 = VERSION_2 + "ALTER TABLE streams ADD COLUMN goings INTEGER NOT NULL DEFAULT 0;"
VERSION_4 = (
    VERSION_3
    + """ALTER TABLE chunks ADD COLUMN expires INTEGER;
    CREATE INDEX chunks_expires ON chunks(expires, last) WHERE expires IS NOT NULL;"""
)
VERSION_5 = VERSION_4 + "ALTER TABLE streams ADD COLUMN began INTEGER NOT NULL DEFAULT 0;"
VERSIONS = {1: VERSION_1, 2: VERSION_2, 3: VERSION_3, 4: VERSION_4, 5: VERSION_5}
MAIL = [f"{i:03d}" for i in range(60)]


class Upgrade(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = os.path.join(self.folder, "data")
        self.db = os.path.join(self.data, "cast.db")

    def nodectl(self, broker, *words, text=None):
        done = subprocess.run(
            [os.path.join(BIN, "nodectl"), "--broker", broker.url, *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=60 * FACTOR,
        )
        self.assertEqual(done.returncode, 0, f"nodectl {words}: {done.stderr}")
        return done.stdout.splitlines()

    def fill(self):
        """Mail, mail of a group, and some of it that was read: left by a broker that ended in order, which knows the
        latter."""
        with Broker(data=self.data) as broker:
            self.nodectl(broker, "node", "create", "bob", "carol")
            self.nodectl(broker, "group", "join", "team", "bob", "carol")
            lines = "".join(line + "\n" for line in MAIL)
            self.nodectl(broker, "send", "-l", "--unicast", "bob", text=lines)
            self.nodectl(broker, "send", "-l", "--multicast", "team", text=lines)
            self.assertEqual(self.nodectl(broker, "recv", "carol", "--raw", "-n", "20"), MAIL[:20])

    def rows(self, sql):
        db = sqlite3.connect(self.db)
        rows = db.execute(sql).fetchall()
        db.commit()
        db.close()
        return rows

    def turn_into(self, version):
        """The same rows in tables of an earlier version."""
        newer = self.db + ".newer"
        db = sqlite3.connect(self.db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
        db.close()
        os.rename(self.db, newer)
        db = sqlite3.connect(self.db)
        db.executescript(VERSIONS[version])
        db.execute("ATTACH ? AS newer", (newer,))
        for (table,) in db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} SELECT {columns} FROM newer.{table}")
        db.commit()
        db.execute("DETACH newer")
        db.execute("PRAGMA application_id = 0x63617374")
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("PRAGMA journal_mode = WAL")
        db.close()
        os.remove(newer)

    def task(self, *flags):
        done = subprocess.run(
            [os.path.join(BIN, "cast-broker"), *flags], capture_output=True, text=True, timeout=60 * FACTOR
        )
        return done.returncode, done.stdout + done.stderr

    def store(self):
        """Its bytes. What SQLite needs to share a file among programs comes and goes beside it, and is empty."""
        for name in os.listdir(self.data):
            self.assertIn(name, ("cast.db", "cast.db-shm", "cast.db-wal", "lock", "reserve"))
        self.assertFalse(os.path.exists(self.db + "-wal") and os.path.getsize(self.db + "-wal"))
        with open(self.db, "rb") as file:
            return file.read()

    def all_mail(self, data):
        with Broker(data=data) as broker:
            self.assertEqual(sorted(self.nodectl(broker, "recv", "bob", "--raw", "-n", "120")), sorted(MAIL + MAIL))
            self.assertEqual(self.nodectl(broker, "recv", "carol", "--raw", "-n", "40"), MAIL[20:])

    def check_before(self, version):
        """What an operator does before the upgrade."""
        self.fill()
        good = self.task("--data", self.data, "--check-data")
        self.assertEqual(good[0], 0, good[1])
        self.turn_into(version)
        before = self.store()
        self.assertEqual(self.task("--data", self.data, "--check-data"), good)
        self.assertEqual(before, self.store())
        backup, copy = os.path.join(self.folder, "backup"), os.path.join(self.folder, "copy")
        code, text = self.task("--data", self.data, "--backup", backup)
        self.assertEqual(code, 0, text)
        self.assertEqual(before, self.store())
        with open(backup, "rb") as file:
            saved = file.read()
        code, text = self.task("--restore", backup, "--data", copy)
        self.assertEqual(code, 0, text)
        with open(backup, "rb") as file:
            self.assertEqual(saved, file.read())
        with sqlite3.connect(backup) as db:  # the program that wrote the store can go back to it, too
            self.assertEqual(db.execute("PRAGMA user_version").fetchone(), (version,))
        db.close()
        self.all_mail(copy)
        plain = os.path.join(self.folder, "plain")  # a backup by cp
        code, text = self.task("--restore", self.db, "--data", plain)
        self.assertEqual(code, 0, text)
        self.assertEqual(before, self.store())
        self.all_mail(plain)
        self.all_mail(self.data)

    def check(self, version):
        self.fill()
        tables = self.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        columns = [self.rows(f"SELECT name FROM pragma_table_info('{name}')") for name, _ in tables]
        indexes = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        wanted = self.rows(indexes)
        newest = self.rows("PRAGMA user_version")
        self.turn_into(version)
        with Broker(data=self.data) as broker:
            self.assertEqual(sorted(self.nodectl(broker, "recv", "bob", "--raw", "-n", "120")), sorted(MAIL + MAIL))
            self.assertEqual(self.nodectl(broker, "recv", "carol", "--raw", "-n", "40"), MAIL[20:])
            self.nodectl(broker, "send", "--unicast", "bob", "after")
            broker.kill()
        self.assertEqual(self.rows("PRAGMA user_version"), newest)
        self.assertEqual([self.rows(f"SELECT name FROM pragma_table_info('{name}')") for name, _ in tables], columns)
        self.assertEqual(self.rows(indexes), wanted)
        checked = subprocess.run(
            [os.path.join(BIN, "cast-broker"), "--data", self.data, "--check-data"], capture_output=True, text=True
        )
        self.assertEqual(checked.returncode, 0, checked.stdout)
        with Broker(data=self.data) as broker:
            self.assertEqual(self.nodectl(broker, "recv", "bob", "--raw", "-n", "1"), ["after"])

    def test_of_version_1(self):
        self.check(1)

    def test_of_version_2(self):
        self.check(2)

    def test_of_version_3(self):
        self.check(3)

    def test_of_version_4(self):
        self.check(4)

    def test_of_version_5(self):
        self.check(5)

    def test_version_5_is_looked_at_backed_up_and_restored_as_it_is(self):
        self.check_before(5)

    def test_version_4_is_looked_at_backed_up_and_restored_as_it_is(self):
        self.check_before(4)

    def test_version_3_is_looked_at_backed_up_and_restored_as_it_is(self):
        self.check_before(3)

    def test_version_1_is_looked_at_backed_up_and_restored_as_it_is(self):
        self.check_before(1)

    def test_version_2_is_looked_at_backed_up_and_restored_as_it_is(self):
        self.check_before(2)

    def test_an_older_store_that_is_damaged_is_still_found_out(self):
        self.fill()
        self.turn_into(2)
        self.rows("UPDATE chunks SET batches = zeroblob(1000)")
        code, text = self.task("--data", self.data, "--check-data")
        self.assertEqual(code, 1)
        self.assertIn("is not what was written", text)

    def test_a_newer_version_is_refused_in_words_and_not_called_damaged(self):
        self.fill()
        backup, copy = os.path.join(self.folder, "backup"), os.path.join(self.folder, "copy")
        self.assertEqual(self.task("--data", self.data, "--backup", backup)[0], 0)
        for path in (self.db, backup):
            db = sqlite3.connect(path)
            db.execute("PRAGMA user_version = 1000")
            db.close()
        for flags, path in (
            (("--data", self.data, "--check-data"), self.db),
            (("--data", self.data, "--backup", backup + "2"), self.db),
            (("--restore", backup, "--data", copy), backup),
        ):
            code, text = self.task(*flags)
            self.assertEqual(code, 1)
            self.assertIn(f"cast-broker: {path} was written by a newer cast-broker (its tables have version 1000", text)
            self.assertNotIn("fault", text)
        self.assertEqual(sorted(os.listdir(self.folder)), ["backup", "data"])


if __name__ == "__main__":
    unittest.main()
