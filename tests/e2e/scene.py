"""A real provider's adapter and a bus that lies when it is told to."""
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from helpers import ECHO, MEN, MI, identity_request
from waslpy import proto, tlog
from waslpy.fakebus import TYPE, FakeBus
from waslpy.member import Member


def der(pem):
    return x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)


def fake_bus(s, **options):
    if not s.registry_file.exists():
        s.sign_registry()
    bus = FakeBus(s.pki, s.registry_file.read_bytes(), **options)
    bus.add_crls(*[der((s.pki.folder / f"ca/{n}.crl.pem").read_bytes()) for n in ("root", "issuing")])
    return bus


class Scene:
    """A provider's adapter, linked to a fake bus; `men` makes requests that the bus delivers as it likes."""

    def __init__(self, s, services=ECHO):
        self.s = s
        self.bus = fake_bus(s)
        self.response = None  # the last one, whole
        self.bus.append(TYPE.ADMINISTRATION, note=b"started")
        self.men = Member(s.pki, MEN)
        chain = b"".join(self.men.signer.der)
        self.bus.chains[self.men.signer.hash] = chain
        self.bus.objects[tlog.H(chain)] = chain
        self.adapter = s.add_adapter(MI, ["civil"], services).start(self.bus.endpoint)

    @property
    def provider(self):
        return self.bus.peers[bytes.fromhex(self.s.pki.text(self.s.pki.member(MI) / "link.pub"))]

    def request(self, **fields):
        return identity_request(self.s, self.men, **fields)

    def admit(self, exchange, kind=TYPE.ADMITTED, **fields):
        return self.bus.append(kind, context=exchange.context, body=exchange.body, signature=exchange.block, **fields)

    def answer(self, timeout=6.0, leaf=None):
        """The response that the provider submits (to the request of this leaf hash), if any. A SUBJECT_KEY gets its receipt on
        the way."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            message = self.bus.next("SUBMIT", timeout=left)
            if message is None:
                return None
            context = proto.envelope.Context.FromString(message.message.context)
            if context.kind == proto.envelope.SUBJECT_KEY:
                entry, proof = self.bus.receipt(self.bus.admit(message))
                self.bus.send(message.routing_id, "RECEIPT", proto.session.Receipt(entry=entry, proof=proof))
                continue
            if context.kind == proto.envelope.RESPONSE and leaf in (None, context.request_leaf):
                self.response = message
                return context
        return None
