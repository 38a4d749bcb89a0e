"""No receipt, no answer: a real provider's adapter and a bus that lies. And a real consumer's adapter and a bus that lies."""
import os
import threading

import pytest

from helpers import CLIENT, MAS, MEN, MI, PERSON, sealing_public
from scene import Scene, fake_bus
from waslpy import envelope, proto, seal, tlog
from waslpy.fakebus import TYPE
from waslpy.member import Member


@pytest.fixture
def scene(sandbox):
    s = Scene(sandbox())
    yield s
    s.adapter.process.stop()
    s.bus.close()


def answers(scene):
    """Control: the same provider answers a request that has a good receipt."""
    exchange = scene.request()
    scene.bus.deliver(scene.provider, exchange, scene.bus.receipt(scene.admit(exchange)))
    context = scene.answer(timeout=15)
    assert context is not None and context.request_leaf == exchange.leaf and context.outcome == 0


def silent(scene, exchange, receipt, timeout=3.0):
    scene.bus.deliver(scene.provider, exchange, receipt)
    assert scene.answer(timeout, exchange.leaf) is None


def test_a_request_with_a_good_receipt_is_answered(scene):
    answers(scene)


def test_slots_by_label_open_at_either_implementation(scene):
    """Both keep an HPKE context: one enc over several messages, a label of its own in each, and the first form beside it."""
    requests, responses = [], []
    for contexts in ({}, None, {}):
        scene.men.contexts = contexts
        for _ in range(2):
            exchange = scene.request()
            requests.append(proto.envelope.Slot.FromString(exchange.sealed.slots[0]))
            scene.bus.deliver(scene.provider, exchange, scene.bus.receipt(scene.admit(exchange)))
            context = scene.answer(timeout=15, leaf=exchange.leaf)
            assert context is not None and context.outcome == 0
            m = scene.response.message
            seal.open_body(m.slot[0], [scene.response.payload], m.context, m.body, scene.men.sealing)
            responses.append(proto.envelope.Slot.FromString(m.slot[0]))
    assert [len(slot.label) for slot in requests] == [32, 32, 0, 0, 32, 32] and len({slot.enc for slot in requests}) == 4
    assert len({slot.enc for slot in responses}) == 1 and len({slot.label for slot in responses}) == 6
    assert all(len(slot.label) == 32 for slot in responses)


def test_a_request_without_a_receipt_is_not_answered(scene):
    answers(scene)
    exchange = scene.request()
    entry = proto.ledger.Entry(version=1, type=TYPE.ADMITTED, time=envelope.now(), registry_version=1,
                               registry_hash=tlog.H(scene.bus.registry_file), context=exchange.context,
                               body=exchange.body, signature=exchange.block).SerializeToString()
    silent(scene, exchange, (entry, b""))
    answers(scene)


def test_a_request_with_a_receipt_for_another_message_is_not_answered(scene):
    answers(scene)
    first, second = scene.request(), scene.request()
    entry, proof = scene.bus.receipt(scene.admit(first))
    forged = proto.ledger.Entry.FromString(entry)
    forged.context, forged.body, forged.signature = second.context, second.body, second.block
    silent(scene, second, (forged.SerializeToString(), proof))
    answers(scene)


def test_a_request_with_the_receipt_of_a_refusal_is_not_answered(scene):
    answers(scene)
    exchange = scene.request()
    silent(scene, exchange, scene.bus.receipt(scene.admit(exchange, TYPE.REFUSED, reason=42)))
    answers(scene)


def test_a_request_with_a_receipt_from_another_ledger_key_is_not_answered(scene):
    answers(scene)
    exchange = scene.request()
    other = tlog.LogKey(scene.bus.key.name)  # same name, another key
    silent(scene, exchange, scene.bus.receipt(scene.admit(exchange), key=other))
    answers(scene)


def test_a_request_signed_by_another_member_is_not_answered_with_data(scene):
    answers(scene)
    mas = Member(scene.s.pki, MAS)
    scene.bus.chains[mas.signer.hash] = b"".join(mas.signer.der)
    exchange = scene.request(signer=mas.signer)
    scene.bus.deliver(scene.provider, exchange, scene.bus.receipt(scene.admit(exchange)))
    context = scene.answer()
    assert context is None or context.outcome != 0


def test_a_ledger_that_forks_after_welcome_ends_answering(scene):
    """Another tree of the same key, beyond what the adapter has accepted: it cannot be proven, so answering ends."""
    answers(scene)
    for i in range(2):
        exchange = scene.request()
        scene.admit(exchange)
    scene.bus.entries[0] = proto.ledger.Entry(version=1, type=TYPE.ADMINISTRATION, time=1, note=b"rewritten").SerializeToString()
    scene.bus.leaves[0] = tlog.leaf_hash(scene.bus.entries[0])
    exchange = scene.request()
    scene.bus.deliver(scene.provider, exchange, scene.bus.receipt(scene.admit(exchange)))
    scene.adapter.process.wait_for(lambda: scene.adapter.status().get("trouble"), timeout=20)
    silent(scene, exchange := scene.request(), scene.bus.receipt(scene.admit(exchange)))
    assert "inconsistent" in scene.adapter.process.text()


