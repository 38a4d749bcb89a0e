"""Each refusal has its own code, its own words and its own entry."""
import os
import time

import pytest

from fresh import fresh_sandbox
from helpers import (CLIENT, PERSON, TYPE, ask_identity, assert_recorded, assert_refused, child_of,
                     entries_of, identity_request, ledger, play, refusal_names)
from sandbox.cluster import MAS, MEN, MI
from sandbox.demo import expired_grant
from sandbox.pki import Pki
from waslpy import envelope, proto, tlog
from waslpy.envelope import Signer


# --- through the front, as an information system sees it ---

def test_an_unknown_service_is_refused_and_recorded(country):
    answer = country.adapters[MEN].ask(CLIENT, f"{MI}/civil/nothing", "/x", "SCHOOL-ENROLMENT")
    assert_refused(answer, "unknown_service")
    assert_recorded(country, answer.exchange, "unknown_service")


def test_a_wrong_purpose_is_refused_and_recorded(country):
    answer = ask_identity(country, child_of(country.country).iuc, purpose="STATISTICS")
    assert_refused(answer, "wrong_purpose")
    assert_recorded(country, answer.exchange, "wrong_purpose")


def test_no_grant_is_refused_and_recorded(country):
    answer = country.adapters[MAS].ask(f"{MAS}/social", PERSON, "/persons/01234567890", "SCHOOL-ENROLMENT", "IUC:01234567890")
    assert_refused(answer, "no_grant")
    assert_recorded(country, answer.exchange, "no_grant")


def test_an_unknown_person_is_refused_and_recorded(country):
    answer = ask_identity(country, country.country.unknown_iuc())
    assert_refused(answer, "unknown_subject")
    assert_recorded(country, answer.exchange, "unknown_subject")


@pytest.mark.parametrize("iuc", ["0123456789", "012345678901"], ids=["10 digits", "12 digits"])
def test_an_identifier_of_another_length_is_refused_and_recorded(country, iuc):
    answer = ask_identity(country, iuc)
    assert_refused(answer, "subject_length", "11 digits")
    assert iuc not in answer.body.decode()
    assert_recorded(country, answer.exchange, "subject_length")


def test_arabic_indic_digits_are_refused_and_recorded(country):
    digits = "٠١٢٣٤٥٦٧٨٩٠"
    quoted = "".join(f"%{b:02X}" for b in digits.encode())
    answer = country.adapters[MEN].ask(CLIENT, PERSON, f"/persons/{quoted}", "SCHOOL-ENROLMENT",
                                       headers={"Wasl-Subject": f"IUC:{digits}".encode()})
    assert_refused(answer, "subject_digits")
    assert_recorded(country, answer.exchange, "subject_digits")


def test_a_subject_that_is_not_the_person_in_the_path_is_refused(country):
    people = country.country.people
    answer = ask_identity(country, people[0].iuc, subject=f"IUC:{people[1].iuc}")
    assert_refused(answer, "subject_mismatch")
    assert_recorded(country, answer.exchange, "subject_mismatch")


def test_a_social_identifier_where_a_citizen_identifier_belongs_is_refused(country):
    iuc = child_of(country.country).iuc
    answer = ask_identity(country, iuc, subject=f"SOCIAL:{country.country.households[0].social}")
    assert_refused(answer, "subject_type")
    assert_recorded(country, answer.exchange, "subject_type")


def test_without_a_purpose_the_only_fitting_grant_is_taken(country):
    answer = ask_identity(country, child_of(country.country).iuc, purpose="")
    assert answer.status == 200 and answer.refusal is None
    assert {e["purpose"] for e in entries_of(country, answer.exchange)} == {"SCHOOL-ENROLMENT"}


def test_without_a_purpose_and_two_fitting_grants_the_choices_are_named(sandbox):
    s = sandbox()
    expired_grant(s.registry)
    s.registry["grants"].append({**s.registry["grants"][0], "purpose": "STATISTICS"})
    s.start_first_exchange(households=20)
    answer = ask_identity(s, child_of(s.country).iuc, purpose="")
    assert_refused(answer, "purpose_missing", "SCHOOL-ENROLMENT")
    assert "STATISTICS" in answer.json()["message"]
    assert_recorded(s, answer.exchange, "purpose_missing")
    answer = ask_identity(s, child_of(s.country).iuc, purpose="SCHOOL-AID")
    assert_refused(answer, "wrong_purpose", "SCHOOL-ENROLMENT")
    assert "CENSUS" not in answer.json()["message"]  # what has ended is no choice
    answer = ask_identity(s, child_of(s.country).iuc, purpose="SCHOOL-CENSUS-2024")
    assert_refused(answer, "grant_expired")
    assert_recorded(s, answer.exchange, "grant_expired")


