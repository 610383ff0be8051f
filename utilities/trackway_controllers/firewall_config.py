# SPDX-License-Identifier: Apache-2.0
"""The policy file of trackway-firewall.

Each rule has an id, which the connections that it allows carry as their mark.
It is a digest of what decides whether these connections are allowed: the rule,
its zones, and the rules before it that deny.  So a connection's mark is of
use as long as the policy still says of it what it said, and no longer.
"""

import dataclasses
import hashlib

from . import config

TCP_UDP = ('tcp', 'udp', 'sctp')
ICMP_TYPES = {
    'icmp': {'echo-reply': 0, 'destination-unreachable': 3, 'redirect': 5,
             'echo-request': 8, 'time-exceeded': 11, 'parameter-problem': 12,
             'timestamp-request': 13, 'timestamp-reply': 14},
    'icmpv6': {'destination-unreachable': 1, 'packet-too-big': 2,
               'time-exceeded': 3, 'parameter-problem': 4,
               'echo-request': 128, 'echo-reply': 129},
}
HELPERS = {'ftp': ('tcp', 21), 'tftp': ('udp', 69)}
MAX_RULES = 10000


@dataclasses.dataclass
class Zone:
    """No prefixes: all addresses that no other zone of the tenant has."""
    name: str
    number: int
    ports: list
    prefixes: list


@dataclasses.dataclass
class Rule:
    name: str
    allow: bool
    source: Zone            # None: any.
    destination: Zone
    src: list
    dst: list
    protocol: str
    ports: list
    types: list
    helper: str
    log: bool
    id: int = 0

    def meaning(self):
        return repr((self.allow, self.source, self.destination, self.src,
                     self.dst, self.protocol, self.ports, self.types))


@dataclasses.dataclass
class Tenant:
    name: str
    number: int
    ct_zone: int
    zones: dict
    rules: list


@dataclasses.dataclass
class Policy:
    rate: int
    burst: int
    tenants: list


def read(path):
    return decode(config.read(path))


def decode(top):
    names = {name for name, _ in top.items()}
    if 'tenants' in names:
        keys = top.keys(['tenants'], ['log'])
        tenants = [decode_tenant(name, field, number)
                   for number, (name, field)
                   in enumerate(keys['tenants'].items(), 1)]
    else:
        keys = top.keys(['zones', 'rules'], ['ct_zone', 'log'])
        tenants = [decode_tenant('default', top, 1)]
    check_tenants(top, tenants)
    number_zones(tenants)
    for tenant in tenants:
        number_rules(tenant)
    rate, burst = decode_log(keys.get('log'))
    return Policy(rate, burst, tenants)


def decode_log(field):
    keys = field.keys([], ['rate', 'burst']) if field else {}
    rate = keys['rate'].number(1, 100000) if 'rate' in keys else 10
    burst = keys['burst'].number(1, 100000) if 'burst' in keys else 2 * rate
    return rate, burst


def decode_tenant(name, field, number):
    keys = field.keys(['zones', 'rules'], ['ct_zone', 'log'])
    if number > 1 and 'ct_zone' not in keys:
        field.fail('ct_zone is missing: tenants must not share one')
    zones = {}
    for zone_name, zone in keys['zones'].items():
        if zone_name == 'any':
            zone.fail('no zone can be called any')
        zones[zone_name] = decode_zone(zone_name, zone)
    check_zones(keys['zones'], zones.values())
    rules = [decode_rule(rule, zones, i)
             for i, rule in enumerate(keys['rules'].list(), 1)]
    if len(rules) > MAX_RULES:
        keys['rules'].fail('more than %d rules', MAX_RULES)
    ct_zone = keys['ct_zone'].number(1, 65535) if 'ct_zone' in keys else 1
    return Tenant(name, number, ct_zone, zones, rules)


def decode_zone(name, field):
    keys = field.keys(['ports'], ['prefixes'])
    ports = [port.of_port() for port in keys['ports'].list()]
    prefixes = ([net.network() for net in keys['prefixes'].list()]
                if 'prefixes' in keys else [])
    return Zone(name, 0, ports, prefixes)


