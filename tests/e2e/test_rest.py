"""A ministry's own HTTP system behind the rest connector: over TLS with a certificate on both sides, good and hostile."""
import contextlib
import json
import subprocess
import time

import pytest
import yaml

from fresh import fresh_sandbox
from helpers import CLIENT, MEN, MI, PERSON, assert_recorded, assert_refused
from provider import PERSON as DATA
from provider import Keys, Provider, response

IUC = DATA["iuc"]
PERMITTED = {key: DATA[key] for key in ("iuc", "birth_date", "names")}
FIELDS, WHOLE = "SCHOOL-ENROLMENT", "SCHOOL-AID"
PATHS = ["/answer/{name}", "/slow/{ms}", "/flood/{what}", "/gzip", "/close", "/drip"]
VERBS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]


@pytest.fixture(scope="module")
def scene():
    """s.system is the ministry's own system; s.listen() opens it on the port that the adapter calls."""
    with fresh_sandbox() as s, contextlib.closing(Provider()) as s.system:
        keys = Keys(s.folder / "system")
        port = s.system.listen(keys.context("server", client="ca"))
        service = s.registry["members"][0]["subsystems"][0]["services"][0]
        service["timeout_ms"] = 2000
        service["operations"] += [{"code": f"case-{i}", "method": "GET", "path": path + "/{iuc:IUC}"} for i, path in enumerate(PATHS)]
        service["operations"] += [{"code": verb.lower(), "method": verb, "path": "/echo/{iuc:IUC}"} for verb in VERBS]
        grant = s.registry["grants"][0]
        del grant["operations"]
        s.registry["grants"].append({k: v for k, v in {**grant, "purpose": WHOLE, "whole": True}.items() if k != "fields"})
        s.start_bus()
        s.rest = {"url": f"https://127.0.0.1:{port}", "ca": keys.path("ca"), "certificate": keys.path("client"),
                  "key": keys.path("client.key"), "slow_seconds": 1}
        s.add_adapter(MI, ["civil"], [{"service": PERSON, "connector": "rest", "rest": s.rest}]).start(s.bus)
        s.add_adapter(MEN, ["enrolment"]).start(s.bus)
        yield s


def ask(s, path, purpose=FIELDS, **more):
    return s.adapters[MEN].ask(CLIENT, PERSON, path, purpose, f"IUC:{IUC}", **more)


def answers(s, data, purpose=FIELDS):
    """What a consumer gets when the system sends these bytes."""
    s.system.answers["now"] = data
    return ask(s, f"/answer/now/{IUC}", purpose)


def test_a_child_is_looked_up_over_https_with_the_permitted_fields_only(scene):
    answer = ask(scene, f"/persons/{IUC}?lang=fr&x=%C3%A9", headers={"X-Road-UserId": "TN99", "Authorization": "Bearer t"})
    assert (answer.status, answer.json()) == (200, PERMITTED)
    assert "set-cookie" not in answer.headers
    request = scene.system.requests[-1].decode()
    assert request.startswith(f"GET /persons/{IUC}?lang=fr&x=%C3%A9 HTTP/1.1\r\n")
    for line in (f"X-Road-Client: {CLIENT}", f"X-Road-Service: {PERSON}", f"X-Road-Request-Id: {answer.exchange}",
                 f"Wasl-Purpose: {FIELDS}",
                 f"Wasl-Subject: IUC:{IUC}", "X-Road-UserId: TN99", "Authorization: Bearer t", "X-Road-Id: TN-"):
        assert request.lower().count(f"\r\n{line}".lower()) == 1, (line, request)
    assert "Idempotency-Key" not in request


