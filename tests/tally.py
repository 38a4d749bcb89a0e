"""Counts results: JUnit files, and beside those of meson its own record (the same name with .json), because its JUnit does not say when a
program crashed, hung or was found at fault by a sanitizer after its last test. Before the count: what each failure says, shortened, so
that the end of a log suffices. The last line is "N passed, N failed" (", N skipped" where there are any)."""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as tree

LINES, WIDTH = 25, 300  # of one failure
SAID = 12  # failures whose words are printed; all are named


def shortened(text):
    lines = [line.rstrip()[:WIDTH] for line in text.splitlines() if line.strip()]
    if len(lines) > LINES:
        lines = lines[:LINES - 8] + [f"... {len(lines) - LINES + 1} more lines ..."] + lines[-7:]
    return "\n".join("    " + line for line in lines)


def said_by_pytest(text):
    """The assertion and where it is, without the source around them; all of it where there is none."""
    lines = [line for line in text.splitlines() if re.match(r"E  |>  |\S+:\d+: ", line)]
    return "\n".join(lines) or text


def said_by_program(record):
    """What follows each `not ok`, and what the program wrote besides its results."""
    out, wanted = [], False
    for line in record["stdout"].splitlines():
        wanted = line.startswith("not ok") or wanted and line.startswith("#")
        if wanted and not line.startswith("# not ok"):
            out.append(line)
    return "\n".join(out + [f"{record['result']}, exit status {record['returncode']}", record.get("stderr", "")])


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.said, self.failures = [], []

    def fail(self, name, text=""):
        self.failed += 1
        self.failures.append(name)
        if text:
            self.said.append(f"{name}\n{shortened(text)}")

    def programs(self, path):
        """Of meson's record: those that failed, name to what it says. A folder without a record is not meson's."""
        if not path.exists():
            return {}
        records = [json.loads(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        return {r["name"]: said_by_program(r) for r in records if r["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")}

    def count(self, path):
        try:
            root = tree.parse(path).getroot()
        except (OSError, tree.ParseError) as e:
            self.fail(f"no results: {path.name}", str(e))
            return
        programs = self.programs(path.with_suffix(".json"))
        told = set()
        if not any(True for _ in root.iter("testcase")):
            self.fail(f"no test ran: {path.name}")
        for case in root.iter("testcase"):
            bad = case.find("failure")
            bad = case.find("error") if bad is None else bad
            name = f"{case.get('classname')}: {case.get('name')}"
            if bad is not None:
                program = next((p for p in programs if p in (case.get("classname", "").split(".", 1)[-1], case.get("name"))), None)
                text = programs.get(program, "") if program not in told else ""
                told.add(program)
                self.fail(name, text or said_by_pytest(bad.text or bad.get("message", "")))
            elif case.find("skipped") is not None:
                self.skipped += 1
            else:
                self.passed += 1
        for name, text in programs.items():
            if name not in told:
                self.fail(f"{path.stem}: {name}", text)

    def end(self):
        for text in self.said[:SAID]:
            print(f"--- {text}")
        for name in self.failures:
            print(f"FAILED {name}")
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else ""))
        return 1 if self.failed or not self.passed else 0


tally = Tally()
for argument in sys.argv[1:]:
    tally.count(pathlib.Path(argument))
sys.exit(tally.end())
