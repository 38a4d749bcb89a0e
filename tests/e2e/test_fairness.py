"""One member floods, strangers half open connections: the exchanges of the others go on, within three times their latency."""
import contextlib
import os
import pathlib
import statistics
import struct
import subprocess
import sys

import pytest

from arena import LIMITS, MAS, MIB, fresh_arena, hello_frames, stated_bound
from waslpy import proto, session, tlog

ROUNDS, EACH = 7, 25
MADE = {"valid": 2000, "bad": 1000}  # for each round


def write(path, member, messages):
    with open(path, "wb") as out:
        for frames in [hello_frames(member, credit_messages=4096), *messages]:
            for f in frames:
                out.write(struct.pack(">I", len(f)) + f)


def submit_frames(made):
    message, payload = made.submit()
    return session.Message(session.VERBS["SUBMIT"], message, payload).frames()


def valid_requests(arena, member, count):
    """Signed in batches of 256, as a fast adapter does; good for half a minute, so they are made just before."""
    made = [arena.request(member) for _ in range(count)]
    for at in range(0, count, 256):
        leaves = [m.leaf for m in made[at:at + 256]]
        first = proto.envelope.Signature.FromString(member.signer.block(member.instance, leaves, 0))
        for i in range(len(leaves)):
            block = proto.envelope.Signature(algorithm=first.algorithm, certificate=first.certificate, tree_size=len(leaves),
                                             index=i, path=tlog.inclusion(leaves, i), signature=first.signature)
            made[at + i].block = block.SerializeToString()
    return [submit_frames(m) for m in made]


def bad_requests(arena, member, count):
    """The right form, another signature."""
    base = arena.request(member)
    block = proto.envelope.Signature.FromString(base.block)
    block.signature = bytes(31) + b"\1" + bytes(31) + b"\2"
    out = []
    for _ in range(count):
        context = proto.envelope.Context.FromString(base.context)
        context.exchange_id = os.urandom(16)
        base.context, base.block = context.SerializeToString(), block.SerializeToString()
        out.append(submit_frames(base))
    return out


@contextlib.contextmanager
def attack(arena, folder, kind):
    bus, key = arena.s.bus, arena.s.pki.member(MAS) / "link.key"
    process = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("flood.py"), bus.endpoint, bus.public.hex(), key,
                                folder / kind, kind], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=20)
        arena.sent[kind].append(int(rest))


def latencies(arena, count=EACH):
    return [arena.ask() for _ in range(count)]


def p95(values):
    return sorted(values)[len(values) * 95 // 100]


@pytest.fixture(scope="module")
def arena():
    with fresh_arena() as made:
        yield made


@pytest.mark.parametrize("kind", ["valid", "bad"])
def test_with_one_member_flooding_and_2000_half_open_connections_others_go_on(arena, tmp_path, kind):
    """Quiet and flooded rounds by turns, so that other work on this machine falls on both alike."""
    arena.begin()
    arena.sent = {kind: [], "half_open": []}
    latencies(arena, 10)
    quiet, flooded = [], []
    for _ in range(ROUNDS):
        quiet += latencies(arena)
        with arena.attacker(hello=False) as member:
            make = valid_requests if kind == "valid" else bad_requests
            write(tmp_path / kind, member, make(arena, member, MADE[kind]))
        with attack(arena, tmp_path, kind), attack(arena, tmp_path, "half_open"):
            latencies(arena, 3)
            flooded += latencies(arena)
            arena.anonymous()
    ratio = statistics.median(flooded) / statistics.median(quiet)
    print(f"sent: {arena.sent}; quiet: median {statistics.median(quiet) * 1e3:.1f} ms, p95 {p95(quiet) * 1e3:.1f} ms; with {kind} flood "
          f"and 2,000 half-open connections: median {statistics.median(flooded) * 1e3:.1f} ms, p95 {p95(flooded) * 1e3:.1f} ms; ratio "
          f"{ratio:.2f}; RssAnon of the bus at most {arena.most / MIB:.1f} MiB of {stated_bound(3, LIMITS) / MIB:.0f} MiB")
    assert all(n > 100 for n in arena.sent[kind])
    assert all(n >= 2000 for n in arena.sent["half_open"])
    assert arena.logged("connection_cut", "reason=half_open")
    assert ratio <= 3, ratio
    arena.all_goes_on()
