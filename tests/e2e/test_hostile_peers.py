"""Peers of the bus that want it to fall, to grow or to forget the others. After each attack another member is answered as before and
the bus holds less than its stated bound; who did it stands in the log where that can be known. tests/README.md has the table of
what is attacked where: much of it is attacked closer to the code, in tests/unit."""
import contextlib
import os
import socket
import struct
import threading
import time

import pytest

from arena import HEAD, MAS, MIB, fresh_arena, hello_frames
from helpers import TYPE, ledger, refusal_names
from waslpy import proto, session
from waslpy.envelope import leaf
from waslpy.rawlink import Closed, RawLink, address

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # order of P-256


@pytest.fixture(scope="module")
def whole():
    with fresh_arena() as arena:
        yield arena


@pytest.fixture
def arena(whole):
    whole.begin()
    yield whole
    whole.all_goes_on()


def names():
    return {name: number for number, name in refusal_names().items()}


# --- before the handshake ---

def test_a_client_with_the_buss_own_key_is_a_stranger(arena):
    public, secret = session.link_key(arena.s.pki.folder / "bus/link.key")
    with RawLink(arena.s.bus.endpoint, arena.s.bus.public, public, secret) as link:
        with pytest.raises((Closed, ValueError)):
            link.shake()


@pytest.mark.parametrize("announced", [2 * MIB, 1 << 40, (1 << 63) - 1], ids=["2 MiB", "1 TiB", "the most"])
def test_giant_frames_before_the_handshake_are_cut_off(arena, announced):
    sent, links = 0, []
    for _ in range(16):
        link = RawLink(arena.s.bus.endpoint, arena.s.bus.public, bytes(32), bytes(32), timeout=2).greet()
        links.append(link)
        try:
            link.write(struct.pack(">BQ", 2, announced))
            for _ in range(64):
                link.write(bytes(MIB))
                sent += MIB
        except Closed:
            pass
        arena.anonymous()
    assert all(link.is_cut() for link in links)
    print(f"sent {sent / MIB:.0f} MiB")
    for link in links:
        link.close()


def test_a_frame_below_the_limit_that_never_ends_its_handshake_costs_what_a_stranger_may(arena):
    with RawLink(arena.s.bus.endpoint, arena.s.bus.public, bytes(32), bytes(32), timeout=2).greet() as link:
        with contextlib.suppress(Closed):
            link.write(struct.pack(">BQ", 2, MIB - 1))
            for _ in range(15):
                link.write(bytes(65536))
        assert link.is_cut(30)
    assert arena.logged("connection_cut", "reason=waiting_bytes")  # before libzmq's own time for a handshake was over


def test_a_slow_handshake_is_cut_off(arena):
    with RawLink(arena.s.bus.endpoint, arena.s.bus.public, bytes(32), bytes(32)) as link:
        start = time.monotonic()
        with pytest.raises(Closed):
            for byte in b"\xff" + bytes(8) + b"\x7f" + bytes(1000):
                link.write(bytes([byte]))
                time.sleep(0.2)
        assert time.monotonic() - start < 60  # it would have taken 200 seconds


def test_thousands_of_half_open_connections_leave_room_for_members(arena):
    held = []
    try:
        for _ in range(3000):
            held.append(socket.create_connection(address(arena.s.bus.endpoint), 20))
        end = time.monotonic() + 2  # sooner than each would be closed for its own slowness
        while arena.descriptors() >= 256 + 128:  # those of one address, and the bus's own
            assert time.monotonic() < end, arena.descriptors()
            time.sleep(0.02)
        arena.ask()
        with arena.attacker() as member:  # a new member comes in
            assert member.socket is not None
    finally:
        for s in held:
            s.close()
    assert arena.logged("connection_cut", "reason=half_open")


# --- admitted, and then ---

@contextlib.contextmanager
def strangers(arena):
    """Connections that say nothing, more every moment: most are cut at once, and each would like a line in the log."""
    over, held = threading.Event(), []

    def come():
        while not over.is_set():
            with contextlib.suppress(OSError):
                held.append(socket.create_connection(address(arena.s.bus.endpoint), 5))
            for s in held[:-1000]:
                s.close()
            del held[:-1000]

    coming = threading.Thread(target=come)
    coming.start()
    try:
        assert arena.logged("connections_cut", "more=")  # more than there is room for in a second
        yield
    finally:
        over.set()
        coming.join()
        for s in held:
            s.close()
        time.sleep(1.1)  # the log's next second is another test's


