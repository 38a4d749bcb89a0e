"""Every refusal has a cause and a remedy, and stands in each of the places where people look for it."""
import json
import os
import pathlib
import re
import subprocess

import pytest
from sandbox.cluster import BUILD
from sandbox.pki import TOP

TABLE = TOP / "bus/base/refusal.def"


def table():
    """The rows as a reader of the file sees them; not by the C preprocessor."""
    text = TABLE.read_text(encoding="utf-8")
    string = r'"((?:[^"\\]|\\.)*)"'
    rows = re.findall(rf"^REFUSAL\((\d+), ([A-Z_0-9]+), {string},\s*{string},\s*{string}\)$", text, re.M)
    assert len(rows) == len(re.findall(r"^REFUSAL\(", text, re.M)) > 50
    return [(int(number), name.lower(), xroad, *(words.replace('\\"', '"') for words in sentences))
            for number, name, xroad, *sentences in rows]


def wasl(*arguments):
    return subprocess.run([BUILD / "tools/wasl/wasl", "refusals", *arguments], capture_output=True, text=True, timeout=30)


def test_every_refusal_has_a_number_of_its_own_a_cause_and_a_remedy():
    rows = table()
    assert len({r[0] for r in rows}) == len({r[1] for r in rows}) == len(rows)
    for number, name, xroad, cause, remedy in rows:
        assert re.fullmatch(r"(server\.(client|server)proxy|client)\.[a-z_.]+", xroad), name
        for sentence in (cause, remedy):
            assert len(sentence) >= 10 and sentence[0].isupper() and sentence.endswith("."), f"{name}: {sentence!r}"
        assert cause != remedy


def test_the_command_tells_each_by_name_and_by_number_and_all_in_order():
    rows = table()
    listed = [json.loads(line) for line in wasl("-o", "json").stdout.splitlines()]
    assert [(r["code"], r["name"], r["xroad"], r["cause"], r["remedy"]) for r in listed] == rows
    number, name, xroad, cause, remedy = rows[-1]
    by_name, by_number = wasl(name), wasl(str(number))
    assert by_name.returncode == 0 and by_name.stdout == by_number.stdout
    assert all(word in by_name.stdout for word in (str(number), name, xroad, cause, remedy))


@pytest.mark.parametrize("which", ["no_such_refusal", "0", "99999", "18446744073709551659"])
def test_a_refusal_that_does_not_exist_is_said_to_be_unknown(which):
    result = wasl(which)
    assert result.returncode == 1 and result.stdout == "" and "knows no such refusal" in result.stderr


def test_the_man_page_holds_every_refusal_with_cause_and_remedy():
    page = BUILD / "tools/man/wasl-refusals.7"
    shown = subprocess.run(["man", "-l", str(page)], capture_output=True, text=True, timeout=60,
                           env={"PATH": "/usr/bin:/bin", "MANWIDTH": "400", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"})
    assert shown.returncode == 0, shown.stderr
    text = " ".join(re.sub(r".\x08", "", shown.stdout).replace("\u2010", "-").split())
    for number, name, xroad, cause, remedy in table():
        at = text.find(f"{name} ({number}) ")
        assert at >= 0, name
        assert text[at:].startswith(f"{name} ({number}) {cause} {remedy} X-Road: {xroad}"), text[at:at + 300]
