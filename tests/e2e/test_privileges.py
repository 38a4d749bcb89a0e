"""What the daemons may do, and what they leave of their memory. Started as root, as a person does at first."""
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import tempfile

import pytest
from helpers import ECHO, MEN, MI, ask_identity

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up root")


def proc_status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\s*(.*)$", text, re.M))


def as_nobody(*command):
    return subprocess.run(["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", *map(str, command)],
                          capture_output=True, text=True)


def start_dropped(s):
    """Bus and adapters that are started by root and become nobody. Their folders are theirs; keys stay root's."""
    s.start_bus()
    s.bus.process.stop()
    s.bus.state = s.bus.folder / "nobodys"
    s.bus.config.update(user="nobody", state=str(s.bus.state), audit_socket=str(s.bus.state / "audit.sock"))
    s.bus.socket = s.bus.state / "audit.sock"
    s.bus.endpoint, s.bus.config["listen"] = None, "tcp://127.0.0.1:*"
    s.bus.start()
    for member, subsystem, services in ((MI, "civil", ECHO), (MEN, "enrolment", [])):
        adapter = s.add_adapter(member, [subsystem], services, user="nobody")
        adapter.socket = adapter.state / "front.sock"
        adapter.config["listeners"][0]["unix"] = str(adapter.socket)
        del adapter.config["keys"]["subject"]
        adapter.start(s.bus)
    return [s.bus, *s.adapters.values()]


def test_started_as_root_a_daemon_becomes_its_user_for_good_and_works(sandbox):
    s = sandbox()
    for daemon in start_dropped(s):
        have = proc_status(daemon.process.popen.pid)
        assert have["Uid"].split() == have["Gid"].split() == [str(NOBODY)] * 4
        assert have["Groups"].split() in ([], [str(NOBODY)]), have["Groups"]
        assert {have[c] for c in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}
        assert have["NoNewPrivs"] == "1"
        assert daemon.state.stat().st_uid == NOBODY and daemon.state.stat().st_mode & 0o777 == 0o700
        # Every thread: one that was forgotten would be root's way back.
        for task in pathlib.Path(f"/proc/{daemon.process.popen.pid}/task").iterdir():
            assert re.search(rf"^Uid:(\s+{NOBODY}){{4}}$", (task / "status").read_text(), re.M)
    assert ask_identity(s, "01234567890").status == 200


def test_a_daemon_that_stays_root_says_so(sandbox):
    s = sandbox()
    s.start_bus()
    assert "runs_as_root" in s.bus.process.text()


@pytest.mark.parametrize("user", ["root", "no-such-user"])
def test_a_user_that_is_root_or_nobody_knows_is_a_fault_of_the_configuration(sandbox, user):
    s = sandbox()
    s.start_bus()
    s.bus.process.stop()
    s.bus.config["user"] = user
    s.bus.start(ready=False)
    assert s.bus.process.wait() == 2
    assert re.search(rf"bus\.yaml:\d+.*user.*{user}", s.bus.process.text())


def abort(process):
    process.send_signal(signal.SIGABRT)
    assert process.wait(30) == -signal.SIGABRT


def start_as_root(s):
    s.start_bus()
    adapters = [s.add_adapter(MI, ["civil"], ECHO).start(s.bus), s.add_adapter(MEN, ["enrolment"]).start(s.bus)]
    return [s.bus, *adapters]


@pytest.mark.parametrize("start", [start_dropped, start_as_root])  # a change of user alone switches dumps off too
def test_no_core_file_of_a_daemon_is_left_and_its_user_cannot_look_into_it(sandbox, start):
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern[0] in "/|":
        pytest.skip(f"core files of this machine do not go into the working folder but to {pattern}")
    s = sandbox()
    secret = bytes.fromhex(re.findall(r"[0-9a-f]{64}", (s.pki.folder / "bus/link.key").read_text())[-1])
    before = resource.getrlimit(resource.RLIMIT_CORE)
    here = os.getcwd()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wasl-core-"))
    folder.chmod(0o777)  # nothing but the daemons themselves is in the way of their core files
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.chdir(folder)
        # The control: a process like any other leaves one, and what it knew is in it.
        plain = subprocess.Popen(["/usr/bin/python3", "-c", "import sys; secret = bytes.fromhex(sys.stdin.readline()); print('', "
                                  "flush=True); sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 user=NOBODY, group=NOBODY, extra_groups=[])
        plain.stdin.write(secret.hex().encode() + b"\n")
        plain.stdin.flush()
        plain.stdout.readline()
        abort(plain)
        cores = list(folder.glob("core*"))
        assert len(cores) == 1 and secret in cores[0].read_bytes()
        cores[0].unlink()
        daemons = start(s)
        for daemon in daemons:
            looked = as_nobody("cat", f"/proc/{daemon.process.popen.pid}/environ")
            assert looked.returncode != 0 and "Permission denied" in looked.stderr
            abort(daemon.process.popen)
        assert list(folder.glob("core*")) == []
        assert not [p for d in daemons for p in d.folder.rglob("core*")]
    finally:
        os.chdir(here)
        resource.setrlimit(resource.RLIMIT_CORE, before)
        shutil.rmtree(folder)
