"""Frames and CURVE sockets: section 7."""
import os
import threading

import zmq
from zmq.utils import z85

from . import proto

VERBS = {name: i for i, name in enumerate(
    "HELLO WELCOME SUBMIT RECEIPT REFUSED DELIVER CHUNK PROVE PROOF FETCH OBJECT PING PONG CREDIT NOTICE BYE".split(), 1)}
NAMES = {v: k for k, v in VERBS.items()}
TYPES = {v: getattr(proto.session, k.capitalize()) for k, v in VERBS.items()}


def link_key(path):
    """(public, secret) raw bytes of a link key file."""
    secret = bytes.fromhex(open(path, encoding="ascii").read().split()[1])
    public = z85.decode(zmq.curve_public(z85.encode(secret)))
    return public, secret


def curve(socket, public, secret, server=None):
    socket.curve_publickey, socket.curve_secretkey = z85.encode(public), z85.encode(secret)
    if server is None:
        socket.curve_server = True
    else:
        socket.curve_serverkey = z85.encode(server)
    socket.linger = 0


class Message:
    def __init__(self, verb, message=None, payload=b"", routing_id=None, raw=None, peer=None):
        self.verb, self.payload, self.routing_id, self.peer = verb, payload, routing_id, peer
        self.raw = raw if raw is not None else message.SerializeToString()
        self.message = message

    @property
    def name(self):
        return NAMES.get(self.verb, str(self.verb))

    def frames(self):
        return [bytes([1, self.verb]), self.raw, self.payload]

    @classmethod
    def parse(cls, frames, routing_id=None, peer=None):
        head, raw, payload = frames
        message = TYPES[head[1]].FromString(raw)
        return cls(head[1], message, payload, routing_id, raw, peer)


class Zap(threading.Thread):
    """Lets in every key (tests choose who connects) and gives its hex as User-Id."""

    def __init__(self, context):
        super().__init__(daemon=True)
        self.socket = context.socket(zmq.REP)
        self.socket.bind("inproc://zeromq.zap.01")

    def run(self):
        try:
            while True:
                request = self.socket.recv_multipart()
                version, rid, _domain, _address, _identity, _mechanism, key = request[:7]
                self.socket.send_multipart([version, rid, b"200", b"OK", key.hex().encode(), b""])
        except zmq.ZMQError:
            pass
        finally:
            self.socket.close(0)


def random_session():
    return os.urandom(16)
