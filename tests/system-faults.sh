# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: faults of the userspace connection tracking of OVS.  Each fails
# on datapath type netdev if that has the fault; Documentation/testing.rst
# lists what was seen.

# A one-way stream of UDP is no established connection, however many packets
# repeat.
scenario_faults_udp_one_way() {
    local i

    two_hosts
    flows br0 <<END
$neighbours
priority=50,ct_state=-trk,udp actions=ct(table=1,zone=1)
table=1,priority=20,ct_state=+trk+est,udp,cookie=0xe57 actions=2
table=1,priority=10,ct_state=+trk+new,udp,cookie=0x9e3 actions=ct(commit,zone=1),2
END
    serve server sink.log $tool sink 9
    for i in 1 2 3 4 5; do
        ask client udp 10.1.1.2 9 --sport 5000 --mute
        poll 5 rules_have_packets $i
    done
    same "established packets" "$(rule_packets br0 0xe57)" 0
    same "new packets" "$(rule_packets br0 0x9e3)" 5
}

rules_have_packets() {
    test $(($(rule_packets br0 0xe57) + $(rule_packets br0 0x9e3))) -ge $1
}

# An ICMP error about a translated packet is put back inside as well: about UDP
# and about a ping, whose identifier stands there.
scenario_faults_icmp_error_inner() {
    scenario_icmp_error $1
}

scenario_faults_icmp_error_echo() {
    scenario_time_exceeded $1
}

# The same for an error of the client, about an answer that it does not expect.
scenario_faults_icmp_error_original() {
    private_and_public
    snat_flows 10.9.9.240:34000-34010 [fd09::240]:34000-34010
    serve_echo server
    serve server sniff.log $tool sniff eth0
    in_ns client $tool datagrams 10.1.1.1 10.9.9.2 5000 1 --port 7
    poll 5 grep -Eq "10.9.9.240>10.9.9.2 icmp type=3 code=3 sum=good inner\[ip ttl=[0-9]+ ipsum=good 10.9.9.2>10.9.9.240 udp 7>340[01][0-9] sum=good\]" sniff.log
    lacks "packets" "$(cat sniff.log)" "BAD|10\.1\.1\.1"
}

# Pings of two clients with the same identifier, behind one public address.
scenario_faults_icmp_id() {
    local name

    private_and_public
    snat_flows 10.9.9.240 fd09::240
    serve server sniff.log $tool sniff eth0
    for name in client client2; do
        matches "ping of $name" \
            "$(pings $name $(ip_of $1 10.9.9.2 fd09::2) -e 77 -W 1)" \
            "3 received"
    done
    same "ids" "$(grep -Eo 'type=(8|128) .* id=[0-9]*' sniff.log |
                  grep -o 'id=.*' | sort -u | wc -l)" 2
    lacks "packets" "$(cat sniff.log)" BAD
}

# A default limit is one for each zone.
scenario_faults_default_limit() {
    limit_each_zone
}

# 4294968 s are 704 ms more than 2^32 ms.  A connection with that timeout
# outlives one that has 3 s.
scenario_faults_long_timeout() {
    two_hosts
    flows br0 <<END
$neighbours
priority=50,in_port=1,udp,tp_dst=9 actions=ct(commit,zone=5),2
priority=50,in_port=1,udp,tp_dst=10 actions=ct(commit,zone=6),2
END
    serve server sink.log $tool sink 9
    set_zone_timeouts 5 udp_first=4294968 udp_single=4294968 \
        udp_multiple=4294968
    set_zone_timeouts 6 udp_first=3 udp_single=3 udp_multiple=3
    poll 8 long_and_short
    poll 20 ct_count_is 0 . zone=6
    same "connections of zone 5" "$(ct_count . zone=5)" 1
}

# A connection of each zone, and the policy of 3 s in force.
long_and_short() {
    local left

    ovs-appctl dpctl/flush-conntrack
    ask client udp 10.1.1.2 9 --mute
    ask client udp 10.1.1.2 10 --mute
    left=$(dump_conntrack -s zone=6 |
           sed -n 's/^udp,.*timeout=\([0-9]*\).*/\1/p')
    test -n "$left" && test "$left" -le 3
}

# One flush is enough, however many there are.
scenario_faults_flush_all() {
    two_hosts
    flows br0 <<END
$neighbours
priority=50,in_port=1,udp actions=ct(commit,zone=1)
END
    in_ns client $tool datagrams 10.1.1.1 10.1.1.2 10000 30000
    poll 10 nconns_at_least 25000
    ovs-appctl dpctl/flush-conntrack
    same "connections" "$(ct_count .)" 0
}

nconns_at_least() {
    test "$(ovs-appctl dpctl/ct-get-nconns)" -ge $1
}

# Two associations between the same hosts are two connections, and a translated
# one has a port.
scenario_faults_sctp() {
    private_and_public
    snat_flows 10.9.9.240:34000-34010 [fd09::240]:34000-34010
    serve server sniff.log $tool sniff eth0
    in_ns client $tool sctp 10.1.1.1 10.9.9.2 5001 80
    in_ns client $tool sctp 10.1.1.1 10.9.9.2 5002 80
    poll 5 sctp_seen 2
    same "connections" "$(ct_count "^sctp,.*zone=1")" 2
    same "translated" "$(ct_count "^sctp,.*reply=.*dport=340[01][0-9]")" 2
    lacks "packets" "$(cat sniff.log)" "sctp 0>"
}

sctp_seen() {
    test "$(grep -Ec "10.9.9.240>10.9.9.2 sctp" sniff.log)" = $1
}

# The first fragment of a datagram that is never complete, from port 1, which
# may send nothing to port 2.  What port 3 sends, in another zone, does not take
# it along, and is not what it is counted and logged with.
scenario_faults_fragment_astray() {
    two_hosts
    add_host client2 br0 3 10.1.1.3/24
    flows br0 <<END
$neighbours
priority=50,in_port=1,udp actions=ct(zone=1,table=1)
priority=50,in_port=3,udp actions=ct(commit,zone=2),2
table=1,priority=0 actions=drop
END
    serve server sniff.log $tool sniff eth0
    serve server sink.log $tool sink 9
    if ! stock; then
        ovs-appctl trackway/log-invalid on
    fi
    in_ns client $tool fragment 10.1.1.1 10.1.1.2 1400
    poll 5 ipf_accepted 1
    poll 40 nothing_kept
    lacks "packets" "$(cat sniff.log)" "10.1.1.1>10.1.1.2"
    if ! stock; then
        poll 5 zone_counter_is drop-fragment-expired 1 1
        same "in zone 2" "$(zone_counter drop-fragment-expired 2)" 0
        matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
            "drop-fragment-expired in zone 1: fragments whose datagram was not complete in time: 1 packets$"
    fi
}

ipf_accepted() {
    ovs-appctl dpctl/ipf-get-status | grep -q "v4 frags accepted: $1"
}

# Traffic of port 3 until the fragment is given up.
nothing_kept() {
    ask client2 udp 10.1.1.2 9 --mute
    ovs-appctl dpctl/ipf-get-status | grep -Eq "num frag: 0"
}
