# SPDX-License-Identifier: Apache-2.0
"""What trackers know: connections and expectations of the Linux kernel and of
Trackway, in the same words."""

import ctypes
import ipaddress
import os
import re
import socket
import struct
import subprocess

from nfnetlink import (MSG_DELETE, MSG_GET, NETLINK_NETFILTER, NFNL_CTNETLINK,
                       NFNL_CTNETLINK_EXP, NLM_F_ACK, NLM_F_DUMP, NLMSG_DONE,
                       NLMSG_ERROR, attrs, message)

CLONE_NEWNET = 0x40000000
PROTOS = {6: "tcp", 17: "udp"}


def inside(namespace, function, *args):
    """What the function returns in another network namespace."""
    if not namespace:
        return function(*args)
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open("/run/netns/" + namespace, os.O_RDONLY)
    try:
        if libc.setns(other, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        return function(*args)
    finally:
        libc.setns(own, CLONE_NEWNET)
        os.close(own)
        os.close(other)


def number(data):
    return int.from_bytes(data, "big")


def tuple_of(data):
    a = attrs(data)
    ip, proto = attrs(a[1]), attrs(a[2])
    src, dst = (ip.get(i) or ip.get(i + 2) for i in (1, 2))
    return (PROTOS.get(proto[1][0], "?"), str(ipaddress.ip_address(src)),
            str(ipaddress.ip_address(dst)), number(proto.get(2, b"")),
            number(proto.get(3, b"")))


def subnet(address, bits):
    return str(ipaddress.ip_network("%s/%d" % (address, bits), strict=False))


class Kernel:
    def __init__(self, namespace):
        self.netlink = inside(namespace, socket.socket, socket.AF_NETLINK,
                              socket.SOCK_RAW, NETLINK_NETFILTER)
        self.netlink.settimeout(5)

    def send(self, subsystem, kind, flags):
        self.netlink.send(message(kind, flags, 0, subsystem=subsystem))

    def dump(self, subsystem):
        self.send(subsystem, MSG_GET, NLM_F_DUMP)
        while True:
            data = self.netlink.recv(65536)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    return
                yield attrs(data[20:length])
                data = data[(length + 3) & ~3:]

    def flush(self):
        for subsystem in (NFNL_CTNETLINK_EXP, NFNL_CTNETLINK):
            self.send(subsystem, MSG_DELETE, NLM_F_ACK)
            self.netlink.recv(65536)

    def expectations(self):
        for a in self.dump(NFNL_CTNETLINK_EXP):
            proto, src, dst, sport, dport = tuple_of(a[2])
            _, src_mask, _, sport_mask, _ = tuple_of(a[3])
            bits = bin(int(ipaddress.ip_address(src_mask))).count("1")
            flags = number(a.get(8, b""))
            yield (proto, subnet(src, bits) if bits else "*",
                   str(sport) if sport_mask else "*", dst, dport,
                   number(a[4]), bool(flags & 1))

    def timeouts(self):
        for a in self.dump(NFNL_CTNETLINK):
            proto, src, _, _, dport = tuple_of(a[1])
            yield proto, src, dport, number(a[7])


class Trackway:
    @staticmethod
    def ask(*command):
        return subprocess.run(("ovs-appctl",) + command, check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def flush(self):
        self.ask("dpctl/flush-conntrack")

    def expectations(self):
        for line in self.ask("trackway/expect-show").splitlines():
            m = re.match(r" *id=\d+,zone=1,(\w+),src=([^,]*),dst=([^,]*),"
                         r"sport=([^,]*),dport=(\d+),.*timeout=(\d+)", line)
            if m:
                proto, src, dst, sport, dport, timeout = m.groups()
                if src != "*" and "/" not in src:
                    src += "/128" if ":" in src else "/32"
                yield (proto, src, sport, dst, int(dport), int(timeout),
                       ",permanent" in line)

    def timeouts(self):
        for line in self.ask("dpctl/dump-conntrack", "-s").splitlines():
            m = re.match(r"(\w+),orig=\(src=([^,]*),dst=[^,]*,sport=\d+,"
                         r"dport=(\d+).*timeout=(\d+)", line)
            if m:
                yield (m.group(1), m.group(2), int(m.group(3)),
                       int(m.group(4)))
