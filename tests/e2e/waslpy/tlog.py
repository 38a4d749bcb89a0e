"""RFC 6962 hashing, signed notes, checkpoints, proofs: written from the public formats."""
import base64
import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.exceptions import InvalidSignature


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(data):
    return H(b"\0", data)


def node_hash(left, right):
    return H(b"\1", left, right)


def _split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root(leaves):
    if not leaves:
        return H(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def inclusion(leaves, index):
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return inclusion(leaves[:k], index) + [root(leaves[k:])]
    return inclusion(leaves[k:], index - k) + [root(leaves[:k])]


def root_from_path(leaf, index, size, path):
    """Root that the path leads to, or None when its length does not fit."""
    def walk(i, n, p):
        if n == 1:
            return leaf if not p else None
        if not p:
            return None
        k = _split(n)
        if i < k:
            left = walk(i, k, p[:-1])
            return left and node_hash(left, p[-1])
        right = walk(i - k, n - k, p[:-1])
        return right and node_hash(p[-1], right)
    return walk(index, size, list(path)) if index < size else None


def consistency(leaves, old):
    def sub(m, d, whole):
        n = len(d)
        if m == n:
            return [] if whole else [root(d)]
        k = _split(n)
        if m <= k:
            return sub(m, d[:k], whole) + [root(d[k:])]
        return sub(m - k, d[k:], False) + [root(d[:k])]
    return [] if old == 0 else sub(old, leaves, True)


class LogKey:
    """A note key with its private half, in the text form that Go's sumdb/note writes."""

    def __init__(self, name, private=None, kind=1):
        self.name, self.kind = name, kind
        self.private = private or Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def load(cls, path):
        text = open(path, encoding="utf-8").read().strip()
        private, key, name, _id, data = text.split("+", 4)
        assert (private, key) == ("PRIVATE", "KEY"), path
        raw = base64.b64decode(data)
        return cls(name, Ed25519PrivateKey.from_private_bytes(raw[1:33]), raw[0])

    @property
    def id(self):
        return H(self.name.encode(), b"\n", bytes([self.kind]), self.public)[:4]

    @property
    def vkey(self):
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def note(self, text):
        line = base64.b64encode(self.id + self.private.sign(text.encode())).decode()
        return f"{text}\n\u2014 {self.name} {line}\n".encode()


def vkey_parse(vkey):
    name, kid, data = vkey.strip().split("+", 2)
    raw = base64.b64decode(data, validate=True)
    assert H(name.encode(), b"\n", raw)[:4].hex() == kid
    return name, bytes.fromhex(kid), raw[0], raw[1:]


@dataclass
class Checkpoint:
    origin: str
    size: int
    root: bytes

    def text(self):
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class Bad(Exception):
    """Something signed or proven does not hold."""


def note_open(note, vkey):
    """Text of a note that this key has signed; Bad otherwise."""
    name, kid, _kind, public = vkey_parse(vkey)
    text, _, signatures = note.decode().rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, data = line.split(" ")
        raw = base64.b64decode(data, validate=True)
        if dash == "\u2014" and signer == name and raw[:4] == kid:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
            except InvalidSignature:
                raise Bad("note: bad signature") from None
            return text
    raise Bad("note: not signed by " + name)


def checkpoint_open(note, vkey):
    lines = note_open(note, vkey).split("\n")
    if len(lines) != 4 or lines[0] != vkey_parse(vkey)[0]:
        raise Bad("checkpoint: form")
    return Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))


def proof_text(index, path, checkpoint_note):
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}"] + [base64.b64encode(p).decode() for p in path]
    return ("\n".join(lines) + "\n\n").encode() + checkpoint_note


def proof_check(proof, entry, vkey):
    """(index, Checkpoint) when the entry is in the log; Bad otherwise."""
    head, _, note = proof.partition(b"\n\n")
    lines = head.decode().split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1":
        raise Bad("proof: header")
    lines = lines[1:]
    if lines[0].startswith("extra "):
        lines = lines[1:]
    if not lines[0].startswith("index "):
        raise Bad("proof: index")
    index = int(lines[0][6:])
    path = [base64.b64decode(x, validate=True) for x in lines[1:]]
    checkpoint = checkpoint_open(note, vkey)
    if root_from_path(leaf_hash(entry), index, checkpoint.size, path) != checkpoint.root:
        raise Bad("proof: does not lead to the root")
    return index, checkpoint


def bundle(entries):
    return b"".join(struct.pack(">H", len(e)) + e for e in entries)


def bundle_entries(data):
    entries = []
    while data:
        n = struct.unpack(">H", data[:2])[0]
        assert len(data) >= 2 + n, "a bundle is cut"
        entries.append(data[2:2 + n])
        data = data[2 + n:]
    return entries


def bundle_path(number, width):
    """/tile/entries/x001/234.p/5"""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    return "/tile/entries/" + "/".join(groups) + ("" if width == 256 else f".p/{width}")
