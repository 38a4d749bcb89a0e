"""tools/bench measures everything that it says it does, and compares a run with itself. What the figures are is not this test's business."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
# name: (unit, how many figures of it)
FIGURES = {
    "limit.fdatasync_rate": ("1/s", 1), "limit.fdatasync_p50": ("µs", 1), "limit.sign_rate": ("1/s", 1), "limit.verify_rate": ("1/s", 1),
    "limit.hash_rate": ("1/s", 2), "limit.zmq_curve_rate": ("1/s", 1),
    "bus.exchange_rate": ("1/s", 3), "bus.latency_p50": ("µs", 3), "bus.latency_p99": ("µs", 3),
    "bus.rss": ("bytes", 1), "adapter.rss": ("bytes", 2), "ledger.bytes_per_exchange": ("bytes", 8),
    "cpu.bus": ("µs", 6), "cpu.provider": ("µs", 5), "cpu.consumer": ("µs", 5), "cpu.generator": ("µs", 3),
    "front.exchange_rate": ("1/s", 2), "front.latency_p50": ("µs", 2), "front.latency_p99": ("µs", 2), "front.cpu": ("µs", 5),
    "peer.nats_js_tls_rate": ("1/s", 1), "peer.nats_js_tls_latency_p50": ("µs", 1), "peer.nats_cpu": ("µs", 3),
    "ratio.exchange/nats": ("1", 1), "ratio.front/bus": ("1", 1),
    "verify.entry_rate": ("1/s", 2), "ratio.verify/core": ("1", 1),
    "ratio.exchange/sign": ("1", 1), "ratio.exchange/verify": ("1", 1), "ratio.exchange/fdatasync": ("1", 1), "ratio.lone/fdatasync": ("1", 1),
}
STAGES = (("stage.bus", None), ("stage.provider", None), ("stage.consumer", None), ("front.stage", "consumer"), ("front.stage", "provider"))


def bench(*arguments, check=True, **more):
    done = subprocess.run([str(TOP / "tools/bench"), "--build", os.environ["WASL_BUILD"], *map(str, arguments)], capture_output=True, text=True,
                          timeout=300, check=False, **more)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run of everything, as short as it can be: (file, what was printed)."""
    path = tmp_path_factory.mktemp("bench") / "run.jsonl"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as state:
        done = bench("--smoke", "--jsonl", path, "--state", state)
        assert not list(pathlib.Path(state).iterdir()), "a run leaves nothing behind"
    return path, done.stdout


def objects(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_figure_is_measured_with_its_unit(run):
    header, *records = objects(run[0])
    assert [r for r in records if "error" in r] == []
    for name, (unit, count) in FIGURES.items():
        found = [r for r in records if r["name"] == name]
        assert len(found) >= count, (name, found)
        assert {r["unit"] for r in found} == {unit}, name
        assert all(r["value"] > 0 for r in found if "part" not in r.get("at", {}) and "thread" not in r.get("at", {})), found
    assert {r["at"]["in_flight"] for r in records if r["name"] == "bus.exchange_rate"} == {1, 64, 512}
    assert all(r["against"] for r in records if r["name"].startswith("ratio."))
    named = [(r["name"], json.dumps(r.get("at"), sort_keys=True)) for r in records]
    assert len(named) == len(set(named)), "a name with what it was measured at is one figure"


def test_stages_add_up_or_a_warning_says_why_there_are_none(run):
    header, *records = objects(run[0])
    found = {(name, process): [r for r in records if r["name"] == name and r["at"].get("process") == process] for name, process in STAGES}
    if not any(found.values()):
        assert any("no CPU time by stage" in w for w in header["warnings"])
        pytest.skip(header["warnings"][-1])
    for name, its in found.items():
        assert sum(r["share"] for r in its) == pytest.approx(1, abs=0.01), name
        assert {"verify signature", "sign"} & {r["at"]["stage"] for r in its}, name


def test_a_run_says_where_and_with_what_it_was_measured(run):
    header = objects(run[0])[0]
    assert header["machine"]["cores"] >= 1 and header["machine"]["kernel"] and header["machine"]["state"]["file_system"]
    assert {"libzmq5", "libssl3", "liblmdb0"} <= set(header["versions"]["packages"])
    assert header["versions"]["build"]["compiler"] and header["settings"]["mode"] == "smoke"
    assert header["versions"]["packages"]["libzmq5"] in run[1]


def test_a_run_beside_itself_has_changed_in_nothing(run):
    done = bench("--read", run[0], "--compare", run[0])
    assert done.stdout.rstrip().endswith("beyond noise: nothing")
    assert "!!" not in done.stdout and "BEYOND" not in done.stdout


def test_a_change_beyond_noise_and_another_machine_are_said(run, tmp_path):
    header, *records = objects(run[0])
    header["machine"]["cores"] += 6
    for r in records:
        if r["name"] == "limit.sign_rate":
            r["value"] += 3 * r["noise"]
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(map(json.dumps, [header, *records])), encoding="utf-8")
    done = bench("--read", other, "--compare", run[0])
    assert re.search(r"!! another machine: cores was \d+, is \d+", done.stdout)
    assert done.stdout.rstrip().endswith("beyond noise: limit.sign_rate")


