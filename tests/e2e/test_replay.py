"""wasl-audit replay of real ledgers: the same facts as a second implementation finds, and nothing guessed where something is missing."""
import copy as copies
import datetime
import json
import os
import random
import shutil

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from helpers import CLIENT, MEN, MI, PERSON, TYPE, ask_identity, exchange_of, identity_request, play, raw_entries, sealing_public
from sandbox import registry
from sandbox.cluster import tool
from waslpy import envelope, proto, tlog


def keys(s):
    return ["--registry", s.registry_file, "--authority", s.pki.folder / "authority/registry.vkey"]


def replay(s, *arguments, directory=None, code=0):
    """(time lines as objects, the sums)"""
    source = ["--dir", directory] if directory else ["--socket", s.bus.socket]
    result = tool("wasl-audit", "replay", *source, *keys(s), "--utc", "-o", "jsonl", *arguments, check=False)
    assert result.returncode == code, result.stdout[-3000:] + result.stderr
    assert not result.stderr, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines and set(lines[-1]) == {"summary"} and not any("summary" in line for line in lines[:-1])
    return lines[:-1], lines[-1]["summary"]


@pytest.fixture(scope="module")
def asked(country):
    """Ids of an answered and of a refused exchange, and a copy of the ledger that has them."""
    s = country
    person = s.country.people[0].iuc
    answered = [ask_identity(s, person).exchange for _ in range(4)]
    refused = ask_identity(s, person, purpose="STATISTICS").exchange
    ask_identity(s, s.country.unknown_iuc())
    directory = s.folder / "replayed"
    s.audit("tiles", directory)
    yield s, answered[0], refused, directory
    shutil.rmtree(directory)


def objects_before(s, entries, index, kind):
    """DER of the chains or revocation lists that had taken effect before an entry."""
    for entry in entries[:index]:
        if entry.type == TYPE.REGISTRY_ENTRY and entry.object_kind == kind:
            status, data = s.bus.get("/trust/" + entry.object.hex())
            assert status == 200 and tlog.H(data) == entry.object
            yield entry, data


def certificates_of(der):
    out = []
    while der:
        length = 4 + int.from_bytes(der[2:4], "big")  # each is longer than 255 bytes and shorter than 64 KiB
        out.append(x509.load_der_x509_certificate(der[:length]))
        der = der[length:]
    return out


def assert_step(s, step, entries, index):
    """Every fact of a step, found again without any code of the tool."""
    entry = entries[index]
    block = proto.envelope.Signature.FromString(entry.signature)
    chain_entry, der = next((e, d) for e, d in objects_before(s, entries, index, 2) if e.certificate == block.certificate)
    chain = certificates_of(der)
    leaf, issuer = chain[0], chain[1]
    envelope.verify(b"TN", entry.context, entry.body, entry.signature, der[:4 + int.from_bytes(der[2:4], "big")])
    issuer.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm))
    lists = [x509.load_der_x509_crl(d) for _, d in objects_before(s, entries, index, 3)]
    number = lambda crl: crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    crl = max((c for c in lists if c.issuer == leaf.issuer and c.is_signature_valid(issuer.public_key())), key=number)
    assert crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is None
    when = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
    told = step["certificate"]
    assert step["signature"] == "good" and step["trusted"] == "good" and step["receipt"] is True
    assert told["sha256"] == block.certificate.hex() and told["chain"] == chain_entry.object.hex()
    assert entries[told["chain_entry"]] == chain_entry and told["chain_length"] == len(chain)
    assert told["subject"] == leaf.subject.rfc4514_string() and told["issuer"] == leaf.issuer.rfc4514_string()
    assert int(told["serial"], 16) == leaf.serial_number
    assert (when(told["not_before"]), when(told["not_after"])) == (leaf.not_valid_before, leaf.not_valid_after)
    assert int(told["crl"]["number"]) == number(crl)
    assert (when(told["crl"]["this_update"]), when(told["crl"]["next_update"])) == (crl.last_update, crl.next_update)
    assert step["entry"] == index and when(step["time"]) == datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=entry.time)
    assert step["registry"] == {"version": entry.registry_version, "sha256": entry.registry_hash.hex(), "readable": True}


