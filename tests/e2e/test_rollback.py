"""A bus restored from yesterday's backup stops and says why."""
import shutil

from helpers import MEN, ask_identity, child_of


def test_a_bus_restored_from_yesterdays_backup_stops_and_says_why(sandbox):
    s = sandbox()
    s.start_first_exchange(households=20)
    assert ask_identity(s, child_of(s.country).iuc).status == 200
    s.bus.process.stop()
    backup = s.folder / "backup"
    shutil.copytree(s.bus.state, backup)
    s.bus.start()
    for a in s.adapters.values():
        a.wait_linked()
    for _ in range(3):
        assert ask_identity(s, child_of(s.country).iuc).status == 200
    size = s.adapters[MEN].status()["checkpoint_size"]
    s.adapters[MEN].process.wait_for(lambda: s.adapters[MEN].status()["checkpoint_size"] >= size)
    s.bus.process.kill()
    shutil.rmtree(s.bus.state)
    shutil.copytree(backup, s.bus.state)
    try:
        s.bus.start()
    except Exception:
        pass  # an adapter may say hello before we have looked
    assert s.bus.process.wait(30) == 3
    text = s.bus.process.text()
    assert "rolled back" in text.lower() or "roll-back" in text.lower(), text[-2000:]
    stopped = list(s.bus.state.rglob("STOPPED"))
    assert stopped and s.pki.text("bus/ledger.vkey").split("+")[0] in stopped[0].read_text()
    s.bus.process.start()
    assert s.bus.process.wait(30) == 3  # it stays stopped until a person has acted
    assert ask_identity(s, child_of(s.country).iuc, timeout=40).refusal


def test_an_adapters_own_word_does_not_stop_the_bus(sandbox):
    """Only a checkpoint with the ledger's own valid signature may."""
    from helpers import play
    from waslpy import tlog
    s = sandbox()
    s.start_bus()
    men = play(s, MEN, "enrolment")
    key = tlog.LogKey(s.pki.text("bus/ledger.vkey").split("+")[0])
    men.checkpoint = key.note(tlog.Checkpoint(key.name, 10_000, bytes(32)).text())
    men.hello(timeout=5)
    men.checkpoint = b""
    assert men.hello().name == "WELCOME" and s.bus.process.running
    men.close()


def test_a_ledger_that_was_removed_or_emptied_is_not_taken_for_a_new_one(sandbox):
    s = sandbox()
    s.start_bus()
    s.bus.process.stop()
    (data,) = s.bus.state.rglob("segments/*/data.mdb")
    kept = data.read_bytes()
    for damage in (lambda: data.write_bytes(b""), data.unlink):
        damage()
        s.bus.process.start()
        assert s.bus.process.wait(30) == 3
        assert "removed or emptied" in s.bus.process.tail(3)
    data.write_bytes(kept)
    s.bus.start()
