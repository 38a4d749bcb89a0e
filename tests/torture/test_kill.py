"""A message that left the bus is in the ledger: seeded SIGKILLs at random points under load."""
import os
import random
import time

from helpers import TYPE, exchange_of, ledger, terminals
from waslpy import tlog
from witness import Comparison, Load, echo_registry

KILLS = int(os.environ.get("WASL_KILLS", "50"))


def test_a_message_that_left_the_bus_is_in_the_ledger_after_any_kill(sandbox):
    seed = int(os.environ.get("WASL_SEED", random.randrange(1 << 30)))
    print(f"seed {seed}, {KILLS} kills")
    rng = random.Random(seed)
    s = sandbox()
    echo_registry(s)
    s.start_bus()
    load = Load(s)
    size = 0
    try:
        for kill in range(KILLS):
            # now under load, now while it is starting, now just after a link came up
            time.sleep(rng.choice([0.002, 0.05, 0.3, 0.8]) * rng.random() + 0.001)
            s.bus.process.kill()
            if rng.random() < 0.2:  # and once more in the middle of starting
                s.bus.start(ready=False)
                time.sleep(rng.random() * 0.1)
                s.bus.process.kill()
            s.bus.start()
            now = tlog.checkpoint_open(s.bus.get("/checkpoint")[1], s.pki.text("bus/ledger.vkey")).size
            assert now >= size, "the tree shrank"
            size = now
            if kill % 10 == 9:  # let the links come up and work for a while
                before = len(load.answered)
                end = time.monotonic() + 30
                while len(load.answered) < before + 20 and time.monotonic() < end:
                    time.sleep(0.02)
                assert len(load.answered) >= before + 20, "the bus does not come back to work"
        load.stop()
        count, size = Comparison(s, load.relay.frames).compare()
        print(f"{count} messages with receipts compared, {size} entries, {len(load.answered)} answered, {len(load.refused)} refused")
        assert count > KILLS and len(load.answered) >= 20
        entries = ledger(s)
        many = [exchange for exchange, kinds in terminals(entries).items() if len(kinds) != 1]
        assert not many, [(exchange_of(e).hex(), TYPE.Name(e.type), e.reason) for e in entries if exchange_of(e) in many]
        for adapter in s.adapters.values():
            assert adapter.status()["trouble"] is None
        result = s.audit("verify", "--key", s.pki.folder / "bus/ledger.vkey", "--state", s.folder / "trail", check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    finally:
        load.stopping.set()
        load.close()
