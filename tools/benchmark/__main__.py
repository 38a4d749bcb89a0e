"""tools/bench: see --help."""
import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from . import compare, machine, report
from .measure import QUICK, SMOKE, WHOLE, Bench
from .runner import Run, progress

GOOD, NO_RESULT, USAGE, INTERRUPTED = 0, 1, 2, 130
CROWDED = 0.5   # runnable tasks of others
DESCRIPTION = """Measures Wasl on this machine: a benchmark, which prints what is and judges nothing. Every measurement is taken in rounds, in turn with the
others; printed is the median and what the same run, done again, may differ by."""
EPILOG = """exit status: 0 measured; 1 a measurement failed (the table says which and why); 2 usage, a file that is no saved run, or one that cannot be
written; 111 what it needs could not be installed; 130 interrupted: nothing is left behind and nothing printed."""


def arguments(argv):
    p = argparse.ArgumentParser(prog="tools/bench", description=DESCRIPTION, epilog=EPILOG)
    how = p.add_mutually_exclusive_group()
    how.add_argument("--quick", dest="settings", action="store_const", const=QUICK, default=WHOLE,
                     help="end within two minutes (whole: ten), not counting installation and build; fewer and shorter rounds: more noise")
    how.add_argument("--smoke", dest="settings", action="store_const", const=SMOKE,
                     help="only see that everything can be measured: the figures are worth nothing")
    how.add_argument("--read", metavar="FILE", type=pathlib.Path, help="measure nothing: print a saved run (with --compare, beside another)")
    p.add_argument("--jsonl", metavar="FILE", type=pathlib.Path, help="also write the run as one JSON object a line")
    p.add_argument("--compare", metavar="FILE", type=pathlib.Path, help="say what differs from a saved run beyond the noise of both")
    p.add_argument("--only", metavar="GLOB", action="append", default=[], help="only figures with such names, for example 'limit.*' (may be repeated; also of a saved run)")
    p.add_argument("--state", metavar="FOLDER", type=pathlib.Path, default=pathlib.Path("/var/tmp"),
                   help="below which ledgers and databases are written: its disk is measured (default /var/tmp)")
    p.add_argument("--build", metavar="FOLDER", type=pathlib.Path, help="measure this build; install and build nothing")
    p.add_argument("--keep", action="store_true", help="leave what was written, and say where")
    return p.parse_args(argv)


def fail(text):
    print(f"tools/bench: {text}", file=sys.stderr)
    return USAGE


def warnings(header):
    """What makes figures of this run worth less, said before them."""
    if header["load_before"] > CROWDED:
        yield f"the machine was not quiet before the run (load {header['load_before']:.1f}): rates and latencies are those of a crowd"
    if header["machine"]["state"]["file_system"] in ("tmpfs", "ramfs"):
        yield "the state lies in memory: fdatasync costs nothing here, as it does on no real bus"
    sanitized = (header["versions"]["build"] or {}).get("options", {}).get("b_sanitize", "none")
    if sanitized != "none":
        yield f"this build has sanitizers ({sanitized}): it is several times slower"


def measure(options, state):
    """(header, records) of a new run, which writes below the folder `state` and leaves nothing there unless it is to be kept."""
    say = progress(sys.stderr)
    os.environ["WASL_BUILD"] = str(options.build.resolve())  # the sandbox's
    try:
        state.chmod(0o711)  # PostgreSQL's user must reach its own folder below
        header = {"name": "run", "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "load_before": machine.busy(),
                  "machine": machine.machine(state), "versions": machine.versions(options.build),
                  "settings": {**options.settings.plain(), "only": options.only}}
        begin = time.monotonic()
        bench = Bench(options.settings, options.build, state)
        run = Run(bench, options.only, say)
        with bench.stack:
            run.run()
    finally:
        if options.keep:
            print(f"kept: {state}", file=sys.stderr)
        else:
            shutil.rmtree(state, ignore_errors=True)
    header |= {"rounds": run.rounds, "took": round(time.monotonic() - begin, 1), "warnings": [*warnings(header), *bench.warnings]}
    return header, run.records()


def main(argv=None):
    options = arguments(argv)
    try:
        old = report.read(options.compare) if options.compare else None
        saved = report.read(options.read, options.only) if options.read else None
        if options.jsonl:
            report.try_to_write(options.jsonl)  # not only when all is measured
    except OSError as e:
        return fail(f"{e.filename}: {e.strerror}")
    except ValueError as e:
        return fail(str(e))
    if not saved and not (options.build and (options.build / "build.ninja").exists()):
        return fail("--build must name a build folder (tools/bench makes one when it is left out)")
    if saved:
        header, records = saved
    else:
        try:
            state = pathlib.Path(tempfile.mkdtemp(prefix="wasl-bench-", dir=options.state))
        except OSError as e:
            return fail(f"nothing can be written below {options.state} ({e.strerror}): name a folder on the disk to be measured with --state")
        header, records = measure(options, state)
    if not records:
        return fail(f"nothing is called {' or '.join(options.only)}" if options.only else f"{options.read} has no figure")
    print(*report.heading(header), *report.table(records), sep="\n")
    if options.jsonl:
        report.write(options.jsonl, header, records)
    if old:
        print(f"\nbeside the run of {old[0]['begun']} ({options.compare}, wasl {old[0]['versions']['wasl']})")
        print(*(f"  !! {line}" for line in compare.differences(old[0], header)), sep="\n")
        lines, beyond = compare.compare(old, (header, records))
        print(*lines, sep="\n")
        print(f"beyond noise: {', '.join(beyond) or 'nothing'}")
    return NO_RESULT if any("error" in r for r in records) else GOOD


if __name__ == "__main__":
    # Told to stop, or without its terminal, it still ends what it started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("tools/bench: interrupted; what it had started has ended", file=sys.stderr)
        sys.exit(INTERRUPTED)
