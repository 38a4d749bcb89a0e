"""Endpoint rights with real adapters: the consumer's refuses before anything leaves, the provider's when a consumer does not."""
import time

import pytest

from helpers import (CLIENT, ECHO, MEN, MI, PERSON, ask_identity, assert_recorded, assert_refused, identity_request, play,
                     refusal_names)
from waslpy import proto


@pytest.fixture
def narrow(sandbox):
    """Education may ask for identities that begin with a zero, and for guardianship, by nothing but GET."""
    s = sandbox()
    s.registry["grants"][0]["endpoints"] = [{"method": "GET", "path": "/persons/0*"},
                                            {"method": "GET", "path": "/persons/*/guardian-of/*"}]
    s.start_bus()
    s.add_adapter(MI, ["civil"], ECHO).start(s.bus)
    return s


def test_a_path_beside_the_endpoint_rights_is_refused_at_home_and_recorded(narrow):
    narrow.add_adapter(MEN, ["enrolment"]).start(narrow.bus)
    assert ask_identity(narrow, "01234567890").refusal != "endpoint_not_permitted"  # a control
    answer = ask_identity(narrow, "11234567890")
    assert_refused(answer, "endpoint_not_permitted")
    assert answer.json()["type"] == "server.serverproxy.access_denied"
    assert_recorded(narrow, answer.exchange, "endpoint_not_permitted")
    ask = narrow.adapters[MEN].ask
    for path in ("/persons/%30123456789", "/persons/0/../11234567890", "/persons//01234567890", "/persons/0%2F1"):
        assert ask(CLIENT, PERSON, path, "SCHOOL-ENROLMENT", "IUC:01234567890").refusal == "ambiguous_target", path


def outcome(s, member, iuc):
    """What a request made by hand ends with, once the bus has the provider's first credit (until then nobody is there)."""
    end, names = time.monotonic() + 15, refusal_names()
    while True:
        exchange = identity_request(s, member, iuc=iuc)
        member.submit(exchange)
        message = member.outcome(exchange)
        assert message is not None
        if message.name == "REFUSED" and names[message.message.reason] == "provider_unavailable" and time.monotonic() < end:
            time.sleep(0.1)
            continue
        assert message.name == "DELIVER", names[message.message.reason]  # the bus cannot see paths
        return names.get(proto.envelope.Context.FromString(proto.ledger.Entry.FromString(message.message.entry).context).outcome)


def test_a_consumer_that_does_not_ask_its_own_adapter_is_refused_by_the_providers(narrow):
    member = play(narrow, MEN, "enrolment")
    assert member.hello().name == "WELCOME"
    member.send("CREDIT", proto.session.Credit(messages=16, bytes=1 << 20))
    assert outcome(narrow, member, "01234567890") != "endpoint_not_permitted"  # a control
    assert outcome(narrow, member, "11234567890") == "endpoint_not_permitted"
    member.close()
