"""An exchange has exactly one terminal entry, whoever dies in the middle; a non-safe operation is not run twice."""
import threading

from helpers import MAS, MEN, MI, TYPE, ask_identity, identity_request, ledger, play, refusal_names, sealing_public, terminals
from scene import Scene
from waslpy import proto


def test_a_bus_that_dies_in_the_middle_leaves_one_terminal_entry(sandbox):
    s = sandbox()
    s.start_bus()
    provider, men = play(s, MI, "civil"), play(s, MEN, "enrolment")
    provider.hello(), men.hello()
    exchange = men.submit(identity_request(s, men))
    delivered = provider.receive("DELIVER")
    assert delivered is not None
    s.bus.process.kill()
    s.bus.start()
    men.hello(), provider.hello()
    men.submit(exchange)  # the retry of an adapter: the same bytes
    refused = men.outcome(exchange)
    assert refused.name == "REFUSED"
    asked = proto.ledger.Entry.FromString(delivered.message.entry)
    late = provider.submit(provider.response(asked.context, exchange.leaf, [(MEN, sealing_public(s, MEN))]))
    receipt = provider.outcome(late)
    assert receipt.name == "RECEIPT" and proto.ledger.Entry.FromString(receipt.message.entry).type == TYPE.LATE
    assert men.receive("DELIVER", timeout=1) is None
    exchange_id = proto.envelope.Context.FromString(exchange.context).exchange_id
    assert terminals(ledger(s))[exchange_id] == ["INTERRUPTED"]
    men.close(), provider.close()


def test_a_bus_that_stops_in_good_order_ends_what_is_open(sandbox):
    s = sandbox()
    s.start_bus()
    provider, men = play(s, MI, "civil"), play(s, MEN, "enrolment")
    provider.hello(), men.hello()
    exchange = men.submit(identity_request(s, men))
    assert provider.receive("DELIVER") is not None
    assert s.bus.process.stop() == 0
    s.bus.start()
    exchange_id = proto.envelope.Context.FromString(exchange.context).exchange_id
    assert terminals(ledger(s))[exchange_id] == ["INTERRUPTED"]
    men.close(), provider.close()


def test_a_provider_that_dies_in_the_middle_leaves_one_terminal_entry(sandbox):
    s = sandbox()
    for service in s.registry["members"][0]["subsystems"][0]["services"]:
        service["timeout_ms"] = 2000
    s.start_bus()
    provider = play(s, MI, "civil")
    provider.hello()
    men = s.add_adapter(MEN, ["enrolment"]).start(s.bus)
    out = []
    thread = threading.Thread(target=lambda: out.append(ask_identity(s, "01234567890")))
    thread.start()
    assert provider.receive("DELIVER") is not None
    provider.close()
    thread.join(20)
    assert out[0].refusal in ("provider_timeout", "provider_unavailable")
    exchange = bytes.fromhex(out[0].exchange.replace("-", ""))
    assert len(terminals(ledger(s))[exchange]) == 1


def test_two_responses_leave_one_terminal_entry_and_a_late_one(sandbox):
    s = sandbox()
    s.start_bus()
    provider, men = play(s, MI, "civil"), play(s, MEN, "enrolment")
    provider.hello(), men.hello()
    exchange = men.submit(identity_request(s, men))
    asked = proto.ledger.Entry.FromString(provider.receive("DELIVER").message.entry)
    receivers = [(MEN, sealing_public(s, MEN))]
    first, second = (provider.submit(provider.response(asked.context, exchange.leaf, receivers)) for _ in range(2))
    kinds = [proto.ledger.Entry.FromString(provider.receive("RECEIPT").message.entry).type for _ in range(2)]
    assert kinds == [TYPE.ADMITTED, TYPE.LATE]
    assert men.receive("DELIVER") is not None and men.receive("DELIVER", timeout=1) is None
    exchange_id = proto.envelope.Context.FromString(exchange.context).exchange_id
    assert terminals(ledger(s))[exchange_id] == ["RESPONSE"]
    men.close(), provider.close()


