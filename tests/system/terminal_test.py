"""What nodectl draws on a terminal, and nowhere else: the progress bar of a file, on a pseudo-terminal and into a
pipe."""
import fcntl
import os
import pty
import re
import struct
import termios
import threading
import unittest

from rawcast import *
from web import curl

SIZE = 24 << 20
COLUMNS = 60


class Terminal(unittest.TestCase):
    def setUp(self):
        self.broker = Broker(http="127.0.0.1:0")
        self.addCleanup(self.broker.__exit__, None, None, None)
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.path = os.path.join(self.folder, "big.bin")
        with open(self.path, "wb") as file:
            for _ in range(SIZE >> 20):
                file.write(os.urandom(1 << 20))
        self.nodectl = [BIN + "/nodectl", "--broker", self.broker.url]
        # Its senders wait until it has saved the file: while it is stopped they have something to draw.
        self.reader = subprocess.Popen(
            self.nodectl + ["recv", "bob", "--save-files", self.folder + "/bob", "-n", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(self.end, self.reader)
        wait_for("bob to receive", lambda: curl(self.broker.http + "/api/nodes/bob").json.get("active"))

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()

    def send(self, stderr):
        sender = subprocess.Popen(
            self.nodectl + ["send", "--unicast", "bob", "--wait", "delivered", "--file", self.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        self.addCleanup(self.end, sender)
        self.addCleanup(sender.stdout.close)
        return sender

    @unittest.skipUnless(os.path.exists("/dev/pts/ptmx"), "no pseudo-terminals here: /dev/pts is not mounted")
    def test_on_a_terminal_a_bar_is_drawn_and_goes_away(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        self.reader.send_signal(signal.SIGSTOP)
        sender = self.send(slave)
        os.close(slave)
        drawn = bytearray()

        def read():
            while True:
                try:
                    more = os.read(master, 65536)
                except OSError:  # the last one has closed the terminal
                    return
                drawn.extend(more)

        reading = threading.Thread(target=read)
        reading.start()
        wait_for("a bar, drawn again", lambda: drawn.count(b"\x1b[K") > 1)
        self.assertIsNone(sender.poll())
        self.reader.send_signal(signal.SIGCONT)
        self.assertEqual((sender.wait(60 * FACTOR), sender.stdout.read()), (0, b""))
        reading.join()
        self.assertEqual(self.reader.wait(20 * FACTOR), 0)
        lines = drawn.decode().split("\r")
        bars = [line for line in lines if line.startswith("big.bin")]
        self.assertGreater(len(bars), 1)
        for bar in bars:
            self.assertTrue(bar.endswith("\x1b[K"), bar)
            self.assertLess(len(bar) - 3, COLUMNS, bar)
            self.assertRegex(bar, r"^big\.bin +\d{1,3}% \[=* *\]  [\d.]+ [KM]?i?B of 24\.0 MiB")
        parts = [int(re.search(r"(\d+)%", bar)[1]) for bar in bars]
        self.assertLess(parts[0], 50)  # until bob answers it tells what was sent, then what he has
        self.assertGreaterEqual(max(parts), parts[0])
        self.assertEqual(lines[-1], "\x1b[K")  # nothing of it is left

    def test_into_a_pipe_nothing_is_drawn(self):
        sender = self.send(subprocess.PIPE)
        said = sender.communicate(timeout=60 * FACTOR)
        self.assertEqual((sender.returncode, said), (0, (b"", b"")))
        self.assertEqual(self.reader.wait(20 * FACTOR), 0)


if __name__ == "__main__":
    unittest.main()
