# SPDX-License-Identifier: Apache-2.0
"""OpenFlow messages that end connections, as OVS extends OpenFlow.

flush_zone() is known since OVS 2.6, flush() since 3.1: it ends connections
that match a tuple, in part or whole, of the original direction, of the reply
direction or both.  os-ken has no class for either; the bodies are encoded here
and travel in its experimenter message.
"""

import dataclasses
import ipaddress
import struct

from os_ken.ofproto import ofproto_common
from os_ken.ofproto import ofproto_v1_4_parser as parser

NXT_CT_FLUSH_ZONE, NXT_CT_FLUSH = 29, 32

# Properties (enum nx_ct_flush_tlv_type and nx_ct_flush_tuple_tlv_type).
_ORIG, _REPLY, _ZONE = range(3)
_SRC, _DST, _SRC_PORT, _DST_PORT, _ICMP_ID, _ICMP_TYPE, _ICMP_CODE = range(7)


@dataclasses.dataclass
class Tuple:
    """What is None matches anything.  For ICMP src_port is the identifier,
    dst_port a pair of type and code."""
    src: object = None
    dst: object = None
    src_port: object = None
    dst_port: object = None


def flush_zone(datapath, zone):
    return _message(datapath, NXT_CT_FLUSH_ZONE, struct.pack('!6xH', zone))


def flush(datapath, zone, proto, orig=None, reply=None):
    """Ends the connections of a zone and protocol that match."""
    body = struct.pack('!B7x', proto)
    for kind, tuple_ in ((_ORIG, orig), (_REPLY, reply)):
        if tuple_ is not None:
            body += _property(kind, _tuple(proto, tuple_), nested=True)
    body += _property(_ZONE, struct.pack('!H2x', zone))
    return _message(datapath, NXT_CT_FLUSH, body)


def _message(datapath, subtype, body):
    return parser.OFPExperimenter(
        datapath, ofproto_common.NX_EXPERIMENTER_ID, subtype, body)


def _tuple(proto, tuple_):
    body = b''
    for kind, address in ((_SRC, tuple_.src), (_DST, tuple_.dst)):
        if address is not None:
            body += _property(kind, _mapped(address))
    if proto in (1, 58):
        if tuple_.src_port is not None:
            body += _property(_ICMP_ID, struct.pack('!H2x', tuple_.src_port))
        if tuple_.dst_port is not None:
            for kind, value in zip((_ICMP_TYPE, _ICMP_CODE), tuple_.dst_port):
                body += _property(kind, bytes([value]))
        return body
    for kind, port in ((_SRC_PORT, tuple_.src_port),
                       (_DST_PORT, tuple_.dst_port)):
        if port is not None:
            body += _property(kind, struct.pack('!H2x', port))
    return body


def _mapped(address):
    """IPv6, or IPv4 mapped to it."""
    address = ipaddress.ip_address(str(address))
    if address.version == 4:
        return bytes(10) + b'\xff\xff' + address.packed
    return address.packed


def _property(kind, value, nested=False):
    """Padded to 8 bytes, which the length does not count; what is nested
    begins on a multiple of 8."""
    head = struct.pack('!HH4x' if nested else '!HH', kind,
                       len(value) + (8 if nested else 4))
    data = head + value
    return data + bytes(-len(data) % 8)
