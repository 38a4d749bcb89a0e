"""HPKE (RFC 9180 base mode, X25519 / HKDF-SHA256 / AES-256-GCM) and the sealed body of section 4."""
import hashlib
import hmac
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import proto, tlog

CHUNK = 262144
KEM = b"KEM" + struct.pack(">H", 0x20)
SUITE = b"HPKE" + struct.pack(">HHH", 0x20, 1, 2)


def _extract(suite, salt, label, ikm):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()


def _expand(suite, prk, label, info, length):
    info = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return out[:length]


def raw_public(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Hpke:
    def __init__(self, shared, info):
        psk = _extract(SUITE, b"", b"psk_id_hash", b"")
        context = b"\0" + psk + _extract(SUITE, b"", b"info_hash", info)
        secret = _extract(SUITE, shared, b"secret", b"")
        self.key = _expand(SUITE, secret, b"key", context, 32)
        self.nonce = _expand(SUITE, secret, b"base_nonce", context, 12)
        self.exporter = _expand(SUITE, secret, b"exp", context, 32)

    @classmethod
    def sender(cls, public, info):
        ephemeral = X25519PrivateKey.generate()
        enc = raw_public(ephemeral)
        dh = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
        return enc, cls(cls._kem(dh, enc, public), info)

    @classmethod
    def receiver(cls, enc, private, info):
        dh = private.exchange(X25519PublicKey.from_public_bytes(enc))
        return cls(cls._kem(dh, enc, raw_public(private)), info)

    @staticmethod
    def _kem(dh, enc, public):
        prk = _extract(KEM, b"", b"eae_prk", dh)
        return _expand(KEM, prk, b"shared_secret", enc + public, 32)

    def seal(self, aad, plaintext):  # sequence 0: one message for each context
        return AESGCM(self.key).encrypt(self.nonce, plaintext, aad)

    def open(self, aad, sealed):
        return AESGCM(self.key).decrypt(self.nonce, sealed, aad)

    def export(self, label, length):
        return _expand(SUITE, self.exporter, b"sec", label, length)


def frame(head, body, pad=0):
    return struct.pack(">I", len(head)) + head + struct.pack(">Q", len(body)) + body + bytes(pad)


def unframe(plaintext):
    n = struct.unpack_from(">I", plaintext)[0]
    m = struct.unpack_from(">Q", plaintext, 4 + n)[0]
    head, body = plaintext[4:4 + n], plaintext[12 + n:12 + n + m]
    assert len(head) == n and len(body) == m and not any(plaintext[12 + n + m:])
    return head, body


class Sealed:
    """A body sealed for receivers [(name, public key)]. contexts: a dict of the sender's, by public key, in which HPKE contexts are
    kept; then slots are of the second form, by label."""

    def __init__(self, plaintext, context, receivers, contexts=None):
        self.content_key, commitment_key = os.urandom(32), os.urandom(32)
        aad = tlog.H(context)
        pieces = [plaintext[i:i + CHUNK] for i in range(0, len(plaintext), CHUNK)]
        gcm = AESGCM(self.content_key)
        self.chunks = [gcm.encrypt(i.to_bytes(12, "big"), p,
                                   aad + struct.pack(">IB", i, i == len(pieces) - 1)) for i, p in enumerate(pieces)]
        self.root = tlog.root([tlog.leaf_hash(c) for c in self.chunks])
        self.commitment = hmac.new(commitment_key, plaintext, hashlib.sha256).digest()
        self.slots = []
        for name, public in receivers:
            if contexts is None:
                enc, hpke = Hpke.sender(public, b"wasl/slot/v1")
            else:
                if public not in contexts:
                    contexts[public] = Hpke.sender(public, b"wasl/slot/v1")
                enc, hpke = contexts[public]
            keys = self.content_key + commitment_key
            slot = proto.envelope.Slot(receiver=name.encode(), key_id=tlog.H(public), enc=enc)
            if contexts is not None:
                slot.label = os.urandom(32)
                slot.sealed = AESGCM(hpke.export(slot.label, 32)).encrypt(bytes(12), keys, aad)
            else:
                slot.sealed = hpke.seal(aad, keys)
            self.slots.append(slot.SerializeToString())
        self.slots_hash = tlog.H(*[tlog.H(s) for s in self.slots])

    def body(self, media_type=b"application/json"):
        return proto.envelope.Body(sealed_root=self.root, slots_hash=self.slots_hash, commitment=self.commitment,
                                   sealed_length=sum(map(len, self.chunks)), media_type=media_type).SerializeToString()


def open_body(slot_bytes, chunks, context, body_bytes, private):
    """Plaintext, or tlog.Bad."""
    slot = proto.envelope.Slot.FromString(slot_bytes)
    body = proto.envelope.Body.FromString(body_bytes)
    aad = tlog.H(context)
    if tlog.root([tlog.leaf_hash(c) for c in chunks]) != body.sealed_root:
        raise tlog.Bad("seal: root")
    try:
        hpke = Hpke.receiver(slot.enc, private, b"wasl/slot/v1")
        if slot.label:
            keys = AESGCM(hpke.export(slot.label, 32)).decrypt(bytes(12), slot.sealed, aad)
        else:
            keys = hpke.open(aad, slot.sealed)
        gcm = AESGCM(keys[:32])
        plaintext = b"".join(gcm.decrypt(i.to_bytes(12, "big"), c, aad + struct.pack(">IB", i, i == len(chunks) - 1))
                             for i, c in enumerate(chunks))
    except InvalidTag:
        raise tlog.Bad("seal: does not open") from None
    if hmac.new(keys[32:], plaintext, hashlib.sha256).digest() != body.commitment:
        raise tlog.Bad("seal: commitment")
    return plaintext


def pseudonym(day_key, domain, kind, value):
    return hmac.new(day_key, domain + b"\0" + kind + b"\0" + value, hashlib.sha256).digest()[:16]
