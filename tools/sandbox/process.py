"""A daemon under test or demonstration: started, awaited by what it writes, ended by pid."""
import pathlib
import signal
import subprocess
import time


class NotReady(Exception):
    pass


class Process:
    def __init__(self, name, command, log, env=None):
        self.name, self.command, self.log, self.env = name, [str(c) for c in command], pathlib.Path(log), env
        self.popen = None

    def start(self, ready=None, timeout=30.0):
        """ready: a file that appears when the daemon serves (removed first)."""
        if ready:
            pathlib.Path(ready).unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                          start_new_session=True)
        if ready:
            self.wait_for(pathlib.Path(ready).exists, timeout)
        return self

    def wait_for(self, condition, timeout=30.0):
        """Waits until condition() is true; NotReady with the log's end when the process ends or time is up."""
        end = time.monotonic() + timeout
        while not condition():
            if self.popen.poll() is not None:
                raise NotReady(f"{self.name} ended with {self.popen.returncode}:\n{self.tail()}")
            if time.monotonic() > end:
                raise NotReady(f"{self.name} is not ready after {timeout} s:\n{self.tail()}")
            time.sleep(0.01)

    def tail(self, lines=15):
        return "\n".join(self.text().splitlines()[-lines:])

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def wait(self, timeout=30.0):
        return self.popen.wait(timeout)

    def kill(self):
        if self.running:
            self.popen.kill()
            self.popen.wait()

    def stop(self, timeout=15.0):
        """Ends in good order; returns the exit code."""
        if self.running:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.popen.returncode if self.popen else None
