# SPDX-License-Identifier: Apache-2.0
"""Where two outcomes of a packet differ."""

import rules


def same_timeout(theirs, ours, late):
    return -1 <= ours - theirs <= 1 + late


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
    return out


def compare(theirs, ours):
    out = []
    if theirs.state != ours.state:
        out.append("state")
    if theirs.data != ours.data:
        out.append("packet")
    for a, b in zip(theirs.conns, ours.conns):
        out += compare_connections(a, b, theirs.late)
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
    earlier one of their conversation was explained by a rule which says that
    what follows may differ."""

    def __init__(self):
        self.passed = self.failed = self.skipped = self.fast = 0
        self.differences = []
        self.by_rule = {}


def judge(script, record, outcomes):
    """After a difference the rest of its conversation is skipped: it would
    differ for that reason alone."""
    verdict, over, past = Verdict(), set(), {}
    for (packet, _, theirs, _, _), ours in zip(record, outcomes):
        number = packet.conn.number
        before = past.get(number)
        past[number] = theirs, ours, packet
        verdict.fast += ours.fast
        if number in over:
            verdict.skipped += 1
            continue
        what = compare(theirs, ours)
        if not what:
            verdict.passed += 1
            continue
        rule = rules.explains(rules.Case(script, packet, what, theirs, ours,
                                         before))
        if rule:
            verdict.by_rule[rule] = verdict.by_rule.get(rule, 0) + 1
            verdict.skipped += 1
        else:
            verdict.failed += 1
            verdict.differences.append(Difference(packet, what, theirs, ours))
        over.add(number)
    return verdict
