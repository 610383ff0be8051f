# SPDX-License-Identifier: Apache-2.0
"""What a network does to conversations: errors, loss, and disorder."""

from script import Packet


def icmp_error(rng, conn, reply, quoted=None):
    kind = {"tcp": "A", "icmp": "Q", "sctp": "DATA"}.get(conn.proto, "D")
    quoted = quoted or Packet(conn, not reply, kind, (
        {"len": 8} if conn.proto == "gre" else {}))
    if conn.proto == "icmp" and rng.random() < .2:
        quoted = Packet(conn, not reply, "R", quoted.fields)
    f = {}
    if rng.random() < .5:
        f["type"] = rng.choice((1, 2, 3, 4, 3, 3, 11, 12, 5))
        f["code"] = rng.choice((0, 1, 3, 4))
    if rng.random() < .5:
        f["from"] = "router"
    if rng.random() < .3:
        f["cut"] = rng.choice((0, 4, 7, 8, 20, 500))
    if rng.random() < .05:
        f["badsum"] = True
    return Packet(conn, reply, "E", f, quoted)


def disturb(rng, packets):
    """The same packets as a lossy network gives them."""
    loss, late, twice = (rng.choice((0, 0, .03, .15)) for _ in range(3))
    waiting = []
    for packet in packets:
        if rng.random() < loss:
            continue
        if rng.random() < late:
            waiting.append(packet)
            continue
        yield packet
        if rng.random() < twice:
            yield packet
        if waiting and rng.random() < .5:
            yield waiting.pop(rng.randrange(len(waiting)))
    yield from waiting
