# SPDX-License-Identifier: Apache-2.0
"""Random conversations of protocols without connections."""

import frame
from network import disturb, icmp_error
from script import Packet, child


def udp(rng, conn, _):
    one_way = rng.choice((.1, .5, 1))
    for _ in range(rng.randrange(1, 20)):
        reply = rng.random() > one_way
        if rng.random() < .15:
            yield icmp_error(rng, conn, reply)
            continue
        f = {"len": rng.choice((0, 1, 2, 100, 1400))}
        if rng.random() < .05:
            f["badsum"] = True
        yield Packet(conn, reply, "D", f)


def icmp(rng, conn, _):
    for seq in range(rng.randrange(1, 12)):
        reply = rng.random() < .1
        if rng.random() < .15:
            yield icmp_error(rng, conn, reply)
            continue
        f = {"seq": seq, "len": rng.choice((0, 1, 56, 57))}
        if rng.random() < .05:
            f["badsum"] = True
        if rng.random() < .02:
            f["code"] = 1
        yield Packet(conn, reply, "Q", f)
        while rng.random() < .6:
            yield Packet(conn, not reply, "R", dict(f))


def gre(rng, conn, _):
    """Without and with key; to the trackers it is all the same."""
    for packet in udp(rng, conn, None):
        if packet.kind == "D" and rng.random() < .3:
            packet.fields["key"] = rng.randrange(3)
        if packet.get("len") < 4 and rng.random() < .98:
            packet.fields["len"] = 4
        packet.fields.pop("badsum", None)
        yield packet


def other(rng, conn, _):
    for packet in udp(rng, conn, None):
        packet.fields.pop("badsum", None)
        yield packet


def fragments(rng, conn, _):
    """Datagrams in pieces, most of them complete."""
    one_way = rng.choice((.1, .5, 1))
    for number in range(rng.randrange(1, 8)):
        reply = rng.random() > one_way
        if rng.random() < .1:
            yield Packet(conn, reply, "D", {"len": 10})
            continue
        f = {"len": rng.choice((500, 900, 1400, 3000, 4000))}
        if rng.random() < .1:
            f["badsum"] = True
        for begin, end in arrivals(rng, pieces(rng, 8 + f["len"])):
            yield Packet(conn, reply, "D", dict(f, id=number, part="%d-%d"
                                                % (begin, end)))


SMALLEST, LARGEST = 400, 1400   # Of pieces; the last may be smaller.


def pieces(rng, size):
    """[(begin, end)] of so many bytes in two or more pieces."""
    out, at = [], 0
    while at < size:
        step = rng.choice((SMALLEST, 800, LARGEST)) \
            if rng.random() > .005 else 8 * rng.randrange(1, 40)
        if not at:
            step = min(step, (size - 1) // 8 * 8)
        out.append((at, min(at + step, size)))
        at += step
    return out


def arrivals(rng, parts):
    """In order or not; one may be missing, come twice, or overlap another."""
    parts, size = list(parts), parts[-1][1]
    if rng.random() < .5:
        rng.shuffle(parts)
    chance = rng.random()
    if chance < .1:
        parts.pop(rng.randrange(len(parts)))
    elif chance < .2:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(parts))
    elif chance < .24:
        begin, end = rng.choice(parts)
        begin = max(0, begin - 8 * rng.randrange(3))
        end = min(size, end + 8 * rng.randrange(3))
        parts.insert(rng.randrange(len(parts) + 1), (begin, end))
    return parts


def tftp(rng, conn, _):
    """RFC 1350: the server answers from a port of its own."""
    conn.sport, conn.helper = 69, "tftp"
    for n in range(rng.randrange(1, 5)):
        first = rng.choice(("\0\1", "\0\2", "\0\1", "\0\3", "\1", ""))
        request = Packet(conn, False, "D", {
            "say": first + rng.choice(("file\0octet\0", "", "x"))})
        yield request
        if rng.random() < .2:
            yield request
        if rng.random() < .1:
            yield Packet(conn, True, "D", {"len": 4})
        data = child(conn, n, frame.port_of(conn),
                     20000 + 4 * conn.number + n)
        for _ in range(rng.randrange(0, 4)):
            yield Packet(data, True, "D", {"len": 100})
            if rng.random() < .8:
                yield Packet(data, False, "D", {"len": 4})
