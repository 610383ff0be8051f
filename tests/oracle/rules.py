# SPDX-License-Identifier: Apache-2.0
"""Differences from the kernel that are meant, each with its reason.

A rule is a function whose name says what differs.  It is true for a case that
it explains; nothing of the same conversation is compared after that, unless
the rule is of those that leave connections alone.
"""

import forwarded
import frame

SMALLEST_FRAGMENT = 400         # Bytes with the IP header.


class Case:
    """'what' are the words of compare.py; 'parts' the fragments that came
    before the packet, of the same datagram; 'ages' the milliseconds since the
    packets before it, which may be wrong by 'slack'; 'refused' the kinds of
    those that were invalid, 'child_refused' whether one of a conversation was
    that this one announces; 'sent' what we have forwarded of a conversation
    with a helper, without numbers; 'early' whether it begins behind more than
    what we have forwarded."""

    def __init__(self, script, packet, what, theirs, ours):
        self.script = script
        self.packet = packet
        self.what = what
        self.theirs = theirs
        self.ours = ours
        self.parts = []
        self.ages = []
        self.slack = 0
        self.refused = []
        self.child_refused = False
        self.sent = set()
        self.early = False


def only(case, *what):
    return set(case.what) <= set(what)


def icmp_error_quotes_too_little(case):
    """The kernel looks for ports only, in 4 bytes.  RFC 792 promises 8 bytes
    of the transport header, RFC 4443 more; what has fewer was not made by a
    host that had the packet.  Trackway: invalid.  (If it had to translate
    them, the kernel finds them too short as well, and drops the error.)"""
    return (case.packet.kind == "E" and case.packet.get("cut", 28) < 8
            and case.theirs.state in ("rel", "rel-r", "dropped")
            and case.ours.state == "inv")


def icmp_query_with_code(case):
    """To the kernel the code is a part of the tuple, and a request with any
    code opens a connection.  RFC 792 and RFC 4443 say it is zero.  Trackway:
    invalid."""
    packet = case.packet.quoted or case.packet
    return (packet.kind in ("Q", "R") and packet.get("code") != 0
            and case.ours.state == "inv")


def tcp_syn_without_options(case):
    """The kernel leaves what an earlier SYN of the same end offered in force
    if a newer one has no options at all, though not if it has others.  RFC
    7323 section 2.2: who does not offer to scale does not."""
    return (case.packet.conn.proto == "tcp" and "S" in case.packet.kind
            and only(case, "tcp")
            and not {"ws", "sackok", "mss", "ts"} & set(case.packet.fields))


def drawn_port(packet, outcome):
    """The port that translation has drawn, since the one that it would keep
    was taken; None if it kept it."""
    if not outcome.conns[0]:
        return None
    port = outcome.conns[0].tuples[1][3]
    return port if port != frame.port_of(packet.conn) else None


def without_drawn_port(packet, outcome):
    """The tuples of its connection but for that port."""
    original, (src, dst, sport, _, icmp_type) = outcome.conns[0].tuples
    return original, (src, dst, 0 if packet.conn.proto == "icmp" else sport,
                      icmp_type)


def nat_port_by_chance(case):
    """The port that translation would keep is taken, since the other end has
    opened a connection with it, and each side draws another one: the same
    class of ports, not the same port.  It may be the port of another
    conversation, which is not compared any more either."""
    drawn = [drawn_port(case.packet, o) for o in (case.theirs, case.ours)]
    lowest = 0 if case.packet.conn.proto == "icmp" else 1024
    return (only(case, "packet", "tuples") and case.script.nat != "none"
            and case.theirs.state == case.ours.state
            and case.theirs.state in ("new", "rel")
            and None not in drawn and min(drawn) >= lowest
            and without_drawn_port(case.packet, case.theirs)
            == without_drawn_port(case.packet, case.ours))


def blank_quoted_crc(data, ip):
    """An ICMP error about SCTP without its checksum and the quoted one."""
    header = 20 if ip == 4 else 40
    crc = 2 * header + 8 + 8
    return (data[:header + 2] + data[header + 4:crc] + data[crc + 4:])


