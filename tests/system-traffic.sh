# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: traffic through ct() without translation.

# Everything that makes neighbours known, for rules that else drop.
neighbours='priority=100,arp actions=normal
priority=100,icmp6,icmp_type=133 actions=normal
priority=100,icmp6,icmp_type=134 actions=normal
priority=100,icmp6,icmp_type=135 actions=normal
priority=100,icmp6,icmp_type=136 actions=normal'

# The firewall: who is behind port 1 may open connections, replies come back.
firewall() {
    flows "${1-br0}" <<END
$neighbours
priority=50,ct_state=-trk,ip actions=ct(table=1,zone=${2-1})
priority=50,ct_state=-trk,ipv6 actions=ct(table=1,zone=${2-1})
table=1,priority=20,ct_state=+trk+new,in_port=1,ip actions=ct(commit,zone=${2-1}),normal
table=1,priority=20,ct_state=+trk+new,in_port=1,ipv6 actions=ct(commit,zone=${2-1}),normal
table=1,priority=10,ct_state=+trk+est actions=normal
table=1,priority=10,ct_state=+trk+rel actions=normal
table=1,priority=0,cookie=0xdead actions=drop
END
}

# far_rules: of the bridge behind firewall()'s, which has that one on port 9
# and a host on port 1.
far_rules() {
    cat <<END
$neighbours
priority=50,ct_state=-trk,ip actions=ct(table=1,zone=20)
priority=50,ct_state=-trk,ipv6 actions=ct(table=1,zone=20)
table=1,ct_state=+trk+new,in_port=9,ip actions=ct(commit,zone=20),1
table=1,ct_state=+trk+new,in_port=9,ipv6 actions=ct(commit,zone=20),1
table=1,ct_state=+trk+est,in_port=9 actions=1
table=1,ct_state=+trk+est,in_port=1 actions=9
END
}

# A page and 20 MB in each direction arrive as they were sent.
scenario_tcp() {
    local server=$(url $1 10.1.1.2 fd01::2) sent got

    two_hosts
    firewall
    serve_http server
    same "page" "$(get client "$server")" "page of server"
    poll 5 ct_has "^tcp,.*dport=80.*zone=1.*protoinfo=\(state="

    head -c 20000000 /dev/urandom >"$NS_DIR/www/big"
    sent=$(sha256sum <"$NS_DIR/www/big")
    got=$(get client "${server}big" | sha256sum)
    same "checksum of 20 MB" "$got" "$sent"

    serve server upload.log $tool receive 81
    in_ns client $tool send "$(ip_of $1 10.1.1.2 fd01::2)" 81 \
        <"$NS_DIR/www/big"
    poll 5 grep -q "received 20000000 ${sent%% *}" "$NS_DIR/upload.log"
    rm "$NS_DIR/www/big"
}

scenario_udp() {
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local client=$(ip_of $1 10.1.1.1 fd01::1)

    two_hosts
    firewall
    serve_echo server
    same "reply" "$(ask client udp $server 7 --sport 4000)" \
        "peer=$client port=4000 hello"
    ct_has "^udp,orig=\(src=$client,dst=$server,sport=4000,dport=7\),reply=\(src=$server,dst=$client,sport=7,dport=4000\),zone=1"

    # A thousand packets one after another, each one answered.
    ask client udp $server 7 --sport 4001 --count 1000 --size 1000 \
        >"$NS_DIR/many"
    same "replies" "$(wc -l <"$NS_DIR/many")" 1000
}

scenario_ping() {
    local server=$(ip_of $1 10.1.1.2 fd01::2)

    two_hosts
    firewall
    matches "ping" "$(pings client $server -c 20 -i 0.02)" "20 received"
    ct_has "^icmp(v6)?,orig=\(src=$(ip_of $1 10.1.1.1 fd01::1),dst=$server,id=[0-9]+,type=(8|128),code=0\)"
}

