"""Who may speak for a subsystem: a pinned certificate, a user of this machine, whoever is on loopback. And that a reload changes it."""
import copy
import os
import signal
import socket
import ssl
import subprocess
import sys

import pytest
import yaml

from yard import CLIENT, OTHER, open_yard, read_reply, request, wait_until


@pytest.fixture(scope="module")
def yard():
    with open_yard() as y:
        yield y


def ask(s, **more):
    with s:
        s.sendall(request(**more))
        return read_reply(s)


def test_a_pinned_certificate_speaks_for_its_subsystem_and_for_no_other(yard):
    for name, own, foreign in (("enrolment", CLIENT, OTHER), ("exams", OTHER, CLIENT)):
        answer = ask(yard.dial_tls(name), client=own, body=b'"%s"' % name.encode())
        assert (answer.status, answer.body) == (200, b'"%s"' % name.encode())
        assert answer.headers["x-road-client"] == own
        answered = yard.answered()
        assert ask(yard.dial_tls(name), client=foreign).refusal == "client_not_allowed"
        assert yard.answered() == answered


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name, options, alert", [
    (None, (), "certificate required|handshake failure|eof|closed|reset"),  # the last three where no alert is sent
    ("stranger", (), "certificate unknown"), ("late", ("--expired",), "certificate expired")])
def test_a_client_without_its_pinned_certificate_never_gets_as_far_as_http(yard, name, options, alert, version):
    answered, before = yard.answered(), yard.front.process.text().count("front_refused")
    with pytest.raises((ssl.SSLError, ConnectionError)) as refused:
        with yard.dial_tls(name, options, version) as s:
            s.sendall(request())
            if not s.recv(1):
                raise ConnectionResetError("closed")
    assert any(word in str(refused.value).lower().replace("_", " ") for word in alert.split("|")), refused.value
    assert yard.answered() == answered
    assert yard.front.process.text().count("front_refused") == before  # no HTTP was heard


def test_old_versions_of_tls_and_weak_ciphers_are_not_spoken(yard):
    certificate, key = map(str, yard.s.pki.tls("enrolment"))
    for options, works in ((["-tls1_2"], True), (["-tls1_3"], True), (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], False),
                           (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], False)):
        result = subprocess.run(["openssl", "s_client", "-connect", "%s:%s" % yard.tls, "-cert", certificate, "-key", key, *options],
                                input=b"Q", capture_output=True, timeout=20)
        assert (result.returncode == 0) == works, (options, result.stdout[-500:], result.stderr[-500:])


def test_no_session_is_resumed_and_no_ticket_is_given(yard):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with yard.dial_tls(version=version) as s:
            s.sendall(request())
            assert read_reply(s).status == 200
            assert not s.session.has_ticket


def test_a_user_of_a_unix_socket_speaks_for_its_subsystem_and_an_unknown_one_for_none(yard):
    assert ask(yard.dial(yard.peers_socket)).status == 200
    assert ask(yard.dial(yard.peers_socket), client=OTHER).refusal == "client_not_allowed"