def test_what_is_told_of_an_exchange_is_what_a_second_implementation_finds(asked):
    s, answered, _, _ = asked
    (story,), summary = replay(s, "--exchange", answered)
    raw, checkpoint = raw_entries(s)
    assert tlog.root([tlog.leaf_hash(e) for e in raw]) == checkpoint.root
    entries = [proto.ledger.Entry.FromString(e) for e in raw]
    own = [i for i, e in enumerate(entries) if exchange_of(e) == bytes.fromhex(answered.replace("-", ""))]
    assert [step["entry"] for step in story["steps"]] == own and len(own) == 2
    for step, index in zip(story["steps"], own):
        assert_step(s, step, entries, index)
    header = proto.envelope.Context.FromString(entries[own[0]].context)
    assert story["consumer"] == header.consumer.decode() == CLIENT and story["service"] == PERSON
    assert (story["operation"], story["purpose"]) == (header.operation.decode(), header.purpose.decode())
    assert story["legal_basis"] == header.legal_basis.decode()
    assert story["end"] == "answered" and story["good"] and not story["findings"] and story["policy"] is None
    assert story["duration_us"] == entries[own[1]].time - entries[own[0]].time
    # the grant, from the bytes of the registry that the entry names
    _, file = s.bus.get("/trust/" + entries[own[0]].registry_hash.hex())
    document = yaml.safe_load(file.split(b"---\n", 1)[1])
    grant, = (g for g in document["grants"] if (g["consumer"], g["service"], g["purpose"]) == (CLIENT, PERSON, story["purpose"]))
    told = story["steps"][0]["grant"]
    assert told["fields"] == grant["fields"] and told["expires"][:10] == str(grant["expires"])[:10]
    assert told["per_day"] == grant.get("per_day") and told["operations"] == grant.get("operations", [])
    assert summary["exchanges"] == 1 and summary["good"]


def test_a_time_line_says_in_words_what_the_object_says(asked):
    s, answered, _, directory = asked
    (story,), _ = replay(s, "--exchange", answered, directory=directory)
    result = tool("wasl-audit", "replay", "--dir", directory, *keys(s), "--utc", "--exchange", answered)
    for step in story["steps"]:
        certificate = step["certificate"]
        for words in (step["time"], f"entry {step['entry']}:", certificate["subject"], certificate["serial"], certificate["not_after"],
                      certificate["chain"], certificate["crl"]["this_update"], step["registry"]["sha256"]):
            assert words in result.stdout, words
    assert f"for {story['purpose']} ({story['legal_basis']})" in result.stdout and result.stdout.endswith("GOOD\n")


def test_a_refusal_is_given_its_reason_by_the_registry_of_then(asked):
    s, _, refused, _ = asked
    (story,), _ = replay(s, "--exchange", refused)
    assert story["end"] == "refused" and story["good"]
    assert {step["reason"] for step in story["steps"]} == {"agrees"}, story


def test_threads_change_nothing_that_is_said(asked):
    s, _, _, directory = asked
    for form in "text", "jsonl":
        out = {tool("wasl-audit", "replay", "--dir", directory, *keys(s), "-o", form, "--threads", str(n)).stdout for n in (1, 2, 7)}
        assert len(out) == 1


def test_progress_is_told_on_standard_error_alone(asked):
    s, answered, _, directory = asked
    words = ["replay", "--dir", directory, *keys(s), "--exchange", answered]
    quiet, loud = tool("wasl-audit", *words), tool("wasl-audit", *words, "--progress")
    assert quiet.stdout == loud.stdout and not quiet.stderr


def test_another_registry_says_what_it_would_have_decided(asked, tmp_path):
    s, answered, refused, directory = asked
    other = copies.deepcopy(s.registry)
    grant, = (g for g in other["grants"] if (g["consumer"], g["service"], g["purpose"]) == (CLIENT, PERSON, "SCHOOL-ENROLMENT"))
    grant["expires"] = "2026-01-01"
    document = tmp_path / "other.yaml"
    registry.write(document, other)
    ids = {"--exchange": answered}
    (story,), summary = replay(s, "--exchange", answered, "--policy", document, directory=directory)
    assert story["policy"]["result"] == "would_be_refused" and story["policy"]["refusal"] == "grant_expired"
    assert "not signed" in summary["policy"]
    assert summary["policy_counts"] == [{"result": "would_be_refused", "consumer": CLIENT, "service": PERSON,
                                         "refusal": "grant_expired", "count": 1}], ids
    (story,), summary = replay(s, "--exchange", answered, "--policy", s.registry_file, directory=directory)
    assert story["policy"]["result"] == "same" and "signed by the authority given" in summary["policy"]
    (story,), _ = replay(s, "--exchange", refused, "--policy", document, directory=directory)
    assert story["policy"]["result"] in ("same", "other_reason") and story["policy"]["refusal"]


