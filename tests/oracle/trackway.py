# SPDX-License-Identifier: Apache-2.0
"""Our side: tests/test-ct-oracle, which is given the frames and the times of
them that the kernel had."""

import struct
import subprocess

import frame
from outcome import Connection, Outcome

NAT = {"none": 0, "snat": 1, "dnat": 2}
REQUEST = "=IIqBB6x16s"
CONN = "=BBBBBBxxII"
TUPLE_SIZE = 40
CONN_SIZE = struct.calcsize(CONN) + 2 * TUPLE_SIZE
N_TUPLES = 2
ANSWER = "=IIII"
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


def request(script, step, sent, msec):
    tuples = b"".join(
        wire_tuple(script.ip, step.conn.proto, t)
        for t in frame.tuples(step.conn, script.ip, script.nat))
    to = frame.address(script.ip,
                       "server" if script.nat == "dnat" else "snat")
    return struct.pack(REQUEST, len(sent), 0, msec, step.reply,
                       NAT[script.nat], to) \
        + tuples.ljust(N_TUPLES * TUPLE_SIZE, b"\0") + sent


def set_longer(longer, msec):
    return struct.pack(REQUEST, 0, longer, msec, 0, 0, b"") \
        + bytes(N_TUPLES * TUPLE_SIZE)


def state_of(bits):
    name = ("inv" if bits & INVALID else "rel" if bits & RELATED
            else "new" if bits & NEW else "est" if bits & ESTABLISHED
            else "untracked")
    return name + ("-r" if bits & REPLY else "")


def parse_tuple(data):
    src, dst = struct.unpack_from("=16s16s", data)
    sport, dport, _, ipv6, icmp_type = struct.unpack_from("!HHBBB", data, 32)
    if not ipv6:
        src, dst = src[:4], dst[:4]
    return src, dst, sport, dport, icmp_type


def parse_connection(data, tcp, at):
    found, state, f0, f1, w0, w1, status, timeout = struct.unpack_from(
        CONN, data, at)
    if not found:
        return None
    at += struct.calcsize(CONN)
    return Connection(state if tcp is not None else 0, status, timeout,
                      [parse_tuple(data[at:at + TUPLE_SIZE]),
                       parse_tuple(data[at + TUPLE_SIZE:
                                        at + 2 * TUPLE_SIZE])],
                      (f0, f1, w0, w1) if tcp else None)


def parse_answer(data, at, step, n_tuples):
    size, bits, fast_differs, fast = struct.unpack_from(ANSWER, data, at)
    at += struct.calcsize(ANSWER)
    stateful = {"tcp": True, "sctp": False}.get(step.conn.proto)
    conns = [parse_connection(data, stateful, at + i * CONN_SIZE)
             for i in range(n_tuples)]
    at += N_TUPLES * CONN_SIZE
    out = data[at:at + size]
    return at + size, Outcome(
        state_of(bits) if size else "dropped",
        frame.normalise(out) if size else b"", conns, bool(fast_differs),
        bool(fast))


def play(tracker, script, record):
    """The outcomes for what Kernel.play() returned.  'tracker' is a command
    line."""
    requests, longer = [], 0
    for step, sent, _, msec, now_longer in record:
        if now_longer != longer:
            longer = now_longer
            requests.append(set_longer(longer, msec))
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
