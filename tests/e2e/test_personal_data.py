"""No personal data in any log (PostgreSQL's included), metric, argument list or error text."""
import pathlib
import re

from helpers import CLIENT, MEN, PERSON, BENEFICIARY, ask_identity


def hits(data, country):
    """Identifiers and names of the synthetic people in some bytes; 8 and 10 digits only as whole tokens."""
    text = data.decode(errors="replace")
    tokens = set(re.findall(r"[0-9]+", text))
    out = [p.iuc for p in country.people if p.iuc in tokens or p.iuc.encode().hex() in text]
    out += [p.cin for p in country.people if p.cin and p.cin in tokens]
    out += [h.social for h in country.households if h.social in tokens]
    words = set(re.findall(r"[^\W\d_]+(?:[ -][^\W\d_]+)*", text))
    out += [n for p in country.people for pair in (p.given, p.family) for n in pair[:1] if n in words]
    return sorted(set(out))


def test_no_personal_data_in_logs_metrics_arguments_or_error_texts(sandbox):
    s = sandbox()
    s.start_first_exchange(households=60)
    c = s.country
    men = s.adapters[MEN]
    errors, argv = b"", b""
    for p in c.people[:30]:
        ask_identity(s, p.iuc)
    asked = [
        ask_identity(s, c.people[0].iuc, purpose="STATISTICS"), ask_identity(s, c.unknown_iuc()),
        ask_identity(s, c.people[0].iuc, subject=f"IUC:{c.people[1].iuc}"), ask_identity(s, c.people[0].iuc[1:]),
        men.ask(CLIENT, PERSON, f"/persons/{c.people[0].iuc}/nothing", "SCHOOL-ENROLMENT", f"IUC:{c.people[0].iuc}"),
        men.ask(CLIENT, BENEFICIARY, f"/beneficiaries/{c.people[0].iuc}", "SCHOOL-AID", f"SOCIAL:{c.households[0].social}"),
        men.ask(CLIENT, BENEFICIARY, f"/beneficiaries/{c.people[0].iuc}", "SCHOOL-AID", f"IUC:{c.people[0].iuc}"),
    ]
    # the database fails on a real person's row: its own words must not come through
    s.postgres.psql("civil", "ALTER TABLE person RENAME COLUMN born TO naissance")
    asked.append(ask_identity(s, c.people[2].iuc))
    s.postgres.psql("civil", "ALTER TABLE person RENAME COLUMN naissance TO born;"
                             "ALTER TABLE attestation ADD CHECK (iuc <> '%s')" % c.people[3].iuc)
    assert all(a.refusal for a in asked), [(a.status, a.refusal) for a in asked]
    errors = b"".join(a.body + repr(a.headers).encode() for a in asked)
    for process in [s.bus.process, *[a.process for a in s.adapters.values()]]:
        argv += pathlib.Path(f"/proc/{process.popen.pid}/cmdline").read_bytes()
    metrics = s.bus.get("/status")[1] + b"".join(repr(a.status()).encode() for a in s.adapters.values())
    audit = s.audit("log", "-o", "jsonl").stdout.encode() + s.audit("log").stdout.encode()
    logs = b"".join(p.read_bytes() for p in s.folder.rglob("*.log"))
    assert b"session_opened" in logs or b"session" in logs
    ledger = b"".join(p.read_bytes() for p in s.bus.state.rglob("*") if p.is_file())
    for name, data in {"logs": logs, "errors": errors, "argv": argv, "metrics": metrics, "audit": audit, "ledger": ledger}.items():
        assert hits(data, c) == [], name
    planted = f"level=info iuc={c.people[5].iuc} name={c.people[5].given[0]}".encode()
    assert len(hits(logs + planted, c)) == 2  # the control
