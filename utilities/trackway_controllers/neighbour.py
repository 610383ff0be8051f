# SPDX-License-Identifier: Apache-2.0
"""ARP and neighbour discovery: frames, and what a frame says.

Frames are built and read by os-ken.  The flows that answer ARP requests for
addresses of ours need no controller; neighbour solicitations come to it, for
OpenFlow cannot make an advertisement of one.
"""

import ipaddress

from os_ken.lib.packet import arp, ether_types, ethernet, icmpv6, ipv6
from os_ken.lib.packet import packet

from . import openflow, packets
from .openflow import Flow

BROADCAST = 'ff:ff:ff:ff:ff:ff'


# Flows.

def arp_answers(table, priority, net, mac, **match):
    """Answers requests for the addresses of a prefix, and shows them to the
    controller, which learns from them who asks.  Uses register 5."""
    return Flow(table, priority, dict(
        match, eth_type=openflow.ETH_ARP, arp_op=arp.ARP_REQUEST,
        arp_tpa=openflow.network(net)), [
            openflow.controller(),
            openflow.move('eth_src', 'eth_dst', 48),
            openflow.set_field(eth_src=mac),
            openflow.set_field(arp_op=arp.ARP_REPLY),
            openflow.move('arp_sha', 'arp_tha', 48),
            openflow.set_field(arp_sha=mac),
            openflow.move('arp_tpa', 'reg5', 32),
            openflow.move('arp_spa', 'arp_tpa', 32),
            openflow.move('reg5', 'arp_spa', 32),
            openflow.in_port()])


def to_controller(table, priority, mac, **match):
    """Answers to our own questions, and all solicitations."""
    return [
        Flow(table, priority, dict(match, eth_type=openflow.ETH_ARP,
                                   arp_op=arp.ARP_REPLY, eth_dst=mac),
             [openflow.controller()]),
        Flow(table, priority, openflow.ip(
            6, ip_proto=openflow.ICMP[6],
            icmpv6_type=icmpv6.ND_NEIGHBOR_ADVERT, eth_dst=mac, **match),
             [openflow.controller()])]


def solicitations(table, priority, net, **match):
    """Those for addresses of a prefix come to the controller."""
    return Flow(table, priority, openflow.ip(
        6, ip_proto=openflow.ICMP[6], icmpv6_type=icmpv6.ND_NEIGHBOR_SOLICIT,
        ipv6_nd_target=openflow.network(net), **match),
        [openflow.controller()])


def answers(table, priority, net, mac, **match):
    """Whoever looks for an address of net finds us."""
    if net.version == 4:
        return arp_answers(table, priority, net, mac, **match)
    return solicitations(table, priority, net, **match)


# Frames.

def request(address, source, mac):
    """Asks who has address; source and mac are ours."""
    address = ipaddress.ip_address(address)
    if address.version == 4:
        return _frame(ethernet.ethernet(BROADCAST, mac, openflow.ETH_ARP),
                      arp.arp(opcode=arp.ARP_REQUEST, src_mac=mac,
                              src_ip=str(source), dst_ip=str(address)))
    group = 'ff02::1:ff%02x:%02x%02x' % tuple(address.packed[-3:])
    return _frame(
        ethernet.ethernet('33:33:ff:%02x:%02x:%02x'
                          % tuple(address.packed[-3:]), mac,
                          ether_types.ETH_TYPE_IPV6),
        ipv6.ipv6(src=str(source), dst=group, hop_limit=255, nxt=58),
        icmpv6.icmpv6(type_=icmpv6.ND_NEIGHBOR_SOLICIT,
                      data=icmpv6.nd_neighbor(
                          dst=str(address),
                          option=icmpv6.nd_option_sla(hw_src=mac))))


def advertisement(question, mac):
    """The answer to a solicitation: address is ours."""
    eth, ip, nd = question
    # Whoever has no address yet asks from ::, and hears of it by multicast.
    nobody = ip.src == '::'
    return _frame(
        ethernet.ethernet('33:33:00:00:00:01' if nobody else eth.src, mac,
                          ether_types.ETH_TYPE_IPV6),
        ipv6.ipv6(src=nd.data.dst, dst='ff02::1' if nobody else ip.src,
                  hop_limit=255, nxt=58),
        icmpv6.icmpv6(type_=icmpv6.ND_NEIGHBOR_ADVERT,
                      data=icmpv6.nd_neighbor(
                          res=(5 if not nobody else 1), dst=nd.data.dst,
                          option=icmpv6.nd_option_tla(hw_src=mac))))


def _frame(*headers):
    frame = packet.Packet()
    for header in headers:
        frame.add_protocol(header)
    frame.serialize()
    return bytes(frame.data)


# Reading.

def sender(data):
    """(address, MAC address) of who speaks in ARP or neighbour discovery, or
    None; the second result is a solicitation, for advertisement()."""
    parsed = packets.parse(data)
    if parsed is None:
        return None, None
    eth = parsed.get_protocol(ethernet.ethernet)
    said = parsed.get_protocol(arp.arp)
    if said is not None:
        return _known(said.src_ip, said.src_mac), None
    ip = parsed.get_protocol(ipv6.ipv6)
    nd = parsed.get_protocol(icmpv6.icmpv6)
    # Whoever is not on the link cannot send a hop limit of 255 (RFC 4861).
    if (ip is None or nd is None or ip.hop_limit != 255 or
            not isinstance(nd.data, icmpv6.nd_neighbor)):
        return None, None
    if nd.type_ == icmpv6.ND_NEIGHBOR_SOLICIT:
        return _known(ip.src, eth.src), (eth, ip, nd)
    mac = getattr(nd.data.option, 'hw_src', None) or eth.src
    return _known(nd.data.dst, mac), None


def _known(address, mac):
    try:
        address = ipaddress.ip_address(address)
    except ValueError:
        return None
    if (address.is_unspecified or address.is_multicast or
            int(mac[:2], 16) & 1):
        return None
    return address, mac
