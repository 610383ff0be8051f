#! /usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The controllers' configuration files: what is read, what is refused."""

import os
import sys
import unittest

try:
    import yaml  # noqa: F401
except ImportError:
    sys.exit(77)

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../utilities'))

from trackway_controllers import config, firewall_config, lb_config
from trackway_controllers import nat_config, ranges

POLICY = '''\
log: {rate: 7}
zones:
  in:
    ports: [p1, 2]
    prefixes: [10.0.0.0/8, "fd00::/8"]
  out:
    ports: p3
rules:
  - {name: web, from: in, to: out, protocol: tcp, ports: [80, 8000-8100]}
  - action: deny
    source: 10.6.6.6
  - helper: tftp
    from: in
'''


class Ranges(unittest.TestCase):
    def test_masks(self):
        for low, high, count in ((80, 80, 1), (1, 65535, 16), (0, 65535, 1),
                                 (8000, 8100, 4), (1024, 65535, 6),
                                 (65535, 65535, 1), (7, 9, 2)):
            pairs = ranges.masks(low, high)
            self.assertEqual(len(pairs), count, (low, high))
            matched = [port for port in range(65536)
                       if any(port & mask == value for value, mask in pairs)]
            self.assertEqual(matched, list(range(low, high + 1)))

    def test_addresses(self):
        first, last = ranges.addresses('10.0.0.1-10.0.0.9')
        self.assertEqual(int(last) - int(first), 8)
        for wrong in '10.0.0.9-10.0.0.1', '10.0.0.1-fd00::1', 'x', '', '-':
            with self.assertRaises(ValueError):
                ranges.addresses(wrong)


class Refusals(unittest.TestCase):
    """Each mistake with the line and the field where it is."""

    def refused(self, decode, text, expected):
        with self.assertRaises(config.ConfigError) as caught:
            decode(config.parse('f', text))
        self.assertIn(expected, str(caught.exception))


class Policy(Refusals):
    def decode(self, text=POLICY):
        return firewall_config.decode(config.parse('f', text))

    def test_good(self):
        policy = self.decode()
        self.assertEqual((policy.rate, policy.burst), (7, 14))
        tenant, = policy.tenants
        web, deny, tftp = tenant.rules
        self.assertEqual(web.ports, [(80, 80), (8000, 8100)])
        self.assertEqual(web.source.ports, ['p1', 2])
        self.assertEqual(web.destination.prefixes, [])
        self.assertFalse(deny.allow)
        self.assertEqual(deny.name, 'rule-2')
        self.assertEqual((tftp.protocol, tftp.ports), ('udp', [(69, 69)]))

    def test_json(self):
        policy = self.decode('{"zones": {"a": {"ports": 1}}, "rules": []}')
        self.assertEqual(policy.tenants[0].zones['a'].ports, [1])

    def test_ids(self):
        """What an id depends on."""
        before = [rule.id for rule in self.decode().tenants[0].rules]

        def after(old, new):
            return [rule.id for rule in
                    self.decode(POLICY.replace(old, new)).tenants[0].rules]
        # Neither names nor rules that only allow.
        self.assertEqual(after('name: web', 'name: www'), before)
        self.assertEqual(after('rules:\n', 'rules:\n  - {source: 10.1.1.1}\n'
                               )[1:], before)
        # Rules that deny, on all behind them; zones.
        changed = after('10.6.6.6', '10.6.6.7')
        self.assertEqual(changed[0], before[0])
        self.assertNotEqual(changed[2], before[2])
        self.assertNotEqual(after('10.0.0.0/8', '10.0.0.0/9')[0], before[0])
        self.assertNotEqual(after('ports: p3', 'ports: p4')[0], before[0])

    def test_refusals(self):
        for old, new, expected in (
                ('protocol: tcp', 'protocol: tpc',
                 "f:9: rules[0].protocol: 'tpc' is none of any, tcp"),
                ('from: in, ', 'from: inn, ', "f:9: rules[0].from: 'inn'"),
                ('8100', '7000', 'f:9: rules[0].ports[1]: 8000-7000 is not'),
                ('8100', '81000', 'f:9: rules[0].ports[1]: 8000-81000'),
                ('10.0.0.0/8', '10.0.0.1/8',
                 "f:5: zones.in.prefixes[0]: '10.0.0.1/8' is no prefix (10.0"),
                ('rate: 7', 'rate: x', "f:1: log.rate: 'x' is no number"),
                ('rate: 7', 'rate: 0', 'f:1: log.rate: 0 is not in 1..'),
                ('    prefixes: [10.0.0.0/8, "fd00::/8"]\n', '',
                 'f:3: zones: in and out: only one zone'),
                ('ports: p3', 'ports: p1', 'in and out both have port p1'),
                ('    ports: p3', '    port: p3', 'f:7: zones.out.port: unk'),
                ('    ports: p3', '    prefixes: fd01::/16',
                 'f:7: zones.out: ports is missing'),
                ('10.6.6.6', '10.6.6.6\n    protocol: icmpv6',
                 'f:10: rules[1]: source, destination and protocol have no'),
                ('helper: tftp', 'helper: sip', "f:12: rules[2].helper: 's"),
                ('helper: tftp', 'helper: tftp\n    protocol: tcp',
                 'rules[2].helper: tftp needs protocol udp'),
                ('helper: tftp', 'types: 8',
                 'f:12: rules[2].types: only with protocol icmp'),
                ('source: 10.6.6.6', 'ports: 80',
                 'f:11: rules[1].ports: only with protocol tcp, udp'),
                ('rules:', 'rules: []\nrules:', 'f:9: rules: stands twice'),
                ('log: {rate: 7}', 'log: {rate: 7', 'f:2: '),
                ('log: {rate: 7}', 'log: [7]', 'f:1: log: should be a map'),
                ('  out:', '  any:', 'f:7: zones.any: no zone can be called')):
            self.assertIn(old, POLICY)
            self.refused(firewall_config.decode, POLICY.replace(old, new, 1),
                         expected)
        for text, expected in (('', 'f:1: the file is empty'),
                               ('zones: {}', 'f:1: rules is missing'),
                               ('- 1', 'f:1: should be a mapping')):
            with self.assertRaises(config.ConfigError) as caught:
                self.decode(text)
            self.assertIn(expected, str(caught.exception))

    def test_tenants(self):
        one = 'tenants:\n  a: {zones: {x: {ports: 1}}, rules: []}\n'
        self.decode(one)
        self.refused(firewall_config.decode, one +
                     '  b: {zones: {x: {ports: 2}}, rules: []}\n',
                     'f:3: tenants.b: ct_zone is missing')
        self.refused(firewall_config.decode, one +
                     '  b: {ct_zone: 1, zones: {x: {ports: 2}}, rules: []}\n',
                     'tenants a and b both have ct_zone 1')

    def test_no_file(self):
        with self.assertRaises(config.ConfigError) as caught:
            firewall_config.read('/no/such/file')
        self.assertEqual(str(caught.exception),
                         '/no/such/file: No such file or directory')


