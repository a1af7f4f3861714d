"""Few descriptors: the start refuses what cannot work, connections end below the limit, and nothing aborts or burns."""
import json
import os
import resource
import signal
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from rawcast import *

LIMIT = 128


def start_with(limit, *flags):
    """(code, errors) of a start that is expected to end by itself."""
    command = [
        BIN + "/cast-broker",
        "--bind",
        "tcp://127.0.0.1:0",
        "--publish",
        "tcp://127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        *flags,
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60 * FACTOR,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )
    return done.returncode, done.stderr


class Descriptors(unittest.TestCase):
    def folder(self):
        path = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, path, True)
        return path

    def crowd(self, broker, count, to=None):
        """Connections that say nothing, as many as are taken."""
        crowd = []
        for _ in range(count):
            one = socket.socket(socket.AF_UNIX if to else socket.AF_INET)
            self.addCleanup(one.close)
            one.settimeout(10 * FACTOR)
            one.connect(to or ("127.0.0.1", broker.port))
            crowd.append(one)
        return crowd

    def test_a_start_with_too_few_is_refused_with_a_sentence(self):
        data = self.folder() + "/data"
        for limit in 20, 32, 64:
            code, errors = start_with(limit, "--data", data)
            self.assertEqual(code, 1, errors)
            self.assertIn(f"the limit of open files is {limit}", errors)
            self.assertIn("ulimit -n", errors)
            self.assertNotIn("serving", errors)
        self.assertFalse(os.path.exists(data))  # nothing was begun

    def test_max_connections_is_lowered_to_what_the_limit_allows_also_by_a_reload(self):
        config = self.folder() + "/broker.toml"
        with open(config, "w") as file:
            file.write("max-connections = 2000\n")
        with Broker("--config", config, descriptors=LIMIT) as broker:
            stats = broker.stats()["descriptors"]
            self.assertEqual(stats["limit"], LIMIT)
            self.assertEqual(stats["max_connections"], (LIMIT - stats["reserve"]) // 2)
            broker.expect_log(f"max-connections is {stats['max_connections']} and not 2000")
            for wanted, there in (3000, stats["max_connections"]), (4, 4):
                with open(config, "w") as file:
                    file.write(f"max-connections = {wanted}\n")
                broker.process.send_signal(signal.SIGHUP)
                wait_for("the reload", lambda: broker.stats()["descriptors"]["max_connections"] == there)

    def test_all_the_clients_that_are_promised_are_served_at_once(self):
        with Broker(descriptors=LIMIT, data=self.folder() + "/data") as broker:
            most = broker.stats()["descriptors"]["max_connections"]
            clients = [
                (broker.peer(f"client{number}"), Peer(broker, kind=zmq.SUB, url=broker.publish_url))
                for number in range(most - 1)
            ]
            broker.check_serves()
            for one in sum(clients, ()):
                one.socket.close(0)

    def test_a_crowd_beyond_the_limit_ends_nothing_and_burns_nothing(self):
        end = self.folder() + "/end"
        flags = ("--bind", "ipc://" + end, "--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0")
        with Broker(
            *flags, ends=False, http="127.0.0.1:0", data=self.folder() + "/data", descriptors=LIMIT
        ) as broker, broker.peer("early") as early:
            wait_for("the page's own connection", lambda: self.page_is_ready(broker))

            def refused():  # for want of descriptors, or as one of many who say nothing
                stats = early.call({"op": "stats"})
                return stats["descriptors"]["refused"] + stats["edge"]["cut"]["crowded"]

            crowd = self.crowd(broker, 300)
            wait_for("connections that are refused", lambda: refused() > 0)
            crowd += self.crowd(broker, 20, end)  # libzmq's ipc listener aborts when it finds no descriptor
            with urllib.request.urlopen(broker.http + "/api/status", timeout=20 * FACTOR) as answer:
                self.assertEqual(json.load(answer)["status"], "ok")
            self.assertLess(len(os.listdir(f"/proc/{broker.process.pid}/fd")), LIMIT)
            early.say(cast(batch(early.session, 1, "early", "early", ["still here"])))
            self.assertEqual(early.outcome(1), {})
            # One that listens in vain takes a whole processor.
            wait_for("a broker at rest", lambda: self.load(broker) < 0.2)
            for one in crowd:
                one.close()
            wait_for("room", lambda: self.serves(broker))

    def page_is_ready(self, broker):
        try:
            with urllib.request.urlopen(broker.http + "/readyz", timeout=20 * FACTOR) as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            return False

    def load(self, broker):
        before = broker.cpu_seconds()
        time.sleep(0.5)
        return (broker.cpu_seconds() - before) / 0.5

    def serves(self, broker):
        with Peer(broker) as peer:
            peer.say(hello(peer.session))
            return peer.hear(1) is not None


if __name__ == "__main__":
    unittest.main()
