# SPDX-License-Identifier: Apache-2.0
"""Our side: tests/test-ct-oracle, which is given the frames and the times of
them that the kernel had."""

import functools
import struct
import subprocess

import forwarded
import frame
from outcome import Connection, Expectation, Outcome

NAT = {"none": 0, "snat": 1, "dnat": 2}
REQUEST = "=IIqBBB5x16s24s16s"
CONN = "=BBBBBBxx4s4sII"
TUPLE_SIZE = 40
CONN_SIZE = struct.calcsize(CONN) + 2 * TUPLE_SIZE
N_TUPLES = 2
ANSWER = "=IIIIII"
EXPECT = "=IBBxx"               # Behind a tuple.
EXPECT_SIZE = TUPLE_SIZE + struct.calcsize(EXPECT)
N_EXPECTS = 8
# OVS_CS_F_*
NEW, ESTABLISHED, RELATED, REPLY, INVALID, TRACKED = 1, 2, 4, 8, 16, 32


class Crashed(Exception):
    pass


def wire_tuple(ip, proto, t):
    src, dst, sport, dport = t
    icmp_type = (8 if ip == 4 else 128) if proto == "icmp" else 0
    return struct.pack("=16s16s", src, dst) + struct.pack(
        "!HHBBBx", sport, dport, frame.proto_number(ip, proto), ip == 6,
        icmp_type)


@functools.lru_cache(1 << 16)
def wire_tuples(conn, ip, nat):
    tuples = b"".join(wire_tuple(ip, conn.proto, t)
                      for t in frame.tuples(conn, ip, nat))
    return tuples.ljust(N_TUPLES * TUPLE_SIZE, b"\0")


def request(script, step, sent, msec):
    to = frame.address(script.ip,
                       "server" if script.nat == "dnat" else "snat")
    helper = "" if step.reply else step.conn.helper
    return struct.pack(REQUEST, len(sent), 0, msec, step.reply,
                       NAT[script.nat], bool(step.conn.helper),
                       helper.encode(), b"", to) \
        + wire_tuples(step.conn, script.ip, script.nat) + sent


def set_setting(name, value, msec):
    return struct.pack(REQUEST, 0, value, msec, 0, 0, 0, b"", name.encode(),
                       b"") + bytes(N_TUPLES * TUPLE_SIZE)


def state_of(bits):
    """In the kernel's words.  OVS lets a connection that was expected be
    related for all its life, beside what else it is."""
    if bits & ESTABLISHED:
        bits &= ~RELATED
    name = ("inv" if bits & INVALID else "rel" if bits & RELATED
            else "new" if bits & NEW else "est" if bits & ESTABLISHED
            else "untracked")
    return name + ("-r" if bits & REPLY else "")


@functools.lru_cache(1 << 16)
def parse_tuple(data):
    src, dst = struct.unpack_from("=16s16s", data)
    sport, dport, _, ipv6, icmp_type = struct.unpack_from("!HHBBB", data, 32)
    if not ipv6:
        src, dst = src[:4], dst[:4]
    return src, dst, sport, dport, icmp_type


def parse_connection(data, proto, at):
    found, state, f0, f1, w0, w1, tag0, tag1, status, timeout \
        = struct.unpack_from(CONN, data, at)
    if not found:
        return None
    at += struct.calcsize(CONN)
    tuples = [parse_tuple(data[i:i + TUPLE_SIZE])
              for i in (at, at + TUPLE_SIZE)]
    if proto == "tcp":
        return Connection(state, status, timeout, tuples, (f0, f1, w0, w1))
    if proto == "sctp":
        return Connection(state, status, timeout, tuples, vtags=(
            int.from_bytes(tag0, "big"), int.from_bytes(tag1, "big")))
    return Connection(0, status, timeout, tuples)


def parse_expectation(data, at):
    src, dst, _, dport, _ = parse_tuple(data[at:at + TUPLE_SIZE])
    timeout, any_src, permanent = struct.unpack_from(EXPECT, data,
                                                     at + TUPLE_SIZE)
    return Expectation((None if any_src else src, dst, 0, dport),
                       bool(permanent), timeout)


def parse_packets(data, at, n):
    out = []
    for _ in range(n):
        size = int.from_bytes(data[at:at + 4], "little")
        out.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return at, out


def parse_answer(data, at, step, n_tuples):
    n, bits, differ, fast_differs, fast, n_expects \
        = struct.unpack_from(ANSWER, data, at)
    at += struct.calcsize(ANSWER)
    conns = [parse_connection(data, step.conn.proto, at + i * CONN_SIZE)
             for i in range(n_tuples)]
    at += N_TUPLES * CONN_SIZE
    expects = [parse_expectation(data, at + i * EXPECT_SIZE)
               for i in range(n_expects)]
    at, out = parse_packets(data, at + N_EXPECTS * EXPECT_SIZE, n)
    state = "several" if differ else state_of(bits) if n else "dropped"
    return at, Outcome(state, forwarded.normalise(out) if n else b"", conns,
                       expects, bool(fast_differs), bool(fast))


def play(tracker, script, record):
    """The outcomes for what Kernel.play() returned.  'tracker' is a command
    line."""
    requests, known = [], {}
    for step, sent, _, msec, settings in record:
        for name, value in settings.items():
            if known.get(name) != value:
                requests.append(set_setting(name, value, msec))
        known = settings
        requests.append(request(script, step, sent, msec))
    done = subprocess.run(tracker.split(), input=b"".join(requests),
                          stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise Crashed("%s: exit status %d" % (tracker, done.returncode))
    outcomes, at = [], 0
    for step, _, _, _, _ in record:
        n = len(frame.tuples(step.conn, script.ip, script.nat))
        at, outcome = parse_answer(done.stdout, at, step, n)
        outcomes.append(outcome)
    return outcomes
