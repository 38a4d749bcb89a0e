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


class Comparison:
    """Holds everything that left the bus against its ledger, as often as one likes: signatures are checked once."""

    def __init__(self, s, frames):
        self.s, self.frames, self.done, self.count = s, frames, 0, 0
        self.entries, self.checkpoints = {}, set()

    def take(self):
        new = self.frames[self.done:]
        self.done += len(new)
        for entry, proof in receipts(new):
            index, checkpoint = tlog.proof_check(proof, entry, self.s.pki.text("bus/ledger.vkey"))
            assert self.entries.setdefault(index, entry) == entry, f"two different entries left the bus as {index}"
            self.checkpoints.add((checkpoint.size, checkpoint.root))
            self.count += 1

    def compare(self):
        """Everything is in the ledger where its receipt says; every checkpoint given out is a prefix of it.
        Returns (messages compared, size)."""
        self.take()
        raw, _checkpoint = raw_entries(self.s)
        roots = Roots([tlog.leaf_hash(e) for e in raw])
        for size, root in self.checkpoints:
            assert size <= len(raw), f"the tree shrank: {size} was signed, {len(raw)} are left"
            assert roots.root(size) == root, f"the checkpoint of {size} is of another tree"
        for index, entry in self.entries.items():
            assert raw[index] == entry, f"entry {index} is not what left the bus"
        return self.count, len(raw)
