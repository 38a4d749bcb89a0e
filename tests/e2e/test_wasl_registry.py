"""`wasl registry` and `wasl member init`, as the authority and a ministry use them."""
import os
import stat
import subprocess

import pytest
import yaml

from sandbox import registry
from sandbox.cluster import tool
from sandbox.pki import Pki

ENROLMENT, PERSON = "TN/GOV/MEN/enrolment", "TN/GOV/MI/civil/person"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("registry") / "pki", ["TN/GOV/MI", "TN/GOV/MAS", "TN/GOV/MEN"])


@pytest.fixture
def authority(pki, tmp_path):
    """What the authority has on its desk: a document, its key, and the file that it signs."""
    class Authority:
        key = pki.folder / "authority/registry.key"
        source, output = tmp_path / "registry.yaml", tmp_path / "registry.signed"
        document = registry.first_exchange(pki)

        def write(self):
            registry.write(self.source, self.document)

        def sign(self, *more):
            self.write()
            return wasl("registry", "sign", "--key", self.key, "--output", self.output, *more, self.source)
    return Authority()


def wasl(*words):
    return tool("wasl", *words, check=False)


def test_a_signed_registry_is_checked_by_its_authority(authority, pki):
    assert authority.sign().returncode == 0
    assert wasl("registry", "check", "--authority", pki.text("authority/registry.vkey"), authority.output).returncode == 0
    assert wasl("registry", "check", "--authority", pki.text("bus/ledger.vkey"), authority.output).returncode == 3
    shown = wasl("registry", "show", "--document", authority.output)
    assert shown.stdout == authority.source.read_text()


def test_where_the_bus_does_not_answer_revoking_changes_nothing_and_tells_the_way_by_hand(authority, tmp_path):
    authority.sign()
    before, document = authority.output.read_bytes(), tmp_path / "suspended.yaml"
    revoke = ["registry", "revoke", "--registry", authority.output, "TN/GOV/MEN"]
    told = wasl(*revoke, "--key", authority.key, "--bus", tmp_path / "nobody.sock")
    assert told.returncode == 6 and authority.output.read_bytes() == before
    assert "nothing has been changed" in told.stderr and "--document" in told.stderr and "wasl registry sign" in told.stderr
    assert wasl(*revoke, "--document", document).returncode == 0
    assert wasl("registry", "sign", "--key", authority.key, "--output", authority.output, document).returncode == 0
    said = wasl("registry", "explain", "--consumer", ENROLMENT, "--service", PERSON, authority.output)
    assert said.returncode == 1 and "suspended" in said.stdout + said.stderr


def test_a_changed_byte_is_an_integrity_error(authority):
    authority.sign()
    data = bytearray(authority.output.read_bytes())
    data[-20] ^= 1
    authority.output.write_bytes(data)
    for command in (["check"], ["show"], ["explain", "-c", ENROLMENT, "-s", PERSON]):
        assert wasl("registry", *command, authority.output).returncode == 3


def test_every_fault_is_said_with_path_and_line(authority):
    authority.document["grants"][0]["purpose"] = "CURIOSITY"
    authority.document["grants"][1]["fields"] = ["/score"]
    authority.document["members"][0]["link_keys"] = ["abc"]
    authority.write()
    result = wasl("registry", "check", authority.source)
    assert result.returncode == 1
    lines = authority.source.read_text().splitlines()
    for path, text in (("grants[0].purpose", "CURIOSITY"), ("grants[1].fields[0]", "/score"), ("members[0].link_keys[0]", "abc")):
        said = [line for line in result.stderr.splitlines() if f": {path}: " in line]
        assert len(said) == 1, result.stderr
        assert text in lines[int(said[0].split(":")[1]) - 1]


def test_a_bad_file_never_replaces_a_good_one(authority):
    assert authority.sign().returncode == 0
    good = authority.output.read_bytes()
    authority.document["version"] = 2
    authority.document["grants"][0]["purpose"] = "CURIOSITY"
    assert authority.sign().returncode == 1
    authority.document = {**authority.document, "grants": [], "valid_until": "2020-01-01T00:00:00Z"}
    assert authority.sign().returncode == 1
    assert authority.output.read_bytes() == good
    assert not [name for name in os.listdir(authority.output.parent) if name.endswith(".tmp")]


def test_the_version_must_rise_over_the_one_that_is_there(authority):
    assert authority.sign().returncode == 0
    first = authority.output.read_bytes()
    refused = authority.sign()
    assert refused.returncode == 1 and "does not rise" in refused.stderr
    authority.document["version"] = 2
    assert authority.sign().returncode == 0
    before = authority.output.with_name("before")
    before.write_bytes(first)
    assert wasl("registry", "check", "--previous", before, authority.output).returncode == 0
    assert wasl("registry", "check", "--previous", authority.output, before).returncode == 3


def test_another_key_may_not_sign(authority, pki):
    authority.write()
    refused = wasl("registry", "sign", "--key", pki.folder / "bus/ledger.key", "--output", authority.output, authority.source)
    assert refused.returncode == 1 and not authority.output.exists()


