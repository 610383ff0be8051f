# SPDX-License-Identifier: Apache-2.0
"""Random TCP connections that are plausible, mostly."""

from network import disturb, icmp_error
from script import Packet


class End:
    """One end of a TCP connection, as far as packets need it."""

    def __init__(self, rng):
        self.next = 0               # What it sends next, relative.
        self.acked = 0              # What it has acknowledged.
        self.win = rng.choice((0, 1, 500, 1000, 8192, 29200, 65535, 65535))
        self.ws = rng.choice((None, 0, 2, 7, 7, 14))
        self.sack = rng.random() < .7
        self.ts = rng.random() < .3
        self.sent = []              # To be sent again.
        self.shift = 0              # The peer sees it so many bytes later.


class Tcp:
    def __init__(self, rng, conn):
        self.rng = rng
        self.conn = conn
        self.ends = End(rng), End(rng)

    # Single segments.

    def segment(self, reply, flags, length=0, **fields):
        me, peer = self.ends[reply], self.ends[not reply]
        f = {"seq": me.next, "win": me.win}
        if "A" in flags:
            f["ack"] = peer.next + peer.shift
            me.acked = peer.next
        if length and "say" not in fields:
            f["len"] = length
        if me.ts:
            f["ts"] = True
        f.update(fields)
        packet = Packet(self.conn, reply, flags, f)
        me.next = max(me.next, f["seq"] + length + ("S" in flags)
                      + ("F" in flags))
        me.sent.append(packet)
        del me.sent[:-8]
        return packet

    def syn(self, reply, flags="S"):
        me = self.ends[reply]
        f = {"seq": me.next}
        if me.ws is not None:
            f["ws"] = me.ws
        if me.sack:
            f["sackok"] = True
        if self.rng.random() < .5:
            f["mss"] = True
        return self.segment(reply, flags, **f)

    def data(self, reply):
        return self.segment(reply, self.rng.choice(("A", "PA", "PA", "AU")),
                            self.rng.choice((1, 10, 100, 536, 1400)))

    def ack(self, reply):
        return self.segment(reply, "A")

    # Pieces of conversations.

    def handshake(self):
        yield self.syn(False)
        if self.rng.random() < .15:
            yield self.ends[False].sent[-1]
        yield self.syn(True, "SA")
        if self.rng.random() < .1:
            yield self.ends[True].sent[-1]
        yield self.ack(False)

    def segments_of_transfer(self, by_server):
        """A whole connection that one end opens, uses, and closes."""
        yield self.syn(by_server)
        yield self.syn(not by_server, "SA")
        yield self.ack(by_server)
        yield from self.transfer()
        yield from self.closing()

    def simultaneous_open(self):
        first = self.syn(False)
        second = self.syn(True)
        yield first
        yield second
        answers = [Packet(self.conn, r, "SA", dict(p.fields, ack=1))
                   for r, p in ((False, first), (True, second))]
        self.rng.shuffle(answers)
        yield from answers
        yield self.ack(self.rng.random() < .5)
        yield self.ack(self.rng.random() < .5)

    def split_handshake(self):
        yield self.syn(False)
        if self.rng.random() < .7:
            yield self.segment(True, "A", ack=1, seq=self.rng.choice((0, 7)))
        yield self.syn(True)
        yield self.segment(False, "SA", seq=0, ack=1)
        yield self.ack(True)

    def half_open(self):
        """The server still has a connection, or the client forgot one."""
        yield self.syn(False)
        old = self.rng.choice((5000, 1 << 20, -3000))
        yield self.segment(True, "A", seq=old, ack=self.rng.choice((1, old)))
        yield Packet(self.conn, False, "R", {
            "seq": self.rng.choice((old, 1, old + 1)), "win": 0})
        yield from self.again()

    def refused(self):
        yield self.syn(False)
        yield Packet(self.conn, True, "RA", {
            "seq": self.rng.choice((0, 0, -self.conn.isn[1])), "ack": 1,
            "win": 0})
        yield from self.again()

    def again(self):
        """Ports are used again, with higher numbers or lower ones."""
        far = self.rng.choice((100000, 1 << 22, 1 << 30, -70000, 0))
        for end in self.ends:
            end.next += far
        yield from self.handshake()

    def transfer(self):
        for _ in range(self.rng.randrange(1, 12)):
            reply = self.rng.random() < .5
            yield self.data(reply)
            if self.rng.random() < .7:
                yield self.ack(not reply)

    def closing(self):
        reply = self.rng.random() < .5
        yield self.segment(reply, self.rng.choice(("FA", "FA", "FPA")),
                           self.rng.choice((0, 0, 20)))
        if self.rng.random() < .8:
            yield self.ack(not reply)
        if self.rng.random() < .3:
            yield self.data(not reply)
            yield self.ack(reply)
        if self.rng.random() < .1:
            return
        yield self.segment(not reply, "FA")
        yield self.ack(reply)

    def reset(self):
        reply = self.rng.random() < .5
        me, peer = self.ends[reply], self.ends[not reply]
        off = self.rng.choice((0, 0, 0, 1, -1, 100, -100, 70000, -70000,
                               1 << 30))
        flags = self.rng.choice(("R", "RA"))
        f = {"seq": self.rng.choice((me.next, peer.acked)) + off, "win": 0}
        if flags == "RA":
            f["ack"] = peer.next + self.rng.choice((0, 0, 0, 1, 3000, -9999))
        yield Packet(self.conn, reply, flags, f)
        if self.rng.random() < .5:
            # A challenge ACK, and the RST that it draws.
            yield self.ack(not reply)
            yield Packet(self.conn, reply, "R", {"seq": peer.acked, "win": 0})

    def challenge(self):
        """A SYN in the midst, and the answers."""
        reply = self.rng.random() < .3
        me = self.ends[reply]
        far = self.rng.choice((0, 1000, 1 << 24, -9999))
        old = me.next
        yield self.syn(reply)
        yield Packet(self.conn, not reply, "A", {
            "seq": self.ends[not reply].next, "ack": old, "win": 1000})
        kind = self.rng.randrange(3)
        if kind == 0:
            yield Packet(self.conn, reply, "R", {"seq": old, "win": 0})
        elif kind == 1:
            self.ends[not reply].next += far
            yield self.syn(not reply, "SA")
            yield self.ack(reply)
        else:
            me.next = old

    def keepalive(self):
        reply = self.rng.random() < .5
        for _ in range(self.rng.randrange(1, 6)):
            yield Packet(self.conn, reply, "A", {
                "seq": self.ends[reply].next - 1, "win": 1000,
                "ack": self.ends[not reply].next})
            if self.rng.random() < .6:
                yield self.ack(not reply)

    def closed_window(self):
        reply = self.rng.random() < .5
        yield self.segment(reply, "A", win=0)
        for _ in range(self.rng.randrange(1, 5)):
            yield self.segment(not reply, "A", 1)
        yield self.segment(reply, "A")

    def wild(self):
        """Numbers at the edges of windows, and beyond."""
        for _ in range(self.rng.randrange(1, 6)):
            reply = self.rng.random() < .5
            me, peer = self.ends[reply], self.ends[not reply]
            win = peer.win << (peer.ws or 0)
            off = self.rng.choice((0, 0, 0, 1, -1, win, win + 1, win - 1, -win,
                                   -win - 1, -66000, -66001, 99999, 1 << 31))
            ack = self.rng.choice((0, 0, 0, 0, 1, -1, 2000, -66000, -66001,
                                   -win, -win - 1, 1 << 31))
            f = {"seq": me.next + off, "ack": peer.next + ack,
                 "win": self.rng.choice((0, 1, me.win, me.win))}
            length = self.rng.choice((0, 0, 1, 100, 1000))
            if length:
                f["len"] = length
            if self.rng.random() < .1:
                f["badsum"] = True
            flags = self.rng.choice(("A", "A", "A", "PA", "FA", "RA", "SA",
                                     "S", "R", "F", "-", "SF", "SR", "PAU",
                                     "FR", "FSRPAU", "SU", "SEC"))
            yield Packet(self.conn, reply, flags, f)

    def sacks(self):
        reply = self.rng.random() < .5
        me, peer = self.ends[reply], self.ends[not reply]
        for _ in range(self.rng.randrange(1, 4)):
            lost = self.data(not reply)
            start = peer.next
            yield self.data(not reply)
            yield self.segment(reply, "A", ack=lost.get("seq"),
                               sack="%d-%d" % (start, peer.next))
            yield lost
            yield self.ack(reply)
        if self.rng.random() < .3:
            yield self.segment(reply, "A", sack="%d-%d" % (
                peer.next, peer.next + self.rng.choice((1, 100, 1 << 20))))

    def retransmissions(self):
        reply = self.rng.random() < .5
        packet = self.data(reply)
        for _ in range(self.rng.randrange(2, 6)):
            yield packet
        if self.rng.random() < .8:
            yield self.ack(not reply)

    def error(self):
        """An ICMP error about what was sent lately, or about nothing."""
        reply = self.rng.random() < .5
        sent = self.ends[not reply].sent
        yield icmp_error(self.rng, self.conn, reply,
                         self.rng.choice(sent) if sent else None)

    def again_after_end(self):
        yield from self.again()
        yield from self.transfer()

    def play(self):
        start = self.rng.choice(
            (self.handshake,) * 10 + (self.simultaneous_open,
                                      self.split_handshake, self.half_open,
                                      self.refused, self.transfer, self.wild))
        yield from start()
        for _ in range(self.rng.randrange(0, 5)):
            yield from self.rng.choice(
                (self.transfer,) * 6 + (self.sacks, self.keepalive,
                                        self.closed_window, self.wild,
                                        self.challenge, self.retransmissions,
                                        self.reset, self.error))()
        yield from self.rng.choice((self.closing,) * 3 + (
            self.reset, self.transfer, self.wild))()
        for _ in range(self.rng.choice((0, 0, 1, 1, 2))):
            yield from self.rng.choice((
                self.again_after_end, self.again, self.wild, self.reset,
                self.error, self.keepalive, self.refused, self.half_open,
                self.challenge, self.closing))()


def tcp(rng, conn, _):
    conn.isn = tuple(rng.choice((1000, 0xfffffff0, 0x7fffff00,
                                 rng.randrange(1 << 32))) for _ in range(2))
    yield from disturb(rng, Tcp(rng, conn).play())
