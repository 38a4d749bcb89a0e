"""The same through a power cut: the bus's state on an ext4 of its own that is shut down under load and mounted again. kill -9
alone does not test fdatasync, since the page cache survives it."""
import os
import pathlib
import random
import subprocess
import time

import pytest

from sandbox.cluster import Bus
from sandbox.process import NotReady
from witness import Comparison, Load, echo_registry

CUTS = int(os.environ.get("WASL_POWER_CUTS", "5"))
HERE = pathlib.Path(__file__).resolve().parent


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True)


class Disk:
    """A loop-mounted ext4."""

    def __init__(self, folder, megabytes=512):
        self.image, self.mount = folder / "disk.img", folder / "disk"
        self.mount.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.on()

    def on(self):
        run("mount", "-o", "loop", self.image, self.mount)

    def cut(self):
        """The power goes: what is not on the disk is gone."""
        run("xfs_io", "-x", "-c", "shutdown", self.mount)

    def off(self):
        for _ in range(100):
            if subprocess.run(["umount", str(self.mount)], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        subprocess.run(["umount", "-l", str(self.mount)], capture_output=True)


def possible(tmp_path):
    """None, or why this machine cannot mount a disk of its own (a container without the right to)."""
    if os.geteuid() != 0:
        return "power cuts need root, for a loop mount"
    try:
        Disk(tmp_path).off()
    except (subprocess.CalledProcessError, FileNotFoundError) as e:
        return f"this machine mounts no loop device: {getattr(e, 'stderr', e)}"
    return None


def power_cuts(s, disk, cuts, seed, env=None):
    rng = random.Random(seed)
    echo_registry(s)
    s.env = env
    s.sign_registry()
    s.bus = Bus(s, s.registry_file)
    s.bus.state = disk.mount / "state"
    s.bus.config["state"] = str(s.bus.state)
    s.bus.start()
    s.env = None
    load = Load(s, threads=3)
    comparison = Comparison(s, load.relay.frames)
    try:
        for _ in range(cuts):
            before = len(load.answered)
            end = time.monotonic() + 30
            while len(load.answered) < before + 30 and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(rng.random() * 0.3)
            disk.cut()
            time.sleep(rng.random() * 0.2)  # it runs on a disk that answers with errors: nothing may be acknowledged now
            s.bus.process.kill()
            disk.off()
            disk.on()
            s.bus.start()
            count, size = comparison.compare()
            print(f"{count} messages that left the bus compared, {size} entries")
            assert count > 30
        load.stop()
    finally:
        load.stopping.set()
        load.close()
        s.bus.process.kill()


@pytest.fixture
def disk(tmp_path):
    why = possible(tmp_path / "probe") if (tmp_path / "probe").mkdir() is None else None
    if why:
        pytest.skip(why)
    d = Disk(tmp_path)
    yield d
    d.off()


def test_a_message_that_left_the_bus_is_in_the_ledger_after_a_power_cut(sandbox, disk):
    seed = int(os.environ.get("WASL_SEED", random.randrange(1 << 30)))
    print(f"seed {seed}, {CUTS} cuts")
    power_cuts(sandbox(), disk, CUTS, seed)


def test_the_power_cut_test_fails_without_fdatasync(sandbox, disk, tmp_path):
    """The control: with fdatasync preloaded away, the same cuts lose what was acknowledged."""
    library = tmp_path / "nosync.so"
    run("gcc", "-shared", "-fPIC", "-o", library, HERE / "nosync.c")
    s = sandbox()
    with pytest.raises((AssertionError, NotReady)) as failure:
        power_cuts(s, disk, 3, 7, env={**os.environ, "LD_PRELOAD": str(library)})
    print(f"lost, as it must be: {str(failure.value)[:300]}")
    text = str(failure.value)
    assert "shrank" in text or "of another tree" in text or "is not what left" in text or "ended with" in text, text
