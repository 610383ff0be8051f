#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads IPFIX (RFC 7011), from a file or as a collector.

ipfix.py decode FILE [MAX]     a line for each data record; no message may be
                               longer than MAX bytes
ipfix.py registry XML          compares ELEMENTS with a copy of IANA's registry
ipfix.py udp ADDR PORT         a collector: what it is sent, as lines
ipfix.py tcp ADDR PORT [N]     the same; it ends after N connections

A line is "record" or "options" and NAME=VALUE in alphabetical order.  What
breaks a rule of the RFC is an error for a file, and a line "bad ..." of a
collector.

Only the standard library is used.
"""

import ipaddress
import re
import socket
import struct
import sys

# Number: name and size, of IANA's registry of IPFIX information elements.
ELEMENTS = {
    4: ('protocolIdentifier', 1),
    7: ('sourceTransportPort', 2),
    8: ('sourceIPv4Address', 4),
    11: ('destinationTransportPort', 2),
    12: ('destinationIPv4Address', 4),
    27: ('sourceIPv6Address', 16),
    28: ('destinationIPv6Address', 16),
    32: ('icmpTypeCodeIPv4', 2),
    42: ('exportedFlowRecordTotalCount', 8),
    85: ('octetTotalCount', 8),
    86: ('packetTotalCount', 8),
    136: ('flowEndReason', 1),
    139: ('icmpTypeCodeIPv6', 2),
    144: ('exportingProcessId', 4),
    148: ('flowId', 8),
    152: ('flowStartMilliseconds', 8),
    153: ('flowEndMilliseconds', 8),
    166: ('notSentFlowTotalCount', 8),
    225: ('postNATSourceIPv4Address', 4),
    226: ('postNATDestinationIPv4Address', 4),
    227: ('postNAPTSourceTransportPort', 2),
    228: ('postNAPTDestinationTransportPort', 2),
    230: ('natEvent', 1),
    233: ('firewallEvent', 1),
    234: ('ingressVRFID', 4),
    239: ('biflowDirection', 1),
    281: ('postNATSourceIPv6Address', 16),
    282: ('postNATDestinationIPv6Address', 16),
    323: ('observationTimeMilliseconds', 8),
}
SIZES = {'unsigned8': 1, 'unsigned16': 2, 'unsigned32': 4, 'unsigned64': 8,
         'ipv4Address': 4, 'ipv6Address': 16, 'dateTimeMilliseconds': 8}

REVERSE_ENTERPRISE = 29305      # RFC 5103
HEADER = struct.Struct('>HHIII')
TEMPLATE_SET, OPTIONS_SET, FIRST_DATA_SET = 2, 3, 256


class Bad(Exception):
    """What breaks a rule."""


class Reader:
    """Of one transport session: its templates and sequence numbers.  Over UDP
    a collector may have missed its beginning."""

    def __init__(self, late=False):
        self.late = late
        self.templates = {}     # (domain, id): (number of scopes, fields)
        self.next_seq = {}      # By domain.

    def message(self, data):
        """The records of a whole message, as lines."""
        version, length, _, seq, domain = HEADER.unpack_from(data)
        if version != 10 or length != len(data):
            raise Bad('version %d, length %d of %d'
                      % (version, length, len(data)))
        if self.next_seq.setdefault(domain, seq if self.late else 0) != seq:
            raise Bad('sequence %d instead of %d'
                      % (seq, self.next_seq[domain]))
        lines = []
        at = HEADER.size
        while at < length:
            set_id, size = struct.unpack_from('>HH', data, at)
            if size < 5 or at + size > length:
                raise Bad('a set of %d bytes' % size)
            body = data[at + 4:at + size]
            if set_id in (TEMPLATE_SET, OPTIONS_SET):
                self.learn(domain, body, set_id == OPTIONS_SET)
            elif set_id >= FIRST_DATA_SET:
                lines += self.records(domain, set_id, body)
            else:
                raise Bad('a set of id %d' % set_id)
            at += size
        self.next_seq[domain] = (seq + len(lines)) & 0xffffffff
        return lines

    def learn(self, domain, body, options):
        at = 0
        while at < len(body):
            template, count = struct.unpack_from('>HH', body, at)
            at += 4
            scopes = 0
            if options:
                scopes, = struct.unpack_from('>H', body, at)
                at += 2
                if not 0 < scopes <= count:
                    raise Bad('%d scopes of %d' % (scopes, count))
            if template < 256 or not count:
                raise Bad('template %d of %d fields' % (template, count))
            fields = []
            for _ in range(count):
                field, at = self.field(body, at)
                fields.append(field)
            self.templates[domain, template] = (scopes, fields)

    @staticmethod
    def field(body, at):
        element, size = struct.unpack_from('>HH', body, at)
        at += 4
        prefix = ''
        if element & 0x8000:
            enterprise, = struct.unpack_from('>I', body, at)
            at += 4
            element &= 0x7fff
            if enterprise != REVERSE_ENTERPRISE:
                raise Bad('enterprise %d' % enterprise)
            prefix = 'reverse'
        name, expected = ELEMENTS[element]
        if size != expected:
            raise Bad('%s of %d bytes' % (name, size))
        if prefix:
            name = prefix + name[0].upper() + name[1:]
        return (name, size), at

    def records(self, domain, template, body):
        if (domain, template) not in self.templates:
            if self.late:
                # How many records these are, nobody knows.
                del self.next_seq[domain]
            raise Bad('data of an unknown template %d' % template)
        scopes, fields = self.templates[domain, template]
        length = sum(size for _, size in fields)
        if len(body) % length:
            raise Bad('%d bytes of records of %d' % (len(body), length))
        return [self.record(scopes, fields, body[at:at + length])
                for at in range(0, len(body), length)]

    @staticmethod
    def record(scopes, fields, data):
        words = []
        at = 0
        for name, size in fields:
            value = data[at:at + size]
            if 'Address' in name:
                text = str(ipaddress.ip_address(value))
            else:
                text = str(int.from_bytes(value, 'big'))
            words.append('%s=%s' % (name, text))
            at += size
        # Those of one name stay in order.
        words.sort(key=lambda word: word.split('=')[0])
        return ' '.join(['options' if scopes else 'record'] + words)


def split(data):
    """The whole messages in front of 'data', and the rest."""
    messages = []
    while len(data) >= 4:
        length, = struct.unpack_from('>H', data, 2)
        if length < HEADER.size:
            raise Bad('a message of %d bytes' % length)
        if length > len(data):
            break
        messages.append(data[:length])
        data = data[length:]
    return messages, data


def decode(name, limit=65535):
    with open(name, 'rb') as file:
        messages, rest = split(file.read())
    if rest:
        raise Bad('%d bytes at the end' % len(rest))
    reader = Reader()
    for message in messages:
        # A log that was begun anew has another session in the same file.
        _, _, _, seq, domain = HEADER.unpack_from(message)
        if not seq and reader.next_seq.get(domain):
            reader = Reader()
        if len(message) > limit:
            raise Bad('a message of %d bytes' % len(message))
        for line in reader.message(message):
            print(line)


def registry(name):
    """Of ELEMENTS, what is not in the copy, or is otherwise there."""
    with open(name, encoding='utf-8') as file:
        text = file.read()
    known = {}
    for record in re.findall(r'<record[ >].*?</record>', text, re.S):
        found = dict(re.findall(r'<(elementId|name|dataType)>(.*?)<', record))
        if len(found) == 3 and found['elementId'].isdigit():
            known[int(found['elementId'])] = (found['name'],
                                              SIZES.get(found['dataType']))
    differ = {key: value for key, value in ELEMENTS.items()
              if known.get(key) != value}
    print('%d elements, differ: %s' % (len(ELEMENTS), differ))


# Collectors.

def show(reader, message):
    try:
        for line in reader.message(message):
            print(line)
    except Bad as bad:
        print('bad', bad)


def listening(kind, address, port):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    return sock


def collect_udp(address, port):
    sock = listening(socket.SOCK_DGRAM, address, port)
    readers = {}
    print('ready')
    while True:
        data, peer = sock.recvfrom(65535)
        show(readers.setdefault(peer, Reader(late=True)), data)


def collect_tcp(address, port, n=None):
    sock = listening(socket.SOCK_STREAM, address, port)
    sock.listen()
    print('ready')
    while n is None or n:
        connection, _ = sock.accept()
        print('connected')
        reader = Reader()
        rest = b''
        while True:
            data = connection.recv(65536)
            if not data:
                break
            messages, rest = split(rest + data)
            for message in messages:
                show(reader, message)
        print('disconnected')
        n = n and n - 1


def main():
    sys.stdout.reconfigure(line_buffering=True)
    command, *arguments = sys.argv[1:]
    {'decode': lambda name, *limit: decode(name, *map(int, limit)),
     'registry': registry,
     'udp': lambda address, port: collect_udp(address, int(port)),
     'tcp': lambda address, port, *n: collect_tcp(address, int(port),
                                                  *map(int, n)),
     }[command](*arguments)


if __name__ == '__main__':
    try:
        main()
    except Bad as error:
        sys.exit('bad: %s' % error)
