"""A ministry's own HTTP system, as good or as hostile as the path of a request asks for. Raw sockets: what it sends is what a test
says, byte for byte. As a program it serves until its standard input closes; its first lines say its folder and its ports.

    /echo                 200, and as the body the request's own bytes, head and body
    /json                 200 and a person with a filiation tree
    /raw  /raw-close      sends the request's body as the answer, and keeps or closes the connection
    /slow/MS              answers after so many milliseconds
    /drip  /drip-head     an answer of which one byte comes each 0.2 s
    /flood/WHAT           100, head, body or gzip without end
    /close                reads the request and closes
    /second-close         answers the first request of a connection; reads the second and closes
    /early                answers, and sends the answer to a question that was not asked behind it
    /hold                 never answers
    /count/NAME           how many requests there were whose path begins with /NAME
    /connections          how many connections there were
"""
import collections
import contextlib
import datetime
import gzip
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OLD = ssl.TLSVersion(0x0302)  # TLS 1.1
PERSON = {"iuc": "01234567890", "birth_date": "2015-01-02", "names": {"fr": {"given": "Amel", "family": "Ben Salah"}},
          "filiation": {"father": "09876543210", "mother": "09876543211"}}


def response(body=b"", status="200 OK", fields=()):
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


# --- keys ---

