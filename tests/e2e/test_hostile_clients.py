"""What information systems may do to the front, on purpose or not. After each: the adapter lives, a normal request is answered, nothing
reached the provider that should not have, and memory is under the bound that adapters/front/README.md states."""
import contextlib
import gzip
import os
import re
import resource
import socket
import ssl
import subprocess
import threading
import time

import pytest

from yard import CLIENT, OTHER, TARGET, converse, open_yard, read_all, read_reply, replies, request, wait_until

MIB = 1 << 20
# Small, so that each is reached; the bound below is computed from them.
LIMITS = {"connections": 200, "head_seconds": 2, "body_seconds": 3, "answer_seconds": 3, "idle_seconds": 4,
          "most_body_bytes": 8 * MIB, "most_answer_bytes": 4 * MIB, "requests_per_client": 64, "requests_per_subsystem": 48,
          "most_asks": 128, "most_ask_bytes": 8 * MIB}


def bound(limits, listeners, tls):
    """The formula of adapters/front/README.md, Bounds."""
    connections = listeners * limits["connections"] * 80 * 1024 + tls * limits["connections"] * 160 * 1024
    return 48 * MIB + connections + 2 * limits["most_body_bytes"] + 4 * limits["most_ask_bytes"] + 2 * limits["most_answer_bytes"]


@pytest.fixture(scope="module")
def town():
    with open_yard(limits=LIMITS, metrics="127.0.0.1:0") as y:
        yield y
        assert y.front.process.stop() == 0  # and it ends in good order


@pytest.fixture
def yard(town, request):
    """Checks after each test what must hold after each attack."""
    answered, pid = town.answered(), town.front.process.popen.pid
    town.reached = 0
    yield town
    assert town.front.process.running and town.front.process.popen.pid == pid
    assert normal(town).status == 200
    assert town.reached is None or town.answered() - answered == town.reached + 1, "something reached the provider that should not have"
    memory, most = town.anonymous_memory(), bound(LIMITS, 4, 1)
    print(f"\nRssAnon {memory / MIB:.1f} MiB of at most {most / MIB:.1f}: {request.node.name}")
    assert memory < most


def normal(yard, **more):
    with yard.dial(timeout=30) as s:
        s.sendall(request(**more))
        return read_reply(s)


def head(extra, target=TARGET, version="HTTP/1.1", method="POST"):
    return (f"{method} {target} {version}\r\nHost: x\r\nX-Road-Client: {CLIENT}\r\nWasl-Purpose: STATISTICS\r\n{extra}\r\n").encode()


