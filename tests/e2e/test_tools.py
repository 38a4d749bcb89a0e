"""wasl call, keys, status and wasl-audit log and show, against running daemons, as operators, developers and auditors use them."""
import csv
import io
import json
import shutil
import subprocess

import pytest
import yaml

from helpers import BENEFICIARY, CLIENT, MEN, MI, PERSON, ask_identity, child_of
from sandbox.cluster import BUILD, tool


def call(s, *more, input="", service=PERSON, adapter=None):
    return tool("wasl", "call", "--adapter", adapter or f"unix:{s.adapters[MEN].socket}", "--client", CLIENT, "--service", service,
                *more, input=input, check=False)


def about(iuc):
    return f"IUC:{iuc}\n/persons/{iuc}\n"


def wasl(*words):
    return tool("wasl", *words, check=False)


def audit(s, *words):
    return s.audit(*words, check=False)


# --- wasl call ---

def test_call_asks_about_a_person_from_standard_input_and_prints_the_answer(country):
    child = child_of(country.country)
    result = call(country, "--subject-stdin", "--path-stdin", "--purpose", "SCHOOL-ENROLMENT", input=about(child.iuc))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["birth_date"] == child.born.isoformat()
    assert result.stderr.startswith("exchange: ")


def test_call_asks_over_loopback_and_from_files_too(country, tmp_path):
    child = child_of(country.country)
    (tmp_path / "subject").write_text(f"IUC:{child.iuc}\n")
    (tmp_path / "path").write_text(f"/persons/{child.iuc}\n")
    result = call(country, "--subject-file", tmp_path / "subject", "--path-file", tmp_path / "path", "-v",
                  adapter=f"http://{country.adapters[MEN].address}")
    assert result.returncode == 0 and json.loads(result.stdout)["iuc"] == child.iuc, result.stderr
    assert "status: 200" in result.stderr and "x-road-request-hash: " in result.stderr


def test_call_tells_a_refusal_in_words_with_its_code_and_exchange(country):
    child = child_of(country.country)
    result = call(country, "--subject-stdin", "--path-stdin", "--purpose", "STATISTICS", input=about(child.iuc))
    assert result.returncode == 1 and result.stdout == ""
    assert "refused: " in result.stderr and "code:     wrong_purpose" in result.stderr and "exchange: " in result.stderr
    assert child.iuc not in result.stderr


@pytest.mark.parametrize("words, input, says", [
    (["--path", "persons/1"], "", "begins with"),
    (["--path", "/a b"], "", "no blanks"),
    (["--subject-stdin"], "", "no line with the subject"),
    (["--subject-stdin", "--path", "/x"], "IUC:01234567890\0more\n", "zero byte"),
    (["--path", "/x", "--header", "A" * 200 + ": 1"], "", "at most"),
    (["--path", "/x", "--header", "no colon"], "", "NAME: VALUE"),
    (["--path", "/x", "--header", "A: b\r\nC: d"], "", "line break"),
    (["--path", "/x", "--method", "GET /"], "", "capital letters"),
    (["/persons/1"], "", "a word too many"),
], ids=["no slash", "blank", "no subject", "zero byte", "long name", "no colon", "line break", "method", "path as a word"])
def test_call_sends_nothing_that_it_cannot_send_as_it_is(country, words, input, says):
    before = country.adapters[MEN].status()
    result = call(country, *words, input=input)
    assert result.returncode == 2 and says in result.stderr, result.stderr
    after = country.adapters[MEN].status()
    assert (after["asked"], after["refused"]) == (before["asked"], before["refused"])


def test_call_says_why_an_adapter_cannot_be_reached(country, tmp_path):
    result = call(country, "--path", "/x", adapter=f"unix:{tmp_path / 'none.sock'}")
    assert result.returncode == 6 and "No such file or directory" in result.stderr and "none.sock" in result.stderr


# --- wasl keys ---

def test_keys_shows_public_halves_and_never_a_private_one(country):
    folder = country.pki.member(MI)
    result = wasl("keys", folder)
    assert result.returncode == 0, result.stdout
    assert country.pki.text(folder / "sealing.pub") in result.stdout and country.pki.text(folder / "link.pub") in result.stdout
    assert country.pki.text(folder / "witness.vkey") in result.stdout and "CN=TN/GOV/MI" in result.stdout
    for secret in ("sealing.key", "link.key", "witness.key"):
        assert country.pki.text(folder / secret).split()[-1] not in result.stdout
    assert "PRIVATE" not in result.stdout


