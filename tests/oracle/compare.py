# SPDX-License-Identifier: Apache-2.0
"""Where two outcomes of a packet differ."""

import forwarded
import frame
import rules


CLOCK = 20                      # By so many ms clocks may differ at best.
# A packet for which the kernel took longer, in seconds, may have met another
# connection than ours: one of the two may have been over.
LATE = 1


class Lateness:
    """How much later than it was told the kernel may have looked at a packet,
    in seconds: at the one that set a timeout, and at the one after which the
    timeout is asked for."""

    def __init__(self, before, now):
        self.before = before
        self.now = now


PUNCTUAL = Lateness(0, 0)


def same_timeout(theirs, ours, late):
    return -1 - late.before <= ours - theirs <= 1 + late.now


def compare_connections(theirs, ours, late):
    if (theirs is None) != (ours is None):
        return ["connection exists"]
    if theirs is None:
        return []
    out = []
    if theirs.state != ours.state:
        out.append("protocol state")
    if theirs.status != ours.status:
        out.append("status")
    if not same_timeout(theirs.timeout, ours.timeout, late):
        out.append("timeout")
    if theirs.tuples != ours.tuples:
        out.append("tuples")
    if theirs.tcp != ours.tcp:
        out.append("tcp")
    if theirs.vtags != ours.vtags:
        out.append("tags")
    return out


def same_expectations(theirs, ours, late):
    return ([e.key() for e in theirs] == [e.key() for e in ours]
            and all(same_timeout(a.timeout, b.timeout, late)
                    for a, b in zip(theirs, ours)))


def compare(theirs, ours, late=PUNCTUAL):
    out = []
    if theirs.state != ours.state:
        out.append("state")
    if theirs.data != ours.data:
        out.append("packet")
    for a, b in zip(theirs.conns, ours.conns):
        out += compare_connections(a, b, late)
    if not same_expectations(theirs.expects, ours.expects, late):
        out.append("expectations")
    if ours.fast_differs:
        out.append("fast path")
    return out


class Difference:
    """The first of a conversation that no rule explains."""

    def __init__(self, packet, what, theirs, ours):
        self.packet = packet
        self.what = what
        self.theirs = theirs
        self.ours = ours

    def __str__(self):
        text = "%s\n    differs in: %s\n    kernel:   %s\n    trackway: %s" % (
            self.packet, ", ".join(self.what), self.theirs, self.ours)
        if "packet" in self.what:
            text += "\n    kernel:   %s\n    trackway: %s" % (
                self.theirs.data.hex(), self.ours.data.hex())
        return text


class Verdict:
    """Packets that agree, that do not, and that were not compared because an
    earlier one of their conversation was late or was explained by a rule which
    says that what follows may differ."""

    def __init__(self):
        self.passed = self.failed = self.skipped = self.fast = 0
        self.late = 0           # Conversations.
        self.differences = []
        self.by_rule = {}


class Past:
    """What was seen of a conversation so far."""

    def __init__(self):
        self.late = 0           # The most that a packet of it was.
        self.parts = {}         # Fragments by datagram.
        self.times = []         # In milliseconds.
        self.refused = []       # Kinds of invalid packets.
        self.child_refused = False
        self.sent = set()       # As Case has it.
        self.ends = {}          # How far each direction has passed.

    def is_early(self, packet):
        return bool(packet.payload() and packet.reply in self.ends
                    and packet.get("seq") > self.ends[packet.reply])

    def forwarded(self, packet):
        length = len(packet.payload()) + ("S" in packet.kind)
        if length:
            self.ends[packet.reply] = max(
                self.ends.get(packet.reply, packet.get("seq")),
                packet.get("seq") + length)

    def parts_before(self, packet):
        """Of the datagram of 'packet', which then has been seen too."""
        parts = self.parts.setdefault((packet.reply, packet.get("id")), [])
        before = list(parts)
        if packet.part():
            parts.append(packet.part())
        return before


class Judge:
    """After a difference the rest of its conversation is skipped, and what
    that one announces, and what announced it, which may still expect it: they
    would differ for that reason alone."""

    def __init__(self, script):
        self.script = script
        self.verdict = Verdict()
        self.over = set()       # Numbers of conversations.
        self.past = {}
        self.owners = {}
        self.parents = {}
        for packet in script.packets():
            conn = packet.conn
            self.owners.setdefault(frame.port_of(conn), set()).add(conn.number)
            if conn.parent:
                self.parents[conn.number] = conn.parent

    def past_of(self, number):
        return self.past.setdefault(number, Past())

    def leave(self, numbers):
        self.over |= numbers
        self.over.update(self.parents[n] for n in numbers
                         if n in self.parents)

    def packet(self, packet, theirs, ours, msec):
        number = packet.conn.number
        past = self.past_of(number)
        late, parts = (Lateness(past.late, theirs.late),
                       past.parts_before(packet))
        past.late = max(past.late, theirs.late)
        self.verdict.fast += ours.fast
        if theirs.late > LATE and number not in self.over:
            self.leave({number})
            self.verdict.late += 1
        if number in self.over or packet.conn.parent in self.over:
            self.verdict.skipped += 1
            self.leave_owners_of_drawn_ports(packet, theirs, ours)
            return
        what = compare(theirs, ours, late)
        if what:
            case = rules.Case(self.script, packet, what, theirs, ours)
            case.parts = parts
            case.ages = [msec - t for t in past.times]
            case.refused, case.sent = past.refused, past.sent
            case.child_refused = past.child_refused
            case.early = past.is_early(packet)
            case.slack = CLOCK + 1000 * (late.before + late.now)
            self.difference(case)
        else:
            self.verdict.passed += 1
        past.times.append(msec)
        if packet.conn.helper:
            past.sent.add(forwarded.without_number(ours.data, self.script.ip))
            if packet.kind != "E" and ours.state not in ("dropped", "inv"):
                past.forwarded(packet)
        if theirs.state == "inv":
            past.refused.append(packet.kind)
            self.past_of(packet.conn.parent).child_refused = True
        if number in self.over:
            self.leave_owners_of_drawn_ports(packet, theirs, ours)

    def leave_owners_of_drawn_ports(self, packet, theirs, ours):
        """A port that one side has drawn may be that of another conversation,
        which meets this one there, and there alone."""
        if self.script.nat != "none":
            for outcome in theirs, ours:
                port = rules.drawn_port(packet, outcome)
                self.leave(self.owners.get(port, set()))

    def difference(self, case):
        rule = rules.explains(case)
        self.leave(rules.over(rule, case))
        if rule:
            n = self.verdict.by_rule.get(rule, 0)
            self.verdict.by_rule[rule] = n + 1
            self.verdict.skipped += 1
        else:
            self.verdict.failed += 1
            self.verdict.differences.append(Difference(
                case.packet, case.what, case.theirs, case.ours))


def judge(script, record, outcomes):
    of_script = Judge(script)
    for (packet, _, theirs, msec, _), ours in zip(record, outcomes):
        of_script.packet(packet, theirs, ours, msec)
    return of_script.verdict
