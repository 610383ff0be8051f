# SPDX-License-Identifier: Apache-2.0
"""Netlink messages of the kernel's tracker: header and attributes."""

import struct

NETLINK_NETFILTER = 12
NFNL_CTNETLINK, NFNL_CTNETLINK_EXP = 1 << 8, 2 << 8
MSG_NEW, MSG_GET, MSG_DELETE = range(3)
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED = 0x8000


def message(kind, flags, family, body=b"", subsystem=NFNL_CTNETLINK):
    return struct.pack("=IHHIIBBH", 20 + len(body), subsystem | kind,
                       NLM_F_REQUEST | flags, 1, 0, family, 0, 0) + body


def attr(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(
        -len(data) % 4)


def attrs(data):
    out, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        out[kind & 0x3fff] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return out
