"""Context, signature block, leaf: section 3."""
import os
import struct
import time

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from . import proto, tlog

KIND = proto.envelope.Kind


def now():
    return time.time_ns() // 1000


def leaf(context, body):
    return tlog.H(b"\0", struct.pack(">I", len(context)), context, body)


def signed_bytes(instance, algorithm, certificate_hash, size, root):
    return (b"wasl/batch/v1\0" + instance + bytes([algorithm]) + certificate_hash + struct.pack(">I", size) + root)


class Signer:
    """A member's signing key and certificate chain."""

    def __init__(self, key_pem, chain_pem):
        self.key = load_pem_private_key(key_pem, None)
        parts = chain_pem.split(b"-----END CERTIFICATE-----")
        self.chain = [x509.load_pem_x509_certificate(p + b"-----END CERTIFICATE-----") for p in parts[:-1]]
        self.der = [c.public_bytes(Encoding.DER) for c in self.chain]
        self.hash = tlog.H(self.der[0])
        self.algorithm = algorithm_of(self.key.public_key())

    def raw(self, message):
        if self.algorithm == 1:
            r, s = utils.decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.algorithm == 2:
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(message)

    def block(self, instance, leaves, index):
        """Signature block of one leaf in a batch."""
        message = signed_bytes(instance, self.algorithm, self.hash, len(leaves), tlog.root(leaves))
        return proto.envelope.Signature(algorithm=self.algorithm, certificate=self.hash, tree_size=len(leaves),
                                        index=index, path=tlog.inclusion(leaves, index),
                                        signature=self.raw(message)).SerializeToString()


def algorithm_of(public):
    if isinstance(public, ec.EllipticCurvePublicKey):
        return 1
    return 2 if isinstance(public, rsa.RSAPublicKey) else 3


def verify(instance, context, body, block_bytes, certificate_der):
    """Bad unless the block is a good signature of this certificate over exactly these bytes."""
    block = proto.envelope.Signature.FromString(block_bytes)
    certificate = x509.load_der_x509_certificate(certificate_der)
    key = certificate.public_key()
    if block.certificate != tlog.H(certificate_der) or block.algorithm != algorithm_of(key):
        raise tlog.Bad("signature: another certificate")
    root = tlog.root_from_path(leaf(context, body), block.index, block.tree_size, block.path)
    if root is None or block.tree_size > 256:
        raise tlog.Bad("signature: path")
    message = signed_bytes(instance, block.algorithm, block.certificate, block.tree_size, root)
    try:
        if block.algorithm == 1:
            r, s = int.from_bytes(block.signature[:32], "big"), int.from_bytes(block.signature[32:], "big")
            key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        elif block.algorithm == 2:
            key.verify(block.signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(block.signature, message)
    except InvalidSignature:
        raise tlog.Bad("signature: does not fit") from None


def context(kind, consumer, provider=b"", service=b"", **fields):
    """A Context with what every kind needs; fields override."""
    t = now()
    values = dict(version=1, instance=b"TN", exchange_id=os.urandom(16), kind=kind, consumer=consumer,
                  provider=provider, service=service, created=t, expires=t + 30_000_000)
    values.update(fields)
    for name in ("consumer", "provider", "service", "operation", "purpose", "legal_basis", "retention", "instance"):
        if isinstance(values.get(name), str):
            values[name] = values[name].encode()
    return proto.envelope.Context(**values)
