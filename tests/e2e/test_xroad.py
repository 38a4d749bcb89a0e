"""X-Road's protocol for REST, written by hand from its public description and sent byte by byte to a real adapter, before a real
bus and a provider's system that records what reaches it."""
import base64
import contextlib
import hashlib
import json
import re
import socket
import subprocess
import xml.etree.ElementTree as ET

import pytest

from fresh import fresh_sandbox
from helpers import MAS, MEN, MI, PERSON, ledger
from provider import PERSON as DATA
from provider import Provider, response
from waslpy import proto

CLIENT, SERVICE, NARROW = f"{MEN}/enrolment", f"{MI}/civil/open", f"{MI}/civil/narrow"
VERBS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]
WITH_BODY = {"PATCH", "POST", "PUT"}
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
DATE = "Sun, 22 Nov 2026 05:55:56 GMT"


@pytest.fixture(scope="module")
def road():
    """Education's adapter spells faults as X-Road does since 7.8, that of Social Affairs as before."""
    with fresh_sandbox() as s, contextlib.closing(Provider()) as s.system:
        service = {"code": "open", "kind": "request", "name": {"ar": "ا", "fr": "o", "en": "o"}, "subject": "none",
                   "timeout_ms": 3000, "retention": "P5Y", "fields": ["/a"],
                   "operations": [{"code": verb.lower(), "method": verb, "path": "/**"} for verb in VERBS]}
        s.registry["members"][0]["subsystems"][0]["services"] += [service, {**service, "code": "narrow"}]
        grant = {"service": SERVICE, "purpose": "STATISTICS", "whole": True, "expires": "2030-01-01"}
        s.registry["grants"] += [{**grant, "consumer": CLIENT}, {**grant, "consumer": f"{MAS}/social"},
                                 {"consumer": CLIENT, "service": NARROW, "purpose": "STATISTICS", "fields": ["/a"], "expires": "2030-01-01"}]
        s.start_bus()
        url = f"http://127.0.0.1:{s.system.listen()}"
        s.add_adapter(MI, ["civil"], [{"service": name, "connector": "rest", "rest": {"url": url}} for name in (SERVICE, NARROW, PERSON)]).start(s.bus)
        s.add_adapter(MEN, ["enrolment"]).start(s.bus)
        s.add_adapter(MAS, ["social"], fault_spelling="old").start(s.bus)
        yield s


class Said:
    """An answer as it came over the wire."""

    def __init__(self, data):
        self.raw, (head, _, self.body) = data, data.partition(b"\r\n\r\n")
        self.line, *lines = head.decode("latin-1").split("\r\n")
        self.fields = [tuple(line.split(": ", 1)) for line in lines]

    def get(self, name):
        found = [value for field, value in self.fields if field.lower() == name.lower()]
        assert len(found) <= 1, (name, found)
        return found[0] if found else None


def say(s, data, member=MEN, pieces=None):
    host, _, port = s.adapters[member].address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for at in range(0, len(data), pieces or len(data)):
            connection.sendall(data[at:at + (pieces or len(data))])
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                got += part
    return Said(got)