def test_what_is_not_safe_carries_its_key_and_its_body_byte_for_byte(scene):
    body = b'{"b": 12.500, "a": "\xd9\x85"}\r\n'
    answer = ask(scene, f"/persons/{IUC}/attestations", method="POST", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 200
    head, _, got = scene.system.requests[-1].partition(b"\r\n\r\n")
    assert got == body
    assert f"\r\nIdempotency-Key: {answer.exchange}\r\n".encode() in head + b"\r\n"
    assert b"\r\nContent-Type: application/json\r\n" in head + b"\r\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_reaches_the_system_as_it_is(scene, verb):
    body = b"\x00\xff body\r\n" if verb[0] == "P" else b""
    answer = ask(scene, f"/echo/{IUC}?q=%2B+", WHOLE, method=verb, body=body or None)
    assert answer.status == 200, answer.body
    request = scene.system.requests[-1]
    assert request.startswith(f"{verb} /echo/{IUC}?q=%2B+ HTTP/1.1\r\n".encode()) and request.endswith(b"\r\n\r\n" + body)
    assert answer.body == (b"" if verb == "HEAD" else request)


def test_under_whole_everything_of_the_answer_comes(scene):
    answer = ask(scene, f"/persons/{IUC}", WHOLE)
    assert answer.json() == DATA and answer.headers["set-cookie"]


def test_a_redirect_is_passed_back_and_not_followed(scene):
    before = len(scene.system.requests)
    moved = response(status="302 Found", fields=["Location: https://127.0.0.1:9/elsewhere"])
    answer = answers(scene, moved, WHOLE)
    assert (answer.status, answer.headers["location"]) == (302, "https://127.0.0.1:9/elsewhere")
    answer = answers(scene, moved)
    assert answer.status == 302 and "location" not in answer.headers
    assert len(scene.system.requests) == before + 2


def test_the_systems_own_errors_pass_reduced_to_the_permitted_fields(scene):
    answer = answers(scene, response(json.dumps(DATA).encode(), "404 Not Found", ["Content-Type: application/json"]))
    assert (answer.status, answer.json()) == (404, PERMITTED)
    answer = answers(scene, response(b"Traceback: 09876543210", "500 Oops", ["Content-Type: text/plain", "X-Trace: 09876543210"]))
    assert (answer.status, answer.body) == (500, b"") and "x-trace" not in answer.headers and "x-road-error" not in answer.headers


def test_what_is_compressed_is_not_unpacked_here(scene):
    assert_refused(ask(scene, f"/gzip/{IUC}"), "not_filterable")
    answer = ask(scene, f"/gzip/{IUC}", WHOLE)
    assert answer.headers["content-encoding"] == "gzip" and len(answer.body) < 65536


@pytest.mark.parametrize("data", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-A: b\rX-Road-Error: evil\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX-A: b\n\tX-Road-Error: evil\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX-A: \x00evil\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 000 evil\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\n\r\n",
    b"evil",
    b"",
])
def test_an_answer_that_lies_is_refused_and_recorded(scene, data):
    answer = answers(scene, data, WHOLE)
    assert_refused(answer, "provider_failed")
    assert b"evil" not in answer.body and "evil" not in repr(answer.headers)
    assert_recorded(scene, answer.exchange, "provider_failed")


def test_a_system_cannot_speak_in_the_name_of_the_front(scene):
    answer = answers(scene, response(b"{}", fields=["X-Road-Error: evil", "x-road-id: evil", "Wasl-Refusal: evil", "Server: evil",
                                                    "X-Fine: fine"]), WHOLE)
    assert answer.status == 200 and "evil" not in repr(answer.headers) and answer.headers["x-fine"] == "fine"


@pytest.mark.parametrize("path", ["/flood/100", "/flood/head", "/flood/body", "/flood/close", "/flood/trailer"])
def test_what_has_no_end_is_cut_off(scene, path):
    start = time.monotonic()
    answer = ask(scene, f"{path}/{IUC}")
    assert answer.refusal in ("response_too_large", "provider_failed")
    assert time.monotonic() - start < 1.9  # by its size, before the service's time-out


def test_a_slow_system_ends_with_the_call_and_what_is_not_safe_is_not_known(scene):
    assert_refused(ask(scene, f"/slow/10000/{IUC}"), "provider_timeout")
    assert_refused(ask(scene, f"/drip/{IUC}"), "provider_timeout")
    scene.system.behaviours["persons"] = lambda *_: time.sleep(3)
    before = scene.system.count("/persons")
    answer = ask(scene, f"/persons/{IUC}/attestations", method="POST", body=b"{}")
    del scene.system.behaviours["persons"]
    assert_refused(answer, "outcome_unknown")
    assert_recorded(scene, answer.exchange, "outcome_unknown")
    assert scene.system.count("/persons") == before + 1


def test_a_system_that_is_down_is_said_and_one_that_is_back_answers(scene):
    adapter = scene.adapters[MI]
    port = int(scene.rest["url"].rpartition(":")[2])
    scene.system.close()
    for path, more in ((f"/persons/{IUC}", {}), (f"/persons/{IUC}/attestations", {"method": "POST", "body": b"{}"})):
        answer = ask(scene, path, **more)
        assert_refused(answer, "provider_unreachable")
        assert answer.headers["x-road-error"] == "server.serverproxy.network_error" and answer.status == 500
        assert_recorded(scene, answer.exchange, "provider_unreachable")
    assert adapter.process.text().count("rest_unreachable") == 1
    keys = Keys(scene.folder / "system-again")
    scene.system.listen(keys.context("server", client="ca"), port=port)
    assert_refused(ask(scene, f"/persons/{IUC}"), "provider_unreachable")  # another authority than the configured one
    scene.system.close()
    keys = Keys(scene.folder / "system", make=False)
    scene.system.listen(keys.context("server", client="ca"), port=port)
    assert ask(scene, f"/persons/{IUC}").json() == PERMITTED


def test_the_adapters_log_names_nobody(scene):
    text = scene.adapters[MI].process.text()
    assert "rest_failed" in text and "rest_reached" in text
    for secret in (IUC, "0987654321", "Amel", "evil", "attestations"):
        assert secret not in text


def test_a_configuration_that_cannot_work_is_said_with_its_line(scene):
    config = {**scene.adapters[MI].config, "services": [{"service": PERSON, "connector": "rest", "rest": {
        **scene.rest, "url": "http://10.0.0.5/base"}}]}
    path = scene.folder / "wrong.yaml"
    path.write_text(yaml.safe_dump(config))
    result = subprocess.run([scene.build / "adapters/daemon/wasl-adapter", "--check", "--config", path], capture_output=True, text=True)
    assert result.returncode == 2 and "services[0].rest.url" in result.stderr and "in clear" in result.stderr