def sctp_crc_of_a_cut_quote(case):
    """The kernel gives the part that an ICMP error quotes of a packet a CRC
    of its own.  Trackway leaves the packet's, which nobody can verify either,
    but which is the packet's if no port has changed."""
    ip = case.script.ip
    return (case.packet.kind == "E" and case.packet.conn.proto == "sctp"
            and only(case, "packet")
            and blank_quoted_crc(case.theirs.data, ip)
            == blank_quoted_crc(case.ours.data, ip)
            and all(forwarded.icmp_checksum_is_good(o.data, ip)
                    for o in (case.theirs, case.ours)))


def gre_shorter_than_of_pptp(case):
    """To translate GRE, or a quote of it, the kernel wants the 8 bytes that a
    header of PPTP has at least, and drops what is shorter.  RFC 2784: 4 bytes
    are enough, and there is nothing in them to translate."""
    packet = case.packet.quoted or case.packet
    size = 4 + packet.get("len") + (4 if "key" in packet.fields else 0)
    return (case.packet.conn.proto == "gre" and case.script.nat != "none"
            and min(size, case.packet.get("cut", size)) < 8
            and case.theirs.state == "dropped")


def sctp_chunk_longer_than_packet(case):
    """The kernel does not mind if the last chunk says that it is longer than
    the packet.  RFC 9260 section 6.10: a receiver drops partial chunks.
    Trackway: invalid."""
    return "badlen" in case.packet.fields and case.ours.state == "inv"


def sctp_refused_packet_changes_nothing(case):
    """Of a packet whose last chunk makes it invalid the kernel keeps what the
    chunks before that have changed: also that a HEARTBEAT had a wrong tag,
    which shows when it is answered.  Trackway believes all or none."""
    return (case.packet.conn.proto == "sctp"
            and ("," in case.packet.kind
                 and case.theirs.state == case.ours.state == "inv"
                 and only(case, "tags", "protocol state", "status", "timeout")
                 or "HEARTBEAT" in case.packet.kind
                 and any("HEARTBEAT," in kind for kind in case.refused)))


def is_refused_fragment(case):
    return (case.packet.part() and case.ours.state == "inv"
            and case.theirs.state == "dropped")


def fragment_again(case):
    """The kernel drops a fragment that it has.  To OVS it is invalid; the flow
    table drops it."""
    begin, end = case.packet.part() or (0, 0)
    return is_refused_fragment(case) and any(
        b <= begin and end <= e for b, e in case.parts)


def fragment_overlaps(case):
    """The kernel drops it, and what it has of the datagram (RFC 5722).  To OVS
    it is invalid, and the fragment that came first is believed: what leaves
    the tracker as valid never overlaps."""
    begin, end = case.packet.part() or (0, 0)
    return is_refused_fragment(case) and any(
        b < end and begin < e for b, e in case.parts)


def fragment_too_small(case):
    """Fragments below a size that can be set (ovs-appctl dpctl/ipf-set-min-
    frag, at least 400 bytes) are invalid to OVS, unless they are the last:
    nobody but an attacker makes them.  The kernel takes all."""
    begin, end = case.packet.part() or (0, 0)
    return (case.packet.part() and case.ours.state == "inv"
            and end - begin < SMALLEST_FRAGMENT)


def ipv6_atomic_fragment(case):
    """A fragment that is all of its datagram has nothing to do with other
    fragments, even if they have its number (RFC 6946).  The kernel finds that
    they overlap."""
    return (case.script.ip == 6 and case.packet.part() and case.parts
            and case.packet.part() == (0, case.packet.get("len") + 8)
            and case.theirs.state == "dropped")


def connection_is_just_over(case):
    """One side still has it, for the last second.  The sides do not read the
    clock at the same time."""
    pairs = list(zip(case.theirs.conns, case.ours.conns))
    left = [(a or b).timeout for a, b in pairs if (a is None) != (b is None)]
    return (only(case, "connection exists") and left
            and max(left) < 1 + case.slack / 1000)


def udp_is_just_two_seconds_old(case):
    """A conversation of UDP is a stream if it is older than two seconds.  The
    sides do not read the clock at the same time."""
    return (case.packet.conn.proto == "udp" and only(case, "status", "timeout")
            and any(abs(age - 2000) <= case.slack for age in case.ages))