def test_keys_finds_what_others_may_read_what_does_not_fit_and_what_is_broken(country, tmp_path):
    for name in ("link.key", "chain.pem", "sealing.key"):
        shutil.copy(country.pki.member(MI) / name, tmp_path)
    shutil.copy(country.pki.member(MEN) / "signing.key.pem", tmp_path)
    (tmp_path / "link.key").chmod(0o644)
    (tmp_path / "sealing.key").write_text("wasl-sealing-key/1 broken\n")
    result = wasl("keys", tmp_path)
    assert result.returncode == 3
    assert "chmod 600" in result.stdout and "no certificate of this folder is for this key" in result.stdout
    assert "is not a sealing key" in result.stdout
    (tmp_path / "empty").mkdir()
    assert wasl("keys", tmp_path / "empty").returncode == 1
    assert wasl("keys", tmp_path / "nowhere").returncode == 6
    assert wasl("keys").returncode == 2


# --- wasl status ---

def test_status_shows_a_bus_and_its_adapters(country):
    words = ["--bus", country.bus.socket, "--adapter", f"unix:{country.adapters[MEN].socket}", "--adapter",
             f"http://{country.adapters[MI].address}"]
    result = wasl("status", *words)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "admitting" in result.stdout and result.stdout.count(": linked") == 2
    bus, men, mi = [json.loads(line) for line in wasl("status", "--json", *words).stdout.splitlines()]
    assert bus["origin"] == country.pki.text("bus/ledger.vkey").split("+")[0] and bus["trouble"] is None
    assert men["member"] == MEN and mi["member"] == MI and men["linked"] is True


def test_status_says_what_cannot_be_reached_and_goes_on(country, tmp_path):
    result = wasl("status", "--adapter", f"unix:{tmp_path / 'none.sock'}", "--bus", country.bus.socket)
    assert result.returncode == 6 and "none.sock" in result.stderr and "admitting" in result.stdout
    other = wasl("status", "--adapter", f"unix:{country.bus.socket}")
    assert other.returncode == 6 and "does not answer as an adapter" in other.stderr


def test_status_tells_an_adapter_without_a_bus(sandbox):
    s = sandbox()
    s.start_bus()
    adapter = s.add_adapter(MEN, ["enrolment"]).start(s.bus)
    s.bus.process.stop()
    adapter.process.wait_for(lambda: not adapter.status()["linked"])
    result = wasl("status", "--adapter", f"unix:{adapter.socket}")
    assert result.returncode == 1 and "NOT WORKING" in result.stdout


# --- wasl-audit log ---

@pytest.fixture(scope="module")
def asked(country):
    """One answered and one refused exchange, by their ids."""
    household = country.country.households[0]
    answered = ask_identity(country, child_of(country.country).iuc)
    refused = ask_identity(country, child_of(country.country).iuc, purpose="STATISTICS")
    other = country.adapters[MEN].ask(CLIENT, BENEFICIARY, f"/beneficiaries/{household.social}", "SCHOOL-AID",
                                      f"SOCIAL:{household.social}")
    return answered.exchange, refused.exchange, other.exchange


