# SPDX-License-Identifier: Apache-2.0
"""What messages of ctnetlink say: the kernel's connections and
expectations."""

import functools
import struct

import frame
from nfnetlink import NLA_F_NESTED, attr, attrs
from outcome import Connection, Expectation

EXPECT_PERMANENT = 1


@functools.lru_cache(1 << 16)
def tuple_attr(ip, proto, t):
    src, dst, sport, dport = t
    at = 1 if ip == 4 else 3
    addresses = attr(at, src) + attr(at + 1, dst)
    number = frame.proto_number(ip, proto)
    body = attr(1, bytes((number,)))
    if proto == "icmp":
        at = 4 if ip == 4 else 7
        body += attr(at, struct.pack("!H", sport))
        body += attr(at + 1, bytes((8 if ip == 4 else 128,)))
        body += attr(at + 2, b"\0")
    elif proto != "other":
        body += attr(2, struct.pack("!H", sport))
        body += attr(3, struct.pack("!H", dport))
    return attr(1 | NLA_F_NESTED, attr(1 | NLA_F_NESTED, addresses)
                + attr(2 | NLA_F_NESTED, body))


@functools.lru_cache(1 << 16)
def parse_tuple(data):
    t = attrs(data)
    addresses, proto = attrs(t[1]), attrs(t[2])
    src, dst = (addresses.get(i) or addresses.get(i + 2) for i in (1, 2))
    identifier = proto.get(4) or proto.get(7)
    if identifier:
        number = int.from_bytes(identifier, "big")
        return src, dst, number, number, (proto.get(5) or proto.get(8))[0]
    return (src, dst, int.from_bytes(proto.get(2, b"\0"), "big"),
            int.from_bytes(proto.get(3, b"\0"), "big"), 0)


@functools.lru_cache(1 << 16)
def parse_protocol(data):
    """(state, tcp, vtags) of a connection."""
    info = attrs(data)
    if 1 in info:
        t = attrs(info[1])
        return t[1][0], (t[4][0], t[5][0], t[2][0], t[3][0]), None
    if 3 in info:
        t = attrs(info[3])
        return t[1][0], None, tuple(int.from_bytes(t[i], "big")
                                    for i in (2, 3))
    return 0, None, None


def parse_connection(data):
    a = attrs(data)
    state, tcp, vtags = parse_protocol(a.get(4, b""))
    return Connection(state, int.from_bytes(a[3], "big"),
                      int.from_bytes(a.get(7, b"\0"), "big"),
                      [parse_tuple(a[1]), parse_tuple(a[2])], tcp, vtags)


def parse_expectation(data):
    a = attrs(data)
    src, dst, _, dport, _ = parse_tuple(a[2])
    if not any(parse_tuple(a[3])[0]):
        src = None
    return Expectation((src, dst, 0, dport), bool(
        int.from_bytes(a[8], "big") & EXPECT_PERMANENT),
        int.from_bytes(a[4], "big"))