def test_a_ledger_that_is_not_consistent_with_what_was_accepted_before_is_not_answered(scene):
    """The adapter comes back to a bus whose ledger is another one, under the same key."""
    answers(scene)
    scene.adapter.process.wait_for(lambda: scene.adapter.status()["checkpoint_size"] > 1)
    scene.adapter.process.stop()
    scene.bus.entries[0] = proto.ledger.Entry(version=1, type=TYPE.ADMINISTRATION, time=1, note=b"rewritten").SerializeToString()
    scene.bus.leaves[0] = tlog.leaf_hash(scene.bus.entries[0])
    scene.adapter.start(scene.bus.endpoint, linked=False)
    scene.adapter.process.wait_for(lambda: scene.adapter.status().get("trouble"), timeout=20)
    exchange = scene.request()
    silent(scene, exchange, scene.bus.receipt(scene.admit(exchange)))
    assert not scene.adapter.status()["linked"]


def test_a_redelivered_request_gets_the_same_bytes_or_none_but_never_a_second_answer_that_differs(scene):
    exchange = scene.request()
    receipt = scene.bus.receipt(scene.admit(exchange))
    scene.bus.deliver(scene.provider, exchange, receipt)
    first = scene.answer(15)
    assert first is not None
    scene.bus.deliver(scene.provider, exchange, receipt)
    second = scene.answer(3)
    assert second is None or second.request_leaf == first.request_leaf


# --- the consumer's side ---

class ConsumerScene:
    def __init__(self, s):
        self.s = s
        self.bus = fake_bus(s)
        self.bus.append(TYPE.ADMINISTRATION, note=b"started")
        self.mi, self.mas = Member(s.pki, MI), Member(s.pki, MAS)
        for m in (self.mi, self.mas):
            self.bus.chains[m.signer.hash] = b"".join(m.signer.der)
        self.adapter = s.add_adapter(MEN, ["enrolment"]).start(self.bus.endpoint)

    def ask(self, iuc="01234567890", timeout=20):
        """Starts asking in a thread; returns (thread, list that gets the answer, the SUBMIT of the request)."""
        out = []
        thread = threading.Thread(target=lambda: out.append(self.adapter.ask(
            CLIENT, PERSON, f"/persons/{iuc}", "SCHOOL-ENROLMENT", f"IUC:{iuc}", timeout=timeout)))
        thread.start()
        while True:
            message = self.bus.next("SUBMIT")
            assert message is not None
            context = proto.envelope.Context.FromString(message.message.context)
            index = self.bus.admit(message)
            if context.kind == proto.envelope.SUBJECT_KEY:
                entry, proof = self.bus.receipt(index)
                self.bus.send(message.routing_id, "RECEIPT", proto.session.Receipt(entry=entry, proof=proof))
                continue
            return thread, out, message, index

    def respond(self, submit, request_index, member=None, kind=TYPE.ADMITTED, receipt_key=None, body=b'{"iuc":"01234567890"}', **fields):
        member = member or self.mi
        request = submit.message
        leaf = envelope.leaf(request.context, request.body)
        values = dict(request_leaf=leaf)
        values.update(fields)
        response = member.response(request.context, values.pop("request_leaf"), [(MEN, sealing_public(self.s, MEN))],
                                   body=body, **values)
        index = self.bus.append(kind, context=response.context, body=response.body, signature=response.block)
        self.bus.deliver(submit.routing_id, response, self.bus.receipt(index, receipt_key), self.bus.receipt(request_index))
        return response


@pytest.fixture
def consumer(sandbox):
    s = sandbox()
    for service in s.registry["members"][0]["subsystems"][0]["services"]:
        service["timeout_ms"] = 4000
    c = ConsumerScene(s)
    yield c
    c.adapter.process.stop()
    c.bus.close()


def not_accepted(thread, out):
    thread.join(25)
    assert out and out[0].refusal is not None, out and (out[0].status, out[0].body)


def test_a_good_response_is_accepted(consumer):
    thread, out, submit, index = consumer.ask()
    consumer.respond(submit, index)
    thread.join(20)
    assert out[0].status == 200 and out[0].json() == {"iuc": "01234567890"}


def test_a_response_for_another_request_is_not_accepted(consumer):
    thread, out, submit, index = consumer.ask()
    consumer.respond(submit, index, request_leaf=os.urandom(32))
    not_accepted(thread, out)


def test_a_response_from_another_member_than_was_asked_is_not_accepted(consumer):
    thread, out, submit, index = consumer.ask()
    consumer.respond(submit, index, member=consumer.mas)
    not_accepted(thread, out)


def test_a_response_with_a_receipt_from_another_ledger_key_is_not_accepted(consumer):
    thread, out, submit, index = consumer.ask()
    consumer.respond(submit, index, receipt_key=tlog.LogKey(consumer.bus.key.name))
    not_accepted(thread, out)


def test_a_late_response_is_not_accepted(consumer):
    thread, out, submit, index = consumer.ask()
    consumer.respond(submit, index, kind=TYPE.LATE)
    not_accepted(thread, out)


def test_sealed_bytes_that_another_member_signs_anew_do_not_open(consumer):
    """The body of one exchange under the context of another: H(context) is in every AAD."""
    thread, out, submit, index = consumer.ask()
    request = submit.message
    leaf = envelope.leaf(request.context, request.body)
    receivers = [(MEN, sealing_public(consumer.s, MEN))]
    good = consumer.mi.response(request.context, leaf, receivers)
    other = proto.envelope.Context.FromString(good.context)
    other.created += 1
    moved = consumer.mi.sign(other, good.body, good.sealed)
    entry = consumer.bus.append(TYPE.ADMITTED, context=moved.context, body=moved.body, signature=moved.block)
    consumer.bus.deliver(submit.routing_id, moved, consumer.bus.receipt(entry), consumer.bus.receipt(index))
    not_accepted(thread, out)