# Replies pass, connections from outside do not, neither before nor after.
scenario_firewall() {
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local server=$(ip_of $1 10.1.1.2 fd01::2)

    two_hosts
    firewall
    serve_http client
    serve_http server
    serve_echo client
    serve_echo server

    refute get server "$(url $1 10.1.1.1 fd01::1)" --connect-timeout 1
    refute ask server udp $client 7 --timeout 1
    refute pings server $client -c 1 -W 1
    rule_has_packets br0 0xdead 3
    ct_count_is 0 . zone=1

    same "page" "$(get client "$(url $1 10.1.1.2 fd01::2)")" "page of server"
    matches "echo" "$(ask client udp $server 7)" hello

    refute get server "$(url $1 10.1.1.1 fd01::1)" --connect-timeout 1
    refute ask server udp $client 7 --timeout 1
}

# A connection that was admitted outlives the rule that admitted it.
scenario_established() {
    local server=$(ip_of $1 10.1.1.2 fd01::2)

    two_hosts
    firewall
    serve_echo server
    start_talk client $server 7 5000
    say first
    ct_has "^tcp,.*sport=5000.*state=ESTABLISHED"

    ovs-ofctl --strict del-flows br0 "table=1,priority=20,ct_state=+trk+new,in_port=1,ip"
    ovs-ofctl --strict del-flows br0 "table=1,priority=20,ct_state=+trk+new,in_port=1,ipv6"
    say second
    refute ask client tcp $server 7 --timeout 1

    end_talk
    poll 5 ct_has "^tcp,.*sport=5000.*state=(TIME_WAIT|FIN_WAIT_2|CLOSING)"
}

# 3000 bytes need three fragments; ct() sees the whole packet.
scenario_fragments() {
    local server=$(ip_of $1 10.1.1.2 fd01::2)

    two_hosts
    firewall
    serve server sniff.log $tool sniff eth0
    matches "ping" "$(pings client $server -s 3000)" "3 received"
    ct_has "^icmp"
    poll 5 grep -q "frag=2960\|frag=2896" sniff.log
    serve_echo server
    matches "echo" "$(ask client udp $server 7 --size 5000)" \
        "port=[0-9]+ hello[.]*"
    # Of 41 fragments only 32 leave in the batch that completes the datagram.
    matches "long ping" "$(pings client $server -s 60000)" "3 received"
    lacks "packets" "$(cat sniff.log)" BAD
}

# Mark and label are set on commit, matched on later packets, and dumped.
scenario_mark_label() {
    two_hosts
    flows br0 <<END
$neighbours
priority=50,ct_state=-trk,ip actions=ct(table=1,zone=1)
table=1,ct_state=+trk+new,in_port=1,udp,tp_dst=7 actions=ct(commit,zone=1,exec(set_field:0x2a->ct_mark,set_field:0x123456789abcdef000000000000000aa->ct_label)),2
table=1,ct_state=+trk+new,in_port=1,udp,tp_dst=8 actions=ct(commit,zone=1,exec(set_field:0x2b->ct_mark)),2
table=1,cookie=0x2a,ct_state=+trk+est,ct_mark=0x2a,ct_label=0xaa/0xff actions=1,2
table=1,cookie=0x2b,ct_state=+trk+est,ct_mark=0x2b actions=drop
END
    serve_echo server 7
    serve server echo8.log $tool echo 8
    ask client udp 10.1.1.2 7 --sport 4000
    refute ask client udp 10.1.1.2 8 --sport 4001 --timeout 0.5
    ct_has "^udp,.*sport=4000.*mark=42,labels=0x123456789abcdef000000000000000aa"
    ct_has "^udp,.*sport=4001.*mark=43"
    poll 3 rule_has_packets br0 0x2a 1
    poll 3 rule_has_packets br0 0x2b 1

    # A later commit changes both, with a mask what the mask says.
    new_flows br0 <<END
$neighbours
priority=50,ct_state=-trk,ip actions=ct(table=1,zone=1)
table=1,ct_state=+trk,in_port=1,ip actions=ct(commit,zone=1,exec(set_field:0x100/0xf00->ct_mark,set_field:0xbb/0xff->ct_label)),2
table=1,ct_state=+trk,in_port=2 actions=1
END
    ask client udp 10.1.1.2 7 --sport 4000
    ct_has "^udp,.*sport=4000.*mark=298,labels=0x123456789abcdef000000000000000bb"
}

