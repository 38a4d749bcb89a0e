"""A ZMTP 3.1 client with CURVE (RFC 23, RFC 26) on a plain TCP socket: it can stop anywhere, send half a message or one without
end, which no ZeroMQ socket does. The boxes are libsodium's, which libzmq itself brings."""
import ctypes
import os
import socket
import struct
import time

sodium = ctypes.CDLL("libsodium.so.23")
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32)
MORE, COMMAND = 1, 2


def address(endpoint):
    host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
    return host.strip("[]"), int(port)


def keypair():
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    sodium.crypto_box_keypair(public, secret)
    return public.raw, secret.raw


def box(data, nonce, their_public, our_secret):
    out = ctypes.create_string_buffer(len(data) + 16)
    assert sodium.crypto_box_easy(out, data, ctypes.c_ulonglong(len(data)), nonce, their_public, our_secret) == 0
    return out.raw


def unbox(data, nonce, their_public, our_secret):
    out = ctypes.create_string_buffer(max(len(data) - 16, 1))
    if sodium.crypto_box_open_easy(out, data, ctypes.c_ulonglong(len(data)), nonce, their_public, our_secret) != 0:
        raise ValueError("a box that does not open")
    return out.raw[:len(data) - 16]


def frame(body, command=False):
    flags = 4 if command else 0
    if len(body) > 255:
        return struct.pack(">BQ", flags | 2, len(body)) + body
    return struct.pack(">BB", flags, len(body)) + body


def metadata(**properties):
    out = b""
    for name, value in properties.items():
        name = name.replace("_", "-").encode()
        out += bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
    return out


class Closed(Exception):
    """The other side has ended the connection."""


class RawLink:
    """public, secret: ours, raw. Where `steps` ends early the handshake is left half done."""

    def __init__(self, endpoint, server_public, public, secret, identity=b"", timeout=10.0):
        self.server, self.public, self.secret, self.identity = server_public, public, secret, identity
        self.short_public, self.short_secret = keypair()
        self.nonce = 0
        self.socket = socket.create_connection(address(endpoint), timeout)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except (ConnectionError, BrokenPipeError) as e:
                raise Closed from e
            if not part:
                raise Closed
            data += part
        return data

    def read_frame(self):
        flags = self.exactly(1)[0]
        size = struct.unpack(">Q", self.exactly(8))[0] if flags & 2 else self.exactly(1)[0]
        return self.exactly(size)

    def write(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionError, BrokenPipeError, TimeoutError) as e:  # a kernel whose process has closed takes nothing more
            raise Closed from e

    def next_nonce(self):
        self.nonce += 1
        return struct.pack(">Q", self.nonce)

    # --- the handshake, step by step ---

    def greet(self):
        self.write(GREETING)
        self.exactly(64)
        return self

    def hello(self):
        nonce = self.next_nonce()
        self.write(frame(b"\x05HELLO\x01\x00" + bytes(72) + self.short_public + nonce +
                         box(bytes(64), b"CurveZMQHELLO---" + nonce, self.server, self.short_secret), command=True))
        return self

    def welcome(self):
        body = self.read_frame()
        if not body.startswith(b"\x07WELCOME"):
            raise ValueError(body[:20])
        opened = unbox(body[24:], b"WELCOME-" + body[8:24], self.server, self.short_secret)
        self.short_server, self.cookie = opened[:32], opened[32:]
        return self

    def initiate(self, more=b""):
        long_nonce, nonce = os.urandom(16), self.next_nonce()
        vouch = box(self.short_public + self.server, b"VOUCH---" + long_nonce, self.short_server, self.secret)
        plain = self.public + long_nonce + vouch + metadata(Socket_Type=b"DEALER", Identity=self.identity) + more
        self.write(frame(b"\x08INITIATE" + self.cookie + nonce +
                         box(plain, b"CurveZMQINITIATE" + nonce, self.short_server, self.short_secret), command=True))
        return self

    def ready(self):
        body = self.read_frame()
        if not body.startswith(b"\x05READY"):
            raise ValueError(body[:20])
        self.shared = ctypes.create_string_buffer(32)
        sodium.crypto_box_beforenm(self.shared, self.short_server, self.short_secret)
        return self

    def shake(self):
        return self.greet().hello().welcome().initiate().ready()

    # --- messages ---

    def sealed(self, data, flags=0):
        nonce, plain = self.next_nonce(), bytes([flags]) + data
        out = ctypes.create_string_buffer(len(plain) + 16)
        sodium.crypto_box_easy_afternm(out, plain, ctypes.c_ulonglong(len(plain)), b"CurveZMQMESSAGEC" + nonce, self.shared)
        return frame(b"\x07MESSAGE" + nonce + out.raw)

    def send(self, *frames, unfinished=False):
        self.write(b"".join(self.sealed(f, MORE if unfinished or i + 1 < len(frames) else 0) for i, f in enumerate(frames)))

    def receive(self):
        """(frame, more) of the next message frame; commands (heartbeats) are passed over."""
        while True:
            body = self.read_frame()
            if not body.startswith(b"\x07MESSAGE"):
                raise ValueError(body[:20])
            plain = unbox(body[16:], b"CurveZMQMESSAGES" + body[8:16], self.short_server, self.short_secret)
            if not plain[0] & COMMAND:
                return plain[1:], bool(plain[0] & MORE)

    def receive_message(self):
        frames, more = [], True
        while more:
            data, more = self.receive()
            frames.append(data)
        return frames

    def is_cut(self, within=10.0):
        """Has the other side ended the connection?"""
        end = time.monotonic() + within
        self.socket.settimeout(0.2)
        while time.monotonic() < end:
            try:
                if not self.socket.recv(65536):
                    return True
            except TimeoutError:
                continue
            except OSError:
                return True
        return False
