# SPDX-License-Identifier: Apache-2.0
"""What became of a packet: the form in which both sides say it."""

NAMES = {"new": 1, "est": 2, "rel": 3, "inv": 4, "untracked": 5}
TCP_STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT",
              "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2")
STATUS = ((0x001, "EXPECTED"), (0x002, "SEEN_REPLY"), (0x004, "ASSURED"),
          (0x008, "CONFIRMED"), (0x010, "SRC_NAT"), (0x020, "DST_NAT"),
          (0x200, "DYING"), (0x400, "FIXED_TIMEOUT"))
STATUS_MASK = sum(bit for bit, _ in STATUS)


class Connection:
    """An entry of the table.  'tuples' are (src, dst, sport, dport, ICMP
    type), original and reply; 'tcp' is (flags, wscale) of each end."""

    def __init__(self, state, status, timeout, tuples, tcp=None):
        self.state = state
        self.status = status & STATUS_MASK
        self.timeout = timeout
        self.tuples = tuples
        self.tcp = tcp

    def __str__(self):
        state = self.state
        if self.tcp:
            state = TCP_STATES[state]
        words = [str(state), "%d s" % self.timeout]
        words += [name for bit, name in STATUS if self.status & bit]
        if self.tcp:
            words.append("flags 0x%02x/0x%02x wscale %d/%d" % self.tcp)
        for t in self.tuples:
            words.append("%s.%d>%s.%d" % (t[0].hex(), t[2], t[1].hex(), t[3]))
        return " ".join(words)


class Outcome:
    """'state' is a word, "-r" at its end if of the reply direction, or
    "dropped"; 'data' the IP packet, normalised; 'conns' the entries for the
    tuples that were looked for, None where there is none; 'late' the seconds
    that it took to ask, while timeouts went on."""

    def __init__(self, state, data, conns, fast_differs=False, fast=False):
        self.state = state
        self.data = data
        self.conns = conns
        self.fast_differs = fast_differs
        self.fast = fast
        self.late = 0

    def __str__(self):
        lines = [self.state]
        lines += [str(c) if c else "no connection" for c in self.conns]
        return "; ".join(lines)
