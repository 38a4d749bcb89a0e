"""wasl-audit verify finds one flipped byte anywhere, and names the entry or tile."""
import contextlib
import http.server
import os
import pathlib
import pty
import random
import re
import socketserver
import subprocess
import threading
import time

import pytest

from fresh import fresh_sandbox
from helpers import ask_identity
from sandbox.cluster import BUILD, tool


@pytest.fixture(scope="module")
def copy():
    """A static copy of a ledger of some 300 entries, so that there is a full tile and a partial one."""
    with fresh_sandbox() as s:
        s.start_first_exchange(households=20)
        for person in (s.country.people * 5)[:140]:
            assert ask_identity(s, person.iuc).status == 200
        directory = s.folder / "copy"
        s.audit("tiles", directory)
        s.vkey = s.pki.folder / "bus/ledger.vkey"
        yield s, directory


def verify(s, directory, state="trail", *more):
    return tool("wasl-audit", "verify", "--dir", directory, "--key", s.vkey, "--state", s.folder / state, *more, check=False)


def test_an_untouched_copy_verifies(copy):
    s, directory = copy
    result = verify(s, directory)
    assert result.returncode == 0, result.stdout + result.stderr


def files(directory):
    return sorted(p for p in pathlib.Path(directory).rglob("*") if p.is_file())


def entry_at(data, offset):
    """Number of the entry in a bundle that holds the byte at offset."""
    index = at = 0
    while at < len(data):
        n = 2 + int.from_bytes(data[at:at + 2], "big")
        if offset < at + n:
            return index, offset - at < 2
        at, index = at + n, index + 1


def test_one_flipped_byte_anywhere_is_found_and_named(copy):
    s, directory = copy
    rng = random.Random(seed := random.randrange(1 << 30))
    print("seed", seed)
    # tiles in a hundred and fifty random places, the checkpoint and the trust objects included, and both ends of each file
    places = [(f, o) for f in files(directory) for o in {0, f.stat().st_size - 1}]
    weights = files(directory)
    places += [(f, rng.randrange(f.stat().st_size)) for f in rng.choices(weights, k=150)]
    for path, offset in places:
        data = path.read_bytes()
        changed = bytearray(data)
        changed[offset] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            result = verify(s, directory, "trail-flip")
            said = result.stdout + result.stderr
            name = path.relative_to(directory)
            assert result.returncode == 3, (name, offset, result.returncode, said[-500:])
            if "entries" in str(name):
                number, in_length = entry_at(data, offset)
                base = 256 if "001" in str(name) else 0
                if not in_length:
                    assert f"entry {base + number}" in said, (name, offset, said[-500:])
            elif "tile/" in str(name):
                assert "tile" in said
        finally:
            path.write_bytes(data)
    assert verify(s, directory).returncode == 0


def test_verify_says_so_when_it_has_no_earlier_checkpoint_and_remembers_the_one_it_saw(copy):
    s, directory = copy
    first = verify(s, directory, "trail-new")
    assert first.returncode == 0 and "no earlier checkpoint" in (first.stdout + first.stderr)
    second = verify(s, directory, "trail-new")
    assert second.returncode == 0 and "no earlier checkpoint" not in (second.stdout + second.stderr)


def test_verify_fails_when_the_ledger_is_not_consistent_with_the_checkpoint_it_saw(copy):
    from waslpy import tlog
    s, directory = copy
    key = tlog.LogKey.load(s.pki.folder / "bus/ledger.key")
    other = s.folder / "other.checkpoint"
    other.write_bytes(key.note(tlog.Checkpoint(key.name, 5, tlog.H(b"another ledger")).text()))
    result = verify(s, directory, "trail-other", "--from", other)
    assert result.returncode == 3 and "consistent" in (result.stdout + result.stderr)
    other.write_bytes(key.note(tlog.Checkpoint(key.name, 100_000, tlog.H(b"a longer ledger")).text()))
    assert verify(s, directory, "trail-other", "--from", other).returncode == 3


def test_verify_and_log_over_the_socket_agree_with_the_copy(copy):
    s, directory = copy
    live = s.audit("log", "-o", "jsonl").stdout
    stored = tool("wasl-audit", "log", "--dir", directory, "-o", "jsonl").stdout
    assert live.startswith(stored[:1000]) and len(live.splitlines()) >= len(stored.splitlines())


@contextlib.contextmanager
def slow_bus(directory, path):
    """Serves a copy as the bus does, and is slow with entries."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *words):
            super().__init__(*words, directory=str(directory))

        def address_string(self):
            return "unix"

        def log_message(self, *_):
            pass

        def do_GET(self):
            if "/entries/" in self.path:
                time.sleep(0.6)
            super().do_GET()

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            path.unlink()


PROGRESS = r"\d+ of \d+ entries, \d+ a second, \d+ s left"


def test_how_far_it_is_is_told_where_somebody_looks_and_never_among_the_results(copy):
    s, directory = copy
    socket = s.folder / "slow.sock"
    program = BUILD / "tools/wasl-audit/wasl-audit"
    words = [program, "verify", "--socket", socket, "--key", s.vkey, "--no-state", "--threads", "2"]
    with slow_bus(directory, socket):
        quiet = subprocess.run(words, capture_output=True, text=True, check=True)
        told = subprocess.run([*words, "--progress"], capture_output=True, text=True, check=True)
        ours, theirs = pty.openpty()
        try:
            shown = subprocess.run(words, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
        finally:
            os.close(theirs)
            terminal = os.read(ours, 4096).decode()
            os.close(ours)
    assert quiet.stderr == "" and quiet.stdout.endswith("GOOD\n")
    assert told.stdout == quiet.stdout == shown.stdout
    assert re.fullmatch(f"({PROGRESS}\n)+", told.stderr), told.stderr
    assert re.fullmatch(f"(\r{PROGRESS}\x1b\\[K)+\r\x1b\\[K", terminal), repr(terminal)


@pytest.mark.parametrize("arguments, code", [
    (["log", "--exchange", "00000000-0000-4000-8000-000000000000"], 1), (["nonsense"], 2), (["log", "--since", "yesteryear"], 2),
], ids=["none found", "usage", "bad time"])
def test_exit_codes_say_what_happened(copy, arguments, code):
    s, directory = copy
    if arguments[0] == "log":
        arguments = [arguments[0], "--dir", directory, *arguments[1:]]
    assert tool("wasl-audit", *arguments, check=False).returncode == code
    assert tool("wasl-audit", "log", "--dir", s.folder / "nothing here", check=False).returncode == 6
