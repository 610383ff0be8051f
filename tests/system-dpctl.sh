# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: what an operator asks and sets with ovs-appctl, ovs-ofctl and
# ovs-vsctl.

# two_zones: udp from `client' port 4000 in zone 1 and tcp from port 4001 in
# zone 2, both answered.
two_zones() {
    two_hosts
    flows br0 <<END
$neighbours
priority=50,udp,ct_state=-trk actions=ct(table=1,zone=1)
priority=50,tcp,ct_state=-trk actions=ct(table=1,zone=2)
table=1,ct_state=+trk+new,in_port=1,udp actions=ct(commit,zone=1),2
table=1,ct_state=+trk+new,in_port=1,tcp actions=ct(commit,zone=2),2
table=1,ct_state=+trk+est,in_port=1 actions=2
table=1,ct_state=+trk+est,in_port=2 actions=1
END
    serve_echo server
    ask client udp 10.1.1.2 7 --sport 4000
    ask client tcp 10.1.1.2 7 --sport 4001
}

scenario_dump() {
    local all one

    two_zones
    # One line a connection, and nothing else.
    all=$(dump_conntrack)
    same "connections" "$(grep -c . <<<"$all")" 2
    matches "dump" "$all" "^udp,orig=\(src=10.1.1.1,dst=10.1.1.2,sport=4000,dport=7\),reply=\(src=10.1.1.2,dst=10.1.1.1,sport=7,dport=4000\),zone=1$"
    matches "dump" "$all" "^tcp,orig=\(src=10.1.1.1,dst=10.1.1.2,sport=4001,dport=7\),reply=\(src=10.1.1.2,dst=10.1.1.1,sport=7,dport=4001\),zone=2,protoinfo=\(state=[A-Z_0-9]+\)$"

    one=$(dump_conntrack zone=1)
    same "zone 1" "$(grep -c . <<<"$one")" 1
    matches "zone 1" "$one" "^udp,.*zone=1"
    same "zone 77" "$(dump_conntrack zone=77)" ""
    same "zone 1" "$(dump_conntrack $DATAPATH@ovs-$DATAPATH zone=1)" "$one"

    matches "more" "$(dump_conntrack -m)" \
        "^tcp,.*id=[0-9]+,zone=2,status=.*protoinfo=\(state_orig=[A-Z_0-9]+,state_reply=[A-Z_0-9]+,wscale_orig=[0-9]+,wscale_reply=[0-9]+"
    matches "statistics" "$(dump_conntrack -s)" \
        "^udp,.*zone=1.*timeout=[1-9][0-9]*"

    stock_lacks "packet counters, ids and status bits"
    # Request and answer: 6 and 30 bytes of payload behind 28 of headers.
    matches "statistics" "$(dump_conntrack -s)" \
        "^udp,orig=\(.*packets=1,bytes=34\),reply=\(.*packets=1,bytes=[0-9]+\)"
    matches "statistics" "$(dump_conntrack -s)" "start="
    matches "more" "$(dump_conntrack -m)" \
        "^udp,.*id=[1-9][0-9]*,zone=1,status=.*SEEN_REPLY.*CONFIRMED"
    matches "more" "$(dump_conntrack -m)" "^tcp,.*status=.*ASSURED"
}

# Statistics count per protocol and TCP state, in all zones or one.
scenario_stats() {
    local stats

    two_zones
    stats=$(ovs-appctl dpctl/ct-stats-show)
    matches "statistics" "$stats" "Total: 2$"
    matches "statistics" "$stats" "TCP: 1$"
    matches "statistics" "$stats" "UDP: 1$"
    stats=$(ovs-appctl dpctl/ct-stats-show zone=2)
    matches "statistics of zone 2" "$stats" "TCP: 1$"
    lacks "statistics of zone 2" "$stats" "UDP"
    matches "statistics" "$(ovs-appctl dpctl/ct-stats-show -m)" \
        "\[(TIME_WAIT|FIN_WAIT_2|LAST_ACK|CLOSING)\]=1"
    same "count" "$(ovs-appctl dpctl/ct-get-nconns)" 2
    matches "buckets" "$(ovs-appctl dpctl/ct-bkts)" "Current Connections: 2"
    matches "buckets" "$(ovs-appctl dpctl/ct-bkts gt=5)" "Total Buckets"
}

