# SPDX-License-Identifier: Apache-2.0
"""Differences from the kernel that are meant, each with its reason.

A rule is a function whose name says what differs.  It is true for a case that
it explains; nothing of the same conversation is compared after that.
"""


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


RULES = ()


def explains(case):
    for rule in RULES:
        if rule(case):
            return rule.__name__
    return None
