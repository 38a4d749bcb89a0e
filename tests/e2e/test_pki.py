"""certs/make-pki, judged by stock openssl and by python3-cryptography."""
import base64
import hashlib
import os
import pathlib
import stat
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

TOP = pathlib.Path(__file__).resolve().parents[2]
RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
SIGNING_OID = "2.25.38386321040184827229754610523306213784"


def make_pki(*arguments, check=True):
    return subprocess.run([TOP / "certs/make-pki", *map(str, arguments)], check=check, capture_output=True, text=True)


def openssl(*arguments, check=True):
    return subprocess.run(["openssl", *map(str, arguments)], check=check, capture_output=True, text=True)


def verify(pki, leaf):
    return openssl("verify", "-crl_check_all", "-CAfile", pki / "ca/root.crt.pem", "-CRLfile", pki / "ca/root.crl.pem",
                   "-CRLfile", pki / "ca/issuing.crl.pem", "-untrusted", pki / "ca/issuing.crt.pem", leaf, check=False)


def crl_number(pki, ca="issuing"):
    text = openssl("crl", "-in", pki / f"ca/{ca}.crl.pem", "-noout", "-crlnumber").stdout
    return int(text.strip().split("=")[1], 16)


@pytest.fixture
def pki(tmp_path):
    folder = tmp_path / "pki"
    make_pki(folder, "TN/GOV/MI", "TN/GOV/MEN")
    return folder


def test_a_members_chain_verifies_with_stock_openssl_and_both_crls(pki):
    for member in ("TN-GOV-MI", "TN-GOV-MEN"):
        result = verify(pki, pki / f"members/{member}/chain.pem")
        assert result.returncode == 0, result.stderr


def test_every_file_of_the_layout_is_there_and_nothing_else(pki):
    found = {str(p.relative_to(pki)) for p in pki.rglob("*") if p.is_file() and "db" not in p.parts}
    member = ("signing.key.pem", "chain.pem", "subject.txt", "sealing.key", "sealing.pub", "link.key", "link.pub",
              "witness.key", "witness.vkey", "subject.keys")
    expected = {f"ca/{ca}.{kind}.pem" for ca in ("root", "issuing") for kind in ("crt", "key", "crl")}
    expected |= {f"members/{m}/{f}" for m in ("TN-GOV-MI", "TN-GOV-MEN") for f in member}
    expected |= {f"bus/{f}" for f in ("link.key", "link.pub", "ledger.key", "ledger.vkey")}
    expected |= {"authority/registry.key", "authority/registry.vkey", "oversight/sealing.key", "oversight/sealing.pub"}
    assert found == expected


def test_no_private_file_can_be_read_by_others(pki):
    private = [p for p in pki.rglob("*") if p.is_file() and (p.suffix == ".key" or p.name.endswith(".key.pem"))]
    assert len(private) == 2 + 2 * 4 + 2 + 1 + 1
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in private)


def test_public_halves_belong_to_their_private_halves(pki):
    for folder in [*(pki / "members").iterdir(), pki / "bus"]:
        prefix, secret = (folder / "link.key").read_text().rstrip("\n").split(" ")
        assert prefix == "wasl-link-key/1"
        public = x25519.X25519PrivateKey.from_private_bytes(bytes.fromhex(secret)).public_key().public_bytes(*RAW)
        assert (folder / "link.pub").read_text() == public.hex() + "\n"
    for folder in [*(pki / "members").iterdir(), pki / "oversight"]:
        prefix, secret = (folder / "sealing.key").read_text().rstrip("\n").split(" ")
        assert prefix == "wasl-sealing-key/1"
        key = x25519.X25519PrivateKey.from_private_bytes(base64.b64decode(secret, validate=True))
        public = key.public_key().public_bytes(*RAW)
        assert (folder / "sealing.pub").read_text() == base64.b64encode(public).decode() + "\n"


@pytest.mark.parametrize("path, name, kind", [
    ("bus/ledger", "bus.example.tn/ledger", 1),
    ("authority/registry", "authority.example.tn/registry", 1),
    ("members/TN-GOV-MI/witness", "TN-GOV-MI/witness", 4),
])
def test_note_keys_have_the_public_format(pki, path, name, kind):
    start, middle, key_name, key_id, data = (pki / f"{path}.key").read_text().rstrip("\n").split("+", 4)
    data = base64.b64decode(data, validate=True)
    assert (start, middle, key_name, data[0], len(data)) == ("PRIVATE", "KEY", name, kind, 33)
    public = ed25519.Ed25519PrivateKey.from_private_bytes(data[1:]).public_key().public_bytes(*RAW)
    typed = bytes([kind]) + public
    assert key_id == hashlib.sha256(name.encode() + b"\n" + typed).hexdigest()[:8]
    assert (pki / f"{path}.vkey").read_text() == f"{name}+{key_id}+{base64.b64encode(typed).decode()}\n"


@pytest.mark.parametrize("option, kind", [([], ec.EllipticCurvePrivateKey), (["--rsa"], rsa.RSAPrivateKey),
                                          (["--ed25519"], ed25519.Ed25519PrivateKey)])
def test_signing_keys_are_of_the_kind_asked_for(tmp_path, option, kind):
    pki = tmp_path / "pki"
    make_pki(*option, pki, "TN/GOV/MI")
    key = serialization.load_pem_private_key((pki / "members/TN-GOV-MI/signing.key.pem").read_bytes(), None)
    assert isinstance(key, kind)
    if kind is rsa.RSAPrivateKey:
        assert key.key_size == 2048
    if kind is ec.EllipticCurvePrivateKey:
        assert key.curve.name == "secp256r1"
    assert verify(pki, pki / "members/TN-GOV-MI/chain.pem").returncode == 0


