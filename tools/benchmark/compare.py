"""Two runs beside each other: what has changed beyond what either may be off by."""
from .measure import label
from .report import number, share

# Of the header: what makes two runs different runs of the same thing, and what makes them runs of different things.
WHERE = (("machine", "cpu"), ("machine", "cores"), ("machine", "memory"), ("machine", "kernel"), ("machine", "state"), ("machine", "virtual"))
HOW = ("mode", "seconds", "warmup", "bytes", "in_flight", "exchanges")


def differences(old, new):
    """Lines that must be read before any figure: another machine, other settings, other libraries, another compiler."""
    lines = []
    for part, key in WHERE:
        a, b = old[part].get(key), new[part].get(key)
        if a != b:
            lines.append(f"another machine: {key} was {a}, is {b}")
    for key in HOW:
        a, b = old["settings"].get(key), new["settings"].get(key)
        if a != b:
            lines.append(f"other settings: {key} was {a}, is {b}")
    a, b = old["versions"], new["versions"]
    for key in sorted({*a["packages"], *b["packages"]}):
        if a["packages"].get(key) != b["packages"].get(key):
            lines.append(f"another library: {key} was {a['packages'].get(key, 'absent')}, is {b['packages'].get(key, 'absent')}")
    for key in ("compiler", "flags"):
        old_, new_ = (a.get("build") or {}).get(key), (b.get("build") or {}).get(key)
        if old_ != new_:
            lines.append(f"another build: {key} was {old_}, is {new_}")
    return lines


def judge(old, new):
    """(change, allowed, beyond) of two records. `allowed` is the larger noise of the two, for each says what the same run, done again, may differ by;
    None, and no judgement, where neither knows."""
    known = [r["noise"] for r in (old, new) if r.get("noise") is not None]
    change = new["value"] - old["value"]
    if not known:
        return change, None, False
    return change, max(known), abs(change) > max(known)


def compare(old, new):
    """(lines, labels beyond noise) for two (header, records)."""
    before = {label(r): r for r in old[1]}
    now = {label(r): r for r in new[1]}
    width = max([len(name) for name in now] + [20])
    lines, beyond = [], []
    for name, r in now.items():
        o = before.get(name)
        if "error" in r or o is None or "error" in o:
            words = "failed now" if "error" in r else "not in the old run" if o is None else "failed in the old run"
            lines.append(f"  {name:<{width}}  {words}")
            continue
        if o["unit"] != r["unit"]:
            lines.append(f"  {name:<{width}}  was in {o['unit']}, is in {r['unit']}")
            continue
        change, allowed, past = judge(o, r)
        percent = f"{100 * change / abs(o['value']):+.1f} %" if o["value"] else "-"
        words = "noise unknown: measured once" if allowed is None else \
            f"{'BEYOND' if past else 'within'} noise ({share(allowed, o['value'])})"
        if past:
            beyond.append(name)
        lines.append(f"  {name:<{width}} {number(o['value'], o['unit']):>12} -> {number(r['value'], r['unit']):>12}  {percent:>9}  {words}")
    lines += [f"  {name:<{width}}  only in the old run" for name in before if name not in now]
    return lines, beyond
