"""What a run must say of where it ran: a figure without its machine is hearsay."""
import json
import os
import pathlib
import platform
import re
import subprocess

from sandbox.pki import TOP

PACKAGES = ("libzmq5", "libssl3", "liblmdb0", "libprotobuf-c1", "libmicrohttpd12", "libgnutls30", "libcurl4", "libpq5", "libjansson4",
            "postgresql", "nats-server", "libnats3.4", "linux-perf")


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def field(path, key):
    """The first `key: value` of a file below /proc."""
    try:
        found = re.search(rf"^{key}\s*:\s*(.+)$", pathlib.Path(path).read_text(), re.M)
    except OSError:
        return ""
    return found.group(1).strip() if found else ""


def debian():
    try:
        return "Debian " + pathlib.Path("/etc/debian_version").read_text().strip()
    except OSError:
        return ""


def machine(state):
    """state: the folder in which ledgers will lie."""
    source, kind, options = (output("findmnt", "-n", "-o", "SOURCE,FSTYPE,OPTIONS", "-T", str(state)).split(None, 2) + [""] * 3)[:3]
    kind = kind or output("stat", "-f", "-c", "%T", str(state))  # below a changed root no mount is seen
    kilobytes = field("/proc/meminfo", "MemTotal").split()
    return {"cpu": field("/proc/cpuinfo", "model name") or platform.machine(), "cores": len(os.sched_getaffinity(0)),
            "memory": int(kilobytes[0]) * 1024 if kilobytes else None, "kernel": platform.release(), "system": debian(),
            "virtual": output("systemd-detect-virt") or None,
            "state": {"device": source, "file_system": kind, "options": options}}


def packages():
    lines = output("dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev} ${Version}\n", *PACKAGES).splitlines()
    found = (line.split() for line in lines)
    return {f[0]: f[2] for f in found if len(f) == 3 and f[1] == "ii"}


def built(build):
    """Compiler and flags of the build that is measured, from what meson has left in it: those of the bus's main file, without folders."""
    try:
        options = {o["name"]: o["value"] for o in json.loads((build / "meson-info/intro-buildoptions.json").read_text())}
        commands = json.loads((build / "compile_commands.json").read_text())
    except (OSError, ValueError):
        return {}
    words = next((c["command"].split() for c in commands if c["file"].endswith("bus/broker/main.c")), [])
    compiler = [w for w in words[:2] if not w.startswith("-") and w != "ccache"][:1]
    kept = ("buildtype", "optimization", "debug", "b_sanitize", "b_lto", "b_ndebug", "b_pie", "c_args")
    return {"compiler": output(*compiler, "--version").split("\n")[0] if compiler else "",
            "options": {k: options[k] for k in kept if k in options},
            "flags": " ".join(w for w in words if w.startswith(("-f", "-O", "-g", "-U", "-D_FORTIFY", "-m")) and "color" not in w and "/" not in w)}


def versions(build):
    return {"wasl": output("git", "-C", str(TOP), "describe", "--always", "--dirty", "--tags") or "unknown",
            "build": built(build), "packages": packages(), "python": platform.python_version()}


def busy():
    """Runnable tasks of others before we begin: a crowded machine measures itself."""
    return os.getloadavg()[0]