SECOND = request(b"smuggled")
# --- requests that two readers would end in two places ---
SMUGGLED = {
    "cl_te": head("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + SECOND,
    "te_cl": head("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + b"5c\r\n" + SECOND,
    "te_te": head("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n") + b"0\r\n\r\n" + SECOND,
    "te_unknown": head("Transfer-Encoding: xchunked\r\n") + b"0\r\n\r\n" + SECOND,
    "te_list": head("Transfer-Encoding: gzip, chunked\r\n") + b"0\r\n\r\n" + SECOND,
    "te_blank_before_colon": head("Transfer-Encoding : chunked\r\n") + b"0\r\n\r\n" + SECOND,
    "te_in_http_1_0": head("Transfer-Encoding: chunked\r\n", version="HTTP/1.0") + b"0\r\n\r\n" + SECOND,
    "cl_cl": head("Content-Length: 0\r\nContent-Length: 5\r\n") + SECOND,
    "cl_cl_the_same": head("Content-Length: 5\r\nContent-Length: 5\r\n") + b"hello" + SECOND,
    "fold": head("X-A: b\r\n Content-Length: 5\r\n") + SECOND,
    "fold_that_libmicrohttpd_joins_to_the_name": head("Transfer: chunked\r\n -Encoding\r\n") + b"0\r\n\r\n" + SECOND,
    "bare_lf": head("X-A: b\nContent-Length: 5\r\n") + b"hello" + SECOND,
    "bare_lf_made_up_for_with_blanks": head("X-A:  b\nContent-Length:  5\r\n") + b"hello" + SECOND,
    "bare_cr": head("X-A: b\rContent-Length: 5\r\n") + SECOND,
    "lf_only": head("Content-Length: 0\r\n").replace(b"\r\n", b"\n") + SECOND,
    "lf_before_the_end": head("Content-Length: 0\r\nX-A: b")[:-2] + b"\n\r\n" + SECOND,
    "nul_in_value": head("X-A: b\0c\r\nContent-Length: 0\r\n") + SECOND,
    "nul_in_target": head("Content-Length: 0\r\n", target=TARGET + "\0/x") + SECOND,
    "two_blanks": head("Content-Length: 0\r\n", target=" " + TARGET) + SECOND,
    "blank_after_version": head("Content-Length: 0\r\n", version="HTTP/1.1 ") + SECOND,
    "version_1_2": head("Content-Length: 0\r\n", version="HTTP/1.2") + SECOND,
    "no_version": f"POST {TARGET}\r\n\r\n".encode() + SECOND,
    "colonless": head("Content-Length\r\n") + SECOND,
    "empty_name": head(": 5\r\n") + SECOND,
    "chunk_size_overflow": head("Transfer-Encoding: chunked\r\n") + b"10000000000000005\r\nhello\r\n0\r\n\r\n" + SECOND,
    "chunk_size_negative": head("Transfer-Encoding: chunked\r\n") + b"-5\r\nhello\r\n0\r\n\r\n" + SECOND,
    "chunk_size_0x": head("Transfer-Encoding: chunked\r\n") + b"0x5\r\nhello\r\n0\r\n\r\n" + SECOND,
    "chunk_longer_than_said": head("Transfer-Encoding: chunked\r\n") + b"3\r\nhello\r\n0\r\n\r\n" + SECOND,
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_that_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_heard(yard, name):
    got = converse(yard.dial(), SMUGGLED[name])
    assert len(got) <= 1 and all(r.status >= 400 for r in got), [r.lines for r in got]


@pytest.mark.parametrize("length", ["5, 5", "+5", "-5", "0x5", "5 5", "18446744073709551621"])
def test_a_length_that_is_no_number_is_refused_and_nothing_after_it_is_heard(yard, length):
    """libmicrohttpd answers this one by itself (and says its head twice, a fault of its own, before it closes)."""
    with yard.dial() as s:
        s.sendall(head(f"Content-Length: {length}\r\n") + b"hello" + SECOND)
        raw = read_all(s)
    assert re.match(rb"HTTP/1.1 4\d\d ", raw) and b"connection: close" in raw.lower() and b"HTTP/1.1 2" not in raw


# These have one meaning: the body arrives. What follows chunks is not believed to be a request, so the connection ends.
CHUNKED = {
    "plain": b"5\r\nhello\r\n0\r\n\r\n",
    "extension": b"5;a=b\r\nhello\r\n0;c\r\n\r\n",
    "extension_with_a_request": b"5;\r\nhello\r\n0\r\n\r\n",
    "bare_lf": b"5\nhello\n0\n\n",
    "leading_zeros": b"0000000000000005\r\nhello\r\n0\r\n\r\n",
    "trailer": b"5\r\nhello\r\n0\r\nX-Road-Client: " + OTHER.encode() + b"\r\nContent-Length: 99\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKED)
def test_chunks_however_they_are_written_end_the_connection_and_hide_no_second_request(yard, name):
    got = converse(yard.dial(), head("Transfer-Encoding: chunked\r\n") + CHUNKED[name] + SECOND)
    assert [(r.status, r.body) for r in got] == [(200, b"hello")]
    assert got[0].headers["connection"] == "close" and got[0].headers["x-road-client"] == CLIENT
    yard.reached = 1


def test_a_request_hidden_in_a_body_stays_a_body_and_pipelined_ones_are_answered_in_order(yard):
    got = converse(yard.dial(), request(SECOND) + request(b"two") + request(b"three", extra=b"Connection: close\r\n") + SECOND)
    assert [r.body for r in got] == [SECOND, b"two", b"three"]
    yard.reached = 3


# --- what could split a response, or get another path or field to the provider ---

@pytest.mark.parametrize("field", [b"X-Road-Id: a\rSet-Cookie: x=1", b"X-Road-Id: a\nSet-Cookie: x=1", b"X-Road-Id: a\r\n Set-Cookie: x=1",
                                   b"X-Road-Id: a\x00b", b"X-Road-Id: a\x7fb", b"X-Road-UserId: a\x0bb", b"Wasl-Purpose: S\rX: y",
                                   b"Content-Type: text/html\rSet-Cookie: x=1"])
def test_no_field_of_a_request_can_split_the_response(yard, field):
    data = request(extra=field + b"\r\n" + b"Connection: close\r\n")
    with yard.dial() as s:
        s.sendall(data)
        raw = read_all(s)
    assert raw.lower().count(b"http/1.1 ") == 1 and b"set-cookie" not in raw.partition(b"\r\n\r\n")[0].lower()
    assert replies(raw)[0].status >= 400


@pytest.mark.parametrize("path", ["/say%0d%0aX-Evil:%20yes", "/say%00", "/say/../other", "/say/./", "//say", "/%2e%2e/say", "/say%2f..%2fother",
                                  "/say%252f", "/say\\..\\other", "/sa%79", "/say;x=1", "/say#frag", "/say?a=b#c", "/s\u00e1y", "/say%u002e",
                                  "/say%", "/say%zz", "/" + "a/" * 3000])
def test_no_path_but_the_operations_own_reaches_the_provider(yard, path):
    data = request(target=TARGET[:-len("/say")] + path, extra=b"Connection: close\r\n")
    got = converse(yard.dial(), data)
    assert len(got) <= 1 and all(r.status >= 400 for r in got)


@pytest.mark.parametrize("target", ["http://x" + TARGET, "//x" + TARGET, "*", "x:443", TARGET.replace("/r1", "/r1/..//r1"), "/" + TARGET,
                                    TARGET.replace("civil", "civil%2Fecho"), TARGET.replace("TN", "%54N%2f")])
def test_no_other_form_of_target_is_taken(yard, target):
    got = converse(yard.dial(), request(target=target, extra=b"Connection: close\r\n"))
    assert len(got) <= 1 and all(r.status >= 400 for r in got)


# --- too much of it ---

@pytest.mark.parametrize("data, status", [
    (b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (head("X-Long: " + "a" * 100_000 + "\r\n"), 431),
    (head("".join(f"X-{i}: {i}\r\n" for i in range(10_000))), 431),
    (head("a:\r\n" * 10_000), 431),
    (b"\r\n" * 100_000, None), (b"A" * 1_000_000, None), (os.urandom(200_000), None)],
    ids=["target", "field", "10000_fields", "10000_empty_fields", "empty_lines", "one_line", "noise"])
def test_oversized_lines_and_heads_are_refused(yard, data, status):
    got = converse(yard.dial(), data)
    assert [r.status for r in got] == ([status] if status else []) or (not status and all(r.status >= 400 for r in got))


def test_a_body_over_the_limit_is_refused_announced_or_not(yard):
    body = b"x" * (2 * MIB)
    assert converse(yard.dial(), request(body, extra=b"Connection: close\r\n"))[0].refusal == "too_large"
    chunked = head("Transfer-Encoding: chunked\r\n") + b"200000\r\n" + body + b"\r\n0\r\n\r\n"
    assert converse(yard.dial(), chunked)[0].refusal == "too_large"
    assert converse(yard.dial(), head("Content-Length: 99999999999\r\n"))[0].refusal == "too_large"


def test_a_compressed_bomb_is_never_inflated(yard):
    """With its encoding said it is refused; without, it is bytes like any others."""
    bomb = gzip.compress(b"\0" * (500 * MIB // 4), 1)
    assert len(bomb) < MIB
    before = yard.anonymous_memory()
    got = converse(yard.dial(), request(bomb, extra=b"Content-Encoding: gzip\r\nConnection: close\r\n"))[0]
    assert got.status >= 400 and len(got.body) < 1000
    got = converse(yard.dial(), request(bomb, extra=b"Accept-Encoding: gzip\r\nConnection: close\r\n"))[0]
    assert (got.status, got.body) == (200, bomb)
    yard.reached = 1
    assert yard.anonymous_memory() - before < 16 * MIB


# --- too slow, or too many ---

def is_closed(s, within):
    s.settimeout(within)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while s.recv(65536):
            pass
    return True


@pytest.mark.parametrize("first, step", [(b"", b""), (b"P", b"O"), (head("")[:-2], b"X-A: b\r\n"),
                                         (head("Content-Length: 1000\r\n"), b"x"),
                                         (head("Transfer-Encoding: chunked\r\n"), b"1\r\nx\r\n")],
                         ids=["nothing", "request_line", "head", "body", "chunks"])
def test_who_sends_byte_by_byte_is_closed_in_time_however_busy_it_looks(yard, first, step):
    begun = time.monotonic()
    with yard.dial() as s:
        with contextlib.suppress(ConnectionError):
            s.sendall(first)
            while time.monotonic() < begun + 60:
                s.sendall(step)
                s.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    if not s.recv(4096):
                        break
    assert 1 < time.monotonic() - begun < 30  # it would have gone on for a minute


def test_who_does_not_read_its_answer_is_closed_and_the_answers_memory_comes_back(yard):
    body = b"y" * (MIB - 1000)
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(12):
            s = yard.dial(yard.front.socket)  # over TCP the kernel would take all of an answer
            slow.append(stack.enter_context(s))
            with contextlib.suppress(ConnectionError):
                s.sendall(request(body))
        begun = time.monotonic()
        while time.monotonic() < begun + 2:  # meanwhile
            assert normal(yard).refusal in (None, "answers_unread", "too_many")
            time.sleep(0.2)
        wait_until(lambda: normal(yard).status == 200)
        for s in slow:
            assert is_closed(s, 30)
    yard.reached = None  # all of these were good questions


def test_who_reads_its_answer_byte_by_byte_is_closed_in_the_middle_of_it(yard):
    """Alone, so that no bound of memory is in question: only the time that a client has for its answer. On a unix socket: over TCP the
    kernel would take all of it."""
    body, overdue = b"y" * (MIB - 1000), yard.counted("wasl_adapter_front_overdue_total")
    with yard.dial(yard.front.socket) as s:
        s.sendall(request(body))
        got = len(s.recv(1))
        until = time.monotonic() + 30
        while yard.counted("wasl_adapter_front_overdue_total") == overdue and time.monotonic() < until:
            got += len(s.recv(1))
            time.sleep(0.05)
        assert got < 4096 and got + len(read_all(s)) < len(body)
    yard.reached = 1


def test_ten_thousand_connections_do_not_lock_a_client_out(yard):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= 11_000, "this machine lets a process open too few descriptors for the test"
    resource.setrlimit(resource.RLIMIT_NOFILE, (11_000, hard))
    peak, slowest, descriptors = 0, 0.0, 0
    try:
        with contextlib.ExitStack() as stack:
            for i in range(10_000):
                s = stack.enter_context(socket.socket())
                s.settimeout(10)
                s.connect(yard.plain)
                if i % 3:
                    with contextlib.suppress(ConnectionError):
                        s.sendall(head("")[:-2] if i % 3 == 1 else head("Content-Length: 5\r\n"))
                if i % 250 == 0:
                    begun = time.monotonic()
                    assert normal(yard).status == 200
                    yard.reached += 1
                    slowest, peak = max(slowest, time.monotonic() - begun), max(peak, yard.anonymous_memory())
                    descriptors = max(descriptors, yard.descriptors())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(f"\n10,000 connections: RssAnon at most {peak / MIB:.1f} MiB, {descriptors} descriptors, slowest of 40 requests meanwhile "
          f"{slowest * 1000:.0f} ms")
    assert peak < bound(LIMITS, 4, 1)
    assert descriptors < LIMITS["connections"] + 500  # those of the listener, some of a round not closed yet, and the adapter's own


def test_memory_stays_under_its_bound_when_every_connection_holds_as_much_as_it_may():
    """Full heads on every listener, TLS included, and as many bodies in the air as are taken; nobody is overdue yet."""
    limits = {**LIMITS, "head_seconds": 100, "body_seconds": 100}
    count, block = limits["connections"], head("X-Long: " + "a" * 60_000)[:-4]
    body = request(b"z" * (MIB - 1000))[:-10]
    with open_yard(limits=limits) as yard, contextlib.ExitStack() as stack:
        begun = yard.anonymous_memory()

        def hold(s, data):
            stack.enter_context(s).settimeout(0.5)
            with contextlib.suppress(OSError):
                s.sendall(data)

        for i in range(count):
            hold(yard.dial(), body if i < count // 8 else block)
            hold(yard.dial(yard.front.socket), block)
            hold(yard.dial(yard.peers_socket), block)
            if i < count // 2:  # one address has no more than half of a TLS listener
                hold(yard.dial_tls(), block)
        wait_until(lambda: yard.anonymous_memory() - begun > 20 * MIB)
        assert normal(yard).status == 200  # taken after all of it
        peak = yard.anonymous_memory()
    print(f"\neverything full: RssAnon {peak / MIB:.1f} MiB (at the start {begun / MIB:.1f}) of at most {bound(limits, 4, 1) / MIB:.1f}")
    assert peak < bound(limits, 4, 1)


def test_one_client_and_one_subsystem_have_no_more_requests_under_way_than_their_bound(yard):
    """The bus is stopped in the middle of its work, so that requests stay under way."""
    yard.s.bus.process.popen.send_signal(19)
    try:
        with contextlib.ExitStack() as stack:
            open_ones = [stack.enter_context(yard.dial()) for _ in range(LIMITS["requests_per_subsystem"])]
            for s in open_ones:
                s.sendall(request(extra=b"Connection: close\r\n"))
            wait_until(lambda: yard.front.status()["asks_open"] == len(open_ones))
            refused = normal(yard)
            assert refused.refusal == "too_many" and b"subsystem" in refused.body
            others = [stack.enter_context(yard.dial()) for _ in range(LIMITS["requests_per_client"] - len(open_ones))]
            for s in others:
                s.sendall(request(client=OTHER, extra=b"Connection: close\r\n"))
            wait_until(lambda: yard.front.status()["asks_open"] == LIMITS["requests_per_client"])
            refused = normal(yard, client=OTHER)
            assert refused.refusal == "too_many" and b"client" in refused.body
            yard.s.bus.process.popen.send_signal(18)
            assert [read_reply(s).status for s in open_ones + others] == [200] * LIMITS["requests_per_client"]
            yard.reached = LIMITS["requests_per_client"]
    finally:
        yard.s.bus.process.popen.send_signal(18)


# --- TLS ---

@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(4096), b"\x16\x03\x01\xff\xff" + b"\0" * 70_000,
                                  b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x80\x2e\x01\x03\x01" + b"\0" * 60, b"\x15\x03\x03\x00\x02\x02\x28"],
                         ids=["http", "noise", "record", "hello", "sslv2", "alert"])
def test_garbage_instead_of_tls_is_cut_off(yard, data):
    with yard.dial(yard.tls) as s:
        with contextlib.suppress(ConnectionError):
            s.sendall(data)
        assert is_closed(s, 30)


def test_half_open_handshakes_are_closed_in_time_and_lock_nobody_out(yard):
    with yard.dial_tls() as s:
        s.sendall(request())
        assert read_reply(s).status == 200
    with contextlib.ExitStack() as stack:
        half = [stack.enter_context(yard.dial(yard.tls)) for _ in range(1000)]
        for s in half[::2]:
            with contextlib.suppress(ConnectionError):
                s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        with yard.dial_tls() as s:
            s.sendall(request())
            assert read_reply(s).status == 200
        # One address has half of the listener's; who has no place is closed when it comes, and not only when its time is over.
        assert yard.descriptors() < LIMITS["connections"] // 2 + 300
        assert all(is_closed(s, 30) for s in half)
    yard.reached = 2


def test_a_client_cannot_renegotiate(yard):
    certificate, key = map(str, yard.s.pki.tls("enrolment"))
    p = subprocess.Popen(["openssl", "s_client", "-connect", "%s:%s" % yard.tls, "-cert", certificate, "-key", key, "-tls1_2",
                          "-legacy_renegotiation"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    limit = threading.Timer(60, p.kill)
    limit.start()
    p.stdin.write(b"R\n")  # read when the handshake is over
    p.stdin.flush()
    out = b""
    while b"RENEGOTIATING" not in out and (line := p.stdout.readline()):
        out += line
    with contextlib.suppress(BrokenPipeError):
        p.stdin.write(request())
        p.stdin.close()
    out += p.stdout.read()
    p.wait(60)
    limit.cancel()
    assert b"RENEGOTIATING" in out and b"HTTP/1.1" not in out.partition(b"RENEGOTIATING")[2], out[-600:]


def test_a_connection_that_ends_in_the_middle_leaves_nothing(yard):
    for i in range(0, len(request()), 7):
        with yard.dial() as s, contextlib.suppress(ConnectionError):
            s.sendall(request()[:i])
    with yard.dial_tls() as s, contextlib.suppress(OSError):
        s.sendall(request()[:50])
        socket.socket.shutdown(s, socket.SHUT_RDWR)
    wait_until(lambda: yard.front.status()["asks_open"] == 0)
