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
        out = subprocess.run([BIN + "/nodectl", "--broker", broker.url, "recv", "box", "-W", f"{FACTOR}s", "--format", "%p\n"],
                             capture_output=True, text=True, timeout=60 * FACTOR).stdout
        return [int(n) for n in re.findall(r"^(\d+) x", out, re.MULTILINE)]

    def test_a_full_disk_stops_receipts_and_nothing_else_until_there_is_room(self):
        self.mount(20 << 20)
        data, filler = os.path.join(self.folder, "data"), os.path.join(self.folder, "filler")
        with open(filler, "wb") as file:
            file.write(b"\0" * (8 << 20))
        with Broker("--dead-after", "10m", data=data, http="127.0.0.1:0") as broker, broker.peer("sender") as sender, broker.peer("live") as live:
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
            self.assertIn("the store fails, new messages are refused", broker.log())
            refused = curl(broker.http + "/api/nodes", method="POST", body={"node_id": "late"})
            self.assertEqual((refused.status, refused.json["code"]), (503, "store_failed"), refused)
            sent = curl(broker.http + "/api/send", method="POST", body={"cast_type": "unicast", "recipients": ["box"], "content": "z"})
            self.assertEqual((sent.status, sent.json["success"], sent.json["code"]), (200, False, "store_failed"), sent)
            self.assertEqual(self.recv(broker)[:receipted], list(range(1, receipted + 1)))  # what is there is delivered
            done = subprocess.run([BIN + "/nodectl", "--broker", broker.url, "send", "--unicast", "box", "--timeout", f"{500 * FACTOR}ms", "late"],
                                  capture_output=True, text=True, timeout=60 * FACTOR)
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
            subprocess.run([BIN + "/nodectl", "--broker", broker.url, "purge", "box"], check=True, stdout=subprocess.DEVNULL)
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


if __name__ == "__main__":
    probe = tempfile.mkdtemp(prefix="cast-test-")
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "cast-test", probe], capture_output=True).returncode == 0
    if mounted:
        subprocess.run(["umount", "-l", probe], check=True)
    os.rmdir(probe)
    if not mounted:
        print("skipped: a small tmpfs cannot be mounted here (root, and mounts allowed, are needed)")
        sys.exit(77)
    unittest.main()
