"""tools/demo as somebody new meets it: what it prints is true, every command that it offers works, and nothing is left of it."""
import os
import pathlib
import re
import signal
import subprocess
import sys

from sandbox.cluster import BUILD
from sandbox.pki import TOP


def start(*words):
    """Without tools/setup, which is for installing and building."""
    return subprocess.Popen([sys.executable, "-u", "-m", "sandbox.demo", *words], stdout=subprocess.PIPE, text=True, cwd=TOP,
                            env={**os.environ, "PYTHONPATH": str(TOP / "tools"), "WASL_BUILD": str(BUILD)})


def processes_that_name(folder):
    return [p.name for p in pathlib.Path("/proc").glob("[0-9]*")
            if str(folder).encode() in ((p / "cmdline").read_bytes() if (p / "cmdline").exists() else b"")]


def test_every_command_that_the_demo_prints_works_and_nothing_is_left_when_it_is_stopped():
    demo = start("--keep")
    try:
        said = ""
        for line in demo.stdout:
            said += line
            if line.startswith("Stop it"):
                break
        commands = re.findall(r"\n\n  (\S(?:.|\n      )*)", said.split("Try:")[1].split("Stop it")[0])
        assert len(commands) == 8, commands
        folder = pathlib.Path(re.search(r"/tmp/wasl-demo-[^/]+", commands[0])[0])
        for command in commands:
            follows = command.endswith(" -f")
            result = subprocess.run(["timeout", "1", *(["sh", "-c", command])] if follows else ["sh", "-c", command],
                                    capture_output=True, text=True, timeout=60)
            assert result.returncode == (124 if follows else 0), (command, result.stdout, result.stderr)
            assert result.stdout, command
        assert processes_that_name(folder)  # a control: the search below would find them
        stop = re.search(r"Stop it.*\bkill (\d+)", said)[1]
        assert int(stop) == demo.pid
        os.kill(int(stop), signal.SIGTERM)
        assert demo.wait(60) == 0
        assert not folder.exists() and not processes_that_name(folder)
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(60)
        demo.stdout.close()


def test_the_demo_ends_with_success_and_names_nobody_to_the_auditor():
    demo = start()
    said = demo.communicate(timeout=120)[0]
    assert demo.returncode == 0 and "Everything came out as it should." in said, said
    for outcome in ("wrong_purpose", "grant_expired", "unknown_subject", "subject_length"):
        assert re.search(rf"refused +{outcome} ", said), outcome
    asked = set(re.findall(r"\b\d{11}\b", said.split("What the auditor sees")[0]))
    assert asked and not any(iuc in said.split("What the auditor sees")[1] for iuc in asked)