# flush: everything, a zone, one connection in either direction's terms.
scenario_flush() {
    two_zones
    ask client udp 10.1.1.2 7 --sport 4002

    refute ovs-appctl dpctl/flush-conntrack zone=1 \
        'ct_nw_src=10.1.1.1,ct_nw_dst=10.1.1.2,ct_nw_proto=17,ct_tp_src=9,ct_tp_dst=7'
    ovs-appctl dpctl/flush-conntrack zone=1 \
        'ct_nw_src=10.1.1.1,ct_nw_dst=10.1.1.2,ct_nw_proto=17,ct_tp_src=4000,ct_tp_dst=7'
    ct_count_is 0 "sport=4000"
    ct_count_is 1 "^udp,.*sport=4002" zone=1

    ovs-appctl dpctl/flush-conntrack zone=1
    ct_count_is 0 . zone=1
    ct_count_is 1 . zone=2
    ovs-appctl dpctl/flush-conntrack
    same "dump" "$(dump_conntrack)" ""
    same "count" "$(ovs-appctl dpctl/ct-get-nconns)" 0

    # A flushed connection is a new one.
    ask client udp 10.1.1.2 7 --sport 4000
    ct_count_is 1 "sport=4000" zone=1
}

# The same over OpenFlow.
scenario_ofctl_flush() {
    two_zones
    ovs-ofctl ct-flush br0 zone=1 \
        'ct_nw_src=10.1.1.1,ct_nw_dst=10.1.1.2,ct_nw_proto=17,ct_tp_src=9,ct_tp_dst=7' ||
        true
    ct_count_is 1 . zone=1
    ovs-ofctl ct-flush br0 zone=1 \
        'ct_nw_src=10.1.1.1,ct_nw_dst=10.1.1.2,ct_nw_proto=17,ct_tp_src=4000,ct_tp_dst=7'
    ct_count_is 0 . zone=1
    ct_count_is 1 . zone=2
    ovs-ofctl ct-flush br0 zone=2
    ct_count_is 0 . zone=2

    ask client udp 10.1.1.2 7 --sport 4000
    ct_count_is 1 . zone=1
    ovs-ofctl ct-flush-zone br0 1
    ct_count_is 0 . zone=1
    ask client udp 10.1.1.2 7 --sport 4000
    ovs-ofctl ct-flush br0
    same "dump" "$(dump_conntrack)" ""
}

# A zone that is full takes no new connection and keeps those it has; other
# zones are not concerned.
scenario_limits() {
    local limits

    two_zones
    ovs-appctl dpctl/flush-conntrack
    ovs-appctl dpctl/ct-set-limits default=100 zone=1,limit=3
    limits=$(ovs-appctl dpctl/ct-get-limits)
    matches "limits" "$limits" "^default limit=100$"
    matches "limits" "$limits" "^zone=1,limit=3,count=0$"

    same "opened in zone 1" "$(in_ns client $tool open udp 10.1.1.2 7 5 \
                               --sport 5000 --timeout 1)" 3
    matches "limits" "$(ovs-appctl dpctl/ct-get-limits zone=1)" \
        "^zone=1,limit=3,count=3$"
    ct_count_is 3 . zone=1
    counted drop-zone-limit 2 20
    # An established one goes on.
    matches "reply" "$(ask client udp 10.1.1.2 7 --sport 5000)" hello
    same "opened in zone 2" "$(in_ns client $tool open tcp 10.1.1.2 7 5)" 5
    stock ||
        matches "limits" "$(ovs-appctl dpctl/ct-get-limits zone=2)" \
            "^zone=2,limit=100,count=5$"

    ovs-appctl dpctl/ct-del-limits zone=1
    lacks "limits" "$(ovs-appctl dpctl/ct-get-limits)" "zone=1"
    same "opened in zone 1" "$(in_ns client $tool open udp 10.1.1.2 7 5 \
                               --sport 5100)" 5
    refute ovs-appctl dpctl/ct-set-limits zone=70000,limit=3
    refute ovs-appctl dpctl/ct-set-limits zone=1
}

