"""bus.*, and what an exchange costs bus and adapters: adapter core to adapter core with the built-in echo connector, sealed, signed,
receipts verified, no HTTP. The consumer's core runs in wasl-bench beside the load generator, whose CPU is kept apart."""
from .measure import Measurement, record
from .scene import Scene

# Threads whose share is worth a line of its own, by process; the others together are "rest".
THREADS = {"bus": ("main", "verifier", "writer", "ZMQbg/IO/0"), "provider": ("main", "ZMQbg/IO/0"), "consumer": ("core", "ZMQbg/IO/0")}
THREADS_AT = 64  # in flight: where they are told apart


def shared_scene(bench):
    """The one that rates, CPU and memory are measured on; the bus's limits are the defaults."""
    return bench.shared("exchanges", lambda: bench.stack.enter_context(Scene(bench.state / "exchanges", bench.build)))


def cpu_of(result):
    """{process: {thread: µs}} with the consumer's core and the load generator, which share a process, apart."""
    out = {name: dict(used["threads"], total=used["total"]) for name, used in result["cpu_us"].items()}
    ours = out.pop("wasl-bench")
    generator = ours.pop("main")
    out["consumer"] = {**ours, "total": ours["total"] - generator}
    out["generator"] = {"total": generator}
    return out


class Exchanges(Measurement):
    """Closed loop with 1, 64 and 512 in flight. 512 is all that one consumer alone may have open with one provider (half of mailbox_messages),
    and more than are given to it at once (pair_under_way 32): the others wait in the bus, which is part of their latency."""
    names = ("bus.exchange_rate", "bus.latency_p50", "bus.latency_p99", "cpu.bus", "cpu.provider", "cpu.consumer", "cpu.generator")

    def start(self):
        self.scene = shared_scene(self.bench)
        self.scene.load(64, exchanges=64, warm_up=0)  # day keys, chains and caches are there before anything counts

    def round(self):
        for in_flight in self.settings.in_flight:
            yield from self.at(in_flight)

    def at(self, in_flight):
        s = self.settings
        result = self.scene.load(in_flight, seconds=s.seconds, warm_up=s.warmup, size=s.bytes)
        where, n = {"in_flight": in_flight}, result["exchanges"]
        yield record("bus.exchange_rate", result["rate"], "1/s", where, n=n)
        for name in ("p50", "p99"):
            yield record(f"bus.latency_{name}", result["latency_us"][name], "µs", where, n=n)
        for process, used in cpu_of(result).items():
            yield record(f"cpu.{process}", used["total"] / n, "µs", where, n=n)
            if in_flight != THREADS_AT or process not in THREADS:
                continue
            known = [used.get(thread, 0) for thread in THREADS[process]]
            for thread, spent in (*zip(THREADS[process], known), ("rest", max(0, used["total"] - sum(known)))):
                yield record(f"cpu.{process}", spent / n, "µs", {**where, "thread": thread}, n=n)


class Memory(Measurement):
    """After so many exchanges in all, those of the rounds included: more are made where they were too few. Of the load's end, under
    load, and of a moment after it, the larger. The consumer's core is measured with the load generator around it, and
    after the exchanges of its own process only."""
    names = ("bus.rss", "adapter.rss")
    once = True

    def round(self):
        scene = shared_scene(self.bench)
        missing = max(self.settings.exchanges - scene.exchanges, 1000)
        result = scene.load(64, exchanges=min(missing, self.settings.exchanges), warm_up=0, size=self.settings.bytes)
        for name, process, at in (("bus.rss", "bus", None), ("adapter.rss", "provider", {"role": "provider"})):
            yield record(name, max(result["rss_anon"][process], scene.anonymous(process)), "bytes", at, n=scene.exchanges)
        yield record("adapter.rss", result["rss_anon"]["wasl-bench"], "bytes", {"role": "consumer"}, n=result["exchanges"])


class Ledger(Measurement):
    """A bus of its own, stopped, and what lies on its disk. What is there whether or not anything is exchanged (meta, registry, chains, day keys)
    is divided by the exchanges like everything else, so the figure falls a little with their number; exchanges and expiry are let go of five minutes
    after a request's time, and their pages used again: they do not grow with the log."""
    names = ("ledger.bytes_per_exchange",)
    once = True
    MOST = 5000  # the same for --quick and whole
    SMALL = ("kept", "meta", "objects", "open", "quota", "subject_keys")

    def round(self):
        with Scene(self.bench.state / "ledger", self.bench.build) as scene:
            scene.load(64, exchanges=min(self.settings.exchanges, self.MOST), warm_up=0, size=self.settings.bytes)
            state = scene.stop_bus()
        found, = self.bench.objects(self.bench.program("wasl-bench"), "ledger", state, timeout=120)
        yield from self.records(found)

    def records(self, found):
        n, parts = found["exchanges"], self.parts(found)
        yield record("ledger.bytes_per_exchange", sum(found["disk"].values()) / n, "bytes", n=n)
        for part, size in parts.items():
            yield record("ledger.bytes_per_exchange", size / n, "bytes", {"part": part}, n=n)

    def parts(self, found):
        """They add up to what is on the disk."""
        tables = {name: t["bytes"] for name, t in found["tables"].items()}
        entries = tables.pop("entries")
        out = {f"entries.{name}": size for name, size in found["entries"]["parts"].items()}
        out["entries.others"] = found["entries"]["others_bytes"]
        out["entries.pages"] = entries - sum(out.values())  # what LMDB's pages hold besides: keys, headers, room
        out |= {name: tables.pop(name) for name in ("tiles", "checkpoints", "exchanges", "expiry")}
        out["small_tables"] = sum(tables.pop(name) for name in self.SMALL)
        known = entries + sum(out[name] for name in ("tiles", "checkpoints", "exchanges", "expiry", "small_tables"))
        out |= tables  # a table that this does not know yet
        out["free_pages"] = found["disk"]["ledger"] - known - sum(tables.values())  # kept by LMDB for the next transactions
        out |= {name: found["disk"][name] for name in ("trust", "vault")}
        return out


def measurements(bench):
    return [Exchanges(bench), Memory(bench), Ledger(bench)]