# Two tenants use the same addresses and ports; zones keep them apart.
scenario_overlap() {
    local tenant

    start
    add_bridge br0
    add_host client1 br0 1 10.1.1.1/24
    add_host server1 br0 2 10.1.1.2/24
    add_host client2 br0 3 10.1.1.1/24
    add_host server2 br0 4 10.1.1.2/24
    flows br0 <<'END'
in_port=1,arp actions=2
in_port=2,arp actions=1
in_port=3,arp actions=4
in_port=4,arp actions=3
in_port=1,ip actions=ct(commit,zone=1),2
in_port=3,ip actions=ct(commit,zone=2),4
in_port=2,ct_state=-trk,ip actions=ct(zone=1,table=1)
in_port=4,ct_state=-trk,ip actions=ct(zone=2,table=1)
table=1,in_port=2,ct_state=+trk+est actions=1
table=1,in_port=4,ct_state=+trk+est actions=3
END
    for tenant in 1 2; do
        mkdir -p www$tenant
        echo "tenant $tenant" >www$tenant/index.html
        serve server$tenant http$tenant.log python3 -u -m http.server 80 \
            --bind 10.1.1.2 --directory www$tenant
        serve_echo server$tenant
    done
    for tenant in 1 2; do
        same "page" "$(get client$tenant http://10.1.1.2/ \
                       --local-port 6000)" "tenant $tenant"
        ask client$tenant udp 10.1.1.2 7 --sport 6001
    done
    same "in zone 1" "$(ct_count "sport=600[01]," zone=1)" 2
    same "in zone 2" "$(ct_count "sport=600[01]," zone=2)" 2
    same "in both" "$(ct_count "sport=600[01],.*zone=[12]")" 4

    # What ends in one zone goes on in the other.
    ovs-appctl dpctl/flush-conntrack zone=1
    ct_count_is 0 . zone=1
    same "in zone 2" "$(ct_count "sport=600[01]," zone=2)" 2
}

# A tagged connection is tracked as any other and leaves tagged.  The hosts are
# on access ports of br1 and br2; br0, which tracks, sees tagged packets only.
# `watcher' gets a copy of what br0 admits.
scenario_vlan() {
    start
    add_bridge br0
    add_bridge br1 fail-mode=standalone
    add_bridge br2 fail-mode=standalone
    add_host client br1 1 10.1.1.1/24 fd01::1/64
    add_host server br2 1 10.1.1.2/24 fd01::2/64
    add_host watcher br0 9
    join br0 1 br1 2
    join br0 2 br2 2
    ovs-vsctl set port v-client tag=100 -- set port v-server tag=100
    flows br0 <<END
priority=100,dl_vlan=100,arp actions=normal
$(sed 's/icmp6/dl_vlan=100,icmp6/' <<<"$neighbours" | grep icmp6)
priority=50,dl_vlan=100,ct_state=-trk,ip actions=ct(table=1,zone=100)
priority=50,dl_vlan=100,ct_state=-trk,ipv6 actions=ct(table=1,zone=100)
priority=0,cookie=0xdead actions=drop
table=1,dl_vlan=100,ct_state=+trk+new,in_port=1,ip actions=ct(commit,zone=100),2,9
table=1,dl_vlan=100,ct_state=+trk+new,in_port=1,ipv6 actions=ct(commit,zone=100),2,9
table=1,dl_vlan=100,ct_state=+trk+est,in_port=1 actions=2,9
table=1,dl_vlan=100,ct_state=+trk+est,in_port=2 actions=1,9
END
    serve_http server
    serve watcher sniff.log $tool sniff eth0
    same "page" "$(get client "$(url $1 10.1.1.2 fd01::2)")" "page of server"
    poll 5 ct_has "^tcp,.*dport=80.*zone=100"
    poll 5 grep -Eq "^vlan=100 ip6? .*>80 .*sum=good" sniff.log
    poll 5 grep -Eq "^vlan=100 ip6? .* 80>.*sum=good" sniff.log
    lacks "packets" "$(cat sniff.log)" BAD
    refute get server "$(url $1 10.1.1.1 fd01::1)" --connect-timeout 0.5
}

