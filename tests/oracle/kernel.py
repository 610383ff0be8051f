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

import forwarded
import frame
from ctnetlink import parse_connection, parse_expectation, tuple_attr
from nfnetlink import (MSG_DELETE, MSG_GET, NETLINK_NETFILTER,
                       NFNL_CTNETLINK_EXP, NLM_F_ACK, NLM_F_DUMP, NLMSG_DONE,
                       NLMSG_ERROR, message)
from outcome import NAMES, Outcome

CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86dd
FRAGMENT_TIME = 15              # Seconds.
FRAGMENT_MEMORY = 1 << 26
SENTINELS = range(0xfff1, 0x10000)     # Numbers of their own.
SENTINEL_PROTO = 253

TIMEOUTS = {
    "tcp_timeout_syn_sent": 120, "tcp_timeout_syn_recv": 60,
    "tcp_timeout_established": 432000, "tcp_timeout_fin_wait": 120,
    "tcp_timeout_close_wait": 60, "tcp_timeout_last_ack": 30,
    "tcp_timeout_time_wait": 120, "tcp_timeout_close": 10,
    "tcp_timeout_max_retrans": 300, "tcp_timeout_unacknowledged": 300,
    "udp_timeout": 30, "udp_timeout_stream": 120, "icmp_timeout": 30,
    "icmpv6_timeout": 30, "generic_timeout": 600, "gre_timeout": 30,
    "gre_timeout_stream": 180, "sctp_timeout_closed": 10,
    "sctp_timeout_cookie_wait": 3, "sctp_timeout_cookie_echoed": 3,
    "sctp_timeout_established": 210, "sctp_timeout_shutdown_sent": 3,
    "sctp_timeout_shutdown_recd": 3, "sctp_timeout_shutdown_ack_sent": 3,
    "sctp_timeout_heartbeat_sent": 30,
}
# Switches, and what they are when nobody sets them.
SWITCHES = {"tcp_loose": 1, "tcp_be_liberal": 0, "tcp_max_retrans": 3,
            "tcp_ignore_invalid_rst": 0, "tcp_seq_chk": 1}
# Helpers: protocol and the server's port that nft tells them by.
HELPERS = {"ftp": ("tcp", 21), "tftp": ("udp", 69)}
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


def write_switch(name, value):
    if name not in SWITCHES:
        raise Unavailable("no switch " + name)
    if name == "tcp_seq_chk":
        name, value = "tcp_be_liberal", int(not value)
    write_sysctl("netfilter/nf_conntrack_" + name, value)


def helper_rules():
    lines, rules = [], []
    for name, (proto, port) in HELPERS.items():
        lines.append('ct helper %s { type "%s" protocol %s; }'
                     % (name, name, proto))
        rules.append('iifname a %s dport %d ct helper set "%s"'
                     % (proto, port, name))
    return lines + ["chain help {", "type filter hook prerouting priority 0;",
                    *rules, "}"]


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
    lines += helper_rules()
    if nat != "none":
        lines += ["chain nat {", "type nat hook %s;" % {
            "snat": "postrouting priority srcnat",
            "dnat": "prerouting priority dstnat"}[nat],
            "iifname a %s to %s" % (nat, frame.ADDRESSES[ip][
                "snat" if nat == "snat" else "server"]), "}"]
    return "\n".join(lines + ["}"]) + "\n"


def setting(step):
    """Of a script's "longer" or "set"."""
    if step[0] == "longer":
        return {"longer": step[1]}
    name, value = step[1].split()
    return {name: int(value)}


