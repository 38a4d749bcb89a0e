"""A bus whose operator wants the adapters to fall: they stay bounded and alive."""
import re
import time
from pathlib import Path

from helpers import ECHO, MI
from scene import fake_bus
from waslpy import session
from waslpy.fakebus import TYPE
from waslpy.rawbus import RawBus, endless

MIB = 1 << 20
# The 64 MiB that may wait (core/README.md), what arrives between two looks, and the adapter itself.
MOST = 256 * MIB


def anonymous(process):
    return int(re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())[1]) * 1024


def test_a_message_without_end_does_not_fill_an_adapter(sandbox):
    s = sandbox()
    honest = fake_bus(s)
    honest.append(TYPE.ADMINISTRATION, note=b"started")
    _, secret = session.link_key(s.pki.folder / "bus/link.key")
    bus = RawBus(secret, endless)
    adapter = s.add_adapter(MI, ["civil"], ECHO)
    try:
        adapter.start(bus.endpoint, linked=False)
        end, most = time.monotonic() + 12, 0
        while time.monotonic() < end:
            most = max(most, anonymous(adapter.process.popen))
            assert most < MOST, f"{most / MIB:.0f} MiB"
            time.sleep(0.05)
        print(f"\nmost RssAnon {most / MIB:.0f} MiB, connections {len(bus.connections)}")
        assert len(bus.connections) > 1, "nobody ended the message"
        assert "bus_floods" in adapter.process.text()
        assert adapter.process.running
    finally:
        adapter.process.stop()
        bus.close()
        honest.close()
