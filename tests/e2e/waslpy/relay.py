"""Stands between adapters and the bus with everybody's link keys: sees every frame after CURVE's decryption, and can lose or
change some. What it records is what the bus sees."""
import threading

import zmq

from . import session


class Relay:
    def __init__(self, pki, members, bus_endpoint, bus_public):
        self.frames = []            # (direction, frames) of everything that passed
        self.change = None          # change(direction, frames) -> frames, or None to lose them
        self.keys = {}
        for m in members:
            public, secret = session.link_key(pki.member(m) / "link.key")
            self.keys[public] = secret
        self.bus_endpoint, self.bus_public = bus_endpoint, bus_public
        self.context = zmq.Context()
        self.context.setsockopt(zmq.LINGER, 0)
        self.zap = session.Zap(self.context)
        self.zap.start()
        self.router = self.context.socket(zmq.ROUTER)
        public, secret = session.link_key(pki.folder / "bus/link.key")
        session.curve(self.router, public, secret)
        self.router.bind("tcp://127.0.0.1:*")
        self.endpoint = self.router.last_endpoint.decode().rstrip("\0")
        self.dealers = {}           # routing id -> dealer
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def dealer(self, routing_id, public):
        if routing_id not in self.dealers:
            d = self.context.socket(zmq.DEALER)
            session.curve(d, public, self.keys[public], self.bus_public)
            d.connect(self.bus_endpoint)
            self.dealers[routing_id] = d
        return self.dealers[routing_id]

    def passed(self, direction, frames):
        self.frames.append((direction, frames))
        return self.change(direction, frames) if self.change else frames

    def run(self):
        while not self.stopping.is_set():
            poller = zmq.Poller()
            poller.register(self.router, zmq.POLLIN)
            for d in self.dealers.values():
                poller.register(d, zmq.POLLIN)
            for sock, _ in poller.poll(20):
                if sock is self.router:
                    parts = sock.recv_multipart(copy=False)
                    public = bytes.fromhex(parts[1].get("User-Id"))
                    routing_id, *frames = [p.bytes for p in parts]
                    frames = self.passed("up", frames)
                    if frames:
                        self.dealer(routing_id, public).send_multipart(frames)
                else:
                    routing_id = next(r for r, d in self.dealers.items() if d is sock)
                    frames = self.passed("down", sock.recv_multipart())
                    if frames:
                        self.router.send_multipart([routing_id, *frames])
        for d in self.dealers.values():
            d.close(0)
        self.router.close(0)

    def close(self):
        self.stopping.set()
        self.thread.join()
        self.context.term()
