# SPDX-License-Identifier: Apache-2.0
"""From packets of a script to frames on the wire, and what tells frames apart.

    client ---- "ca" ~ "a" router "b" ~ "sb" ---- server

With snat the server sees SNAT in the place of the client, with dnat the client
sees DNAT in the place of the server; ports stay.  A packet is made as its
sender sees the conversation.
"""

import functools
import socket
import struct

ADDRESSES = {
    4: {"client": "10.0.1.2", "server": "10.0.2.2", "snat": "10.0.2.100",
        "dnat": "10.0.1.100", "near": "10.0.1.77", "far": "10.0.2.77"},
    6: {"client": "fd00:1::2", "server": "fd00:2::2", "snat": "fd00:2::100",
        "dnat": "fd00:1::100", "near": "fd00:1::77", "far": "fd00:2::77"},
}
ROUTER_MAC = {False: "02:00:00:00:02:01", True: "02:00:00:00:02:02"}
# Of nobody: what the router forwards is to go no further.
HOST_MAC = {False: "02:00:00:00:01:01", True: "02:00:00:00:01:02"}
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "sctp": 132}
SERVER_PORT = {"tcp": 80, "udp": 53, "sctp": 2905}
CHUNKS = {"DATA": 0, "INIT": 1, "INIT_ACK": 2, "SACK": 3, "HEARTBEAT": 4,
          "HEARTBEAT_ACK": 5, "ABORT": 6, "SHUTDOWN": 7, "SHUTDOWN_ACK": 8,
          "COOKIE_ECHO": 10, "COOKIE_ACK": 11, "SHUTDOWN_COMPLETE": 14}
M32 = (1 << 32) - 1


@functools.lru_cache(None)
def address(ip, name):
    family = socket.AF_INET if ip == 4 else socket.AF_INET6
    return socket.inet_pton(family, ADDRESSES[ip][name])


def proto_number(ip, proto):
    return 58 if proto == "icmp" and ip == 6 else PROTOCOLS[proto]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


def port_of(conn):
    return 1024 + conn.number % 60000


def ends(ip, nat, reply):
    """Names of source and destination as the sender sees them."""
    if reply:
        return "server", "snat" if nat == "snat" else "client"
    return "client", "dnat" if nat == "dnat" else "server"


# Transport headers.

def tcp_options(packet):
    out, peer = b"", packet.conn.isn[not packet.reply]
    if packet.get("mss"):
        out += b"\2\4\5\xb4"
    if packet.get("sackok"):
        out += b"\4\2\1\1"
    if packet.get("ws", None) is not None:
        out += bytes((3, 3, packet.get("ws"), 1))
    if packet.get("ts"):
        out += b"\1\1\x08\x0a" + bytes(8)
    if packet.get("sack", None):
        at = packet.get("sack").index("-", 1)
        left, right = int(packet.get("sack")[:at]), packet.get("sack")[at + 1:]
        out += b"\1\1\5\12" + struct.pack("!II", left + peer & M32,
                                          int(right) + peer & M32)
    return out


def tcp(packet, sport, dport):
    flags = sum(1 << "FSRPAUEC".index(c) for c in packet.kind if c != "-")
    isn = packet.conn.isn
    seq = packet.get("seq") + isn[packet.reply] & M32
    ack = 0
    if "A" in packet.kind:
        ack = packet.get("ack") + isn[not packet.reply] & M32
    opts = tcp_options(packet)
    return struct.pack("!HHIIBBHHH", sport, dport, seq, ack,
                       (20 + len(opts)) // 4 << 4, flags,
                       packet.get("win", 1000), 0, 0) + opts, 16


def udp(packet, sport, dport):
    return struct.pack("!HHHH", sport, dport, 8 + packet.get("len"), 0), 6


def icmp(packet, ip):
    kind = {(4, "Q"): 8, (4, "R"): 0, (6, "Q"): 128, (6, "R"): 129}
    return struct.pack("!BBHHH", kind[ip, packet.kind], packet.get("code"), 0,
                       port_of(packet.conn), packet.get("seq")), 2


def sctp_chunk(packet, name):
    body = b""
    if name in ("INIT", "INIT_ACK"):
        body = struct.pack("!IIHHI", packet.get("init"), 5000, 1, 1, 1)
    elif name == "DATA":
        body = struct.pack("!IHHI", 1, 0, 0, 0) + b"data"
    elif name == "SACK":
        body = struct.pack("!IIHH", 1, 5000, 0, 0)
    elif name in ("HEARTBEAT", "HEARTBEAT_ACK", "COOKIE_ECHO"):
        body = struct.pack("!HH", 1, 8) + b"info"
    elif name == "SHUTDOWN":
        body = struct.pack("!I", 1)
    return struct.pack("!BBH", CHUNKS[name], 0, 4 + len(body)) + body


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    return table


CRC32C = crc32c_table()


def crc32c(data):
    crc = M32
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xff]
    return crc ^ M32


