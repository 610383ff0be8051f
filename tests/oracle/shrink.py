# SPDX-License-Identifier: Apache-2.0
"""Leaves out of a failing script what its failure does not need."""

from script import Packet


def only_conversation(script, last):
    """Of the conversation of packet 'last', up to it; and what its helper
    may have announced."""
    numbers = {last.conn.number, last.conn.parent}
    end = max(i for i, s in enumerate(script.steps) if s is last) + 1
    steps = script.steps[:end]
    return script.with_steps([s for s in steps if not isinstance(s, Packet)
                              or s.conn.number in numbers])


def shrink(script, fails):
    """The smallest script found for which fails() is true: halves, quarters,
    ... of the steps are left out, last steps first."""
    steps = script.steps
    size = max(len(steps) // 2, 1)
    while True:
        at, changed = len(steps) - size, False
        while at > -size:
            trial = steps[:max(at, 0)] + steps[at + size:]
            if trial and fails(script.with_steps(trial)):
                steps, changed = trial, True
            at -= size
        if size == 1 and not changed:
            return script.with_steps(steps)
        size = max(size // 2, 1)
