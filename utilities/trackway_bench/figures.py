# SPDX-License-Identifier: Apache-2.0
"""From counters to costs, medians, ratios, and reasons to print no ratio.

Nothing here knows a daemon: numbers in, numbers out.
"""

import collections
import statistics

DATAPATHS = ('netdev', 'trackway')

# More than this between the two sides is not the same work.
TOLERATED = 0.002

# A life that began in an interval need not end in it.
LIVES_TOLERATED = 0.02

# The share of a processor that threads which should sleep may use.
IDLE = 0.02

# What the traffic ports of one bridge counted: 'at' in seconds, 'source' the
# seconds that the ports themselves used, over all threads.
Reading = collections.namedtuple(
    'Reading', 'at made delivered foreign bad lives source')

class Used(collections.namedtuple('Used', 'ran waited')):
    """Seconds for which threads ran, and waited for a processor."""

    def __sub__(self, other):
        return Used(self.ran - other.ran, self.waited - other.waited)


# One round of one side: differences of two readings; the seconds for which its
# packet threads waited for a processor that something else had, and for which
# packet threads of the other side ran; 'share': delivered packets of those
# made from start to stop, when none is on its way any more.
Sample = collections.namedtuple(
    'Sample',
    'seconds made delivered foreign bad lives source waited other share')

LIFE_PACKETS = 6

# Two threads that waited longer, of all their time, did not run together.
UNDISTURBED = 0.1


def difference(before, after, threads, used, share):
    """What happened between two readings.

    used: of the packet threads of this side and of the other.  The kernel
    counts what a thread waited when it runs again: a wait that began before
    the interval is counted whole, but was no longer than it did not run."""
    whole = (after.at - before.at) * threads
    own, other = used
    waited = min(own.waited, max(whole - own.ran, 0))
    return Sample(*(b - a for a, b in zip(before, after)), waited, other.ran,
                  share)


def share(before, after):
    """Delivered packets of those made, between two readings."""
    made = after.made - before.made
    return (after.delivered - before.delivered) / made if made else 0.0


def own_seconds(sample, threads):
    """What the packet threads spent without their source.

    What they waited for a processor hit the source and the rest alike.  Time
    for which they slept, at a lock say, is theirs."""
    return ((sample.seconds * threads - sample.source)
            * (1 - waited_share(sample, threads)))


def waited_share(sample, threads):
    return sample.waited / (sample.seconds * threads)


def packets(sample, established_only):
    """The packets that carry the cost: all that arrived, or without those of
    the whole lives beside them."""
    if established_only:
        return sample.delivered - LIFE_PACKETS * sample.lives
    return sample.delivered


def cost_ns(sample, threads, established_only=False):
    """Nanoseconds of a packet thread for each packet, without its source."""
    number = packets(sample, established_only)
    if number <= 0:
        return None
    return own_seconds(sample, threads) * 1e9 / number


def source_ns(sample, threads):
    """Nanoseconds that making a packet, and taking it back, costs."""
    if not sample.made:
        return None
    own = sample.source * (1 - waited_share(sample, threads))
    return own * 1e9 / sample.made


def spread(values):
    """(max - min) / median."""
    return (max(values) - min(values)) / statistics.median(values)


def lives_per_second(sample, threads):
    """As many as the packet threads could serve if the source cost nothing."""
    own = own_seconds(sample, threads)
    return sample.lives * threads / own if own > 0 else None


def mean_share(samples):
    return statistics.mean(sample.share for sample in samples)


def differ(a, b, tolerated):
    return abs(a - b) > tolerated * max(abs(a), abs(b))


# Refusals: each returns a sentence, or None.

def refuse_traffic(samples):
    """Did both sides deliver, and the same share of what they were given?"""
    for name in DATAPATHS:
        for sample in samples[name]:
            if not sample.delivered:
                return '%s delivered nothing in a round' % name
        bad = sum(sample.bad for sample in samples[name])
        if bad:
            return '%s delivered %d damaged packets' % (name, bad)
        foreign = sum(sample.foreign for sample in samples[name])
        if foreign:
            return '%s delivered %d foreign packets' % (name, foreign)
    shares = [mean_share(samples[name]) for name in DATAPATHS]
    if differ(shares[0], shares[1], TOLERATED):
        return ('delivered of made: netdev %.4f, trackway %.4f'
                % tuple(shares))
    return None


