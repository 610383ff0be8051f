# SPDX-License-Identifier: Apache-2.0
"""Scripts of packets: what they say, from text and to text.

A script is lines.  "#" begins a comment.

    ip 4                  or 6: the family of all addresses
    nat none              or snat, dnat: what the router does
    conn 1 tcp isn=10/20  conversation 1; protocol tcp, udp, icmp or sctp.
                          tcp: where numbers of client and server begin
    1 > S win=100 ws=7    conversation 1, client to server: a SYN
    1 < SA ack=1          ... and back.  seq and ack count from the beginnings
    longer 50             all timeouts are 50 seconds longer from now on
    wait 2.2              seconds

The third word of a packet is its kind:

    tcp     flags, of FSRPAUEC; "-" for none
    udp     D
    icmp    Q, a request, or R, a reply
    sctp    chunks with commas between: INIT, INIT_ACK, COOKIE_ECHO,
            COOKIE_ACK, DATA, SACK, HEARTBEAT, HEARTBEAT_ACK, SHUTDOWN,
            SHUTDOWN_ACK, SHUTDOWN_COMPLETE, ABORT
    any     E, an ICMP error; behind "quoting" is the packet that it is about,
            which went the other way, beginning with its kind

and then what it has, all of it optional:

    len=N          bytes of payload
    badsum         a wrong checksum
    seq=N ack=N    tcp, relative; icmp has seq=N too
    win=N          tcp, not scaled
    ws=N mss ts    tcp options
    sackok sack=A-B  tcp options; A and B count as ack does
    vtag=N init=N  sctp: verification tag, and the one an INIT asks for
    type=N code=N  E (default: destination unreachable, port); Q, R: code
    from=router    E: from somewhere on the way, not from the end
    cut=N          E: bytes of the transport header and data that are quoted
"""

import re


class ScriptError(Exception):
    pass


class Packet:
    """One packet; 'reply' if it goes from server to client."""

    def __init__(self, conn, reply, kind, fields=None, quoted=None):
        self.conn = conn
        self.reply = reply
        self.kind = kind
        self.fields = fields or {}
        self.quoted = quoted

    def get(self, name, default=0):
        return self.fields.get(name, default)

    def words(self):
        out = [self.kind]
        for name, value in self.fields.items():
            out.append(name if value is True else "%s=%s" % (name, value))
        if self.quoted:
            out += ["quoting"] + self.quoted.words()
        return out

    def __str__(self):
        return "%d %s %s" % (self.conn.number, "<" if self.reply else ">",
                             " ".join(self.words()))


class Conversation:
    def __init__(self, number, proto, isn=(0, 0)):
        self.number = number
        self.proto = proto
        self.isn = isn

    def __str__(self):
        isn = " isn=%d/%d" % self.isn if self.proto == "tcp" else ""
        return "conn %d %s%s" % (self.number, self.proto, isn)


class Script:
    """Steps are packets, ("longer", seconds) and ("wait", seconds)."""

    def __init__(self, ip=4, nat="none", steps=None):
        self.ip = ip
        self.nat = nat
        self.steps = steps or []

    def packets(self):
        return [s for s in self.steps if isinstance(s, Packet)]

    def with_steps(self, steps):
        return Script(self.ip, self.nat, steps)

    def __str__(self):
        lines = ["ip %d" % self.ip, "nat %s" % self.nat]
        seen = set()
        for step in self.steps:
            if isinstance(step, Packet):
                if step.conn.number not in seen:
                    seen.add(step.conn.number)
                    lines.append(str(step.conn))
                lines.append(str(step))
            else:
                lines.append("%s %s" % step)
        return "\n".join(lines) + "\n"


INTEGERS = ("len", "seq", "ack", "win", "ws", "vtag", "init", "type", "code",
            "cut")
WORDS = ("badsum", "mss", "ts", "sackok")


def parse_field(word):
    name, equals, value = word.partition("=")
    if not equals and name in WORDS:
        return name, True
    if equals and name in INTEGERS and re.fullmatch(r"-?\d+", value):
        return name, int(value)
    if name == "sack" and re.fullmatch(r"-?\d+--?\d+", value):
        return name, value
    if word == "from=router":
        return name, value
    raise ScriptError("what is \"%s\"?" % word)


def parse_packet(conn, reply, words):
    quoted = None
    if "quoting" in words:
        at = words.index("quoting")
        quoted = parse_packet(conn, not reply, words[at + 1:])
        words = words[:at]
    if not words:
        raise ScriptError("a packet without a kind")
    if (words[0] == "E") != (quoted is not None):
        raise ScriptError("E, and nothing else, quotes a packet")
    return Packet(conn, reply, words[0],
                  dict(parse_field(w) for w in words[1:]), quoted)


def parse_conversation(words):
    number, proto = int(words[0]), words[1]
    isn = (0, 0)
    if proto not in ("tcp", "udp", "icmp", "sctp"):
        raise ScriptError("unknown protocol " + proto)
    for word in words[2:]:
        match = re.fullmatch(r"isn=(\d+)/(\d+)", word)
        if not match:
            raise ScriptError("what is \"%s\"?" % word)
        isn = int(match.group(1)), int(match.group(2))
    return Conversation(number, proto, isn)


def parse_line(script, conns, words):
    if words[0] == "ip":
        script.ip = {"4": 4, "6": 6}[words[1]]
    elif words[0] == "nat":
        script.nat = {n: n for n in ("none", "snat", "dnat")}[words[1]]
    elif words[0] == "conn":
        conn = parse_conversation(words[1:])
        conns[conn.number] = conn
    elif words[0] == "longer":
        script.steps.append(("longer", int(words[1])))
    elif words[0] == "wait":
        script.steps.append(("wait", float(words[1])))
    else:
        script.steps.append(parse_packet(
            conns[int(words[0])], {">": False, "<": True}[words[1]],
            words[2:]))


def parse(text):
    script, conns = Script(), {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        try:
            if words:
                parse_line(script, conns, words)
        except (ScriptError, KeyError, ValueError, IndexError) as error:
            raise ScriptError("line %d: %s: %s" % (number, line, error))
    return script