def test_a_members_certificate_may_sign_and_nothing_else(pki):
    text = openssl("x509", "-in", pki / "members/TN-GOV-MI/chain.pem", "-noout", "-text").stdout
    usage = [line.strip() for line in text.splitlines()]
    assert usage[usage.index("X509v3 Key Usage: critical") + 1] == "Digital Signature"
    assert usage[usage.index("X509v3 Extended Key Usage:") + 1] == SIGNING_OID
    assert "CA:FALSE" in usage
    assert (pki / "members/TN-GOV-MI/subject.txt").read_text() == "CN=TN/GOV/MI,O=Wasl,C=TN\n"


def test_a_revoked_certificate_is_refused_and_the_crl_number_rises(pki):
    before = crl_number(pki)
    make_pki(pki, "revoke", "TN/GOV/MI")
    assert crl_number(pki) == before + 1
    result = verify(pki, pki / "members/TN-GOV-MI/chain.pem")
    assert result.returncode != 0 and "certificate revoked" in result.stderr
    assert verify(pki, pki / "members/TN-GOV-MEN/chain.pem").returncode == 0
    make_pki(pki, "issue", "TN/GOV/MI")
    assert verify(pki, pki / "members/TN-GOV-MI/chain.pem").returncode == 0


def test_an_expired_certificate_can_be_issued_and_is_refused(pki):
    folder = pki / "members/TN-GOV-MI"
    first = (folder / "chain.pem").read_text(), (folder / "signing.key.pem").read_text()
    make_pki(pki, "issue", "TN/GOV/MI", "--expired")
    result = verify(pki, folder / "chain.pem")
    assert result.returncode != 0 and "certificate has expired" in result.stderr
    kept, = (folder / "old").iterdir()
    assert ((kept / "chain.pem").read_text(), (kept / "signing.key.pem").read_text()) == first
    subject = openssl("x509", "-in", folder / "chain.pem", "-noout", "-subject", "-nameopt", "RFC2253").stdout
    assert subject == "subject=" + (folder / "subject.txt").read_text()


def test_a_stale_crl_can_be_made_and_replaced(pki):
    make_pki(pki, "crl", "--expired")
    assert "CRL has expired" in verify(pki, pki / "members/TN-GOV-MI/chain.pem").stderr
    number = crl_number(pki), crl_number(pki, "root")
    make_pki(pki, "crl", "--days", 3)
    assert verify(pki, pki / "members/TN-GOV-MI/chain.pem").returncode == 0
    assert (crl_number(pki), crl_number(pki, "root")) == (number[0] + 1, number[1] + 1)


def test_a_request_is_certified_under_the_members_name_whatever_it_says(pki, tmp_path):
    key, request, chain = tmp_path / "own.key.pem", tmp_path / "own.csr", tmp_path / "own.chain.pem"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-subj", "/C=TN/O=Wasl/CN=TN\\/GOV\\/MI", "-addext", "basicConstraints=critical,CA:TRUE", "-out", request)
    make_pki(pki, "sign-request", "TN/GOV/MAS", request, chain)
    text = openssl("x509", "-in", chain, "-noout", "-text").stdout
    assert "Subject: C = TN, O = Wasl, CN = TN/GOV/MAS" in text and "CA:TRUE" not in text
    assert openssl("x509", "-in", chain, "-noout", "-pubkey").stdout == openssl("pkey", "-in", key, "-pubout").stdout
    assert verify(pki, chain).returncode == 0


@pytest.mark.parametrize("algorithm", [["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], ["rsa:3072"]])
def test_a_request_with_another_kind_of_key_is_refused(pki, tmp_path, algorithm):
    request, chain = tmp_path / "own.csr", tmp_path / "own.chain.pem"
    openssl("req", "-new", "-newkey", *algorithm, "-nodes", "-keyout", tmp_path / "k", "-subj", "/CN=x", "-out", request)
    result = make_pki(pki, "sign-request", "TN/GOV/MAS", request, chain, check=False)
    assert result.returncode == 1 and "only P-256" in result.stderr and not chain.exists()


def test_members_are_added_but_never_overwritten(pki):
    before = {p: p.read_bytes() for p in (pki / "members").rglob("*") if p.is_file()}
    make_pki(pki, "TN/GOV/MAS")
    assert verify(pki, pki / "members/TN-GOV-MAS/chain.pem").returncode == 0
    result = make_pki(pki, "TN/GOV/MI", check=False)
    assert result.returncode == 1 and "exists already" in result.stderr
    assert all(p.read_bytes() == data for p, data in before.items())


@pytest.mark.parametrize("arguments", [["TN/GOV"], ["../x/y/z"], ["TN/GOV/M I"], ["--days", "x", "TN/GOV/MI"], []])
def test_wrong_words_make_nothing(tmp_path, arguments):
    result = make_pki(tmp_path / "pki", *arguments, check=False)
    assert result.returncode == 2 and result.stderr.startswith("make-pki: ")
    assert os.listdir(tmp_path) == []


def test_a_folder_in_the_way_is_left_alone_and_a_failure_leaves_nothing(tmp_path):
    (tmp_path / "pki.part").mkdir()
    (tmp_path / "pki.part/mine").write_text("keep")
    result = make_pki(tmp_path / "pki", "TN/GOV/MI", check=False)
    assert result.returncode == 1 and (tmp_path / "pki.part/mine").read_text() == "keep"
    assert not (tmp_path / "pki").exists()
    other = tmp_path / "other"  # the same member twice: the second fails half-way
    assert make_pki(other, "TN/GOV/MI", "TN/GOV/MI", check=False).returncode == 1
    assert sorted(os.listdir(tmp_path)) == ["pki.part"]
