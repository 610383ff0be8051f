# SPDX-License-Identifier: Apache-2.0
"""The kernel's side: a network namespace of its own is the router.

    "ca" ~ "a" router "b" ~ "sb"

The hosts are packet sockets on "ca" and "sb".  nft writes the state of each
packet that is forwarded into its DSCP; connections are asked for by ctnetlink
after each packet.  The process stays on one processor: so a packet is through
when send() returns, or at least before the next.
"""

import ctypes
import os
import socket
import struct
import subprocess
import time

import frame
from outcome import Connection, NAMES, Outcome

CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86dd
NETLINK_NETFILTER, NFNL_CTNETLINK = 12, 1 << 8
MSG_NEW, MSG_GET, MSG_DELETE = range(3)
NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 1, 4, 2
NLA_F_NESTED = 0x8000
SENTINELS = range(0xfff1, 0x10000)     # Numbers of their own.
SENTINEL_PROTO = 253

TIMEOUTS = {
    "tcp_timeout_syn_sent": 120, "tcp_timeout_syn_recv": 60,
    "tcp_timeout_established": 432000, "tcp_timeout_fin_wait": 120,
    "tcp_timeout_close_wait": 60, "tcp_timeout_last_ack": 30,
    "tcp_timeout_time_wait": 120, "tcp_timeout_close": 10,
    "tcp_timeout_max_retrans": 300, "tcp_timeout_unacknowledged": 300,
    "udp_timeout": 30, "udp_timeout_stream": 180, "icmp_timeout": 30,
    "icmpv6_timeout": 30,
}
STATES = dict((number | reply << 3, name + ("-r" if reply else ""))
              for name, number in NAMES.items() for reply in (0, 1))


class Unavailable(Exception):
    """This machine cannot be asked, and why."""


def run(command, stdin=None):
    try:
        done = subprocess.run(command.split(), input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)
    except FileNotFoundError:
        raise Unavailable("there is no %s" % command.split()[0])
    if done.returncode:
        raise Unavailable("%s: %s" % (command, done.stderr.strip()))


def write_sysctl(name, value):
    try:
        with open("/proc/sys/net/" + name, "w") as f:
            f.write(str(value))
    except OSError as error:
        raise Unavailable("%s: %s" % (name, error))


def nft_rules(ip, nat):
    word = "ip" if ip == 4 else "ip6"
    lines = ["table %s oracle {" % word, "chain early {",
             "type filter hook prerouting priority raw;",
             "%s %s %d notrack" % (word, "protocol" if ip == 4 else "nexthdr",
                                   SENTINEL_PROTO), "}",
             "chain own { type filter hook output priority -500; drop; }",
             "chain report {", "type filter hook forward priority filter;"]
    for name, number in NAMES.items():
        state = {"est": "established", "rel": "related",
                 "inv": "invalid"}.get(name, name)
        if name in ("inv", "untracked"):
            lines.append("ct state %s %s dscp set %d accept"
                         % (state, word, number))
        else:
            for reply, direction in enumerate(("original", "reply")):
                lines.append("ct state %s ct direction %s %s dscp set %d "
                             "accept" % (state, direction, word,
                                         number | reply << 3))
    lines.append("}")
    if nat != "none":
        lines += ["chain nat {", "type nat hook %s;" % {
            "snat": "postrouting priority srcnat",
            "dnat": "prerouting priority dstnat"}[nat],
            "iifname a %s to %s" % (nat, frame.ADDRESSES[ip][
                "snat" if nat == "snat" else "server"]), "}"]
    return "\n".join(lines + ["}"]) + "\n"


# Netlink.

