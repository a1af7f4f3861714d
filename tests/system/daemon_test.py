"""The daemon as its operator sees it: signals, configuration, logs, systemd, what it costs when idle."""
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time
import unittest

from rawcast import *


def run(*flags):
    done = subprocess.run(
        [BIN + "/cast-broker", *flags], capture_output=True, text=True, timeout=30 * FACTOR, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout, done.stderr


class Daemon(unittest.TestCase):
    def config(self, text, mode="w"):
        if not hasattr(self, "folder"):
            self.folder = tempfile.mkdtemp(prefix="cast-test-")
            self.addCleanup(shutil.rmtree, self.folder, True)
        path = os.path.join(self.folder, "broker.toml")
        with open(path, mode) as file:
            file.write(text)
        return path

    def check_told_of_the_end(self, number):
        """Ends a broker by this signal, whose client hears everything up to the BYE."""
        with Broker() as broker, broker.peer("client") as client:
            client.say(cast(*(batch(client.session, n, "client", "client", ["x"], flags=0) for n in range(1, 200))))
            client.hear()
            broker.process.send_signal(number)
            seen = []
            while BYE not in seen:
                heard = client.hear()
                self.assertIsNotNone(heard, "no BYE")
                seen.append(heard[0])
            self.assertEqual(client.through, 199)  # what was sent is receipted before the BYE
            self.assertEqual(broker.process.wait(20 * FACTOR), 0)
            self.assertFalse(os.path.exists(broker.ends))
            self.assertIn("stopped", broker.log())

    def test_a_sender_has_twice_as_much_under_way_where_a_receipt_waits_for_the_disk(self):
        def window(broker):
            with Peer(broker) as peer:
                peer.say(hello(peer.session))
                return struct.unpack_from("<I", peer.expect(WELCOME), 29)[0]

        folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, folder)
        with Broker("--sender-window", "1MiB") as in_memory, Broker(
            "--sender-window", "1MiB", data=folder + "/data"
        ) as on_disk:
            self.assertEqual((window(in_memory), window(on_disk)), (1 << 20, 2 << 20))

    def test_sigterm_and_sigint_say_bye_and_exit_zero(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.check_told_of_the_end(number)

    def test_io_threads_are_as_many_as_asked_for(self):
        for flags, count in ((), 2), (("--io-threads", "1"), 1), (("--io-threads", "5"), 5):
            with Broker(*flags) as broker:
                tasks = f"/proc/{broker.process.pid}/task"
                broker.check_serves()

                def named():  # each thread gives itself its name once it runs
                    names = [pathlib.Path(tasks, task, "comm").read_text() for task in os.listdir(tasks)]
                    return sum("/IO/" in name for name in names)

                wait_for("the threads", lambda: named() >= count)
                self.assertEqual(named(), count)
        for wrong in "0", "17", "-1", "two":
            code, _, errors = run("--io-threads", wrong)
            self.assertEqual(code, 2, wrong)
            self.assertIn("io-threads", errors)

    def test_closed_standard_streams_do_not_become_files_of_the_store(self):
        folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        ends = os.path.join(folder, "ends")
        process = subprocess.Popen(
            [
                BIN + "/cast-broker",
                "--data",
                os.path.join(folder, "data"),
                "--http",
                "off",
                "--bind",
                "tcp://127.0.0.1:0",
                "--publish",
                "tcp://127.0.0.1:0",
                "--endpoints-file",
                ends,
            ],
            preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)],
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        wait_for("the broker's ends", lambda: os.path.exists(ends) or process.poll() is not None)
        self.assertIsNone(process.poll())
        for fd in 0, 1, 2:
            self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{fd}"), "/dev/null")

    def test_sighup_takes_changed_limits_over(self):
        path = self.config("mailbox-messages = 3\n")
        with Broker("--config", path) as broker, broker.peer("sender") as sender:
            self.assertEqual(sender.call({"op": "node.create", "name": "box"})["queued"], 0)
            numbers = iter(range(1, 1000))
            make = lambda number: cast(batch(sender.session, number, "box", "sender", ["x"], flags=8 | 2))

            def sends():
                number = next(numbers)
                sender.say(make(number))
                return sender.outcome(number).get(number, "ok")

            self.assertEqual([sends() for _ in range(5)], ["ok"] * 3 + ["mailbox_full"] * 2)
            self.config('mailbox-messages = 5\nbind = "tcp://127.0.0.1:1"\nlog-format = "json"\n')
            broker.process.send_signal(signal.SIGHUP)
            wait_for("the reload", lambda: "mailbox-messages taken over" in broker.log())
            self.assertEqual([sends() for _ in range(4)], ["ok"] * 2 + ["mailbox_full"] * 2)
            for broken in (
                'mailbox-messages = "many"\n',
                "mailbox-messages = 9\nnonsense = 1\n",
                "= = =\n",
                "mailbox-messages = [\n",
            ):
                self.config(broken)
                lines = broker.log().count("nothing changed")
                broker.process.send_signal(signal.SIGHUP)
                wait_for("the refusal", lambda: broker.log().count("nothing changed") > lines)
                self.assertEqual(sends(), "mailbox_full")
            os.remove(path)
            lines = broker.log().count("nothing changed")
            broker.process.send_signal(signal.SIGHUP)
            wait_for("the refusal", lambda: broker.log().count("nothing changed") > lines)
            self.config("")
            broker.process.send_signal(signal.SIGHUP)
            wait_for("the defaults", lambda: sends() == "ok")
            broker.check_serves()

    def test_check_config_prints_the_settings_or_names_the_mistakes(self):
        code, out, errors = run(
            "--config", self.config('max-message = "2MiB"\nlog-level = "debug"\n'), "--check-config"
        )
        self.assertEqual((code, errors), (0, ""))
        self.assertIn('max-message = "2MiB"', out)
        self.assertIn('log-level = "debug"', out)
        code, out, errors = run("--config", self.config('\nmax-message = "huge"\nmax-mesage = 1\n'), "--check-config")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("broker.toml:2", errors)
        self.assertIn("broker.toml:3", errors)
        self.assertIn("did you mean", errors)
        self.assertEqual(run("--config", "/no/such/file", "--check-config")[0], 2)
        self.assertEqual(run("--no-such-flag")[0], 2)
        self.assertEqual(run("--version")[0], 0)

    def test_garbage_in_the_configuration_ends_with_two_and_a_reason(self):
        for garbage in (
            # fmt: off
            b"\0\1\2\3", b"\xff\xfe\xfd", b"[" * 100000, b"a" * 100000, b"bind = ", b'bind = "tcp://"\n',
            b"max-nodes = -1\n", b'max-nodes = "99999999999999999999"\n', b"max-nodes = 1\nmax-nodes = 2\n", b'"=\n',
            b"[section]\nmax-nodes = 1\n", os.urandom(5000),
            # fmt: on
        ):
            code, out, errors = run("--config", self.config(garbage, "wb"))
            self.assertEqual((code, out), (2, ""), garbage[:40])
            self.assertIn("broker.toml", errors)
            self.assertLess(len(errors), 20000)

    def test_an_end_that_is_taken_is_named_and_ends_with_one(self):
        with Broker() as broker:
            code, _, errors = run("--memory", "--bind", broker.url, "--publish", "tcp://127.0.0.1:0")
            self.assertEqual(code, 1)
            self.assertIn(broker.url, errors)
            broker.check_serves()

    def test_a_start_that_finds_an_end_taken_leaves_the_store_as_it_was(self):
        data = os.path.join(os.path.dirname(self.config("")), "data")
        with Broker(data=data) as broker, broker.peer("sender") as sender:
            sender.call({"op": "node.create", "name": "bob"})
            sender.say(cast(batch(sender.session, 1, "bob", "sender", ["mail"])))
            sender.outcome(1)
            epoch = broker.stats()["epoch"]
        free = "tcp://127.0.0.1:0"
        with Broker(http="127.0.0.1:0") as other:
            for bind, publish, http in (
                (other.url, free, "off"),
                (free, other.publish_url, "off"),
                (free, free, other.http.split("//")[1].rstrip("/")),
            ):
                code, _, errors = run("--data", data, "--bind", bind, "--publish", publish, "--http", http)
                self.assertEqual(code, 1)
                self.assertIn("Address already in use", errors)
        with Broker(data=data) as broker:
            self.assertEqual(broker.stats()["epoch"], epoch + 1)
            got = subprocess.run(
                [
                    BIN + "/nodectl",
                    "--broker",
                    broker.url,
                    "recv",
                    "bob",
                    "-n",
                    "1",
                    "--format",
                    "%p, redelivered: %r\n",
                ],
                capture_output=True,
                text=True,
                timeout=60 * FACTOR,
            )
            self.assertEqual(got.stdout, "mail, redelivered: 0\n", got.stderr)

    def test_a_second_broker_on_the_same_data_does_not_take_the_ends_of_the_first(self):
        folder = os.path.dirname(self.config(""))
        data, end = os.path.join(folder, "data"), "ipc://" + os.path.join(folder, "end")
        flags = ("--bind", end, "--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0")
        with Broker(*flags, ends=False, data=data) as broker:
            code, _, errors = run("--data", data, *flags, "--http", "off")
            self.assertEqual(code, 1)
            self.assertIn("another cast-broker uses the data directory", errors)
            with broker.peer("client", url=end):  # libzmq would have put another in its place
                pass

    def test_a_port_of_the_page_that_is_taken_is_named_and_ends_with_one(self):
        flags = ("--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0", "--memory")
        with Broker(http="127.0.0.1:0") as other:
            end = other.http.split("//")[1].rstrip("/")
            code, out, errors = run(*flags, "--http", end)
            self.assertEqual((code, out), (1, ""))
            self.assertIn(
                f"http: cannot listen at {end}: Address already in use; is another broker running? --http HOST:PORT "
                "takes another port, --http off none",
                errors,
            )
            other.check_serves()
        for wrong in ("127.0.0.1:port", "127.0.0.1:70000", "no.such.host.invalid:0", ":", "127.0.0.1"):
            code, out, errors = run(*flags, "--http", wrong)
            self.assertIn(code, (1, 2), wrong)
            self.assertIn("http", errors)

    def test_json_logs_are_one_object_a_line(self):
        with Broker("--log-format", "json", "--log-level", "trace") as broker:
            broker.check_serves()
            broker.process.send_signal(signal.SIGHUP)
            wait_for("the reload", lambda: "reloaded" in broker.log())
            broker.stop()
            lines = [json.loads(line) for line in broker.log().splitlines()]
            self.assertGreaterEqual(len(lines), 4)
            for line in lines:
                self.assertEqual(set(line), {"time", "level", "text"})
            self.assertTrue(any(broker.url in line["text"] for line in lines))

    def test_systemd_is_told_ready_and_stopping(self):
        folder = os.path.dirname(self.config(""))
        path = os.path.join(folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(10 * FACTOR)
            with Broker(environment={"NOTIFY_SOCKET": path}) as broker:
                self.assertIn(b"READY=1", notify.recv(4096).split(b"\n"))
                broker.check_serves()
                broker.process.terminate()
                said = b""
                while b"STOPPING=1" not in said:
                    said = notify.recv(4096)

    def test_mail_that_is_on_disk_alone_does_not_count_for_the_memory_budget(self):
        data = os.path.join(os.path.dirname(self.config("")), "data")
        with Broker("--memory-budget", "1MiB", data=data) as broker, broker.peer("sender") as sender:
            sender.call({"op": "node.create", "name": "absent"})
            for number in range(1, 31):
                sender.say(cast(batch(sender.session, number, "absent", "sender", [b"x" * 100000])))
                self.assertEqual(sender.outcome(number), {})
            status = sender.call({"op": "status"})
            self.assertEqual((status["status"], status["reasons"]), ("ok", []))
            self.assertGreater(status["queued_bytes"], 2 * status["memory_budget"])
            self.assertLess(status["memory_bytes"], 0.9 * status["memory_budget"])
            self.assertEqual(sender.call({"op": "stats"})["queued"]["bytes"], status["queued_bytes"])
            shown = subprocess.run(
                [BIN + "/nodectl", "--broker", broker.url, "status"],
                capture_output=True,
                text=True,
                timeout=60 * FACTOR,
            )
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertRegex(shown.stdout, r"queued +2\.9 MiB\nmemory +.* of 1\.0 MiB\n")

    @unittest.skipIf(SANITIZED, "a sanitizer keeps what is freed")
    def test_memory_that_is_free_again_goes_back_to_the_system(self):
        with Broker("--mailbox-bytes", "512MiB") as broker, broker.peer("sender") as sender:
            names = [f"n{i}" for i in range(40)]
            for name in names:
                sender.call({"op": "node.create", "name": name})
            number = 0
            for _ in range(100):  # of each node something in every part of the heap
                for name in names:
                    number += 1
                    sender.say(cast(batch(sender.session, number, name, "sender", [b"x" * 40000])))
                sender.outcome(number)
            full = broker.memory_kib("VmRSS")
            for name in names[1:]:  # what is kept lies between what goes
                sender.call({"op": "purge", "node": name})
            wait_for("the memory to go back", lambda: broker.stats() and broker.memory_kib("VmRSS") < full / 3)

    def test_an_idle_broker_takes_hardly_any_processor_time(self):
        with Broker() as broker:
            peers = [broker.peer(f"idle{i}") for i in range(20)]
            peers[0].call({"op": "group.join", "group": "team", "nodes": ["idle0", "idle1"]})
            wait_for("the start to be over", lambda: self.cpu(broker, 0.2) < 0.03)
            self.assertLess(self.cpu(broker, 2), 0.1 * FACTOR)

    def cpu(self, broker, seconds):
        before = broker.cpu_seconds()
        time.sleep(seconds)
        return broker.cpu_seconds() - before

    def test_a_stopped_broker_goes_on_where_it_was(self):
        with Broker() as broker, broker.peer("client") as client:
            broker.process.send_signal(signal.SIGSTOP)
            client.say(cast(batch(client.session, 1, "client", "client", ["while it stood still"])))
            client.expect_silence(0.2)
            broker.process.send_signal(signal.SIGCONT)
            self.assertEqual(client.outcome(1), {})

    def test_settings_come_from_flags_before_environment_before_file(self):
        path = self.config("max-nodes = 1\nmax-groups = 1\nmax-connections = 77\n")
        os.environ.update(CAST_BROKER_MAX_NODES="2", CAST_BROKER_MAX_GROUPS="2")
        try:
            code, out, _ = run("--config", path, "--max-nodes", "3", "--check-config")
        finally:
            del os.environ["CAST_BROKER_MAX_NODES"], os.environ["CAST_BROKER_MAX_GROUPS"]
        self.assertEqual(code, 0)
        for line in ("max-nodes = 3", "max-groups = 2", "max-connections = 77"):
            self.assertIn(line, out)


if __name__ == "__main__":
    unittest.main()
