"""Registry and CRLs that change while exchanges run: what takes effect, on what, and how fast."""
import os
import shutil
import statistics
import threading
import time

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fresh import fresh_sandbox
from helpers import MAS, MEN, MI, TYPE, ask_identity, child_of, identity_request, ledger, play, proto, refusal_names
from sandbox.cluster import tool
from sandbox.pki import Pki

EFFECT_MOST = 1.0  # seconds from the arrival of a file; the README promises it


@pytest.fixture(scope="module")
def running():
    with fresh_sandbox() as s:
        yield s.start_first_exchange(households=20)


class Asking:
    """MEN asks MI about a child, without a pause, on two threads, until the block ends."""

    def __init__(self, s):
        self.s, self.answers, self.over = s, [], threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(2)]

    def _ask(self):
        iuc = child_of(self.s.country).iuc
        while not self.over.is_set():
            answer = ask_identity(self.s, iuc)
            self.answers.append((time.time(), answer.refusal or "answered"))
            if answer.refusal:
                time.sleep(0.02)

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.wait("answered")
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()

    def wait(self, *outcomes, timeout=20):
        """Until an ask that ends from now on ends like that."""
        seen, end = len(self.answers), time.time() + timeout
        while not any(o in outcomes for _, o in self.answers[seen:]):
            assert time.time() < end, self.answers[-5:]
            time.sleep(0.01)


def put(source, target):
    """As an operator should: complete, then renamed into place. Returns when it arrived."""
    part = target.with_name("." + target.name + ".part")
    shutil.copy(source, part)
    os.rename(part, target)
    return time.time()


def version_in_force(s):
    status, body = s.bus.get("/status")
    assert status == 200
    return yaml.safe_load(body)


def publish(s, change):
    """Next version of the registry, renamed into place, nobody is told. Returns when it arrived."""
    before = s.folder / "registry.before"
    shutil.copy(s.registry_file, before)
    change(s.registry)
    s.registry["version"] += 1
    s.sign_registry(previous=before)
    return put(s.registry_file, s.bus.registry_file)


def wait_in_force(s, everywhere=True):
    version, end = s.registry["version"], time.time() + 20
    adapters = [a for a in s.adapters.values() if everywhere and a.status()["linked"]]
    while version_in_force(s)["registry_version"] != version or any(a.status()["registry_version"] != version for a in adapters):
        assert time.time() < end
        time.sleep(0.01)


def member(s, identifier):
    return next(m for m in s.registry["members"] if m["id"] == identifier)


def suspend(s, identifier):
    return publish(s, lambda r: member(s, identifier).update(suspended=True))


def reinstate(s, identifier):
    publish(s, lambda r: member(s, identifier).pop("suspended"))
    s.adapters[identifier].wait_linked()
    wait_in_force(s)


def last_admitted(s, identifier):
    """When the last message of that member was admitted (bus's clock, seconds)."""
    times = [0]
    for e in ledger(s):
        context = proto.envelope.Context.FromString(e.context)
        signer = context.provider if context.kind == proto.envelope.RESPONSE else context.consumer
        if e.type == TYPE.ADMITTED and signer.decode().startswith(identifier + "/"):
            times.append(e.time)
    return max(times) / 1e6


def measured(what, arrived, last):
    effect = last - arrived
    print(f"\n{what}: last message admitted {1000 * effect:+.0f} ms after the file arrived")
    assert effect < EFFECT_MOST
    return effect


def test_a_suspended_consumer_is_stopped_within_a_second_and_reinstated(running):
    s = running
    with Asking(s) as asking:
        arrived = suspend(s, MEN)
        asking.wait("member_suspended", "bus_unavailable")
        time.sleep(1)
    wait_in_force(s)
    measured("a suspended consumer", arrived, last_admitted(s, MEN))
    assert MEN not in version_in_force(s)["sessions"] and MI in version_in_force(s)["sessions"]
    reinstate(s, MEN)
    assert ask_identity(s, child_of(s.country).iuc).status == 200


