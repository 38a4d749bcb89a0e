"""The bus cannot read: a marker put into body, path, query and X-Road headers is nowhere in its files, its memory or the
frames that it sees. A control shows that the same search finds what is there."""
import base64
import pathlib

from helpers import CLIENT, MEN, MI, PERSON, identity_request, play
from waslpy.relay import Relay

MARKER = b"W4slM4rkerThatNobodyElseWrites"
CONTROL = b"C0ntr0lThatTheBusIsShown"


def shapes(marker):
    """As it is, in hex, and in base64 at each of the three alignments."""
    out = [marker, marker.hex().encode(), marker.hex().upper().encode(), marker[::-1]]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + marker)
        out.append(encoded[4 if shift else 0:-4])
    return out


def found(data, marker):
    return any(s in data for s in shapes(marker))


def memory(pid):
    """Everything readable in a process's memory."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            if "r" not in mode or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            begin, end = (int(x, 16) for x in span.split("-"))
            while begin < end:  # overlapping slices, so that nothing hides on a border
                n = min(end - begin, 64 << 20)
                try:
                    mem.seek(begin)
                    yield mem.read(n)
                except OSError:
                    break
                begin += n if n == end - begin else n - 4096


def in_memory(pid, marker):
    return any(found(piece, marker) for piece in memory(pid))


def in_files(folder, marker):
    return [p for p in pathlib.Path(folder).rglob("*") if p.is_file() and found(p.read_bytes(), marker)]


def test_the_bus_cannot_read_body_path_query_or_headers(sandbox):
    s = sandbox()
    service = s.registry["members"][0]["subsystems"][0]["services"][0]
    del service["subject"]
    service["operations"] = [{"code": "echo", "method": "POST", "path": "/echo/{name}"}]
    s.registry["grants"] = [{"consumer": CLIENT, "service": PERSON, "purpose": "SCHOOL-ENROLMENT", "whole": True,
                             "expires": "2030-06-30T00:00:00Z"}]
    s.start_bus()
    relay = Relay(s.pki, [MI, MEN], s.bus.endpoint, s.bus.public)
    try:
        s.add_adapter(MI, ["civil"], [{"service": PERSON, "connector": "echo"}]).start(relay.endpoint)
        men = s.add_adapter(MEN, ["enrolment"]).start(relay.endpoint)
        m = MARKER.decode()
        for _ in range(20):
            answer = men.ask(CLIENT, PERSON, f"/echo/{m}?q={m}", "SCHOOL-ENROLMENT", method="POST",
                             body=f'{{"v":"{m}"}}'.encode(), headers={
                                 "Content-Type": "application/json", "X-Road-Id": m, "X-Road-UserId": m,
                                 "X-Road-Issue": m, "X-Road-Represented-Party": m, "X-Own": m})
            assert answer.status == 200 and MARKER in answer.body, answer.body
        # The control: what a member shows the bus in its header is found by the same search, in memory, frames and files.
        with_control = play(s, MEN, "enrolment")
        with_control.hello()
        with_control.submit(identity_request(s, with_control, retention=CONTROL))
        assert with_control.receive("REFUSED", "DELIVER") is not None
        with_control.close()
        assert in_memory(s.bus.process.popen.pid, CONTROL)
        assert in_files(s.bus.folder, CONTROL)
        assert not in_memory(s.bus.process.popen.pid, MARKER)
        assert len(relay.frames) > 80
        frames = b"".join(f for _, fs in relay.frames for f in fs)
        assert not found(frames, MARKER)
        assert found(frames, b"SCHOOL-ENROLMENT")  # the control: the purpose is in the header
        for shape in (MARKER, MARKER.hex().encode(), *(base64.b64encode(b"\0" * n + MARKER) for n in range(3))):
            assert found(b"..." + shape + b"...", MARKER)
        assert not in_files(s.bus.folder, MARKER)
    finally:
        for a in s.adapters.values():
            a.process.stop()
        relay.close()
