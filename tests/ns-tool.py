#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients, servers and a packet reader for the system tests.

ns-tool.py echo PORT           answers over TCP and UDP, says which peer it saw
ns-tool.py sink PORT           takes TCP connections and keeps them, never
                               answers a UDP packet
ns-tool.py receive PORT        takes one TCP connection, prints size, SHA-256
ns-tool.py send ADDR PORT      standard input over one TCP connection
ns-tool.py ask PROTO ADDR PORT asks an echo server once or more often
ns-tool.py talk ADDR PORT      one TCP connection; a line of standard input is
                               one request, the reply goes to standard output
ns-tool.py open PROTO ADDR PORT COUNT
                               how many of COUNT connections come to be
ns-tool.py segment SRC DST SPORT DPORT
                               one TCP segment, as given, past the local TCP
ns-tool.py datagrams SRC DST FIRST COUNT
                               one UDP packet each from COUNT ports
ns-tool.py sctp SRC DST SPORT DPORT
                               an INIT, which opens an association
ns-tool.py fragment SRC DST SIZE
                               the first fragment of a UDP packet, alone
ns-tool.py sniff DEVICE        one line for each packet, checksums verified

Only the standard library is used.
"""

import argparse
import hashlib
import select
import signal
import socket
import struct
import sys
import threading
import time


def family_of(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def plain(address):
    """An IPv4 peer of an IPv6 socket is still an IPv4 peer."""
    return address[7:] if address.startswith('::ffff:') else address


# Servers.

def reply_to(peer, data):
    return b'peer=%s port=%d %s' % (plain(peer[0]).encode(), peer[1],
                                    data[:1000])


def listeners(port):
    tcp = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    tcp.bind(('::', port))
    tcp.listen(1024)

    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    # A reply has to come from the address that was asked.
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    udp.bind(('::', port))
    return tcp, udp


def echo_udp(udp):
    while True:
        data, ancillary, _, peer = udp.recvmsg(65536, 256)
        info = [item for item in ancillary
                if item[:2] == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)]
        print('udp', plain(peer[0]), peer[1], len(data))
        udp.sendmsg([reply_to(peer, data)], info, 0, peer)


def echo_tcp(connection, peer):
    print('tcp', plain(peer[0]), peer[1])
    with connection, connection.makefile('rwb', buffering=0) as stream:
        try:
            for line in stream:
                stream.write(reply_to(peer, line))
        except OSError as error:
            print('tcp', plain(peer[0]), peer[1], error)


def cmd_echo(args):
    tcp, udp = listeners(args.port)
    threading.Thread(target=echo_udp, args=(udp,), daemon=True).start()
    print('ready')
    while True:
        threading.Thread(target=echo_tcp, args=tcp.accept(),
                         daemon=True).start()


def cmd_sink(args):
    tcp, udp = listeners(args.port)
    kept = []
    print('ready')
    while True:
        readable, _, _ = select.select([tcp, udp], [], [])
        if tcp in readable:
            kept.append(tcp.accept())
        if udp in readable:
            udp.recv(65536)


def cmd_receive(args):
    tcp, _ = listeners(args.port)
    print('ready')
    connection, _ = tcp.accept()
    digest, size = hashlib.sha256(), 0
    while data := connection.recv(1 << 20):
        digest.update(data)
        size += len(data)
    print('received', size, digest.hexdigest())


# Clients.

def client(args, kind):
    sock = socket.socket(family_of(args.address), kind)
    sock.settimeout(args.timeout)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if args.sport or args.source:
        any_address = '::' if ':' in args.address else '0.0.0.0'
        sock.bind((args.source or any_address, args.sport))
    sock.connect((args.address, args.port))
    return sock


def cmd_ask(args):
    kind = socket.SOCK_DGRAM if args.proto == 'udp' else socket.SOCK_STREAM
    with client(args, kind) as sock:
        for _ in range(args.count):
            sock.sendall(args.text.encode().ljust(args.size, b'.') + b'\n')
            if not args.mute:
                print(sock.recv(65536).decode().strip())


def cmd_talk(args):
    with client(args, socket.SOCK_STREAM) as sock:
        print('ready')
        for line in sys.stdin:
            sock.sendall(line.encode())
            try:
                print(sock.recv(65536).decode().strip())
            except socket.timeout:
                print('timeout')


def cmd_send(args):
    with client(args, socket.SOCK_STREAM) as sock:
        sock.sendall(sys.stdin.buffer.read())


def cmd_open(args):
    """Starts all connections at once, so that refused ones cost one timeout
    together."""
    if args.proto == 'udp':
        return open_udp(args)
    socks = []
    for i in range(args.count):
        sock = socket.socket(family_of(args.address), socket.SOCK_STREAM)
        sock.setblocking(False)
        if args.sport:
            sock.bind((args.source or '', args.sport + i))
        sock.connect_ex((args.address, args.port))
        socks.append(sock)
    pending, opened = set(socks), 0
    deadline = time.monotonic() + args.timeout
    while pending and time.monotonic() < deadline:
        _, writable, _ = select.select([], pending, [], 0.1)
        for sock in writable:
            pending.discard(sock)
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                opened += 1
    print(opened)
    if args.hold:
        print('ready')
        signal.pause()


def open_udp(args):
    socks = []
    for i in range(args.count):
        sock = socket.socket(family_of(args.address), socket.SOCK_DGRAM)
        if args.sport:
            sock.bind((args.source or '', args.sport + i))
        sock.connect((args.address, args.port))
        sock.send(b'open\n')
        socks.append(sock)
    waiting, answered = set(socks), 0
    deadline = time.monotonic() + args.timeout
    while waiting and time.monotonic() < deadline:
        readable, _, _ = select.select(waiting, [], [], 0.1)
        for sock in readable:
            waiting.discard(sock)
            try:
                sock.recv(65536)
                answered += 1
            except OSError:
                pass
    print(answered)


# Packets.

def csum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


FLAGS = {'F': 1, 'S': 2, 'R': 4, 'P': 8, 'A': 16, 'U': 32}


def cmd_flood(args):
    """SYNs from ports that follow each other."""
    for i in range(args.count):
        args.sport, args.flags, args.seq = 1024 + i, 'S', i
        cmd_segment(args)


def cmd_segment(args):
    family = family_of(args.src)
    src = socket.inet_pton(family, args.src)
    dst = socket.inet_pton(family, args.dst)
    flags = sum(FLAGS[letter] for letter in args.flags)
    payload = args.text.encode()
    header = struct.pack('!HHIIBBHHH', args.sport, args.dport,
                         args.seq, args.ack, 5 << 4, flags, 1000, 0, 0)
    pseudo = src + dst + struct.pack('!HH', socket.IPPROTO_TCP,
                                     len(header) + len(payload))
    sum_ = csum(pseudo + header + payload) ^ (1 if args.badcsum else 0)
    segment = header[:16] + struct.pack('!H', sum_) + header[18:] + payload
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP) as sock:
        sock.bind((args.src, 0))
        sock.sendto(segment, (args.dst, 0))


def raw_ipv4(args, proto):
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, proto)
    sock.bind((args.src, 0))
    return sock


def udp_header(sport, dport, length):
    return struct.pack('!HHHH', sport, dport, 8 + length, 0)


def cmd_datagrams(args):
    with raw_ipv4(args, socket.IPPROTO_UDP) as sock:
        for i in range(args.count):
            sock.sendto(udp_header(args.first + i, args.port, 0),
                        (args.dst, 0))
            if i % 100 == 99:
                time.sleep(0.002)       # As fast as a port takes them.


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def cmd_sctp(args):
    chunk = struct.pack('!BBHIIHHI', 1, 0, 20, args.sport, 1000, 1, 1, 1)
    head = struct.pack('!HHI', args.sport, args.dport, 0)
    sum_ = struct.pack('<I', crc32c(head + bytes(4) + chunk))
    with raw_ipv4(args, socket.IPPROTO_SCTP) as sock:
        sock.sendto(head + sum_ + chunk, (args.dst, 0))


def cmd_fragment(args):
    body = udp_header(5000, 9, 2 * args.size) + bytes(args.size - 8)
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(body), 7, 0x2000, 64,
                       socket.IPPROTO_UDP, 0)
    head += socket.inet_aton(args.src) + socket.inet_aton(args.dst)
    with raw_ipv4(args, socket.IPPROTO_RAW) as sock:
        sock.sendto(head + body, (args.dst, 0))


class Short(Exception):
    """The packet ends before the header does."""


def take(data, n):
    if len(data) < n:
        raise Short
    return data[:n]


def describe_ip(data, inner=False):
    """Text for an IP packet.  An inner packet may be cut, then its checksum
    beyond the IP header is not known."""
    version = take(data, 1)[0] >> 4
    if version == 4:
        head = take(data, (data[0] & 15) * 4)
        total, = struct.unpack('!H', head[2:4])
        frag, = struct.unpack('!H', head[6:8])
        proto, src, dst = head[9], head[12:16], head[16:20]
        pseudo = src + dst + struct.pack('!HH', proto, total - len(head))
        text = 'ip ttl=%d ipsum=%s' % (head[8], good(csum(head) == 0))
        family, body = socket.AF_INET, data[len(head):total]
        if frag & 0x3fff:
            text += ' frag=%d' % ((frag & 0x1fff) * 8)
        whole = len(data) >= total and not frag & 0x3fff
        later = bool(frag & 0x1fff)
    else:
        head = take(data, 40)
        length, proto = struct.unpack('!HB', head[4:7])
        src, dst = head[8:24], head[24:40]
        body, family, later = data[40:40 + length], socket.AF_INET6, False
        text, whole = 'ip6 ttl=%d' % head[7], len(data) >= 40 + length
        if proto == 44:
            proto, _, frag = struct.unpack('!BBH', take(body, 4))
            text += ' frag=%d' % (frag & 0xfff8)
            body, whole, later = body[8:], False, bool(frag & 0xfff8)
        pseudo = src + dst + struct.pack('!II', len(body), proto)
    text += ' %s>%s' % (socket.inet_ntop(family, src),
                        socket.inet_ntop(family, dst))
    if later:
        return text
    return text + ' ' + describe_l4(proto, body, pseudo, whole, inner)


def good(yes):
    return 'good' if yes else 'BAD'


def describe_l4(proto, body, pseudo, whole, inner):
    def verified(with_pseudo, at):
        if not whole:
            return '?'
        if body[at:at + 2] == b'\0\0' and proto == 17:
            return 'none'
        return good(csum((pseudo if with_pseudo else b'') + body) == 0)

    if proto in (6, 17, 132):
        sport, dport = struct.unpack('!HH', take(body, 4))
        name = {6: 'tcp', 17: 'udp', 132: 'sctp'}[proto]
        text = '%s %d>%d' % (name, sport, dport)
        if proto == 17:
            text += ' sum=' + verified(True, 6)
        elif proto == 6 and len(body) >= 20:
            flags = ''.join(f for f, bit in FLAGS.items() if body[13] & bit)
            text += ' flags=%s sum=%s' % (flags, verified(True, 16))
        return text
    if proto in (1, 58):
        type_, code = struct.unpack('!BB', take(body, 2))
        name = 'icmp' if proto == 1 else 'icmp6'
        text = '%s type=%d code=%d sum=%s' % (name, type_, code,
                                              verified(proto == 58, 2))
        errors = (3, 4, 5, 11, 12) if proto == 1 else (1, 2, 3, 4)
        if type_ in errors and not inner:
            return text + ' inner[' + describe_ip(body[8:], True) + ']'
        if type_ in ((0, 8) if proto == 1 else (128, 129)):
            text += ' id=%d' % struct.unpack('!H', take(body, 6)[4:6])
        return text
    return 'proto=%d' % proto


def describe(frame):
    text, ethertype, at = '', struct.unpack('!H', frame[12:14])[0], 14
    while ethertype in (0x8100, 0x88a8):
        tci, ethertype = struct.unpack('!HH', take(frame[at:], 4))
        text, at = text + 'vlan=%d ' % (tci & 0xfff), at + 4
    if ethertype in (0x0800, 0x86dd):
        return text + describe_ip(frame[at:])
    return text + 'eth=%04x' % ethertype


# The kernel takes the outer VLAN tag out of the packet and hands it over
# beside it.
PACKET_AUXDATA = 8
SOL_PACKET = 263


def cmd_sniff(args):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((args.device, 0))
    print('ready')
    while True:
        frame, ancillary, _, source = sock.recvmsg(65536, 256)
        if source[2] == 4 and not args.out:
            continue
        tag = ''
        for level, kind, data in ancillary:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, _ = struct.unpack('IIIHHHH',
                                                           data[:20])
                if status & 0x10:
                    tag = 'vlan=%d ' % (tci & 0xfff)
        try:
            print(tag + describe(frame))
        except Short:
            print(tag + 'short')


def parse():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)

    def command(name, function):
        sub = commands.add_parser(name)
        sub.set_defaults(function=function)
        return sub

    def client_options(sub):
        sub.add_argument('address')
        sub.add_argument('port', type=int)
        sub.add_argument('--source', default='')
        sub.add_argument('--sport', type=int, default=0)
        sub.add_argument('--timeout', type=float, default=2)

    for name, function in (('echo', cmd_echo), ('sink', cmd_sink),
                           ('receive', cmd_receive)):
        command(name, function).add_argument('port', type=int)

    ask = command('ask', cmd_ask)
    ask.add_argument('proto', choices=['tcp', 'udp'])
    client_options(ask)
    ask.add_argument('--text', default='hello')
    ask.add_argument('--size', type=int, default=0)
    ask.add_argument('--count', type=int, default=1)
    ask.add_argument('--mute', action='store_true')

    client_options(command('talk', cmd_talk))
    client_options(command('send', cmd_send))

    open_ = command('open', cmd_open)
    open_.add_argument('proto', choices=['tcp', 'udp'])
    client_options(open_)
    open_.add_argument('count', type=int)
    open_.add_argument('--hold', action='store_true')

    segment = command('segment', cmd_segment)
    segment.add_argument('src')
    segment.add_argument('dst')
    segment.add_argument('sport', type=int)
    segment.add_argument('dport', type=int)
    segment.add_argument('--flags', default='A')
    segment.add_argument('--seq', type=int, default=1)
    segment.add_argument('--ack', type=int, default=1)
    segment.add_argument('--text', default='')
    segment.add_argument('--badcsum', action='store_true')

    flood = command('flood', cmd_flood)
    flood.add_argument('src')
    flood.add_argument('dst')
    flood.add_argument('dport', type=int)
    flood.add_argument('count', type=int)
    flood.set_defaults(ack=0, text='', badcsum=False)
    for name, function, numbers in (
            ('datagrams', cmd_datagrams, ('first', 'count')),
            ('sctp', cmd_sctp, ('sport', 'dport')),
            ('fragment', cmd_fragment, ('size',))):
        raw = command(name, function)
        raw.add_argument('src')
        raw.add_argument('dst')
        for number in numbers:
            raw.add_argument(number, type=int)
        raw.add_argument('--port', type=int, default=9)

    sniff = command('sniff', cmd_sniff)
    sniff.add_argument('device')
    sniff.add_argument('--out', action='store_true')
    return parser.parse_args()


def main():
    args = parse()
    try:
        return args.function(args)
    except OSError as error:
        print('error:', error)
        return 1
    except KeyboardInterrupt:
        return 1


sys.exit(main())
