"""Load through a relay that keeps every frame which left the bus, and the comparison of those with the ledger."""
import random
import threading

from helpers import CLIENT, ECHO, MEN, MI, PERSON, raw_entries
from waslpy import session, tlog
from waslpy.relay import Relay


def echo_registry(s):
    """One service without a subject, so that load needs no database."""
    service = s.registry["members"][0]["subsystems"][0]["services"][0]
    del service["subject"]
    service["timeout_ms"] = 3000
    service["operations"] = [{"code": "echo", "method": "GET", "path": "/echo/{n}"},
                             {"code": "add", "method": "POST", "path": "/add/{n}"}]
    s.registry["grants"] = [{"consumer": CLIENT, "service": PERSON, "purpose": "SCHOOL-ENROLMENT", "whole": True,
                             "expires": "2030-06-30T00:00:00Z"}]


class Load:
    """Real adapters behind a relay, asked by threads without pause."""

    def __init__(self, s, threads=4):
        self.s, self.stopping = s, threading.Event()
        self.relay = Relay(s.pki, [MI, MEN], s.bus.endpoint, s.bus.public)
        self.answered, self.refused = [], []
        s.add_adapter(MI, ["civil"], ECHO).start(self.relay.endpoint)
        self.men = s.add_adapter(MEN, ["enrolment"]).start(self.relay.endpoint)
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(threads)]
        for t in self.threads:
            t.start()

    def run(self, i):
        rng = random.Random(i)
        while not self.stopping.is_set():
            try:
                n = rng.randrange(1 << 30)
                method, path = ("GET", f"/echo/{n}") if n % 2 else ("POST", f"/add/{n}")
                answer = self.men.ask(CLIENT, PERSON, path, "SCHOOL-ENROLMENT", method=method, timeout=60,
                                      body=b"{}" if method == "POST" else None)
                (self.refused if answer.refusal else self.answered).append(answer.exchange)
                if answer.refusal:
                    self.stopping.wait(0.02)  # nobody asks a bus that is down in a tight loop
            except OSError:
                self.stopping.wait(0.02)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(90)
        assert not any(t.is_alive() for t in self.threads), "an asker hangs"

    def close(self):
        for a in self.s.adapters.values():
            a.process.stop()
        self.relay.close()


def receipts(frames):
    """(entry, proof) of everything that left the bus."""
    for direction, (head, raw, _payload) in frames:
        if direction != "down":
            continue
        name = session.NAMES[head[1]]
        if name not in ("RECEIPT", "REFUSED", "DELIVER"):
            continue
        message = session.TYPES[head[1]].FromString(raw)
        if message.entry:
            yield message.entry, message.proof
        if name == "DELIVER" and message.request_entry:
            yield message.request_entry, message.request_proof


class Roots:
    """Root of every prefix of a list of leaves, asked in any order, by a memory of complete subtrees."""

    def __init__(self, leaves):
        self.levels = [leaves]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            self.levels.append([tlog.node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def root(self, size):
        parts, at = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                parts.append(self.levels[level][at >> level])
                at += 1 << level
        out = parts.pop()
        while parts:
            out = tlog.node_hash(parts.pop(), out)
        return out


def compare(s, frames):
    """Everything that left the bus is in the ledger where its receipt says; every checkpoint given out is a prefix of it.
    Returns (messages compared, size)."""
    vkey = s.pki.text("bus/ledger.vkey")
    raw, _checkpoint = raw_entries(s)
    roots = Roots([tlog.leaf_hash(e) for e in raw])
    count = 0
    for entry, proof in receipts(frames):
        index, checkpoint = tlog.proof_check(proof, entry, vkey)
        assert checkpoint.size <= len(raw), f"the tree shrank: {checkpoint.size} was signed, {len(raw)} are left"
        assert raw[index] == entry, f"entry {index} is not what left the bus"
        assert roots.root(checkpoint.size) == checkpoint.root, f"the checkpoint of {checkpoint.size} is of another tree"
        count += 1
    return count, len(raw)