def test_a_provider_that_is_down_is_refused_and_recorded(sandbox):
    s = sandbox()
    s.start_first_exchange(households=20)
    s.adapters[MI].process.stop()
    answer = ask_identity(s, child_of(s.country).iuc)
    assert_refused(answer, "provider_unavailable")
    assert_recorded(s, answer.exchange, "provider_unavailable")


def test_a_provider_that_is_too_slow_is_timed_out_and_recorded(sandbox):
    s = sandbox()
    for service in s.registry["members"][0]["subsystems"][0]["services"]:
        service["timeout_ms"] = 1500
    s.start_bus()
    provider, consumer = play(s, MI, "civil"), s.add_adapter(MEN, ["enrolment"]).start(s.bus)
    assert provider.hello().name == "WELCOME"
    try:
        answer = ask_identity(s, "01234567890")
        assert_refused(answer, "provider_timeout")
        assert provider.receive("DELIVER", timeout=1) or any(m.name == "DELIVER" for m in provider.seen)
        kinds = [e["type"] for e in entries_of(s, answer.exchange)]
        assert kinds == ["admitted", "timed_out"]
        assert consumer.process.running
    finally:
        provider.close()


# --- on the wire: a member played by hand says what no adapter would ---

@pytest.fixture(scope="module")
def wire():
    """A bus without adapters; members are played by hand."""
    with fresh_sandbox() as s:
        expired_grant(s.registry)
        s.start_bus()
        yield s


@pytest.fixture
def men(wire):
    member = play(wire, MEN, "enrolment")
    assert member.hello().name == "WELCOME"
    yield member
    member.close()


def refused(s, member, exchange, code):
    """The message is refused with this code, the refusal carries a good receipt, and the ledger has its entry."""
    member.submit(exchange)
    message = member.outcome(exchange)
    assert message is not None and message.name == "REFUSED", message and message.name
    from waslpy.member import check_receipt
    entry = check_receipt(message.message.entry, message.message.proof, s.pki.text("bus/ledger.vkey"))
    assert entry.type == TYPE.REFUSED and entry.reason == message.message.reason
    names = refusal_names()
    assert names[entry.reason] == code, names[entry.reason]
    assert entry.context == exchange.context or entry.leaf == exchange.leaf
    return entry


def test_a_wrong_signer_is_refused(wire, men):
    other = Signer((wire.pki.member(MAS) / "signing.key.pem").read_bytes(), (wire.pki.member(MAS) / "chain.pem").read_bytes())
    mas = play(wire, MAS, "social")
    assert mas.hello().name == "WELCOME"  # its certificate is known to the bus
    refused(wire, men, identity_request(wire, men, signer=other), "wrong_signer")
    mas.close()


def test_a_message_over_another_members_link_is_refused(wire, men):
    mas = play(wire, MAS, "social")
    assert mas.hello().name == "WELCOME"
    refused(wire, mas, identity_request(wire, men), "wrong_signer")
    mas.close()


def test_a_flipped_bit_in_the_signature_is_refused(wire, men):
    exchange = identity_request(wire, men)
    block = proto.envelope.Signature.FromString(exchange.block)
    block.signature = block.signature[:-1] + bytes([block.signature[-1] ^ 1])
    exchange.block = block.SerializeToString()
    refused(wire, men, exchange, "bad_signature")


def test_a_replayed_id_is_refused(wire, men):
    exchange_id = os.urandom(16)
    first = identity_request(wire, men, exchange_id=exchange_id, operation="nothing")
    refused(wire, men, first, "unknown_operation")
    refused(wire, men, identity_request(wire, men, exchange_id=exchange_id), "replayed_id")


def test_the_same_message_again_gets_the_old_receipt(wire, men):
    exchange = identity_request(wire, men, operation="nothing")
    before = refused(wire, men, exchange, "unknown_operation")
    size = len(ledger(wire))
    assert refused(wire, men, exchange, "unknown_operation").time == before.time
    assert len(ledger(wire)) == size


def test_created_beyond_the_skew_is_refused(wire, men):
    t = envelope.now() + 120_000_000
    refused(wire, men, identity_request(wire, men, created=t, expires=t + 10_000_000), "created_ahead")


def test_an_expired_message_is_refused(wire, men):
    t = envelope.now() - 60_000_000
    refused(wire, men, identity_request(wire, men, created=t, expires=t + 30_000_000), "expired")