def sctp(packet, sport, dport):
    header = struct.pack("!HHII", sport, dport, packet.get("vtag"), 0)
    data = header + b"".join(sctp_chunk(packet, name)
                             for name in packet.kind.split(","))
    crc = crc32c(data) ^ (1 if packet.get("badsum") else 0)
    return data[:8] + struct.pack("<I", crc) + data[12:]


def pseudo(src, dst, proto, length):
    return src + dst + struct.pack("!II", length, proto)


def finish(data, at, prefix, wrong):
    """Data with its checksum; 'prefix' goes into it too."""
    total = checksum(prefix + data) ^ (0x0101 if wrong else 0)
    return data[:at] + struct.pack("!H", total or 0xffff) + data[at + 2:]


def transport(packet, ip, src, dst):
    conn = packet.conn
    ports = port_of(conn), SERVER_PORT.get(conn.proto, 0)
    if packet.reply:
        ports = ports[::-1]
    if conn.proto == "sctp":
        return sctp(packet, *ports)
    header, at = (tcp(packet, *ports) if conn.proto == "tcp"
                  else udp(packet, *ports) if conn.proto == "udp"
                  else icmp(packet, ip))
    data = header + b"x" * packet.get("len")
    prefix = b"" if conn.proto == "icmp" and ip == 4 else pseudo(
        src, dst, proto_number(ip, conn.proto), len(data))
    return finish(data, at, prefix, packet.get("badsum"))


def icmp_error(packet, ip, nat, src, dst):
    quote = ip_packet(packet.quoted, ip, nat, seen_by_receiver=True)
    header = 20 if ip == 4 else 40
    quote = quote[:header + packet.get("cut", 28)]
    default = (3, 3) if ip == 4 else (1, 4)
    data = struct.pack("!BBHI", packet.get("type", default[0]),
                       packet.get("code", default[1]), 0,
                       1280 if packet.get("type") == 2 else 0) + quote
    prefix = b"" if ip == 4 else pseudo(src, dst, 58, len(data))
    return finish(data, 2, prefix, packet.get("badsum"))


# Network headers.

def ip_header(ip, src, dst, proto, length, number=0):
    if ip == 6:
        return struct.pack("!IHBB", 6 << 28 | number, length, proto, 64) \
            + src + dst
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, number & 0xffff,
                         0x4000, 64, proto, 0) + src + dst
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:]


def ip_packet(packet, ip, nat, seen_by_receiver=False, number=0):
    src, dst = ends(ip, nat, packet.reply)
    if seen_by_receiver:
        dst, src = ends(ip, nat, not packet.reply)
    if packet.kind == "E" and packet.get("from", None):
        src = "far" if packet.reply else "near"
    src, dst = address(ip, src), address(ip, dst)
    if packet.kind == "E":
        data = icmp_error(packet, ip, nat, src, dst)
        proto = "icmp"
    else:
        data = transport(packet, ip, src, dst)
        proto = packet.conn.proto
    return ip_header(ip, src, dst, proto_number(ip, proto), len(data),
                     number) + data


@functools.lru_cache(None)
def ethernet(ip, reply):
    return bytes.fromhex((ROUTER_MAC[reply] + HOST_MAC[reply]).replace(
        ":", "")) + (b"\x08\x00" if ip == 4 else b"\x86\xdd")


def build(packet, ip, nat, number):
    """The frame, with a number that the IP header carries."""
    return ethernet(ip, packet.reply) + ip_packet(packet, ip, nat,
                                                  number=number)


def number_of(frame):
    """The number that build() was given, and whether it is of IPv6."""
    if frame[12:14] == b"\x86\xdd":
        return int.from_bytes(frame[16:18], "big")
    return int.from_bytes(frame[18:20], "big")


def normalise(frame):
    """The IP packet without what a router, or the mark of the state, changes:
    TTL and TOS.  Of a wrong IPv4 header checksum something stays."""
    data = bytearray(frame[14:])
    if frame[12:14] == b"\x86\xdd":
        data = data[:40 + int.from_bytes(data[4:6], "big")]
        data[0:2] = b"\x60\0"
        data[7] = 0
        return bytes(data)
    data = data[:int.from_bytes(data[2:4], "big")]
    wrong = checksum(bytes(data[:20]))
    data[1] = data[8] = 0
    data[10:12] = struct.pack("!H", wrong)
    return bytes(data)


def mark_of(frame):
    """The DSCP, in which the kernel's side says the state."""
    if frame[12:14] == b"\x86\xdd":
        return (int.from_bytes(frame[14:16], "big") >> 4 & 0xff) >> 2
    return frame[15] >> 2


def tuples(conn, ip, nat):
    """(source, destination, source port, destination port): what to look for
    in the tables, a connection may have been opened from either end."""
    sport = port_of(conn)
    dport = SERVER_PORT.get(conn.proto, sport)
    out = []
    for reply in (False, True):
        src, dst = (address(ip, n) for n in ends(ip, nat, reply))
        ports = (dport, sport) if reply else (sport, dport)
        out.append((src, dst) + ports)
    return out if nat != "none" or conn.proto == "icmp" else out[:1]
