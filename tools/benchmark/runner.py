"""The rounds: who is measured, in which order, until when; and what becomes of a measurement that fails."""
import fnmatch
import importlib
import os
import subprocess
import time

from sandbox.process import NotReady

from . import noise, ratio
from .measure import Failed, label

# In the order of a round. Limits stand between what is compared with them.
MODULES = ("limits", "exchanges", "peer", "front", "verify", "stages")
# What goes wrong around a measurement rather than in it: no figure, and the run goes on.
TROUBLE = (Failed, NotReady, OSError, subprocess.SubprocessError, RuntimeError, ValueError, KeyError)


def chosen(names, only):
    return not only or any(fnmatch.fnmatchcase(name, glob) for name in names for glob in only)


def offered(bench, only=()):
    """The measurements that yield something that `only` (globs of names) asks for, and what ratios of them need."""
    wanted = [*only, *ratio.needed(only)] if only else ()
    every = [m for module in MODULES for m in importlib.import_module(f"{__package__}.{module}").measurements(bench)]
    return [m for m in every if chosen(m.names, wanted)]


class Run:
    """samples: {label: [(time, record)]}; errors: [{"name", "error"}]."""

    def __init__(self, bench, only=(), say=lambda text: None):
        self.bench, self.only, self.say = bench, only, say
        self.samples, self.errors, self.rounds = {}, [], 0

    def failed(self, measurement, error):
        text = " ".join(str(error).split()) or type(error).__name__
        self.say(f"failed: {', '.join(measurement.names)}: {text}")
        self.errors += [{"name": name, "error": text} for name in measurement.names]

    def attempt(self, measurement, what):
        """Runs it; False where it failed, which is the end of this measurement."""
        try:
            what()
            return True
        except TROUBLE as error:
            self.failed(measurement, error)
            return False

    def round_of(self, measurement):
        begin = time.monotonic()
        records = list(measurement.round())
        middle = (begin + time.monotonic()) / 2
        for r in records:
            if not isinstance(r["value"], (int, float)) or r["value"] != r["value"]:
                raise Failed(f"{label(r)} is {r['value']!r}, which is no figure")
            self.samples.setdefault(label(r), []).append((middle, r))

    def run(self):
        begun = []
        try:
            todo = []
            for m in offered(self.bench, self.only):
                begun.append(m)
                self.say(f"starting {', '.join(m.names)}")
                if self.attempt(m, m.start):
                    todo.append(m)
            self.interleave([m for m in todo if not m.once])
            for m in [m for m in todo if m.once]:
                self.say(f"measuring {', '.join(m.names)}")
                self.attempt(m, lambda: self.round_of(m))
        finally:
            for m in reversed(begun):
                self.attempt(m, m.stop)
        return self

    def interleave(self, alive):
        """At least two rounds, then as many as time allows."""
        settings = self.bench.settings
        longest = 0.0
        while alive and self.rounds < settings.rounds and (self.rounds < 2 or longest < self.bench.left()):
            begin = time.monotonic()
            self.say(f"round {self.rounds + 1} of at most {settings.rounds}")
            alive = [m for m in alive if self.attempt(m, lambda: self.round_of(m))]
            longest = max(longest, time.monotonic() - begin)
            self.rounds += 1

    def records(self):
        """What the run has come to: a record for each figure, ratios included, and one for each that failed."""
        broken = {e["name"] for e in self.errors}
        figures = []
        for samples in self.samples.values():
            first = samples[0][1]
            if first["name"] not in broken:  # half a measurement is none
                figures.append(settled(first, [r["value"] for _, r in samples], samples))
        figures += [settled(r, values) for r, values in ratio.of(self.samples, broken)]
        return [f for f in figures if chosen((f["name"], label(f)), self.only)] + self.errors


def settled(first, values, samples=()):
    """One record of many rounds. What the rounds tell besides (`n`) is summed."""
    value, spread = noise.summary(values)
    merged = {**first, "value": value, "noise": spread if spread is not None else first.get("noise"), "samples": values}
    if "n" in first:
        merged["n"] = sum(r.get("n", 0) for _, r in samples)
    return merged


def progress(stream):
    """say(): a line with the time, where a person looks on."""
    begin = time.monotonic()
    quiet = os.environ.get("WASL_BENCH_QUIET")

    def say(text):
        if not quiet:
            print(f"{time.monotonic() - begin:6.1f} s  {text}", file=stream, flush=True)
    return say
