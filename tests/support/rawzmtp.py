"""ZMTP by hand over a bare socket, for what no ZeroMQ library would say: the greeting, the handshake, frames and pieces
of frames of one's own making. Speaks to both ends of a broker. One thread."""
import socket
import struct

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
PING = b"\x04\x07\x04PING\0\0"  # ZMTP's own, not cast's


def message(payload, more=False):
    """A ZMTP frame."""
    flags = 1 if more else 0
    if len(payload) > 255:
        return bytes([flags | 2]) + struct.pack(">Q", len(payload)) + payload
    return bytes([flags, len(payload)]) + payload


def ready(kind, identity=None):
    """The READY command of a socket of this kind."""
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    if identity is not None:
        body += b"\x08Identity" + struct.pack(">I", len(identity)) + identity
    return b"\x04" + bytes([len(body)]) + body


class RawPeer:
    """A connection that has shaken hands (ZMTP 3.0, NULL), unless it is told not to."""

    def __init__(self, port, kind=b"DEALER", identity=None, handshake=True, host="127.0.0.1", seconds=20):
        self.socket = socket.create_connection((host, port), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if handshake:
            self.socket.sendall(GREETING + ready(kind, identity))
            self.read(64)
            flags, length = self.read(2)
            self.read(length)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def read(self, count):
        heard = b""
        while len(heard) < count:
            chunk = self.socket.recv(count - len(heard))
            if not chunk:
                raise ConnectionError("the broker hung up")
            heard += chunk
        return heard

    def say(self, payload, more=False):
        self.socket.sendall(message(payload, more))

    def cut(self, seconds=30):
        """Whether the broker hangs up within this time; reads what comes before."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(1 << 16):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True
