"""How the benchmark judges: noise, ratios, comparison, stages; on made-up runs."""
import collections
import copy
import json
import pathlib
import random
import re
import statistics
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from benchmark import compare, measure, noise, ratio, report, runner, stage_table, stages  # noqa: E402


def spread(seed, n, centre=1000.0, deviation=30.0):
    rng = random.Random(seed)
    return [rng.gauss(centre, deviation) for _ in range(n)]


@pytest.mark.parametrize("rounds", [3, 5, 9])
def test_two_runs_of_the_same_thing_differ_by_less_than_they_claim(rounds):
    beyond = 0
    for seed in range(400):
        (a, na), (b, nb) = (noise.summary(spread(f"{seed}-{which}", rounds)) for which in "ab")
        beyond += abs(a - b) > max(na, nb)
    assert beyond <= (8 if rounds > 3 else 20), f"{beyond} of 400 pairs"


def test_a_change_of_a_fifth_is_seen_through_noise_of_three_per_cent():
    (a, na), (b, nb) = noise.summary(spread("old", 9)), noise.summary(spread("new", 9, centre=1200.0))
    assert abs(a - b) > max(na, nb)


def test_one_bad_round_moves_the_noise_and_not_the_figure():
    good = [100, 101, 99, 100, 102, 98, 100]
    (figure, calm), (same, loud) = noise.summary(good), noise.summary([*good[:-1], 30])
    assert abs(same - figure) <= 1
    assert loud > 10 * calm


def test_equal_rounds_claim_no_perfect_figure_and_one_round_claims_nothing():
    assert noise.summary([50.0] * 9) == (50.0, noise.FLOOR * 50.0)
    assert noise.summary([50.0]) == (50.0, None)


def test_a_ratio_is_steady_while_the_machine_slows_down():
    """The machine loses half its speed during the run, evenly: both sides do, and their ratio does not."""
    above = [(10 * i, 3000.0 * (1 - i / 20)) for i in range(9)]
    below = [(10 * i + 4, 60000.0 * (1 - (10 * i + 4) / 200)) for i in range(-1, 10)]
    values = [v for _, v in noise.ratios(above, below)]
    assert statistics.pstdev(values) < 1e-9
    assert values[0] == pytest.approx(0.05)
    raw, its_noise = noise.summary([v for _, v in above])
    figure, ratio_noise = noise.summary(values)
    assert ratio_noise / figure < 0.1 * its_noise / raw


class Scripted(measure.Measurement):
    """Yields what a list says for each round; raises what is an exception."""

    def __init__(self, bench, name, rounds, seen):
        super().__init__(bench)
        self.names, self.rounds, self.seen = (name,), list(rounds), seen

    def round(self):
        self.seen.append(self.names[0])
        value = self.rounds.pop(0)
        if isinstance(value, Exception):
            raise value
        yield measure.record(self.names[0], value, "1/s", n=10)

    def stop(self):
        self.seen.append(f"-{self.names[0]}")


def run_of(monkeypatch, **rounds):
    """A run of measurements that say what they are told to: (Run, what was called in which order)."""
    seen = []
    bench = measure.Bench(measure.Settings("smoke", 3, 1e9, 0, 1.0, 0.0, 1), TOP, TOP)
    monkeypatch.setattr(runner, "offered", lambda *_: [Scripted(bench, name.replace("_", "."), values, seen) for name, values in rounds.items()])
    return runner.Run(bench).run(), seen


def test_rounds_are_taken_in_turn_and_ends_come_in_reverse(monkeypatch):
    run, seen = run_of(monkeypatch, a_x=[1, 2, 3], b_y=[4, 6, 5])
    assert seen == ["a.x", "b.y"] * 3 + ["-b.y", "-a.x"]
    figures = {r["name"]: (r["value"], r["n"], r["samples"]) for r in run.records()}
    assert figures == {"a.x": (2, 30, [1, 2, 3]), "b.y": (5, 30, [4, 6, 5])}


def test_a_measurement_that_fails_in_one_round_is_an_error_and_no_number(monkeypatch):
    run, seen = run_of(monkeypatch, a_x=[1, measure.Failed("3 of 500 were refused"), 3], b_y=[4, 6, 5])
    assert [r for r in run.records() if r["name"] == "a.x"] == [{"name": "a.x", "error": "3 of 500 were refused"}]
    assert [r["value"] for r in run.records() if r["name"] == "b.y"] == [5]
    assert seen.count("a.x") == 2, "it is not asked again"
    table = "\n".join(report.table(run.records()))
    assert re.search(r"a\.x +FAILED: 3 of 500 were refused", table)


