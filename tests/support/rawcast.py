"""The protocol by hand, for tests that say what no library would: frames and batches as bytes (PROTOCOL.md, section 8),
a peer over a bare DEALER, and a real broker on free ports. One thread."""
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import zmq

FACTOR = int(os.environ.get("CAST_TIME_FACTOR") or 1)
SANITIZED = bool(os.environ.get("CAST_SANITIZE"))
SHARED_LIBZMQ = "thread" in os.environ.get("CAST_SANITIZE", "")  # of which the broker replaces nothing
BIN = os.environ["CAST_BIN_DIR"]

HELLO, ATTACH, DETACH, CAST, ACK, FETCH, CONTROL, PING, PONG, BYE = 1, 2, 3, 4, 5, 6, 8, 9, 10, 11
WELCOME, ATTACHED, DETACHED, RECEIPT, DELIVER, GAP, FETCHED, TAIL, MEMBERSHIP, CONTROL_REPLY, ERROR = range(32, 43)
CODES = (
    "ok internal malformed unsupported_version unknown_verb hello_first invalid_name no_such_node no_such_group "
    "already_exists name_in_use taken_over not_attached too_large mailbox_full group_busy expired forbidden timed_out "
    "unreachable session_expired store_failed node_absent too_many closed would_block shutting_down invalid_argument "
    "deleted out_of_order undeliverable not_saved unauthorized not_leader"
).split()