def test_only_what_is_asked_for_is_measured_and_a_failure_is_an_error_and_no_number(tmp_path):
    """Its folder is on no disk that it may write to: what needs the disk fails, and says so in place of a figure."""
    path = tmp_path / "run.jsonl"
    broken = tmp_path / "wasl-bench"
    broken.write_text('#!/bin/sh\necho "{}"\necho "wasl-bench: the disk is gone" >&2\nexit 6\n')
    broken.chmod(0o755)
    build = tmp_path / "build"
    (build / "tools/wasl-bench").mkdir(parents=True)
    (build / "build.ninja").touch()
    broken.rename(build / "tools/wasl-bench/wasl-bench")
    done = bench("--smoke", "--only", "limit.*", "--build", build, "--jsonl", path, check=False)
    assert done.returncode == 1
    assert re.search(r"limit\.sign_rate +FAILED: .*the disk is gone", done.stdout)
    header, *records = objects(path)
    assert {r["name"] for r in records} == {n for n in FIGURES if n.startswith("limit.")}
    assert all("value" not in r and "the disk is gone" in r["error"] for r in records)


@pytest.mark.parametrize("words", [["--compare", "/dev/null"], ["--jsonl", "/nowhere/x"], ["--jsonl", "/tmp"], ["--state", "/nowhere"],
                                   ["--quick", "--smoke"], ["--only", "no.such.figure"]])
def test_wrong_words_are_exit_2_and_measure_nothing(words):
    done = bench(*words, check=False)
    assert done.returncode == 2 and done.stderr.strip() and "round" not in done.stderr and "Traceback" not in done.stderr


HEADER = {"name": "run", "begun": "", "machine": {"cpu": "", "cores": 2, "kernel": "", "system": "", "state": {}},
          "versions": {"wasl": "", "packages": {}}, "settings": {"mode": "quick", "seconds": 1, "bytes": 1}, "rounds": 5}


@pytest.mark.parametrize("lines", [[{"name": "run"}], [HEADER, {"name": "x", "value": "7", "unit": "1/s"}], [HEADER, {"name": "x", "value": 7}],
                                   [HEADER, {"name": "x", "at": 3, "value": 7, "unit": "1/s"}], [HEADER, 7], [HEADER]])
def test_what_is_no_saved_run_is_named(lines, tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    done = bench("--read", path, check=False)
    assert done.returncode == 2 and str(path) in done.stderr and "Traceback" not in done.stderr


def test_of_a_saved_run_only_what_is_asked_for_is_shown(run):
    done = bench("--read", run[0], "--only", "limit.*")
    assert "limit.sign_rate" in done.stdout and "bus." not in done.stdout


def started_below(folder):
    """Pids of processes that name this folder."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in path.read_bytes():
                found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGTERM, 143)])
def test_what_is_interrupted_leaves_neither_processes_nor_folders(number, status, tmp_path):
    state, said = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp")), tmp_path / "said"
    with open(said, "wb") as out:
        run = subprocess.Popen([str(TOP / "tools/bench"), "--build", os.environ["WASL_BUILD"], "--quick", "--only", "bus.exchange_rate", "--state", str(state)],
                               stdout=out, stderr=out, start_new_session=True)
    try:
        end = time.monotonic() + 60
        while "round 1" not in said.read_text() and time.monotonic() < end:
            time.sleep(0.05)
        assert any(b"wasl-bus" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in started_below(str(state))), said.read_text()
        os.killpg(run.pid, number)
        assert run.wait(30) == status
    finally:
        run.kill()
        run.wait()
        left, kept = started_below(str(state)), list(state.iterdir())
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(state)
    assert not left and not kept
    assert "Traceback" not in said.read_text()
