# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: trackway/why, beside packets that then show that it is right.

# why ARGUMENT...: the answer, also in the log.
why() {
    ovs-appctl trackway/why "$@" | tee -a "$NS_DIR/why.log"
}

# why_hosts: tcp from `client' to `server' in zone 5, udp in zone 6.
why_hosts() {
    stock_lacks "trackway/why"
    two_hosts
    flows br0 <<END
$neighbours
priority=50,tcp,ct_state=-trk actions=ct(table=1,zone=5)
priority=50,udp,ct_state=-trk actions=ct(table=1,zone=6)
table=1,ct_state=+trk+new,in_port=1,tcp actions=ct(commit,zone=5),2
table=1,ct_state=+trk+new,in_port=1,udp actions=ct(commit,zone=6),2
table=1,ct_state=+trk+est,in_port=1 actions=2
table=1,ct_state=+trk+est,in_port=2 actions=1
table=1,priority=0,cookie=0xdead actions=drop
END
    serve_echo server
}

# talking: a connection from port 4000 that lasts.
talking() {
    start_talk client 10.1.1.2 7 4000
    for word in one two three four five six; do
        say $word
    done
}

# The last acknowledgment may be late.
all_acknowledged() {
    ! ct_has DATA_UNACKNOWLEDGED -m
}

there="tcp,nw_src=10.1.1.1,nw_dst=10.1.1.2,tp_src=4000,tp_dst=7"
back="tcp,nw_src=10.1.1.2,nw_dst=10.1.1.1,tp_src=7,tp_dst=4000"

# A connection that is there, in both directions; nothing of it changes.
scenario_why_live() {
    local before answer

    why_hosts
    talking
    poll 10 all_acknowledged
    before=$(dump_conntrack -m)
    answer=$(why $there zone=5)
    matches "connection" "$answer" \
        "connection: tcp,orig=\(src=10.1.1.1,dst=10.1.1.2,sport=4000,dport=7.*zone=5.*state=ESTABLISHED"
    matches "direction" "$answer" "direction: original$"
    matches "state" "$answer" "ct_state: \+est\+trk$"
    answer=$(why ovs-trackway $back)
    matches "zone is found" "$answer" "^ct\(commit,zone=5,nat\)$"
    matches "direction" "$answer" "direction: reply$"
    matches "state" "$answer" "ct_state: \+est\+rpl\+trk$"
    answer=$(why $there,tcp_flags=fin\|ack zone=5)
    matches "becomes" "$answer" "becomes: .*state=FIN_WAIT"
    same "connections" "$(dump_conntrack -m)" "$before"
    say again
    end_talk
}

# Through the datapath: megaflows, ct(), track and program.
scenario_why_way() {
    local answer macs

    why_hosts
    talking
    macs=dl_src=$(mac_of client),dl_dst=$(mac_of server)
    answer=$(why "in_port=v-client,$there,$macs,tcp_flags=ack")
    matches "first megaflow" "$answer" "^megaflow ufid:.*recirc_id\(0\)"
    matches "ct" "$answer" "^  ct\(zone=5\)"
    matches "state" "$answer" "ct_state: \+est\+trk$"
    matches "second megaflow" "$answer" "^megaflow ufid:.*ct_state\(.*est"
    matches "port" "$answer" "^  [0-9]+: port v-server$"
    matches "track" "$answer" "^track, main thread:$"
    matches "program" "$answer" "^    program [0-9]+: packets:[1-9]"
    matches "operation" "$answer" "^        ct\(zone=5\)"

    # By number, and as the datapath writes flows.
    same "number" "$(why "in_port=$(port_number v-client),$there,$macs,tcp_flags=ack" |
                     grep -c '^megaflow')" 2
    answer=$(why "in_port(v-client),eth(src=$(mac_of client),dst=$(mac_of server)),eth_type(0x0800),ipv4(src=10.1.1.1,dst=10.1.1.2,proto=6,tos=0,ttl=64,frag=no),tcp(src=4000,dst=7),tcp_flags(ack)")
    matches "datapath's syntax" "$answer" "ct_state: \+est\+trk$"

    # Who never came has no megaflow and no track.
    answer=$(why "in_port=v-client,tcp,nw_src=10.1.1.1,nw_dst=10.1.1.2,tp_src=4321,tp_dst=7,$macs,tcp_flags=ack")
    matches "other" "$answer" "^track, main thread: none, (no-track|seen-once): "
    matches "other" "$answer" "connection: none in zone 5$"
    answer=$(why "in_port=v-client,icmp,nw_src=10.1.1.1,nw_dst=10.1.1.77")
    matches "no megaflow" "$answer" "^no megaflow for recirc_id\(0\)"
    end_talk
}