def test_a_lifetime_beyond_that_of_its_kind_is_refused(wire, men):
    t = envelope.now()
    refused(wire, men, identity_request(wire, men, created=t, expires=t + 3_600_000_000), "lifetime_too_long")


def test_a_wrong_instance_is_refused(wire, men):
    men.instance = b"XX"
    try:
        refused(wire, men, identity_request(wire, men, instance=b"XX"), "wrong_instance")
    finally:
        men.instance = b"TN"


def test_an_expired_grant_is_refused_by_the_bus_too(wire, men):
    refused(wire, men, identity_request(wire, men, purpose="SCHOOL-CENSUS-2024", legal_basis="loi-1999-32"), "grant_expired")


def test_a_wrong_legal_basis_is_refused(wire, men):
    refused(wire, men, identity_request(wire, men, legal_basis="loi-1999-32"), "wrong_legal_basis")


def test_a_pseudonym_without_an_escrowed_day_key_is_refused(wire, men):
    provider = play(wire, MI, "civil")
    assert provider.hello().name == "WELCOME"
    refused(wire, men, identity_request(wire, men, subject=os.urandom(16)), "subject_key_missing")
    provider.close()


def test_a_chunk_that_is_not_what_the_header_signs_is_refused(wire, men):
    exchange = identity_request(wire, men)
    chunk = bytearray(exchange.sealed.chunks[0])
    chunk[3] ^= 1
    exchange.sealed.chunks[0] = bytes(chunk)
    refused(wire, men, exchange, "bad_seal")


def test_a_slot_that_the_header_does_not_sign_is_refused(wire, men):
    exchange = identity_request(wire, men)
    exchange.sealed.slots[0] = identity_request(wire, men).sealed.slots[0]
    refused(wire, men, exchange, "bad_seal")


def test_an_unknown_field_in_the_signed_header_is_refused(wire, men):
    exchange = identity_request(wire, men)
    context = exchange.context + bytes([0xFA, 0x07, 0x01, 0x41])  # field 127, one byte
    exchange = men.sign(context, exchange.body, exchange.sealed)
    men.submit(exchange)
    message = men.receive("REFUSED", match=lambda m: m.message.leaf == exchange.leaf)
    assert refusal_names()[message.message.reason] == "malformed"
    entry = proto.ledger.Entry.FromString(message.message.entry)
    assert entry.leaf == exchange.leaf and not entry.context  # its form is not valid: only its hash is kept


def test_a_revoked_certificate_is_refused(sandbox):
    s = sandbox()
    s.start_bus()
    member = play(s, MEN, "enrolment")
    assert member.hello().name == "WELCOME"
    refused(s, member, identity_request(s, member), "provider_unavailable")
    Pki.run(s.pki.folder, "revoke", MEN)
    s.copy_crls(s.bus.crls)
    s.bus.process.popen.send_signal(1)
    end = time.monotonic() + 10
    while True:  # takes effect while running; what arrives before is still judged by the old list
        member.submit(exchange := identity_request(s, member))
        message = member.outcome(exchange)
        code = refusal_names()[message.message.reason]
        if code != "provider_unavailable" or time.monotonic() > end:
            break
    assert code == "certificate_revoked"
    assert any(e.type == TYPE.REFUSED and e.reason == message.message.reason for e in ledger(s))
    member.close()


def test_an_expired_certificate_is_refused(sandbox):
    s = sandbox()
    Pki.run(s.pki.folder, "issue", MEN, "--expired")
    s.start_bus()
    member = play(s, MEN, "enrolment")
    member.hello()
    exchange = identity_request(s, member)
    refused(s, member, exchange, "certificate_expired")
    member.close()


def test_a_seen_checkpoint_that_is_not_of_this_ledger_is_refused_so_that_no_peer_stops_for_a_lie(wire, men):
    provider = play(wire, MI, "civil")
    assert provider.hello().name == "WELCOME"
    size = len(ledger(wire))
    refused(wire, men, identity_request(wire, men, seen_size=size, seen_root=os.urandom(32)), "inconsistent")
    refused(wire, men, identity_request(wire, men, seen_size=1 << 40, seen_root=os.urandom(32)), "inconsistent")
    assert provider.receive("DELIVER", timeout=0.5) is None
    checkpoint = tlog.checkpoint_open(wire.bus.get("/checkpoint")[1], wire.pki.text("bus/ledger.vkey"))
    men.submit(identity_request(wire, men, seen_size=checkpoint.size, seen_root=checkpoint.root))
    assert provider.receive("DELIVER") is not None
    provider.close()
