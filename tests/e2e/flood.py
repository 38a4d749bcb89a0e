"""An attacker of its own process, at the lowest priority, because it stands for another machine: python3 flood.py ENDPOINT SERVER KEY
FILE KIND. FILE holds frames of signed messages, made before: u32 length and bytes, three for each message, HELLO first; when all are
sent, once more. KIND valid, bad: sends them as fast as credit lets it; half_open: keeps 2,000 connections that say nothing. Says
`ready`, and at its end how many it sent."""
import os
import pathlib
import select
import signal
import socket
import struct
import sys
import time

import zmq

sys.path.insert(0, os.path.dirname(__file__))
from waslpy.rawlink import address  # noqa: E402


def frames_of(path):
    data, at, out = pathlib.Path(path).read_bytes(), 0, []
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        out.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return [out[i:i + 3] for i in range(0, len(out), 3)]


def flood(endpoint, server, key, path):
    """The first message is HELLO; credit comes as WELCOME and CREDIT say. Everything else that comes is dropped."""
    from waslpy import proto, session
    public, secret = session.link_key(key)
    link = zmq.Context().socket(zmq.DEALER)
    session.curve(link, public, secret, bytes.fromhex(server))
    link.connect(endpoint)
    messages = frames_of(path)
    credit, sent, hello = 0, 0, 0
    while not ending:
        if hello is not None and time.monotonic() > hello + 2:
            hello = time.monotonic()
            link.send_multipart(messages[0])
        while credit and not ending:
            link.send_multipart(messages[1 + sent % (len(messages) - 1)])
            sent, credit = sent + 1, credit - 1
            if sent % 16 == 0 and link.poll(0):
                break
        if not link.poll(100):
            continue
        message = session.Message.parse(link.recv_multipart())
        if message.name == "WELCOME":
            credit = message.message.credit_messages
            if hello is not None:
                print("ready", flush=True)
            hello = None
        elif message.name == "CREDIT":
            credit += message.message.messages
        elif message.name == "PING":
            link.send_multipart(session.Message(session.VERBS["PONG"], proto.session.Pong(nonce=message.message.nonce)).frames())
    return sent


def half_open(endpoint, count=2000):
    where, held, made, told = address(endpoint), [], 0, False
    while not ending:
        if made >= count and not told:
            told = True
            print("ready", flush=True)
        while len(held) < count and not ending:
            try:
                held.append(socket.create_connection(where, 2))
                made += 1
            except OSError:
                time.sleep(0.05)
        poll, by_fd = select.poll(), {s.fileno(): s for s in held}
        for s in held:
            poll.register(s, select.POLLIN)
        gone = {fd for fd, _ in poll.poll(50) if not read(by_fd[fd])}
        for fd in gone:
            by_fd[fd].close()
        held = [s for s in held if s.fileno() != -1]
    return made


def read(s):
    try:
        return s.recv(4096, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return b""


def end(*_):
    global ending
    ending = True


ending = False
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    os.nice(19)
    bus, server_key, key_file, messages_file, kind = sys.argv[1:]
    print(half_open(bus) if kind == "half_open" else flood(bus, server_key, key_file, messages_file), flush=True)
