# SPDX-License-Identifier: Apache-2.0
"""From packets of a script to frames on the wire.

    client ---- "ca" ~ "a" router "b" ~ "sb" ---- server

With snat the server sees SNAT in the place of the client, with dnat the client
sees DNAT in the place of the server; ports stay.  A packet is made as its
sender sees the conversation.

Conversations of protocols without ports have hosts of their own on both
sides, behind CLIENT and SERVER.  With dnat they share SERVER, since the rule
names but one.
"""

import functools
import socket
import struct

# Those of IPv6 have but one way of writing them.
NETWORK = {4: ("10.0.1.", "10.0.2."),
           6: ("fd00:1111:1111:1111:1111:1111:1111:",
               "fd00:1111:1111:2222:1111:1111:1111:")}
LAST = {4: {"router": 1, "client": 2, "server": 2, "snat": 100, "dnat": 100,
            "near": 77, "far": 77},
        6: {"router": 1001, "client": 1002, "server": 1002, "snat": 1100,
            "dnat": 1100, "near": 1077, "far": 1077}}
BEYOND = ("server", "snat", "far")      # On the server's side.
ADDRESSES = {ip: {name: NETWORK[ip][name in BEYOND] + str(last)
                  for name, last in names.items()}
             for ip, names in LAST.items()}
PREFIX = {4: 24, 6: 64}
ROUTER_MAC = {False: "02:00:00:00:02:01", True: "02:00:00:00:02:02"}
# Of nobody: what the router forwards is to go no further.
HOST_MAC = {False: "02:00:00:00:01:01", True: "02:00:00:00:01:02"}
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "sctp": 132, "gre": 47,
             "other": 99}
WITHOUT_PORTS = ("gre", "other")
# Networks of the hosts of such conversations.
OWN_HOSTS = {4: {"client": "10.3.0.0", "server": "10.4.0.0"},
             6: {"client": "fd03::", "server": "fd04::"}}
SERVER_PORT = {"tcp": 80, "udp": 53, "sctp": 2905}
CHUNKS = {"DATA": 0, "INIT": 1, "INIT_ACK": 2, "SACK": 3, "HEARTBEAT": 4,
          "HEARTBEAT_ACK": 5, "ABORT": 6, "SHUTDOWN": 7, "SHUTDOWN_ACK": 8,
          "ERROR": 9, "COOKIE_ECHO": 10, "COOKIE_ACK": 11,
          "SHUTDOWN_COMPLETE": 14}
FIRST_PORT = 1024
M32 = (1 << 32) - 1


def router(ip, reply):
    """Its address on a side."""
    return NETWORK[ip][reply] + str(LAST[ip]["router"])


@functools.lru_cache(None)
def address(ip, name):
    family = socket.AF_INET if ip == 4 else socket.AF_INET6
    return socket.inet_pton(family, ADDRESSES[ip][name])


@functools.lru_cache(None)
def own_address(ip, name, number):
    """Of the client or the server of a conversation without ports."""
    family = socket.AF_INET if ip == 4 else socket.AF_INET6
    network = socket.inet_pton(family, OWN_HOSTS[ip][name])
    return network[:-2] + struct.pack("!H", number)


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
    """The client's."""
    if conn.proto in WITHOUT_PORTS:
        return 0
    return conn.cport or FIRST_PORT + conn.number


def server_port(conn):
    return conn.sport or SERVER_PORT.get(conn.proto, 0)


def host(conn, ip, nat, name):
    own = conn.proto in WITHOUT_PORTS and (
        name == "client" or name == "server" and nat != "dnat")
    return own_address(ip, name, conn.number) if own else address(ip, name)


def ends(conn, ip, nat, reply):
    """Source and destination as the sender sees them."""
    names = ("client", "dnat" if nat == "dnat" else "server")
    if reply:
        names = ("server", "snat" if nat == "snat" else "client")
    return tuple(host(conn, ip, nat, name) for name in names)


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
    return struct.pack("!HHHH", sport, dport, 8 + len(packet.payload()),
                       0), 6


def icmp(packet, ip):
    kind = {(4, "Q"): 8, (4, "R"): 0, (6, "Q"): 128, (6, "R"): 129}
    return struct.pack("!BBHHH", kind[ip, packet.kind], packet.get("code"), 0,
                       port_of(packet.conn), packet.get("seq")), 2