mac_of() {
    ip -n $1 -br link show dev eth0 | awk '{ print $3 }'
}

port_number() {
    ovs-appctl dpctl/show | sed -n "s/^ *port \([0-9]*\): $1.*/\1/p"
}

# has_counted NAME: whether the tracker has, for poll.
has_counted() {
    test "$(counter $1)" -ge 1
}

# What has no connection: would it get one?
scenario_why_new() {
    local answer syn="tcp,nw_src=10.1.1.1,nw_dst=10.1.1.2,tp_src=4001,tp_dst=7"

    why_hosts
    answer=$(why $syn,tcp_flags=syn zone=5)
    matches "no zone yet" "$answer" "connection: none: zone 5 was never used$"
    matches "SYN" "$answer" "ct_state: \+new\+trk$"
    matches "SYN" "$answer" "commits: tcp,.*state=SYN_SENT"
    same "connections" "$(dump_conntrack)" ""

    ask client tcp 10.1.1.2 7 --sport 4001
    matches "zone 99" "$(why $syn,tcp_flags=syn zone=99)" \
        "none: zone 99 was never used$"
    answer=$(why $syn,tcp_flags=syn\|ack zone=7)
    matches "SYN-ACK" "$answer" "verdict: invalid, invalid-tcp-new: "
    matches "SYN-ACK" "$answer" "would pass: a SYN$"
    ovs-appctl trackway/ct-set tcp_loose=off
    answer=$(why $syn,tcp_flags=ack zone=7)
    matches "ACK" "$answer" "would pass: the switch tcp_loose on"
    # A UDP packet, in hexadecimal: from port 4000 to 7, without checksum.
    answer=$(why 02000000000202000000000108004500002000000000401164c90a0101010a0101020fa00007000c00006869210a zone=6)
    matches "hex" "$answer" \
        "commits: udp,orig=\(src=10.1.1.1,dst=10.1.1.2,sport=4000,dport=7"
    answer=$(why udp6,ipv6_src=fd01::1,ipv6_dst=fd01::2,tp_src=1,tp_dst=2)
    matches "IPv6" "$answer" "commits: udp,orig=\(src=fd01::1,dst=fd01::2"
    answer=$(why icmp,nw_src=10.1.1.1,nw_dst=10.1.1.2,icmp_type=8 id=77)
    matches "ping" "$answer" "commits: icmp,.*id=77"
    answer=$(why icmp,nw_src=10.1.1.1,nw_dst=10.1.1.2,icmp_type=0 id=77)
    matches "pong" "$answer" "invalid-icmp-type"
}

# Out of the window, as told: with the numbers that it names, and with the
# switch, packets pass.
scenario_why_window() {
    local answer numbers

    why_hosts
    talking
    answer=$(why $there,tcp_flags=ack seq=1 ack=1 zone=5)
    matches "verdict" "$answer" "verdict: invalid, invalid-tcp-window: "
    matches "state" "$answer" "ct_state: \+inv\+trk$"
    matches "check" "$answer" "segment: seq 1, end 1, ack 1; in the window: "
    matches "remedy" "$answer" "would pass: the switch tcp_be_liberal on"
    numbers=$(sed -n 's/.*would pass: the same segment with seq \([0-9]*\) and ack \([0-9]*\)$/seq=\1 ack=\2/p' <<<"$answer")
    matches "numbers" "$numbers" "^seq=[0-9]+ ack=[0-9]+$"
    matches "with these" "$(why $there,tcp_flags=ack $numbers zone=5)" \
        "ct_state: \+est\+trk$"

    # What the answer says is what a packet meets.
    same "invalid before" "$(counter invalid-tcp-window)" 0
    in_ns client $tool segment 10.1.1.1 10.1.1.2 4000 7 --seq 1 --ack 1
    poll 5 has_counted invalid-tcp-window
    ovs-appctl trackway/ct-set tcp_be_liberal=on
    matches "liberal" "$(why $there,tcp_flags=ack seq=1 ack=1 zone=5)" \
        "ct_state: \+est\+trk$"
    end_talk
}