# The same tag pushed and popped by the switch around ct().
scenario_vlan_push() {
    start
    add_bridge br0
    add_bridge br1 fail-mode=standalone
    add_host client br0 1 10.1.1.1/24
    add_host server br1 1 10.1.1.2/24
    add_host watcher br0 9
    join br0 2 br1 2
    ovs-vsctl set port v-server tag=7
    flows br0 <<'END'
in_port=1,arp actions=push_vlan:0x8100,set_field:4103->vlan_vid,2
in_port=2,arp,dl_vlan=7 actions=pop_vlan,1
in_port=1,ip actions=ct(commit,zone=7),push_vlan:0x8100,set_field:4103->vlan_vid,2,9
in_port=2,ip,dl_vlan=7,ct_state=-trk actions=pop_vlan,ct(zone=7,table=1)
table=1,ct_state=+trk+est+rpl actions=1,9
END
    serve_http server
    serve watcher sniff.log $tool sniff eth0
    same "page" "$(get client http://10.1.1.2/)" "page of server"
    poll 5 ct_has "^tcp,.*dport=80.*zone=7"
    poll 5 grep -q "^vlan=7 ip .*>80 .*sum=good" sniff.log
    poll 5 grep -q "^ip .* 80>.*sum=good" sniff.log
    lacks "packets" "$(cat sniff.log)" BAD
}

# ct() on both sides of a pair of patch ports, and an internal port.
scenario_patch_internal() {
    start
    add_bridge br0
    add_bridge br1
    add_host client br0 1 10.1.1.1/24 fd01::1/64
    add_internal server br1 1 10.1.1.2/24 fd01::2/64
    join br0 9 br1 9
    firewall br0 10
    far_rules | flows br1
    serve_http server
    same "page" "$(get client http://10.1.1.2/)" "page of server"
    same "page" "$(get client "http://[fd01::2]/")" "page of server"
    poll 5 ct_count_is 2 "^tcp,.*dport=80" zone=10
    poll 5 ct_count_is 2 "^tcp,.*dport=80" zone=20
    refute ask server udp 10.1.1.1 7 --timeout 0.5
}

# A segment outside the window is invalid, unless the check is off.
scenario_tcp_window() {
    two_hosts
    firewall
    flows br0 <<'END'
table=1,priority=90,cookie=0xbad,tcp,ct_state=+trk+inv actions=drop
END
    serve_echo server
    start_talk client 10.1.1.2 7 5000
    say first

    matches "check" "$(ovs-appctl dpctl/ct-get-tcp-seq-chk)" enabled
    in_ns client $tool segment 10.1.1.1 10.1.1.2 5000 7 --text stray
    poll 5 rule_has_packets br0 0xbad 1
    counted invalid-tcp-window 1 1
    say second

    ovs-appctl dpctl/ct-disable-tcp-seq-chk
    matches "check" "$(ovs-appctl dpctl/ct-get-tcp-seq-chk)" disabled
    same "invalid" "$(rule_packets br0 0xbad)" 1
    serve server sniff.log $tool sniff eth0
    in_ns client $tool segment 10.1.1.1 10.1.1.2 5000 7 --text stray
    poll 5 grep -q "tcp 5000>7" sniff.log
    same "invalid" "$(rule_packets br0 0xbad)" 1

    ovs-appctl dpctl/ct-enable-tcp-seq-chk
    matches "check" "$(ovs-appctl dpctl/ct-get-tcp-seq-chk)" enabled
    end_talk
}

# A wrong TCP checksum makes a packet invalid; it opens no connection.
scenario_bad_checksum() {
    two_hosts
    firewall
    flows br0 <<'END'
table=1,priority=90,cookie=0xbad,tcp,ct_state=+trk+inv actions=drop
END
    serve_echo server
    serve server sniff.log $tool sniff eth0
    in_ns client $tool segment 10.1.1.1 10.1.1.2 5000 7 --flags S --badcsum
    poll 5 rule_has_packets br0 0xbad 1
    ct_count_is 0 "^tcp"
    counted invalid-checksum 1 1
    in_ns client $tool segment 10.1.1.1 10.1.1.2 5001 7 --flags S
    poll 5 grep -q "tcp 5001>7 flags=S sum=good" sniff.log
    ct_has "^tcp,.*sport=5001"
    lacks "packets" "$(cat sniff.log)" BAD
}
