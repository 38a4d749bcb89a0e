"""A service manager's ear: what a daemon says on NOTIFY_SOCKET."""
import os
import socket
import tempfile
import time


class Manager:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="wasl-manager-")
        self.path = os.path.join(self.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        os.unlink(self.path)
        os.rmdir(self.folder)

    def listen(self, seconds):
        """What is said in that time; also kept in `heard`."""
        out, until = [], time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                out.append(self.socket.recv(4096).decode())
            except TimeoutError:
                break
        self.heard += out
        return out

    def wait_for(self, start, seconds=20):
        """The first message that begins so."""
        until = time.monotonic() + seconds
        while True:
            for message in self.heard:
                if message.startswith(start):
                    return message
            left = until - time.monotonic()
            assert left > 0, f"no {start} among {self.heard}"
            self.listen(min(left, 0.2))