# A zone that is full.
scenario_why_limit() {
    local answer udp="udp,nw_src=10.1.1.1,nw_dst=10.1.1.2,tp_src=6000,tp_dst=7"

    why_hosts
    ovs-appctl dpctl/ct-set-limits zone=6,limit=3
    same "answered" "$(in_ns client $tool open udp 10.1.1.2 7 3 \
                       --sport 5000)" 3
    answer=$(why $udp zone=6)
    matches "verdict" "$answer" "verdict: dropped, drop-zone-limit: "
    matches "limit" "$answer" "limit: 3 connections of 3 in zone 6$"
    matches "remedy" "$answer" \
        "would pass: a higher limit .*ct-set-limits zone=6,limit=N"
    same "dropped by the question" "$(counter drop-zone-limit)" 0
    lacks "elsewhere" "$(why $udp zone=7)" "dropped"
    ovs-appctl dpctl/ct-set-limits zone=6,limit=4
    matches "raised" "$(why $udp zone=6)" "ct_state: \+new\+trk$"
    ask client udp 10.1.1.2 7 --sport 6000
}

# Answers to a translated address belong to the connection.
scenario_why_nat() {
    local answer port

    stock_lacks "trackway/why"
    private_and_public
    snat_flows 10.9.9.240:34000-34001 [fd09::240]:34000-34001
    serve_echo server
    ask client udp 10.9.9.2 7 --sport 5000
    port=$(dump_conntrack | sed -n 's/.*dst=10.9.9.240,sport=7,dport=\([0-9]*\).*/\1/p')
    answer=$(why in_port=v-server,udp,nw_src=10.9.9.2,nw_dst=10.9.9.240,tp_src=7,tp_dst=$port,dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:fe)
    matches "connection" "$answer" \
        "connection: udp,orig=\(src=10.1.1.1,dst=10.9.9.2,sport=5000,dport=7"
    matches "direction" "$answer" "direction: reply$"
    matches "state" "$answer" "ct_state: \+est\+rpl\+trk\+dnat, ct_mark 0x1$"
    matches "way" "$answer" "^  [0-9]+: port v-client$"

    # A new client gets the other port, and then there is none.
    ask client2 udp 10.9.9.2 7 --sport 5001
    answer=$(why in_port=v-client,udp,nw_src=10.1.1.1,nw_dst=10.9.9.2,tp_src=5002,tp_dst=7,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02)
    matches "none left" "$answer" "verdict: dropped, drop-nat-exhausted: "
    matches "none left" "$answer" "would pass: more addresses or ports in nat"
}

# why_complains REGEX ARGUMENT...
why_complains() {
    local regex=$1

    shift
    complains "$regex" ovs-appctl trackway/why "$@"
}

scenario_why_usage() {
    why_hosts
    why_complains "a flow, such as" zone=5
    why_complains "no such datapath" nowhere $there
    why_complains "zone=70000: not a number from 0 to 65535" $there zone=70000
    why_complains "seq=x: not a number" $there seq=x
    why_complains "color=red: not expected" $there color=red
    why_complains "unknown field color" tcp,color=red
    why_complains "one flow or packet" $there $back
    why_complains "the datapath has no such port" $there in_port=nowhere
    why_complains "bad value for in_port" in_port=nowhere,$there
    why_complains "give the packet in hexadecimal" sctp,nw_src=1.2.3.4,nw_dst=1.2.3.5
    why_complains "odd number of digits" 02000000000202000000000108004500002
    matches "cut off" "$(why 020000000002020000000001080045000020 zone=5)" \
        "verdict: invalid, invalid-l3: "
}
