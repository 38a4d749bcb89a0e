"""verify.*: how fast an auditor gets through a ledger: every entry hashed up to the signed root, every signature checked, every admission judged
again by registry and revocation lists of then (`wasl-audit verify --registry`). On a copy of what this run has written."""
import os
import re
import subprocess
import time

from .exchanges import shared_scene
from .measure import Failed, Measurement, record


class Verify(Measurement):
    """On all cores and on one. An entry is verified once: `n` counts entries."""
    names = ("verify.entry_rate", "verify.cpu")
    MOST = 10_000  # exchanges that are there at least, of two entries each
    THREADS = (None, 1)

    def start(self):
        scene = shared_scene(self.bench)
        wanted = min(self.MOST, max(self.settings.exchanges // 4, 50))
        if scene.exchanges < wanted:
            scene.load(64, exchanges=wanted - scene.exchanges, warm_up=0, size=self.settings.bytes)
        self.copy = self.bench.state / "copy"
        bus = scene.sandbox.bus
        self.words = ["--dir", self.copy, "--registry", bus.registry_file, "--authority",
                      scene.sandbox.pki.text("authority/registry.vkey"), "--no-state"]
        self.run("tiles", "--socket", bus.socket, self.copy)

    def run(self, *words):
        """(what it printed, seconds, seconds of CPU)."""
        command = [str(w) for w in (self.bench.program("wasl-audit"), *words)]
        begin, used = time.monotonic(), os.times()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "LC_ALL": "C"})
        except subprocess.TimeoutExpired:
            raise Failed(f"wasl-audit {words[0]} did not end within 120 s") from None
        took, after = time.monotonic() - begin, os.times()
        if done.returncode:
            raise Failed(f"wasl-audit {words[0]} ended with {done.returncode}: {(done.stderr.strip() or done.stdout.strip())[-400:]}")
        cpu = after.children_user + after.children_system - used.children_user - used.children_system
        return done.stdout, took, cpu

    def round(self):
        for threads in self.THREADS:
            said, took, cpu = self.run("verify", *self.words, *(["--threads", threads] if threads else []))
            size = re.search(r"^checkpoint +(\d+) entries", said, re.M)
            if not size or not said.endswith("GOOD\n"):
                raise Failed(f"wasl-audit verify said something else than expected: {said[-400:]!r}")
            n, at = int(size[1]), {"threads": threads} if threads else None
            yield record("verify.entry_rate", n / took, "1/s", at, n=n)
            yield record("verify.cpu", 1e6 * cpu / n, "µs", at, n=n)


def measurements(bench):
    return [Verify(bench)]
