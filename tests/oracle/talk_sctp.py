# SPDX-License-Identifier: Apache-2.0
"""Random associations of SCTP that are plausible, mostly."""

from network import disturb, icmp_error
from script import Packet


class Association:
    """'tags' are those that client and server ask for: an end puts the
    other's on its packets."""

    def __init__(self, rng, conn):
        self.rng = rng
        self.conn = conn
        self.tags = [self.new_tag(), self.new_tag()]

    def new_tag(self):
        return self.rng.randrange(1, 1 << 32)

    def packet(self, reply, kind, **fields):
        f = {"vtag": self.tags[not reply]}
        f.update(fields)
        return Packet(self.conn, reply, kind, f)

    def init(self, reply):
        return self.packet(reply, "INIT", vtag=0, init=self.tags[reply])

    def init_ack(self, reply):
        return self.packet(reply, "INIT_ACK", init=self.tags[reply])

    def cookies(self, reply):
        yield self.packet(reply, self.rng.choice(
            ("COOKIE_ECHO", "COOKIE_ECHO", "COOKIE_ECHO,DATA")))
        yield self.packet(not reply, self.rng.choice(
            ("COOKIE_ACK", "COOKIE_ACK", "COOKIE_ACK,SACK")))

    def handshake(self, reply=False):
        yield self.init(reply)
        if self.rng.random() < .1:
            yield self.init(reply)
        yield self.init_ack(not reply)
        yield from self.cookies(reply)

    def collision(self):
        """Both ends open (RFC 9260 section 5.2.1)."""
        yield self.init(False)
        yield self.init(True)
        answers = [self.init_ack(True), self.init_ack(False)]
        self.rng.shuffle(answers)
        yield from answers
        if self.rng.random() < .5:
            yield from self.cookies(True)
        yield from self.cookies(False)

    def stale_cookie(self):
        yield self.init(False)
        yield self.init_ack(True)
        yield self.packet(False, "COOKIE_ECHO")
        yield self.packet(True, "ERROR")
        yield from self.handshake()

    def restart(self):
        """An end has forgotten all and opens again, with another tag."""
        reply = self.rng.random() < .3
        self.tags[reply] = self.new_tag()
        if self.rng.random() < .7:
            self.tags[not reply] = self.new_tag()
        yield from self.handshake(reply)

    def transfer(self):
        for _ in range(self.rng.randrange(1, 8)):
            reply = self.rng.random() < .5
            yield self.packet(reply, self.rng.choice(
                ("DATA", "DATA", "DATA,DATA", "SACK,DATA", "SACK")))
            if self.rng.random() < .7:
                yield self.packet(not reply, "SACK")

    def heartbeat(self):
        reply = self.rng.random() < .5
        wrong = self.rng.random() < .3
        fields = {"vtag": self.new_tag()} if wrong else {}
        yield self.packet(reply, "HEARTBEAT", **fields)
        if self.rng.random() < .8:
            fields = {"vtag": self.new_tag()} if wrong else {}
            yield self.packet(not reply, "HEARTBEAT_ACK", **fields)
        if self.rng.random() < .5:
            yield from self.transfer()

    def other_path(self):
        """Of an association that has several: no INIT is seen."""
        yield self.packet(False, "HEARTBEAT")
        if self.rng.random() < .8:
            yield self.packet(True, "HEARTBEAT_ACK")
        yield from self.transfer()

    def closing(self):
        reply = self.rng.random() < .5
        yield self.packet(reply, "SHUTDOWN")
        if self.rng.random() < .3:
            yield self.packet(not reply, "DATA")
            yield self.packet(reply, "SHUTDOWN,SACK")
        yield self.packet(not reply, "SHUTDOWN_ACK")
        if self.rng.random() < .9:
            yield self.packet(reply, "SHUTDOWN_COMPLETE")

    def abort(self):
        reply = self.rng.random() < .5
        if self.rng.random() < .5:
            yield self.packet(reply, "ABORT")
        else:
            tag = self.rng.choice((self.tags[reply], self.tags[not reply]))
            yield self.packet(reply, "ABORT", tbit=True, vtag=tag)

    def out_of_the_blue(self):
        kind = self.rng.choice(("DATA", "SHUTDOWN_ACK", "COOKIE_ECHO", "ABORT",
                                "SHUTDOWN", "INIT_ACK", "ERROR", "COOKIE_ACK",
                                "SHUTDOWN_COMPLETE", "HEARTBEAT_ACK"))
        reply = self.rng.random() < .3
        yield self.packet(reply, kind, **self.init_fields(kind))
        if self.rng.random() < .5:
            yield self.packet(not reply, self.rng.choice(
                ("ABORT", "SHUTDOWN_COMPLETE")), tbit=True,
                vtag=self.tags[not reply])

    def init_fields(self, kind):
        return {"init": self.new_tag()} if "INIT" in kind else {}

    def wild(self):
        """Any chunks, tags that may be wrong, packets that may be broken."""
        kinds = ("INIT", "INIT_ACK", "COOKIE_ECHO", "COOKIE_ACK", "DATA",
                 "SACK", "HEARTBEAT", "HEARTBEAT_ACK", "SHUTDOWN",
                 "SHUTDOWN_ACK", "SHUTDOWN_COMPLETE", "ABORT", "ERROR")
        for _ in range(self.rng.randrange(1, 6)):
            reply = self.rng.random() < .5
            n = self.rng.choice((1, 1, 1, 1, 2, 3))
            kind = ",".join(self.rng.choice(kinds) for _ in range(n))
            f = dict(self.init_fields(kind))
            f["vtag"] = self.rng.choice(
                (self.tags[not reply],) * 6 + (0, self.tags[reply],
                                               self.new_tag()))
            for name, chance in (("tbit", .1), ("badsum", .05),
                                 ("badlen", .05)):
                if self.rng.random() < chance:
                    f[name] = True
            yield self.packet(reply, kind, **f)

    def error(self):
        yield icmp_error(self.rng, self.conn, self.rng.random() < .5)

    def play(self):
        start = self.rng.choice((self.handshake,) * 10 + (
            self.collision, self.collision, self.stale_cookie, self.other_path,
            self.out_of_the_blue, self.wild))
        yield from start()
        for _ in range(self.rng.randrange(0, 5)):
            yield from self.rng.choice((self.transfer,) * 4 + (
                self.heartbeat, self.heartbeat, self.wild, self.restart,
                self.error))()
        yield from self.rng.choice((self.closing,) * 3 + (
            self.abort, self.transfer, self.wild))()
        for _ in range(self.rng.choice((0, 0, 1, 1, 2))):
            yield from self.rng.choice((
                self.restart, self.restart, self.wild, self.abort,
                self.heartbeat, self.out_of_the_blue, self.closing))()


def sctp(rng, conn, _):
    yield from disturb(rng, Association(rng, conn).play())
