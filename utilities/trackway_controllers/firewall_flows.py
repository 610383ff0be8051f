# SPDX-License-Identifier: Apache-2.0
"""Flows of a firewall's policy.

Packets are forwarded as a switch does it; ARP and neighbour discovery pass.
Every other packet of IP goes through these tables:

FROM    by the port and the source address: zone (reg0) and tenant (reg2)
TO      by the destination address: zone (reg1); then ct() in the tenant's zone
STATE   a connection with the mark of a rule that there still is passes
RULES   a new connection: the policy, in its order; the default is to deny
STALE   an established connection whose mark is of an older policy: the same
        policy over the tuple by which the connection was opened.  It gets the
        new mark, or is denied, and the controller ends it
"""

from . import openflow
from .firewall_config import ICMP_TYPES, versions
from .openflow import Flow
from .ranges import masks

FROM, TO, STATE, RULES, STALE = range(5)

METER = 0x7466

TRACKED = openflow.ct_state
FIRST_RULE = 40000

# In STALE the fields of the original tuple.
FIELDS = {4: ('ipv4_src', 'ipv4_dst'), 6: ('ipv6_src', 'ipv6_dst')}
TUPLE = {4: ('ct_nw_src', 'ct_nw_dst'), 6: ('ct_ipv6_src', 'ct_ipv6_dst')}

ENDED = 'ended'
DISCOVERY = (130, 131, 132, 133, 134, 135, 136, 143)


def plan(policy, ports):
    """(flows, groups, meters); ports: see Switch.ports()."""
    flows = []
    for tenant in policy.tenants:
        for zone in tenant.zones.values():
            flows += from_zone(tenant, zone, ports)
            flows += to_zone(tenant, zone)
        flows += states(tenant)
        for position, rule in enumerate(tenant.rules):
            flows += rule_flows(tenant, rule, FIRST_RULE - position)
    flows += [
        Flow(STATE, 110, {'ct_state': TRACKED('+trk+inv')},
             what='invalid'),
        Flow(STATE, 90, {'ct_state': TRACKED('+trk+new-rel-inv')}, goto=RULES),
        Flow(STATE, 80, {'ct_state': TRACKED('+trk-new-inv')}, goto=STALE),
        denied(TO, 0, {}, 'no-zone'),
        denied(STATE, 0, {}, 'unexpected'),
        denied(RULES, 0, {}, 'default'),
        denied(STALE, 0, {}, ENDED),
    ]
    return flows, [], [openflow.Meter(METER, policy.rate, policy.burst)]


def denied(table, priority, match, what):
    """Seen by the controller at the policy's rate."""
    return Flow(table, priority, match, [openflow.controller(128)],
                meter=METER, what=what)


def from_zone(tenant, zone, ports):
    registers = [openflow.set_field(reg0=zone.number),
                 openflow.set_field(reg2=tenant.number)]
    flows = []
    for port in (ports[str(port)].port_no for port in zone.ports
                 if str(port) in ports):
        flows.append(Flow(FROM, 200, {'in_port': port,
                                      'eth_type': openflow.ETH_ARP},
                          [openflow.normal()]))
        for kind in DISCOVERY:
            flows.append(Flow(FROM, 200, openflow.ip(
                6, in_port=port, ip_proto=openflow.ICMP[6],
                icmpv6_type=kind), [openflow.normal()]))
        for match in matches_of(zone.prefixes, 0, in_port=port):
            flows.append(Flow(FROM, 100, match, registers, goto=TO))
        for version in 4, 6:
            flows.append(denied(FROM, 50, openflow.ip(version, in_port=port),
                                'source'))
    return flows


def to_zone(tenant, zone):
    actions = [openflow.set_field(reg1=zone.number),
               openflow.ct(tenant.ct_zone, table=STATE)]
    flows = []
    for prefix in zone.prefixes or [None]:
        priority = 100 + prefix.prefixlen if prefix else 100
        for match in matches_of([prefix] if prefix else [], 1,
                                reg2=tenant.number):
            flows.append(Flow(TO, priority, match, actions))
    return flows


def matches_of(prefixes, which, **more):
    """Of source (0) or destination (1) addresses; no prefixes: all."""
    if not prefixes:
        return [openflow.ip(version, **more) for version in (4, 6)]
    return [openflow.ip(prefix.version,
                        **{('src', 'dst')[which]: prefix}, **more)
            for prefix in prefixes]


