"""A service's description: what the registry names by its hash, from the bus, byte for byte."""
import hashlib

from helpers import MEN, play
from sandbox import registry
from waslpy import proto

CIVIL = registry.described("civil-status").read_bytes()


def fetch(member, digest):
    """The object of that hash, put together; None where the bus has none."""
    whole = b""
    while True:
        member.send("FETCH", proto.session.Fetch(kind=1, hash=digest, offset=len(whole)))
        answer = member.receive("OBJECT")
        whole += answer.payload
        if answer.message.total == 0:
            return None
        if len(whole) >= answer.message.total:
            return whole


def test_the_bus_hands_out_what_the_registry_names_and_nothing_else_of_the_folder(sandbox):
    s = sandbox()
    s.sign_registry()
    s.start_bus()
    other = b"openapi: 3.0.0\ninfo: {title: nobody registered me}\n"
    (s.bus.descriptions / "civil-status.yaml").write_bytes(other)
    s.bus.process.stop()
    s.bus.start()
    member = play(s, MEN, "enrolment")
    member.hello()
    assert fetch(member, hashlib.sha256(CIVIL).digest()) == CIVIL  # it was there at the first start, and stays
    assert fetch(member, hashlib.sha256(other).digest()) is None
    member.close()
    assert "description_of_nobody" in (s.bus.folder / "bus.log").read_text()
