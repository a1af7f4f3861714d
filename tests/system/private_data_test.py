"""What the broker keeps is its user's alone, whatever the umask says, and one broker's at a time."""
import os
import pathlib
import stat
import subprocess
import unittest

from rawcast import *


def run(*flags, **settings):
    return subprocess.run(
        [BIN + "/cast-broker", *flags],
        capture_output=True,
        text=True,
        timeout=60 * FACTOR,
        stdin=subprocess.DEVNULL,
        **settings,
    )


class PrivateData(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = os.path.join(self.folder, "some", "data")
        before = os.umask(0)  # of the brokers that are started
        self.addCleanup(os.umask, before)

    def modes(self, top):
        """{path: mode} of all that is in there, and of itself."""
        found = {top: stat.S_IMODE(os.lstat(top).st_mode)}
        for folder, folders, files in os.walk(top):
            for name in folders + files:
                path = os.path.join(folder, name)
                found[path] = stat.S_IMODE(os.lstat(path).st_mode)
        return found

    def check_private(self, top):
        for path, mode in self.modes(top).items():
            self.assertEqual(mode, 0o700 if os.path.isdir(path) else 0o600, path)

    def test_directories_and_files_are_made_for_the_user_alone(self):
        with Broker(data=self.data) as broker:
            broker.check_serves()
            self.assertTrue(os.path.exists(self.data + "/cast.db-wal"))
            self.check_private(os.path.join(self.folder, "some"))
            backup = os.path.join(self.folder, "backup")
            self.assertEqual(run("--data", self.data, "--backup", backup).returncode, 0)
            self.check_private(backup)
        self.assertEqual(run("--data", self.folder + "/copy/of", "--restore", backup).returncode, 0)
        self.check_private(self.folder + "/copy")

    def test_a_store_that_others_could_read_is_closed_to_them_and_it_is_said(self):
        with Broker(data=self.data) as broker:
            broker.kill()  # so that there is a log, too
        for path in self.modes(self.data):
            os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)
        with Broker(data=self.data) as broker:
            self.check_private(self.data)
            for name in "", "/cast.db", "/cast.db-wal":
                broker.expect_log(f"{self.data}{name} was open to other users of this machine: it is no more")
            broker.check_serves()
        with Broker(data=self.data) as broker:
            self.assertNotIn("open to other users", broker.log())

    def test_a_directory_that_holds_other_things_keeps_its_mode_and_it_is_said(self):
        for mode in 0o755, 0o1777:
            shutil.rmtree(self.data, True)
            os.makedirs(self.data)
            pathlib.Path(self.data, "other").write_text("others read this")
            os.chmod(pathlib.Path(self.data, "other"), 0o644)
            os.chmod(self.data, mode)
            with Broker(data=self.data) as broker:
                modes = self.modes(self.data)
                self.assertEqual(modes.pop(self.data), mode)
                self.assertEqual(modes.pop(self.data + "/other"), 0o644)
                self.assertEqual(set(modes.values()), {0o600})
                broker.expect_log(f"{self.data} is open to other users of this machine, and holds other things")

    def test_a_second_broker_does_not_start_on_the_data_though_its_lock_is_removed(self):
        with Broker(data=self.data) as broker:
            link = os.path.join(self.folder, "link")
            os.symlink(self.data, link)
            for name in self.data, link:
                for _ in range(2):
                    done = run(
                        "--data", name, "--http", "off", "--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0"
                    )
                    self.assertEqual(done.returncode, 1)
                    self.assertIn("another cast-broker uses the data directory", done.stderr)
                    if os.path.exists(self.data + "/lock"):
                        os.remove(self.data + "/lock")
            broker.check_serves()


if __name__ == "__main__":
    unittest.main()
