# SPDX-License-Identifier: Apache-2.0
"""What a packet-in holds.  Packets may be cut and are as hostile as any."""

import dataclasses

from os_ken.lib.packet import ethernet, icmp, icmpv6, ipv4, ipv6, packet
from os_ken.lib.packet import sctp, tcp, udp


@dataclasses.dataclass
class Tuple:
    """ports: of TCP, UDP, SCTP; icmp: type, code and identifier."""
    src: str
    dst: str
    proto: int
    ports: tuple = None
    icmp: tuple = None

    def text(self):
        names = {1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6', 132: 'sctp'}
        name = names.get(self.proto, 'proto=%d' % self.proto)
        if self.ports:
            return '%s %s port %d > %s port %d' % (
                name, self.src, self.ports[0], self.dst, self.ports[1])
        text = '%s %s > %s' % (name, self.src, self.dst)
        return text + (' type %d code %d' % self.icmp[:2] if self.icmp else '')


def parse(data):
    """os-ken's Packet, as far as it goes; None if nothing can be read."""
    try:
        return packet.Packet(data, parse_cls=ethernet.ethernet)
    except Exception:       # Whatever a parser trips over.
        return None


def tuple_of(data):
    """None if it is no packet of IP."""
    parsed = parse(data)
    if parsed is None:
        return None
    head = parsed.get_protocol(ipv4.ipv4) or parsed.get_protocol(ipv6.ipv6)
    if head is None:
        return None
    found = Tuple(head.src, head.dst, getattr(head, 'proto', None) or
                  getattr(head, 'nxt', 0))
    for kind in tcp.tcp, udp.udp, sctp.sctp:
        l4 = parsed.get_protocol(kind)
        if l4 is not None:
            found.ports = l4.src_port, l4.dst_port
            found.proto = {tcp.tcp: 6, udp.udp: 17, sctp.sctp: 132}[kind]
    for kind in icmp.icmp, icmpv6.icmpv6:
        l4 = parsed.get_protocol(kind)
        if l4 is not None:
            found.proto = 1 if kind is icmp.icmp else 58
            found.icmp = (getattr(l4, 'type', None) if kind is icmp.icmp
                          else l4.type_, l4.code,
                          getattr(l4.data, 'id', None)
                          or getattr(l4.data, 'id_', 0))
    return found