ANOTHER_USER = """
import os, socket, sys
user, path = int(sys.argv[1]), sys.argv[2]
os.setgid(user), os.setuid(user)
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.sendall(sys.stdin.buffer.read())
sys.stdout.buffer.write(s.recv(65536))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("user, client, refusal", [(65534, OTHER, None), (65534, CLIENT, "client_not_allowed"),
                                                   (65533, CLIENT, "caller_unknown"), (65533, OTHER, "caller_unknown")])
def test_the_user_is_the_one_who_connected_whatever_it_says(yard, user, client, refusal):
    yard.front.folder.chmod(0o711)
    answered = yard.answered()
    result = subprocess.run([sys.executable, "-c", ANOTHER_USER, str(user), str(yard.peers_socket)],
                            input=request(client=client, extra=b"X-Road-UserId: root\r\n"), capture_output=True, timeout=30)
    if refusal:
        assert f"wasl-refusal: {refusal}".encode() in result.stdout.lower(), result
        assert yard.answered() == answered
    else:
        assert result.stdout.startswith(b"HTTP/1.1 200"), result


def test_a_faulty_listener_is_a_fault_with_its_line(yard, tmp_path):
    text = (yard.front.folder / "adapter.yaml").read_text()
    for old, new, words in ((f"{yard.s.pki.tls('enrolment')[0]}", "nothere.pem", "clients[0].certificate"),
                            ("user: 65534", "user: nobodyatall", "peers[1].user"),
                            ("address: 127.0.0.1:0", "address: 0.0.0.0:0", "without the key tls"),
                            (f"{yard.s.pki.tls('front')[1]}", f"{yard.s.pki.tls('exams')[1]}", ".tls: ")):
        assert old in text
        (tmp_path / "adapter.yaml").write_text(text.replace(old, new, 1))
        result = subprocess.run([yard.front.process.command[0], "--check", "--config", tmp_path / "adapter.yaml"],
                                capture_output=True, text=True)
        assert result.returncode == 2 and words in result.stderr, (words, result.stderr)


# --- another configuration while it runs ---

def reload(yard, listeners, **limits):
    """Takes up other listeners (and limits); waits until they are in force, or were refused."""
    config = {**yard.front.config, "listeners": listeners, "limits": limits}
    path = yard.front.folder / "adapter.yaml"
    before = path.read_text()
    path.write_text(yaml.safe_dump(config))
    words = ("configuration_in_force", "configuration_kept")
    count = sum(yard.front.process.text().count(w) for w in words)
    yard.front.process.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: sum(yard.front.process.text().count(w) for w in words) > count)
    path.write_text(before)
    return max(words, key=yard.front.process.text().rfind) == words[0]


@pytest.fixture
def listeners(yard):
    """A copy to change; those of the yard are in force again afterwards."""
    yield copy.deepcopy(yard.front.config["listeners"])
    assert reload(yard, yard.front.config["listeners"])
    yard.take_addresses()


def test_a_pin_that_is_taken_back_ends_with_the_next_request_also_on_an_open_connection(yard, listeners):
    with yard.dial_tls("exams") as exams, yard.dial_tls("enrolment") as enrolment, yard.dial(yard.peers_socket) as user:
        for s, client in ((exams, OTHER), (enrolment, CLIENT), (user, CLIENT)):
            s.sendall(request(client=client))
            assert read_reply(s).status == 200
        listeners[3]["tls"]["clients"] = [c for c in listeners[3]["tls"]["clients"] if c["subsystems"] != ["exams"]]
        listeners[2]["peers"] = listeners[2]["peers"][1:]
        assert reload(yard, listeners)
        enrolment.sendall(request())
        assert read_reply(enrolment).status == 200  # the same connection, undisturbed
        answered = yard.answered()
        for s, client in ((exams, OTHER), (user, CLIENT)):
            s.sendall(request(client=client))
            assert read_reply(s).refusal == "caller_unknown"
            assert s.recv(1) == b""
        assert yard.answered() == answered
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with yard.dial_tls("exams") as s:
            s.recv(1)


def test_a_new_certificate_of_the_listener_is_shown_from_the_next_handshake_on(yard, listeners):
    old = yard.s.pki.tls("front")[0].read_text()
    certificate, key = yard.s.pki.tls("renewed")
    with yard.dial_tls() as before:
        listeners[3]["tls"].update(certificate=str(certificate), key=str(key))
        assert reload(yard, listeners)
        with pytest.raises(ssl.SSLCertVerificationError):  # this client expects the old one
            yard.dial_tls()
        before.sendall(request())
        assert read_reply(before).status == 200
        assert ssl.DER_cert_to_PEM_cert(before.getpeercert(True)).split() == old.split()


def test_a_listener_that_is_removed_finishes_its_requests_and_another_opens(yard, listeners):
    data, plain = request(b"x" * 1000), yard.plain
    with yard.dial() as under_way, yard.dial() as idle:
        under_way.sendall(data[:-500])
        idle.sendall(request())
        assert read_reply(idle).status == 200
        del listeners[1]
        listeners.append({"address": "[::1]:0", "subsystems": ["exams"]})
        assert reload(yard, listeners)
        assert idle.recv(1) == b""
        with pytest.raises(ConnectionError):
            yard.dial(plain)
        under_way.sendall(data[-500:])
        assert read_reply(under_way).status == 200
    wait_until(lambda: f"listener_closed address={plain[0]}:{plain[1]}" in yard.front.process.text())
    port = int([a for a in (yard.front.state / "listeners").read_text().split() if a.startswith("[::1]")][0].rsplit(":", 1)[1])
    with socket.create_connection(("::1", port), 10) as s:
        s.sendall(request(client=OTHER))
        assert read_reply(s).status == 200


def test_a_configuration_that_cannot_be_opened_changes_nothing(yard, listeners):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listeners[3]["tls"]["clients"] = listeners[3]["tls"]["clients"][:1]
        listeners.append({"address": f"127.0.0.1:{taken.getsockname()[1]}", "subsystems": ["exams"]})
        assert not reload(yard, listeners)
    assert ask(yard.dial_tls("exams"), client=OTHER).status == 200
    assert "another program is on this port" in yard.front.process.text()