def states(tenant):
    flows = []
    for rule_id in {rule.id for rule in tenant.rules if rule.allow}:
        match = {'reg2': tenant.number, 'ct_mark': rule_id}
        flows.append(Flow(STATE, 100, dict(
            match, ct_state=TRACKED('+trk-new-inv')), [openflow.normal()]))
        for version in 4, 6:
            flows.append(Flow(STATE, 100, openflow.ip(
                version, **match, ct_state=TRACKED('+trk+new+rel-inv')), [
                    openflow.ct(tenant.ct_zone, commit=True),
                    openflow.normal()]))
    return flows


# Rules.

def rule_flows(tenant, rule, priority):
    flows = []
    for version in sorted(versions(rule)):
        for src in of_version(rule.src, version):
            for dst in of_version(rule.dst, version):
                for l4 in protocols(rule, version):
                    flows.append(new_flow(tenant, rule, priority, version,
                                          src, dst, l4))
                    flows += stale_flows(tenant, rule, priority, version,
                                         src, dst, l4)
    return flows


def of_version(prefixes, version):
    if not prefixes:
        return [None]
    return [prefix for prefix in prefixes if prefix.version == version]


def protocols(rule, version):
    """(protocol, port or ICMP type with mask or None), None for any."""
    if rule.protocol == 'any':
        return [(None, None)]
    if rule.protocol in ICMP_TYPES:
        return [(openflow.ICMP[version], kind)
                for kind in rule.types or [None]]
    number = openflow.PROTOCOLS[rule.protocol]
    return [(number, pair) for low, high in rule.ports
            for pair in masks(low, high)] or [(number, None)]


def new_flow(tenant, rule, priority, version, src, dst, l4):
    match = openflow.ip(version, src, dst,
                        **zones(tenant, rule.source, rule.destination))
    protocol, value = l4
    if protocol is not None:
        match['ip_proto'] = protocol
    if value is not None:
        match[port_field(rule, version)] = exact(value)
    if not rule.allow:
        return refusal(RULES, priority, match, rule, rule.name)
    return Flow(RULES, priority, match, accept(tenant, rule, rule.helper))


def port_field(rule, version):
    if rule.protocol in ICMP_TYPES:
        return 'icmpv4_type' if version == 4 else 'icmpv6_type'
    return rule.protocol + '_dst'


def stale_flows(tenant, rule, priority, version, src, dst, l4):
    """One for each direction: a reply comes from the zone that the connection
    went to."""
    tuple_ = {'eth_type': openflow.ETH_TYPE[version]}
    for name, prefix in zip(TUPLE[version], (src, dst)):
        if prefix is not None and prefix.prefixlen:
            tuple_[name] = openflow.network(prefix)
    protocol, value = l4
    if protocol is not None:
        tuple_['ct_nw_proto'] = protocol
    if value is not None:
        # The tuple of ICMP has the type where others have the source port.
        icmp = rule.protocol in ICMP_TYPES
        tuple_['ct_tp_src' if icmp else 'ct_tp_dst'] = exact(value)
    flows = []
    for state, one, other in (
            ('+trk-new-rpl-inv', rule.source, rule.destination),
            ('+trk-new+rpl-inv', rule.destination, rule.source)):
        match = dict(tuple_, ct_state=TRACKED(state),
                     **zones(tenant, one, other))
        if rule.allow:
            flows.append(Flow(STALE, priority, match,
                              accept(tenant, rule, None)))
        else:
            flows.append(refusal(STALE, priority, match, rule, ENDED))
    return flows


def zones(tenant, source, destination):
    fields = {'reg2': tenant.number}
    if source is not None:
        fields['reg0'] = source.number
    if destination is not None:
        fields['reg1'] = destination.number
    return fields


def exact(value):
    """(80, 0xffff) is 80."""
    if isinstance(value, tuple) and value[1] == 0xffff:
        return value[0]
    return value


def accept(tenant, rule, helper):
    """A connection keeps its helper; it is named once only."""
    mark = openflow.set_field(ct_mark=rule.id)
    return [openflow.ct(tenant.ct_zone, commit=True, actions=[mark],
                        alg=helper), openflow.normal()]


def refusal(table, priority, match, rule, what):
    """What is to be ended goes to the controller in any case."""
    if rule.log or what == ENDED:
        return denied(table, priority, match, what)
    return Flow(table, priority, match, what=what)