def refuse_lives(samples, how):
    """Where lives are what is done ('counted'), or the same number of them
    has to be done beside ('beside')."""
    if how is None:
        return None
    shares = []
    for name in DATAPATHS:
        if not any(sample.lives for sample in samples[name]):
            return '%s ended no life' % name
        shares.append(statistics.median(
            sample.lives / (sample.delivered if how == 'counted'
                            else sample.seconds)
            for sample in samples[name]))
    if differ(shares[0], shares[1], LIVES_TOLERATED):
        unit = 'packet' if how == 'counted' else 'second'
        return ('lives in a %s: netdev %.4g, trackway %.4g'
                % ((unit,) + tuple(shares)))
    return None


def refuse_connections(counts, exact):
    """counts: zone -> connections, for each datapath.

    Where connections come and go their number depends on the speed; there
    only none at all is wrong."""
    for zone in sorted(counts['netdev']):
        numbers = [counts[name][zone] for name in DATAPATHS]
        if exact and numbers[0] != numbers[1]:
            return ('connections in zone %d: netdev %d, trackway %d'
                    % ((zone,) + tuple(numbers)))
        if not exact and not all(numbers):
            return 'zone %d: a datapath has no connections' % zone
    return None


def refuse_threads(samples):
    """Did the packet threads of the stopped side sleep?"""
    for name in DATAPATHS:
        seconds = sum(sample.seconds for sample in samples[name])
        other = sum(sample.other for sample in samples[name])
        if other > IDLE * seconds:
            return ('packet threads of the other datapath ran for %.0f %% '
                    'of the rounds of %s' % (100 * other / seconds, name))
    return None


def refusal(samples, counts, lives=None, exact=True):
    """Why the two sides did not do the same work; None if they did."""
    return (refuse_traffic(samples)
            or refuse_lives(samples, lives)
            or refuse_connections(counts, exact)
            or refuse_threads(samples))


# A row of the result.

def median_of(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def side(name, samples, threads, established_only):
    """What one datapath contributes to a row."""
    costs = [cost_ns(sample, threads, established_only) for sample in samples]
    known = [cost for cost in costs if cost is not None and cost > 0]
    whole = len(known) == len(costs)
    return {
        name + '_ns': statistics.median(known) if whole else None,
        name + '_spread': spread(known) if whole else None,
        name + '_rounds': costs,
        name + '_source_ns': median_of(source_ns(sample, threads)
                                        for sample in samples),
        name + '_delivered': mean_share(samples),
        name + '_packets_per_second': median_of(
            sample.delivered / sample.seconds for sample in samples),
        name + '_waited': statistics.mean(waited_share(sample, threads)
                                          for sample in samples),
    }


def row(work, samples, counts):
    """work: a dict with pipeline, connections, threads, established_only,
    lives (None, 'counted', 'beside') and exact."""
    threads = work['threads']
    result = {key: work[key] for key in ('pipeline', 'connections', 'threads')}
    for name in DATAPATHS:
        result.update(side(name, samples[name], threads,
                           work['established_only']))
        if work['lives']:
            result[name + '_lives_per_second'] = median_of(
                lives_per_second(sample, threads) if work['lives'] == 'counted'
                else sample.lives / sample.seconds
                for sample in samples[name])
    reason = refusal(samples, counts, work['lives'], work['exact'])
    costs = [result[name + '_ns'] for name in DATAPATHS]
    if reason is None and None in costs:
        reason = 'a round cost no more than its source'
    result['ratio'] = None if reason else costs[0] / costs[1]
    result['spread'] = None if None in costs else max(
        result[name + '_spread'] for name in DATAPATHS)
    result['refused'] = reason
    result['zones'] = {str(zone): [counts[name][zone] for name in DATAPATHS]
                       for zone in sorted(counts['netdev'])}
    return result


def refused_row(work, reason):
    """A row that could not be measured at all."""
    result = {key: work[key] for key in ('pipeline', 'connections', 'threads')}
    for name in DATAPATHS:
        result[name + '_ns'] = None
    result.update(ratio=None, spread=None, refused=reason, zones={})
    return result


def scaling(rows):
    """Two packet threads against one, for rows measured with both.

    Yields (pipeline, connections, {datapath: factor}).  Threads that did not
    run at the same time were not in each other's way: such rows tell
    nothing."""
    costs = {(row['pipeline'], row['connections'], row['threads']): row
             for row in rows if row['refused'] is None
             and all(row[name + '_waited'] < UNDISTURBED
                     for name in DATAPATHS)}
    for (pipeline, connections, threads), two in costs.items():
        one = costs.get((pipeline, connections, 1))
        if threads == 2 and one:
            yield pipeline, connections, {
                name: 2 * one[name + '_ns'] / two[name + '_ns']
                for name in DATAPATHS}
