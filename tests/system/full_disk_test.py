"""A broker on a disk that fills up: a small tmpfs of its own. Skipped (77) where it cannot be mounted."""
import os
import re
import subprocess
import sys
import unittest

from rawcast import *
from web import curl

SIZE = 20 << 20


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "cast-test", self.folder], check=True)
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
            done = subprocess.run([BIN + "/nodectl", "--broker", broker.url, "send", "--unicast", "box", "--timeout", "500ms", "late"],
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
