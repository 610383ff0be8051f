# SPDX-License-Identifier: Apache-2.0
"""Scripts of packets: what they say, from text and to text.

A script is lines.  "#" begins a comment.

    ip 4                  or 6: the family of all addresses
    nat none              or snat, dnat: what the router does
    conn 1 tcp isn=10/20  conversation 1; protocol tcp, udp, icmp, sctp, gre
                          or other, which has no ports.  tcp: where numbers
                          of client and server begin
    conn 2 udp cport=1025 sport=69 helper=tftp
                          ports of client and server; a helper that the
                          connection gets if the client opens it; parent=1:
                          the conversation that announces this one
    1 > S win=100 ws=7    conversation 1, client to server: a SYN
    1 < SA ack=1          ... and back.  seq and ack count from the beginnings
    1 < SA ack=1 = ok SYN_RECV tcp_syn_recv
                          behind "=" is what Trackway makes of it: this is for
                          test-ct-l4-tcp-script, the oracle asks the kernel
    1 ? assured           likewise, of the connection
    longer 50             all timeouts are 50 seconds longer from now on
    set tcp_loose 0       a switch, net.netfilter.nf_conntrack_tcp_loose; or
                          tcp_seq_chk, the kernel's tcp_be_liberal reversed
    wait 2.2              seconds

The third word of a packet is its kind:

    tcp     flags, of FSRPAUEC; "-" for none
    udp     D; so gre and other
    icmp    Q, a request, or R, a reply
    sctp    chunks with commas between: INIT, INIT_ACK, COOKIE_ECHO,
            COOKIE_ACK, DATA, SACK, HEARTBEAT, HEARTBEAT_ACK, SHUTDOWN,
            SHUTDOWN_ACK, SHUTDOWN_COMPLETE, ABORT, ERROR
    any     E, an ICMP error; behind "quoting" is the packet that it is about,
            which went the other way, beginning with its kind

and then what it has, all of it optional:

    len=N          bytes of payload
    say="USER x\r\n"  the payload, as a string of JSON
    part=A-B       only these bytes of what IP carries, as a fragment; with
                   id=N of datagram N of its sender
    key=N          gre
    badsum         a wrong checksum
    seq=N ack=N    tcp, relative; icmp has seq=N too
    win=N          tcp, not scaled
    ws=N mss ts    tcp options
    sackok sack=A-B  tcp options; A and B count as ack does
    vtag=N init=N  sctp: verification tag, and the one an INIT asks for
    tbit badlen    sctp: all chunks have flag T; the last says that it is
                   longer than the packet
    type=N code=N  E (default: destination unreachable, port); Q, R: code
    from=router    E: from somewhere on the way, not from the end
    cut=N          E: bytes of the transport header and data that are quoted
"""

import json
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

    def payload(self):
        if "say" in self.fields:
            return self.fields["say"].encode("latin-1")
        return b"x" * self.get("len")

    def part(self):
        """(begin, end) of a fragment, None if it is a whole packet."""
        part = self.get("part", None)
        return tuple(int(n) for n in part.split("-")) if part else None

    def words(self):
        out = [self.kind]
        for name, value in self.fields.items():
            out.append(name if value is True else "%s=%s" % (
                name, json.dumps(value) if name == "say" else value))
        if self.quoted:
            out += ["quoting"] + self.quoted.words()
        return out

    def __str__(self):
        return "%d %s %s" % (self.conn.number, "<" if self.reply else ">",
                             " ".join(self.words()))


class Conversation:
    """Ports are 0 where they follow from number and protocol."""

    def __init__(self, number, proto, isn=(0, 0), cport=0, sport=0,
                 helper="", parent=0):
        self.number = number
        self.proto = proto
        self.isn = isn
        self.cport = cport
        self.sport = sport
        self.helper = helper
        self.parent = parent

    def __str__(self):
        words = ["conn", str(self.number), self.proto]
        if self.proto == "tcp":
            words.append("isn=%d/%d" % self.isn)
        for name in ("cport", "sport", "helper", "parent"):
            if getattr(self, name):
                words.append("%s=%s" % (name, getattr(self, name)))
        return " ".join(words)


def child(parent, n, cport, sport):
    """Conversation 'n' that 'parent' announces."""
    return Conversation(CHILDREN * parent.number + n, parent.proto,
                        parent.isn, cport, sport, parent=parent.number)


class Script:
    """Steps are packets, ("longer", seconds), ("wait", seconds) and ("set",
    "NAME VALUE")."""

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


CHILDREN = 100000               # Numbers of children are above this.
PROTOCOLS = ("tcp", "udp", "icmp", "sctp", "gre", "other")
INTEGERS = ("len", "seq", "ack", "win", "ws", "vtag", "init", "type", "code",
            "cut", "id", "key")
# A string may hold anything, "#" too.
WORD = re.compile(r'\s*(?:#.*|((?:"(?:[^"\\]|\\.)*"|[^\s"#])+))')
WORDS = ("badsum", "mss", "ts", "sackok", "tbit", "badlen")


def parse_field(word):
    name, equals, value = word.partition("=")
    if not equals and name in WORDS:
        return name, True
    if equals and name in INTEGERS and re.fullmatch(r"-?\d+", value):
        return name, int(value)
    if name == "sack" and re.fullmatch(r"-?\d+--?\d+", value):
        return name, value
    if name == "say" and equals:
        return name, json.loads(value)
    if name == "part" and re.fullmatch(r"\d+-\d+", value):
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
    conn = Conversation(int(words[0]), words[1])
    if conn.proto not in PROTOCOLS:
        raise ScriptError("unknown protocol " + conn.proto)
    for word in words[2:]:
        name, _, value = word.partition("=")
        if name == "isn" and re.fullmatch(r"\d+/\d+", value):
            conn.isn = tuple(int(n) for n in value.split("/"))
        elif name in ("cport", "sport", "parent") and value.isdigit():
            setattr(conn, name, int(value))
        elif name == "helper" and value.isalnum():
            conn.helper = value
        else:
            raise ScriptError("what is \"%s\"?" % word)
    return conn


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
    elif words[0] == "set":
        script.steps.append(("set", "%s %d" % (words[1], int(words[2]))))
    elif words[1] != "?":
        if "=" in words:
            words = words[:words.index("=")]
        script.steps.append(parse_packet(
            conns[int(words[0])], {">": False, "<": True}[words[1]],
            words[2:]))


def parse(text):
    script, conns = Script(), {}
    for number, line in enumerate(text.splitlines(), 1):
        words = [w for w in WORD.findall(line) if w]
        try:
            if words:
                parse_line(script, conns, words)
        except (ScriptError, KeyError, ValueError, IndexError) as error:
            raise ScriptError("line %d: %s: %s" % (number, line, error))
    return script
