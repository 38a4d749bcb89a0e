"""front.*: from an information system's HTTP request at its adapter, through the bus, to another ministry's PostgreSQL and back. The daemons of the
sandbox, their limits the defaults; a few thousand synthetic people, another one in each request."""
import json
import pathlib

from sandbox.cluster import MEN, MI, Sandbox

from .measure import Measurement, record

CLIENT, SERVICE, PURPOSE = f"{MEN}/enrolment", f"{MI}/civil/person", "SCHOOL-ENROLMENT"
IN_FLIGHT = (1, 64)
THREADS_AT = 64  # in flight: where CPU is told apart


def identity(person):
    """What the grant permits of the answer."""
    names = {language: {"given": person.given[i], "family": person.family[i]} for i, language in enumerate(("ar", "fr"))}
    return {"iuc": person.iuc, "names": names, "birth_date": person.born.isoformat()}


def write_requests(path, people):
    """What wasl-bench http takes: a line for each request."""
    with open(path, "w", encoding="utf-8") as out:
        for person in people:
            line = {"path": f"/persons/{person.iuc}", "subject": f"IUC:{person.iuc}", "answer": identity(person)}
            print(json.dumps(line, ensure_ascii=False), file=out)


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Scene:
    """with Scene(folder) as scene: everything that it started has ended afterwards."""

    def __init__(self, folder, build=None, households=1300):
        self.folder = pathlib.Path(folder)
        self.sandbox = Sandbox(self.folder, build)
        self.requests = self.folder / "requests.jsonl"
        try:
            self.begin(households)
        except BaseException:
            self.sandbox.stop()
            raise

    def begin(self, households):
        s = self.sandbox
        for grant in s.registry["grants"]:
            if "per_day" in grant:  # still counted, but for more than a day of the fastest machine
                grant["per_day"] = 1_000_000_000
        s.start_databases(households)
        s.start_bus()
        s.add_adapter(MI, ["civil"], s.services("civil-status", civil="civil")).start(s.bus)
        s.add_adapter(MEN, ["enrolment"]).start(s.bus)
        write_requests(self.requests, s.country.people)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sandbox.stop()

    def watched(self):
        """(name, pid) of everything whose CPU is told. The connector's connections are kept, and each has a process of PostgreSQL's."""
        s = self.sandbox
        yield from (("bus", s.bus.process.popen.pid), ("consumer", s.adapters[MEN].process.popen.pid),
                    ("provider", s.adapters[MI].process.popen.pid))
        yield from (("postgresql", pid) for pid in (s.postgres.pid, *children(s.postgres.pid)))

    def command(self, program, *more):
        return [program, "http", "--adapter", f"unix:{self.sandbox.adapters[MEN].socket}", "--requests", self.requests, "--client", CLIENT,
                "--service", SERVICE, "--purpose", PURPOSE, *(f"--watch={name}={pid}" for name, pid in self.watched()), *more]


def shared_scene(bench):
    return bench.shared("front", lambda: bench.stack.enter_context(Scene(bench.state / "front", bench.build)))


class Front(Measurement):
    names = ("front.exchange_rate", "front.latency_p50", "front.latency_p99", "front.cpu")

    def start(self):
        self.scene = shared_scene(self.bench)
        self.load(64, "--exchanges", 256)  # day keys, chains, prepared statements and caches are there before anything counts

    def load(self, in_flight, *more):
        result, = self.bench.objects(*self.scene.command(self.bench.program("wasl-bench"), "--in-flight", in_flight, *more),
                                     timeout=60 + 2 * self.settings.seconds)
        return result

    def round(self):
        for in_flight in IN_FLIGHT:
            seconds = self.settings.seconds if in_flight > 1 else self.settings.seconds / 2
            result = self.load(in_flight, "--seconds", seconds, "--warm-up", self.settings.warmup)
            where, n = {"in_flight": in_flight}, result["exchanges"]
            yield record("front.exchange_rate", result["rate"], "1/s", where, n=n)
            for name in ("p50", "p99"):
                yield record(f"front.latency_{name}", result["latency_us"][name], "µs", where, n=n)
            if in_flight == THREADS_AT:
                yield from self.cpu(result, n)

    def cpu(self, result, n):
        for process, used in result["cpu_us"].items():
            yield record("front.cpu", used["total"] / n, "µs", {"process": process}, n=n)


def measurements(bench):
    return [Front(bench)]
