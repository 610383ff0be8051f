# SPDX-License-Identifier: Apache-2.0
"""What comes out of a router: frames told apart, and made comparable."""

import struct

import frame as frames

FRAGMENT = 44                   # Next header of IPv6.


def is_ipv6(frame):
    return frame[12:14] == b"\x86\xdd"


def number_of(frame):
    """The number that frame.build() was given."""
    at = 16 if is_ipv6(frame) else 18
    return int.from_bytes(frame[at:at + 2], "big")


def mark_of(frame):
    """The DSCP, in which the kernel's side says the state."""
    if is_ipv6(frame):
        return (int.from_bytes(frame[14:16], "big") >> 4 & 0xff) >> 2
    return frame[15] >> 2


def normalise(out):
    """The IP packet that came out, as one frame or as fragments, without what
    a router, or the mark of the state, changes: TTL, TOS, and the size of
    fragments.  Of a wrong IPv4 header checksum something stays."""
    parts = sorted((place(f), without_ttl(f)) for f in out)
    if parts[0][0] is None:
        return parts[0][1]
    ip = 6 if is_ipv6(out[0]) else 4
    data = joined([(at, more, data[48 if ip == 6 else 20:])
                   for (at, more), data in parts])
    return header_of_whole(parts[0][1], ip, len(data)) + data


def place(frame):
    """(offset, whether more follow) of a fragment, None of what is none."""
    if not is_ipv6(frame):
        word = int.from_bytes(frame[20:22], "big")
        return ((word & 0x1fff) * 8, bool(word & 0x2000)) \
            if word & 0x3fff else None
    if frame[20] != FRAGMENT:
        return None
    word = int.from_bytes(frame[56:58], "big")
    return word & 0xfff8, bool(word & 1)


def without_ttl(frame):
    data = bytearray(frame[14:])
    if is_ipv6(frame):
        data = data[:40 + int.from_bytes(data[4:6], "big")]
        data[0:2] = b"\x60\0"
        data[7] = 0
        return bytes(data)
    data = data[:int.from_bytes(data[2:4], "big")]
    wrong = frames.checksum(bytes(data[:20]))
    data[1] = data[8] = 0
    data[10:12] = struct.pack("!H", wrong)
    return bytes(data)


def header_of_whole(first, ip, length):
    """The header that the datagram of a first fragment would have."""
    if ip == 6:
        return first[:4] + struct.pack("!H", length) + first[40:41] \
            + first[7:40]
    return first[:2] + struct.pack("!H", 20 + length) + first[4:6] + b"\0\0" \
        + first[8:20]


def joined(parts):
    """The data of fragments; a hole shows."""
    out, end, more = b"", 0, True
    for at, more, data in parts:
        out += data if at == end else b"<%d, not %d>" % (at, end) + data
        end = at + len(data)
    return out + (b"<more>" if more else b"")


def icmp_checksum_is_good(data, ip):
    """Of an IP packet."""
    if ip == 4:
        return frames.checksum(data[20:]) == 0
    return frames.checksum(frames.pseudo(
        data[8:24], data[24:40], 58, len(data) - 40) + data[40:]) == 0


def without_number(data, ip):
    """An IP packet without what tells it from one that is sent again."""
    return data[:2] + data[4:] if ip == 6 else data[:4] + data[6:]
