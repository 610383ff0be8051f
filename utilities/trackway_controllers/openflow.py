# SPDX-License-Identifier: Apache-2.0
"""Flows, groups and meters as values, and the actions that they hold.

All of it is of OpenFlow 1.4, the first version with bundles, with Nicira's
actions for connection tracking, as os-ken encodes them.  A value knows no
switch: switch.py sends it.

A flow's cookie is the number of its application and a digest of all that the
flow says.  So two flows with one cookie are the same flow, and what a switch
has needs no other comparison with what it should have.
"""

import dataclasses
import hashlib
import ipaddress

from os_ken.lib import type_desc
from os_ken.ofproto import inet, nicira_ext, oxm_fields
from os_ken.ofproto import ofproto_v1_4 as ofp
from os_ken.ofproto import ofproto_v1_4_parser as parser

# The original tuple of a connection, which os-ken's list of fields lacks
# (nicira-ext.h of OVS 2.8 has the numbers).
ofp.oxm_types += [
    oxm_fields.NiciraExtended1('ct_nw_proto', 119, type_desc.Int1),
    oxm_fields.NiciraExtended1('ct_nw_src', 120, type_desc.IPv4Addr),
    oxm_fields.NiciraExtended1('ct_nw_dst', 121, type_desc.IPv4Addr),
    oxm_fields.NiciraExtended1('ct_ipv6_src', 122, type_desc.IPv6Addr),
    oxm_fields.NiciraExtended1('ct_ipv6_dst', 123, type_desc.IPv6Addr),
    oxm_fields.NiciraExtended1('ct_tp_src', 124, type_desc.Int2),
    oxm_fields.NiciraExtended1('ct_tp_dst', 125, type_desc.Int2),
]
oxm_fields.generate(ofp.__name__)

ETH_TYPE = {4: 0x0800, 6: 0x86dd}
ETH_ARP = 0x0806

PROTOCOLS = {'tcp': inet.IPPROTO_TCP, 'udp': inet.IPPROTO_UDP,
             'sctp': inet.IPPROTO_SCTP}
ICMP = {4: inet.IPPROTO_ICMP, 6: inet.IPPROTO_ICMPV6}

# Ports that ct(alg=) knows helpers by.
ALG = {'ftp': 21, 'tftp': 69}

_CT_COMMIT, _CT_FORCE = 1, 2
_NAT_SRC, _NAT_DST = 1, 2

_STATE_BITS = {'new': 1, 'est': 2, 'rel': 4, 'rpl': 8, 'inv': 16, 'trk': 32,
               'snat': 64, 'dnat': 128}


# Matches.

def ct_state(text):
    """'+trk+new-inv' as (value, mask)."""
    value = mask = 0
    for word in text.replace('+', ' +').replace('-', ' -').split():
        bit = _STATE_BITS[word[1:]]
        mask |= bit
        value |= bit if word[0] == '+' else 0
    return value, mask


def network(net):
    """A prefix as a value of a match."""
    if net.prefixlen == net.max_prefixlen:
        return str(net.network_address)
    return str(net.network_address), str(net.netmask)


def ip(version, src=None, dst=None, **more):
    """Matches packets of one version of IP."""
    names = (('ipv4_src', 'ipv4_dst') if version == 4
             else ('ipv6_src', 'ipv6_dst'))
    fields = dict(more, eth_type=ETH_TYPE[version])
    for name, net in zip(names, (src, dst)):
        if net is not None and (not isinstance(net, (ipaddress.IPv4Network,
                                                     ipaddress.IPv6Network))
                                or net.prefixlen):
            fields[name] = network(ipaddress.ip_network(net))
    return fields


# Actions.

def ct(zone, table=None, commit=False, actions=(), alg=None):
    return parser.NXActionCT(
        flags=_CT_COMMIT if commit else 0, zone_src='', zone_ofs_nbits=zone,
        recirc_table=0xff if table is None else table,
        alg=ALG[alg] if alg else 0, actions=list(actions))


class Nat(parser.NXActionNAT):
    """os-ken 2.5 counts the padding to a multiple of 8 but does not write it,
    and so breaks what follows."""

    def serialize_body(self):
        body = super().serialize_body()
        return body + bytes(-(NX_HEADER + len(body)) % 8)


# Type, length, experimenter, subtype.
NX_HEADER = 10


