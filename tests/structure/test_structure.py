"""What must stay true of the tree itself."""
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
# A folder may include from those before it and from itself, never from those after it.
ORDER = ["base", "crypto", "tlog", "registry", "wire", "ledger", "broker"]
# How a daemon behaves on its machine: it stands on base alone, and no library and no tool uses it.
MANNERS, DAEMONS = "manners", ("broker", "daemon")
# The benchmark's program drives an adapter core, which is a library and the thing measured.
BENCH = "wasl-bench"
ADAPTERS = {"core": ["core"], "connectors": ["core", "connectors"], "front": ["core", "front"],
            "daemon": ["core", "connectors", "front", "daemon"]}


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=TOP, check=True, capture_output=True, text=True).stdout
    return [TOP / p for p in out.split("\0") if p]


def includes(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.M)


def test_dependencies_run_down_the_list_only():
    wrong = []
    for path in tracked("bus/*.[ch]", "adapters/*.[ch]", "tools/*.[ch]"):
        house, *rest = path.relative_to(TOP).parts
        room = rest[0]
        for include in includes(path):
            other = include.split("/")[0] if "/" in include else None
            if other is None:
                continue
            if MANNERS in (room, other):
                fine = other == "base" or other == MANNERS and room in (MANNERS, *DAEMONS)
            elif house == "bus":
                fine = other in ORDER and ORDER.index(other) <= ORDER.index(room)
            elif house == "adapters":
                fine = other in ORDER[:5] or other in ADAPTERS[room]
            else:
                fine = other in ORDER[:6] or other in ("common", "wasl", "wasl-audit") or (room == BENCH and other in (BENCH, "core"))
            if not fine:
                wrong.append(f"{path.relative_to(TOP)} includes {include}")
    assert not wrong, "\n".join(wrong)


def test_no_protobuf_message_contains_another():
    for path in tracked("proto/*.proto"):
        text = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        messages = set(re.findall(r"message (\w+)", text))
        used = set(re.findall(r"^\s*(?:repeated )?(\w+) \w+ = \d+;", text, re.M))
        assert not (messages & used), f"{path.name}: {messages & used}"


def test_no_key_is_committed():
    for path in tracked():
        if path.suffix in (".png",) or not path.is_file():
            continue
        head = path.read_bytes()
        assert not re.search(rb"-----BEGIN (EC |RSA |ENCRYPTED )?PRIVATE KEY-----\n[A-Za-z0-9+/]{40}", head), path
        assert not re.search(rb"^PRIVATE\+KEY\+", head, re.M), path


def test_the_c_is_formatted():
    files = [str(p) for p in tracked("*.c", "*.h")]
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[:2000]


def test_every_file_does_one_thing_and_is_short():
    long = [f"{p.relative_to(TOP)}: {n}" for p in tracked("*.c", "*.h", "*.py")
            if (n := len(p.read_text(encoding="utf-8").splitlines())) > 600]
    assert not long, "\n".join(long)


def test_every_room_says_what_it_is_for():
    rooms = {p.parent for p in tracked("bus/*.c", "adapters/*.c", "tools/wasl*/*.c")}
    rooms |= {TOP / room for room in ("proto", "certs", "tests", "bus", "adapters", "adapters/systems", "tools")}
    assert not [r.relative_to(TOP) for r in rooms if not (r / "README.md").is_file()]


def test_the_tests_that_a_readme_names_exist():
    tests = {path: path.read_text(encoding="utf-8") for path in tracked("tests/*.c", "tests/*.py")}
    names = {path.stem for path in tests} | {n for text in tests.values() for n in re.findall(r"(?:void|def) (\w+)\(", text)}
    code = "\n".join(p.read_text(encoding="utf-8") for p in tracked("*.[ch]", "*.proto", "*.py"))
    wrong = []
    for readme in tracked("*README.md", "*THREATS.md"):
        # a sentence of four words or more, perhaps cut short, or a file of tests
        text = readme.read_text(encoding="utf-8")
        for name in re.findall(r"\b(?:test_\w+|[a-z]\w*?_\w+?_\w+?_\w+)(?:\.\.\.)?", text):
            known = any(n.startswith(name[:-3]) for n in names) if name.endswith("...") else name in names
            if not known and not re.search(rf"\b{re.escape(name)}\b", code):
                wrong.append(f"{readme.relative_to(TOP)}: {name}")
    assert not wrong, "\n".join(wrong)


def test_unit_tests_mirror_the_tree():
    rooms = {p.parent.name for p in tracked("bus/*.c", "adapters/*.c")} | {"tools"}
    assert {p.parent.name for p in tracked("tests/unit/*.c")} == rooms


def test_no_test_imports_another():
    wrong = [path.name for path in tracked("tests/*.py")
             if re.search(r"^(?:from|import) test_", path.read_text(encoding="utf-8"), re.M)]
    assert not wrong, wrong
