"""A service's description: what the registry names by its hash, from the bus, byte for byte."""
import hashlib
import shutil

from helpers import CLIENT, MEN, MI, assert_refused, play
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


def get_openapi(adapter, code, subsystem=f"{MI}/civil"):
    return adapter.ask(CLIENT, f"{subsystem}/getOpenAPI?serviceCode={code}")


def consumer_alone(s):
    """A bus, a consumer, and no provider anywhere."""
    s.start_bus()
    return s.add_adapter(MEN, ["enrolment"]).start(s.bus)


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


def test_a_consumer_gets_the_very_bytes_without_any_provider_and_again_without_a_bus(sandbox):
    s = sandbox()
    adapter = consumer_alone(s)
    answer = get_openapi(adapter, "person")
    assert (answer.status, answer.body) == (200, CIVIL), answer.body
    assert answer.headers["content-type"] == "application/yaml"
    s.bus.process.stop()
    adapter.process.stop()
    adapter.start("tcp://127.0.0.1:9", linked=False)
    assert get_openapi(adapter, "person").body == CIVIL
    assert_refused(get_openapi(adapter, "beneficiary", "TN/GOV/MAS/social"), "bus_unavailable")  # a control: never had


def test_other_bytes_in_the_folder_are_never_served_and_the_right_ones_are_after_a_reload(sandbox):
    s = sandbox()
    s.registry["members"][0]["subsystems"][0]["services"][0]["description"] = hashlib.sha256(CIVIL + b"# new").hexdigest()
    adapter = consumer_alone(s)
    assert_refused(get_openapi(adapter, "person"), "unknown_object")
    assert "alarm name=description_missing" in (s.bus.folder / "bus.log").read_text()
    (s.bus.descriptions / "civil-status.yaml").write_bytes(CIVIL + b"# new")
    s.bus.process.popen.send_signal(1)
    s.bus.process.wait_for(lambda: get_openapi(adapter, "person").body == CIVIL + b"# new")


def test_a_changed_file_in_the_adapters_own_folder_is_not_served(sandbox):
    s = sandbox()
    adapter = consumer_alone(s)
    assert get_openapi(adapter, "person").body == CIVIL
    kept, = (adapter.state / "descriptions").iterdir()
    kept.write_bytes(CIVIL.replace(b"guardian", b"children"))
    assert get_openapi(adapter, "person").body == CIVIL
    shutil.rmtree(adapter.state / "descriptions")
    assert get_openapi(adapter, "person").body == CIVIL


def test_what_has_no_description_says_so(sandbox):
    s = sandbox()
    del s.registry["members"][0]["subsystems"][0]["services"][0]["description"]
    adapter = consumer_alone(s)
    assert_refused(get_openapi(adapter, "person"), "no_description")
    assert_refused(get_openapi(adapter, "nothing"), "unknown_service")
