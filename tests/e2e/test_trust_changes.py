"""Registry and CRLs that change while exchanges run: what takes effect, on what, and how fast."""
import os
import shutil
import statistics
import threading
import time

import pytest
import yaml

from fresh import fresh_sandbox
from helpers import MAS, MEN, MI, TYPE, ask_identity, child_of, ledger, proto, refusal_names
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


def interrupted(s, reason):
    names = refusal_names()
    return [e for e in ledger(s) if e.type == TYPE.INTERRUPTED and names[e.reason] == reason]


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