def sctp_chunk(packet, name, extra=0):
    body = b""
    if name in ("INIT", "INIT_ACK"):
        body = struct.pack("!IIHHI", packet.get("init"), 5000, 1, 1, 1)
    elif name == "DATA":
        body = struct.pack("!IHHI", 1, 0, 0, 0) + b"data"
    elif name == "SACK":
        body = struct.pack("!IIHH", 1, 5000, 0, 0)
    elif name in ("HEARTBEAT", "HEARTBEAT_ACK", "COOKIE_ECHO", "ERROR"):
        body = struct.pack("!HH", 1, 8) + b"info"
    elif name == "SHUTDOWN":
        body = struct.pack("!I", 1)
    flags = 1 if packet.get("tbit") else 0
    return struct.pack("!BBH", CHUNKS[name], flags,
                       4 + len(body) + extra) + body


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
    *names, last = packet.kind.split(",")
    data = header + b"".join(sctp_chunk(packet, name) for name in names) \
        + sctp_chunk(packet, last, 8 if packet.get("badlen") else 0)
    crc = crc32c(data) ^ (1 if packet.get("badsum") else 0)
    return data[:8] + struct.pack("<I", crc) + data[12:]


def pseudo(src, dst, proto, length):
    return src + dst + struct.pack("!II", length, proto)


def finish(data, at, prefix, wrong):
    """Data with its checksum; 'prefix' goes into it too."""
    total = checksum(prefix + data) ^ (0x0101 if wrong else 0)
    return data[:at] + struct.pack("!H", total or 0xffff) + data[at + 2:]


def gre(packet):
    """Version 0, RFC 2784 and 2890."""
    flags = 0x2000 if "key" in packet.fields else 0
    key = struct.pack("!I", packet.get("key")) if flags else b""
    return struct.pack("!HH", flags, 0x6558) + key


def transport(packet, ip, src, dst):
    conn = packet.conn
    ports = port_of(conn), server_port(conn)
    if packet.reply:
        ports = ports[::-1]
    if conn.proto == "sctp":
        return sctp(packet, *ports)
    if conn.proto in WITHOUT_PORTS:
        return (gre(packet) if conn.proto == "gre" else b"") \
            + packet.payload()
    header, at = (tcp(packet, *ports) if conn.proto == "tcp"
                  else udp(packet, *ports) if conn.proto == "udp"
                  else icmp(packet, ip))
    data = header + packet.payload()
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

DONT_FRAGMENT = 0x4000


def ip_header(ip, src, dst, proto, length, number=0, offset=DONT_FRAGMENT):
    if ip == 6:
        return struct.pack("!IHBB", 6 << 28 | number, length, proto, 64) \
            + src + dst
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, number & 0xffff,
                         offset, 64, proto, 0) + src + dst
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:]


def ip_packet(packet, ip, nat, seen_by_receiver=False, number=0):
    src, dst = ends(packet.conn, ip, nat, packet.reply)
    if seen_by_receiver:
        dst, src = ends(packet.conn, ip, nat, not packet.reply)
    if packet.kind == "E" and packet.get("from", None):
        src = address(ip, "far" if packet.reply else "near")
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
    whole = ip_packet(packet, ip, nat, number=number)
    if packet.part():
        whole = fragment(whole, ip, *packet.part())
    return ethernet(ip, packet.reply) + whole


def fragment(whole, ip, begin, end):
    """Bytes of what an IP packet carries."""
    header = 20 if ip == 4 else 40
    more = end < len(whole) - header
    data = whole[header + begin:header + end]
    if ip == 4:
        return ip_header(4, whole[12:16], whole[16:20], whole[9], len(data),
                         int.from_bytes(whole[4:6], "big"),
                         begin // 8 | more << 13) + data
    number = int.from_bytes(whole[2:4], "big")
    data = struct.pack("!BBHI", whole[6], 0, begin | more, number) + data
    return ip_header(6, whole[8:24], whole[24:40], 44, len(data),
                     number) + data


@functools.lru_cache(1 << 16)
def tuples(conn, ip, nat):
    """(source, destination, source port, destination port): what to look for
    in the tables, a connection may have been opened from either end."""
    sport = port_of(conn)
    dport = sport if conn.proto == "icmp" else server_port(conn)
    out = []
    for reply in (False, True):
        ports = (dport, sport) if reply else (sport, dport)
        out.append(ends(conn, ip, nat, reply) + ports)
    return out if nat != "none" or conn.proto == "icmp" else out[:1]
