"""A run on a terminal and in a file."""
import errno
import json
import math
from fnmatch import fnmatchcase

from .measure import label

GROUPS = (("limit.*", "what the machine can do"),
          ("bus.exchange_rate bus.latency*", "adapter core to adapter core through the bus, 1 KiB both ways, sealed, signed, recorded"),
          ("front.*rate front.*latency*", "HTTP to PostgreSQL and back"), ("peer.*rate peer.*latency*", "a peer in the same topology"), ("verify.*", "the auditor"),
          ("ratio.*", "in units of each other: the figures to compare"), ("*.rss", "resident memory (RssAnon)"), ("ledger.*", "the ledger"),
          ("cpu.* front.cpu peer.*_cpu", "CPU time of one exchange"), ("stage.* front.stage", "CPU time of one exchange, by stage"), ("*", "others"))


def number(value, unit=""):
    """Four figures are what a measurement is worth; bytes and counts are whole."""
    if value is None:
        return "-"
    if unit == "bytes":
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def share(part, whole):
    if part is None:
        return "?"
    return f"{100 * part / abs(whole):.1f} %" if whole else "-"


def group_of(r):
    return next(words for globs, words in GROUPS if any(fnmatchcase(r["name"], glob) for glob in globs.split()))


def table(records):
    """The lines of a table, by group; what failed says so in its place."""
    lines, width = [], max([len(label(r)) for r in records] + [20])
    for words in (words for _, words in GROUPS):
        rows = [r for r in records if group_of(r) == words]
        if not rows:
            continue
        lines += ["", words]
        for r in rows:
            if "error" in r:
                lines.append(f"  {label(r):<{width}}  FAILED: {r['error']}")
            else:
                noise = f"± {share(r.get('noise'), r['value'])}"
                unit = "" if r["unit"] == "1" else r["unit"]
                note = r.get("words") or r.get("note") or ""
                lines.append(f"  {label(r):<{width}} {number(r['value'], r['unit']):>12} {unit:<6} {noise:>9}  {note}".rstrip())
    return lines


def heading(header):
    """Where and how, before any figure."""
    m, v, s = header["machine"], header["versions"], header["settings"]
    memory = f"{m['memory'] / 2**30:.0f} GiB" if m.get("memory") else "memory unknown"
    disk = m["state"]
    build = v.get("build") or {}
    lines = [f"{m['cpu']}, {m['cores']} cores, {memory}; {m['system']}, Linux {m['kernel']}" + (f", {m['virtual']}" if m.get("virtual") else ""),
             f"state on {disk['file_system']} ({disk['device']}, {disk['options']})",
             f"wasl {v['wasl']}; {build.get('compiler', 'compiler unknown')}; {build.get('flags', '')}",
             "  ".join(f"{name} {version}" for name, version in v["packages"].items()),
             f"{s['mode']}: {header['rounds']} rounds of {s['seconds']:g} s for each load, {s['bytes']} bytes each way"]
    return lines + [f"warning: {w}" for w in header.get("warnings", ())]


def part(path):
    """Where a run is written until it is whole."""
    return path.with_name(path.name + ".part")


def try_to_write(path):
    """OSError where write() would fail as well."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder: name a file in it", str(path))
    part(path).touch()
    part(path).unlink()


def write(path, header, records):
    """One object a line, the first of them the header; a whole file or none."""
    with open(part(path), "w", encoding="utf-8") as out:
        for r in [header, *records]:
            out.write(json.dumps(r, ensure_ascii=False, sort_keys=False) + "\n")
    part(path).replace(path)


HEADER = {"begun": str, "machine": dict, "versions": dict, "settings": dict, "rounds": int}
SETTINGS = ("mode", "seconds", "bytes")


def is_header(r):
    return all(isinstance(r.get(key), kind) for key, kind in HEADER.items()) and all(key in r["settings"] for key in SETTINGS) \
        and {"cpu", "cores", "kernel", "system", "state"} <= r["machine"].keys() and {"wasl", "packages"} <= r["versions"].keys()


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_record(r):
    if not isinstance(r, dict) or not isinstance(r.get("name"), str) or not isinstance(r.get("at", {}), dict):
        return False
    return "error" in r or (is_number(r.get("value")) and isinstance(r.get("unit"), str) and (r.get("noise") is None or is_number(r["noise"])))


def read(path, only=()):
    """(header, records) of a saved run, of those called as in `only`. ValueError with the line where it is none."""
    objects = []
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError:
        raise ValueError(f"{path} is not a saved run: it is not text") from None
    for number_, line in enumerate(text.splitlines(), 1):
        try:
            objects.append(json.loads(line))
        except ValueError:
            raise ValueError(f"{path}: line {number_} is not JSON") from None
    if not objects or not isinstance(objects[0], dict) or objects[0].get("name") != "run":
        raise ValueError(f"{path} is not a saved run: its first line must be the object named \"run\" that --jsonl writes")
    if not is_header(objects[0]):
        raise ValueError(f"{path}: line 1 does not say on which machine and with what the run was made")
    wrong = [i for i, r in enumerate(objects[1:], 2) if not is_record(r)]
    if wrong:
        raise ValueError(f"{path}: line {wrong[0]} is no record of a figure")
    return objects[0], [r for r in objects[1:] if not only or any(fnmatchcase(name, glob) for name in (r["name"], label(r)) for glob in only)]