# limit_each_zone: the default limit holds for each zone by itself.
limit_each_zone() {
    two_zones
    ovs-appctl dpctl/flush-conntrack
    ovs-appctl dpctl/ct-set-limits default=4
    same "opened in zone 1" "$(in_ns client $tool open udp 10.1.1.2 7 6 \
                               --sport 5000 --timeout 1)" 4
    same "opened in zone 2" "$(in_ns client $tool open tcp 10.1.1.2 7 6 \
                               --timeout 1)" 4
}

scenario_default_limit() {
    stock_lacks "default limit for each zone"
    limit_each_zone
}

scenario_maxconns() {
    two_zones
    ovs-appctl dpctl/flush-conntrack
    same "maximum" "$(ovs-appctl dpctl/ct-get-maxconns)" 3000000
    ovs-appctl dpctl/ct-set-maxconns 5
    same "maximum" "$(ovs-appctl dpctl/ct-get-maxconns)" 5
    # Established connections do not give way.
    serve client held.log $tool open tcp 10.1.1.2 7 5 --hold
    same "opened" "$(head -n 1 held.log)" 5
    same "opened" "$(in_ns client $tool open tcp 10.1.1.2 7 3 \
                     --timeout 0.5)" 0
    same "count" "$(ovs-appctl dpctl/ct-get-nconns)" 5
    counted drop-table-full 3 30
    ovs-appctl dpctl/ct-set-maxconns 3000000
    same "opened" "$(in_ns client $tool open tcp 10.1.1.2 7 8)" 8
    ct_count_is 5 "state=ESTABLISHED"
}

# When the table is full, what nobody answered gives way to what is new.
scenario_early_drop() {
    stock_lacks "early drop"
    two_zones
    ovs-appctl dpctl/flush-conntrack
    ovs-appctl dpctl/ct-set-maxconns 5
    serve server sink.log $tool sink 9
    same "answered" "$(in_ns client $tool open udp 10.1.1.2 9 5 \
                       --sport 5000 --timeout 0.5)" 0
    ct_count_is 5 . zone=1
    matches "reply" "$(ask client tcp 10.1.1.2 7)" hello
    within "count" "$(ovs-appctl dpctl/ct-get-nconns)" 1 5
    counted early-drop 1 5
}

# set_zone_timeouts ZONE KEY=SECONDS...
set_zone_timeouts() {
    if test -z "$(ovs-vsctl get open_vswitch . datapaths | tr -d '{}')"; then
        ovs-vsctl -- --id=@dp create Datapath datapath_version=0 -- \
            set Open_vSwitch . datapaths:"$DATAPATH"=@dp
    fi
    ovs-vsctl --may-exist add-zone-tp "$DATAPATH" zone="$@"
}

# zone_timeout_is ZONE LOW HIGH: what a fresh udp connection has left.
zone_timeout_is() {
    local left

    left=$(dump_conntrack -s zone=$1 |
           sed -n 's/^udp,.*timeout=\([0-9]*\).*/\1/p' | head -n 1)
    test -n "$left" || return 1
    within "timeout" "$left" $2 $3
}

