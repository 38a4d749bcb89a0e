"""What bus.* is measured on: a bus, a provider's adapter whose service echoes, and the keys of a consumer whose core runs in
wasl-bench instead of a daemon. As a program: keeps one running, with its pids and the command that loads it.

    PYTHONPATH=tools WASL_BUILD=build python3 -m benchmark.scene --keep [--folder FOLDER] [--seconds S]
"""
import argparse
import contextlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from sandbox import registry
from sandbox.cluster import MEN, MI, Sandbox
from sandbox.pki import TOP

from .measure import Failed

CLIENT, SERVICE, PURPOSE = f"{MEN}/enrolment", f"{MI}/civil/echo", "SCHOOL-ENROLMENT"
PERSON = "01234567890"  # of the right form, and nobody's


def service():
    """About a person, as services of state are: so each message bears a pseudonym. A search by POST is safe."""
    return {"code": "echo", "kind": "request", "name": {"ar": "صدى", "fr": "Écho", "en": "Echo"}, "subject": "IUC",
            "media_type": "application/octet-stream", "max_request": "1MiB", "max_response": "1MiB", "timeout_ms": 30000,
            "retention": "P5Y", "fields": ["/said"],
            "operations": [{"code": "say", "method": "POST", "path": "/echo/{iuc:IUC}", "safe": True}]}


def document(pki):
    provider = {"code": "civil", "name": {"ar": "الحالة المدنية", "fr": "État civil", "en": "Civil status"}, "services": [service()]}
    consumer = {"code": "enrolment", "name": {"ar": "التسجيل المدرسي", "fr": "Inscription scolaire", "en": "School enrolment"}}
    rules = registry.fragment("school-enrolment/grants.yaml")
    grant = {"consumer": CLIENT, "service": SERVICE, "purpose": PURPOSE, "whole": True, "expires": "2033-01-01T00:00:00Z"}
    return registry.document(pki, [registry.member(pki, MI, [provider]), registry.member(pki, MEN, [consumer])],
                             rules["purposes"], [grant])


def on_disk():
    """Where state is kept when nobody says: fdatasync is measured, so never a file system in memory."""
    for folder in (os.environ.get("WASL_BENCH_FOLDER"), "/var/tmp", str(TOP)):
        if folder and os.access(folder, os.W_OK):
            kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True).stdout.strip()
            if kind not in ("tmpfs", "ramfs"):
                return folder
    raise Failed("neither /var/tmp nor the project's folder is on a disk: say with --folder or WASL_BENCH_FOLDER which one is")


class Scene:
    """with Scene() as scene: everything that it started has ended afterwards, and its folder is gone."""

    def __init__(self, folder=None, build=None, limits=None, change=None, provider=None):
        """limits: of the bus, other than the defaults. change(registry) before it is signed. provider: its service in
        the adapter's configuration, other than an echo."""
        self._own = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="wasl-bench-", dir=on_disk()))
        self.limits = dict(limits or {})
        self.sandbox, self.exchanges = None, 0  # exchanges: asked in all runs of load()
        try:
            self.sandbox = Sandbox(self.folder, build, members=(MI, MEN))
            self.sandbox.registry = document(self.sandbox.pki)
            if change:
                change(self.sandbox.registry)
            self.sandbox.start_bus(**self.limits)
            self.sandbox.add_adapter(MI, ["civil"], [provider or {"service": SERVICE, "connector": "echo"}]).start(self.sandbox.bus)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.sandbox:
            self.sandbox.stop()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pids(self):
        """By the name that figures bear."""
        return {"bus": self.sandbox.bus.process.popen.pid, "provider": self.sandbox.adapters[MI].process.popen.pid}

    def command(self, *more):
        """wasl-bench load, with what it must know of this scene."""
        s = self.sandbox
        return [str(s.build / "tools/wasl-bench/wasl-bench"), "load", "--bus", s.bus.endpoint, "--bus-key", s.bus.public.hex(),
                "--authority", s.pki.text("authority/registry.vkey"), "--member", MEN, "--keys", str(s.pki.member(MEN)),
                "--state", str(self.folder / "consumer"), "--client", CLIENT, "--service", SERVICE, "--purpose", PURPOSE,
                "--path", f"/echo/{PERSON}", *(f"--watch={name}={pid}" for name, pid in self.pids.items()), *map(str, more)]

    def load(self, in_flight, seconds=None, exchanges=None, warm_up=0.5, size=1024, timeout=900):
        """One run of wasl-bench load: its object; Failed when it is no result."""
        more = ["--in-flight", in_flight, "--warm-up", warm_up, "--bytes", size]
        more += ["--exchanges", exchanges] if exchanges else ["--seconds", seconds]
        done = subprocess.run(self.command(*more), capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["without a word"])[-1]
            raise Failed(f"wasl-bench load ended with {done.returncode}: {why[:400]}")
        result = json.loads(done.stdout)
        self.exchanges += result["asked"]
        return result

    def anonymous(self, name):
        """RssAnon of the bus or the provider now, in bytes."""
        status = pathlib.Path(f"/proc/{self.pids[name]}/status").read_text(encoding="ascii")
        return int(status.split("RssAnon:")[1].split()[0]) * 1024

    def stop_bus(self):
        """In good order; its state folder."""
        if self.sandbox.bus.process.stop() != 0:
            raise Failed(f"the bus did not end in order: {self.sandbox.bus.process.tail(3)}")
        return self.sandbox.bus.state


def main():
    parser = argparse.ArgumentParser(description="A bus and a provider that echoes, for wasl-bench load.")
    parser.add_argument("--folder", help="where its state goes (kept afterwards); default: a fresh one on a disk")
    parser.add_argument("--keep", action="store_true", help="leave it running until SIGINT or SIGTERM, instead of loading it once")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5)
    words = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), Scene(words.folder) as scene:
        print("pids:", *(f"{name} {pid}" for name, pid in scene.pids.items()), flush=True)
        print("folder:", scene.folder)
        print("load: ", shlex.join(scene.command("--in-flight", words.in_flight, "--seconds", words.seconds)), flush=True)
        if not words.keep:
            try:
                print(json.dumps(scene.load(words.in_flight, words.seconds), indent=2))
            except Failed as failed:
                print(failed, file=sys.stderr)
                return 1
        while words.keep:
            time.sleep(3600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
