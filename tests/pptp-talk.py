# SPDX-License-Identifier: Apache-2.0
"""Conversations of PPTP (RFC 2637), message by message.

usage: pptp-talk.py CLIENT-NAMESPACE SERVER-NAMESPACE SERVER-ADDRESS
                    [SERVER-OWN-ADDRESS] <SCRIPT

One process talks for both ends, each through sockets of its own network
namespace, and says what arrives at the other end.  One step a line:

    A connect [CLIENT-ADDRESS]
                              control connection A is opened
    A> MESSAGE [FIELD=N...]   its client sends a message
    A< MESSAGE [FIELD=N...]   its server does
    A> raw HEX                any bytes
    A> gre KEY                its client sends a packet of GRE, version 1
    A< gre KEY
    A> gre0                   of GRE, version 0
    A close
    # ...                     repeated in the output

In the place of N may stand "@MESSAGE.FIELD": that field of the last such
message, as its receiver saw it: what an answer needs.  Output: the step,
" -> ", and what arrived: a message's fields, or "nothing".  That nothing
arrived is known when what was sent behind it did.
"""

import ctypes
import os
import select
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000
PORT, COOKIE = 1723, 0x1a2b3c4d
GRE = socket.IPPROTO_GRE
DEADLINE = 10

# Name: type, fields, zeros behind them.
MESSAGES = {
    "start-request": (1, "", 144),
    "start-reply": (2, "version:H result:B", 141),
    "stop-request": (3, "", 4),
    "stop-reply": (4, "result:B", 3),
    "echo-request": (5, "n:I", 0),
    "echo-reply": (6, "n:I", 4),
    "out-request": (7, "id:H", 154),
    "out-reply": (8, "id:H peer:H result:B", 15),
    "in-request": (9, "id:H", 206),
    "in-reply": (10, "id:H peer:H result:B", 7),
    "in-connected": (11, "peer:H", 14),
    "clear-request": (12, "id:H", 2),
    "disconnect": (13, "id:H", 134),
    "wan-error": (14, "peer:H", 26),
    "link-info": (15, "peer:H", 10),
}
NAMES = {v[0]: k for k, v in MESSAGES.items()}


def layout(name):
    fields = [f.split(":") for f in MESSAGES[name][1].split()]
    return [f[0] for f in fields], "!" + "".join(f[1] for f in fields)


def build(name, values):
    names, form = layout(name)
    body = struct.pack(form, *(values.get(n, 0) for n in names))
    body += bytes(MESSAGES[name][2])
    return struct.pack("!HHIHH", len(body) + 12, 1, COOKIE,
                       MESSAGES[name][0], 0) + body


def parse(data):
    length, kind, cookie, number = struct.unpack_from("!HHIH", data)
    if kind != 1 or cookie != COOKIE or number not in NAMES:
        return "raw", {}
    names, form = layout(NAMES[number])
    return NAMES[number], dict(zip(names, struct.unpack_from(form, data, 12)))


def in_namespace(name, make):
    """What make() returns, made in that namespace."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open("/run/netns/" + name, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.setns(other, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        return make()
    finally:
        libc.setns(own, CLONE_NEWNET)
        os.close(own)
        os.close(other)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listener(address):
    s = socket.socket(family_of(address))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, PORT))
    s.listen()
    s.settimeout(DEADLINE)
    return s


def read_message(sock):
    data = b""
    while len(data) < 2 or len(data) < struct.unpack_from("!H", data)[0]:
        more = sock.recv(65536)
        if not more:
            return data
        data += more
    return data


class Talk:
    def __init__(self, client, server, address, own):
        self.client, self.server, self.address = client, server, address
        self.listener = in_namespace(server, lambda: listener(own))
        raw = (family_of(address), socket.SOCK_RAW, GRE)
        self.gre = {">": in_namespace(client, lambda: socket.socket(*raw)),
                    "<": in_namespace(server, lambda: socket.socket(*raw))}
        self.conns = {}
        self.last = {}

    def connect(self, name, source=""):
        def make():
            s = socket.socket(family_of(self.address))
            s.settimeout(DEADLINE)
            if source:
                s.bind((source, 0))
            s.connect((self.address, PORT))
            return s
        near = in_namespace(self.client, make)
        far, peer = self.listener.accept()
        far.settimeout(DEADLINE)
        for s in near, far:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.conns[name] = {">": near, "<": far, "peer": peer}
        return "from " + peer[0]

    def value(self, conn, text):
        if text.startswith("@"):
            return self.last.get((conn, text[1:]), 0)
        return int(text, 0)

    def send_message(self, conn, to, data):
        sock = self.conns[conn]
        other = "<" if to == ">" else ">"
        sock[to].sendall(data)
        got = read_message(sock[other])
        name, fields = parse(got)
        for field, value in fields.items():
            self.last[conn, name + "." + field] = value
        if name == "raw":
            return "same bytes" if got == data else got.hex()
        return " ".join(["%s=%d" % f for f in fields.items()]
                        or ["arrived"])

    def send_gre(self, conn, to, packet):
        sock = self.conns[conn]
        if to == ">":
            source = sock[">"].getsockname()
            target = self.address
        else:
            source = sock["<"].getsockname()
            target = sock["peer"][0]
        self.gre[to].bind((source[0], 0))
        self.gre[to].sendto(packet, (target, 0))
        return self.receive_gre(conn, to)

    def receive_gre(self, conn, to):
        other = "<" if to == ">" else ">"
        out = []
        # What follows on the control connection arrives behind it.
        self.conns[conn][to].sendall(build("echo-request", {"n": 1}))
        read_message(self.conns[conn][other])
        while select.select([self.gre[other]], [], [], 0)[0]:
            data, source = self.gre[other].recvfrom(4096)
            if ":" not in source[0]:
                data = data[(data[0] & 15) * 4:]
            if data[1] & 7 == 1:
                out.append("key=%d from %s" % (
                    struct.unpack_from("!H", data, 6)[0], source[0]))
            else:
                out.append("version %d from %s" % (data[1] & 7, source[0]))
        return ", ".join(out) or "nothing"

    def step(self, words):
        conn, to = words[0][0], words[0][1:]
        if words[0][1:] == "":
            if words[1] == "connect":
                return self.connect(conn, *words[2:])
            for side in "<>":
                self.conns[conn][side].close()
            return "closed"
        if words[1] == "gre":
            key = self.value(conn, words[2])
            return "key=%d: " % key + self.send_gre(
                conn, to, struct.pack("!BBHHHI", 0x30, 1, 0x880b, 4, key, 1)
                + b"ppp.")
        if words[1] == "gre0":
            return self.send_gre(conn, to, struct.pack("!HH", 0, 0x800)
                                 + b"none")
        if words[1] == "raw":
            return self.send_message(conn, to, bytes.fromhex(words[2]))
        values = dict(w.split("=") for w in words[2:])
        values = {k: self.value(conn, v) for k, v in values.items()}
        return self.send_message(conn, to, build(words[1], values))


def main():
    talk = Talk(*sys.argv[1:4], (sys.argv[4:] or sys.argv[3:])[0])
    for line in sys.stdin:
        words = line.split("#")[0].split()
        if not words:
            if line.startswith("#"):
                print(line.rstrip(), flush=True)
            continue
        try:
            result = talk.step(words)
        except OSError as error:
            result = "failed: %s" % error
        print(" ".join(words), "->", result, flush=True)


main()