# A zone's timeout policy replaces the default timeouts in that zone.
scenario_timeout_policy() {
    two_hosts
    flows br0 <<END
$neighbours
priority=50,in_port=1,udp,tp_dst=9 actions=ct(commit,zone=5),2
priority=50,in_port=1,udp,tp_dst=10 actions=ct(commit,zone=6),2
END
    set_zone_timeouts 5 udp_first=2 udp_single=2 udp_multiple=2
    matches "policies" "$(ovs-vsctl list-zone-tp $DATAPATH)" \
        "Zone:5, Timeout Policies: .*udp_single=2"

    serve server sink.log $tool sink 9
    # The policy reaches the datapath with the next packets' translation.
    poll 5 policy_in_force 5 9
    poll 8 ct_count_is 0 . zone=5

    ask client udp 10.1.1.2 10 --mute
    zone_timeout_is 6 25 60

    ovs-vsctl del-zone-tp $DATAPATH zone=5
    same "policies" "$(ovs-vsctl list-zone-tp $DATAPATH)" ""
}

# policy_in_force ZONE PORT: a new connection has at most 2 seconds.
policy_in_force() {
    local left

    ovs-appctl dpctl/flush-conntrack zone=$1
    ask client udp 10.1.1.2 $2 --mute
    left=$(dump_conntrack -s zone=$1 |
           sed -n 's/^udp,.*timeout=\([0-9]*\).*/\1/p')
    test -n "$left" && test "$left" -le 2
}

# Two policies at once, one for TCP.
scenario_timeout_policy_tcp() {
    two_zones
    ovs-appctl dpctl/flush-conntrack
    set_zone_timeouts 2 tcp_syn_sent=90 tcp_established=4000 \
        tcp_time_wait=77 tcp_fin_wait=66 tcp_close=5
    start_talk client 10.1.1.2 7 5000
    say hello
    poll 10 tcp_policy_in_force
    end_talk
}

# Traffic of the connection itself refreshes what it has left.
tcp_policy_in_force() {
    say again
    dump_conntrack -s zone=2 |
        grep -E "^tcp,.*sport=5000.*timeout=(4000|39[0-9][0-9]).*ESTABLISHED"
}

# Fragments: counted, and refused when reassembly is off.
scenario_ipf() {
    local status

    two_hosts
    firewall
    same "before" "$(ovs-appctl dpctl/ipf-get-status |
                     grep -c 'enabled: 1')" 2
    pings client 10.1.1.2 -s 4000 -c 1
    status=$(ovs-appctl dpctl/ipf-get-status)
    # Three each way, and three again if the commit sees fragments again.
    matches "status" "$status" "v4 frags accepted: [69]$"
    matches "status" "$status" "v4 frags completed: [69]$"

    ovs-appctl dpctl/ipf-set-disabled v4
    matches "status" "$(ovs-appctl dpctl/ipf-get-status)" "v4 enabled: 0"
    refute pings client 10.1.1.2 -s 4000 -c 1 -W 1
    ovs-appctl dpctl/ipf-set-enabled v4
    pings client 10.1.1.2 -s 4000 -c 1

    ovs-appctl dpctl/ipf-set-max-nfrags 500
    ovs-appctl dpctl/ipf-set-min-frag v4 1400
    ovs-appctl dpctl/ipf-set-min-frag v6 1500
    status=$(ovs-appctl dpctl/ipf-get-status)
    matches "status" "$status" "max num frags \(v4/v6\): 500"
    matches "status" "$status" "min v4 frag size: 1400"
    matches "status" "$status" "min v6 frag size: 1500"
    refute ovs-appctl dpctl/ipf-set-min-frag v4 7
    refute ovs-appctl dpctl/ipf-set-enabled v5

    # A first fragment of 1000 bytes is now too small.
    ip -n client link set eth0 mtu 1000
    refute pings client 10.1.1.2 -s 2000 -c 1 -W 1
    matches "status" "$(ovs-appctl dpctl/ipf-get-status)" \
        "v4 frags too small: [1-9]"
}