def str8(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return bytes([len(raw)]) + raw


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def frame(verb, body=b"", flags=0, aux=0, version=1, magic=0xCA):
    return struct.pack("<BBBBI", magic, version, verb, flags, aux) + body


def hello(session, attempt=1, seen=0, agent="raw", fields=None):
    """With `fields`, {tag: value}, it is one of version 2."""
    body = struct.pack("<QIQ", session, attempt, seen) + str8(agent)
    for tag, value in (fields or {}).items():
        body += struct.pack("<BH", tag, len(value)) + value
    return frame(HELLO, body, version=1 if fields is None else 2)


def attach(names, flags=1, request=1):
    return frame(
        ATTACH,
        struct.pack("<II", request, len(names))
        + b"".join(bytes([flags]) + str8(name) + struct.pack("<I", 0) for name in names),
    )


def record(payload):
    payload = payload if isinstance(payload, bytes) else payload.encode()
    return varint(len(payload) + 1) + b"\0" + payload


def batch(
    session,
    number,
    target,
    sender,
    records,
    cast=1,
    count=None,
    ttl=0,
    priority=4,
    flags=8,
    version=1,
    length=None,
    arrival=0,
):
    """A batch of these payloads; `count` and `length` may lie."""
    target = target if isinstance(target, bytes) else target.encode()
    sender = sender if isinstance(sender, bytes) else sender.encode()
    body = target + sender + b"".join(record(r) for r in records)
    header = struct.pack(
        "<IHBBQQQQQIIBBBBI",
        64 + len(body) if length is None else length,
        64 + len(target) + len(sender),
        version,
        cast,
        session,
        number,
        0,
        0,
        arrival,
        len(records) if count is None else count,
        ttl,
        priority,
        flags,
        len(target) & 255,
        len(sender) & 255,
        0,
    )
    return header + body


def cast(*batches):
    return frame(CAST, b"".join(batches))


def ack(stream, sequence):
    return frame(ACK, struct.pack("<IQQI", 1, stream, sequence, 0))


def control(call, request=1):
    text = call if isinstance(call, bytes) else json.dumps(call).encode()
    return frame(CONTROL, struct.pack("<I", request) + text)


class Broker:
    """A cast-broker on free ports with a folder of its own. `with` ends it, and insists on exit code 0."""

    def __init__(self, *flags, environment=None, ends=True, http="off", data=None, log=None, descriptors=None):
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        self.ends = os.path.join(self.folder, "ends")
        self.log_path = os.path.join(self.folder, "log")
        command = [os.path.join(BIN, "cast-broker"), "--endpoints-file", self.ends]
        command += ["--data", data] if data else ["--memory"]
        if FACTOR > 1 and "--dead-after" not in flags and "--config" not in flags:
            command += ["--dead-after", f"{10 * FACTOR}s"]  # a peer that is not asked to hear answers no PINGs
        if http:
            command += ["--http", http]
        if ends:
            command += ["--bind", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0"]
        with open(self.log_path, "w") as file:
            into = file if log is None else log  # a descriptor
            limit = (
                None
                if descriptors is None
                else lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
            )
            self.process = subprocess.Popen(
                command + list(flags),
                stdin=subprocess.DEVNULL,
                stdout=into,
                stderr=into,
                preexec_fn=limit,
                env={**os.environ, **(environment or {})},
            )
        wait_for("the broker's ends", lambda: os.path.exists(self.ends) or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise AssertionError("the broker does not start: " + self.log())
        with open(self.ends) as lines:
            found = dict(line.strip().split("=", 1) for line in lines)
        self.url, self.publish_url, self.http = found["bind"], found["publish"], found.get("http")
        self.port, self.publish_port = (int(url.rsplit(":", 1)[1]) for url in (self.url, self.publish_url))
        self.context = zmq.Context()
        self.context.set(zmq.MAX_SOCKETS, 3000)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.context.destroy(linger=0)
        code = self.stop()
        log = self.log()
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None:
            assert code == 0, f"the broker ended with {code}: {log}"
        else:  # what has failed may be due to that
            print(f"the broker ended with {code}; the end of its log:\n{log[-20000:]}", file=sys.stderr)

    def kill(self):
        """An end without a goodbye, which is well."""
        self.process.kill()
        self.process.wait()
        self.killed = True

    def stop(self):
        if getattr(self, "killed", False):
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(20 * FACTOR)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def expect_log(self, text):
        """Waits until the log says this: its lines are written by a thread of their own."""
        wait_for(f"{text!r} in the log", lambda: text in self.log())

    def memory_kib(self, field="VmHWM"):
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peer(self, name=None, session=None, **settings):
        """A connected peer; with a name it has said HELLO and receives as it."""
        peer = Peer(self, session, **settings)
        if name is not None:
            peer.say(hello(peer.session), attach([name]))
            peer.expect(WELCOME)
            assert attached_codes(peer.expect(ATTACHED)) == {name: "ok"}
        return peer

    def stats(self):
        with self.peer() as peer:
            peer.say(hello(peer.session))
            answer = peer.call({"op": "stats"})
            peer.say(frame(BYE))
            return answer

    def check_serves(self):
        """A good client attaches, sends itself a message, gets it and its receipt."""
        assert self.process.poll() is None, "the broker has ended: " + self.log()
        name = f"good{random.getrandbits(60)}"
        with self.peer(name) as peer:
            peer.say(cast(batch(peer.session, 1, name, name, ["hello"])))
            assert peer.outcome(1) == {}
            if b"hello" not in peer.got:
                peer.hear()
            assert b"hello" in peer.got, peer.got
            peer.say(frame(BYE))


class Peer:
    """A DEALER that says what it is told to. Answers PINGs by itself."""

    def __init__(self, broker, session=None, identity=None, kind=zmq.DEALER, url=None, receive_buffer=None):
        self.session = session or random.getrandbits(63) | 1
        self.got = b""  # bodies of all DELIVERs
        self.through, self.refused = 0, {}  # what is receipted
        self.socket = broker.context.socket(kind)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = 0
        self.socket.setsockopt(zmq.RECONNECT_IVL, 24 * 3600 * 1000)  # never; -1 would lose what was not read at the end
        if identity is not None:
            self.socket.setsockopt(zmq.IDENTITY, identity)
        if receive_buffer is not None:
            self.socket.setsockopt(zmq.RCVBUF, receive_buffer)
            self.socket.rcvhwm = 1
        self.socket.connect(url or broker.url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close(0)

    def say(self, *frames):
        for bytes_ in frames:
            self.socket.send(bytes_)

    def hear(self, seconds=10):
        """(verb, body) of the next frame that is no PING; None when none comes."""
        until = time.monotonic() + seconds * FACTOR
        while self.socket.poll(max(0, (until - time.monotonic()) * 1000)):
            bytes_ = self.socket.recv()
            if bytes_[2] != PING:
                return self.note(bytes_)
            self.socket.send(frame(PONG, bytes_[8:]))
        return None

    def note(self, bytes_):
        verb, flags, aux = struct.unpack_from("<xxBBI", bytes_)
        if verb == DELIVER:
            self.got += bytes_[8:]
            self.through = max(self.through, aux if flags & 1 else 0)
        elif verb == RECEIPT:
            through, refused = receipt(bytes_[8:])
            self.through = max(self.through, through)
            self.refused.update(refused)
        return verb, bytes_[8:]

    def outcome(self, through):
        """{number: code} of all batches refused so far, once batch `through` has its receipt."""
        while self.through < through:
            heard = self.hear()
            assert heard is not None, f"no receipt for batch {through}, only for {self.through}"
            # It waits, that is all.
            sick = heard[0] == ERROR and CODES[struct.unpack_from("<H", heard[1])[0]] == "store_failed"
            assert heard[0] != ERROR or sick, heard[1]
        return self.refused

    def expect(self, verb, skip=()):
        """The body of the next frame, which is of this verb (those of `skip` are passed over)."""
        while True:
            heard = self.hear()
            assert heard is not None, f"nothing came, not even {verb}"
            if heard[0] in skip and heard[0] != verb:
                continue
            assert heard[0] == verb, f"{heard[0]} came instead of {verb}: {heard[1][:80]}"
            return heard[1]

    def expect_error(self, code, verb=None):
        number, about = struct.unpack_from("<HB", self.expect(ERROR))
        assert CODES[number] == code, f"{CODES[number]} instead of {code}"
        assert verb is None or about == verb, f"about {about} instead of {verb}"

    def expect_silence(self, seconds=0.1):
        heard = self.hear(seconds)
        assert heard is None, f"{heard} came"

    def call(self, request):
        """The answer to a management call: its JSON, or (code, sentence)."""
        self.say(control(request, 77))
        body = self.expect(CONTROL_REPLY, skip=(WELCOME, ATTACHED, RECEIPT, DELIVER, MEMBERSHIP, TAIL))
        number, code = struct.unpack_from("<IH", body)
        assert number == 77
        return json.loads(body[6:]) if code == 0 else (CODES[code], body[6:].decode())


def attached_codes(body):
    """{name: code} of an ATTACHED."""
    _, count = struct.unpack_from("<II", body)
    at, found = 8, {}
    for _ in range(count):
        code, length = struct.unpack_from("<HB", body, at)
        name = body[at + 3 : at + 3 + length]
        (streams,) = struct.unpack_from("<I", body, at + 3 + length)
        at += 3 + length + 4
        for _ in range(streams):
            at += 9
            at += 1 + body[at] + 24
        found[name.decode(errors="replace")] = CODES[code]
    assert at == len(body)
    return found


def receipt(body):
    """(through, {number: code}) of a RECEIPT."""
    through, count = struct.unpack_from("<QI", body)
    return through, {
        number: CODES[code] for number, code in (struct.unpack_from("<QH", body, 12 + 10 * i) for i in range(count))
    }


def delivered(body):
    """[(stream, sequence, count, bytes)] of a DELIVER."""
    at, found = 0, []
    while at < len(body):
        (length,) = struct.unpack_from("<I", body, at)
        stream, sequence, _, count = struct.unpack_from("<QQQI", body, at + 24)
        found.append((stream, sequence, count, length))
        at += length
    return found


def wait_for(what, condition, seconds=20):
    until = time.monotonic() + seconds * FACTOR
    while not condition():
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.005)