def test_a_suspended_provider_is_stopped_within_a_second_and_reinstated(running):
    s = running
    with Asking(s) as asking:
        arrived = suspend(s, MI)
        asking.wait("member_suspended")
        time.sleep(1)
    measured("a suspended provider", arrived, last_admitted(s, MI))
    assert MI not in version_in_force(s)["sessions"]
    reinstate(s, MI)
    assert ask_identity(s, child_of(s.country).iuc).status == 200


def revoke(s, identifier, *options, check=True):
    return tool("wasl", "registry", "revoke", "--registry", s.bus.registry_file, "--key",
                s.pki.folder / "authority/registry.key", "--bus", s.bus.socket, *options, identifier, check=check)


def test_one_command_suspends_a_member_and_says_when_it_is_in_force(running):
    s = running
    before = tool("wasl", "registry", "show", "--document", s.bus.registry_file).stdout
    with Asking(s) as asking:
        result = revoke(s, MEN)
        returned = time.time()
        asking.wait("member_suspended")
        time.sleep(0.5)
    print("\n" + result.stdout.strip())
    assert float(result.stdout.split("after ")[1].split()[0]) < EFFECT_MOST
    assert last_admitted(s, MEN) < returned
    during = tool("wasl", "registry", "show", "--document", s.bus.registry_file).stdout
    assert [line for line in during.splitlines() if line not in before.splitlines()] == [
        f"version: {version_in_force(s)['registry_version']}", "  suspended: true"]
    assert "SUSPENDED" in tool("wasl", "registry", "show", s.bus.registry_file).stdout
    explained = tool("wasl", "registry", "explain", "-c", f"{MEN}/enrolment", "-s", f"{MI}/civil/person",
                     s.bus.registry_file, check=False)
    assert explained.returncode == 1 and "member_suspended" in explained.stdout and MEN in explained.stdout
    assert MEN not in version_in_force(s)["sessions"]
    assert "suspended" in s.adapters[MEN].status()["trouble"]
    assert revoke(s, MEN, check=False).returncode != 0  # it is so already
    assert revoke(s, "TN/GOV/XX", check=False).returncode != 0
    assert "reinstated" in revoke(s, MEN, "--reinstate").stdout
    s.adapters[MEN].wait_linked()
    assert ask_identity(s, child_of(s.country).iuc).status == 200
    s.registry["version"] = version_in_force(s)["registry_version"]
    shutil.copy(s.bus.registry_file, s.registry_file)
    after = tool("wasl", "registry", "show", "--document", s.bus.registry_file).stdout
    assert after.splitlines()[2:] == before.splitlines()[2:]


def forged_crl(true_list, number):
    """A list that says it is of this one's issuer and key, under a key of somebody else."""
    true = x509.load_pem_x509_crl(true_list.read_bytes())
    key_id = true.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    made = x509.CertificateRevocationListBuilder(true.issuer, true.last_update, true.next_update)
    made = made.add_extension(key_id, False).add_extension(x509.CRLNumber(number), False)
    return made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_forged_crl_with_a_high_number_harms_nobody(running):
    s = running
    lists = lambda: sum(e.type == TYPE.REGISTRY_ENTRY and e.object_kind == proto.ledger.CRL for e in ledger(s))
    before = lists()
    with Asking(s) as asking:
        for name in ("issuing", "root"):
            (s.bus.crls / f"forged-{name}.crl").write_bytes(forged_crl(s.bus.crls / f"{name}.crl.pem", 10**9))
        until(lambda: lists() == before + 2)  # control: they were read
        time.sleep(EFFECT_MOST)
    assert {outcome for _, outcome in asking.answers} == {"answered"}


def test_a_crl_takes_effect_within_a_second(running):
    s = running
    Pki.run(s.pki.folder, "revoke", MI)
    with Asking(s) as asking:
        arrived = put(s.pki.folder / "ca/issuing.crl.pem", s.bus.crls / "issuing.crl.pem")
        asking.wait("provider_unavailable")
        time.sleep(1)
    measured("a revoked provider", arrived, last_admitted(s, MI))
    # Control: who is not revoked goes on.
    assert MI in version_in_force(s)["sessions"] and MAS in version_in_force(s)["sessions"]