@pytest.mark.parametrize("words, code, says", [
    (["-c", ENROLMENT, "-s", PERSON, "-P", "/persons/01234567890"], 0, "SCHOOL-ENROLMENT"),
    (["-c", ENROLMENT, "-s", PERSON, "-p", "STATISTICS"], 1, "wrong_purpose"),
    (["-c", ENROLMENT, "-s", PERSON, "-o", "attest"], 1, "no_grant"),
    (["-c", ENROLMENT, "-s", PERSON, "-P", "/persons/0123456789"], 1, "subject_length"),
    (["-c", ENROLMENT, "-s", PERSON, "-m", "PUT", "-P", "/persons/01234567890"], 1, "method_not_served"),
    (["-c", ENROLMENT, "-s", PERSON, "-t", "2031-01-01"], 1, "grant_expired"),
    (["-c", ENROLMENT, "-s", "TN/GOV/MI/civil/nothing"], 1, "unknown_service"),
    (["-c", "TN/GOV/MEN/nobody", "-s", PERSON], 1, "unknown_member"),
])
def test_explain_says_what_decide_says(authority, words, code, says):
    authority.write()
    result = wasl("registry", "explain", *words, authority.source)
    assert result.returncode == code and says in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize("method, path, code, says", [
    ("GET", "/persons/01234567890", 0, "endpoint:    GET /persons/0*"),
    ("GET", "/persons/01234567890?at=2026", 0, "endpoint:    GET /persons/0*"),
    ("GET", "/persons/11234567890", 1, "endpoint_not_permitted"),
    ("GET", "/persons/%30", 1, "ambiguous_target"),
])
def test_explain_says_which_endpoint_right_permits_and_takes_the_path_from_standard_input(authority, method, path, code, says):
    authority.document["grants"][0]["endpoints"] = [{"method": "GET", "path": "/persons/0*"},
                                                    {"method": "*", "path": "/persons/*/guardian-of/*"}]
    authority.write()
    words = ["registry", "explain", "-c", ENROLMENT, "-s", PERSON, "-m", method, "--path-stdin", authority.source]
    result = tool("wasl", *words, check=False, input=path + "\n")
    assert result.returncode == code and says in result.stdout, result.stdout + result.stderr
    if code and says.startswith("endpoint"):
        assert "endpoints:   only GET /persons/0*\n             * /persons/*/guardian-of/*" in result.stdout
    assert tool("wasl", *words, check=False, input="").returncode == 2


def test_exit_codes_tell_usage_from_missing_files(authority):
    assert wasl().returncode == 2
    assert wasl("registry").returncode == 2
    assert wasl("nonsense").returncode == 2
    for one_file in ("check",), ("show",), ("sign", "--key", "/nonexistent", "--output", "/nonexistent"):
        assert wasl("registry", *one_file).returncode == 2
        assert wasl("registry", *one_file, "/nonexistent", "/nonexistent").returncode == 2
    assert wasl("registry", "explain", authority.source).returncode == 2
    assert wasl("registry", "check", "/nonexistent").returncode == 6
    assert wasl("registry", "check", "--help").returncode == 0


def new_member(tmp_path, *options):
    folder = tmp_path / "MS"
    return folder, wasl("member", "init", *options, "TN/GOV/MS", folder)


@pytest.mark.parametrize("options", [[], ["--rsa"]])
def test_a_new_member_can_be_certified_and_registered(authority, pki, tmp_path, options):
    folder, result = new_member(tmp_path, "--name-ar", "وزارة الصحة", "--name-fr", "Ministère de la Santé", "--name-en",
                                "Ministry of \"Health\"", *options)
    assert result.returncode == 0, result.stderr
    fragment = yaml.safe_load(result.stdout)
    assert fragment == yaml.safe_load((folder / "registry-fragment.yaml").read_text())
    assert fragment[0]["name"]["ar"] == "وزارة الصحة"

    chain = tmp_path / "chain.pem"
    Pki.run(pki.folder, "sign-request", "TN/GOV/MS", folder / "request.csr", chain)
    subject = subprocess.run(["openssl", "x509", "-in", chain, "-noout", "-subject", "-nameopt", "RFC2253"], check=True,
                             capture_output=True, text=True).stdout.strip()
    assert subject == "subject=" + fragment[0]["certificate_subject"] == "subject=" + (folder / "subject.txt").read_text().strip()
    key = subprocess.run(["openssl", "pkey", "-in", folder / "signing.key.pem", "-noout", "-text"], check=True,
                         capture_output=True, text=True).stdout
    assert ("2048 bit" in key) == bool(options)

    authority.document["members"].append(fragment[0])
    assert authority.sign().returncode == 0


def test_private_keys_are_private_and_never_overwritten(tmp_path):
    folder, result = new_member(tmp_path)
    assert result.returncode == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    private = {"signing.key.pem", "sealing.key", "link.key", "witness.key", "subject.keys"}
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if path.name in private else 0o644), path
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert new_member(tmp_path)[1].returncode == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert os.listdir(tmp_path) == ["MS"]
    for secret in private:
        assert before[secret].decode().strip() not in result.stdout + result.stderr


def test_the_subject_of_a_request_is_as_given(tmp_path):
    subject = "CN=سجل,OU=A\\, B,O=Santé,C=TN"
    folder, result = new_member(tmp_path, "--subject", subject)
    assert result.returncode == 0, result.stderr
    said = subprocess.run(["openssl", "req", "-in", folder / "request.csr", "-noout", "-subject", "-nameopt",
                           "RFC2253,-esc_msb,utf8"], check=True, capture_output=True, text=True).stdout.strip()
    assert said == "subject=" + subject
    for bad in ("", "TN", "CN=", "CN=a,", "XX=a", "CN=a\\", "C=TUN", "/C=TN/CN=a"):
        other = tmp_path / "other"
        assert wasl("member", "init", "--subject", bad, "TN/GOV/MS", other).returncode == 2, bad
        assert not other.exists()
