"""The bus's side of ZMTP 3.1 with CURVE on plain TCP sockets: it can begin a message and never end it, which no ZeroMQ socket does."""
import os
import socket
import threading

from .rawlink import GREETING, MORE, Closed, RawLink, box, frame, keypair, metadata, unbox


class Connection(RawLink):
    """One that was accepted; the server's half of the handshake."""

    def __init__(self, accepted, secret):
        self.socket, self.secret, self.nonce = accepted, secret, 0
        self.short_public, self.short_secret = keypair()

    def shake(self):
        self.write(GREETING[:32] + b"\x01" + GREETING[33:])
        self.exactly(64)
        hello = self.read_frame()
        their_short = hello[80:112]
        long_nonce, cookie = os.urandom(16), bytes(96)
        self.write(frame(b"\x07WELCOME" + long_nonce +
                         box(self.short_public + cookie, b"WELCOME-" + long_nonce, their_short, self.secret), command=True))
        initiate = self.read_frame()
        nonce = initiate[105:113]
        self.peer = unbox(initiate[113:], b"CurveZMQINITIATE" + nonce, their_short, self.short_secret)[:32]
        nonce = self.next_nonce()
        self.write(frame(b"\x05READY" + nonce + box(metadata(Socket_Type=b"ROUTER"), b"CurveZMQREADY---" + nonce, their_short,
                                                    self.short_secret), command=True))
        self.their_short = their_short
        return self

    def sealed(self, data, flags=0):
        nonce = self.next_nonce()
        return frame(b"\x07MESSAGE" + nonce + box(bytes([flags]) + data, b"CurveZMQMESSAGES" + nonce, self.their_short,
                                                  self.short_secret))


class RawBus:
    """attack(connection) runs in a thread for each connection that has shaken hands."""

    def __init__(self, secret, attack):
        self.secret, self.attack = secret, attack
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = Connection(self.listener.accept()[0], self.secret)
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            self.attack(connection.shake())
        except (Closed, OSError):
            pass

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()


def endless(connection, size=256 * 1024):
    """Frame after frame of one message."""
    part = os.urandom(size)
    while True:
        connection.write(connection.sealed(part, MORE))
