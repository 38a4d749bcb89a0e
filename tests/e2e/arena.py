"""A bus with small limits, two real adapters that go on, and a member played by hand that attacks."""
import contextlib
import copy
import os
import pathlib
import time

from fresh import fresh_sandbox
from helpers import ask_identity, child_of, play, sealing_public
from sandbox.cluster import MAS, MEN, MI
from waslpy import proto, session
from waslpy.rawlink import RawLink

MIB = 1 << 20
LIMITS = dict(pipeline_bytes=32 * MIB, waiting_bytes=32 * MIB, cache_bytes=8 * MIB, mailbox_bytes=16 * MIB)
HEAD = {name: bytes([1, verb]) for name, verb in session.VERBS.items()}


def stated_bound(members, limits):
    """Of the bus's RssAnon, as bus/broker/README.md computes it."""
    value = dict(pipeline_bytes=256 * MIB, waiting_bytes=128 * MIB, cache_bytes=16 * MIB, mailbox_bytes=64 * MIB,
                 submit_bytes=16 * MIB) | limits
    each = value["submit_bytes"] + 2 * value["mailbox_bytes"] + 24 * MIB
    return (64 * MIB + value["pipeline_bytes"] + 5 * value["waiting_bytes"] // 2 + value["cache_bytes"] + members * each)


class Arena:
    def __init__(self, s):
        self.s = s
        may_ask = copy.deepcopy(s.registry["grants"][0])
        may_ask["consumer"] = f"{MAS}/social"
        s.registry["grants"].append(may_ask)
        s.start_databases(20)
        s.start_bus(**LIMITS)
        s.add_adapter(MI, ["civil"], s.services("civil-status", civil="civil"))
        s.add_adapter(MEN, ["enrolment"])
        for adapter in s.adapters.values():
            adapter.start(s.bus, linked=False)
        for adapter in s.adapters.values():
            adapter.wait_linked()
        self.iuc = child_of(s.country).iuc
        self.pid = s.bus.process.popen.pid
        self.most = 0

    @contextlib.contextmanager
    def attacker(self, hello=True, **fields):
        member = play(self.s, MAS, "social")
        try:
            if hello:  # said again until it is answered, as an adapter does
                answers = (member.hello(timeout=3, **fields) for _ in range(4))
                assert next(a for a in answers if a is not None).name == "WELCOME"
            yield member
        finally:
            member.close()

    def raw(self, member=MAS, identity=b""):
        """A shaken link of that member's key: what is not even a ZeroMQ socket."""
        public, secret = session.link_key(self.s.pki.member(member) / "link.key")
        return RawLink(self.s.bus.endpoint, self.s.bus.public, public, secret, identity, timeout=3).shake()

    def request(self, member, **fields):
        """A signed request of the attacker, good unless a field says otherwise."""
        iuc = self.iuc.encode()
        head = proto.content.RequestHead(method=b"GET", path=b"/persons/" + iuc, subject_type=b"IUC", subject_value=iuc)
        return member.request(f"{MAS}/social", f"{MI}/civil", "person", "identity", "SCHOOL-ENROLMENT", "loi-2004-63-art-47",
                              [(MI, sealing_public(self.s, MI))], head=head, **fields)

    def anonymous(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        now = int(status.split("RssAnon:")[1].split()[0]) * 1024
        self.most = max(self.most, now)
        return now

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def logged(self, *words, within=10.0):
        """Does the log have a line with all these words, written since the test began?"""
        end = time.monotonic() + within
        while True:
            for line in self.s.bus.process.text()[self.mark:].splitlines():
                if all(w in line for w in words):
                    return line
            if time.monotonic() > end:
                return None
            time.sleep(0.05)

    def begin(self):
        self.mark = len(self.s.bus.process.text())

    def ask(self):
        start = time.monotonic()
        answer = ask_identity(self.s, self.iuc)
        assert answer.status == 200, (answer.status, answer.refusal, answer.body)
        return time.monotonic() - start

    def all_goes_on(self):
        assert self.s.bus.process.running, self.s.bus.process.tail()
        self.ask()
        bound = stated_bound(3, LIMITS)
        assert self.anonymous() < bound
        print(f"RssAnon of the bus: now {self.anonymous() / MIB:.1f} MiB, at most {self.most / MIB:.1f} MiB, stated bound "
              f"{bound / MIB:.0f} MiB")


@contextlib.contextmanager
def fresh_arena():
    with fresh_sandbox() as s:
        yield Arena(s)


def hello_frames(member, **fields):
    values = dict(version_min=1, version_max=1, session=os.urandom(16), subsystem=[b"social"], certificate=member.signer.der,
                  credit_messages=64, credit_bytes=16 * MIB) | fields
    return [HEAD["HELLO"], proto.session.Hello(**values).SerializeToString(), b""]
