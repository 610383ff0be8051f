# SPDX-License-Identifier: Apache-2.0
"""Random sessions of FTP, with the connections that they announce."""

import frame
from network import disturb
from script import child
from talk_tcp import Tcp

# Ports of data connections: where the client listens, where it comes from,
# and where the server listens.
ACTIVE, FROM, PASSIVE = 20000, 30000, 40000
PER_SESSION = 4


class Ftp(Tcp):
    """Lines are said by 'reply' 0 or 1; the other end acknowledges."""

    def __init__(self, rng, conn, script):
        Tcp.__init__(self, rng, conn)
        for end in self.ends:
            end.win, end.ws, end.sack, end.ts = 65535, None, False, False
        self.script = script
        self.announced = 0

    def line(self, reply, text, shift=0):
        """The peer will see it 'shift' bytes longer."""
        yield self.segment(reply, "PA", len(text), say=text)
        self.ends[reply].shift += shift
        if self.rng.random() < .9:
            yield self.ack(not reply)

    def login(self):
        for reply, text in ((1, "220 hello\r\n"), (0, "USER x\r\n"),
                            (1, "331 password\r\n"), (0, "PASS y\r\n"),
                            (1, "230 in\r\n")):
            yield from self.line(reply, text)

    def address(self, name):
        return frame.ADDRESSES[self.script.ip][name]

    def announcement(self, reply, port):
        """(kind, how it is said, by how much that grows on the way)"""
        own = "server" if reply else "client"
        other = {"snat": "client", "dnat": "server"}.get(self.script.nat)
        seen = self.script.nat if own == other else own
        a, b = self.address(own), self.address(seen)
        if self.rng.random() < .05:
            a = b = self.address("far")
        v4 = self.script.ip == 4
        if v4 and self.rng.random() < .5:
            numbers = ",".join(a.split(".") + [str(port >> 8),
                                               str(port & 255)])
            text = ("227 Passive (%s)\r\n" if reply else "PORT %s\r\n") \
                % numbers
        elif reply:
            return "229 Extended (|||%d|)\r\n" % port, 0
        else:
            text = "EPRT |%d|%s|%d|\r\n" % (1 if v4 else 2, a, port)
        return text, len(b) - len(a)

    def announce(self, passive):
        n = self.announced
        self.announced += 1
        at = PER_SESSION * self.conn.number + n
        port = (PASSIVE if passive else ACTIVE) + at
        text, grows = self.announcement(passive, port)
        if passive:
            yield from self.line(0, "EPSV\r\n" if "229" in text
                                 else "PASV\r\n")
        text = self.spoil(text)
        yield from self.line(passive, text, grows)
        if not passive:
            yield from self.line(1, "200 ok\r\n")
        yield from self.data_connection(
            child(self.conn, n, FROM + at if passive else port,
                  port if passive else 20), not passive)

    def spoil(self, text):
        """Now and then something that is no announcement."""
        if self.rng.random() > .05:
            return text
        return self.rng.choice((text.lower(), text[:-2], text[:12],
                                " " + text, text.replace(",", ";"),
                                text.replace("|", "!")))

    def data_connection(self, conn, by_server):
        data = Tcp(self.rng, conn)
        for end in data.ends:
            end.win, end.ws, end.sack, end.ts = 65535, None, False, False
        if self.rng.random() < .1:
            return
        packets = list(data.segments_of_transfer(by_server))
        yield from disturb(self.rng, iter(packets))

    def play(self):
        yield from self.handshake()
        yield from self.login()
        for _ in range(self.rng.randrange(1, PER_SESSION)):
            yield from self.announce(self.rng.random() < .5)
            if self.rng.random() < .3:
                yield self.rng.choice(self.ends[0].sent + self.ends[1].sent)
            yield from self.line(0, "NOOP\r\n")
            yield from self.line(1, "200 ok\r\n")
        yield from self.closing()


def ftp(rng, conn, script):
    conn.isn = tuple(rng.choice((1000, 0xfffffff0, rng.randrange(1 << 32)))
                     for _ in range(2))
    conn.sport, conn.helper = 21, "ftp"
    packets = Ftp(rng, conn, script).play()
    yield from disturb(rng, packets) if rng.random() < .2 else packets