def sent_again_looks_the_same(case):
    """Behind two changes of length the kernel knows how much the last two have
    shifted.  What was sent before both and is sent again is shifted by the
    first.  Nor does it know an announcement of FTP again when two lines have
    come behind it, and lets it pass untranslated.  Trackway remembers more: it
    is as it was."""
    return (only(case, "packet")
            and forwarded.without_number(case.ours.data, case.script.ip)
            in case.sent)


def ftp_expected_once(case):
    """An announcement that is sent again makes the kernel expect its data
    connection once more, though that has come or another was announced since.
    By then its port, in front of the translation, may be somebody else's.
    Trackway writes what it wrote before, and expects nothing new."""
    theirs, ours = ({e.key() for e in side.expects}
                    for side in (case.theirs, case.ours))
    return (case.packet.conn.helper == "ftp" and case.script.nat != "none"
            and only(case, "expectations") and theirs - ours
            and forwarded.without_number(case.ours.data, case.script.ip)
            in case.sent)


def ftp_segment_before_its_turn(case):
    """A line was lost on its way to the translation, or comes late.  The
    kernel forwards what follows with the numbers that it has by then; if the
    lost line grows when it is sent again, the stream is damaged.  Trackway
    drops what comes before its turn."""
    return (case.packet.conn.helper == "ftp" and case.script.nat != "none"
            and case.early and case.ours.state == "dropped"
            and case.theirs.state.startswith("est"))


def without_port(expectation):
    """All that its key says but for the port."""
    src, dst, sport, _, permanent = expectation.key()
    return src, dst, sport, permanent


def ftp_port_is_taken(case):
    """The kernel announces a port, in front of the translation, which a
    connection has that was opened before: who comes there meets that one.
    Trackway announces another."""
    theirs, ours = case.theirs, case.ours
    return (case.packet.conn.helper == "ftp" and case.script.nat != "none"
            and only(case, "packet", "expectations")
            and theirs.expects and theirs.state == ours.state
            and list(map(without_port, theirs.expects))
            == list(map(without_port, ours.expects)))


def expected_for_invalid_packet(case):
    """To the kernel the first packet of what is expected ends the expectation,
    also if it is invalid: a stray FIN, and the connection itself is not
    expected any more.  Trackway keeps the expectation until there is a
    connection."""
    theirs, ours = case.theirs, case.ours
    return (case.packet.conn.parent and case.refused
            and (theirs.state, ours.state) == ("new", "rel")
            and only(case, "state", "packet", "status", "tuples")
            or case.child_refused and only(case, "expectations")
            and not theirs.expects and ours.expects)


def expected_from_a_taken_port(case):
    """The other end has opened a connection with the very ports of the one
    that is expected.  The kernel chooses the source's port before it knows
    where the connection goes, finds it taken later, and drops the packet.
    Trackway draws a port, as both do without a helper."""
    theirs, ours = case.theirs, case.ours
    return (case.packet.conn.parent and case.script.nat == "dnat"
            and (theirs.state, ours.state) == ("dropped", "rel")
            and theirs.conns[0] is None and theirs.conns[1] is not None
            and drawn_port(case.packet, ours) is not None)


RULES = (
    connection_is_just_over,
    expected_for_invalid_packet,
    expected_from_a_taken_port,
    fragment_again,
    fragment_overlaps,
    fragment_too_small,
    ftp_expected_once,
    ftp_port_is_taken,
    ftp_segment_before_its_turn,
    gre_shorter_than_of_pptp,
    icmp_error_quotes_too_little,
    icmp_query_with_code,
    ipv6_atomic_fragment,
    nat_port_by_chance,
    sctp_crc_of_a_cut_quote,
    sctp_chunk_longer_than_packet,
    sctp_refused_packet_changes_nothing,
    sent_again_looks_the_same,
    tcp_syn_without_options,
    udp_is_just_two_seconds_old,
)

# What they explain changes nothing on either side; so an ICMP error.
OF_ONE_PACKET = (fragment_again, icmp_error_quotes_too_little,
                 sctp_crc_of_a_cut_quote, sent_again_looks_the_same)


def explains(case):
    for rule in RULES:
        if rule(case):
            return rule.__name__
    return None


def over(rule, case):
    """Numbers of conversations that may differ from now on for the same
    reason."""
    if rule in [r.__name__ for r in OF_ONE_PACKET] \
            or case.packet.kind == "E":
        return set()
    return {case.packet.conn.number}
