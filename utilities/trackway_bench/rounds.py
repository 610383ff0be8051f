# SPDX-License-Identifier: Apache-2.0
"""One row: two bridges in one daemon, the same connections, interleaved
rounds.

Only one bridge's ports have receive queues at a time, so only its packet
threads work; figures.py verifies that the others slept.
"""

import collections
import os
import time

from . import daemon, figures

# 'warm': seconds of traffic before each interval, at most.
Options = collections.namedtuple('Options', 'rounds seconds warm settings')

# High enough for every pipeline; a datapath that is full drops or evicts.
CONNECTIONS_LIMIT = 16000000

# A traffic port's own time: packets made, polls in vain, packets taken.
CYCLES = ('cycles-making', 'cycles-idle', 'cycles-sinking')

# The share of a row's progress bar for the connections of one side.
OPENING = 0.2

# Packets of each connection, twelve in each direction, and the seconds spent
# on them at most, that fill caches before the first round: a track is made for
# the fifth packet, and connections are picked at random.
FILL_PACKETS, FILL_SECONDS = 24, 40

# Seconds without a new connection after which opening is given up.
PATIENCE = 60

# Seconds that a round goes on at most if nothing is delivered in it: on a busy
# machine packet threads may wait as long as a short round takes.
STARVED = 20

# Megaflows have to outlive the other side's turn and a dump of connections.
MAX_IDLE_MS = 3600 * 1000


def choose_cores(threads, available):
    """The last processors are the packet threads', the first is for the
    rest (and shared where there are not enough)."""
    available = sorted(available)
    if threads > len(available):
        raise daemon.Error('%d packet threads need as many processors'
                           % threads)
    return available[-threads:], available[0]


def order(number):
    """A-B-B-A-A-B: what drifts does so for both."""
    return figures.DATAPATHS if number % 2 == 0 else figures.DATAPATHS[::-1]


def work_of(pipeline, connections, threads):
    """What figures.row() has to know."""
    return {'pipeline': pipeline.name, 'connections': connections,
            'threads': threads, 'lives': pipeline.lives,
            'exact': pipeline.exact,
            'established_only': pipeline.established_only}


def measure(work, pipeline, options, directory, progress):
    """A row, see figures.row()."""
    cores, control_core = choose_cores(work['threads'],
                                       os.sched_getaffinity(0))
    settings = {'pmd-cpu-mask': hex(sum(1 << core for core in cores)),
                'max-idle': MAX_IDLE_MS}
    settings.update(options.settings)
    with daemon.Switch(directory, control_core, settings) as switch:
        bridges = {name: build(switch, name, pipeline, work['connections'],
                               cores) for name in figures.DATAPATHS}
        if pipeline.opens:
            for n, name in enumerate(figures.DATAPATHS):
                open_connections(
                    bridges[name], work['connections'],
                    progress.part(n * OPENING, (n + 1) * OPENING))
        samples, counts, megaflows = rounds(bridges, pipeline,
                                            work['threads'], options,
                                            progress.part(2 * OPENING, 1))
        switch.check()
    row = figures.row(work, samples, counts)
    row['megaflows'] = [megaflows[name] for name in figures.DATAPATHS]
    return row


def build(switch, datapath, pipeline, connections, cores):
    bridge = daemon.Bridge(switch, datapath)
    bridge.create(CONNECTIONS_LIMIT)
    if pipeline.timeouts:
        bridge.set_timeouts(pipeline.zones, pipeline.timeouts)
    pipeline.prepare(bridge)
    bridge.load('add-flows', pipeline.flows())
    # Both directions of a connection belong to one packet thread.
    queues = {'n_rxq': len(cores),
              'pmd-rxq-affinity': ','.join('%d:%d' % pair
                                           for pair in enumerate(cores))}
    bridge.add_ports(dict(queues, **pipeline.traffic(connections)), queues)
    return bridge


def open_connections(bridge, connections, progress):
    """Also fills the caches: a million connections take seconds for that."""
    bridge.start()
    wait_opened(bridge, connections, progress)
    begin = reading(bridge)
    while True:
        now = reading(bridge)
        part = max((now.made - begin.made) / (FILL_PACKETS * connections),
                   (now.at - begin.at) / FILL_SECONDS)
        progress.step('%s fills its caches' % bridge.datapath,
                      0.5 + min(part, 1) / 2)
        if part >= 1:
            break
        time.sleep(0.05)
    stop(bridge)


def wait_opened(bridge, connections, progress):
    most, when = -1, time.monotonic()
    while True:
        opened = int(bridge.show()[0]['opened'])
        progress.step('%s opens' % bridge.datapath, opened / connections / 2)
        if opened >= connections:
            return
        now = time.monotonic()
        if opened > most:
            most, when = opened, now
        elif now - when > PATIENCE:
            raise daemon.Error('%s opened %d of %d connections'
                               % (bridge.datapath, opened, connections))
        time.sleep(0.05)


def rounds(bridges, pipeline, threads, options, progress):
    """Samples of each datapath, and what each holds after its last."""
    samples = {name: [] for name in figures.DATAPATHS}
    counts, megaflows = {}, {}
    for number in range(options.rounds):
        for half, name in enumerate(order(number)):
            progress.step('round %d of %d, %s'
                          % (number + 1, options.rounds, name),
                          (number + half / 2) / options.rounds)
            samples[name].append(sample(bridges, name,
                                        min(pipeline.warm, options.warm),
                                        options.seconds, threads))
            if number == options.rounds - 1:
                counts[name] = bridges[name].connections(pipeline.zones)
                megaflows[name] = bridges[name].megaflows()
    return samples, counts, megaflows


def sample(bridges, name, warm, seconds, threads):
    bridge = bridges[name]
    switch = bridge.switch
    other, = set(figures.DATAPATHS) - {name}

    first = reading(bridge)
    bridge.start()
    daemon.poll(20, lambda: reading(bridge).made > first.made,
                '%s makes packets' % name)
    time.sleep(warm)

    used = {key: switch.used(key) for key in figures.DATAPATHS}
    before = reading(bridge)
    time.sleep(seconds)
    after = delivered(bridge, before, seconds + STARVED)
    used = {key: switch.used(key) - used[key] for key in figures.DATAPATHS}

    last = stop(bridge)
    return figures.difference(before, after, threads,
                              (used[name], used[other]),
                              figures.share(first, last))


def delivered(bridge, before, longest):
    """The first reading that has packets which 'before' had not, or one when
    there are none for too long: figures.py refuses that."""
    while True:
        now = reading(bridge)
        if now.delivered > before.delivered or now.at - before.at > longest:
            return now
        time.sleep(0.05)


def stop(bridge):
    """Stops the ports, waits until nothing of them moves any more, and returns
    the last reading."""
    bridge.stop()

    def quiet():
        before = reading(bridge)
        time.sleep(0.005)
        after = reading(bridge)
        return after if after[1:] == before[1:] else None
    return daemon.poll(20, quiet, '%s stops' % bridge.datapath)


def reading(bridge):
    begin = time.monotonic()
    client, server = bridge.show()
    end = time.monotonic()
    both = (client, server)
    cycles = sum(int(port[key]) for port in both for key in CYCLES)
    return figures.Reading(
        at=(begin + end) / 2,
        made=sum(int(port['made']) for port in both),
        delivered=sum(int(port['delivered']) for port in both),
        foreign=sum(int(port['delivered-foreign']) for port in both),
        bad=sum(int(port['delivered-bad']) for port in both),
        lives=int(client['lives']),
        source=cycles / int(client['tsc-hz']))