@pytest.mark.parametrize("filters, which", [
    (["--consumer", MEN], {0, 1, 2}), (["--consumer", CLIENT], {0, 1, 2}), (["--consumer", "TN/GOV/ME"], set()),
    (["--provider", MI], {0, 1}), (["--provider", f"{MI}/civil"], {0, 1}), (["--provider", "TN/GOV/MAS"], {2}),
    (["--service", "person"], {0, 1}), (["--service", BENEFICIARY], {2}),
    (["--purpose", "STATISTICS"], {1}), (["--purpose", "SCHOOL-AID"], {2}),
    (["--outcome", "answered"], {0, 2}), (["--outcome", "refused"], {1}), (["--outcome", "wrong_purpose"], {1}),
    (["--outcome", "grant_expired"], set()), (["--type", "response"], {0, 2}), (["--type", "refused"], {1}),
    (["--since", "1h"], {0, 1, 2}), (["--until", "2020-01-01"], set()), (["--since", "2100-01-01T00:00:00+01:00"], set()),
    (["--service", "person", "--outcome", "answered", "--since", "1h"], {0}),
], ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_log_shows_what_the_filter_says_and_nothing_else(country, asked, filters, which):
    result = audit(country, "log", "-o", "jsonl", *filters)
    found = {json.loads(line)["exchange"] for line in result.stdout.splitlines()}
    assert found & set(asked) == {asked[i] for i in which}
    assert result.returncode == (0 if result.stdout else 1)


def test_log_says_the_same_in_each_form(country, asked):
    short, lines, cells = (audit(country, "log", "-o", form, "--exchange", asked[0], "--utc").stdout
                           for form in ("short", "jsonl", "csv"))
    objects, rows = [json.loads(line) for line in lines.splitlines()], list(csv.DictReader(io.StringIO(cells)))
    assert len(short.splitlines()) == len(objects) == len(rows) == 2
    for text, object_, row in zip(short.splitlines(), objects, rows):
        assert {k: "" if v is None else str(v) for k, v in object_.items()} == row
        assert object_["exchange"] in text and object_["outcome"] in text and object_["time"][:23] in text
        assert object_["time"].endswith("Z")
    local = json.loads(subprocess.run([BUILD / "tools/wasl-audit/wasl-audit", "log", "-s", str(country.bus.socket), "-o", "jsonl",
                                       "--exchange", asked[0]], env={"TZ": "Africa/Tunis"}, check=True, text=True,
                                      capture_output=True).stdout.splitlines()[0])
    assert local["time"].endswith("+01:00")


@pytest.mark.parametrize("words", [["--outcome", "nonsense"], ["--type", "nonsense"], ["--since", "2026-11-22T08:00:00"],
                                   ["--exchange", "1"], ["-o", "xml"], ["word"]], ids=" ".join)
def test_log_refuses_words_that_it_does_not_know(country, words):
    assert audit(country, "log", *words).returncode == 2


def test_log_that_follows_ends_with_an_error_when_the_bus_is_gone(sandbox):
    s = sandbox()
    s.start_bus()
    follower = subprocess.Popen([BUILD / "tools/wasl-audit/wasl-audit", "log", "-f", "--socket", str(s.bus.socket)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert "bus started" in follower.stdout.readline()
        adapter = s.add_adapter(MEN, ["enrolment"]).start(s.bus)
        adapter.ask(CLIENT, f"{MI}/civil/nothing", "/x", "SCHOOL-ENROLMENT")
        assert any("unknown_service" in line for line in iter(follower.stdout.readline, ""))
        s.bus.process.stop()
        assert follower.wait(30) == 6
        assert "audit.sock" in follower.stderr.read()
    finally:
        if follower.poll() is None:
            follower.kill()
        follower.communicate()


# --- wasl-audit show, verify ---

def test_show_says_who_signed_and_proves_each_entry(country, asked):
    vkey = country.pki.folder / "bus/ledger.vkey"
    shown = audit(country, "show", "--key", vkey, asked[0])
    assert shown.returncode == 0
    assert "signed by          CN=TN/GOV/MEN" in shown.stdout and "signed by          CN=TN/GOV/MI" in shown.stdout
    assert shown.stdout.count("signature          good") == 2 and shown.stdout.count("whose signature is good") == 2
    refused = audit(country, "show", asked[1])
    assert refused.returncode == 0 and "wrong_purpose" in refused.stdout and "was not checked (give --key)" in refused.stdout


def test_show_says_what_takes_effect(country):
    rows = [json.loads(line) for line in audit(country, "log", "-o", "jsonl", "--type", "registry").stdout.splitlines()]
    kinds = {kind for row in rows for kind in ("registry", "CRL", "certificate chain")
             if f"takes effect       {kind}\n" in audit(country, "show", row["index"]).stdout}
    assert kinds == {"registry", "CRL", "certificate chain"}


def test_shows_exit_code_says_what_happened(country, asked, tmp_path):
    index = json.loads(audit(country, "log", "-o", "jsonl", "--exchange", asked[0]).stdout.splitlines()[0])["index"]
    assert audit(country, "show", "--receipt", tmp_path / "r", index).returncode == 0
    assert (tmp_path / "r.proof").read_text().startswith("c2sp.org/tlog-proof@v1\n")
    assert audit(country, "show", "--receipt", tmp_path / "none/r", index).returncode == 6
    assert audit(country, "show", 999999).returncode == 1
    assert audit(country, "show", "00000000-0000-4000-8000-000000000000").returncode == 1
    assert audit(country, "show", "nonsense").returncode == 2
    assert audit(country, "show", "--key", tmp_path / "none.vkey", index).returncode == 2


def test_a_folder_that_is_no_ledger_is_not_called_good(country, tmp_path):
    result = tool("wasl-audit", "verify", "--dir", tmp_path, "--key", country.pki.folder / "bus/ledger.vkey", "--no-state",
                  check=False)
    assert result.returncode == 1 and "GOOD" not in result.stdout and "no checkpoint" in result.stderr


# --- daemons that cannot start ---

def bus_says(s, folder, *words, **changed):
    """(exit code, words) of a bus with a folder and a configuration of its own."""
    path = folder / "bus.yaml"
    path.write_text(yaml.safe_dump({**s.bus.config, "state": str(folder / "state"), "audit_socket": str(folder / "audit.sock"),
                                    "listen": "tcp://127.0.0.1:*", **changed}))
    result = subprocess.run([BUILD / "bus/broker/wasl-bus", *words, "--config", path], capture_output=True, text=True, timeout=30)
    return result.returncode, result.stderr


def test_a_bus_whose_key_others_may_read_says_so_before_it_starts(country, tmp_path):
    loose = tmp_path / "link.key"
    shutil.copy(country.bus.config["link_key"], loose)
    loose.chmod(0o644)
    for words in (["--check"], []):
        code, said = bus_says(country, tmp_path, *words, link_key="link.key")
        assert code == 2 and f"link_key: {loose} holds a secret" in said and "chmod 600" in said, said
    assert not (tmp_path / "state").exists()


def test_a_bus_takes_no_registry_that_the_authority_has_not_signed(country, tmp_path):
    code, said = bus_says(country, tmp_path, registry=str(country.folder / "registry.yaml"))
    assert code == 2 and "this is not a signed registry" in said
    code, said = bus_says(country, tmp_path, authority={"threshold": 1, "keys": [country.pki.text("bus/ledger.vkey")]})
    assert code == 2 and "not signed by the authority" in said


def test_a_bus_leaves_another_ones_socket_and_other_files_alone(country, tmp_path):
    code, said = bus_says(country, tmp_path, audit_socket=str(country.bus.socket))
    assert code == 2 and "another process serves this socket" in said and country.bus.get("/checkpoint")[0] == 200
    (tmp_path / "file").write_text("kept")
    code, said = bus_says(country, tmp_path, audit_socket=str(tmp_path / "file"))
    assert code == 2 and "is not a socket" in said and (tmp_path / "file").read_text() == "kept"


def test_a_bus_whose_ledger_was_cut_off_says_so_and_changes_nothing(sandbox):
    s = sandbox()
    s.start_bus()
    s.add_adapter(MEN, ["enrolment"]).start(s.bus)
    s.adapters[MEN].process.stop()
    s.bus.process.stop()
    for name in ("ledger", "vault"):
        data = next((s.bus.state / name).rglob("data.mdb"))
        whole = data.read_bytes()
        data.write_bytes(whole[:len(whole) // 2])
        s.bus.process.start()
        assert s.bus.process.wait(30) == 3, name
        assert "a file was cut off" in s.bus.process.tail(3)
        assert data.read_bytes() == whole[:len(whole) // 2]
        data.write_bytes(whole)
    s.bus.start()  # the control: whole again, it runs


@pytest.mark.parametrize("tool_words", [["wasl", "registry", "check"], ["wasl", "registry", "show"]], ids=" ".join)
def test_an_empty_file_is_a_fault_and_not_the_end_of_the_program(tmp_path, tool_words):
    (tmp_path / "empty.yaml").touch()
    result = tool(*tool_words, tmp_path / "empty.yaml", check=False)
    assert result.returncode == 1 and "empty.yaml:1: the file is empty" in result.stderr

def test_a_second_bus_on_the_same_state_is_refused_and_the_first_goes_on(country):
    second = subprocess.run([BUILD / "bus/broker/wasl-bus", "--config", country.bus.folder / "bus.yaml"], capture_output=True,
                            text=True, timeout=30)
    assert second.returncode == 2 and "another bus" in second.stderr
    assert (country.bus.state / "endpoint").read_text().strip() == country.bus.endpoint
    assert ask_identity(country, child_of(country.country).iuc).status == 200
