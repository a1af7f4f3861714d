"""Where the broker listens: ipc ends and the file of ends take nothing from anybody, names and IPv6 can be bound."""
import grp
import os
import pathlib
import socket
import stat
import subprocess
import unittest

from rawcast import *

FREE = ("--publish", "tcp://127.0.0.1:0")


def refused(*flags):
    """What a start says that ends with 1."""
    done = subprocess.run(
        [BIN + "/cast-broker", "--memory", "--http", "off", *flags],
        capture_output=True,
        text=True,
        timeout=60 * FACTOR,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1, (done.returncode, done.stderr)
    return done.stderr


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
            return True
    except OSError:
        return False


class Ends(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.path = os.path.join(self.folder, "end")
        self.end = "ipc://" + self.path

    def broker(self, *flags, end=None, **settings):
        return Broker("--bind", end or self.end, "--bind", "tcp://127.0.0.1:0", *FREE, *flags, ends=False, **settings)

    def check_ipc_serves(self, broker):
        with Peer(broker, url=self.end) as peer:
            peer.say(hello(peer.session))
            peer.expect(WELCOME)

    def test_an_ipc_end_is_not_taken_from_a_broker_that_runs(self):
        with self.broker() as broker:
            for flags in ("--bind", self.end, *FREE), ("--bind", "tcp://127.0.0.1:0", "--publish", self.end):
                self.assertIn(f"cannot bind {self.end}: Address already in use", refused(*flags))
            self.check_ipc_serves(broker)

    def test_nor_from_a_program_whose_queue_is_full_or_that_takes_datagrams(self):
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path)
            other.listen(0)
            clients = [socket.socket(socket.AF_UNIX) for _ in range(8)]
            for client in clients:
                self.addCleanup(client.close)
                client.setblocking(False)
                client.connect_ex(self.path)
            self.assertIn("Address already in use", refused("--bind", self.end, *FREE))
            self.assertTrue(os.path.exists(self.path))
        os.remove(self.path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(self.path)
            self.assertIn("Address already in use", refused("--bind", self.end, *FREE))
            self.assertTrue(os.path.exists(self.path))

    def test_files_folders_and_links_are_not_replaced(self):
        kept = pathlib.Path(self.path)
        kept.write_text("precious")
        self.assertIn("something else than a socket", refused("--bind", self.end, *FREE))
        self.assertEqual(kept.read_text(), "precious")
        link = os.path.join(self.folder, "link")
        os.symlink(self.path, link)
        self.assertIn("something else than a socket", refused("--bind", "ipc://" + link, *FREE))
        self.assertTrue(os.path.islink(link))
        self.assertIn("something else than a socket", refused("--bind", "ipc://" + self.folder, *FREE))
        self.assertIn("No such file or directory", refused("--bind", f"ipc://{self.folder}/none/end", *FREE))

    def test_a_socket_that_a_killed_broker_left_is_replaced(self):
        with self.broker() as broker:
            self.check_ipc_serves(broker)
            broker.kill()
        self.assertTrue(os.path.exists(self.path))
        with self.broker() as broker:
            self.check_ipc_serves(broker)

    def test_sockets_go_at_a_clean_end_and_only_the_own(self):
        with self.broker():
            self.assertTrue(stat.S_ISSOCK(os.lstat(self.path).st_mode))
        self.assertFalse(os.path.lexists(self.path))
        with self.broker():
            os.rename(self.path, self.path + ".old")
            pathlib.Path(self.path).write_text("somebody else's")
        self.assertEqual(pathlib.Path(self.path).read_text(), "somebody else's")

    def test_a_start_that_fails_leaves_no_socket(self):
        with Broker() as other:
            self.assertIn(other.url, refused("--publish", self.end, "--bind", other.url))
        self.assertEqual(os.listdir(self.folder), [])

    def test_an_ipc_end_is_for_its_user_alone_unless_told_otherwise(self):
        with self.broker():
            self.assertEqual(mode_of(self.path), 0o600)
        group = grp.getgrgid(os.getgroups()[0] if os.getgroups() else os.getgid()).gr_name
        with self.broker("--ipc-mode", "0660", "--ipc-group", group) as broker:
            self.assertEqual(mode_of(self.path), 0o660)
            self.assertEqual(grp.getgrgid(os.lstat(self.path).st_gid).gr_name, group)
            self.check_ipc_serves(broker)
        self.assertIn(
            "there is no group no-such-group", refused("--bind", self.end, *FREE, "--ipc-group", "no-such-group")
        )
        self.assertFalse(os.path.lexists(self.path))

    def test_abstract_and_chosen_ipc_ends_serve(self):
        name = f"ipc://@cast-test-{os.getpid()}"
        with self.broker(end=name) as broker, Peer(broker, url=name) as peer:
            peer.say(hello(peer.session))
            peer.expect(WELCOME)
        with self.broker(end="ipc://*") as broker:
            with open(broker.ends) as lines:
                chosen = next(line.strip() for line in lines if line.startswith("bind=ipc"))[5:]
            with Peer(broker, url=chosen) as peer:
                peer.say(hello(peer.session))
                peer.expect(WELCOME)

    def test_the_file_of_ends_writes_through_no_link_and_replaces_no_device(self):
        victim, ends = os.path.join(self.folder, "victim"), os.path.join(self.folder, "ends")
        pathlib.Path(victim).write_text("victim")
        os.symlink(victim, ends + ".new")
        os.symlink(victim, ends)
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        for place in ends, pipe, self.folder, "/dev/full":
            before = os.lstat(place)
            self.assertIn(
                "is not a regular file", refused("--bind", "tcp://127.0.0.1:0", *FREE, "--endpoints-file", place)
            )
            self.assertEqual(os.lstat(place).st_ino, before.st_ino)
        self.assertEqual(pathlib.Path(victim).read_text(), "victim")
        self.assertIn(
            "cannot write",
            refused("--bind", "tcp://127.0.0.1:0", *FREE, "--endpoints-file", f"{self.folder}/none/ends"),
        )
        fresh = os.path.join(self.folder, "fresh")  # nor through one in the place of the file that it is renamed from
        os.symlink(victim, fresh + ".new")
        broker = subprocess.Popen(
            [
                BIN + "/cast-broker",
                "--memory",
                "--http",
                "off",
                "--bind",
                "tcp://127.0.0.1:0",
                *FREE,
                "--endpoints-file",
                fresh,
            ],
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(lambda: (broker.terminate(), broker.wait()))
        wait_for("the file of ends", lambda: os.path.exists(fresh))
        self.assertFalse(os.path.islink(fresh))
        self.assertEqual(pathlib.Path(victim).read_text(), "victim")

    def test_the_file_of_ends_is_its_user_s_and_goes_with_the_broker_that_wrote_it(self):
        with Broker() as first:
            self.assertEqual(mode_of(first.ends), 0o600)
            self.assertEqual([name for name in os.listdir(first.folder) if name.startswith("ends")], ["ends"])
        with Broker() as first:
            os.remove(first.ends)
            pathlib.Path(first.ends).write_text("bind=another's\n")
            first.stop()
            self.assertEqual(pathlib.Path(first.ends).read_text(), "bind=another's\n")

    def test_localhost_and_other_names_can_be_bound(self):
        for name in "localhost", "127.1":
            with self.broker(end=f"tcp://{name}:0") as broker:
                with open(broker.ends) as lines:
                    url = next(line.strip() for line in lines if line.startswith("bind="))[5:]
                self.assertRegex(url, r"^tcp://(127\.0\.0\.1|\[::1\]):[0-9]+$")
                with Peer(broker, url=url) as peer:
                    peer.say(hello(peer.session))
                    peer.expect(WELCOME)

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    @unittest.skipIf(SHARED_LIBZMQ, "this build listens on this machine only")
    def test_both_ends_can_be_ipv6(self):
        with Broker(
            "--bind", "tcp://127.0.0.1:0", "--bind", "tcp://[::1]:0", "--publish", "tcp://[::1]:0", ends=False
        ) as broker:
            self.assertRegex(broker.url, r"^tcp://\[::1\]:[0-9]+$")
            self.assertRegex(broker.publish_url, r"^tcp://\[::1\]:[0-9]+$")
            broker.context.set(zmq.IPV6, 1)
            broker.check_serves()
        with Broker(
            "--insecure", "--bind", "tcp://[::]:0", "--publish", "tcp://127.0.0.1:0", ends=False, http="127.0.0.1:0"
        ) as broker:
            for url in f"tcp://127.0.0.1:{broker.port}", f"tcp://[::1]:{broker.port}":  # it takes both
                broker.context.set(zmq.IPV6, 1)
                with Peer(broker, url=url) as peer:
                    peer.say(hello(peer.session))
                    peer.expect(WELCOME)

    @unittest.skipIf(SHARED_LIBZMQ, "this build listens on this machine only")
    def test_what_cannot_be_bound_is_told_with_a_reason(self):
        for end, why in (
            ("tcp://no.such.name.invalid:0", "is no interface of this machine, and no name that is known here"),
            ("tcp://nosuchif0:0", "is no interface of this machine"),
            ("tcp://192.0.2.1:0", "it is no address of this machine"),
        ):
            said = refused("--insecure", "--bind", end, *FREE)
            self.assertIn(f"cannot bind {end}: ", said)
            self.assertIn(why, said)

    @unittest.skipIf(SHARED_LIBZMQ, "this build listens on this machine only")
    def test_an_end_that_others_reach_needs_insecure(self):
        for flags in ("--bind", "tcp://0.0.0.0:0", *FREE), ("--bind", "tcp://127.0.0.1:0", "--publish", "tcp://*:0"):
            done = subprocess.run(
                [BIN + "/cast-broker", "--memory", "--http", "off", *flags],
                capture_output=True,
                text=True,
                timeout=60 * FACTOR,
            )
            self.assertEqual(done.returncode, 2)
            self.assertIn("is open to other machines, and there are no users yet; --insecure allows it", done.stderr)
        with Broker("--insecure", "--bind", "tcp://0.0.0.0:0", "--publish", "tcp://0.0.0.0:0", ends=False) as broker:
            self.assertIn("0.0.0.0", broker.url)
            with Peer(broker, url=f"tcp://127.0.0.1:{broker.port}") as peer:
                peer.say(hello(peer.session))
                peer.expect(WELCOME)


if __name__ == "__main__":
    unittest.main()
