"""The main job: answers, their entries, and that an auditor can verify them."""
import json

from helpers import BENEFICIARY, CLIENT, MEN, MI, PERSON, TYPE, ask_identity, child_of, entries_of, ledger
from waslpy import envelope, proto, tlog


def test_a_child_is_looked_up_with_the_permitted_fields_only(country):
    child = child_of(country.country)
    answer = ask_identity(country, child.iuc)
    assert answer.status == 200, answer.body
    assert answer.json() == {
        "iuc": child.iuc, "birth_date": child.born.isoformat(),
        "names": {"ar": {"given": child.given[0], "family": child.family[0]},
                  "fr": {"given": child.given[1], "family": child.family[1]}}}


def test_an_entitlement_is_looked_up_without_score_or_disability(country):
    household = country.country.households[0]
    answer = country.adapters[MEN].ask(CLIENT, BENEFICIARY, f"/beneficiaries/{household.social}", "SCHOOL-AID",
                                       f"SOCIAL:{household.social}")
    assert answer.status == 200, answer.body
    assert answer.json() == {"status": household.status, "valid_until": household.valid_until.isoformat()}


def test_guardianship_is_a_yes_or_no(country):
    child = child_of(country.country)
    for person, expected in ((child.father, True), (next(p for p in country.country.people if child not in p.children), False)):
        answer = country.adapters[MEN].ask(CLIENT, PERSON, f"/persons/{person.iuc}/guardian-of/{child.iuc}",
                                           "SCHOOL-ENROLMENT", f"IUC:{person.iuc}")
        assert answer.json() == {"iuc": person.iuc, "guardian": expected}


def test_an_exchange_has_a_request_and_a_response_entry_and_both_verify_from_their_bytes_alone(country):
    """python3-cryptography and the public formats, nothing of ours but the ledger's bytes and the certificate."""
    answer = ask_identity(country, child_of(country.country).iuc)
    kinds = [(e["type"], e["kind"]) for e in entries_of(country, answer.exchange)]
    assert kinds == [("admitted", "request"), ("admitted", "response")]
    wanted = bytes.fromhex(answer.exchange.replace("-", ""))
    entries = ledger(country)
    chains = {e.certificate: e.object for e in entries if e.type == TYPE.REGISTRY_ENTRY and e.certificate}
    found = 0
    for entry in entries:
        if not entry.context or proto.envelope.Context.FromString(entry.context).exchange_id != wanted:
            continue
        certificate = proto.envelope.Signature.FromString(entry.signature).certificate
        status, chain = country.bus.get("/trust/" + chains[certificate].hex())
        assert status == 200 and tlog.H(chain) == chains[certificate]
        n = 4 + int.from_bytes(chain[2:4], "big")  # first DER certificate of the chain
        envelope.verify(b"TN", entry.context, entry.body, entry.signature, chain[:n])
        found += 1
    assert found == 2


def test_the_header_names_nobody_and_the_pseudonym_is_that_of_the_escrowed_day_key(country):
    iuc = child_of(country.country).iuc
    answer = ask_identity(country, iuc)
    wanted = bytes.fromhex(answer.exchange.replace("-", ""))
    entries = [e for e in ledger(country) if e.context]
    contexts = [proto.envelope.Context.FromString(e.context) for e in entries]
    request, response = [c for c in contexts if c.exchange_id == wanted]
    assert len(request.subject) == 16 and len(response.subject) == 16 and request.subject != response.subject
    assert iuc.encode() not in b"".join(e.SerializeToString() for e in entries)
    day = [c for c in contexts if c.kind == proto.envelope.SUBJECT_KEY]
    assert {c.consumer for c in day} >= {b"TN/GOV/MEN", b"TN/GOV/MI"}


def test_a_body_of_one_mebibyte_travels_in_chunks_and_a_larger_one_is_refused(sandbox):
    s = sandbox()
    service = s.registry["members"][0]["subsystems"][0]["services"][0]
    service.update(max_request="1MiB", max_response="1MiB", subject="NONE")
    service["operations"] = [{"code": "echo", "method": "POST", "path": "/echo"}]
    del service["subject"]
    s.registry["grants"] = [{"consumer": CLIENT, "service": PERSON, "purpose": "SCHOOL-ENROLMENT", "whole": True,
                             "expires": "2030-06-30T00:00:00Z"}]
    s.start_bus()
    s.add_adapter(MI, ["civil"], [{"service": PERSON, "connector": "echo"}]).start(s.bus)
    men = s.add_adapter(MEN, ["enrolment"]).start(s.bus)
    body = json.dumps({"x": "é" * 500000}, ensure_ascii=False).encode()[:1 << 20]
    body = body + b" " * ((1 << 20) - len(body))
    answer = men.ask(CLIENT, PERSON, "/echo", "SCHOOL-ENROLMENT", method="POST", body=body,
                     headers={"Content-Type": "application/json"})
    assert answer.status == 200 and answer.body == body
    answer = men.ask(CLIENT, PERSON, "/echo", "SCHOOL-ENROLMENT", method="POST", body=body + b" ",
                     headers={"Content-Type": "application/json"})
    assert answer.refusal == "too_large" or answer.status == 413


def test_rsa_and_ed25519_members_exchange_too(sandbox):
    for option in ("--rsa", "--ed25519"):
        s = sandbox(pki_options=[option])
        s.start_first_exchange(households=20)
        answer = ask_identity(s, child_of(s.country).iuc)
        assert answer.status == 200, answer.body
        result = s.audit("verify", "--key", s.pki.folder / "bus/ledger.vkey", "--state", s.folder / "trail")
        assert result.returncode == 0
        s.stop()
