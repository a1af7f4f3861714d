"""A large file over HTTP to three receivers: what they save is what was sent, and the daemon's memory stays flat. An
upload that was cut off and is sent again goes on where its receivers are. CAST_FILE_MIB (64) says how large."""
import hashlib
import unittest

from rawcast import *
from web import address, connect, curl, parse

MIB = int(os.environ.get("CAST_FILE_MIB") or 64) << 20
PIECE = 1 << 20
MOST_KIB = (2000 if SANITIZED else 200) << 10
NODES = ("ada", "ben", "cleo")
PATIENCE = 600 * FACTOR


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


class HttpFile(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.path = os.path.join(self.folder, "file")
        with open(self.path, "wb") as file:
            for _ in range(MIB // PIECE):
                file.write(os.urandom(PIECE))
        self.sha256 = hash_of(self.path)

    def receive(self, broker, name):
        """Saves the next file for this node in a folder of its own."""
        reader = subprocess.Popen(
            [
                BIN + "/nodectl",
                "--broker",
                broker.url,
                "recv",
                name,
                "--save-files",
                self.saved(name),
                "-n",
                "1",
                "-W",
                str(PATIENCE),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def end():
            reader.kill()
            reader.wait()

        self.addCleanup(end)
        wait_for(f"{name} to receive", lambda: curl(f"{broker.http}/api/nodes/{name}").json.get("active"))
        return reader

    def saved(self, name):
        return os.path.join(self.folder, "of-" + name)

    def upload(self, broker, query):
        """As a person does it: curl streams the file, whatever its size."""
        done = subprocess.run(
            [
                "curl",
                "-s",
                "-i",
                "-X",
                "POST",
                "-T",
                self.path,
                "--max-time",
                str(PATIENCE),
                f"{broker.http}/api/files?recipients={','.join(NODES)}&sender=uploader&filename=big.bin{query}",
            ],
            capture_output=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = parse(done.stdout)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer.json["bytes"], answer.json["sha256"]), (MIB, self.sha256))
        self.assertEqual(
            {(r["node_id"], r["state"]) for r in answer.json["recipients"]}, {(name, "saved") for name in NODES}
        )
        return answer.json

    def check_saved(self, readers):
        for name, reader in zip(NODES, readers):
            self.assertEqual(reader.wait(PATIENCE), 0)
            self.assertEqual(os.listdir(self.saved(name)), ["big.bin"])
            self.assertEqual(hash_of(os.path.join(self.saved(name), "big.bin")), self.sha256)

    def check_flat(self, broker, before):
        grown = broker.memory_kib("VmHWM") - before
        print(f"{MIB >> 20} MiB to {len(NODES)}: the daemon's peak is {grown} KiB above its start")
        self.assertLess(grown, MOST_KIB)

    def test_three_receivers_save_what_was_uploaded_and_memory_stays_flat(self):
        with Broker(http="127.0.0.1:0") as broker:
            readers = [self.receive(broker, name) for name in NODES]
            before = broker.memory_kib("VmHWM")
            sent = self.upload(broker, "")
            self.check_saved(readers)
            self.assertEqual((sent["recipients_count"], sent["skipped"], sent["failed_recipients"]), (3, 0, []))
            self.check_flat(broker, before)

    def test_an_upload_that_was_cut_goes_on_where_its_receivers_are(self):
        half = MIB // 2
        query = "&identity=" + self.sha256
        with Broker(http="127.0.0.1:0") as broker:
            readers = [self.receive(broker, name) for name in NODES]
            before = broker.memory_kib("VmHWM")
            self.cut(broker, query, half)
            sent = self.upload(broker, query)
            self.check_saved(readers)
            # Whoever had least at the cut says where all begin. A sender waits 250 ms for that, too little for slow
            # builds.
            if not SANITIZED:
                self.assertGreaterEqual(sent["skipped"], half - (8 << 20))
            self.assertLessEqual(sent["skipped"], half)
            self.check_flat(broker, before)

    def cut(self, broker, query, length):
        """Uploads so many bytes of the file, and breaks off when all receivers have begun."""
        peer = connect(broker.http)
        host = "%s:%d" % address(broker.http)
        peer.sendall(
            (
                f"POST /api/files?recipients={','.join(NODES)}&sender=uploader&filename=big.bin{query} HTTP/1.1\r\n"
                f"Host: {host}\r\nContent-Length: {MIB}\r\n\r\n"
            ).encode()
        )
        with open(self.path, "rb") as file:
            for _ in range(length // PIECE):
                peer.sendall(file.read(PIECE))
        wait_for(
            "all to have most of it",
            lambda: all(self.part_size(name) >= length - (8 << 20) for name in NODES),
            PATIENCE,
        )
        peer.close()

    def part_size(self, name):
        folder = self.saved(name)
        if not os.path.isdir(folder):
            return 0
        return sum(os.stat(os.path.join(folder, part)).st_size for part in os.listdir(folder) if part.endswith(".part"))


if __name__ == "__main__":
    unittest.main()
