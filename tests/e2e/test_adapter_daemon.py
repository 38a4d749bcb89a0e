"""wasl-adapter as a program: its options, its start, its end. No bus is needed for that."""
import http.client
import os
import signal
import subprocess
import time

import pytest
import yaml
from sandbox.cluster import BUILD, MEN, UnixHTTP
from sandbox.pki import Pki

MI = "TN/GOV/MI"
PROGRAM = BUILD / "adapters/daemon/wasl-adapter"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("keys") / "pki", [MI])


@pytest.fixture
def config(pki, tmp_path):
    keys = pki.member(MI)
    return {
        "instance": "TN", "member": MI, "state": "state",
        "bus": {"endpoint": "tcp://127.0.0.1:1", "public_key": pki.text("bus/link.pub")},
        "keys": {"signing": str(keys / "signing.key.pem"), "chain": str(keys / "chain.pem"),
                 "link": str(keys / "link.key"), "sealing": [str(keys / "sealing.key")]},
        "authority": {"threshold": 1, "keys": [pki.text("authority/registry.vkey")]},
        "listeners": [{"unix": "front.sock", "mode": "0600", "subsystems": ["civil"]},
                      {"address": "127.0.0.1:0", "subsystems": ["civil"]}],
        "services": [{"service": "TN/GOV/MI/civil/echo", "connector": "echo"}],
    }


def write(folder, config):
    path = folder / "adapter.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=30)


class Running:
    """with Running(config file, state folder): ends it by its id, also after a failure."""

    def __init__(self, path, state):
        self.path, self.state = path, state

    def __enter__(self):
        self.process = subprocess.Popen([PROGRAM, "-c", str(self.path)], stderr=subprocess.PIPE, text=True,
                                        cwd=self.path.parent)
        until = time.monotonic() + 30
        while not (self.state / "listeners").exists():
            assert self.process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        return self

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        errors = self.process.communicate(timeout=30)[1]
        return self.process.returncode, errors

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def test_a_good_configuration_passes_the_check_and_nothing_is_opened(config, tmp_path):
    result = run("-n", "--config", write(tmp_path, config))
    assert (result.returncode, result.stderr) == (0, "")
    assert not (tmp_path / "state").exists() and not (tmp_path / "front.sock").exists()


def test_every_fault_is_said_with_its_line_keys_included(config, tmp_path, pki):
    loose = tmp_path / "loose.key"
    loose.write_bytes((pki.member(MI) / "link.key").read_bytes())
    loose.chmod(0o644)
    config["keys"]["link"], config["keys"]["chain"] = str(loose), "absent.pem"
    path = write(tmp_path, config)
    result = run("-n", "-c", path)
    assert result.returncode == 2
    text = path.read_text().splitlines()
    for key in ("link", "chain"):
        line = next(i for i, t in enumerate(text, 1) if t.strip().startswith(f"{key}: "))
        assert f"{path}:{line}: keys.{key}: " in result.stderr


def test_a_wrong_call_is_a_usage_error(tmp_path):
    assert run().returncode == 2
    assert run("-c", tmp_path / "absent.yaml").returncode == 2
    assert run("-c", "x", "y").returncode == 2
    assert run("--version").stdout.startswith("wasl-adapter ")


def test_it_says_where_it_listens_answers_without_a_bus_and_ends_in_order(config, tmp_path):
    path, state = write(tmp_path, config), tmp_path / "state"
    with Running(path, state) as adapter:
        unix, tcp = (state / "listeners").read_text().split()
        assert unix == f"unix:{tmp_path / 'front.sock'}" and tcp.startswith("127.0.0.1:") and not tcp.endswith(":0")
        for connection in (UnixHTTP(tmp_path / "front.sock"), http.client.HTTPConnection(tcp, timeout=30)):
            connection.request("GET", "/r1/TN/GOV/MI/civil/echo", headers={"X-Road-Client": "TN/GOV/MI/civil"})
            response = connection.getresponse()
            assert response.headers["Wasl-Refusal"] == "bus_unavailable" and response.status == 500
            connection.close()
        code, log = adapter.end()
    assert code == 0 and " READY " in log and " ended " in log
    assert not (state / "listeners").exists() and not (tmp_path / "front.sock").exists()


def test_a_second_adapter_on_the_same_state_is_refused_and_the_first_goes_on(config, tmp_path):
    path, state = write(tmp_path, config), tmp_path / "state"
    with Running(path, state) as adapter:
        second = run("-c", path)
        assert second.returncode == 6 and "another wasl-adapter" in second.stderr
        assert (state / "listeners").exists()
        assert adapter.process.poll() is None
        assert adapter.end()[0] == 0


def test_after_a_kill_it_starts_again_over_what_was_left(config, tmp_path):
    path, state = write(tmp_path, config), tmp_path / "state"
    with Running(path, state) as adapter:
        adapter.process.send_signal(signal.SIGKILL)
        adapter.process.wait()
    assert (tmp_path / "front.sock").exists()
    os.unlink(state / "listeners")
    with Running(path, state) as adapter:
        assert adapter.end()[0] == 0


def test_an_adapter_that_the_bus_does_not_answer_says_where_and_what_to_check(sandbox):
    s = sandbox()
    s.start_bus()
    adapter = s.add_adapter(MEN, ["enrolment"])
    adapter.config["bus"]["public_key"] = "ab" * 32  # not this bus's
    adapter.start(s.bus, linked=False)
    adapter.process.wait_for(lambda: "bus_silent" in adapter.process.text(), timeout=20)
    assert s.bus.endpoint in adapter.process.text() and "bus.public_key" in adapter.process.text()
    assert not adapter.status()["linked"]
