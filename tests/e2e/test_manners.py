"""How the daemons behave towards the machine that they run on: their service manager, its monitoring, its operator."""
import json
import re
import signal
import urllib.request

from helpers import MAS, MEN, MI, ask_identity
from manager import Manager


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


def told(process, event, key):
    """The value of a key in the last line of an event in a daemon's log."""
    return re.findall(rf"\b{event}\b.*?\b{key}=(\S+)", process.text())[-1]


def test_the_bus_shows_its_metrics_on_loopback_and_on_the_audit_socket(sandbox):
    s = sandbox()
    s.start_bus()
    s.bus.process.stop()
    s.bus.config["metrics"] = "127.0.0.1:0"
    s.bus.start()
    address = told(s.bus.process, "ready", "metrics")
    seen = scrape(address)
    assert seen["wasl_registry_version"] == 1
    assert seen["wasl_bus_members_connected"] == 0
    assert seen["wasl_bus_ledger_entries"] > 0
    assert seen["wasl_bus_ledger_commit_seconds_count"] == seen['wasl_bus_ledger_commit_seconds_bucket{le="+Inf"}']
    assert seen["wasl_memory_anonymous_bytes"] > 1 << 20
    assert seen["wasl_open_descriptors"] > 5
    assert seen['wasl_alarm{alarm="registry_old"}'] == 0
    status, text = s.bus.get("/metrics")
    assert status == 200 and metrics(text.decode()).keys() == seen.keys()