# A meter drops what is above its rate, and counts it.
scenario_meter() {
    local stats

    two_hosts
    ovs-ofctl -O OpenFlow13 add-meter br0 \
        'meter=1,pktps,burst,stats,bands=type=drop,rate=2,burst_size=2'
    flows br0 <<END
priority=100,arp actions=normal
in_port=1,ip actions=meter:1,ct(commit,zone=1),2
in_port=2,ip actions=1
END
    matches "ping" "$(pings client 10.1.1.2 -c 40 -i 0.01 -W 1 || true)" \
        "40 packets transmitted, [1-8] received"
    stats=$(ovs-ofctl -O OpenFlow13 meter-stats br0)
    matches "meter" "$stats" "packet_in_count:40 "
    matches "meter" "$stats" "packet_count:3[2-9] "

    ovs-ofctl -O OpenFlow13 mod-meter br0 \
        'meter=1,pktps,burst,stats,bands=type=drop,rate=100000,burst_size=1000'
    matches "ping" "$(pings client 10.1.1.2 -c 20 -i 0.01)" "20 received"
    ovs-ofctl -O OpenFlow13 del-meter br0 meter=1
    lacks "meters" "$(ovs-ofctl -O OpenFlow13 dump-meters br0)" "meter=1"
    matches "features" "$(ovs-ofctl -O OpenFlow13 meter-features br0)" \
        "drop"
}

# ofproto/trace says what ct() does and goes on behind it.
scenario_trace() {
    local trace

    two_hosts
    firewall
    trace=$(ovs-appctl ofproto/trace br0 \
        'in_port=1,tcp,nw_src=10.1.1.1,nw_dst=10.1.1.2,tp_dst=80' \
        --ct-next trk,new)
    matches "trace" "$trace" "Datapath actions: ct\(zone=1\),recirc\(0x"
    matches "trace" "$trace" "resume conntrack with ct_state=new\|trk"
    matches "trace" "$trace" "Datapath actions: ct\(commit,zone=1\)"
    trace=$(ovs-appctl ofproto/trace br0 \
        'in_port=2,tcp,nw_src=10.1.1.2,nw_dst=10.1.1.1,tp_dst=80' \
        --ct-next trk,new)
    matches "trace" "$(tail -n 1 <<<"$trace")" "Datapath actions: drop"


    # A packet that is really sent on its way through the datapath.
    serve server sniff.log $tool sniff eth0
    ovs-ofctl -O OpenFlow15 packet-out br0 "in_port=1,\
packet=$(udp_frame server),actions=resubmit(,0)"
    poll 5 grep -q "10.1.1.1>10.1.1.2 udp 1>2" sniff.log
    ct_has "^udp,.*sport=1,dport=2"
}

# udp_frame NAME: a UDP packet 10.1.1.1:1 -> 10.1.1.2:2 for the host, in
# hexadecimal.
udp_frame() {
    local mac

    mac=$(ip -n "$1" -o link show eth0 | sed 's/.*ether \([^ ]*\).*/\1/')
    echo "${mac//:/}020000000001""0800"\
"4500001c0000000040" "1164cd0a0101010a010102" "0001000200080000" |
        tr -d ' '
}

