"""A bus played by hand, with a ledger in memory: it can give real adapters good receipts, and every kind of bad one."""
import queue
import threading

import zmq

from . import envelope, proto, session, tlog

TYPE = proto.ledger.EntryType


class FakeBus:
    """Runs in a thread. handlers[verb name](bus, message) decide; what they do not handle goes to `inbox`."""

    def __init__(self, pki, registry_file, key=None, endpoint="tcp://127.0.0.1:*", objects=()):
        self.public, self.secret = session.link_key(pki.folder / "bus/link.key")
        self.key = key or tlog.LogKey.load(pki.folder / "bus/ledger.key")
        self.registry_file = registry_file
        self.objects = {tlog.H(o): o for o in (registry_file, *objects)}
        self.chains, self.crls = {}, []
        self.entries, self.leaves, self.notes = [], [], {}
        self.time = envelope.now()
        self.inbox, self.outbox = queue.Queue(), queue.Queue()
        self.handlers = {"HELLO": type(self).on_hello, "FETCH": type(self).on_fetch, "PROVE": type(self).on_prove,
                         "PING": type(self).on_ping, "CREDIT": type(self).ignore, "PONG": type(self).ignore}
        self.peers = {}        # link key -> routing id
        self.registry_version = 1
        self.context = zmq.Context()
        self.context.setsockopt(zmq.LINGER, 0)
        self.zap = session.Zap(self.context)
        self.zap.start()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.router_mandatory = True
        session.curve(self.socket, self.public, self.secret)
        self.socket.bind(endpoint)
        self.endpoint = self.socket.last_endpoint.decode().rstrip("\0")
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    # --- loop: the socket belongs to this thread ---

    def run(self):
        while not self.stopping.is_set():
            while not self.outbox.empty():
                frames = self.outbox.get()
                try:
                    self.socket.send_multipart(frames, zmq.DONTWAIT)
                except zmq.ZMQError:
                    pass
            if not self.socket.poll(10):
                continue
            parts = self.socket.recv_multipart(copy=False)
            peer = parts[1].get("User-Id")
            routing_id, *frames = [p.bytes for p in parts]
            message = session.Message.parse(frames, routing_id, bytes.fromhex(peer))
            self.peers[message.peer] = routing_id
            handler = self.handlers.get(message.name)
            if handler:
                handler(self, message)
            else:
                self.inbox.put(message)
        self.socket.close(0)

    def close(self):
        self.stopping.set()
        self.thread.join()
        self.context.term()

    def send(self, routing_id, name, message=None, payload=b""):
        self.outbox.put([routing_id] + session.Message(session.VERBS[name], message, payload).frames())

    def next(self, *names, timeout=15.0):
        """Next message of these verbs from any adapter; None on time out."""
        import time
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            try:
                message = self.inbox.get(timeout=left)
            except queue.Empty:
                return None
            if not names or message.name in names:
                return message
        return None

    # --- what a good bus does ---

    def ignore(self, message):
        pass

    def on_ping(self, message):
        self.send(message.routing_id, "PONG", proto.session.Pong(nonce=message.message.nonce))

    def on_hello(self, message):
        hello = message.message
        if hello.certificate:
            chain = b"".join(hello.certificate)
            self.objects[tlog.H(chain)] = chain
            self.chains[tlog.H(hello.certificate[0])] = chain
        proof = []
        if hello.checkpoint:
            old = tlog.checkpoint_open(hello.checkpoint, self.key.vkey)
            if old.size <= len(self.leaves):
                proof = tlog.consistency(self.leaves, old.size)
        self.send(message.routing_id, "WELCOME", proto.session.Welcome(
            version=1, session=hello.session, time=envelope.now(), checkpoint=self.checkpoint(), consistency=proof,
            registry_version=self.registry_version, registry_hash=tlog.H(self.registry_file),
            crl=[tlog.H(c) for c in self.crls], credit_messages=64, credit_bytes=16 << 20, software=b"fakebus"))

    def on_fetch(self, message):
        fetch = message.message
        if fetch.kind == proto.session.LATEST_REGISTRY:
            data = self.registry_file
        elif fetch.kind == proto.session.CHAIN_OF:
            data = self.chains.get(fetch.hash, b"")
        else:
            data = self.objects.get(fetch.hash, b"")
        part = data[fetch.offset:fetch.offset + 262144]
        self.send(message.routing_id, "OBJECT", proto.session.Object(kind=fetch.kind, hash=fetch.hash, offset=fetch.offset,
                                                                     total=len(data)), part)

    def on_prove(self, message):
        prove = message.message
        new = prove.new_size or len(self.leaves)
        if prove.old_size <= new <= len(self.leaves):
            self.send(message.routing_id, "PROOF", proto.session.Proof(
                old_size=prove.old_size, new_size=new, hash=tlog.consistency(self.leaves[:new], prove.old_size),
                checkpoint=self.checkpoint(new)))

    def add_crls(self, *ders):
        self.crls += ders
        self.objects.update({tlog.H(c): c for c in ders})

    # --- ledger ---

    def append(self, kind, **fields):
        self.time = max(self.time + 1, envelope.now())
        values = dict(version=1, type=kind, time=self.time, registry_version=self.registry_version,
                      registry_hash=tlog.H(self.registry_file))
        values.update(fields)
        raw = proto.ledger.Entry(**values).SerializeToString()
        self.entries.append(raw)
        self.leaves.append(tlog.leaf_hash(raw))
        return len(self.entries) - 1

    def checkpoint(self, size=None, key=None):
        size = len(self.leaves) if size is None else size
        if size == 0:
            return b""
        cp = tlog.Checkpoint((key or self.key).name, size, tlog.root(self.leaves[:size]))
        return (key or self.key).note(cp.text())

    def receipt(self, index, key=None):
        size = len(self.leaves)
        return self.entries[index], tlog.proof_text(index, tlog.inclusion(self.leaves, index), self.checkpoint(size, key))

    def admit(self, submit):
        """Entry for a SUBMIT as it came; returns its index."""
        m = submit.message
        context = proto.envelope.Context.FromString(m.context)
        kind = TYPE.SUBJECT_KEY_ENTRY if context.kind == proto.envelope.SUBJECT_KEY else TYPE.ADMITTED
        return self.append(kind, context=m.context, body=m.body, signature=m.signature)

    def deliver(self, routing_id, exchange, receipt, request_receipt=None, slot=0):
        """DELIVER of a member.Exchange with any (entry, proof) as its receipt."""
        entry, proof = receipt
        message = proto.session.Deliver(entry=entry, proof=proof, slot_hash=[tlog.H(s) for s in exchange.sealed.slots],
                                        slot=exchange.sealed.slots[slot])
        if request_receipt:
            message.request_entry, message.request_proof = request_receipt
        self.send(routing_id, "DELIVER", message, exchange.sealed.chunks[0])
        for i, chunk in enumerate(exchange.sealed.chunks[1:], 1):
            self.send(routing_id, "CHUNK", proto.session.Chunk(leaf=exchange.leaf, index=i), chunk)
