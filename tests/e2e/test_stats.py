"""wasl-audit stats counts a real ledger as somebody does who counts the lines of wasl-audit log."""
import collections
import csv
import datetime
import io
import json
import math
import os
import signal
import threading
import time

import pytest

from fresh import fresh_sandbox
from helpers import CLIENT, ask_identity
from sandbox.cluster import MEN, MI, tool


@pytest.fixture(scope="module")
def copies():
    """Copies of a ledger of answers and refusals: one while a question is open, one after its answer."""
    with fresh_sandbox() as s:
        s.start_first_exchange(households=20)
        person = s.country.people[0].iuc
        for _ in range(20):
            assert ask_identity(s, person).status == 200
        for _ in range(3):
            ask_identity(s, person, purpose="STATISTICS")
        s.adapters[MEN].ask(CLIENT, f"{MI}/civil/nothing", "/x", "SCHOOL-ENROLMENT")
        ask_identity(s, s.country.unknown_iuc())
        provider = s.adapters[MI].process.popen.pid
        os.kill(provider, signal.SIGSTOP)
        asking = threading.Thread(target=ask_identity, args=(s, person))
        try:
            asking.start()
            deadline = time.monotonic() + 20
            while "open" not in {r["outcome"] for r in rows(None, s, "--by", "outcome")}:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            s.audit("tiles", s.folder / "open")
        finally:
            os.kill(provider, signal.SIGCONT)
        asking.join()
        s.audit("tiles", s.folder / "ended")
        yield s, [s.folder / "open", s.folder / "ended"]


def rows(directory, s, *options):
    """Lines of stats: of a copy, or of the running bus."""
    words = ["stats", "-o", "jsonl", *options]
    out = tool("wasl-audit", *words, "--dir", directory, check=False) if directory else s.audit(*words)
    return [json.loads(line) for line in out.stdout.splitlines()]


def count(directory, key):
    """The same from the log's lines: {key: figures}."""
    lines = [json.loads(x) for x in tool("wasl-audit", "log", "--dir", directory, "-o", "jsonl", "--utc").stdout.splitlines()]
    when = lambda line: datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
    ends, groups = {}, collections.defaultdict(lambda: collections.defaultdict(int))
    took = collections.defaultdict(list)
    for line in lines:
        if line["type"] in ("timed_out", "interrupted") or line["type"] == "admitted" and line["kind"] == "response":
            ends[line["exchange"]] = line
    for line in lines:
        if line["type"] == "late":
            groups[key(line, "late")]["late"] += 1
        refused = line["type"] == "refused" and line["kind"] in (None, "request", "refusal")
        if not refused and not (line["type"] == "admitted" and line["kind"] == "request"):
            continue
        end = line if refused else ends.get(line["exchange"])
        outcome = end["outcome"] if end else "open"
        kind = outcome if outcome in ("answered", "timed_out", "interrupted", "open") else "refused"
        group, number = groups[key(line, outcome)], line["count"] or 1
        group["asked"] += number
        group[kind] += number
        if not refused:
            group["sealed_bytes"] += line["sealed_length"] + (end["sealed_length"] or 0 if end else 0)
        if kind == "answered":
            took[key(line, outcome)].append((when(end) - when(line)) // datetime.timedelta(microseconds=1))
    for name, values in took.items():
        groups[name]["took"] = sorted(values)
    return groups


FIGURES = ("asked", "answered", "refused", "timed_out", "interrupted", "open", "late", "sealed_bytes")
KEYS = {"purpose": (["purpose"], lambda line, outcome: (line["purpose"],)),
        "service": (["service"], lambda line, outcome: (line["service"],)),
        "outcome": (["outcome"], lambda line, outcome: (outcome,)),
        "service,outcome": (["service", "outcome"], lambda line, outcome: (line["service"], outcome)),
        "pair": (["consumer", "provider"], lambda line, outcome: (line["consumer"], line["service"].rsplit("/", 1)[0])),
        "day": (["day"], lambda line, outcome: (line["time"][:10],))}


@pytest.mark.parametrize("by", KEYS)
def test_every_group_has_what_counting_the_log_gives(copies, by):
    s, directories = copies
    columns, key = KEYS[by]
    for directory in directories:
        *groups, total = rows(directory, s, "--by", by, "--utc")
        assert [r["row"] for r in groups] == ["group"] * len(groups) and total["row"] == "total"
        expected = count(directory, key)
        assert {tuple(r[c] for c in columns): tuple(r[f] for f in FIGURES) for r in groups} == \
            {k: tuple(v[f] for f in FIGURES) for k, v in expected.items()}
        for r in groups:
            values = expected[tuple(r[c] for c in columns)].get("took")
            assert (r["latency_max_us"] is None) == (not values)
            if values:
                assert r["latency_max_us"] == values[-1]
                for percent in (50, 95):
                    exact = values[math.ceil(len(values) * percent / 100) - 1]
                    assert abs(r[f"latency_p{percent}_us"] - exact) <= exact / 64 + 1
        assert all(total[f] == sum(r[f] for r in groups) for f in FIGURES)
        assert total["asked"] == sum(total[f] for f in ("answered", "refused", "timed_out", "interrupted", "open"))


def test_what_is_open_is_answered_later_in_the_hour_in_which_it_was_asked(copies):
    s, (still_open, ended) = copies
    before, after = ({r["outcome"]: r["asked"] for r in rows(d, s, "--by", "outcome")} for d in (still_open, ended))
    assert before["open"] == 1 and "open" not in after
    assert sum(v for k, v in after.items() if k) == sum(v for k, v in before.items() if k)


def test_three_forms_have_the_same_figures_on_any_number_of_threads(copies):
    s, (_, directory) = copies
    run = lambda *options: tool("wasl-audit", "stats", "--dir", directory, "--by", "service,outcome", *options).stdout
    objects = [json.loads(line) for line in run("-o", "jsonl").splitlines()]
    table = list(csv.DictReader(io.StringIO(run("-o", "csv"))))
    assert [r["asked"] for r in table] == [str(r["asked"]) for r in objects]
    text = run().splitlines()
    assert len(text) == len(objects) + 1 and text[-1].startswith("(total)")
    assert len({run("--threads", str(n)) for n in (1, 2, 7)}) == 1
