"""An adapter with a listener of every kind, a provider behind it that says back what it is told, and clients that speak in bytes."""
import contextlib
import hashlib
import os
import pathlib
import re
import socket
import ssl
import time
import urllib.request

from sandbox.cluster import MEN, MI

from fresh import fresh_sandbox

CLIENT, OTHER, SERVICE = f"{MEN}/enrolment", f"{MEN}/exams", f"{MI}/civil/echo"
TARGET = f"/r1/{SERVICE}/say"


def describe(registry):
    """A service about nobody that echoes, for both subsystems of the consumer."""
    members = {m["id"]: m for m in registry["members"]}
    members[MI]["subsystems"][0]["services"].append({
        "code": "echo", "kind": "request", "name": {"ar": "صدى", "fr": "Écho", "en": "Echo"}, "max_request": "1MiB",
        "max_response": "1MiB", "timeout_ms": 10000, "retention": "P5Y", "fields": ["/said"],
        "operations": [{"code": "say", "method": "POST", "path": "/say", "safe": True}]})
    members[MEN]["subsystems"].append({"code": "exams", "name": {"ar": "امتحانات", "fr": "Examens", "en": "Exams"}})
    for consumer in (CLIENT, OTHER):
        registry["grants"].append({"consumer": consumer, "service": SERVICE, "purpose": "STATISTICS", "whole": True,
                                   "expires": "2030-01-01T00:00:00Z"})


class Yard:
    def __init__(self, s, **more):
        self.s, pki = s, s.pki
        describe(s.registry)
        s.start_bus()
        provider = s.add_adapter(MI, ["civil"], [{"service": SERVICE, "connector": "echo"}])
        self.front = s.add_adapter(MEN, ["enrolment", "exams"], **more)
        self.provider = provider
        certificate, key = pki.tls("front")
        exams = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pki.tls("exams")[0].read_text())).hexdigest()
        self.peers_socket = self.front.folder / "peers.sock"
        self.front.config["listeners"] += [
            {"unix": str(self.peers_socket), "mode": "0666",
             "peers": [{"user": os.getuid(), "subsystems": ["enrolment"]}, {"user": 65534, "subsystems": ["exams"]}]},
            {"address": "127.0.0.1:0", "tls": {
                "certificate": str(certificate), "key": str(key), "clients": [
                    {"certificate": str(pki.tls("enrolment")[0]), "subsystems": ["enrolment"]},
                    {"certificate": f"sha256:{exams}", "subsystems": ["exams"]},
                    {"certificate": str(pki.tls("late", "--expired")[0]), "subsystems": ["enrolment"]}]}}]
        provider.start(s.bus, linked=False)
        self.front.start(s.bus)
        provider.wait_linked()
        self.take_addresses()

    def take_addresses(self):
        tcp = [a.rsplit(":", 1) for a in (self.front.state / "listeners").read_text().split() if a.startswith("127.")]
        self.plain, self.tls = [(host, int(port)) for host, port in tcp]

    # --- clients ---

    def dial(self, where=None, timeout=20.0):
        """where: a (host, port), a path; default the loopback listener."""
        where = where or self.plain
        s = socket.socket(socket.AF_INET if isinstance(where, tuple) else socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(where if isinstance(where, tuple) else str(where))
        return s

    def dial_tls(self, name="enrolment", options=(), version=None, timeout=20.0):
        """name: whose certificate to show; None for none."""
        context = ssl.create_default_context(cafile=str(self.s.pki.tls("front")[0]))
        if version:
            context.minimum_version = context.maximum_version = version
        if name:
            context.load_cert_chain(*map(str, self.s.pki.tls(name, *options)))
        raw = self.dial(self.tls, timeout)
        try:
            return context.wrap_socket(raw, server_hostname="localhost")
        except BaseException:
            raw.close()
            raise

    # --- what can be seen from outside ---

    def answered(self):
        """How many requests have reached the provider: nothing that was refused may show here."""
        return self.provider.process.text().count(" request_answered ")

    def anonymous_memory(self):
        """RssAnon of the front's adapter, bytes."""
        text = pathlib.Path(f"/proc/{self.front.process.popen.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+) kB", text)[1]) * 1024

    def descriptors(self):
        """Open ones of the front's adapter."""
        return len(os.listdir(f"/proc/{self.front.process.popen.pid}/fd"))

    def counted(self, name):
        """A metric of the front's adapter, which was configured with an address for them."""
        where = re.search(r" READY .*?\bmetrics=(\S+)", self.front.process.text())[1]
        with urllib.request.urlopen(f"http://{where}/metrics", timeout=20) as response:
            return float(re.search(rf"(?m)^{name} (\S+)$", response.read().decode())[1])


def request(body=b"hello", client=CLIENT, target=TARGET, extra=b"", method="POST"):
    return (f"{method} {target} HTTP/1.1\r\nHost: x\r\nX-Road-Client: {client}\r\nWasl-Purpose: STATISTICS\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n").encode() + extra + b"\r\n" + body


class Reply:
    def __init__(self, head, body):
        lines = head.split(b"\r\n")
        self.status, self.body, self.lines = int(lines[0].split()[1]), body, lines
        self.headers = {k.decode().lower(): v.strip().decode() for k, v in (line.split(b":", 1) for line in lines[1:])}

    @property
    def refusal(self):
        return self.headers.get("wasl-refusal")


def replies(data):
    """Every response in these bytes; each has a Content-Length. Bytes that are no response are an error."""
    out = []
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        assert separator and head.startswith(b"HTTP/1.1 "), data[:200]
        length = int(re.search(rb"(?im)^content-length: *(\d+)", head)[1])
        out.append(Reply(head, rest[:length]))
        data = rest[length:]
    return out


def read_all(s):
    """Until the other side closes (also by a reset)."""
    data = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while block := s.recv(65536):
            data += block
    return data


def read_reply(s):
    """One response of a connection that stays open; None when it was closed first."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = s.recv(65536)
        if not block:
            return None
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?im)^content-length: *(\d+)", head)[1])
    while len(body) < length:
        body += s.recv(65536)
    return Reply(head, body)


def converse(s, data):
    """Sends, reads until the front closes; all responses."""
    with s:
        with contextlib.suppress(ConnectionError):
            s.sendall(data)
        return replies(read_all(s))


def wait_until(condition, timeout=60.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@contextlib.contextmanager
def open_yard(**more):
    with fresh_sandbox() as s:
        yield Yard(s, **more)