def alarms(s):
    return version_in_force(s)["alarms"]


def until(condition, timeout=15):
    end = time.time() + timeout
    while not condition():
        assert time.time() < end
        time.sleep(0.02)


def test_neither_registry_nor_crl_goes_back_over_a_restart_and_bad_files_stop_nothing(sandbox):
    """Roll-back attempts while the bus is down, bad and missing files: it goes on with what it accepted last, and says so."""
    s = sandbox()
    s.start_bus()
    first_registry, first_crl = s.registry_file.read_bytes(), (s.bus.crls / "issuing.crl.pem").read_bytes()
    publish(s, lambda r: None)
    Pki.run(s.pki.folder, "revoke", MEN)
    men = play(s, MEN, "enrolment")
    assert men.hello().name == "WELCOME"  # its chain proves whose list the next one is
    put(s.pki.folder / "ca/issuing.crl.pem", s.bus.crls / "issuing.crl.pem")
    revoked = lambda: (men.submit(x := identity_request(s, men)), refusal_names()[men.outcome(x).message.reason])[1]
    until(lambda: version_in_force(s)["registry_version"] == 2 and revoked() == "certificate_revoked")
    issuer_line = (s.bus.state / "crls.accepted").read_text()
    assert len(issuer_line.splitlines()) == 2
    men.close()
    good = s.bus.registry_file.read_bytes()
    for registry, crl in ((first_registry, first_crl), (b"half", b"of a list"), (good[:-1], None)):
        s.bus.process.stop()
        for path, content in ((s.bus.registry_file, registry), (s.bus.crls / "issuing.crl.pem", crl)):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
        s.bus.start()
        assert version_in_force(s)["registry_version"] == 2
        men = play(s, MEN, "enrolment")
        assert men.hello().name == "WELCOME"
        assert revoked() == "certificate_revoked"
        men.close()
        until(lambda: "trust_file_unusable" in alarms(s))
    assert (s.bus.state / "crls.accepted").read_text() == issuer_line
    s.bus.registry_file.write_bytes(good)
    until(lambda: "trust_file_unusable" not in alarms(s))
    assert s.bus.process.text().count("trust_file_unusable reason=") < 16  # once for each fault, not each look


def test_an_adapter_cut_off_from_the_bus_keeps_the_last_good_registry_and_raises_the_alarm(sandbox):
    s = sandbox()
    s.start_bus()
    men = s.add_adapter(MEN, ["enrolment"]).start(s.bus)
    until(lambda: (men.state / "contact").exists())
    assert "bus_silent" not in men.status()["alarms"]
    men.process.stop()
    s.bus.process.stop()
    long_ago = time.time() - 25 * 3600
    os.utime(men.state / "contact", (long_ago, long_ago))
    men.start(s.bus.endpoint, linked=False)
    until(lambda: "bus_silent" in men.status()["alarms"])
    assert men.status()["registry_version"] == 1
    shown = tool("wasl", "status", "--adapter", f"unix:{men.socket}", check=False)
    assert shown.returncode == 1 and "registry_alarm_hours" in shown.stdout
    s.bus.start()
    men.wait_linked()
    until(lambda: "bus_silent" not in men.status()["alarms"])
    assert men.process.text().count("name=bus_silent") == 2  # raised, and over


def test_a_notice_is_in_force_at_the_adapters_within_a_second(sandbox):
    s = sandbox()
    s.start_bus()
    men = s.add_adapter(MEN, ["enrolment"]).start(s.bus)
    times = []
    for _ in range(3):
        arrived = publish(s, lambda r: None)
        until(lambda: men.status()["registry_version"] == s.registry["version"])
        times.append(time.time() - arrived)
    print("\nfrom the file's arrival to the adapter: " + ", ".join(f"{1000 * t:.0f} ms" for t in times))
    assert statistics.median(times) < EFFECT_MOST