def request(verb="GET", target=f"/r1/{SERVICE}/answer/now", *fields, client=CLIENT, body=b""):
    lines = [f"{verb} {target} HTTP/1.1", "Host: bus.example.tn", "Connection: close", f"X-Road-Client: {client}", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def request_hash(verb, target, fields, body=b""):
    """PR-REST 4.3, and X-Road's own order: the client's fields but for those of the connection, then what X-Road adds."""
    digest = hashlib.sha512(f"{verb}\r\n{target}\r\n{''.join(f'{n}:{v}' + chr(13) + chr(10) for n, v in fields)}".encode()).digest()
    return base64.b64encode(hashlib.sha512(digest + hashlib.sha512(body).digest()).digest() if body else digest).decode()


def answers(s, *fields, status="200 OK", body=b'{"a":12.500}'):
    s.system.answers["now"] = response(body, status, fields or ["Content-Type: application/json"])


# --- success ---

@pytest.mark.parametrize("pieces", [None, 1], ids=["at once", "byte by byte"])
def test_an_x_road_client_needs_no_change_but_the_address(road, pieces):
    answers(road, "Content-Type: application/json", f"Date: {DATE}", "Server: secret", "Connection: X-Hop", "X-Hop: 1",
            "Keep-Alive: timeout=5", "X-Custom: v", "x-road-id: forged", "X-Road-Error: forged", "Set-Cookie: a", "Set-Cookie: b")
    target = f"/r1/{SERVICE}/answer/now?b=%2F&a=1&b=%20"
    said = say(road, request("GET", target, "X-Road-Id: 7f-1", "X-Road-UserId: TN99", "X-Road-Issue: 12/2026",
                             "X-Road-Represented-Party: COM/1234", "Accept: application/json", "User-Agent: old/1.0", "X-Mine:   v  ",
                             "X-Road-Request-Id: forged", "X-Road-Request-Hash: forged", "TE: trailers"), pieces=pieces)
    exchange = said.get("x-road-request-id")
    assert re.fullmatch(UUID, exchange)
    forwarded = [("X-Road-Client", CLIENT), ("X-Road-Id", "7f-1"), ("X-Road-UserId", "TN99"), ("X-Road-Issue", "12/2026"),
                 ("X-Road-Represented-Party", "COM/1234"), ("Accept", "application/json"), ("X-Mine", "v"),
                 ("x-road-request-id", exchange)]
    assert said.line == "HTTP/1.1 200 OK"
    assert said.body == b'{"a":12.500}'
    assert sorted(said.fields) == sorted([
        ("Connection", "close"), ("Content-Length", "12"), ("Content-Type", "application/json"), ("Date", DATE), ("Set-Cookie", "a"),
        ("Set-Cookie", "b"), ("Wasl-Exchange", exchange), ("X-Custom", "v"), ("x-road-client", CLIENT), ("x-road-id", "7f-1"),
        ("x-road-request-hash", request_hash("GET", target, forwarded)), ("x-road-request-id", exchange),
        ("x-road-service", SERVICE)])
    head = road.system.requests[-1].decode()
    assert head.startswith("GET /answer/now?b=%2F&a=1&b=%20 HTTP/1.1\r\n")
    for name, value in forwarded:
        assert head.lower().count(f"\r\n{name.lower()}: {value.lower()}\r\n") == 1, (name, head)
    for gone in ("forged", "old/1.0", "trailers", "bus.example.tn"):
        assert gone not in head


@pytest.mark.parametrize("verb", VERBS)
def test_an_x_road_client_needs_no_change_for_any_verb(road, verb):
    body = b"\x00{}\r\n" if verb in WITH_BODY else b""
    answers(road, "Content-Type: text/plain", "X-Custom: v", body=b"" if verb == "HEAD" else b"hello")
    said = say(road, request(verb, f"/r1/{SERVICE}/answer/now", "X-Road-Id: i", body=body))
    exchange = said.get("x-road-request-id")
    assert (said.line, said.body) == ("HTTP/1.1 200 OK", b"" if verb == "HEAD" else b"hello")
    assert said.get("x-custom") == "v" and said.get("date") and said.get("x-road-error") is None
    assert said.get("x-road-request-hash") == request_hash(verb, f"/r1/{SERVICE}/answer/now", [
        ("X-Road-Client", CLIENT), ("X-Road-Id", "i"), ("x-road-request-id", exchange)], body)
    head, _, got = road.system.requests[-1].partition(b"\r\n\r\n")
    assert head.startswith(f"{verb} /answer/now HTTP/1.1\r\n".encode()) and got == body


def test_a_missing_x_road_id_is_made_of_instance_and_uuid_and_told_to_both_sides(road):
    answers(road)
    said = say(road, request())
    assert re.fullmatch(f"TN-{UUID}", said.get("x-road-id"))
    assert f"\r\nx-road-id: {said.get('x-road-id')}\r\n" in road.system.requests[-1].decode().lower().replace("tn-", "TN-")


@pytest.mark.parametrize("status, body", [("204 No Content", b""), ("304 Not Modified", b""), ("404 Not Found", b"no"),
                                          ("302 Found", b""), ("503 Service Unavailable", b"later")])
def test_the_providers_own_answers_pass_without_x_road_error(road, status, body):
    answers(road, "Location: https://elsewhere.example/", "Retry-After: 7", status=status, body=body)
    said = say(road, request())
    assert (said.line.split()[1], said.body) == (status.split()[0], body)
    assert said.get("transfer-encoding") is None  # a last chunk would be taken for the next answer
    assert said.get("x-road-error") is None and said.get("wasl-refusal") is None
    assert said.get("location") == "https://elsewhere.example/" and said.get("retry-after") == "7"


def test_no_path_is_the_providers_root(road):
    say(road, request(target=f"/r1/{SERVICE}?x=1"))
    assert road.system.requests[-1].startswith(b"GET /?x=1 HTTP/1.1\r\n")


def test_an_x_road_client_asks_about_a_person_with_x_roads_headers_alone(road):
    """The purpose is that of the only grant, the person is the one in the path; recorded as if both had been named."""
    target, found = f"/r1/{PERSON}/persons/{DATA['iuc']}", []
    for fields in ([], ["Wasl-Purpose: SCHOOL-ENROLMENT", f"Wasl-Subject: IUC:{DATA['iuc']}"], [f"Uxp-Subject-Id: IUC:{DATA['iuc']}"]):
        said = say(road, request("GET", target, *fields))
        assert said.line == "HTTP/1.1 200 OK" and json.loads(said.body)["iuc"] == DATA["iuc"], said.raw
        wanted = bytes.fromhex(said.get("x-road-request-id").replace("-", ""))
        contexts = [proto.envelope.Context.FromString(e.context) for e in ledger(road) if e.context]
        found.append([(c.subject, c.purpose) for c in contexts if c.exchange_id == wanted])
        assert f"\r\nwasl-subject: iuc:{DATA['iuc']}\r\n" in road.system.requests[-1].decode().lower()
    assert found[0] == found[1] == found[2] and [len(subject) for subject, _ in found[0]] == [16, 16], found
    said = say(road, request("GET", target, "Uxp-Subject-Id: IUC:09876543210"))
    assert_fault(said, "server.serverproxy.access_denied", "subject_mismatch")


def test_uxp_names_purpose_and_subject_too(road):
    answers(road)
    assert say(road, request("GET", f"/r1/{SERVICE}/answer/now", "Uxp-Purpose-Ids: STATISTICS")).line == "HTTP/1.1 200 OK"
    assert say(road, request("GET", f"/r1/{SERVICE}/answer/now", "Uxp-Purpose-Ids: SCHOOL-AID")).get("Wasl-Refusal") == "wrong_purpose"


# --- where the grant permits fields ---

LEAKS = ["Location: /persons/09876543210", "Set-Cookie: iuc=09876543210", "ETag: \"09876543210\"", "X-Name: 09876543210",
         "Link: </09876543210>", "Content-Language: ar", "Warning: 199 - 09876543210", "Last-Modified: " + DATE]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", ["200 OK", "201 Created", "302 Found", "404 Not Found", "503 Service Unavailable"])
def test_of_an_answers_headers_only_what_can_say_nothing_about_a_person_leaves_under_fields(road, status, verb):
    answers(road, "Content-Type: application/json", *LEAKS, "Allow: GET, HEAD", "Cache-Control: no-store, private", "Retry-After: 30",
            status=status, body=b"" if verb == "HEAD" else b'{"a": 12.500, "secret": "09876543210"}')
    said = say(road, request(verb, f"/r1/{NARROW}/answer/now", "X-Road-Id: i"))
    assert said.line.split()[1] == status.split()[0]
    assert {name.lower() for name, _ in said.fields} - {"content-length"} == {
        "connection", "date", "allow", "cache-control", "retry-after", "wasl-exchange", "x-road-client", "x-road-id",
        "x-road-request-hash", "x-road-request-id", "x-road-service"} | ({"content-type"} if verb != "HEAD" else set())
    assert said.body == (b"" if verb == "HEAD" else b'{"a":12.500}')
    assert b"09876543210" not in said.raw


def test_a_permitted_headers_name_is_no_way_out_either(road):
    answers(road, "Content-Type: application/json", "Allow: GET, 09876543210", "Cache-Control: max-age=09876543210",
            "Retry-After: 9876543210")
    said = say(road, request(target=f"/r1/{NARROW}/answer/now"))
    assert said.line == "HTTP/1.1 200 OK" and b"987654321" not in said.raw
    answers(road, "Content-Type: text/html", body=b"09876543210")
    assert_fault(say(road, request(target=f"/r1/{NARROW}/answer/now")), "server.serverproxy.invalid_response", "not_filterable")
    answers(road, "Content-Type: application/json", "Content-Encoding: gzip")
    assert_fault(say(road, request(target=f"/r1/{NARROW}/answer/now")), "server.serverproxy.invalid_response", "not_filterable")


# --- errors, both spellings, JSON and XML ---

PATH = f"/r1/{SERVICE}/answer/now"
ERRORS = [
    ("no client", b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % PATH.encode(), "client.missing_header", "missing_client"),
    ("no subsystem", request(client=MEN), "client.invalid_client_identifier", "invalid_client"),
    ("somebody else", request(client=f"{MI}/civil"), "server.clientproxy.invalid_client_identifier", "client_not_allowed"),
    ("four parts", request(target=f"/r1/{MI}/civil"), "client.bad_request", "bad_request"),
    ("another version", request(target=f"/r2/{SERVICE}/x"), "client.bad_request", "bad_request"),
    ("unknown verb", request("PROPFIND"), "client.invalid_http_method", "method_not_served"),
    ("twice", request("GET", PATH, "X-Road-Id: a", "X-Road-Id: b"), "client.duplicate_header_field", "duplicate_header"),
    ("contradiction", request("GET", PATH, "Wasl-Purpose: STATISTICS", "Uxp-Purpose-Ids: SCHOOL-AID"), "client.inconsistent_headers",
     "inconsistent_headers"),
    ("body of GET", request(body=b"x"), "client.invalid_body", "unexpected_body"),
    ("compressed", request("POST", PATH, "Content-Encoding: gzip", body=b"x"), "client.invalid_content_type", "invalid_content_type"),
    ("encoded slash", request(target=f"/r1/{SERVICE}/a%2Fb"), "client.invalid_request", "ambiguous_target"),
    ("unknown service", request(target=f"/r1/{MI}/civil/nothing/x"), "server.serverproxy.unknown_service", "unknown_service"),
    ("no grant", request("GET", f"/r1/{MAS}/social/beneficiary/beneficiaries/0123456789", "Wasl-Purpose: STATISTICS"),
     "server.serverproxy.access_denied", "wrong_purpose"),
    ("no person", request(target=f"/r1/{MI}/civil/person/persons/0123456789"), "client.bad_request", "subject_length"),
    ("provider's system silent", request(target=f"/r1/{SERVICE}/close"), "server.serverproxy.service_failed", None),
]


def old(name):
    return ".".join({"clientproxy": "ClientProxy", "serverproxy": "ServerProxy"}.get(
        part, "".join(word.capitalize() for word in part.split("_"))) for part in name.split("."))


def assert_fault(said, name, refusal):
    status = "500 Internal Server Error" if name.lower().startswith("server") else "400 Bad Request"
    assert said.line == f"HTTP/1.1 {status}", said.raw
    assert said.get("X-Road-Error") == name and said.get("Date")
    assert refusal in (None, said.get("Wasl-Refusal")), said.get("Wasl-Refusal")


@pytest.mark.parametrize("data, name, refusal", [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_an_x_road_client_finds_each_error_where_it_looks_for_it(road, data, name, refusal):
    said = say(road, data)
    assert_fault(said, name, refusal)
    assert said.get("Content-Type") == "application/json"
    body = json.loads(said.body)
    assert list(body) == ["type", "message", "detail"] and body["type"] == name and body["message"]
    assert body["detail"] == said.get("Wasl-Exchange") and re.fullmatch(UUID, body["detail"])
    for accept, media_type in (("text/*;q=0.1, application/json", "text/xml"), ("application/xml", "application/xml")):
        said = say(road, data.replace(b"Connection: close\r\n", b"Connection: close\r\nAccept: %s\r\n" % accept.encode(), 1))
        assert_fault(said, name, refusal)
        assert said.get("Content-Type") == f"{media_type};charset=utf-8"
        fault = ET.fromstring(said.body)
        assert [e.tag for e in fault] == ["type", "message", "detail"] and fault.tag == "error" and fault[0].text == name


@pytest.mark.parametrize("data, name, refusal", [row[1:] for row in ERRORS if row[0] not in ("somebody else", "no grant", "no person")],
                         ids=[row[0] for row in ERRORS if row[0] not in ("somebody else", "no grant", "no person")])
def test_the_spelling_before_7_8_is_there_for_clients_that_know_it(road, data, name, refusal):
    data = data.replace(f"X-Road-Client: {CLIENT}".encode(), f"X-Road-Client: {MAS}/social".encode())
    said = say(road, data, MAS)
    assert_fault(said, old(name), refusal)
    assert json.loads(said.body)["type"] == old(name)


# --- metadata services ---

def test_clients_are_listed_as_x_road_lists_them(road):
    said = say(road, b"GET /listClients HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/xml, application/json\r\n\r\n")
    assert (said.line, said.get("Content-Type")) == ("HTTP/1.1 200 OK", "application/json;charset=utf-8")
    members = json.loads(said.body)["member"]
    assert {"id": {"object_type": "MEMBER", "xroad_instance": "TN", "member_class": "GOV", "member_code": "MI"},
            "name": "Ministère de l'Intérieur"} in members
    assert {"id": {"object_type": "SUBSYSTEM", "xroad_instance": "TN", "member_class": "GOV", "member_code": "MI",
                   "subsystem_code": "civil"}, "name": "Ministère de l'Intérieur", "subsystem_name": "État civil"} in members
    assert len(members) == 6
    assert json.loads(say(road, b"GET /listClients HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").body)["member"] == members
    said = say(road, b"GET /listClients?xRoadInstance=TN HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: */*\r\n\r\n")
    assert said.get("Content-Type") == "text/xml;charset=utf-8"
    ids, xroad = "{http://x-road.eu/xsd/identifiers}", "{http://x-road.eu/xsd/xroad.xsd}"
    clients = ET.fromstring(said.body)
    assert clients.tag == xroad + "clientList" and len(clients) == 6
    assert [e.text for m in clients for e in m.iter(ids + "subsystemCode")] == ["civil", "social", "enrolment"]
    assert {m[0].attrib[ids + "objectType"] for m in clients} == {"MEMBER", "SUBSYSTEM"}
    said = say(road, b"GET /listClients?xRoadInstance=EE HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert_fault(said, "client.bad_request", "bad_request")


def methods(s, which, client=CLIENT, member=MEN):
    said = say(s, request(target=f"/r1/{MI}/civil/{which}", client=client), member)
    assert said.line == "HTTP/1.1 200 OK", said.raw
    assert said.get("x-road-service") == f"{MI}/civil/{which}" and said.get("x-road-request-hash")
    return {entry["service_code"]: entry for entry in json.loads(said.body)["service"]}


def test_methods_are_listed_and_those_that_a_grant_allows_now(road):
    listed = methods(road, "listMethods")
    assert set(listed) == {"person", "open", "narrow"}
    assert {k: v for k, v in listed["person"].items() if k != "endpoint_list"} == {
        "object_type": "SERVICE", "xroad_instance": "TN", "member_class": "GOV", "member_code": "MI", "subsystem_code": "civil",
        "service_code": "person", "service_type": "OPENAPI"}
    assert listed["open"]["service_type"] == "REST"
    assert {"method": "POST", "path": "/persons/*/attestations"} in listed["person"]["endpoint_list"]
    allowed = methods(road, "allowedMethods")
    assert allowed["person"]["endpoint_list"] == [{"method": "GET", "path": "/persons/*"},
                                                  {"method": "GET", "path": "/persons/*/guardian-of/*"}]
    assert set(methods(road, "allowedMethods", f"{MAS}/social", MAS)) == {"open"}
    said = say(road, request(target=f"/r1/{MI}/nothing/listMethods"))
    assert_fault(said, "server.serverproxy.unknown_member", "unknown_member")
    assert_fault(say(road, request("POST", f"/r1/{MI}/civil/listMethods")), "client.invalid_http_method", "method_not_served")
    assert_fault(say(road, request(target=f"/r1/{MI}/civil/listMethods", client=f"{MI}/civil")),
                 "server.clientproxy.invalid_client_identifier", "client_not_allowed")


def test_the_description_of_a_service_is_handed_out(road):
    from sandbox import registry
    said = say(road, request(target=f"/r1/{MI}/civil/getOpenAPI?serviceCode=person"))
    assert said.line == "HTTP/1.1 200 OK" and said.body == registry.described("civil-status").read_bytes()
    assert_fault(say(road, request(target=f"/r1/{MI}/civil/getOpenAPI?serviceCode=open")), "server.serverproxy.service_type",
                 "no_description")
    assert_fault(say(road, request(target=f"/r1/{MI}/civil/getOpenAPI?serviceCode=none")), "server.serverproxy.unknown_service",
                 "unknown_service")
    for query in ("", "?serviceCode=", "?serviceCode=person&serviceCode=open", "?servicecode=person"):
        assert_fault(say(road, request(target=f"/r1/{MI}/civil/getOpenAPI{query}")), "client.bad_request", "bad_request")


# --- what cannot be judged ---

AMBIGUOUS_TARGETS = [
    "/a%2Fb", "/a%2fb", "/%2e%2e/b", "/a%2E", "/a%5Cb", "/a\\b", "/a%252Fb", "/%2525", "//a", "/a//b", "/./a", "/../a", "/a/..", "/a/.",
    "/a;b", "/a;x=1/b", "/%61dmin", "/%7E", "/%C3%28", "/%FF", "/%C0%AF", "/%E0%80%AF", "/%ED%A0%80", "/%00", "/a%0d%0aX:b", "/a%7F",
    "/%", "/%4", "/%zz", "/a#b", "/a\x7fb", "/caf\xc3\xa9", "/a?b%zz", "/a?b=%", "/a?b=%00", "/a?b=%FF", "/a?b=c#d", "/a?b={c}",
    "/a?b=\"c\"", "/a?b=\xc3\xa9", "/a?b|c", "/a?b\\c", "/a?<b>", "/a?b^c", "/a?`b`", "/{a}", "/a|b", "/" + "a" * 8193]


@pytest.mark.parametrize("path", AMBIGUOUS_TARGETS, ids=lambda p: p[:20].encode("unicode_escape").decode())
def test_what_cannot_be_judged_without_ambiguity_is_refused(road, path):
    before = len(road.system.requests)
    said = say(road, request(target=f"/r1/{SERVICE}").replace(b" HTTP/1.1", path.encode("latin-1") + b" HTTP/1.1", 1))
    assert said.get("Wasl-Refusal") in ("ambiguous_target", "bad_request"), said.raw
    assert_fault(said, said.get("X-Road-Error"), None)
    assert len(road.system.requests) == before


def test_what_is_no_ambiguity_is_forwarded_as_it_came(road):
    for target in ("/a%20b", "/%D9%85", "/a:b@c,(d)!$&'*+=", "/~u/.well-known/..a", "/a/", "/?b=%2F%252F&c[]=1&d=%0A/?"):
        say(road, request(target=f"/r1/{SERVICE}{target}"))
        assert road.system.requests[-1].startswith(f"GET {target} HTTP/1.1\r\n".encode()), target


HEAD = b"Host: x\r\nConnection: close\r\nX-Road-Client: %s\r\n" % CLIENT.encode()
LINE = b"GET %s HTTP/1.1\r\n" % PATH.encode()
AMBIGUOUS_HEADS = [
    b"GET http://bus.example.tn%s HTTP/1.1\r\n%s\r\n" % (PATH.encode(), HEAD), b"OPTIONS * HTTP/1.1\r\n%s\r\n" % HEAD,
    b"CONNECT bus.example.tn:80 HTTP/1.1\r\n%s\r\n" % HEAD, b"GET  %s HTTP/1.1\r\n%s\r\n" % (PATH.encode(), HEAD),
    b"GET %s /x HTTP/1.1\r\n%s\r\n" % (PATH.encode(), HEAD), b"GET %s\t HTTP/1.1\r\n%s\r\n" % (PATH.encode(), HEAD),
    b"GET %s\x00/x HTTP/1.1\r\n%s\r\n" % (PATH.encode(), HEAD), b"GET %s HTTP/1.1\n%s\r\n" % (PATH.encode(), HEAD),
    b"GET %s HTTP/1.2\r\n%s\r\n" % (PATH.encode(), HEAD), b"GET %s HTTP/2.0\r\n%s\r\n" % (PATH.encode(), HEAD),
    LINE + HEAD + b"X-A: b\r\n c\r\n\r\n", LINE + HEAD + b"X-A : b\r\n\r\n", LINE + HEAD + b"X-A: b\nX-B: c\r\n\r\n",
    LINE + HEAD + b"X-A: b\rX-B: c\r\n\r\n", LINE + HEAD + b"X-A: b\x00c\r\n\r\n", LINE + HEAD + b": b\r\n\r\n",
    LINE + HEAD + b"no colon\r\n\r\n", LINE + HEAD + b"X-Road-Client: %s\r\n\r\n" % CLIENT.encode(),
    LINE + HEAD + b"Host: y\r\n\r\n", LINE + HEAD + b"Connection: X-Road-Client\r\n\r\n",
    LINE + HEAD + b"Content-Type: a/b; charset=utf-8; charset=utf-7\r\n\r\n",
    LINE.replace(b"GET", b"POST") + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    LINE.replace(b"GET", b"POST") + HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    LINE.replace(b"GET", b"POST") + HEAD + b"Content-Length: +1\r\n\r\na", LINE.replace(b"GET", b"POST") + HEAD + b"Content-Length: 1,1\r\n\r\na",
    LINE.replace(b"GET", b"POST") + HEAD + b"Transfer-Encoding: gzip\r\n\r\na",
    LINE.replace(b"GET", b"POST") + HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    LINE.replace(b"GET", b"POST") + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("data", AMBIGUOUS_HEADS, ids=[str(i) for i in range(len(AMBIGUOUS_HEADS))])
def test_a_head_that_can_be_read_in_two_ways_is_refused(road, data):
    before = len(road.system.requests)
    said = say(road, data)
    assert said.raw == b"" or said.line.split()[1] in ("400", "500", "505"), said.raw
    assert len(road.system.requests) == before


# --- a client that knows nothing of us ---

def test_curl_needs_no_change_but_the_address(road):
    answers(road, "Content-Type: text/plain", body=b"hello")
    url = f"http://{road.adapters[MEN].address}/r1/{SERVICE}/answer/now"
    run = subprocess.run(["curl", "-s", "-S", "-i", "-X", "PUT", "-H", f"X-Road-Client: {CLIENT}", "-d", "a=b", url],
                         capture_output=True, check=True, timeout=30)
    assert run.stdout.startswith(b"HTTP/1.1 200 OK\r\n") and run.stdout.endswith(b"\r\n\r\nhello")
    assert road.system.requests[-1].endswith(b"\r\n\r\na=b")
    run = subprocess.run(["curl", "-s", "-S", "-I", "-H", f"X-Road-Client: {CLIENT}", url], capture_output=True, check=True, timeout=30)
    assert run.stdout.startswith(b"HTTP/1.1 200 OK\r\n") and b"\r\nx-road-id: TN-" in run.stdout
