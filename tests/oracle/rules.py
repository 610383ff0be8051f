# SPDX-License-Identifier: Apache-2.0
"""Differences from the kernel that are meant, each with its reason.

A rule is a function whose name says what differs.  It is true for a case that
it explains; nothing of the same conversation is compared after that.
"""

import frame


class Case:
    """'what' are the words of compare.py, 'before' the outcomes of the packet
    before in this conversation, (kernel, trackway, packet), or None."""

    def __init__(self, script, packet, what, theirs, ours, before):
        self.script = script
        self.packet = packet
        self.what = what
        self.theirs = theirs
        self.ours = ours
        self.before = before
        self.port = frame.port_of(packet.conn)


def only(case, *what):
    return set(case.what) <= set(what)


def icmp_error_quotes_too_little(case):
    """The kernel looks for ports only, in 4 bytes.  RFC 792 promises 8 bytes
    of the transport header, RFC 4443 more; what has fewer was not made by a
    host that had the packet.  Trackway: invalid.  (If it had to translate
    them, the kernel finds them too short as well, and drops the error.)"""
    return (case.packet.kind == "E" and case.packet.get("cut", 28) < 8
            and case.theirs.state in ("rel", "rel-r", "dropped")
            and case.ours.state == "inv")


def icmp_query_with_code(case):
    """To the kernel the code is a part of the tuple, and a request with any
    code opens a connection.  RFC 792 and RFC 4443 say it is zero.  Trackway:
    invalid."""
    packet = case.packet.quoted or case.packet
    return (packet.kind in ("Q", "R") and packet.get("code") != 0
            and case.ours.state == "inv")


def tcp_syn_without_options(case):
    """The kernel leaves what an earlier SYN of the same end offered in force
    if a newer one has no options at all, though not if it has others.  RFC
    7323 section 2.2: who does not offer to scale does not."""
    return (case.packet.conn.proto == "tcp" and "S" in case.packet.kind
            and only(case, "tcp")
            and not {"ws", "sackok", "mss", "ts"} & set(case.packet.fields))


def nat_port_by_chance(case):
    """The port that translation would keep is taken, since the other end has
    opened a connection with it, and each side draws another one: the same
    class of ports, not the same port."""
    def drawn(outcome):
        reply = outcome.conns[0].tuples[1]
        return reply[3] if reply[3] != case.port else None

    return (only(case, "packet", "tuples") and case.script.nat != "none"
            and case.theirs.state == case.ours.state == "new"
            and all(o.conns[0] for o in (case.theirs, case.ours))
            and drawn(case.theirs) is not None
            and drawn(case.ours) is not None
            and min(drawn(case.theirs), drawn(case.ours)) >= 1024)


RULES = (
    icmp_error_quotes_too_little,
    icmp_query_with_code,
    nat_port_by_chance,
    tcp_syn_without_options,
)


def explains(case):
    for rule in RULES:
        if rule(case):
            return rule.__name__
    return None
