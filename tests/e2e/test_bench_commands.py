"""wasl-bench http and wasl-bench nats count what there was, and are no result when an answer is wrong."""
import collections
import json
import subprocess

import pytest

from benchmark import front, peer
from helpers import log
from sandbox.cluster import BUILD, MEN

PROGRAM = BUILD / "tools/wasl-bench/wasl-bench"


def run(command, code):
    """(object that was printed or None, standard error)"""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout else None, done.stderr


# --- http ---


@pytest.fixture
def people(country):
    return country.country.people[:40]


def http(country, requests, *more):
    return [PROGRAM, "http", "--adapter", f"unix:{country.adapters[MEN].socket}", "--requests", requests, "--client", front.CLIENT, "--service",
            front.SERVICE, "--purpose", front.PURPOSE, "--watch", f"bus={country.bus.process.popen.pid}", *more]


def change_line(path, number, change):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines[number])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def kinds(country):
    """How many entries of each kind the ledger holds."""
    return collections.Counter(entry["kind"] for entry in log(country))


def test_http_asks_once_about_each_and_counts_every_answer(country, people, tmp_path):
    front.write_requests(tmp_path / "requests", people)
    before = kinds(country)
    result, _ = run(http(country, tmp_path / "requests", "--in-flight", 8, "--exchanges", len(people)), 0)
    assert (result["exchanges"], result["wrong"], result["connections"], result["in_flight"]) == (40, 0, 8, 8)
    assert 0 < result["latency_us"]["p50"] <= result["latency_us"]["p99"] <= result["latency_us"]["max"]
    assert result["rate"] == pytest.approx(40 / result["seconds"], rel=0.01)
    assert result["cpu_us"]["bus"]["total"] > 0 and result["cpu_us"]["generator"]["total"] > 0
    made = kinds(country) - before
    assert (made["request"], made["response"]) == (len(people), len(people))


def test_http_over_loopback_for_a_time(country, people, tmp_path):
    front.write_requests(tmp_path / "requests", people)
    command = http(country, tmp_path / "requests", "--in-flight", 4, "--seconds", "0.3", "--warm-up", "0.1")
    command[command.index("--adapter") + 1] = country.adapters[MEN].address
    result, _ = run(command, 0)
    assert result["exchanges"] > 0 and 0.3 <= result["seconds"] < 5


def test_an_answer_about_somebody_else_is_no_result(country, people, tmp_path):
    front.write_requests(tmp_path / "requests", people)
    change_line(tmp_path / "requests", 7, lambda line: line["answer"].update(birth_date="1900-01-01"))
    result, words = run(http(country, tmp_path / "requests", "--in-flight", 8, "--exchanges", len(people)), 1)
    assert (result["exchanges"], result["wrong"], result["first_wrong"]) == (39, 1, {"status": 200, "refusal": ""})
    assert "1 of 40 answers were wrong" in words


def test_a_refusal_is_no_result_and_said_by_name(country, people, tmp_path):
    front.write_requests(tmp_path / "requests", people)
    change_line(tmp_path / "requests", 3, lambda line: line.update(subject=f"IUC:{people[0].iuc}"))
    result, _ = run(http(country, tmp_path / "requests", "--in-flight", 1, "--exchanges", len(people)), 1)
    assert result["wrong"] == 1 and result["first_wrong"]["status"] >= 400 and result["first_wrong"]["refusal"]


def test_a_file_of_requests_is_read_to_the_last_line_and_its_fault_is_placed(country, people, tmp_path):
    front.write_requests(tmp_path / "requests", people)
    change_line(tmp_path / "requests", 39, lambda line: line.update(path="/persons/1\r\nX-Road-Client: x"))
    _, words = run(http(country, tmp_path / "requests", "--exchanges", 1), 2)
    assert f"{tmp_path}/requests:40:" in words


# --- nats ---


@pytest.fixture(params=[False, True], ids=["as_it_comes", "synchronous"])
def nats(request, country, tmp_path):
    done = subprocess.run([PROGRAM, "nats"], capture_output=True, text=True)
    if "without libnats" in done.stderr:
        pytest.skip(done.stderr)
    with peer.Server(tmp_path / "nats", country.pki, request.param) as server:
        yield lambda *more: server.command(PROGRAM, *more)


def test_nats_makes_two_records_for_each_exchange(nats):
    for _ in range(2):  # a second run on the same streams counts its own
        result, _ = run(nats("--in-flight", 8, "--exchanges", 60), 0)
        assert (result["exchanges"], result["wrong"], result["records"], result["bytes"]) == (60, 0, 120, 1024)
        assert 0 < result["latency_us"]["p50"] <= result["latency_us"]["max"]
        assert set(result["cpu_us"]) == {"consumer", "provider", "server"}


def test_a_wrong_answer_through_nats_is_no_result(nats):
    result, words = run(nats("--in-flight", 4, "--exchanges", 60, "--spoil", 17), 1)
    assert (result["exchanges"], result["wrong"]) == (59, 1)
    assert "1 of 60 answers were wrong" in words


def test_nats_takes_nobody_without_a_certificate_it_knows(country, tmp_path):
    """A control: the rival's TLS is mutual, as ours is."""
    with peer.Server(tmp_path / "nats", country.pki) as server:
        command = [str(c) for c in server.command(PROGRAM, "--exchanges", 1)]
        stranger, key = country.pki.tls("nats-stranger")
        command[command.index("--certificate") + 1], command[command.index("--key") + 1] = str(stranger), str(key)
        _, words = run(command, 6)
        assert "TLS" in words
