"""How the daemons behave towards the machine that they run on: their service manager, its monitoring, its operator."""
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import signal
import time
import urllib.request

import yaml
from helpers import ECHO, MEN, MI, ask_identity
from manager import Manager
from sandbox.cluster import tool


def metrics(text):
    """{series: value}, after a look at the form of every line."""
    out = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP [a-z_]+ \S.*|TYPE [a-z_]+ (counter|gauge|histogram))", line), line
            continue
        match = re.fullmatch(r'([a-z_]+(?:\{[a-z]+="[^"\\]*"\})?) (-?\d+(?:\.\d+)?)', line)
        assert match, line
        assert match[1] not in out, line
        out[match[1]] = float(match[2])
    return out


def scrape(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return metrics(response.read().decode())


def told(process, event, key, nth=1):
    """The value of a key in the nth line of an event in a daemon's log; the line may come a moment after what it tells of."""
    def values():
        return re.findall(rf" {event} .*?\b{key}=(\S+)", process.text())

    process.wait_for(lambda: len(values()) >= nth)
    return values()[nth - 1]


def test_the_bus_shows_its_metrics_on_loopback_and_on_the_audit_socket(sandbox):
    s = sandbox()
    s.start_bus()
    s.bus.process.stop()
    s.bus.config["metrics"] = "127.0.0.1:0"
    s.bus.start()
    address = told(s.bus.process, "ready", "metrics", 2)
    seen = scrape(address)
    assert seen["wasl_registry_version"] == 1
    assert seen["wasl_bus_members_connected"] == 0
    assert seen["wasl_bus_ledger_entries"] > 0
    assert seen["wasl_bus_ledger_commit_seconds_count"] == seen['wasl_bus_ledger_commit_seconds_bucket{le="+Inf"}']
    assert seen["wasl_memory_anonymous_bytes"] > 1 << 20
    assert seen["wasl_open_descriptors"] > 5
    assert seen['wasl_alarm{alarm="registry_old"}'] == 0
    for method, path, expected in (("POST", "/metrics", 405), ("GET", "/", 404), ("GET", "/metrics/", 404), ("HEAD", "/metrics", 200)):
        connection = http.client.HTTPConnection(address, timeout=10)
        connection.request(method, path)
        assert connection.getresponse().status == expected, (method, path)
        connection.close()
    status, text = s.bus.get("/metrics")
    # Counted values may have appeared since; nothing that was there is missing.
    assert status == 200 and seen.keys() <= metrics(text.decode()).keys()


def start_adapter(s, member, subsystems, services=(), **more):
    adapter = s.add_adapter(member, subsystems, services, metrics="127.0.0.1:0", **more).start(s.bus)
    return adapter, told(adapter.process, "READY", "metrics")


def rewrite(adapter, **changes):
    """Another configuration for a running adapter; taken up on SIGHUP."""
    adapter.config.update(changes)
    (adapter.folder / "adapter.yaml").write_text(yaml.safe_dump(adapter.config, allow_unicode=True))


def hang_up(process, event, count=1):
    """SIGHUP, and waits until this event is in the log so many times."""
    process.popen.send_signal(signal.SIGHUP)
    process.wait_for(lambda: len(re.findall(rf" {event}\b", process.text())) >= count)


def test_an_adapter_shows_its_metrics_and_counts_what_passes(sandbox):
    s = sandbox()
    s.start_bus()
    _, provider = start_adapter(s, MI, ["civil"], ECHO)
    _, consumer = start_adapter(s, MEN, ["enrolment"])
    assert ask_identity(s, "01234567890").status == 200
    assert ask_identity(s, "01234567890", purpose="STATISTICS").status == 500
    asked, answered = scrape(consumer), scrape(provider)
    assert asked["wasl_adapter_linked"] == 1
    assert asked['wasl_adapter_asked_total{outcome="good"}'] == 1
    assert asked['wasl_adapter_refused_total{reason="wrong_purpose"}'] == 1
    assert answered["wasl_adapter_connector_calls_total"] == answered["wasl_adapter_connector_seconds_count"] == 1
    assert answered["wasl_adapter_certificate_end_seconds"] > time.time()
    assert answered['wasl_alarm{alarm="service_unregistered"}'] == 0
    s.bus.process.wait_for(lambda: b'wasl_bus_refused_total{reason="wrong_purpose"} 1\n' in s.bus.get("/metrics")[1])
    for text in (urllib.request.urlopen(f"http://{consumer}/metrics").read().decode(), s.bus.get("/metrics")[1].decode()):
        assert "01234567890" not in text and "TN/GOV" not in text


def test_a_service_that_the_registry_does_not_know_is_an_alarm(sandbox):
    s = sandbox()
    s.start_bus()
    adapter, address = start_adapter(s, MI, ["civil"], [*ECHO, {"service": f"{MI}/civil/persn", "connector": "echo"}])
    adapter.process.wait_for(lambda: "service_unregistered" in adapter.process.text())
    assert f"service={MI}/civil/persn" in adapter.process.text()
    assert f"service_unregistered service={MI}/civil/person " not in adapter.process.text()
    assert scrape(address)['wasl_alarm{alarm="service_unregistered"}'] == 1
    rewrite(adapter, services=ECHO)
    hang_up(adapter.process, "configuration_in_force")
    assert scrape(address)['wasl_alarm{alarm="service_unregistered"}'] == 0


def test_a_reload_brings_a_service_and_its_subsystem(sandbox):
    s = sandbox()
    s.start_bus()
    provider, _ = start_adapter(s, MI, ["civil"])
    start_adapter(s, MEN, ["enrolment"])
    assert ask_identity(s, "01234567890").refusal == "provider_unavailable"
    rewrite(provider, services=ECHO)
    hang_up(provider.process, "configuration_in_force")
    provider.process.wait_for(lambda: provider.process.text().count(" linked ") == 2)
    assert ask_identity(s, "01234567890").status == 200
    rewrite(provider, services=[])
    hang_up(provider.process, "configuration_in_force", 2)
    provider.process.wait_for(lambda: provider.process.text().count(" linked ") == 3)
    assert ask_identity(s, "01234567890").refusal == "provider_unavailable"


def test_a_reload_with_faults_keeps_what_was_in_force_and_says_each(sandbox):
    s = sandbox()
    s.start_bus()
    provider, address = start_adapter(s, MI, ["civil"], ECHO)
    start_adapter(s, MEN, ["enrolment"])
    rewrite(provider, services=[{"service": f"{MI}/civil/person", "connector": "ekho"}], log_level="loud")
    hang_up(provider.process, "configuration_kept")
    faults = re.findall(r" configuration_fault fault=.*adapter\.yaml:\d+.*", provider.process.text())
    assert len(faults) == 2 and any("ekho" in f for f in faults) and any("loud" in f for f in faults), faults
    seen = scrape(address)
    assert seen['wasl_alarm{alarm="reload_failed"}'] == 1 and seen['wasl_reloads_total{outcome="failed"}'] == 1
    assert ask_identity(s, "01234567890").status == 200
    rewrite(provider, services=ECHO, log_level="warn", state=str(provider.state) + "2")
    provider.process.popen.send_signal(signal.SIGHUP)
    provider.process.wait_for(lambda: scrape(address)['wasl_alarm{alarm="reload_failed"}'] == 0)
    assert re.findall(r"restart_needed key=(\S+)", provider.process.text()) == ["state"]
    before = provider.process.text().count(" info ")
    assert ask_identity(s, "01234567890").status == 200
    assert provider.process.text().count(" info ") == before, "log_level did not change"


def test_a_reload_never_makes_an_adapter_another_members(sandbox):
    """What it has open is this member's: with another's keys everything that it signs would be refused until somebody restarts it."""
    s = sandbox()
    s.start_bus()
    provider, address = start_adapter(s, MI, ["civil"], ECHO)
    start_adapter(s, MEN, ["enrolment"])
    keys = s.pki.member(MEN)
    rewrite(provider, member=MEN, services=[{"service": f"{MEN}/enrolment/pupil", "connector": "echo"}],
            keys={"signing": str(keys / "signing.key.pem"), "chain": str(keys / "chain.pem"), "link": str(keys / "link.key"),
                  "sealing": [str(keys / "sealing.key")]})
    hang_up(provider.process, "configuration_kept")
    assert "instance or member is another" in provider.process.text()
    seen = scrape(address)
    assert seen['wasl_alarm{alarm="reload_failed"}'] == 1
    assert seen['wasl_reloads_total{outcome="failed"}'] == 1 and not seen.get('wasl_reloads_total{outcome="good"}'), \
        "what was not taken up is no good reload"
    assert ask_identity(s, "01234567890").status == 200


def test_a_renewed_certificate_is_taken_up_without_a_restart(sandbox):
    s = sandbox()
    s.start_bus()
    start_adapter(s, MI, ["civil"], ECHO)
    consumer, address = start_adapter(s, MEN, ["enrolment"])
    assert ask_identity(s, "01234567890").status == 200
    s.pki.run(s.pki.folder, "revoke", MEN)
    s.copy_crls(s.bus.crls)
    s.bus.process.popen.send_signal(signal.SIGHUP)
    consumer.process.wait_for(lambda: ask_identity(s, "01234567890").refusal == "certificate_revoked")
    s.pki.run(s.pki.folder, "issue", MEN, "--days", "20")
    hang_up(consumer.process, "configuration_in_force")
    consumer.process.wait_for(lambda: consumer.process.text().count(" linked ") == 2)
    assert ask_identity(s, "01234567890").status == 200
    assert scrape(address)['wasl_alarm{alarm="certificate_ends"}'] == 1, "twenty days are soon"
    for key in (consumer.folder / "adapter.yaml",):
        assert "PRIVATE" not in key.read_text() + consumer.process.text()


# --- the service manager ---


def with_manager(s, manager, **more):
    s.env = {**os.environ, "NOTIFY_SOCKET": manager.path, **more}


def test_the_manager_hears_ready_reloading_status_and_stopping_of_both_daemons(sandbox):
    s = sandbox()
    with Manager() as manager:
        with_manager(s, manager)
        s.start_bus()
        manager.wait_for("READY=1")
        assert "admitting" in manager.wait_for("STATUS=")
        manager.heard.clear()
        s.bus.process.popen.send_signal(signal.SIGHUP)
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", manager.wait_for("RELOADING=1"))
        manager.wait_for("READY=1")
        assert "WATCHDOG=1" not in manager.heard, "nobody asked for it"
        manager.heard.clear()
        s.bus.process.stop()
        manager.wait_for("STOPPING=1")
        s.bus.process.env = None
        s.bus.start()
        manager.heard.clear()
        adapter, _ = start_adapter(s, MI, ["civil"], ECHO)
        manager.wait_for("READY=1")
        manager.wait_for("STATUS=linked")
        manager.heard.clear()
        hang_up(adapter.process, "configuration_in_force")
        manager.wait_for("RELOADING=1"), manager.wait_for("READY=1")
        adapter.process.stop()
        manager.wait_for("STOPPING=1")


@contextlib.contextmanager
def held_thread(pid, name):
    """A tracer (this thread) stops one thread of a process, and nothing else of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    tid = next(int(t.name) for t in pathlib.Path(f"/proc/{pid}/task").iterdir() if (t / "comm").read_text().strip() == name)
    seize, interrupt, detach = 0x4206, 0x4207, 17
    assert libc.ptrace(seize, tid, 0, 0) == 0, os.strerror(ctypes.get_errno())
    try:
        assert libc.ptrace(interrupt, tid, 0, 0) == 0
        os.waitpid(tid, 0x40000000)  # __WALL: it has stopped
        yield
    finally:
        libc.ptrace(detach, tid, 0, 0)


def test_the_watchdog_is_fed_while_all_goes_on_and_not_while_a_verifier_hangs(sandbox):
    s = sandbox()
    with Manager() as manager:
        with_manager(s, manager, WATCHDOG_USEC="3000000")
        s.start_bus()
        manager.wait_for("READY=1")
        fed = [m for m in manager.listen(3.1) if m == "WATCHDOG=1"]
        assert 3 <= len(fed) <= 6, fed
        for thread in ("verifier", "writer"):
            with held_thread(s.bus.process.popen.pid, thread):
                manager.listen(2.3)  # half of the period, and a turn
                assert "WATCHDOG=1" not in manager.listen(1.5)
                assert f"thread_does_not_go_on thread={thread}" in s.bus.process.text()
                assert s.bus.get("/status")[0] == 200, "the rest goes on"
            manager.heard.clear()
            manager.wait_for("WATCHDOG=1")


def test_status_tells_alarms_with_what_to_do_and_what_a_restart_waits_for(sandbox):
    s = sandbox()
    s.start_bus()
    file = s.bus.folder / "bus.yaml"

    def reload(**changes):
        count = s.bus.process.text().count(" reload_asked")
        file.write_text(yaml.safe_dump({**s.bus.config, **changes}))
        s.bus.process.popen.send_signal(signal.SIGHUP)
        s.bus.process.wait_for(lambda: len(re.findall(r" configuration_(?:kept|read) ", s.bus.process.text())) == count + 1)

    def status(*arguments):
        result = tool("wasl", "status", "--bus", s.bus.socket, *arguments, check=False)
        assert result.returncode == 0, "an alarm alone is no trouble: the bus goes on"
        return result.stdout

    assert "ALARM                reload_failed" not in status() and "disk days left       not known yet" in status()
    reload(log_level="loud", listen="nowhere", metrics="0.0.0.0:9465")
    assert len(re.findall(r" configuration_fault fault=.*bus\.yaml:\d+", s.bus.process.text())) == 3
    shown = status()
    assert "ALARM                reload_failed" in shown and "Read the faults in the log, mend them and reload." in shown
    assert "reload_failed" in json.loads(status("-o", "json"))["alarms"]
    reload(log_level="debug", metrics="127.0.0.1:0", limits={"probe_s": 61})
    assert "reload_failed" not in status()
    assert re.findall(r"restart_needed key=(\S+)", s.bus.process.text()) == ["metrics", "limits"]
