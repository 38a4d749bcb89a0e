"""Real daemons, real sockets, real PostgreSQL. A module that needs its own bus asks for `sandbox`; most share `country`."""
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools"), str(pathlib.Path(__file__).resolve().parent)]
os.environ.setdefault("WASL_BUILD", str(TOP / "build"))

from sandbox.cluster import Sandbox  # noqa: E402


def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="wasl-e2e-"))
    path.chmod(0o711)  # PostgreSQL's user must reach its own folder below
    return path


@pytest.fixture(scope="session")
def country():
    """The first exchange, running, shared by tests that leave it as they found it."""
    path = folder()
    try:
        with Sandbox(path) as s:
            yield s.start_first_exchange(households=200)
    finally:
        keep(path)


@pytest.fixture
def sandbox():
    """A factory of sandboxes of the test's own: sandbox(), or sandbox(members=..., pki_options=...)."""
    made = []

    def make(**options):
        s = Sandbox(folder(), **options)
        made.append(s)
        return s
    try:
        yield make
    finally:
        for s in made:
            s.stop()
            keep(s.folder)


def keep(path):
    """WASL_KEEP=folder keeps what the daemons wrote, for looking at a failure."""
    if os.environ.get("WASL_KEEP"):
        shutil.copytree(path, pathlib.Path(os.environ["WASL_KEEP"]) / path.name, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("postgres", "*.sock", "*.s.PGSQL*"))
    shutil.rmtree(path, ignore_errors=True)
