# SPDX-License-Identifier: Apache-2.0
"""The pipelines that can be measured, in the order in which they are.

A pipeline is a bridge with port 1, behind which the clients are, and port 2,
behind which the servers are; its flows; and the traffic.  A new one is a class
here and a line in PIPELINES.
"""

from . import acl, ovn

# Connections that come and go reach a steady number within a second.
SHORT = {'tcp_syn_sent': 1, 'tcp_syn_recv': 1, 'tcp_fin_wait': 1,
         'tcp_close_wait': 1, 'tcp_last_ack': 1, 'tcp_time_wait': 1,
         'tcp_close': 1}

K, M = 1000, 1000000


class Pipeline:
    name = ''
    summary = ''
    runs = ()                   # (connections, threads) that are measured
    zones = ()                  # whose connections are compared
    exact = True                # their numbers have to be equal
    timeouts = {}               # of the zones' policies
    warm = 0.2                  # seconds of traffic before each interval
    lives = None                # 'counted', 'beside': see figures.py
    established_only = False    # lives beside are not counted as packets
    opens = True                # connections are opened before

    def flows(self):
        raise NotImplementedError

    def traffic(self, connections):
        """Options of the client's port."""
        return {'pattern': 'established', 'connections': connections}

    def prepare(self, bridge):
        """What the bridge needs beside flows, see daemon.Bridge."""


class Forward(Pipeline):
    name = 'forward'
    summary = 'in_port to output, no ct()'
    runs = ((K, 1), (K, 2))

    def flows(self):
        return ['in_port=1,actions=output:2', 'in_port=2,actions=output:1']


class Acl(Pipeline):
    name = 'acl'
    summary = 'access list of five-tuples, default drop, no ct()'
    runs = ((K, 1), (M, 1))

    def flows(self):
        return list(acl.flows())

    def traffic(self, connections):
        return {'pattern': 'established', 'connections': connections,
                'clients': acl.CLIENTS, 'servers': acl.SERVERS,
                'server-ports': acl.SERVER_PORTS}


class Ct1(Pipeline):
    name = 'ct1'
    summary = 'one ct() pass: new is committed, established forwarded'
    runs = ((K, 1), (100 * K, 1), (M, 1), (100 * K, 2))
    zones = (1,)

    def flows(self):
        return ['table=0,ip,actions=ct(table=1,zone=1)',
                'table=1,ct_state=+trk+est,in_port=1,actions=output:2',
                'table=1,ct_state=+trk+est,in_port=2,actions=output:1',
                'table=1,ct_state=+trk+new,in_port=1,ip,'
                'actions=ct(commit,zone=1),output:2']


class Ct4(Pipeline):
    name = 'ct4'
    summary = 'four ct() passes in four zones, as OVN has them'
    runs = ((K, 1), (100 * K, 1), (M, 1), (100 * K, 2))
    zones = (1, 2, 3, 4)

    def flows(self):
        yield 'table=0,ip,actions=ct(table=1,zone=1)'
        for zone in self.zones:
            onward = 'ct(table=%d,zone=%d)' % (zone + 1, zone + 1)
            for port in 1, 2:
                yield ('table=%d,ct_state=+trk+est,in_port=%d,ip,actions=%s'
                       % (zone, port,
                          onward if zone < 4 else 'output:%d' % (3 - port)))
            yield ('table=%d,ct_state=+trk+new,in_port=1,ip,actions='
                   'ct(commit,zone=%d),%s'
                   % (zone, zone, onward if zone < 4 else 'output:2'))


class Nat(Pipeline):
    runs = ((100 * K, 1),)
    zones = (1,)
    translation = ''

    def flows(self):
        return ['table=0,ip,actions=ct(table=1,zone=1,nat)',
                'table=1,ct_state=+trk+est,in_port=1,actions=output:2',
                'table=1,ct_state=+trk+est,in_port=2,actions=output:1',
                'table=1,ct_state=+trk+new,in_port=1,ip,'
                'actions=ct(commit,zone=1,nat(%s)),output:2'
                % self.translation]


class Snat(Nat):
    name = 'snat'
    summary = 'one ct() pass, clients get one of 64 addresses'
    translation = 'src=203.0.113.1-203.0.113.64:1024-65535'


class Dnat(Nat):
    name = 'dnat'
    summary = 'one ct() pass, a virtual address leads to 16 servers'
    translation = 'dst=192.168.1.1-192.168.1.16:8080'


class Ovn(Pipeline):
    name = 'ovn'
    summary = 'recorded from OVN: switch, load balancer, ACL, router, switch'
    runs = ((100 * K, 1),)

    def __init__(self):
        self.recording = ovn.recorded()
        self.zones = ovn.zones(self.recording)

    def prepare(self, bridge):
        for mapping in self.recording.get('tlv-map', ()):
            bridge.ofctl('add-tlv-map', mapping)
        for meter in self.recording.get('meters', ()):
            bridge.ofctl('add-meter', meter)
        bridge.load('add-groups', self.recording.get('groups', ()))

    def flows(self):
        return self.recording['flows']

    def traffic(self, connections):
        return {'pattern': 'established', 'connections': connections,
                'clients': '10.1.0.16/28', 'servers': '172.30.0.1/32',
                'server-ports': '80-80', 'eth-src': '02:00:00:00:00:01',
                'eth-dst': '02:00:00:00:00:02'}


class New(Ct1):
    name = 'new'
    summary = 'whole TCP lives of six packets, one ct() pass'
    runs = ((K, 1), (K, 2))
    exact = False
    timeouts = SHORT
    warm = 2.0
    lives = 'counted'
    opens = False

    def traffic(self, connections):
        return {'pattern': 'lives', 'connections': connections}


class Mix(Ct1):
    name = 'mix'
    summary = 'ct1 with 50,000 whole TCP lives a second beside'
    runs = ((M, 1),)
    exact = False
    timeouts = SHORT
    warm = 2.0
    lives = 'beside'
    established_only = True

    def traffic(self, connections):
        return {'pattern': 'mix', 'connections': connections,
                'new-rate': 50 * K}


class SynFlood(Ct1):
    name = 'syn-flood'
    summary = 'SYNs of random tuples, one ct() pass, never answered'
    runs = ((M, 1),)
    exact = False
    timeouts = SHORT
    warm = 2.0
    opens = False

    def traffic(self, connections):
        return {'pattern': 'syn-flood', 'connections': connections}


class Attack(Ct1):
    name = 'attack'
    summary = 'ct1 with tuples that a linear hash maps to one place'
    runs = ((10 * K, 1),)

    def traffic(self, connections):
        return {'pattern': 'attack', 'connections': connections}


PIPELINES = {cls.name: cls for cls in (
    Forward, Acl, Ct1, Ct4, Snat, Dnat, Ovn, New, Mix, SynFlood, Attack)}
