"""Real daemons, real sockets, real PostgreSQL. A test that needs its own bus asks for `sandbox`; most share `country`."""
import contextlib
import os
import pathlib
import signal
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests/e2e")]
os.environ.setdefault("WASL_BUILD", str(TOP / "build"))

from fresh import fresh_sandbox  # noqa: E402


def pytest_configure():
    """A run that is told to stop still ends what it started."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to stop", 143))


@pytest.fixture(scope="session")
def country():
    """The first exchange, running, shared by tests that leave it as they found it."""
    with fresh_sandbox() as s:
        yield s.start_first_exchange(households=200)


@pytest.fixture
def sandbox():
    """A factory of sandboxes of the test's own: sandbox(), or sandbox(members=..., pki_options=...)."""
    with contextlib.ExitStack() as made:
        yield lambda **options: made.enter_context(fresh_sandbox(**options))