def nat():
    """Translates as the connection is."""
    return Nat(flags=0)


def _nat(flags, addresses, ports):
    first, last = addresses
    names = (('range_ipv4_min', 'range_ipv4_max') if first.version == 4
             else ('range_ipv6_min', 'range_ipv6_max'))
    fields = {names[0]: str(first)}
    if last != first:
        fields[names[1]] = str(last)
    if ports:
        fields['range_proto_min'] = ports[0]
        if ports[1] != ports[0]:
            fields['range_proto_max'] = ports[1]
    return Nat(flags=flags, **fields)


def nat_src(addresses, ports=None):
    return _nat(_NAT_SRC, addresses, ports)


def nat_dst(addresses, ports=None):
    return _nat(_NAT_DST, addresses, ports)


def set_field(**field):
    return parser.OFPActionSetField(**field)


def move(src, dst, bits):
    return parser.NXActionRegMove(src, dst, bits)


def output(port, max_len=0):
    return parser.OFPActionOutput(port, max_len)


def in_port():
    return output(ofp.OFPP_IN_PORT)


def normal():
    return output(ofp.OFPP_NORMAL)


def controller(max_len=ofp.OFPCML_NO_BUFFER):
    return output(ofp.OFPP_CONTROLLER, max_len)


def dec_ttl():
    return parser.OFPActionDecNwTtl()


def group(number):
    return parser.OFPActionGroup(number)


def resubmit(table):
    return parser.NXActionResubmitTable(table_id=table)


# What a switch holds.

@dataclasses.dataclass
class Flow:
    """what is for people: whoever gets a packet of this flow may ask."""
    table: int
    priority: int
    match: dict
    actions: list = dataclasses.field(default_factory=list)
    goto: int = None
    meter: int = None
    idle: int = 0
    what: str = ''

    def instructions(self):
        steps = []
        if self.meter is not None:
            steps.append(parser.OFPInstructionMeter(self.meter))
        if self.actions:
            steps.append(parser.OFPInstructionActions(
                ofp.OFPIT_APPLY_ACTIONS, self.actions))
        if self.goto is not None:
            steps.append(parser.OFPInstructionGotoTable(self.goto))
        return steps

    def cookie(self, app):
        data = bytearray(b'%d %d %d ' % (self.table, self.priority, self.idle))
        parser.OFPMatch(**self.match).serialize(data, len(data))
        for step in self.instructions():
            step.serialize(data, len(data))
        digest = hashlib.blake2b(data, digest_size=6).digest()
        return app << 48 | int.from_bytes(digest, 'big')

    def add(self, datapath, cookie):
        return parser.OFPFlowMod(
            datapath, cookie=cookie, table_id=self.table,
            priority=self.priority, idle_timeout=self.idle,
            match=parser.OFPMatch(**self.match),
            instructions=self.instructions())


def delete_flow(datapath, cookie, mask=(1 << 64) - 1, table=ofp.OFPTT_ALL):
    return parser.OFPFlowMod(
        datapath, cookie=cookie, cookie_mask=mask, table_id=table,
        command=ofp.OFPFC_DELETE, out_port=ofp.OFPP_ANY,
        out_group=ofp.OFPG_ANY)


@dataclasses.dataclass
class Group:
    """buckets: pairs of weight and actions."""
    number: int
    buckets: list

    def of_buckets(self):
        return [parser.OFPBucket(weight=weight, watch_port=ofp.OFPP_ANY,
                                 watch_group=ofp.OFPG_ANY, actions=actions)
                for weight, actions in self.buckets]

    def message(self, datapath, command):
        return parser.OFPGroupMod(datapath, command, ofp.OFPGT_SELECT,
                                  self.number, self.of_buckets())



def delete_group(datapath, number):
    return parser.OFPGroupMod(datapath, ofp.OFPGC_DELETE, ofp.OFPGT_SELECT,
                              number, [])


@dataclasses.dataclass
class Meter:
    """Lets so many packets a second through, and at first a burst."""
    number: int
    rate: int
    burst: int

    def message(self, datapath, command):
        bands = [parser.OFPMeterBandDrop(rate=self.rate,
                                         burst_size=self.burst)]
        return parser.OFPMeterMod(
            datapath, command, ofp.OFPMF_PKTPS | ofp.OFPMF_BURST,
            self.number, bands)
