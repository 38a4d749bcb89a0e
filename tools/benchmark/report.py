"""A run on a terminal and in a file."""
import json
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


def write(path, header, records):
    """One object a line, the first of them the header; a whole file or none."""
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "w", encoding="utf-8") as out:
        for r in [header, *records]:
            out.write(json.dumps(r, ensure_ascii=False, sort_keys=False) + "\n")
    temporary.replace(path)


def read(path):
    """(header, records) of a saved run. ValueError with the line where it is none."""
    objects = []
    for number_, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            objects.append(json.loads(line))
        except ValueError:
            raise ValueError(f"{path}: line {number_} is not JSON") from None
    if not objects or not isinstance(objects[0], dict) or objects[0].get("name") != "run":
        raise ValueError(f"{path} is not a saved run: its first line must be the object named \"run\" that --jsonl writes")
    wrong = [i for i, r in enumerate(objects[1:], 2) if not isinstance(r, dict) or "name" not in r or not ("value" in r or "error" in r)]
    if wrong:
        raise ValueError(f"{path}: line {wrong[0]} is no record of a figure")
    return objects[0], objects[1:]
