"""A broker on a disk that fills up: a small tmpfs of its own. Skipped (77) where it cannot be mounted."""
import errno
import os
import re
import subprocess
import sys
import unittest

from rawcast import *
from web import curl


class FullDisk(unittest.TestCase):
    def mount(self, size):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "cast-test", self.folder], check=True)
        self.addCleanup(self.clean)

    def clean(self):
        subprocess.run(["umount", "-l", self.folder], check=True)
        os.rmdir(self.folder)

    def recv(self, broker):
        """The numbers that box is handed, in order."""
        out = subprocess.run(
            [BIN + "/nodectl", "--broker", broker.url, "recv", "box", "-W", f"{FACTOR}s", "--format", "%p\n"],
            capture_output=True,
            text=True,
            timeout=60 * FACTOR,
        ).stdout
        return [int(n) for n in re.findall(r"^(\d+) x", out, re.MULTILINE)]

    def test_a_full_disk_stops_receipts_and_nothing_else_until_there_is_room(self):
        self.mount(20 << 20)
        data, filler = os.path.join(self.folder, "data"), os.path.join(self.folder, "filler")
        with open(filler, "wb") as file:
            file.write(b"\0" * (8 << 20))
        with Broker("--dead-after", "10m", data=data, http="127.0.0.1:0") as broker, broker.peer(
            "sender"
        ) as sender, broker.peer("live") as live:
            sender.call({"op": "node.create", "name": "box"})
            number, healthy = 0, True
            send = lambda target, text: sender.say(cast(batch(sender.session, number, target, "sender", [text])))
            while healthy:
                number += 1
                send("box", f"{number} x" + "x" * 10000)
                while sender.through < number and sender.hear(0.3) is not None:
                    pass
                healthy = broker.stats()["store"]["healthy"]
                self.assertLess(number, 1000)
            receipted = sender.through
            self.assertGreater(receipted, 50)
            store = broker.stats()["store"]
            self.assertIn("full", store["trouble"])
            broker.expect_log("the store fails, new messages are refused")
            refused = curl(broker.http + "/api/nodes", method="POST", body={"node_id": "late"})
            self.assertEqual((refused.status, refused.json["code"]), (503, "store_failed"), refused)
            sent = curl(
                broker.http + "/api/send",
                method="POST",
                body={"cast_type": "unicast", "recipients": ["box"], "content": "z"},
            )
            self.assertEqual((sent.status, sent.json["success"], sent.json["code"]), (200, False, "store_failed"), sent)
            self.assertEqual(self.recv(broker)[:receipted], list(range(1, receipted + 1)))  # what is there is delivered
            done = subprocess.run(
                [
                    BIN + "/nodectl",
                    "--broker",
                    broker.url,
                    "send",
                    "--unicast",
                    "box",
                    "--timeout",
                    f"{500 * FACTOR}ms",
                    "late",
                ],
                capture_output=True,
                text=True,
                timeout=60 * FACTOR,
            )
            self.assertEqual(done.returncode, 6)  # not timed_out (7): it is told what it waits for
            self.assertIn("store_failed", done.stderr)
            self.assertIn("cannot store at the moment", done.stderr)
            os.remove(filler)
            wait_for("the store", lambda: broker.stats()["store"]["healthy"])
            wait_for("the good news", lambda: "the store takes messages again" in broker.log())
            sender.outcome(number)
            number += 1
            send("live", "y")
            sender.outcome(number)
            last = number
            for number in range(last + 1, last + 21):
                sender.say(cast(batch(sender.session, number, "box", "sender", [f"{number} x"], flags=8 | 2)))
            sender.outcome(number)
            broker.kill()
        with Broker(data=data) as broker:
            self.assertEqual(self.recv(broker)[-20:], list(range(last + 1, last + 21)))
        done = subprocess.run([BIN + "/cast-broker", "--data", data, "--check-data"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def fill(self):
        """A file that takes all that is left."""
        with open(os.path.join(self.folder, "filler"), "wb", buffering=0) as file, self.assertRaises(OSError) as full:
            for piece in (1 << 20, 4096):
                while True:
                    try:
                        file.write(b"\0" * piece)
                    except OSError:
                        if piece == 4096:
                            raise
                        break
        self.assertEqual(full.exception.errno, errno.ENOSPC)

    def test_the_room_in_the_log_is_used_before_anybody_is_asked_for_room(self):
        self.mount(64 << 20)
        data, text = os.path.join(self.folder, "data"), "x" * 100000
        with Broker(data=data) as broker, broker.peer("sender") as sender:  # a file with much free room in it
            sender.call({"op": "node.create", "name": "box"})
            for number in range(1, 161):
                sender.say(cast(batch(sender.session, number, "box", "sender", [text])))
                sender.outcome(number)
            subprocess.run(
                [BIN + "/nodectl", "--broker", broker.url, "purge", "box"], check=True, stdout=subprocess.DEVNULL
            )
        self.assertGreater(os.path.getsize(os.path.join(data, "cast.db")), 14 << 20)
        with Broker(data=data) as broker, broker.peer("sender") as sender:
            self.fill()
            for number in range(1, 121):  # more than the log has room for as it is
                sender.say(cast(batch(sender.session, number, "box", "sender", [text])))
                sender.outcome(number)
            store = broker.stats()["store"]
            self.assertGreater(store["failures"], 0)  # it came to that
            self.assertTrue(store["healthy"], store)
            self.assertEqual(store["trouble"], "")

    def fill_by_sending(self, broker, sender):
        """Sends to the box until the store takes nothing more; how much it has receipted."""
        number = 0
        while broker.stats()["store"]["healthy"]:
            number += 1
            sender.say(cast(batch(sender.session, number, "box", "sender", [f"{number} x" + "x" * 10000])))
            while sender.through < number and sender.hear(0.3) is not None:
                pass
            self.assertLess(number, 5000)
        return sender.through

    def killed_on_a_full_disk(self, data):
        """How many messages wait for box; nothing is free then, and each start finds it so."""
        with Broker("--dead-after", "10m", data=data) as broker, broker.peer("sender") as sender:
            for name in ("box", "empty"):
                sender.call({"op": "node.create", "name": name})
            receipted = self.fill_by_sending(broker, sender)
            self.fill()
            broker.kill()
        return receipted

    def starts_unhealthy(self, broker, admin):
        store = broker.stats()["store"]
        self.assertFalse(store["healthy"])
        self.assertIn("the disk is full", store["trouble"])
        wait_for(
            "the log's line", lambda: "the store fails, new messages are refused: the disk is full" in broker.log()
        )
        self.assertEqual(admin.call({"op": "node.create", "name": "late"})[0], "store_failed")
        admin.say(cast(batch(admin.session, 1, "box", "admin", ["y"])))
        self.assertEqual(CODES[struct.unpack_from("<H", admin.expect(ERROR))[0]], "store_failed")

    def taken(self, admin):
        """The one that was refused is sent again."""
        admin.say(cast(batch(admin.session, 2, "box", "admin", ["y"], flags=8 | 2)))
        self.assertEqual(admin.outcome(2), {1: "store_failed"})

    def test_a_broker_that_was_killed_on_a_full_disk_starts_is_read_and_lets_go_until_there_is_room(self):
        self.mount(44 << 20)
        data = os.path.join(self.folder, "data")
        receipted = self.killed_on_a_full_disk(data)
        with Broker("--dead-after", "10m", data=data) as broker, broker.peer("admin") as admin:
            self.starts_unhealthy(broker, admin)
            self.assertEqual(admin.call({"op": "node.delete", "name": "empty"}), {})
            seen = admin.call({"op": "peek", "node": "box", "count": 3})
            self.assertEqual([message["payload"].split()[0] for message in seen["messages"]], ["1", "2", "3"])
            self.assertFalse(broker.stats()["store"]["healthy"])
            broker.kill()
        with Broker("--dead-after", "10m", data=data) as broker, broker.peer(
            "admin"
        ) as admin:  # without the reserve, which the other had
            self.starts_unhealthy(broker, admin)
            self.assertEqual(admin.call({"op": "node.show", "name": "empty"})[0], "no_such_node")  # that was kept
            purged = admin.call({"op": "purge", "node": "box"})["purged"]
            self.assertGreaterEqual(purged, receipted)
            wait_for("room", lambda: broker.stats()["store"]["healthy"])
            self.taken(admin)
            broker.kill()
        with Broker("--dead-after", "10m", data=data) as broker, broker.peer("admin") as admin:
            self.assertEqual(broker.stats()["queued"]["messages"], 1)

    def test_a_broker_that_ended_in_order_starts_on_a_full_disk_too(self):
        self.mount(44 << 20)
        data = os.path.join(self.folder, "data")
        with Broker("--dead-after", "10m", data=data) as broker, broker.peer("sender") as sender:
            sender.call({"op": "node.create", "name": "box"})
            sender.say(cast(batch(sender.session, 1, "box", "sender", ["1 x"])))
            self.assertEqual(sender.outcome(1), {})
        self.fill()
        with Broker("--dead-after", "10m", data=data) as broker, broker.peer("admin") as admin:
            self.starts_unhealthy(broker, admin)
            self.assertEqual(self.recv(broker), [1])
            subprocess.run(["mount", "-o", "remount,size=80m", self.folder], check=True)
            wait_for("room", lambda: broker.stats()["store"]["healthy"])
            self.taken(admin)

    def test_it_starts_with_a_log_that_is_larger_than_the_reserve(self):
        self.mount(120 << 20)
        data, text = os.path.join(self.folder, "data"), "x" * 500000
        with Broker("--mailbox-bytes", "1GiB", "--dead-after", "10m", data=data) as broker, broker.peer(
            "sender"
        ) as sender:
            for name in ("box", "empty"):
                sender.call({"op": "node.create", "name": name})
            number = 0
            while (
                os.path.getsize(os.path.join(data, "cast.db-wal")) < 24 << 20
            ):  # one after the other under way: a flood
                for number in range(number + 1, number + 9):
                    sender.say(cast(batch(sender.session, number, "box", "sender", [text])))
                sender.outcome(number)
            self.fill()
            broker.kill()
        with Broker("--dead-after", "10m", data=data) as broker, broker.peer("admin") as admin:
            self.starts_unhealthy(broker, admin)
            for _ in range(100):  # none of these takes what the next one needs
                self.assertEqual(admin.call({"op": "purge", "node": "empty"}), {"purged": 0})
            self.assertEqual(admin.call({"op": "node.delete", "name": "empty"}), {})
            self.assertEqual(admin.call({"op": "purge", "node": "box"})["purged"], number)
            subprocess.run(["mount", "-o", "remount,size=200m", self.folder], check=True)
            wait_for("room", lambda: broker.stats()["store"]["healthy"])
            self.taken(admin)

    def test_it_takes_messages_again_when_others_make_room(self):
        self.mount(44 << 20)
        data = os.path.join(self.folder, "data")
        receipted = self.killed_on_a_full_disk(data)
        with Broker("--dead-after", "10m", data=data) as broker, broker.peer(
            "admin"
        ) as admin:  # who answers no PINGs meanwhile
            self.starts_unhealthy(broker, admin)
            self.assertEqual(self.recv(broker)[:10], list(range(1, 11)))
            subprocess.run(["mount", "-o", "remount,size=80m", self.folder], check=True)
            wait_for("room", lambda: broker.stats()["store"]["healthy"])
            self.taken(admin)
        self.assertGreater(receipted, 100)


if __name__ == "__main__":
    probe = tempfile.mkdtemp(prefix="cast-test-")
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "cast-test", probe], capture_output=True
        ).returncode
        == 0
    )
    if mounted:
        subprocess.run(["umount", "-l", probe], check=True)
    os.rmdir(probe)
    if not mounted:
        print("skipped: a small tmpfs cannot be mounted here (root, and mounts allowed, are needed)")
        sys.exit(77)
    unittest.main()
