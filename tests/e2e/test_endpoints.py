"""Endpoint rights with real adapters: the consumer's refuses before anything leaves, the provider's when a consumer does not."""
import pytest

from helpers import ECHO, MEN, MI, ask_identity, assert_recorded, assert_refused, identity_request, play, refusal_names
from waslpy import proto


@pytest.fixture
def narrow(sandbox):
    """Education may ask for identities that begin with a zero, and for guardianship, by nothing but GET."""
    s = sandbox()
    s.registry["grants"][0]["endpoints"] = [{"method": "GET", "path": "/persons/0*"}, {"method": "GET", "path": "/persons/*/guardian-of/*"}]
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
        assert ask("TN/GOV/MEN/enrolment", f"{MI}/civil/person", path, "SCHOOL-ENROLMENT", "IUC:01234567890").refusal == "ambiguous_target", path


@pytest.mark.parametrize("iuc, refused", [("01234567890", False), ("11234567890", True)])
def test_a_consumer_that_does_not_ask_its_own_adapter_is_refused_by_the_providers(narrow, iuc, refused):
    member = play(narrow, MEN, "enrolment")
    assert member.hello().name == "WELCOME"
    member.send("CREDIT", proto.session.Credit(messages=16, bytes=1 << 20))
    exchange = identity_request(narrow, member, iuc=iuc)
    member.submit(exchange)
    message = member.outcome(exchange)
    assert message is not None and message.name == "DELIVER", message and message.name  # the bus cannot see paths
    context = proto.envelope.Context.FromString(proto.ledger.Entry.FromString(message.message.entry).context)
    assert (refusal_names().get(context.outcome) == "endpoint_not_permitted") == refused, context.outcome
    member.close()