# The megaflows of a connection, and flows by hand.
scenario_datapath_flows() {
    local port1 port2 flow ufid all

    two_hosts
    firewall
    serve_echo server
    ask client udp 10.1.1.2 7 --count 50
    # Statistics of a flow follow within a second or so.
    all=$(ovs-appctl dpctl/dump-flows)
    matches "flows" "$all" "ct_state\(-trk\).*actions:ct\(zone=1\),recirc\(0x"
    matches "flows" "$all" "ct_state\(.*\+est\+trk\).*actions:[0-9]"
    poll 5 flow_counted
    matches "flows" "$(ovs-appctl dpctl/dump-flows -m --names)" \
        "^ufid:[-0-9a-f]{36}, .*in_port\(v-client\)"
    matches "datapath" "$(ovs-appctl dpctl/show)" \
        "^$DATAPATH@ovs-$DATAPATH:"
    matches "datapath" "$(ovs-appctl dpctl/show)" "lookups: hit:[1-9]"
    same "datapaths" "$(ovs-appctl dpctl/dump-dps)" \
        "$DATAPATH@ovs-$DATAPATH"
    matches "dpif/show" "$(ovs-appctl dpif/show)" "v-client 1/"

    port1=$(datapath_port v-client) port2=$(datapath_port v-server)
    flow="in_port($port1),eth(src=02:00:00:00:00:0a,dst=02:00:00:00:00:0b),eth_type(0x88b5)"
    ovs-appctl dpctl/add-flow "$flow" $port2
    refute ovs-appctl dpctl/add-flow "$flow" $port2
    ufid=$(ovs-appctl dpctl/dump-flows -m |
           sed -n 's/^\(ufid:[-0-9a-f]*\),.*0x88b5.*/\1/p')
    matches "flow" "$(ovs-appctl dpctl/get-flow "$ufid")" \
        "eth_type\(0x88b5\), packets:0, .*actions:$port2"
    ovs-appctl dpctl/mod-flow "$flow" $port1,$port2
    matches "flow" "$(ovs-appctl dpctl/get-flow "$ufid")" \
        "actions:$port1,$port2"
    ovs-appctl dpctl/del-flow "$ufid"
    refute ovs-appctl dpctl/get-flow "$ufid"
    lacks "flows" "$(ovs-appctl dpctl/dump-flows)" 0x88b5

    ovs-appctl dpctl/del-flows
    ask client udp 10.1.1.2 7
}

flow_counted() {
    ovs-appctl dpctl/dump-flows |
        grep -E "ct_state\(.*\+est.*packets:(49|[5-9][0-9])"
}

# datapath_port NAME: its number in the datapath.
datapath_port() {
    ovs-appctl dpctl/show | sed -n "s/^ *port \([0-9]*\): $1\( .*\)*$/\1/p"
}

# What cannot be is refused, with words that help.
scenario_bad_input() {
    start
    add_bridge br0
    complains 70000 ovs-ofctl add-flow br0 'ip,actions=ct(zone=70000)'
    complains bar ovs-ofctl add-flow br0 'ip,actions=ct(bar)'
    complains force ovs-ofctl add-flow br0 'ip,actions=ct(force)'
    complains foo ovs-ofctl add-flow br0 'ip,actions=ct(alg=foo)'
    complains MATCH_INCONSISTENT ovs-ofctl add-flow br0 'actions=ct(commit)'
    complains 10.0.0.2-10.0.0.1 ovs-ofctl add-flow br0 \
        'ip,actions=ct(commit,nat(src=10.0.0.2-10.0.0.1))'
    complains commit ovs-ofctl add-flow br0 'ip,actions=ct(nat(src=10.0.0.1))'
    complains zone ovs-appctl dpctl/flush-conntrack zone=foo
    complains ct_nw_src ovs-appctl dpctl/flush-conntrack ct_nw_src=foo
    complains . ovs-appctl dpctl/ct-set-limits zone=1,limit=foo
    complains . ovs-appctl dpctl/ct-set-maxconns foo
    complains . ovs-appctl dpctl/add-flow 'in_port(1),nonsense(2)' 1
    complains . ovs-appctl dpctl/add-flow 'in_port(1),eth()' 'ct(zone=x)'
    same "rules" "$(ovs-ofctl --no-stats dump-flows br0)" ""
}

# complains REGEX CMD...: fails and says something that matches.
complains() {
    local regex=$1 output

    shift
    if output=$("$@" 2>&1); then
        fail "should have failed: $*"
    fi
    matches "what $1 says of ${*: -1}" "$output" "$regex"
}
