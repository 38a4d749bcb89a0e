"""What `meson install` lays down, and that the units in it are what they say."""
import os
import pathlib
import re
import subprocess

import pytest
from sandbox.cluster import BUILD

PREFIX = pathlib.Path("usr/local")
UNITS = ["wasl-bus.service", "wasl-adapter@.service"]
MOST_EXPOSED = "20"  # tenths


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A DESTDIR. Nothing is built anew: who runs the tests has built."""
    root = tmp_path_factory.mktemp("root")
    result = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return root


@pytest.fixture(params=UNITS)
def unit(root, tmp_path, request):
    """The installed unit as this machine would see it: its programs are in the DESTDIR."""
    text = (root / PREFIX / "lib/systemd/system" / request.param).read_text()
    copy = tmp_path / request.param.replace("@.", "@mi.")
    copy.write_text(re.sub(r"^(ExecStart=)/", rf"\1{root}/", text, flags=re.M))
    return copy


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def test_programs_pages_units_users_and_examples_are_installed(root):
    have = {str(p.relative_to(root / PREFIX)) for p in root.rglob("*") if p.is_file()}
    assert not [p for p in root.rglob("*") if p.is_file() and PREFIX not in p.relative_to(root).parents]
    wanted = {"sbin/wasl-bus", "sbin/wasl-adapter", "bin/wasl", "bin/wasl-audit", "share/man/man7/wasl-refusals.7",
              "share/man/man1/wasl.1", "share/man/man1/wasl-audit.1", "share/man/man8/wasl-bus.8", "share/man/man8/wasl-adapter.8",
              *(f"lib/systemd/system/{u}" for u in UNITS),
              *(f"{folder}/{name}.conf" for folder in ("lib/sysusers.d", "lib/tmpfiles.d") for name in ("wasl-bus", "wasl-adapter")),
              *(f"share/doc/wasl/examples/{name}.yaml" for name in ("wasl-bus", "wasl-adapter"))}
    assert wanted <= have, wanted - have
    assert not [p for p in have if "test" in p or p.endswith((".a", ".h"))]


def test_installed_programs_run_by_themselves_and_miss_no_library(root):
    for program in ("sbin/wasl-bus", "sbin/wasl-adapter", "bin/wasl", "bin/wasl-audit"):
        path = root / PREFIX / program
        result = subprocess.run([path, "--version"], capture_output=True, text=True, cwd="/", env={"PATH": "/usr/bin"}, timeout=30)
        assert result.returncode == 0 and re.match(r"wasl[-a-z]* \d+\.\d+", result.stdout), (program, result.stderr)
        libraries = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        assert "not found" not in libraries and str(BUILD) not in libraries


def test_a_unit_is_what_systemd_understands(unit):
    result = analyze("verify", "--man=no", unit)
    # Other units of this machine may have faults of their own.
    ours = [line for line in result.stderr.splitlines() if "wasl" in line and "User" not in line]
    assert ours == [], ours


def test_a_unit_with_a_fault_is_found(unit):
    unit.write_text(unit.read_text().replace("Restart=on-failure", "Restart=on-failur"))
    assert "on-failur" in analyze("verify", "--man=no", unit).stderr


def test_a_unit_exposes_little(unit):
    result = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    assert result.returncode == 0 and level and float(level[1]) < 2.0, result.stdout


def test_without_its_walls_a_unit_exposes_much(unit):
    kept = [line for line in unit.read_text().splitlines()
            if not re.match(r"(Protect|Private|Restrict|System|Capability|NoNew|Memory|Lock|Proc|Device)", line)]
    unit.write_text("\n".join(kept))
    assert analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit).returncode != 0


def test_exit_codes_that_a_person_must_look_at_are_not_tried_again(root):
    text = {u: (root / PREFIX / "lib/systemd/system" / u).read_text() for u in UNITS}
    assert "\nRestartPreventExitStatus=2 3 4\n" in text[UNITS[0]]
    assert "\nRestartPreventExitStatus=2\n" in text[UNITS[1]]
    for body in text.values():
        for line in ("Type=notify", "Restart=on-failure", "WatchdogSec=30", "LimitCORE=0", "UMask=0077"):
            assert f"\n{line}\n" in body


def test_users_and_folders_are_made_as_described(root, tmp_path):
    """systemd-sysusers and systemd-tmpfiles on the installed files, into an empty root."""
    made = tmp_path / "made"
    (made / "etc").mkdir(parents=True)
    for name in ("wasl-bus", "wasl-adapter"):
        users = subprocess.run(["systemd-sysusers", f"--root={made}", root / PREFIX / f"lib/sysusers.d/{name}.conf"],
                               capture_output=True, text=True)
        assert users.returncode == 0, users.stderr
        assert re.search(rf"^{name}:", (made / "etc/passwd").read_text(), re.M)
        if os.geteuid() == 0:
            folders = subprocess.run(["systemd-tmpfiles", "--create", f"--root={made}", root / PREFIX / f"lib/tmpfiles.d/{name}.conf"],
                                     capture_output=True, text=True)
            assert folders.returncode == 0, folders.stderr
            assert (made / "etc" / name).stat().st_mode & 0o7777 == 0o750
