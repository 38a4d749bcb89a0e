"""CPU time of an exchange by stage, seen from outside: `perf record` samples the call chains of bus, provider and consumer under load. A thread's samples
share what the kernel says it has used, so the stages of a process add up to its CPU time; the daemons measure nothing themselves, for reading a thread's clock costs more than some of the stages."""
import collections
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from . import stage_table as table
from .exchanges import shared_scene
from .front import shared_scene as front_scene
from .measure import Failed, Measurement, record

IN_FLIGHT = 64
HERTZ = 997           # not in step with anything that happens each millisecond
STACK = 16384         # bytes of each sample's stack, from which its chain is found: what libraries are built as leaves no frame pointers
REST_MOST = 0.15      # of a process: above it the table no longer matches the code
ENOUGH = 1000         # samples of a process in which a stage of one per cent is not missed by chance
GENERATOR = "main"    # wasl-bench's thread whose time belongs to nobody
HEAD = re.compile(r"^(\S.*?)\s+(\d+)/(\d+)\s*$")
FRAME = re.compile(r"^\s+[0-9a-f]+ (.+?)\s*$")
# What a compiler or linker adds to a function's name.
CLONE = re.compile(r"(\.(isra|part|constprop|cold|lto_priv)(\.\d+)*)+$|@.*$")


def index(*tables):
    return {function: stage for t in tables for stage, functions in t.items() for function in functions}


CLOSED, OPEN = index(table.CLOSED, table.LIBRARIES), index(table.OPEN)


def stage_of(thread, chain):
    """chain: function names, the thread's root first."""
    stage = next((s for start, s in table.THREADS.items() if thread.startswith(start)), table.REST)
    for function in chain:
        name = CLONE.sub("", function)
        if name in CLOSED:
            return CLOSED[name]
        stage = OPEN.get(name, stage)
    return stage


def samples(lines):
    """(pid, thread, chain with its root first) of what `perf script -F comm,pid,tid,ip,sym` prints; the thread that started a process is "main"."""
    head, chain = None, []
    for line in [*lines, ""]:
        if frame := FRAME.match(line):
            chain.append(frame.group(1))
        elif not line.strip():
            if head:
                name, pid, tid = head.groups()
                yield int(pid), "main" if pid == tid else name, chain[::-1]
            head, chain = None, []
        elif found := HEAD.match(line):
            head = found


def shares(chains):
    """{stage: share} of a list of (thread, chain), and what the rest begins with, most first."""
    counted = collections.Counter(stage_of(thread, chain) for thread, chain in chains)
    rest = collections.Counter(" > ".join(f for f in chain if f not in NOBODY)[:120] for thread, chain in chains if stage_of(thread, chain) == table.REST)
    return {stage: n / len(chains) for stage, n in counted.most_common()}, [what for what, _ in rest.most_common(3)]


NOBODY = {"[unknown]", "_start", "__libc_start_main@@GLIBC_2.34", "__libc_start_call_main", "clone3", "start_thread", "main"}


def by_stage(chains, spent, skip=()):
    """{stage: µs} for one process. spent: {thread: µs} by the kernel; a thread that it gives nothing for (its clock is coarse) has the process's mean of a sample."""
    of_thread = collections.defaultdict(list)
    for thread, chain in chains:
        if thread not in skip:
            of_thread[thread].append((thread, chain))
    n = sum(map(len, of_thread.values()))
    if not n:
        return {}, []
    total = sum(us for thread, us in spent.items() if thread not in skip)
    out, rest = collections.Counter(), []
    for thread, its in of_thread.items():
        part, words = shares(its)
        us = spent.get(thread) or total * len(its) / n
        for stage, share in part.items():
            out[stage] += share * us
        rest += words
    return dict(out.most_common()), rest


def sampling_noise(us, n):
    """What n samples that came to `us` may differ by in another run, in 99 of 100: chance alone, two runs of a Poisson count."""
    return us * 2.58 * math.sqrt(2 / n)


def doubts(process, stages, rest, n):
    """Warnings of a table that no longer matches the code. n: samples of the process."""
    share = stages.get(table.REST, 0) / sum(stages.values())
    if share > REST_MOST:
        yield f"stages of {process}: {100 * share:.0f} % belong to none; stage_table.py no longer matches the code: {'; '.join(rest[:3])}"
    missing = [stage for stage in table.EXPECTED[process] if stage not in stages]
    if missing and n >= ENOUGH:
        yield f"stages of {process}: never seen {', '.join(missing)}; stage_table.py no longer matches the code"


