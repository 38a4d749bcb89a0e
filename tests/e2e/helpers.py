"""What several end-to-end tests say."""
import json

from sandbox.cluster import MAS, MEN, MI
from waslpy import proto, tlog
from waslpy.member import Member

CLIENT = f"{MEN}/enrolment"
PERSON, BENEFICIARY = f"{MI}/civil/person", f"{MAS}/social/beneficiary"
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


def ledger(s):
    """All entries, parsed, straight from the audit socket by the public paths; the checkpoint is checked."""
    status, note = s.bus.get("/checkpoint")
    assert status == 200
    checkpoint = tlog.checkpoint_open(note, s.pki.text("bus/ledger.vkey"))
    raw = []
    for number in range((checkpoint.size + 255) // 256):
        width = min(256, checkpoint.size - number * 256)
        path = f"/tile/entries/{number:03d}" + ("" if width == 256 else f".p/{width}")
        status, bundle = s.bus.get(path)
        assert status == 200, path
        while bundle:
            n = int.from_bytes(bundle[:2], "big")
            raw.append(bundle[2:2 + n])
            bundle = bundle[2 + n:]
    assert tlog.root([tlog.leaf_hash(e) for e in raw]) == checkpoint.root
    return [proto.ledger.Entry.FromString(e) for e in raw]


def assert_refused(answer, code, words=None):
    assert answer.refusal == code, (answer.status, answer.refusal, answer.body)
    assert answer.headers["x-road-error"] and answer.json()["type"] == answer.headers["x-road-error"]
    assert answer.json()["detail"] == answer.exchange
    if words:
        assert words in answer.json()["message"], answer.json()


def assert_recorded(s, exchange, code):
    """Exactly one terminal entry of that exchange, and it says this code."""
    found = [e for e in entries_of(s, exchange) if e.get("outcome") == code or e.get("reason") == code]
    assert len(found) == 1, entries_of(s, exchange)


def play(s, member, *subsystems):
    """A member played by hand, connected to the sandbox's bus."""
    return Member(s.pki, member, s.bus.endpoint, s.bus.public, subsystems)


def sealing_public(s, member):
    import base64
    return base64.b64decode(s.pki.text(s.pki.member(member) / "sealing.pub"))


def identity_request(s, consumer, iuc="01234567890", signer=None, purpose="SCHOOL-ENROLMENT", **fields):
    """A REQUEST for civil/person identity, made by hand."""
    values = dict(method=b"GET", path=f"/persons/{iuc}".encode(), head=proto.content.RequestHead(
        method=b"GET", path=f"/persons/{iuc}".encode(), subject_type=b"IUC", subject_value=iuc.encode()))
    receivers = fields.pop("receivers", [(MI, sealing_public(s, MI))])
    values.update(fields)
    return consumer.request(CLIENT, f"{MI}/civil", "person", values.pop("operation", "identity"), purpose,
                            values.pop("legal_basis", "loi-2004-63-art-47"), receivers, signer=signer, **values)
