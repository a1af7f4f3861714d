"""The log: nobody waits for who reads it, what nobody read is counted and told, clients cannot fill or forge it."""
import os
import re
import signal
import time
import unittest

from rawcast import *

FULL = 2048  # lines that the broker holds for a reader


class UnreadLog(Broker):
    """A broker whose log goes into a pipe that is full; `read` empties it."""

    def __init__(self, *flags, **settings):
        self.pipe, self.into = os.pipe()
        os.set_blocking(self.into, False)
        try:
            while True:
                os.write(self.into, b"." * 4096)
        except BlockingIOError:
            os.set_blocking(self.into, True)
        super().__init__(*flags, log=self.into, **settings)
        os.close(self.into)

    def read(self, until, seconds=20):
        """What the log says, up to and with this text."""
        said, end = b"", time.monotonic() + seconds * FACTOR
        os.set_blocking(self.pipe, False)
        while until not in said:
            assert time.monotonic() < end, f"not in the log: {until}; it ends with {said[-500:]}"
            try:
                piece = os.read(self.pipe, 1 << 16)
                assert piece, f"the log ended without {until}: {said[-500:]}"
                said += piece
            except BlockingIOError:
                time.sleep(0.005)
        return said.lstrip(b".").decode()


class Log(unittest.TestCase):
    def folder(self):
        path = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, path, True)
        return path

    def test_a_log_that_nobody_reads_stops_neither_the_broker_nor_its_end(self):
        with UnreadLog(data=self.folder() + "/data") as broker:
            broker.check_serves()
            broker.process.send_signal(signal.SIGHUP)
            broker.check_serves()
            begin = time.monotonic()
            self.assertEqual(broker.stop(), 0)
            self.assertLess(time.monotonic() - begin, 15 * FACTOR)  # the log gets one second of it
            os.close(broker.pipe)

    def test_what_nobody_read_is_counted_in_the_statistics_and_told_in_the_log(self):
        config = self.folder() + "/broker.toml"
        open(config, "w").close()
        with UnreadLog("--config", config) as broker:
            with open(config, "w") as file:
                file.writelines(f"nonsense{i} = 1\n" for i in range(500))
            for _ in range(6):  # 3,000 lines
                broker.process.send_signal(signal.SIGHUP)
                broker.check_serves()
            wait_for("lines that are dropped", lambda: broker.stats()["log"]["dropped"] > 0)
            with open(config, "w") as file:
                file.write('log-level = "info"\n')
            broker.process.send_signal(signal.SIGHUP)
            dropped = broker.stats()["log"]["dropped"]
            text = broker.read(b" reloaded\n")
            told = re.search(r"warning (\d+) lines of the log were dropped", text)
            self.assertIsNotNone(told, text[:500])
            self.assertEqual(int(told[1]), broker.stats()["log"]["dropped"])
            self.assertGreaterEqual(int(told[1]), dropped)
            self.assertLessEqual(text.count("\n"), FULL + 5)
            os.close(broker.pipe)

    def test_lines_that_a_client_causes_are_limited_and_the_others_counted(self):
        with Broker() as broker, broker.peer("sender") as sender:
            sender.call({"op": "node.create", "name": "gone"})
            begin = time.monotonic()
            for number in range(1, 401):  # what waits for its time (three seconds) finds nobody then
                sender.say(
                    cast(batch(sender.session, number, "gone", "sender", ["x"], flags=32 | 8, arrival=3_000_000))
                )
            self.assertEqual(sender.outcome(400), {})
            self.assertEqual(sender.call({"op": "node.delete", "name": "gone"}), {})
            wait_for("all of them to have found nobody", lambda: broker.stats()["later"]["messages"] == 0)
            self.assertGreater(broker.stats()["log"]["left_out"], 0)
            broker.expect_log("found nobody")
            lines = broker.log().count("found nobody")
            self.assertLessEqual(lines, 50 + 5 * (time.monotonic() - begin + 1))
            broker.process.send_signal(signal.SIGHUP)
            wait_for("the summary", lambda: "lines about what clients did were left out" in broker.log())

    def test_a_client_cannot_forge_lines_of_the_log(self):
        log = self.log_of_a_forger("text")
        line = next(line for line in log.split("\n") if "given up" in line)
        self.assertIn("x)\\n2026-01-01", line)
        self.assertIn("\\x1b[31m", line)
        self.assertIn("\\u202e", line)
        self.assertNotIn("\x1b", log)

    def test_nor_those_of_a_log_for_machines(self):
        log = self.log_of_a_forger("json")
        self.assertTrue(log.isascii())
        said = [json.loads(line)["text"] for line in log.splitlines()]
        self.assertIn(
            "x)\n2026-01-01 00:00:00.000 error \x1b[31mthe store fails\u202e",
            next(text for text in said if "given up" in text),
        )

    def log_of_a_forger(self, form):
        """The log, in this format, once it names a client that calls itself more lines of it."""
        agent = "x)\n2026-01-01 00:00:00.000 error \x1b[31mthe store fails\u202e"
        with Broker("--log-format", form) as broker, Peer(broker) as peer:
            peer.say(hello(peer.session, agent=agent))
            peer.expect(WELCOME)
            for node in range(200):
                peer.say(control({"op": "node.create", "name": f"n{node}"}))
            asked = 0  # and what it is answered it never reads
            while "given up" not in broker.log() and asked < 20000:
                try:
                    peer.socket.send(control({"op": "stats"}), zmq.DONTWAIT)
                except zmq.Again:
                    time.sleep(0.001)
                asked += 1
            wait_for("the client to be given up", lambda: "given up" in broker.log())
            peer.socket.close(0)
            broker.stop()
            return broker.log()


if __name__ == "__main__":
    unittest.main()