def attr(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(
        -len(data) % 4)


def attrs(data):
    out, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        out[kind & 0x3fff] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return out


def tuple_attr(ip, proto, t):
    src, dst, sport, dport = t
    at = 1 if ip == 4 else 3
    addresses = attr(at, src) + attr(at + 1, dst)
    number = frame.proto_number(ip, proto)
    body = attr(1, bytes((number,)))
    if proto == "icmp":
        at = 4 if ip == 4 else 7
        body += attr(at, struct.pack("!H", sport))
        body += attr(at + 1, bytes((8 if ip == 4 else 128,)))
        body += attr(at + 2, b"\0")
    else:
        body += attr(2, struct.pack("!H", sport))
        body += attr(3, struct.pack("!H", dport))
    return attr(1 | NLA_F_NESTED, attr(1 | NLA_F_NESTED, addresses)
                + attr(2 | NLA_F_NESTED, body))


def message(kind, flags, family, body=b""):
    return struct.pack("=IHHIIBBH", 20 + len(body), NFNL_CTNETLINK | kind,
                       NLM_F_REQUEST | flags, 1, 0, family, 0, 0) + body


def parse_tuple(data):
    t = attrs(data)
    addresses, proto = attrs(t[1]), attrs(t[2])
    src, dst = (addresses.get(i) or addresses.get(i + 2) for i in (1, 2))
    identifier = proto.get(4) or proto.get(7)
    if identifier:
        number = int.from_bytes(identifier, "big")
        return src, dst, number, number, (proto.get(5) or proto.get(8))[0]
    return (src, dst, int.from_bytes(proto[2], "big"),
            int.from_bytes(proto[3], "big"), 0)


def parse_connection(data):
    a = attrs(data)
    state, tcp = 0, None
    info = attrs(a.get(4, b""))
    if 1 in info:
        t = attrs(info[1])
        state = t[1][0]
        tcp = t[4][0], t[5][0], t[2][0], t[3][0]
    elif 3 in info:
        state = attrs(info[3])[1][0]
    return Connection(state, int.from_bytes(a[3], "big"),
                      int.from_bytes(a.get(7, b"\0"), "big"),
                      [parse_tuple(a[1]), parse_tuple(a[2])], tcp)


class Kernel:
    def __init__(self):
        self.rules = None
        self.longer = None
        self.next_number = self.next_sentinel = 0
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise Unavailable("no network namespace: "
                              + os.strerror(ctypes.get_errno()))
        self.set_up_links()
        self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                     NETLINK_NETFILTER)
        self.netlink.bind((0, 0))
        self.senders, self.receivers = {}, {}
        for reply, device in ((False, "ca"), (True, "sb")):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            s.bind((device, 0))
            self.senders[reply] = s

    def set_up_links(self):
        for name in ("default", "all"):
            write_sysctl("ipv6/conf/%s/accept_dad" % name, 0)
            write_sysctl("ipv4/conf/%s/rp_filter" % name, 0)
            write_sysctl("ipv4/conf/%s/send_redirects" % name, 0)
        write_sysctl("ipv4/ip_forward", 1)
        write_sysctl("ipv6/conf/all/forwarding", 1)
        run("ip link set dev lo up")
        for reply, (dev, peer) in enumerate((("a", "ca"), ("b", "sb")), 0):
            run("ip link add name %s address %s type veth peer name %s"
                % (dev, frame.ROUTER_MAC[bool(reply)], peer))
            run("ip link set dev %s addrgenmode none arp off" % peer)
            run("ip addr add 10.0.%d.1/24 dev %s" % (reply + 1, dev))
            run("ip addr add fd00:%d::1/64 dev %s nodad" % (reply + 1, dev))
            run("ip link set dev %s up" % dev)
            run("ip link set dev %s up" % peer)
            for addresses in frame.ADDRESSES.values():
                for name, addr in addresses.items():
                    if (name in ("server", "snat", "far")) == bool(reply):
                        run("ip neigh add %s lladdr %s dev %s nud permanent"
                            % (addr, frame.HOST_MAC[bool(reply)], dev))

    def prepare(self, ip, nat):
        """Rules and sockets for scripts of a kind; no connections."""
        if self.rules != (ip, nat):
            run("nft flush ruleset")
            run("nft -f -", nft_rules(ip, nat))
            self.rules = ip, nat
            for s in self.receivers.values():
                s.close()
            self.receivers = {r: self.open_receiver(ip, d)
                              for r, d in ((False, "ca"), (True, "sb"))}
        self.flush()
        self.set_longer(0)

    @staticmethod
    def open_receiver(ip, device):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        s.bind((device, ETH_P_IP if ip == 4 else ETH_P_IPV6))
        s.setblocking(False)
        return s

    def flush(self):
        for family in (socket.AF_INET, socket.AF_INET6):
            self.netlink.send(message(MSG_DELETE, NLM_F_ACK, family))
            self.netlink.recv(65536)

    def set_longer(self, seconds):
        if self.longer != seconds:
            for name, value in TIMEOUTS.items():
                write_sysctl("netfilter/nf_conntrack_" + name,
                             value + seconds)
            self.longer = seconds

    def connection(self, ip, proto, t):
        family = socket.AF_INET if ip == 4 else socket.AF_INET6
        self.netlink.send(message(MSG_GET, 0, family,
                                  tuple_attr(ip, proto, t)))
        data = self.netlink.recv(65536)
        if int.from_bytes(data[4:6], "little") == NLMSG_ERROR:
            return None
        return parse_connection(data[20:])

    def receive(self, reply):
        """A frame that came out, most likely on the other side."""
        for side in (not reply, reply):
            try:
                return self.receivers[side].recv(4096)
            except BlockingIOError:
                pass
        return None

    def sentinel(self, ip):
        names = "client", "server"
        src, dst = (frame.address(ip, n) for n in names)
        self.next_sentinel += 1
        number = SENTINELS[self.next_sentinel % len(SENTINELS)]
        self.senders[False].send(
            frame.ethernet(ip, False)
            + frame.ip_header(ip, src, dst, SENTINEL_PROTO, 0, number))
        return number

    def forwarded(self, ip, reply, number):
        """The frame that came out, None if none did: then what was sent
        behind it comes out first.  That can be lost, so it is repeated."""
        sent_at, sentinel = 0, None
        while True:
            data = self.receive(reply)
            if data is None:
                if time.monotonic() > sent_at + .1:
                    sentinel = self.sentinel(ip)
                    sent_at = time.monotonic()
            elif frame.number_of(data) == number:
                return data
            elif frame.number_of(data) == sentinel:
                return None

    def pass_packet(self, packet, ip, nat):
        self.next_number = self.next_number % 0xfff0 + 1
        number = self.next_number
        sent = frame.build(packet, ip, nat, number)
        self.senders[packet.reply].send(sent)
        out = self.forwarded(ip, packet.reply, number)
        conns = [self.connection(ip, packet.conn.proto, t)
                 for t in frame.tuples(packet.conn, ip, nat)]
        if out is None:
            return sent, Outcome("dropped", b"", conns)
        return sent, Outcome(STATES.get(frame.mark_of(out), "?"),
                             frame.normalise(out), conns)

    def play(self, script):
        """[(packet, frame, outcome, milliseconds, longer)]"""
        self.prepare(script.ip, script.nat)
        start, longer, out = time.monotonic(), 0, []
        for step in script.steps:
            if isinstance(step, tuple):
                if step[0] == "wait":
                    time.sleep(step[1])
                else:
                    longer = step[1]
                    self.set_longer(longer)
                continue
            before = time.monotonic()
            msec = int((before - start) * 1000)
            sent, outcome = self.pass_packet(step, script.ip, script.nat)
            outcome.late = time.monotonic() - before
            out.append((step, sent, outcome, msec, longer))
        return out