def test_an_endless_message_is_cut_off_and_its_member_named(arena):
    """Also when strangers come in hundreds meanwhile."""
    sent = 0
    with arena.attacker() as member, arena.raw() as link:
        link.send(*hello_frames(member))
        assert link.receive_message()[0] == HEAD["WELCOME"]
        with strangers(arena), pytest.raises(Closed):
            while sent < 1 << 30:
                link.send(bytes(60000), unfinished=True)
                sent += 60000
                if sent % (100 * 60000) == 0:
                    arena.anonymous()
    assert arena.logged("connection_cut", f"member={MAS}", "reason=waiting_bytes")
    print(f"sent {sent / MIB:.0f} MiB")


def test_an_endless_message_of_empty_frames_is_cut_off(arena):
    with arena.raw() as link:
        with pytest.raises(Closed):
            for _ in range(100_000):
                link.write(b"".join(link.sealed(b"", 1) for _ in range(100)))
    assert arena.logged("connection_cut", "reason=waiting_bytes")


def test_a_message_that_stays_unfinished_is_cut_off_for_silence_or_size(arena):
    """One byte now and then: below every size, so time is what ends it."""
    with arena.raw() as link:
        start = time.monotonic()
        with pytest.raises(Closed):
            while time.monotonic() - start < 60:
                link.send(b"x", unfinished=True)
                time.sleep(0.5)
    assert arena.logged("connection_cut", "reason=slow")


@pytest.mark.parametrize("count", [1, 2, 4, 5, 1000])
def test_any_other_number_of_frames_than_three_is_dropped(arena, count):
    with arena.attacker(hello=False) as member, arena.raw() as link:
        link.send(*([HEAD["PING"]] + [b""] * (count - 1)))
        link.send(*hello_frames(member))  # the connection stands
        assert link.receive_message()[0] == HEAD["WELCOME"]


def test_malformed_frames_end_the_session_and_name_the_member(arena):
    with arena.attacker() as member:
        for _ in range(12):
            member.send(None, frames=[b"\x01", b"", b""])
        bye = member.receive("BYE")
        assert bye and bye.message.reason == names()["malformed"]
    assert arena.logged("frames_malformed", f"member={MAS}") or arena.logged("session_closed", f"member={MAS}")


def nested(depth):
    data = b""
    for _ in range(depth):
        length, size = len(data), b""
        while length > 127:
            size += bytes([length & 127 | 128])
            length >>= 7
        data = b"\x0a" + size + bytes([length]) + data
    return data


