"""A rival in the same minute: NATS from Debian in Wasl's topology. README.md says what it does not do."""
import contextlib
import fcntl
import json
import os
import shutil
import struct
import tempfile

from sandbox.pki import Pki
from sandbox.process import Process

from .measure import Failed, Measurement, record

# linux/fs.h: what chattr +S sets.
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_SYNC_FL = 0x80086601, 0x40086602, 0x8
PROGRAM = shutil.which("nats-server", path="/usr/sbin:" + os.environ.get("PATH", ""))
MEMBER = "TN/GOV/MI"  # make-pki wants one; nobody uses it


class Server:
    """with Server(...) as server: nats-server on a free port, its store empty; ended by pid."""

    def __init__(self, folder, pki, synchronous=False):
        self.folder, self.pki, self.synchronous = folder, pki, synchronous

    def __enter__(self):
        if not PROGRAM:
            raise Failed("nats-server is not there: tools/setup bench installs it")
        self.folder.mkdir(parents=True)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        store = self.folder / "store"
        store.mkdir()
        if self.synchronous:
            write_synchronously(store)
        (certificate, key), (client, _) = self.pki.tls("nats-server"), self.pki.tls("nats-client")
        configuration = {"listen": "127.0.0.1:-1", "ports_file_dir": str(self.folder),
                         "jetstream": {"store_dir": str(store), "max_memory_store": 64 << 20, "max_file_store": 16 << 30},
                         "tls": {"cert_file": str(certificate), "key_file": str(key), "ca_file": str(client), "verify": True}}
        (self.folder / "nats.conf").write_text(json.dumps(configuration))  # its own form takes JSON too
        self.process = Process("nats-server", [PROGRAM, "-c", self.folder / "nats.conf"], self.folder / "nats.log")
        self.process.start()
        self.process.wait_for(lambda: self.port() is not None)

    def __exit__(self, *_):
        if hasattr(self, "process"):
            self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def port(self):
        """What the server has written once it listens; None before."""
        file = self.folder / f"nats-server_{self.process.popen.pid}.ports"
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return int(json.loads(file.read_text())["nats"][0].rpartition(":")[2])
        return None

    def command(self, program, *more):
        (server, _), (client, key) = self.pki.tls("nats-server"), self.pki.tls("nats-client")
        return [program, "nats", "--url", f"nats://127.0.0.1:{self.port()}", "--ca", server, "--certificate", client, "--key", key,
                f"--watch=server={self.process.popen.pid}", *more]


def write_synchronously(folder):
    """Every write to what is made below waits for the disk, as with chattr +S."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flags, = struct.unpack("=l", fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(4)))
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("=l", flags | FS_SYNC_FL))
    except OSError as e:
        raise Failed(f"the file system of {folder} does not take chattr +S: {e.strerror}") from None
    finally:
        os.close(fd)


class Nats(Measurement):
    """A server and an empty store for each round: 8,000 exchanges a second are 18 MB a second."""
    synchronous = False

    def start(self):
        self.folder = self.bench.state / type(self).__name__.lower()
        self.pki = self.bench.shared("nats.pki", lambda: Pki(self.bench.state / "nats-pki", [MEMBER]))

    def loads(self, *kinds):
        """A result for each (in flight, seconds), from one server."""
        with Server(self.folder, self.pki, self.synchronous) as server:
            for in_flight, seconds in kinds:
                result, = self.bench.objects(*server.command(self.bench.program("wasl-bench"), "--in-flight", in_flight,
                                                             "--seconds", seconds, "--warm-up", self.settings.warmup,
                                                             "--bytes", self.settings.bytes), timeout=60 + 2 * seconds)
                yield result


class Peer(Nats):
    """As it comes: what JetStream has acknowledged is in the page cache, and on the disk within two minutes."""
    names = ("peer.nats_js_tls_rate", "peer.nats_js_tls_latency_p50", "peer.nats_cpu")

    def round(self):
        many, one = self.loads((64, self.settings.seconds), (1, self.settings.seconds / 2))
        n = many["exchanges"]
        yield record("peer.nats_js_tls_rate", many["rate"], "1/s", n=n)
        yield record("peer.nats_js_tls_latency_p50", one["latency_us"]["p50"], "µs", n=one["exchanges"])
        for process in ("server", "consumer", "provider"):
            yield record("peer.nats_cpu", many["cpu_us"][process]["total"] / n, "µs", {"process": process}, n=n)


class Synchronous(Nats):
    """Nearer to what Wasl promises: every write of the store waits for the disk before JetStream acknowledges it."""
    names = ("peer.nats_js_tls_sync_rate", "peer.nats_js_tls_sync_latency_p50")
    synchronous = True

    def start(self):
        """Where the file system cannot do it there is no such figure, and nothing has failed."""
        super().start()
        self.able = True
        try:
            write_synchronously(tempfile.mkdtemp(dir=self.bench.state))
        except Failed as why:
            self.able = False
            self.bench.warnings.append(f"no {' and no '.join(self.names)}: {why}")

    def round(self):
        if not self.able:
            return
        many, one = self.loads((64, self.settings.seconds / 2), (1, self.settings.seconds / 2))
        yield record("peer.nats_js_tls_sync_rate", many["rate"], "1/s", n=many["exchanges"])
        yield record("peer.nats_js_tls_sync_latency_p50", one["latency_us"]["p50"], "µs", n=one["exchanges"])


def measurements(bench):
    return [Peer(bench), Synchronous(bench)]
