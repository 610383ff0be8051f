# SPDX-License-Identifier: Apache-2.0
"""Scripts of random conversations.

Each conversation is a generator of packets.  A script plays many of them at
once, a few packets of each in turn, and makes all timeouts longer or shorter
in between: so a timeout that is set anew differs from one that is kept.
"""

import itertools
import random

import talk_datagrams
import talk_ftp
import talk_sctp
import talk_tcp
from script import Conversation, Script

LONGER = 50
WAIT = 2.2
# Of protocols that have timeouts of few seconds: none is to be over by chance.
SHORT = 1000, 1000 + LONGER


class Family:
    """'talk' is the generator, of (random numbers, conversation, script); it
    may yield packets of further conversations, see child().  'proto' is the
    protocol, if the name is another."""

    def __init__(self, talk, proto=None, longer=(0, LONGER), wait=False,
                 batch=50000):
        self.talk = talk
        self.proto = proto
        self.longer = longer    # In turn.
        self.wait = wait        # Even short scripts are to wait once.
        self.batch = batch      # Packets of a script.


# The kernel keeps the timeouts that there were when a connection of GRE began.
FAMILIES = {
    "tcp": Family(talk_tcp.tcp),
    "udp": Family(talk_datagrams.udp, wait=True),
    "icmp": Family(talk_datagrams.icmp),
    "sctp": Family(talk_sctp.sctp, longer=SHORT),
    "fragments": Family(talk_datagrams.fragments, "udp", batch=5000),
    "gre": Family(talk_datagrams.gre, longer=(0, 0), wait=True),
    "other": Family(talk_datagrams.other),
    "ftp": Family(talk_ftp.ftp, "tcp"),
    "tftp": Family(talk_datagrams.tftp, "udp"),
}


def interleave(rng, conversations, longer, wait):
    """Rounds: of each conversation a packet or two, then other timeouts, and
    once a time long enough for datagrams to be a stream."""
    steps, longer = [], itertools.cycle(longer)
    steps.append(("longer", next(longer)))
    wait_at, n = rng.randrange(2, 10) if wait else -1, 0
    while conversations:
        left = []
        for packets in conversations:
            for _ in range(rng.randrange(1, 3)):
                packet = next(packets, None)
                if packet:
                    steps.append(packet)
            if packet:
                left.append(packets)
        conversations = left
        steps.append(("longer", next(longer)))
        n += 1
        if n == wait_at:
            steps.append(("wait", WAIT))
    return steps


def is_from_server(packet):
    """Or an error.  What opens a connection from there takes the port that the
    client would keep; the one that is then drawn is another on each side, and
    little is left to compare."""
    return packet.reply or packet.kind == "E"


def generate(seed, family, ip, nat, n_packets):
    """A script of about so many packets, the same for the same arguments."""
    rng = random.Random("%s %s %d %s" % (seed, family, ip, nat))
    conversations, n = [], 0
    f = FAMILIES[family]
    while n < n_packets:
        conn = Conversation(len(conversations) + 1, f.proto or family)
        packets = list(f.talk(rng, conn, Script(ip, nat)))
        if nat != "none" and rng.random() < .9:
            packets = list(itertools.dropwhile(is_from_server, packets))
        n += len(packets)
        conversations.append(iter(packets))
    wait = f.wait or n_packets > 5000
    return Script(ip, nat, interleave(rng, conversations, f.longer, wait))
