#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the Linux kernel what test-ct-l4-tcp expects of the tracker.

usage: test-ct-l4-tcp --print-scripts | ct-l4-tcp.py
       ct-l4-tcp.py --random SEED SCRIPTS | test-ct-l4-tcp --annotate |
           ct-l4-tcp.py

Runs the scripts of segments (tests/test-ct-l4-tcp.c explains their language)
through the connection tracking of a network namespace and prints each line
where the kernel's verdict, state or timeout differs.  Needs root, ip, nft and
conntrack.  Every segment is a real packet that a router forwards:

    namespace hosts                     namespace router
    10.0.1.2 on "a" ------- veth ------- "a"  10.0.1.1
    10.0.2.2 on "b" ------- veth ------- "b"  10.0.2.1

A line that asks for wscale or flags is skipped, and so is one of waiting.

With --random, prints scripts of segments that are nearly right: numbers at and
around the edges of the windows, in any order.  No two scripts have the same
segments, and a seed always gives the same scripts.
"""

import os
import random
import re
import socket
import struct
import subprocess
import sys

ROUTER = "tw-oracle-r-%d" % os.getpid()
HOSTS = "tw-oracle-h-%d" % os.getpid()
CLIENT, SERVER = "10.0.1.2", "10.0.2.2"
MAC = {"hosts": "02:00:00:00:01:0%d", "router": "02:00:00:00:02:0%d"}
TIMEOUTS = {
    "tcp_syn_sent": 120, "tcp_syn_recv": 60, "tcp_established": 432000,
    "tcp_fin_wait": 120, "tcp_close_wait": 60, "tcp_last_ack": 30,
    "tcp_time_wait": 120, "tcp_close": 10, "tcp_max_retrans": 300,
    "tcp_unacknowledged": 300,
}
SYN_SENT2 = 120                 # Cannot be set.
# Every other segment finds all timeouts that much longer: so one that is left
# as it was can be told from one that is set anew.
LONGER = 50
NFT = """
table ip t {
    counter inv {}
    counter ok {}
    chain c {
        type filter hook prerouting priority 0
        ct state invalid counter name inv
        ct state { new, established, related } counter name ok
    }
}
"""


def run(command, check=True, stdin=None):
    return subprocess.run(command.split(), check=check, input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True).stdout


def router(command, **kwargs):
    return run("ip netns exec %s %s" % (ROUTER, command), **kwargs)


def set_up():
    for ns in (ROUTER, HOSTS):
        run("ip netns add " + ns)
    for i, dev in enumerate("ab", 1):
        run("ip -n %s link add name %s address %s type veth "
            "peer name %s netns %s"
            % (ROUTER, dev, MAC["router"] % i, dev, HOSTS))
        run("ip -n %s link set dev %s address %s"
            % (HOSTS, dev, MAC["hosts"] % i))
        run("ip -n %s addr add 10.0.%d.1/24 dev %s" % (ROUTER, i, dev))
        run("ip -n %s link set dev %s up" % (ROUTER, dev))
        run("ip -n %s link set dev %s up" % (HOSTS, dev))
        run("ip -n %s neigh add 10.0.%d.2 lladdr %s dev %s nud permanent"
            % (ROUTER, i, MAC["hosts"] % i, dev))
    router("sysctl -qw net.ipv4.ip_forward=1")
    router("nft -f -", stdin=NFT)


def tear_down():
    for ns in (ROUTER, HOSTS):
        run("ip netns del " + ns, check=False)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


def options(fields):
    out = b""
    if fields.get("sack") == "":
        out += b"\4\2\1\1"
    if "ws" in fields:
        out += bytes((3, 3, int(fields["ws"]), 1))
    if fields.get("sack"):
        left, right = map(int, fields["sack"].split("-"))
        out += b"\1\1\5\12" + struct.pack("!II", left, right)
    return out


def make_frame(reply, words, port):
    fields = dict((w + "=").split("=")[:2] for w in words[1:])
    number = {k: int(fields.get(k, 0)) for k in ("seq", "ack", "win", "len")}
    flags = sum(1 << "FSRPAUEC".index(c) for c in words[0] if c != "-")
    src, dst = socket.inet_aton(CLIENT), socket.inet_aton(SERVER)
    sport, dport = port, 80
    if reply:
        src, dst, sport, dport = dst, src, dport, sport
    opts = options(fields)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, number["seq"],
                      number["ack"], (20 + len(opts)) // 4 << 4, flags,
                      number["win"], 0, 0) + opts + b"x" * number["len"]
    pseudo = src + dst + struct.pack("!HH", 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0)
    ip += src + dst
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    side = 2 if reply else 1
    macs = "".join((MAC["router"] % side + MAC["hosts"] % side).split(":"))
    return bytes.fromhex(macs) + b"\x08\0" + ip + tcp


def connection(port):
    """(state, seconds left, assured) of the connection, or None."""
    for line in router("conntrack -L -p tcp", check=False).splitlines():
        if "port=%d " % port in line:
            words = line.split()
            return words[3], int(words[2]), "[ASSURED]" in line
    return None


def counters():
    text = router("nft list counters")
    return [int(n) for n in re.findall(r"packets (\d+)", text)]


def set_timeouts(longer):
    router("sysctl -qw " + " ".join(
        "net.netfilter.nf_conntrack_%s=%d"
        % (name.replace("tcp_", "tcp_timeout_"), value + longer)
        for name, value in TIMEOUTS.items()))


def classify(before, after, invalid):
    if invalid:
        return "inv"
    if not after:
        return "end" if before else "?"
    if not before:
        return "new"
    # The id does not tell: it is made of an address, which is used again.
    reopened = (before[0] in ("TIME_WAIT", "CLOSE")
                and after[0] == "SYN_SENT")
    return "restart" if reopened else "ok"


def segment(sockets, line, port):
    """The kernel's verdict, and the connection before and after."""
    reply = line[0] == "<"
    words = line[1:].split("= ")[0].split()
    if words[-1] == "=":
        words.pop()
    before, n = connection(port), counters()
    sockets[reply].send(make_frame(reply, words, port))
    while sum(counters()) == sum(n):
        pass
    after = connection(port)
    return classify(before, after, counters()[0] > n[0]), before, after


