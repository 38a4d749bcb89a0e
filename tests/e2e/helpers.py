"""What several end-to-end tests say."""
import base64
import collections
import json
import re
import time

from sandbox.cluster import MAS, MEN, MI
from sandbox.pki import TOP
from waslpy import proto, tlog
from waslpy.member import Member

CLIENT = f"{MEN}/enrolment"
PERSON, BENEFICIARY = f"{MI}/civil/person", f"{MAS}/social/beneficiary"
ECHO = [{"service": PERSON, "connector": "echo"}]
TYPE = proto.ledger.EntryType


def child_of(country):
    """A minor."""
    return max((p for p in country.people if p.father), key=lambda p: p.born)


def ask_identity(s, iuc, purpose="SCHOOL-ENROLMENT", subject=None, **more):
    return s.adapters[MEN].ask(CLIENT, PERSON, f"/persons/{iuc}", purpose, subject or f"IUC:{iuc}", **more)


def log(s, *arguments):
    """Entries as wasl-audit log -o jsonl gives them."""
    result = s.audit("log", "-o", "jsonl", *arguments, check=False)
    assert result.returncode in (0, 1), result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def entries_of(s, exchange):
    return log(s, "--exchange", exchange)


def raw_entries(s):
    """All entries as they lie in the ledger, straight from the audit socket by the public paths; the checkpoint is checked."""
    status, note = s.bus.get("/checkpoint")
    assert status == 200
    checkpoint = tlog.checkpoint_open(note, s.pki.text("bus/ledger.vkey"))
    raw = []
    for number in range((checkpoint.size + 255) // 256):
        path = tlog.bundle_path(number, min(256, checkpoint.size - number * 256))
        status, bundle = s.bus.get(path)
        assert status == 200, path
        raw += tlog.bundle_entries(bundle)
    return raw, checkpoint


def ledger(s):
    """All entries, parsed; they are those of the checkpoint."""
    raw, checkpoint = raw_entries(s)
    assert tlog.root([tlog.leaf_hash(e) for e in raw]) == checkpoint.root
    return [proto.ledger.Entry.FromString(e) for e in raw]


def exchange_of(entry):
    """The exchange that an entry belongs to; empty for what belongs to none."""
    return proto.envelope.Context.FromString(entry.context).exchange_id if entry.context else entry.exchange_id


def terminals(entries):
    """exchange id -> kinds of its terminal entries."""
    out = collections.defaultdict(list)
    for e in entries:
        exchange, context = exchange_of(e), proto.envelope.Context.FromString(e.context)
        if e.type in (TYPE.TIMED_OUT, TYPE.INTERRUPTED) or e.type == TYPE.REFUSED and exchange and (
                context.kind != proto.envelope.RESPONSE):  # a refused response ends nothing
            out[exchange].append(TYPE.Name(e.type))
        elif e.type == TYPE.ADMITTED and context.kind == proto.envelope.RESPONSE:
            out[exchange].append("RESPONSE")
    return out


def refusal_names():
    """number -> name, from the one table."""
    text = (TOP / "bus/base/refusal.def").read_text(encoding="utf-8")
    return {int(n): name.lower() for n, name in re.findall(r"^REFUSAL\((\d+), (\w+),", text, re.M)}


def assert_refused(answer, code, words=None):
    assert answer.refusal == code, (answer.status, answer.refusal, answer.body)
    assert answer.headers["x-road-error"] and answer.json()["type"] == answer.headers["x-road-error"]
    assert answer.json()["detail"] == answer.exchange
    if words:
        assert words in answer.json()["message"], answer.json()


def assert_recorded(s, exchange, code):
    """Exactly one terminal entry of that exchange, and it says this code. An adapter answers its own refusals at once and records
    them beside that, so the entry may be a moment behind."""
    end = time.monotonic() + 10
    while not (entries := entries_of(s, exchange)) and time.monotonic() < end:
        time.sleep(0.02)
    assert len([e for e in entries if code in (e.get("outcome"), e.get("reason"))]) == 1, entries


def play(s, member, *subsystems):
    """A member played by hand, connected to the sandbox's bus."""
    return Member(s.pki, member, s.bus.endpoint, s.bus.public, subsystems)


def sealing_public(s, member):
    return base64.b64decode(s.pki.text(s.pki.member(member) / "sealing.pub"))


def identity_request(s, consumer, iuc="01234567890", signer=None, purpose="SCHOOL-ENROLMENT", **fields):
    """A REQUEST for civil/person identity, made by hand."""
    values = dict(method=b"GET", path=f"/persons/{iuc}".encode(), head=proto.content.RequestHead(
        method=b"GET", path=f"/persons/{iuc}".encode(), subject_type=b"IUC", subject_value=iuc.encode()))
    receivers = fields.pop("receivers", [(MI, sealing_public(s, MI))])
    values.update(fields)
    return consumer.request(CLIENT, f"{MI}/civil", "person", values.pop("operation", "identity"), purpose,
                            values.pop("legal_basis", "loi-2004-63-art-47"), receivers, signer=signer, **values)
