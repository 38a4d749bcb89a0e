"""wasl-bench load and ledger: what the benchmark's figures are made of is what happened, and what went wrong is no result."""
import collections
import http.server
import json
import os
import pathlib
import subprocess
import threading

import pytest
from benchmark.scene import SERVICE, Scene

from helpers import ledger
from waslpy import proto

BENCH = "tools/wasl-bench/wasl-bench"


@pytest.fixture(scope="module")
def scene():
    with Scene() as s:
        yield s


def run(scene, *words):
    """(exit code, object, standard error)"""
    done = subprocess.run(scene.command("--warm-up", 0, *words), capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def messages(scene):
    """kind -> how many were admitted."""
    contexts = [proto.envelope.Context.FromString(e.context) for e in ledger(scene.sandbox)
                if e.context and e.type == proto.ledger.EntryType.ADMITTED]
    return collections.Counter(c.kind for c in contexts if c.kind in (proto.envelope.REQUEST, proto.envelope.RESPONSE))


def test_as_many_exchanges_as_are_counted_are_in_the_ledger(scene):
    before = messages(scene)
    code, result, words = run(scene, "--exchanges", 60, "--in-flight", 7)
    assert code == 0, words
    assert (result["exchanges"], result["asked"], result["answered"], result["refused"], result["wrong"]) == (60, 60, 60, 0, 0)
    assert messages(scene) - before == {proto.envelope.REQUEST: 60, proto.envelope.RESPONSE: 60}
    times = result["latency_us"]
    assert 0 < times["p50"] <= times["p90"] <= times["p99"] <= times["max"] <= result["seconds"] * 1e6
    assert result["rate"] == pytest.approx(60 / result["seconds"])


def test_what_is_answered_in_the_warm_up_is_asked_and_not_counted(scene):
    code, result, words = run(scene, "--warm-up", "0.3", "--exchanges", 20, "--in-flight", 4)
    assert code == 0, words
    assert result["exchanges"] == 20 < result["answered"] == result["asked"]


def test_as_many_are_in_flight_as_the_bus_lets_one_member_have_with_one_provider(scene):
    """512 by default, half of a provider's room. More are the bus's to refuse, where they get as far as that, and never too many for the core here."""
    code, result, words = run(scene, "--exchanges", 1024, "--in-flight", 512)
    assert code == 0 and result["answered"] == 1024, words
    code, result, words = run(scene, "--exchanges", 1024, "--in-flight", 1024)
    assert code in (0, 1) and set(result["refusals"]) <= {"provider_busy"}, words


def test_threads_are_told_apart_by_name(scene):
    code, result, words = run(scene, "--exchanges", 5, "--in-flight", 5)
    assert code == 0, words
    threads = {process: set(used["threads"]) for process, used in result["cpu_us"].items()}
    assert threads["bus"] >= {"main", "writer", "verifier", "keeper", "vitals", "zap", "ZMQbg/IO/0"}
    assert threads["provider"] >= {"main", "reload", "front-watch", "ZMQbg/IO/0"}
    assert threads["wasl-bench"] >= {"main", "core", "ZMQbg/IO/0"}
    # None is called by its process's name: nobody has forgotten to name it.
    assert not {"wasl-bus", "wasl-adapter", "wasl-bench"} & set().union(*threads.values())
    assert result["cpu_us"]["wasl-bench"]["threads"]["core"] > 0
    assert all(result["rss_anon"][name] > 1 << 20 for name in ("wasl-bench", "bus", "provider"))


def test_what_is_not_granted_is_refused_by_name_and_no_result(scene):
    code, result, words = run(scene, "--purpose", "STATISTICS", "--exchanges", 3, "--in-flight", 3)
    assert code == 1 and "no result" in words
    assert result["exchanges"] == 0 < result["refused"]
    assert result["refusals"] == {"wrong_purpose": result["refused"]}


def test_one_refusal_among_many_answers_is_no_result():
    """The grant's quota ends in the middle of the run."""
    with Scene(change=lambda r: r["grants"][0].update(per_day=20)) as scene:
        code, result, words = run(scene, "--exchanges", 21, "--in-flight", 1)
        assert code == 1 and "no result" in words
        assert result["exchanges"] == 20 and set(result["refusals"]) == {"quota_exceeded"}


class Forger(http.server.BaseHTTPRequestHandler):
    """Echoes, but for the last byte of each seventh answer."""
    count = 0

    def do_POST(self):
        body = bytearray(self.rfile.read(int(self.headers["Content-Length"])))
        Forger.count += 1
        if Forger.count % 7 == 0:
            body[-1] ^= 1
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def forger():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_answer_that_differs_in_one_byte_is_no_result(forger):
    provider = {"service": SERVICE, "connector": "rest", "rest": {"url": forger}}
    with Scene(provider=provider) as scene:
        code, result, words = run(scene, "--exchanges", 18, "--in-flight", 1)
        assert code == 1 and "came back wrong" in words
        assert (result["exchanges"], result["refused"], result["wrong"]) == (18, 0, 2)


def test_words_that_are_off_are_said_and_nothing_is_printed(scene):
    words = [w if not w.startswith("--watch") else "--watch=bus=x" for w in scene.command()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not done.stdout and "process id" in done.stderr


def test_the_parts_of_a_ledger_add_up_to_what_is_on_disk():
    with Scene() as scene:
        assert run(scene, "--exchanges", 40)[0] == 0
        state = scene.stop_bus()
        build = pathlib.Path(os.environ["WASL_BUILD"])
        found = json.loads(subprocess.run([build / BENCH, "ledger", state], capture_output=True, text=True, check=True).stdout)
        entries = found["entries"]
        assert (found["exchanges"], entries["messages"]) == (40, 80)
        assert sum(entries["parts"].values()) == entries["bytes"]
        # ECDSA P-256 signatures of 64 bytes over messages signed singly, each naming its certificate by SHA-256.
        assert (entries["parts"]["signature"], entries["parts"]["certificate"], entries["parts"]["path"]) == (80 * 64, 80 * 32, 0)
        assert found["tables"]["entries"]["rows"] == entries["messages"] + entries["others"]
        assert found["tables"]["entries"]["bytes"] > entries["bytes"] + entries["others_bytes"]
        assert sum(t["bytes"] for t in found["tables"].values()) < found["disk"]["ledger"]