def same_timeout(name, longer, verdict, before, after):
    if name == "tcp_syn_sent2":
        expected = SYN_SENT2
    elif name == "-":
        expected = before[1]
    else:
        expected = TIMEOUTS[name] + longer
        if verdict == "inv":
            expected = min(expected, before[1])
    return expected - 3 <= after[1] <= expected


def check(expected, longer, verdict, before, after):
    words = expected.split()
    if words[0] != verdict:
        return False
    if len(words) == 1:
        return not after
    return (after is not None and words[1] == after[0]
            and same_timeout(words[2], longer, verdict, before, after))


def run_script(name, lines, sockets, port):
    differences = 0
    for i, line in enumerate(lines):
        if line[0] in "<>":
            longer = i % 2 * LONGER
            set_timeouts(longer)
            result = segment(sockets, line, port)
            if not check(line[line.index("= ") + 2:], longer, *result):
                print("%s: %s\n    kernel: %s, %s -> %s"
                      % ((name, line) + result))
                # What follows would differ for that reason alone.
                return differences + 1
        elif line[0] == "?" and "assured" in line:
            if connection(port)[2] == ("unassured" in line):
                print("%s: %s\n    kernel: not so" % (name, line))
                differences += 1
        elif line.startswith("seqchk"):
            router("sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=%d"
                   % (line.split()[1] == "off"))
        elif line.startswith("set "):
            router("sysctl -qw net.netfilter.nf_conntrack_%s=%s"
                   % tuple(line.split()[1:]))
    return differences


def open_sockets():
    """Packet sockets on "a" and "b" of the namespace of the hosts."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as own, \
         open("/run/netns/" + HOSTS) as hosts:
        if libc.setns(hosts.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
        sockets = []
        for dev in "ab":
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            s.bind((dev, 0))
            sockets.append(s)
        libc.setns(own.fileno(), 0)
    return sockets


class End:
    """What one end has sent, for numbers that are nearly right."""

    def __init__(self, rng):
        self.next = rng.choice((1000, 0xfffffff0, rng.randrange(1 << 32)))
        self.syn_sent = False


def random_flags(rng, me, peer):
    if not me.syn_sent and rng.random() < .9:
        return "SA" if peer.syn_sent and rng.random() < .9 else "S"
    return rng.choice(("A",) * 12 + ("PA",) * 6 + ("FA",) * 4
                      + ("R", "RA", "R", "S", "SA"))


def random_segment(rng, ends, reply):
    me, peer = ends[reply], ends[not reply]
    flags = random_flags(rng, me, peer)
    off = (0,) * 12 + (1, -1, 1, -1, 99, -99, 3000, -3000, 70000, -70000,
                       1 << 30)
    length = 0 if "R" in flags or "S" in flags else rng.choice(
        (0, 0, 0, 1, 100, 1000))
    seq = (me.next + rng.choice(off)) % (1 << 32)
    ack = (peer.next + rng.choice(off)) % (1 << 32) if "A" in flags else 0
    if "R" in flags and rng.random() < .2:
        seq = 0
    win = rng.choice((0, 1, 100, 1000, 1000, 5000, 64000))
    line = "%s %s seq=%d ack=%d win=%d len=%d" % (
        "<" if reply else ">", flags, seq, ack, win, length)
    if "S" in flags:
        me.syn_sent = True
        line += rng.choice(("", " ws=0", " ws=2", " ws=7", " ws=14"))
        line += rng.choice(("", " sack"))
    elif "A" in flags and rng.random() < .1:
        line += " sack=%d-%d" % (peer.next, (peer.next + 100) % (1 << 32))
    if rng.random() < .9:
        size = length + ("S" in flags) + ("F" in flags)
        me.next = (seq + size) % (1 << 32)
    return line


def print_random(seed, n):
    rng = random.Random(seed)
    for i in range(n):
        print("# random %s.%d" % (seed, i))
        ends = End(rng), End(rng)
        for _ in range(rng.randrange(4, 25)):
            print(random_segment(rng, ends, rng.random() < .5))


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--random":
        print_random(sys.argv[2], int(sys.argv[3]))
        return 0
    scripts = []
    for line in sys.stdin.read().splitlines():
        if line.startswith("#"):
            scripts.append((line[2:], []))
        else:
            scripts[-1][1].append(line)
    differences = 0
    try:
        set_up()
        sockets = open_sockets()
        for i, (name, lines) in enumerate(scripts):
            differences += run_script(name, lines, sockets, 40000 + i)
    finally:
        tear_down()
    print("%d scripts, %d differences" % (len(scripts), differences))
    return differences != 0


if __name__ == "__main__":
    sys.exit(main())