NAT = '''\
outside: {port: p1, addresses: [192.0.2.1/24], routers: [192.0.2.254]}
inside:
  lan:
    port: p2
    addresses: 10.0.0.1/24
    snat: {pool: 192.0.2.8-192.0.2.9, ports: 2000-2999}
forwards:
  web: {address: 192.0.2.20, protocol: tcp, ports: 80, to: 10.0.0.7}
'''


class Nat(Refusals):
    def test_good(self):
        gateway = nat_config.decode(config.parse('f', NAT))
        self.assertEqual([str(net) for net in gateway.public()],
                         ['192.0.2.1/32', '192.0.2.8/31', '192.0.2.20/32'])
        self.assertEqual(gateway.forwards[0].to_ports, (80, 80))

    def test_refusals(self):
        for old, new, expected in (
                ('[192.0.2.254]', '[192.0.3.254]',
                 'f:1: outside.routers[0]: 192.0.3.254 is in none'),
                ('10.0.0.1/24', '10.0.0.1',
                 "f:5: inside.lan.addresses: '10.0.0.1' has no prefix len"),
                ('10.0.0.1/24', '192.0.2.3/25', 'of outside overlap'),
                ('192.0.2.8-192.0.2.9', '192.0.2.9-192.0.2.8',
                 'f:6: inside.lan.snat.pool: '),
                ('192.0.2.8-192.0.2.9', '10.0.0.0-10.1.0.0', '4096'),
                ('to: 10.0.0.7', 'to: 10.0.1.7',
                 'f:8: forwards: web: 10.0.1.7 is in no network inside'),
                ('to: 10.0.0.7', 'to: 10.0.0.7, to_ports: 80-81',
                 'f:8: forwards.web.to_ports: should be as many'),
                ('to: 10.0.0.7', 'to: "fd00::7"', 'not of one version'),
                ('port: p2', 'port: p1', 'outside and lan both have port')):
            self.assertIn(old, NAT)
            self.refused(nat_config.decode, NAT.replace(old, new, 1),
                         expected)


LB = '''\
services:
  web:
    address: 10.0.0.100
    protocol: tcp
    port: 80
    check: {type: http, path: /alive}
    back_ends:
    - {address: 10.0.0.1}
    - {address: 10.0.0.2, port: 8080, weight: 3}
'''


class Lb(Refusals):
    def test_good(self):
        service, = lb_config.decode(config.parse('f', LB)).services
        self.assertEqual([back_end.key[1] for back_end in service.back_ends],
                         [80, 8080])
        self.assertEqual((service.affinity, service.on_down), ('none', 'end'))

    def test_refusals(self):
        for old, new, expected in (
                ('protocol: tcp', 'protocol: sctp',
                 "f:4: services.web.protocol: 'sctp' is none of tcp, udp"),
                ('path: /alive', 'path: alive',
                 "f:6: services.web.check.path: 'alive' is no path"),
                ('type: http', 'type: tcp',
                 'f:6: services.web.check.path: only with type http'),
                ('10.0.0.1}', '"fd00::1"}', 'not of one version'),
                ('10.0.0.2, port: 8080', '10.0.0.1',
                 'f:9: services.web.back_ends[1]: 10.0.0.1 port 80 stands tw'),
                ('weight: 3', 'weight: -1', 'weight: -1 is not in 0..1000')):
            self.assertIn(old, LB)
            self.refused(lb_config.decode, LB.replace(old, new, 1), expected)


if __name__ == '__main__':
    unittest.main()