class Stages(Measurement):
    """Of bus, provider and consumer; FrontStages has another scene and the same way."""
    names = ("stage.bus", "stage.provider", "stage.consumer")
    once = True

    def scene(self):
        """(pids by process, the load's command without its length, the process that the load itself plays)."""
        scene = shared_scene(self.bench)
        return scene.pids, scene.command("--bytes", self.settings.bytes), "consumer"

    def figure(self, process, stage, us, share):
        return record(f"stage.{process}", us, "µs", {"stage": stage}, share=share)

    def round(self):
        if not shutil.which("perf"):
            self.bench.warn("no CPU time by stage: perf is not installed (Debian: linux-perf)")
            return
        pids, command, played = self.scene()
        seconds = max(0.6, 2 * self.settings.seconds)
        with tempfile.TemporaryDirectory(dir=self.bench.state) as folder:
            result, text = self.sampled(pids, command, played, seconds, os.path.join(folder, "perf.data"))
        if text is not None:
            yield from self.records(result, text)

    def sampled(self, pids, command, played, seconds, data):
        """(what the load says, with the pids; perf's text). The text is None where perf may not look, which is a warning and no failure."""
        command = [*map(str, command), "--in-flight", str(IN_FLIGHT), "--seconds", f"{seconds + 1 + 5 * self.settings.warmup:.2f}", "--warm-up", str(self.settings.warmup)]
        # Longer than perf looks: it takes its time to begin on a crowded machine.
        load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            time.sleep(0.5 + self.settings.warmup)
            pids = {**pids, **({played: load.pid} if played else {})}
            done = subprocess.run(["perf", "record", "-e", "cpu-clock", "-F", str(HERTZ), "--call-graph", f"dwarf,{STACK}", "-o", data,
                                   "-p", ",".join(map(str, pids.values())), "--", "sleep", f"{seconds:.2f}"],
                                  capture_output=True, text=True, timeout=seconds + 60)
            out, err = load.communicate(timeout=seconds + 120)
        finally:
            if load.poll() is None:
                load.send_signal(signal.SIGKILL)
                load.communicate()
        if load.returncode:
            raise Failed(f"the load under perf ended with {load.returncode}: {err.strip()[-300:]}")
        if done.returncode:
            words = " ".join(done.stderr.split())[:200] or "without a word"
            self.bench.warn(f"no CPU time by stage: perf record ended with {done.returncode} ({words}); root may look, and for others kernel.perf_event_paranoid decides")
            return None, None
        script = subprocess.run(["perf", "script", "--no-inline", "-F", "comm,pid,tid,ip,sym", "-i", data], capture_output=True, text=True, timeout=300)
        return {**self.bench.object_of(out), "pids": pids, "played": played}, script.stdout

    def records(self, result, text):
        chains = collections.defaultdict(list)
        for pid, thread, chain in samples(text.splitlines()):
            chains[pid].append((thread, chain))
        for process, pid in result["pids"].items():
            played = process == result["played"]
            spent = result["cpu_us"]["wasl-bench" if played else process]["threads"]
            stages, rest = by_stage(chains[pid], spent, (GENERATOR,) if played else ())
            if not stages:
                raise Failed(f"perf saw nothing of {process}")
            total = sum(stages.values())
            self.bench.warn(*doubts(process, stages, rest, len(chains[pid])))
            seen = collections.Counter(stage_of(thread, chain) for thread, chain in chains[pid] if not played or thread != GENERATOR)
            for stage, us in stages.items():
                each = us / result["exchanges"]
                yield {**self.figure(process, stage, each, round(us / total, 4)), "noise": sampling_noise(each, seen[stage])}


class FrontStages(Stages):
    """Of the adapters' daemons where the way begins with HTTP and ends in PostgreSQL."""
    names = ("front.stage",)

    def scene(self):
        scene = front_scene(self.bench)
        pids = {name: pid for name, pid in scene.watched() if name in ("consumer", "provider")}
        return pids, scene.command(self.bench.program("wasl-bench")), None

    def figure(self, process, stage, us, share):
        return record("front.stage", us, "µs", {"process": process, "stage": stage}, share=share)


def measurements(bench):
    return [Stages(bench), FrontStages(bench)]