def check_zones(field, zones):
    open_ones = [zone.name for zone in zones if not zone.prefixes]
    if len(open_ones) > 1:
        field.fail('%s: only one zone can be without prefixes',
                   ' and '.join(open_ones))
    owner = {}
    for zone in zones:
        for prefix in zone.prefixes:
            if prefix in owner:
                field.fail('%s and %s both have %s', owner[prefix], zone.name,
                           prefix)
            owner[prefix] = zone.name


def check_tenants(top, tenants):
    ports, ct_zones = {}, {}
    for tenant in tenants:
        other = ct_zones.setdefault(tenant.ct_zone, tenant.name)
        if other != tenant.name:
            top.fail('tenants %s and %s both have ct_zone %d', other,
                     tenant.name, tenant.ct_zone)
        for zone in tenant.zones.values():
            for port in zone.ports:
                if port in ports:
                    top.fail('zones %s and %s both have port %s', ports[port],
                             zone.name, port)
                ports[port] = zone.name


def decode_rule(field, zones, number):
    keys = field.keys([], ['name', 'action', 'from', 'to', 'source',
                           'destination', 'protocol', 'ports', 'types',
                           'helper', 'log'])
    rule = Rule(
        name=keys['name'].name() if 'name' in keys else 'rule-%d' % number,
        allow='action' not in keys or
        keys['action'].choice('allow', 'deny') == 'allow',
        source=decode_zone_name(keys.get('from'), zones),
        destination=decode_zone_name(keys.get('to'), zones),
        src=decode_prefixes(keys.get('source')),
        dst=decode_prefixes(keys.get('destination')),
        protocol=keys['protocol'].choice('any', *TCP_UDP, *ICMP_TYPES)
        if 'protocol' in keys else 'any',
        ports=[port.port_range() for port in keys['ports'].list()]
        if 'ports' in keys else [],
        types=[], helper=None,
        log='log' not in keys or keys['log'].boolean())
    decode_types(keys, rule)
    decode_helper(keys, rule)
    check_rule(field, keys, rule)
    return rule


def decode_zone_name(field, zones):
    if field is None or field.text() == 'any':
        return None
    return zones[field.choice(*zones, 'any')]


def decode_prefixes(field):
    return [] if field is None else [net.network() for net in field.list()]


def decode_types(keys, rule):
    if 'types' not in keys:
        return
    names = ICMP_TYPES.get(rule.protocol)
    if names is None:
        keys['types'].fail('only with protocol icmp or icmpv6')
    for field in keys['types'].list():
        if field.text().isdigit():
            rule.types.append(field.number(0, 255))
        else:
            rule.types.append(names[field.choice(*names)])


def decode_helper(keys, rule):
    if 'helper' not in keys:
        return
    rule.helper = keys['helper'].choice(*HELPERS)
    protocol, port = HELPERS[rule.helper]
    if rule.protocol == 'any':
        rule.protocol = protocol
    if rule.protocol != protocol:
        keys['helper'].fail('%s needs protocol %s', rule.helper, protocol)
    rule.ports = rule.ports or [(port, port)]
    if not rule.allow:
        keys['helper'].fail('a rule that denies has no helper')


def check_rule(field, keys, rule):
    if rule.ports and rule.protocol not in TCP_UDP:
        keys['ports'].fail('only with protocol %s', ', '.join(TCP_UDP))
    if not versions(rule):
        field.fail('source, destination and protocol have no IP version in '
                   'common')


def versions(rule):
    """Of IP, that some packet of the rule can have."""
    found = {4, 6}
    for prefixes in rule.src, rule.dst:
        if prefixes:
            found &= {prefix.version for prefix in prefixes}
    if rule.protocol in ICMP_TYPES:
        found &= {4 if rule.protocol == 'icmp' else 6}
    return found


def number_zones(tenants):
    zones = [zone for tenant in tenants for zone in tenant.zones.values()]
    for number, zone in enumerate(zones, 1):
        zone.number = number


def number_rules(tenant):
    denied = ''
    for rule in tenant.rules:
        if not rule.allow:
            denied += rule.meaning()
        meaning = tenant.name + denied + rule.meaning()
        digest = hashlib.blake2b(meaning.encode(), digest_size=4).digest()
        rule.id = int.from_bytes(digest, 'big') or 1
