"""Upgrade: a store of every earlier version of the tables is brought up to date, with all that was receipted in it. The
tables here are as those versions made them, and never change."""
import os
import sqlite3
import subprocess
import unittest

from rawcast import *

VERSION_1 = """
    CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE nodes(name TEXT PRIMARY KEY, created INTEGER, port INTEGER, holder INTEGER) WITHOUT ROWID;
    CREATE TABLE streams(id INTEGER PRIMARY KEY, kind INTEGER, created INTEGER, owner TEXT, last INTEGER, floor INTEGER,
        high INTEGER, passed INTEGER, messages INTEGER, bytes INTEGER, chunk_first INTEGER, chunk_bytes INTEGER, gone BLOB);
    CREATE TABLE members(node TEXT, stream INTEGER, cursor INTEGER, high INTEGER, PRIMARY KEY(stream, node)) WITHOUT ROWID;
    CREATE INDEX members_node ON members(node);
    CREATE TABLE sessions(id INTEGER PRIMARY KEY, through INTEGER, outcomes BLOB);
    CREATE TABLE chunks(stream INTEGER, first INTEGER, last INTEGER, messages INTEGER, bytes INTEGER, arrival INTEGER,
        batches BLOB, PRIMARY KEY(stream, first)) WITHOUT ROWID;"""
VERSIONS = {1: VERSION_1, 2: VERSION_1 + "ALTER TABLE chunks ADD COLUMN sum INTEGER;"}
MAIL = [f"{i:03d}" for i in range(60)]


class Upgrade(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = os.path.join(self.folder, "data")
        self.db = os.path.join(self.data, "cast.db")

    def nodectl(self, broker, *words, text=None):
        done = subprocess.run([os.path.join(BIN, "nodectl"), "--broker", broker.url, *words], input=text, capture_output=True, text=True,
                              timeout=60 * FACTOR)
        self.assertEqual(done.returncode, 0, f"nodectl {words}: {done.stderr}")
        return done.stdout.splitlines()

    def fill(self):
        """Mail, mail of a group, and some of it that was read: left by a broker that ended in order, which knows the latter."""
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
        for table, in db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} SELECT {columns} FROM newer.{table}")
        db.commit()
        db.execute("DETACH newer")
        db.execute("PRAGMA application_id = 0x63617374")
        db.execute(f"PRAGMA user_version = {version}")
        db.close()
        os.remove(newer)

    def check(self, version):
        self.fill()
        tables = self.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        columns = [self.rows(f"SELECT name FROM pragma_table_info('{name}')") for name, _ in tables]
        newest = self.rows("PRAGMA user_version")
        self.turn_into(version)
        with Broker(data=self.data) as broker:
            self.assertEqual(sorted(self.nodectl(broker, "recv", "bob", "--raw", "-n", "120")), sorted(MAIL + MAIL))
            self.assertEqual(self.nodectl(broker, "recv", "carol", "--raw", "-n", "40"), MAIL[20:])
            self.nodectl(broker, "send", "--unicast", "bob", "after")
            broker.kill()
        self.assertEqual(self.rows("PRAGMA user_version"), newest)
        self.assertEqual([self.rows(f"SELECT name FROM pragma_table_info('{name}')") for name, _ in tables], columns)
        checked = subprocess.run([os.path.join(BIN, "cast-broker"), "--data", self.data, "--check-data"], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout)
        with Broker(data=self.data) as broker:
            self.assertEqual(self.nodectl(broker, "recv", "bob", "--raw", "-n", "1"), ["after"])

    def test_of_version_1(self):
        self.check(1)

    def test_of_version_2(self):
        self.check(2)


if __name__ == "__main__":
    unittest.main()