def test_rounds_end_when_time_does_but_never_before_the_second():
    bench = measure.Bench(measure.Settings("smoke", 50, 10.0, 9.0, 1.0, 0.0, 1), TOP, TOP)
    bench.begun -= 5  # the scene took long to come up: more than is left for rounds
    run = runner.Run(bench)
    run.interleave([Scripted(bench, "a.x", range(50), [])])
    assert run.rounds == 2


def test_what_is_no_number_is_an_error(monkeypatch):
    for value in (None, float("nan"), "fast"):
        run, _ = run_of(monkeypatch, a_x=[value, 2, 3])
        assert "error" in run.records()[0]


def test_a_ratio_of_what_failed_is_left_out(monkeypatch):
    rates = {"verify_entry_rate": [1, 2, 3], "limit_verify_rate": [2, 4, 6]}
    names = {"verify_entry_rate": "verify.entry_rate", "limit_verify_rate": "limit.verify_rate"}
    seen = []
    bench = measure.Bench(measure.Settings("smoke", 3, 1e9, 0, 1.0, 0.0, 1), TOP, TOP)
    for broken in (False, True):
        monkeypatch.setattr(runner, "offered", lambda *_: [
            Scripted(bench, names[n], [*v[:2], measure.Failed("died") if broken and n == "limit_verify_rate" else v[2]], seen) for n, v in rates.items()])
        found = {r["name"] for r in runner.Run(bench).run().records()}
        assert ("ratio.verify/core" in found) == (not broken)


def test_the_ratios_are_made_of_labels_that_a_record_can_have():
    for above, below, _ in ratio.RATIOS.values():
        for side in (above, below):
            name, at = re.fullmatch(r"([a-z0-9_.]+)(?:\[(\w+=\w+)\])?", side).groups()
            assert measure.label(measure.record(name, 1, "1", [at.split("=")] if at else None)) == side


HEADER = {"name": "run", "begun": "2026-01-01T00:00:00Z", "rounds": 5,
          "machine": {"cpu": "x", "cores": 2, "memory": 2**34, "kernel": "6", "system": "Debian 12", "virtual": None,
                      "state": {"device": "/dev/a", "file_system": "ext4", "options": "rw"}},
          "versions": {"wasl": "1", "packages": {"libzmq5": "4.3.4"}, "build": {"compiler": "gcc 12", "flags": "-O2"}},
          "settings": {"mode": "quick", "seconds": 1.5, "warmup": 0.4, "bytes": 1024, "in_flight": [1, 64], "exchanges": 100, "only": []}}


def figure(name, value, its_noise, unit="1/s", **more):
    return {"name": name, "value": value, "unit": unit, "noise": its_noise, **more}


def test_a_run_beside_itself_has_nothing_beyond_noise_and_the_same_machine():
    run = (HEADER, [figure("a", 100.0, 1.0), figure("b", 5.0, None, at={"in_flight": 1})])
    lines, beyond = compare.compare(run, copy.deepcopy(run))
    assert beyond == [] and len(lines) == 2
    assert compare.differences(HEADER, copy.deepcopy(HEADER)) == []


def test_a_fresh_run_has_the_settings_of_a_saved_one(tmp_path):
    header = {**HEADER, "settings": {**measure.QUICK.plain(), "only": []}}
    report.write(tmp_path / "run.jsonl", header, [])
    assert compare.differences(report.read(tmp_path / "run.jsonl")[0], header) == []


def test_what_is_sampled_twice_differs_by_less_than_its_samples_allow():
    rng = random.Random("samples")
    counts = [[sum(rng.random() < 0.05 for _ in range(2000)) for _ in range(2)] for _ in range(100)]
    assert sum(abs(a - b) > max(stages.sampling_noise(a, a), stages.sampling_noise(b, b)) for a, b in counts) <= 4
    assert stages.sampling_noise(10.0, 10000) < 0.5


def test_a_change_is_beyond_noise_only_where_both_noises_are_smaller():
    for old, new, far in ((5.0, 1.0, True), (12.0, 1.0, False), (1.0, 12.0, False), (9.9, 9.9, True), (None, 1.0, True), (None, None, False)):
        _, beyond = compare.compare((HEADER, [figure("a", 100.0, old)]), (HEADER, [figure("a", 110.0, new)]))
        assert beyond == (["a"] if far else []), (old, new)


def test_another_machine_other_settings_and_other_libraries_are_said_before_any_figure():
    other = copy.deepcopy(HEADER)
    other["machine"]["cores"], other["settings"]["mode"], other["versions"]["packages"] = 8, "whole", {"libzmq5": "4.3.5"}
    other["versions"]["build"]["flags"] = "-O0"
    assert [line.split(":")[0] for line in compare.differences(HEADER, other)] == \
        ["another machine", "other settings", "another library", "another build"]


