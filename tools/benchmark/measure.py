"""What a measuring module and the runner agree upon.

A module of this package offers `measurements(bench)`, a list of Measurement objects; runner.MODULES names the modules. The
runner starts all that are chosen, calls their rounds in turn (A B C, A B C, ...) so that a drift of the machine hits all
alike, takes the median of each figure and its noise from the spread (noise.py), and stops all, also after a failure.
"""
import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import time


class Failed(Exception):
    """No figure: something was refused, lost or wrong, or a program did not do what it is for. Says what, and what to do."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is measured. Runs with different settings are not compared without saying so."""
    mode: str            # whole, quick, smoke
    rounds: int          # at most
    total: float         # seconds for everything but installation and build: no round is begun that would probably end later
    reserve: float       # seconds of these for what comes after the rounds
    seconds: float       # of one load in one round
    warmup: float        # seconds before each
    exchanges: int       # before resident memory is read
    bytes: int = 1024    # of a question and of an answer
    in_flight: tuple = (1, 64, 512)

    def plain(self):
        """As a saved run has it: JSON knows no tuples, and a fresh run is compared with a saved one."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


WHOLE = Settings("whole", rounds=11, total=570, reserve=150, seconds=3.0, warmup=0.7, exchanges=100_000)
QUICK = Settings("quick", rounds=5, total=112, reserve=32, seconds=0.8, warmup=0.25, exchanges=10_000)
SMOKE = Settings("smoke", rounds=2, total=60, reserve=20, seconds=0.25, warmup=0.05, exchanges=200)


def record(name, value, unit, at=None, **more):
    """One figure of one round. name: as in the README's table. at: what tells figures of one name apart, for example
    {"in_flight": 64}, {"part": "tiles"}. more: `n` (how many it was made of), or notes that travel with it."""
    return {"name": name, **({"at": dict(at)} if at else {}), "value": value, "unit": unit, **more}


def label(r):
    """A record's name with what it was measured at: bus.exchange_rate[in_flight=64]."""
    at = ",".join(f"{k}={v}" for k, v in r.get("at", {}).items())
    return f"{r['name']}[{at}]" if at else r["name"]


class Measurement:
    """One thing that is measured. `names`: the records that it yields, for --only and for what is missing after a failure.
    `once`: a single round after all the others, for what takes long or changes what is measured."""
    names = ()
    once = False

    def __init__(self, bench):
        self.bench, self.settings = bench, bench.settings

    def start(self):
        """Before the first round. May take its time; what it opens it gives to bench.stack, or ends in stop()."""

    def round(self):
        """One round: an iterable of records. Raises Failed where there is no figure."""
        raise NotImplementedError

    def stop(self):
        """After the last round and after a failure, also where start() failed."""


class Bench:
    """What the measurements share. `stack` ends in reverse order what was opened, also after a failure."""

    def __init__(self, settings, build, state):
        self.settings, self.build, self.state = settings, pathlib.Path(build), pathlib.Path(state)
        self.stack = contextlib.ExitStack()
        self.begun = time.monotonic()
        self.warnings = []  # what the reader of the figures must know, said above them
        self._shared = {}

    def warn(self, *texts):
        self.warnings += [t for t in texts if t not in self.warnings]

    def left(self):
        """Seconds for further rounds."""
        return self.begun + self.settings.total - self.settings.reserve - time.monotonic()

    def shared(self, key, make):
        """make() at the first call with this key, the same thing afterwards: a scene that several measurements use."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def program(self, name):
        """wasl-bench, wasl-bus, wasl-adapter, wasl or wasl-audit of the build that is measured."""
        folder = {"wasl-bus": "bus/broker", "wasl-adapter": "adapters/daemon"}.get(name, f"tools/{name}")
        return self.build / folder / name

    def objects(self, *command, timeout=60.0, input=None):
        """Runs a program and returns the JSON objects that it printed, one a line. Failed when it says that it is no result."""
        command = [str(c) for c in command]
        what = " ".join([pathlib.Path(command[0]).name, *command[1:2]])
        try:
            done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=timeout,
                                  env={**os.environ, "LC_ALL": "C"})
        except subprocess.TimeoutExpired:
            raise Failed(f"{what} did not end within {timeout:.0f} s") from None
        except OSError as e:
            raise Failed(f"{what}: {e.strerror}; is it built?") from None
        lines = done.stdout.splitlines()
        if done.returncode:
            words = (done.stderr.strip().splitlines() or lines or [""])[-1]
            raise Failed(f"{what} ended with {done.returncode}: {words[:400]}")
        return [self.object_of(line) for line in lines]

    @staticmethod
    def object_of(line):
        try:
            return json.loads(line)
        except ValueError:
            raise Failed(f"a program printed no JSON: {line[:200]!r}") from None
