"""A member played by hand: it can say anything that a real adapter would, and anything that it would not."""
import time

import zmq
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from . import envelope, proto, seal, session, tlog

KIND = envelope.KIND


def load_sealing(path):
    import base64
    return X25519PrivateKey.from_private_bytes(base64.b64decode(open(path, encoding="ascii").read().split()[1]))


class Exchange:
    """A message made: its bytes and chunks."""

    def __init__(self, context, body, block, sealed=None):
        self.context, self.body, self.block, self.sealed = context, body, block, sealed
        self.leaf = envelope.leaf(context, body)

    def submit(self):
        message = proto.session.Submit(context=self.context, body=self.body, signature=self.block,
                                       slot=self.sealed.slots if self.sealed else [])
        return message, (self.sealed.chunks[0] if self.sealed else b"")


class Member:
    def __init__(self, pki, member, bus_endpoint=None, bus_public=None, subsystems=(), instance=b"TN"):
        folder = pki.member(member)
        self.member, self.instance, self.subsystems = member, instance, subsystems
        self.signer = envelope.Signer((folder / "signing.key.pem").read_bytes(), (folder / "chain.pem").read_bytes())
        self.sealing = load_sealing(folder / "sealing.key")
        self.public, self.secret = session.link_key(folder / "link.key")
        self.context = zmq.Context()
        self.context.setsockopt(zmq.LINGER, 0)  # a test that failed must not wait for its socket for ever
        self.socket = None
        self.seen = []          # everything received, for tests that look back
        self.checkpoint = b""
        self.contexts = None    # a dict: HPKE contexts are kept in it, and slots are by label
        if bus_endpoint:
            self.connect(bus_endpoint, bus_public)

    def connect(self, endpoint, bus_public):
        self.socket = self.context.socket(zmq.DEALER)
        session.curve(self.socket, self.public, self.secret, bus_public)
        self.socket.connect(endpoint)

    def close(self):
        if self.socket:
            self.socket.close(0)
        self.context.term()

    def send(self, name, message=None, payload=b"", frames=None):
        if frames is None:
            frames = session.Message(session.VERBS[name], message, payload).frames()
        self.socket.send_multipart(frames)

    def receive(self, *names, timeout=10.0, match=None):
        """Next message of one of these verbs (any, when none is named). Answers PING by itself. None: time out."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            if not self.socket.poll(int(left * 1000) + 1):
                return None
            message = session.Message.parse(self.socket.recv_multipart())
            self.seen.append(message)
            if message.name == "PING":
                self.send("PONG", proto.session.Pong(nonce=message.message.nonce))
            if (not names and message.name != "PING" or message.name in names) and (match is None or match(message)):
                return message
        return None

    def hello(self, timeout=10.0, credit=(64, 16 << 20), **fields):
        """WELCOME or BYE. Said again every two seconds, as adapters do: the bus drops HELLOs that come too fast."""
        values = dict(version_min=1, version_max=1, software=b"waslpy", session=session.random_session(),
                      checkpoint=self.checkpoint, subsystem=[s.encode() for s in self.subsystems],
                      certificate=self.signer.der, credit_messages=credit[0], credit_bytes=credit[1])
        values.update(fields)
        end = time.monotonic() + timeout
        answer = None
        while answer is None and (left := end - time.monotonic()) > 0:
            self.send("HELLO", proto.session.Hello(**values))
            answer = self.receive("WELCOME", "BYE", timeout=min(2.0, left))
        return answer

    # --- making messages ---

    def sign(self, context, body=b"", sealed=None, signer=None):
        if not isinstance(context, bytes):
            context = context.SerializeToString()
        signer = signer or self.signer
        return Exchange(context, body, signer.block(self.instance, [envelope.leaf(context, body)], 0), sealed)

    def message(self, context, plaintext, receivers, signer=None, media_type=b"application/json", **options):
        raw = context.SerializeToString()
        sealed = seal.Sealed(plaintext, raw, receivers, **{"contexts": self.contexts, **options})
        return self.sign(raw, sealed.body(media_type), sealed, signer)

    def request(self, consumer, provider, service, operation, purpose, legal_basis, receivers, method=b"GET", path=b"/",
                query=b"", body=b"", head=None, signer=None, **fields):
        context = envelope.context(KIND.REQUEST, consumer, provider, service, operation=operation, purpose=purpose,
                                   legal_basis=legal_basis, **fields)
        head = head or proto.content.RequestHead(method=method, path=path, query=query)
        return self.message(context, seal.frame(head.SerializeToString(), body), receivers, signer)

    def response(self, request_context, request_leaf, receivers, status=200, body=b"{}", signer=None, head=None,
                 media_type=b"application/json", **fields):
        asked = proto.envelope.Context.FromString(request_context)
        values = dict(exchange_id=asked.exchange_id, operation=asked.operation, purpose=asked.purpose,
                      legal_basis=asked.legal_basis, request_leaf=request_leaf, expires=asked.expires)
        values.update(fields)
        context = envelope.context(KIND.RESPONSE, asked.consumer, asked.provider, asked.service, **values)
        head = head or proto.content.ResponseHead(status=status)
        return self.message(context, seal.frame(head.SerializeToString(), body), receivers, signer, media_type)

    def submit(self, exchange):
        message, payload = exchange.submit()
        self.send("SUBMIT", message, payload)
        for i, chunk in enumerate(exchange.sealed.chunks[1:] if exchange.sealed else [], 1):
            self.send("CHUNK", proto.session.Chunk(leaf=exchange.leaf, index=i), chunk)
        return exchange

    def outcome(self, exchange, timeout=15.0):
        """The RECEIPT, REFUSED or DELIVER that ends this message for its sender."""
        wanted = proto.envelope.Context.FromString(exchange.context).exchange_id

        def about(m):
            if m.name == "REFUSED":
                return m.message.leaf == exchange.leaf or m.message.exchange_id == wanted
            return entry_exchange(m.message.entry) == wanted
        return self.receive("RECEIPT", "REFUSED", "DELIVER", timeout=timeout, match=about)


def entry_exchange(raw):
    entry = proto.ledger.Entry.FromString(raw)
    if entry.context:
        return proto.envelope.Context.FromString(entry.context).exchange_id
    return entry.exchange_id


def open_delivery(message, chunks, private):
    """(context, head bytes, body bytes) of a DELIVER."""
    entry = proto.ledger.Entry.FromString(message.message.entry)
    plaintext = seal.open_body(message.message.slot, chunks, entry.context, entry.body, private)
    head, body = seal.unframe(plaintext)
    return proto.envelope.Context.FromString(entry.context), head, body


def check_receipt(entry, proof, vkey):
    """The parsed entry when the receipt is good, tlog.Bad otherwise."""
    tlog.proof_check(proof, entry, vkey)
    return proto.ledger.Entry.FromString(entry)
