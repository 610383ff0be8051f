# SPDX-License-Identifier: Apache-2.0
"""What became of a packet: the form in which both sides say it."""

NAMES = {"new": 1, "est": 2, "rel": 3, "inv": 4, "untracked": 5}
TCP_STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT",
              "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2")
STATUS = ((0x001, "EXPECTED"), (0x002, "SEEN_REPLY"), (0x004, "ASSURED"),
          (0x008, "CONFIRMED"), (0x010, "SRC_NAT"), (0x020, "DST_NAT"),
          (0x200, "DYING"), (0x400, "FIXED_TIMEOUT"))
STATUS_MASK = sum(bit for bit, _ in STATUS)


SCTP_STATES = ("NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED",
               "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD",
               "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT")


def tuple_str(t):
    return "%s.%d>%s.%d" % (t[0].hex(), t[2], t[1].hex(), t[3])


class Connection:
    """An entry of the table.  'tuples' are (src, dst, sport, dport, ICMP
    type), original and reply; 'tcp' is (flags, wscale) of each end, 'vtags'
    the tags of SCTP."""

    def __init__(self, state, status, timeout, tuples, tcp=None, vtags=None):
        self.state = state
        self.status = status & STATUS_MASK
        self.timeout = timeout
        self.tuples = tuples
        self.tcp = tcp
        self.vtags = vtags

    def __str__(self):
        state = (TCP_STATES[self.state] if self.tcp
                 else SCTP_STATES[self.state] if self.vtags
                 else str(self.state))
        words = [state, "%d s" % self.timeout]
        words += [name for bit, name in STATUS if self.status & bit]
        if self.tcp:
            words.append("flags 0x%02x/0x%02x wscale %d/%d" % self.tcp)
        if self.vtags:
            words.append("tags %x/%x" % self.vtags)
        return " ".join(words + [tuple_str(t) for t in self.tuples])


class Expectation:
    """'tuple' as of a connection; its source address is None if it may be
    any, as its source port always may."""

    def __init__(self, expected, permanent, timeout):
        self.tuple = expected
        self.permanent = permanent
        self.timeout = timeout

    def key(self):
        return (self.tuple[0] or b"",) + self.tuple[1:] + (self.permanent,)

    def __str__(self):
        return "expects %s>%s.%d%s %d s" % (
            self.tuple[0].hex() if self.tuple[0] else "any",
            self.tuple[1].hex(), self.tuple[3],
            " permanent" if self.permanent else "", self.timeout)


class Outcome:
    """'state' is a word, "-r" at its end if of the reply direction, or
    "dropped"; 'data' the IP packet, normalised; 'conns' the entries for the
    tuples that were looked for, None where there is none; 'expects' what the
    first of these expects; 'late' the seconds that it took to ask, while
    timeouts went on."""

    def __init__(self, state, data, conns, expects=(), fast_differs=False,
                 fast=False):
        self.state = state
        self.data = data
        self.conns = conns
        self.expects = sorted(expects, key=Expectation.key)
        self.fast_differs = fast_differs
        self.fast = fast
        self.late = 0

    def __str__(self):
        lines = [self.state]
        lines += [str(c) if c else "no connection" for c in self.conns]
        lines += [str(e) for e in self.expects]
        return "; ".join(lines)