class Keys:
    """Two authorities and certificates of theirs, in a folder: NAME.pem and NAME.key.pem."""

    def __init__(self, folder, make=True):
        """make=False: those that are there already."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not make:
            return
        self.cas = {}
        for ca in ("ca", "other-ca"):
            self.make(ca, ca)
        self.make("server", "ca", ["127.0.0.1", "localhost"])
        self.make("wrong-host", "ca", ["10.9.9.9", "elsewhere.example"])
        self.make("expired", "ca", ["127.0.0.1"], days=(-20, -10))
        self.make("foreign", "other-ca", ["127.0.0.1"])
        self.make("client", "ca")
        self.make("stranger", "other-ca")

    def make(self, name, issuer, hosts=(), days=(-1, 30)):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = name == issuer
        ca_key, ca_name = (key, subject) if own else self.cas[issuer]
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=days[0])).not_valid_after(now + datetime.timedelta(days=days[1]))
                   .add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True))
        if hosts:
            names = [x509.IPAddress(ipaddress.ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if own:
            self.cas[name] = (key, subject)
        self.write(f"{name}.pem", builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        self.write(f"{name}.key.pem", key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def write(self, name, data):
        path = self.folder / name
        path.touch(0o600)
        path.write_bytes(data)

    def path(self, name):
        return str(self.folder / f"{name}.pem")

    def context(self, name, client=None, most=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name), self.path(f"{name}.key"))
        if client:
            context.load_verify_locations(self.path(client))
            context.verify_mode = ssl.CERT_REQUIRED
        if most:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # that they are out of date is the point
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
        return context


# --- serving ---

class Provider:
    """Any number of listeners; `requests` holds the bytes of each request, head and body."""

    def __init__(self):
        self.lock, self.requests, self.connections = threading.Lock(), [], 0
        self.listeners, self.open, self.answers = [], set(), {}
        self.behaviours = {name[3:].replace("_", "-"): getattr(self, name) for name in dir(self) if name.startswith("do_")}

    def listen(self, context=None, unix=None, port=0):
        """Returns the port, or the socket's path."""
        listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(str(unix) if unix else ("127.0.0.1", port))
        listener.listen(128)
        self.listeners.append(listener)
        threading.Thread(target=self.accept, args=(listener, context), daemon=True).start()
        return str(unix) if unix else listener.getsockname()[1]

    def close(self):
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.listeners.clear()
        self.drop()

    def drop(self):
        """Closes every connection."""
        with self.lock:
            connections = list(self.open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def accept(self, listener, context):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection, context), daemon=True).start()

    def serve(self, connection, context):
        with contextlib.suppress(OSError, ValueError), connection:
            connection.settimeout(60)
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            with self.lock:
                self.connections += 1
                self.open.add(connection)
            try:
                with connection:
                    self.converse(connection)
            finally:
                with self.lock:
                    self.open.discard(connection)

    def converse(self, connection):
        pending, number = b"", 0
        while True:
            while b"\r\n\r\n" not in pending:
                piece = connection.recv(65536)
                if not piece:
                    return
                pending += piece
            head, _, body = pending.partition(b"\r\n\r\n")
            fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
            length = int(fields.get(b"content-length", b"0"))
            while len(body) < length:
                piece = connection.recv(65536)
                if not piece:
                    return
                body += piece
            pending, body, number = body[length:], body[:length], number + 1
            with self.lock:
                self.requests.append(head + b"\r\n\r\n" + body)
            path = head.split(b" ")[1].split(b"?")[0].decode("latin-1")
            verb, _, rest = path.lstrip("/").partition("/")
            self.number, behaviour = number, self.behaviours.get(verb, self.do_json)
            if behaviour(connection, head, body, rest, number) is False:
                return

    def count(self, prefix):
        with self.lock:
            return sum(r.split(b" ", 2)[1].startswith(prefix.encode()) for r in self.requests)

    # --- behaviours: (connection, head, body, rest of the path, number of the request on its connection); False closes ---

    def do_echo(self, c, head, body, *_):
        mine = head + b"\r\n\r\n" + body
        c.sendall(response(mine if not head.startswith(b"HEAD") else b"", fields=["Content-Type: application/octet-stream"]))

    def do_json(self, c, head, *_):
        data = response(json.dumps(PERSON).encode(), fields=["Content-Type: application/json", "Set-Cookie: a=1", "Set-Cookie: b=2"])
        c.sendall(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if head.startswith(b"HEAD") else data)

    def do_raw(self, c, head, body, *_):
        c.sendall(body)

    def do_raw_close(self, c, head, body, *_):
        c.sendall(body)
        return False

    def do_answer(self, c, head, body, rest, *_):
        """What the test has put into self.answers under this name; for requests without a body."""
        c.sendall(self.answers[rest.split("/")[0]])
        return False

    def do_slow(self, c, head, body, rest, *_):
        time.sleep(int(rest.split("/")[0]) / 1000)
        c.sendall(response(b"{}", fields=["Content-Type: application/json"]))

    def drip(self, c, data):
        for i in range(len(data)):
            c.sendall(data[i:i + 1])
            time.sleep(0.2)

    def do_drip(self, c, *_):
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        self.drip(c, b"x" * 1000)

    def do_drip_head(self, c, *_):
        c.sendall(b"HTTP/1.1 200 OK\r\n")
        self.drip(c, b"X-Slow: " + b"x" * 1000)

    def do_flood(self, c, head, body, rest, *_):
        first, more = {
            "100": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100),
            "head": (b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"y" * 1000 + b"\r\n"),
            "line": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"y" * 10000),
            "fields": (b"HTTP/1.1 200 OK\r\n", b"a:\r\n" * 100),
            "body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2710\r\n" + b"z" * 10000 + b"\r\n"),
            "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"z" * 10000),
            "trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-T: " + b"t" * 1000 + b"\r\n"),
        }[rest.split("/")[0]]
        c.sendall(first)
        for _ in range(20000):
            c.sendall(more)
        return False

    def do_gzip(self, c, *_):
        bomb = gzip.compress(b" " * (32 << 20))
        c.sendall(response(bomb, fields=["Content-Type: application/json", "Content-Encoding: gzip"]))

    def do_close(self, *_):
        return False

    def do_second_close(self, c, head, body, rest, number):
        if number > 1:
            return False
        c.sendall(response(b"first"))

    def do_early(self, c, *_):
        c.sendall(response(b"for the one who asked"))
        time.sleep(0.1)
        c.sendall(response(b"for somebody else"))

    def do_hold(self, *_):
        time.sleep(60)
        return False

    def do_count(self, c, head, body, rest, *_):
        c.sendall(response(str(self.count(f"/{rest}")).encode()))

    def do_connections(self, c, *_):
        c.sendall(response(str(self.connections).encode()))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # its folder goes all the same
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wasl-rest-"))
    try:
        keys, provider = Keys(folder), Provider()
        places = {
            "folder": folder,
            "plain": provider.listen(),
            "tls": provider.listen(keys.context("server", client="ca")),
            "anyone": provider.listen(keys.context("server")),
            "wrong-host": provider.listen(keys.context("wrong-host")),
            "expired": provider.listen(keys.context("expired")),
            "foreign": provider.listen(keys.context("foreign")),
            "old-tls": provider.listen(keys.context("server", most=OLD)),
            "unix": provider.listen(unix=folder / "system.sock"),
        }
        print("".join(f"{name} {place}\n" for name, place in places.items()) + "ready", flush=True)
        sys.stdin.read()  # until whoever started it ends, however it ends
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


if __name__ == "__main__":
    main()
