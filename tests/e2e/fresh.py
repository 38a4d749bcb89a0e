"""Sandboxes in folders of their own, gone afterwards."""
import contextlib
import os
import pathlib
import shutil
import tempfile

from sandbox.cluster import Sandbox


@contextlib.contextmanager
def fresh_sandbox(**options):
    """Everything that it started is ended and its folder removed, also after a failure. WASL_KEEP=folder keeps what the daemons
    wrote, for looking at a failure."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="wasl-e2e-"))
    path.chmod(0o711)  # PostgreSQL's user must reach its own folder below
    try:
        with Sandbox(path, **options) as s:
            yield s
    finally:
        if os.environ.get("WASL_KEEP"):
            shutil.copytree(path, pathlib.Path(os.environ["WASL_KEEP"]) / path.name, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("postgres", "disk", "*.sock", "*.s.PGSQL*"))
        shutil.rmtree(path, ignore_errors=True)