def test_a_response_from_a_member_that_was_not_asked_is_refused(sandbox):
    s = sandbox()
    s.start_bus()
    provider, men, mas = play(s, MI, "civil"), play(s, MEN, "enrolment"), play(s, MAS, "social")
    provider.hello(), men.hello(), mas.hello()
    exchange = men.submit(identity_request(s, men))
    asked = provider.receive("DELIVER")
    context = proto.envelope.Context.FromString(proto.ledger.Entry.FromString(asked.message.entry).context)
    context.provider = b"TN/GOV/MAS/social"
    forged = mas.submit(mas.response(context.SerializeToString(), exchange.leaf, [(MEN, sealing_public(s, MEN))]))
    assert mas.outcome(forged).name == "REFUSED"
    assert men.receive("DELIVER", timeout=1) is None
    for m in (provider, men, mas):
        m.close()


def attest_registry(s):
    s.registry["grants"][0]["operations"].append("attest")
    s.registry["grants"][0]["fields"].append("/attestation")


def test_a_non_safe_operation_is_not_run_twice_when_the_bus_dies_after_it(sandbox):
    """Redelivery by hand: the provider's adapter gets the same request again, also after its own restart."""
    s = sandbox()
    attest_registry(s)
    s.start_databases(20)
    person = s.country.people[0]
    scene = Scene(s, s.services("civil-status", civil="civil"))
    path = f"/persons/{person.iuc}/attestations".encode()
    exchange = identity_request(s, scene.men, person.iuc, operation="attest", head=proto.content.RequestHead(
        method=b"POST", path=path, subject_type=b"IUC", subject_value=person.iuc.encode()))
    receipt = scene.bus.receipt(scene.admit(exchange))
    rows = lambda: s.postgres.psql("civil", "SELECT count(*) FROM attestation", tuples=True).strip()
    try:
        scene.bus.deliver(scene.provider, exchange, receipt)
        first = scene.answer(15)
        assert first is not None and first.outcome == 0 and rows() == "1"
        s.postgres.psql("civil", "TRUNCATE attestation")  # so that a second run would succeed and show
        scene.bus.deliver(scene.provider, exchange, receipt)
        again = scene.answer(10)
        assert again == first and rows() == "0"  # the stored bytes, not a second run
        scene.adapter.process.kill()
        scene.adapter.start(scene.bus.endpoint)
        scene.bus.deliver(scene.provider, exchange, receipt)
        again = scene.answer(10)
        assert again == first and rows() == "0"
    finally:
        scene.adapter.process.stop()
        scene.bus.close()


def test_a_non_safe_operation_that_was_begun_and_has_no_response_is_answered_outcome_unknown(sandbox):
    s = sandbox()
    attest_registry(s)
    s.start_databases(20)
    person = s.country.people[0]
    services = s.services("civil-status", civil="civil")
    for statement in services[0]["sql"]["statements"]:
        if statement["operation"] == "attest":  # dies while the database still works on it
            statement["text"] = ("WITH waiting AS MATERIALIZED (SELECT pg_sleep(3)) INSERT INTO attestation (exchange_id, iuc, issued_to)"
                                 " SELECT $2, iuc, $3 FROM person, waiting WHERE iuc = $1 RETURNING iuc, exchange_id AS attestation")
    scene = Scene(s, services)
    path = f"/persons/{person.iuc}/attestations".encode()
    exchange = identity_request(s, scene.men, person.iuc, operation="attest", head=proto.content.RequestHead(
        method=b"POST", path=path, subject_type=b"IUC", subject_value=person.iuc.encode()))
    receipt = scene.bus.receipt(scene.admit(exchange))
    active = lambda: set(s.postgres.psql("civil", "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3)%' AND state = 'active' AND pid <> pg_backend_pid()", tuples=True).split())
    try:
        scene.bus.deliver(scene.provider, exchange, receipt)
        scene.adapter.process.wait_for(active, timeout=15)
        first = active()
        scene.adapter.process.kill()
        scene.adapter.start(scene.bus.endpoint)
        scene.bus.deliver(scene.provider, exchange, receipt)
        context = scene.answer(15)
        assert context is not None and refusal_names()[context.outcome] == "outcome_unknown"
        assert active() <= first  # the first run may still go on in the database; no second one began
    finally:
        scene.adapter.process.stop()
        scene.bus.close()