def test_what_one_run_lacks_or_measured_in_another_unit_is_said_and_not_compared():
    old = [figure("a", 1.0, 0.1), figure("gone", 1.0, 0.1), figure("unit", 1.0, 0.1, unit="µs")]
    new = [{"name": "a", "error": "the bus died"}, figure("fresh", 9.0, 0.1), figure("unit", 1.0, 0.1, unit="ms")]
    lines, beyond = compare.compare((HEADER, old), (HEADER, new))
    text = "\n".join(lines)
    assert beyond == []
    for words in (r"a +failed now", r"fresh +not in the old run", r"gone +only in the old run", r"unit +was in µs, is in ms"):
        assert re.search(words, text), words


def test_a_saved_run_is_read_back_as_it_was(tmp_path):
    path = tmp_path / "run.jsonl"
    records = [figure("a", 1.5, None, at={"part": "tiles"}), {"name": "b", "error": "é"}]
    report.write(path, HEADER, records)
    assert report.read(path) == (HEADER, records)
    assert [json.loads(line)["name"] for line in path.read_text().splitlines()] == ["run", "a", "b"]


@pytest.mark.parametrize("text", ["", "{", '{"name": "a", "value": 1}\n', '{"name": "run"}\n[]\n', '{"name": "run"}\n{"name": "a"}\n'])
def test_what_is_no_saved_run_is_refused(tmp_path, text):
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError):
        report.read(path)


# --- stages ---

PERF = """\
writer 70/71
\t  1f [unknown]
\t  2f pwrite
\t  3f mdb_txn_commit
\t  4f store_commit.constprop.0
\t  5f ledger_commit
\t  6f write_batch
\t  7f start_thread

writer 70/71
\t  2f _int_malloc
\t  3f malloc
\t  6f write_batch

wasl bus 70/70
\t  2f malloc
\t  3f EVP_MD_CTX_new
\t  4f signature_verify
\t  6f judge_all

wasl bus 70/70
\t  2f nobody_knows_this
\t  3f main@@V1

ZMQbg/IO/0 70/72
\t  2f sendto
"""


def test_a_sample_belongs_to_the_stage_that_its_chain_enters():
    found = [(pid, thread, stages.stage_of(thread, chain)) for pid, thread, chain in stages.samples(PERF.splitlines())]
    assert found == [(70, "writer", "LMDB commit, fdatasync"), (70, "writer", "allocation"), (70, "main", "verify signature"),
                     (70, "main", stage_table.REST), (70, "ZMQbg/IO/0", "I/O (libzmq)")]


def test_samples_share_the_time_that_the_kernel_gives_their_thread():
    chains = [(thread, chain) for _, thread, chain in stages.samples(PERF.splitlines())]
    found, rest = stages.by_stage(chains, {"writer": 1000, "main": 600, "ZMQbg/IO/0": 0})
    # libzmq's thread: too little for its clock, so the mean of all five samples
    assert found == {"LMDB commit, fdatasync": 500, "allocation": 500, "verify signature": 300, stage_table.REST: 300, "I/O (libzmq)": 320}
    assert "nobody_knows_this" in rest[0]


def test_a_table_that_no_longer_matches_the_code_is_said():
    whole = dict.fromkeys(stage_table.EXPECTED["bus"], 10.0)
    assert not list(stages.doubts("bus", {**whole, stage_table.REST: 5.0}, [], 5000))
    assert "belong to none" in "".join(stages.doubts("bus", {**whole, stage_table.REST: 50.0}, ["main > new_thing"], 5000))
    del whole["decide"]
    assert "never seen decide" in "".join(stages.doubts("bus", whole, [], 5000))
    assert not list(stages.doubts("bus", whole, [], 20)), "twenty samples miss much by chance"


def test_the_functions_that_stages_are_told_by_exist_and_are_called_so_only_once():
    """Of two static functions of one name the table could not tell which one was sampled."""
    files = [p for folder in ("bus", "adapters") for p in (TOP / folder).rglob("*.c")]
    defined = collections.Counter(name for p in files for name in set(
        re.findall(r"^[a-z][\w \*]*?\b(\w+)\((?:[^;{]|\n)*?\)\s*\{", p.read_text(encoding="utf-8"), re.M)))
    named = [f for t in (stage_table.CLOSED, stage_table.OPEN) for functions in t.values() for f in functions]
    assert named and {f: defined[f] for f in named if defined[f] != 1} == {}
    assert len(named) == len(set(named))
