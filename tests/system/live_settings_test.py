#!/usr/bin/env python3
"""Every setting that SIGHUP changes, made smaller and larger under load: nobody is cut, and each counts from then
on."""
import os
import re
import unittest

from rawcast import *

# Smaller and larger than the default; each so that a good client can go on.
CHANGES = {
    # fmt: off
    "log-level": ("error", "debug"), "log-format": ("json", "text"),
    "max-message": ("4KiB", "64MiB"), "max-connections": (1, 20000), "max-nodes": (1, 200000), "max-groups": (1, 20000),
    "max-memberships": (1, 2000000),
    "mailbox-messages": (100, 2000000), "mailbox-bytes": ("64KiB", "256MiB"), "when-full": ("reject", "block"),
    "group-messages": (1, 2000000), "group-bytes": ("64KiB", "256MiB"), "group-age": ("1s", "2h"),
    "reader-window": ("64KiB", "8MiB"), "sender-window": ("64KiB", "16MiB"), "memory-budget": ("64MiB", "2GiB"),
    "later-messages": (1, 200000), "later-bytes": ("64KiB", "128MiB"), "later-time": ("1s", "1000h"),
    "dead-messages": (0, 20000), "dead-bytes": (0, "32MiB"), "max-redeliveries": (1, 10),
    "history-messages": (0, 1000), "history-bytes": (0, "32MiB"), "session-time": ("5s", "1h"),
    "grace-time": ("1s", "1m"), "ping-interval": ("500ms", "4s"), "dead-after": ("5s", "1m"),
    "hold-back": ("0s", "10s"), "drain-time": ("1s", "10s"),
    # fmt: on
}


def live_settings():
    """Those that conf/cast-broker.toml does not mark (restart): each stands below its words."""
    found, words = set(), ""
    with open(os.path.join(os.environ["CAST_SOURCE_DIR"], "conf", "cast-broker.toml"), encoding="utf-8") as file:
        for line in file:
            key = re.match(r"#?([a-z-]+) *= *", line)
            if key and "(restart)" not in words:
                found.add(key[1])
            words = words + line if line.startswith("# ") else words if key else ""
    return found


class Live(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.config = os.path.join(self.folder, "config")
        self.write({})

    def write(self, settings):
        with open(self.config, "w", encoding="utf-8") as file:
            file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())

    def broker(self, **more):
        return Broker("--config", self.config, data=os.path.join(self.folder, "data"), **more)

    def change(self, broker, **settings):
        """SIGHUP with these settings and no others; it is through when the broker has answered after it."""
        before = broker.log().count("reloaded")
        self.write({key.replace("_", "-"): value for key, value in settings.items()})
        broker.process.send_signal(signal.SIGHUP)
        if settings.get("log_level") == "error":
            broker.stats()
        else:
            wait_for("the settings", lambda: broker.log().count("reloaded") > before)

    def echo(self, peer, text):
        """The peer sends itself a message, has its receipt and the message."""
        peer.number = getattr(peer, "number", 0) + 1
        peer.say(cast(batch(peer.session, peer.number, "good", "good", [text])))
        self.assertEqual(peer.outcome(peer.number), {})
        while text.encode() not in peer.got:
            self.assertIsNotNone(peer.hear(), f"{text} does not come")
        for stream, last, count, _ in delivered(peer.got):
            peer.say(ack(stream, last + count - 1))
        peer.got = b""

    def nodectl(self, broker, *words, **more):
        return subprocess.Popen([BIN + "/nodectl", "--broker", broker.url, *words], stderr=subprocess.PIPE, **more)

    def test_the_table_has_every_live_setting(self):
        self.assertEqual(live_settings(), set(CHANGES))

    def test_each_is_made_smaller_and_larger_under_load(self):
        with self.broker() as broker, broker.peer("good") as good:
            good.call({"op": "node.create", "name": "box"})
            reader = self.nodectl(broker, "recv", "box", "--raw", stdout=subprocess.DEVNULL)
            words = subprocess.Popen(["yes", "line"], stdout=subprocess.PIPE)
            sender = self.nodectl(
                broker,
                "send",
                "--from",
                "flood",
                "-l",
                "--unicast",
                "box",
                stdin=words.stdout,
                stdout=subprocess.DEVNULL,
            )
            words.stdout.close()
            try:
                wait_for("the load", lambda: broker.stats()["messages"]["total"] > 1000)
                for key, values in CHANGES.items():
                    for value in values:
                        with self.subTest(f"{key} = {value}"):
                            self.change(broker, **{key.replace("-", "_"): value})
                            self.echo(good, f"{key}-{value}")
                self.change(broker)
                read = broker.stats()["batches"]["out"]
                wait_for("more of the load", lambda: broker.stats()["batches"]["out"] > read + 10)
                for process in (reader, sender):
                    self.assertIsNone(process.poll(), "a client of the load has ended")
            finally:
                for process in (words, sender, reader):
                    process.kill()
                    process.wait()
                for process in (sender, reader):
                    process.stderr.close()

    def test_a_larger_message_passes_once_it_may_for_who_is_connected_and_who_comes(self):
        large = "x" * (20 << 20)
        with self.broker() as broker, broker.peer("good") as good:
            good.say(cast(batch(good.session, 1, "good", "good", [large])))
            self.assertEqual(good.outcome(1), {1: "too_large"})
            self.change(broker, max_message="64MiB", mailbox_bytes="200MiB", dead_after="1h")  # it answers no PINGs
            told = good.expect(43)
            self.assertEqual(struct.unpack_from("<I", told)[0], 64 << 20)
            good.call({"op": "node.create", "name": "box"})
            good.say(cast(batch(good.session, 2, "box", "good", [large])))
            self.assertEqual(good.outcome(2), {1: "too_large"})
            for size in (9 << 20, 64 << 20):
                sent = subprocess.run(
                    [BIN + "/nodectl", "--broker", broker.url, "send", "--unicast", "box", "-s"],
                    input=b"y" * size,
                    capture_output=True,
                    timeout=60 * FACTOR,
                )
                self.assertEqual(sent.returncode, 0, sent.stderr)
            self.change(broker, max_message="1MiB", dead_after="1h")
            good.say(cast(batch(good.session, 3, "box", "good", [large])))
            self.assertEqual(good.outcome(3).get(3), "too_large")
            broker.check_serves()

    def test_smaller_limits_trim_what_is_there(self):
        with self.broker() as broker, broker.peer("good") as good:
            good.call({"op": "node.create", "name": "box"})
            for number in range(1, 2001):
                good.say(cast(batch(good.session, number, "box", "good", [f"{number}"], ttl=1)))
            good.outcome(2000)
            wait_for("dead letters", lambda: broker.stats()["dead"]["messages"] == 2000)
            self.change(broker, dead_messages=10)
            wait_for("fewer", lambda: broker.stats()["dead"]["messages"] == 10)
            broker.kill()
        with self.broker() as broker:
            self.assertLessEqual(broker.stats()["dead"]["messages"], 2000)


if __name__ == "__main__":
    unittest.main()