class Kernel:
    def __init__(self):
        self.rules = None
        self.longer = None
        self.switches = dict(SWITCHES)
        self.next_number = self.next_sentinel = 0
        self.datagrams = {}
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
        # Fragments of many datagrams of one host may come between.
        write_sysctl("ipv4/ipfrag_max_dist", 0)
        write_sysctl("ipv4/ipfrag_high_thresh", FRAGMENT_MEMORY)
        write_sysctl("netfilter/nf_conntrack_frag6_high_thresh",
                     FRAGMENT_MEMORY)
        # What stays incomplete is gone when its number is used again.
        write_sysctl("ipv4/ipfrag_time", FRAGMENT_TIME)
        write_sysctl("netfilter/nf_conntrack_frag6_timeout", FRAGMENT_TIME)
        write_sysctl("ipv6/conf/all/forwarding", 1)
        run("ip link set dev lo up")
        for reply, (dev, peer) in enumerate((("a", "ca"), ("b", "sb")), 0):
            run("ip link add name %s address %s type veth peer name %s"
                % (dev, frame.ROUTER_MAC[bool(reply)], peer))
            run("ip link set dev %s addrgenmode none arp off" % peer)
            # What a helper writes would leave with half a checksum.
            run("ethtool -K %s tx off" % dev)
            for ip, size in frame.PREFIX.items():
                run("ip addr add %s/%d dev %s%s" % (
                    frame.router(ip, reply), size, dev,
                    " nodad" if ip == 6 else ""))
            run("ip link set dev %s up" % dev)
            run("ip link set dev %s up" % peer)
            self.set_up_own_hosts(dev, bool(reply))
            for addresses in frame.ADDRESSES.values():
                for name, addr in addresses.items():
                    if name == "router":
                        continue
                    if (name in frame.BEYOND) == bool(reply):
                        run("ip neigh add %s lladdr %s dev %s nud permanent"
                            % (addr, frame.HOST_MAC[bool(reply)], dev))

    @staticmethod
    def set_up_own_hosts(dev, reply):
        """Neighbours are added later; a route may name one before that."""
        side = "server" if reply else "client"
        for ip, size in ((4, 16), (6, 64)):
            run("ip -%d route add %s/%d via %s dev %s" % (
                ip, frame.OWN_HOSTS[ip][side], size, frame.ADDRESSES[ip][side],
                dev))

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

    def expectations(self, ip, proto, t):
        """Those of a connection that exists."""
        family = socket.AF_INET if ip == 4 else socket.AF_INET6
        # A connection without helper gets nothing but what ACK asks for.
        self.netlink.send(message(MSG_GET, NLM_F_DUMP | NLM_F_ACK, family,
                                  tuple_attr(ip, proto, t),
                                  NFNL_CTNETLINK_EXP))
        out = []
        while True:
            data = self.netlink.recv(65536)
            while data:
                size, kind = struct.unpack_from("=IH", data)
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    return out
                out.append(parse_expectation(data[20:size]))
                data = data[size + 3 & ~3:]

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

    def forwarded(self, ip, reply, number, several):
        """The frames that came out, none if none did: then what was sent
        behind comes out first.  That can be lost, so it is repeated."""
        sent_at, sentinel, out = 0, None, []
        while True:
            data = self.receive(reply)
            if data is None:
                if time.monotonic() > sent_at + .1:
                    sentinel = self.sentinel(ip)
                    sent_at = time.monotonic()
            elif forwarded.number_of(data) == number:
                out.append(data)
                if not several:
                    return out
            elif forwarded.number_of(data) == sentinel:
                return out

    def number(self, packet):
        """Fragments of a datagram have the same."""
        datagram = (packet.conn.number, packet.reply, packet.get("id", None))
        if packet.part() and datagram in self.datagrams:
            return self.datagrams[datagram]
        self.next_number = self.next_number % 0xfff0 + 1
        if packet.part():
            self.datagrams[datagram] = self.next_number
        return self.next_number

    def pass_packet(self, packet, ip, nat):
        number = self.number(packet)
        sent = frame.build(packet, ip, nat, number)
        self.senders[packet.reply].send(sent)
        out = self.forwarded(ip, packet.reply, number, packet.part())
        tuples = frame.tuples(packet.conn, ip, nat)
        conns = [self.connection(ip, packet.conn.proto, t) for t in tuples]
        expects = self.expectations(ip, packet.conn.proto, tuples[0]) \
            if packet.conn.helper and conns[0] else ()
        if not out:
            return sent, Outcome("dropped", b"", conns, expects)
        states = set(map(forwarded.mark_of, out))
        state = STATES.get(states.pop(), "?")
        return sent, Outcome("several" if states else state,
                             forwarded.normalise(out), conns, expects)

    def set_switches(self, switches):
        """Others are as they are by themselves."""
        switches = dict(SWITCHES, **switches)
        for name, value in switches.items():
            if self.switches.get(name) != value:
                write_switch(name, value)
        self.switches = switches

    def set(self, settings):
        """'settings' are switches, and "longer"."""
        switches = dict(settings)
        longer = switches.pop("longer", None)
        if longer is not None:
            self.set_longer(longer)
        self.set_switches(switches)

    def play(self, script):
        """[(packet, frame, outcome, milliseconds, settings)]"""
        self.prepare(script.ip, script.nat)
        self.set_switches({})
        self.datagrams = {}
        start, settings, out = time.monotonic(), {}, []
        for step in script.steps:
            if isinstance(step, tuple):
                if step[0] == "wait":
                    time.sleep(step[1])
                else:
                    settings = dict(settings, **setting(step))
                    self.set(settings)
                continue
            before = time.monotonic()
            msec = int((before - start) * 1000)
            sent, outcome = self.pass_packet(step, script.ip, script.nat)
            outcome.late = time.monotonic() - before
            out.append((step, sent, outcome, msec, settings))
        return out