@pytest.fixture
def damaged(asked, tmp_path):
    s, answered, _, directory = asked
    shutil.copytree(directory, tmp_path / "copy")
    return s, answered, tmp_path / "copy"


def test_each_object_of_then_that_is_removed_is_named_or_was_not_needed(damaged):
    s, answered, directory = damaged
    (story,), _ = replay(s, "--exchange", answered, directory=directory)
    needed = {step["registry"]["sha256"] for step in story["steps"]} | {step["certificate"]["chain"] for step in story["steps"]}
    entries = [proto.ledger.Entry.FromString(e) for e in raw_entries(s)[0][:story["steps"][0]["entry"]]]
    needed |= {e.object.hex() for e in entries if e.type == TYPE.REGISTRY_ENTRY and e.object_kind == 3}
    assert len(needed) >= 5  # a registry, two chains, two revocation lists
    for path in sorted((directory / "trust").iterdir()):
        path.rename(directory / "removed")
        (story,), summary = replay(s, "--exchange", answered, directory=directory, code=3 if path.name in needed else 0)
        if path.name in needed:
            assert any(path.name in words and "entry" in words for words in story["findings"]), (path.name, story["findings"])
        (directory / "removed").rename(path)
    replay(s, "--exchange", answered, directory=directory)


def test_one_flipped_byte_of_any_entry_is_found(damaged):
    s, _, directory = damaged
    rng = random.Random(seed := random.randrange(1 << 30))
    print("seed", seed)
    bundles = sorted((directory / "tile/entries").rglob("*"))
    for _ in range(12):
        path = rng.choice([p for p in bundles if p.is_file()])
        data = path.read_bytes()
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        result = tool("wasl-audit", "replay", "--dir", directory, *keys(s), "-o", "jsonl", check=False)
        assert result.returncode == 3, (path, result.stderr, result.stdout[-500:])
        path.write_bytes(data)


def test_an_exchange_that_a_killed_bus_left_behind_is_told_to_its_end(sandbox):
    s = sandbox()
    s.start_bus()
    provider, men = play(s, MI, "civil"), play(s, MEN, "enrolment")
    provider.hello(), men.hello()
    exchange = men.submit(identity_request(s, men))
    asked = proto.ledger.Entry.FromString(provider.receive("DELIVER").message.entry)
    (story,), _ = replay(s)
    assert story["end"] == "open" and story["good"] and story["duration_us"] is None
    s.bus.process.kill()
    s.bus.start()
    men.hello(), provider.hello()
    receivers = [(MEN, sealing_public(s, MEN))]
    late = provider.submit(provider.response(asked.context, exchange.leaf, receivers))
    assert provider.outcome(late).name == "RECEIPT"
    # and one that is answered twice
    second = men.submit(identity_request(s, men))
    asked = proto.ledger.Entry.FromString(provider.receive("DELIVER").message.entry)
    for _ in range(2):
        provider.submit(provider.response(asked.context, second.leaf, receivers))
        assert provider.receive("RECEIPT") is not None
    men.close(), provider.close()
    (interrupted, answered, again), summary = replay(s)
    assert interrupted["end"] == "interrupted" and interrupted["good"]
    assert [step["type"] for step in interrupted["steps"]] == ["admitted", "interrupted", "late"]
    assert answered["end"] == "answered" and [step["type"] for step in answered["steps"]] == ["admitted", "admitted"]
    assert again["exchange"] == answered["exchange"] and again["continues"] and again["steps"][0]["type"] == "late"
    assert summary["good"] and summary["ends"]["ended"] == 1 and summary["ends"]["answered"] == 1


@pytest.mark.parametrize("arguments, code", [
    (["--exchange", "00000000-0000-4000-8000-000000000000"], 1), (["--policy", "/nowhere"], 6), (["--threads", "0"], 2), (["something"], 2),
    (["--since", "2026-02-02", "--until", "2026-02-01"], 2),
], ids=["none found", "no policy", "no threads", "a word", "no time"])
def test_exit_codes_say_what_happened(asked, arguments, code):
    s, _, _, directory = asked
    assert tool("wasl-audit", "replay", "--dir", directory, *keys(s), *arguments, check=False).returncode == code
    if code == 2:
        assert tool("wasl-audit", "replay", "--dir", directory, check=False, input=os.devnull).returncode == 2