BOMBS = {
    "1 MiB of empty sub-messages": b"\x1a\x00" * (MIB // 2 - 4096), "64 KiB of empty slots": b"\x22\x00" * (32 * 1024 - 16),
    "nested 10,000 deep": nested(10_000), "a length of 2^63": b"\x0a" + b"\xff" * 9 + b"\x01",
    "a varint of eleven bytes": b"\x08" + b"\xff" * 10 + b"\x01", "group tags": b"\x0b" * 1000 + b"\x0c" * 1000,
    "field number 0": b"\x02\x00", "a field twice": b"\x0a\x01a\x0a\x01a", "an unknown field": b"\xfa\x3f\x01x",
}


@pytest.mark.parametrize("bomb", BOMBS, ids=list(BOMBS))
def test_protobuf_bombs_are_dropped(arena, bomb):
    """Over a link of their own each time: ten in a minute end the session, and later ones are cut."""
    with arena.raw() as link:
        for verb in ("HELLO", "SUBMIT", "CHUNK", "FETCH", "PROVE"):
            try:
                link.send(HEAD[verb], BOMBS[bomb], b"")
            except Closed:
                break


def test_credit_overrun_ends_the_session_by_name(arena):
    with arena.attacker() as member:
        made = arena.request(member)
        message, payload = made.submit()
        frames = session.Message(session.VERBS["SUBMIT"], message, payload).frames()
        for _ in range(2000):
            member.send(None, frames=frames)
        assert member.receive("BYE", timeout=20).message.reason == names()["credit_exceeded"]
    assert arena.logged("session_closed", f"member={MAS}", "credit_exceeded")


@pytest.mark.parametrize("verb", ["PING", "CREDIT", "FETCH", "PROVE", "HELLO"])
def test_a_flood_of_what_needs_no_credit_ends_the_session_by_name(arena, verb):
    message = {"PING": proto.session.Ping(nonce=1), "CREDIT": proto.session.Credit(messages=1, bytes=1),
               "FETCH": proto.session.Fetch(kind=3), "PROVE": proto.session.Prove(old_size=1, new_size=2)}
    time.sleep(1.1)  # a second of its own
    with arena.attacker() as member:
        for i in range(3000):
            if verb == "HELLO":
                member.send(None, frames=hello_frames(member))
            else:
                member.send(verb, message[verb])
            if i % 500 == 0:
                arena.ask()
        assert arena.logged("member_floods", f"member={MAS}") or arena.logged("session_closed", f"member={MAS}")
    time.sleep(2)  # until what it has sent is read and its second over: what this key says in it is cut off too


# --- routing ids ---

@pytest.mark.parametrize("identity", [b"", b"x", b"y" * 255], ids=["none", "one byte", "255 bytes"])
def test_two_connections_of_one_routing_id_disturb_nobody(arena, identity):
    with arena.attacker(hello=False) as member, arena.raw(identity=identity) as first, arena.raw(identity=identity) as second:
        first.send(*hello_frames(member))
        assert first.receive_message()[0] in (HEAD["WELCOME"], HEAD["BYE"])
        second.send(*hello_frames(member))
        first.send(HEAD["PING"], proto.session.Ping(nonce=7).SerializeToString(), b"")
        heard = first.receive_message()[0]
        assert heard in (HEAD["PONG"], HEAD["BYE"], HEAD["WELCOME"]), heard


def test_a_routing_id_of_another_member_gives_nothing_of_its_mail(arena):
    """libzmq's own ids are five bytes that begin with zero; a client may not ask for one that does, and takes over none."""
    for guess in range(1, 4):
        with pytest.raises((Closed, ValueError, TimeoutError)):
            with arena.raw(identity=b"\0" + struct.pack(">I", guess)) as link:
                link.socket.settimeout(2)
                link.send(HEAD["PING"], b"", b"")
                if link.receive_message()[0] != HEAD["BYE"]:
                    raise AssertionError("it was talked to as another")
                raise Closed  # told that it has no session: an id of its own


def test_a_superseded_link_is_told_and_its_key_keeps_few_connections(arena):
    links = []
    with arena.attacker(hello=False) as member:
        for _ in range(10):
            link = arena.raw()
            link.send(*hello_frames(member))
            links.append(link)
            time.sleep(0.15)
    end = time.monotonic() + 30
    while (alive := sum(not link.is_cut(0.3) for link in links)) > 4:
        assert time.monotonic() < end, alive
    assert arena.logged("session_superseded", f"member={MAS}")
    for link in links:
        link.close()


# --- chunks ---

def large(arena, member):
    return arena.request(member, body=os.urandom(600_000))


@pytest.mark.parametrize("trick", ["another index", "out of order", "empty", "of a message nobody sent", "twice"])
def test_a_chunk_out_of_line_ends_its_message_alone(arena, trick):
    with arena.attacker() as member:
        made = large(arena, member)
        message, payload = made.submit()
        member.send("SUBMIT", message, payload)
        chunks = made.sealed.chunks
        index, data, which = {"another index": (77, chunks[1], made.leaf), "out of order": (2, chunks[2], made.leaf),
                              "empty": (1, b"", made.leaf), "of a message nobody sent": (1, chunks[1], bytes(32)),
                              "twice": (1, chunks[1], made.leaf)}[trick]
        member.send("CHUNK", proto.session.Chunk(leaf=which, index=index), data)
        if trick == "twice":
            member.send("CHUNK", proto.session.Chunk(leaf=which, index=index), data)
        if trick != "of a message nobody sent":
            answer = member.outcome(made)
            assert answer.name == "REFUSED" and answer.message.reason == names()["bad_seal"]
        small = arena.request(member)
        member.submit(small)
        assert member.outcome(small).name in ("RECEIPT", "DELIVER")  # the session stands


def test_more_messages_at_once_than_may_be_gathered_end_the_session(arena):
    with arena.attacker() as member:
        for _ in range(17):
            message, payload = large(arena, member).submit()
            member.send("SUBMIT", message, payload)
        assert member.receive("BYE", timeout=20).message.reason == names()["credit_exceeded"]


# --- what is signed ---

SIGNATURES = {
    "empty": b"", "63 bytes": bytes(63), "65 bytes": bytes(65), "zeros": bytes(64), "r is 0": bytes(32) + b"\1" * 32,
    "s is 0": b"\1" * 32 + bytes(32), "r is n": N.to_bytes(32, "big") + b"\1" * 32, "all ones": b"\xff" * 64,
    "DER": bytes.fromhex("3006020101020101"),
}


@pytest.mark.parametrize("signature", SIGNATURES, ids=list(SIGNATURES))
def test_a_signature_of_odd_form_is_refused_and_recorded(arena, signature):
    with arena.attacker() as member:
        made = arena.request(member)
        block = proto.envelope.Signature.FromString(made.block)
        block.signature = SIGNATURES[signature]
        made.block = block.SerializeToString()
        member.submit(made)
        answer = member.outcome(made)
        assert answer.name == "REFUSED" and answer.message.reason in (names()["bad_signature"], names()["malformed"])


NAMES = {"NUL": "TN/GOV/MAS/soc\0ial", "confusable": "TN/GOV/M\u0410S/social", "too long": "TN/GOV/MAS/" + "s" * 300,
         "dots": "TN/GOV/../social", "empty part": "TN//MAS/social", "right-to-left": "TN/GOV/MAS/\u202elaicos"}


@pytest.mark.parametrize("name", NAMES, ids=list(NAMES))
def test_a_confusing_name_is_refused_and_the_link_is_named(arena, name):
    with arena.attacker() as member:
        context = proto.envelope.Context.FromString(arena.request(member).context)
        context.consumer = NAMES[name].encode()
        made = member.sign(context, b"")
        member.send("SUBMIT", proto.session.Submit(context=made.context, body=made.body, signature=made.block))
        answer = member.receive("REFUSED")
        assert answer.message.reason == names()["malformed"]
        wanted = leaf(made.context, made.body)
        entry = next(e for e in ledger(arena.s) if e.leaf == wanted or e.context == made.context)
        assert entry.type == TYPE.REFUSED and entry.member == MAS.encode()


def test_an_enum_out_of_range_is_refused(arena):
    with arena.attacker() as member:
        context = proto.envelope.Context.FromString(arena.request(member).context)
        made = member.sign(context.SerializeToString().replace(b"\x20\x01", b"\x20\x63", 1), b"")
        member.send("SUBMIT", proto.session.Submit(context=made.context, body=made.body, signature=made.block))
        assert member.receive("REFUSED").message.reason in (names()["malformed"], names()["unsupported_version"])


def test_a_flood_of_bad_signatures_leaves_few_entries_that_name_the_member(arena):
    with arena.attacker() as member:
        before = len(ledger(arena.s))
        sent, end = 0, time.monotonic() + 3
        base = arena.request(member)
        block = proto.envelope.Signature.FromString(base.block)
        block.signature = bytes(63) + b"\1"
        while time.monotonic() < end:
            context = proto.envelope.Context.FromString(base.context)
            context.exchange_id = os.urandom(16)
            member.send("SUBMIT", proto.session.Submit(context=context.SerializeToString(), body=base.body,
                                                       signature=block.SerializeToString(), slot=base.sealed.slots),
                        base.sealed.chunks[0])
            sent += 1
            if sent % 200 == 0:
                while member.receive("CREDIT", timeout=0.05):
                    pass
        time.sleep(1.5)
        end = time.monotonic() + 30
        while not (refused := [e for e in ledger(arena.s)[before:] if e.type == TYPE.REFUSED]):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert all(e.member == MAS.encode() for e in refused if e.member) and len(refused) < 60 * 6
        print(f"{sent} messages, {len(refused)} entries")


# --- what HELLO brings ---

CHAINS = {"no DER": [b"junk"], "60 KB": [b"\x30\x82\xea\x60" + bytes(60_000)], "seven": [b"x"] * 7, "none": [],
          "an empty sequence": [b"\x30\x00"], "an endless length": [b"\x30\x84\xff\xff\xff\xff"]}


@pytest.mark.parametrize("chain", CHAINS, ids=list(CHAINS))
def test_a_chain_that_proves_nothing_opens_no_session(arena, chain):
    with arena.attacker(hello=False) as member:
        answer = member.hello(timeout=2, certificate=CHAINS[chain])
        assert answer is None or answer.name == "BYE"


NOTES = {"junk": b"junk", "without signature": b"tn.bus/ledger\n1000\nAAAA\n\n", "of another key": None,
         "60 KB": b"x" * 60_000}


@pytest.mark.parametrize("note", NOTES, ids=list(NOTES))
def test_a_forged_checkpoint_in_hello_stops_nobody_but_its_bearer(arena, note):
    text = NOTES[note]
    if text is None:
        _, good = arena.s.bus.get("/checkpoint")
        text = good.replace(good.split(b"\n")[1], b"999999", 1)
    with arena.attacker(hello=False) as member:
        answer = member.hello(timeout=5, checkpoint=text)
        assert answer is None or answer.name == "BYE" and answer.message.reason == names()["inconsistent"]
