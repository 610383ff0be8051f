# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: address and port translation.

# private_and_public: `client' and `client2' in 10.1.1/24, behind the gateway
# 10.1.1.254; `server' outside, which knows only 10.9.9/24.  br0 routes nothing:
# addresses of the other side resolve to the MAC addresses given here.
private_and_public() {
    start
    add_bridge br0
    add_host client br0 1 10.1.1.1/24 fd01::1/64
    add_host server br0 2 10.9.9.2/32 fd09::2/128
    add_host client2 br0 3 10.1.1.3/24 fd01::3/64
    set_mac client 02:00:00:00:00:01
    set_mac server 02:00:00:00:00:02
    set_mac client2 02:00:00:00:00:03
    set_gateway client 02:00:00:00:00:02
    set_gateway client2 02:00:00:00:00:02
    # What the server answers to is a client's translated address; all of them
    # lie on its link and share one MAC address, whichever client it is.
    set_gateway server 02:00:00:00:00:fe
}

# set_mac NAME MAC
set_mac() {
    ip -n "$1" link set eth0 address "$2"
}

# set_gateway NAME MAC: everything unknown goes to MAC.
set_gateway() {
    ip -n "$1" neigh replace 169.254.1.1 lladdr "$2" dev eth0 nud permanent
    ip -n "$1" neigh replace fe80::1:1 lladdr "$2" dev eth0 nud permanent
    ip -n "$1" route replace default via 169.254.1.1 dev eth0 onlink
    ip -n "$1" -6 route replace default via fe80::1:1 dev eth0
}

# snat_flows V4 V6: sources from ports 1 and 3 become V4 and V6 (nat()
# arguments); replies go to the client that the connection's mark names.
snat_flows() {
    new_flows br0 <<END
priority=100,arp actions=normal
priority=50,in_port=1,ip actions=ct(commit,zone=1,nat(src=$1),exec(set_field:1->ct_mark)),mod_dl_dst:02:00:00:00:00:02,2
priority=50,in_port=3,ip actions=ct(commit,zone=1,nat(src=$1),exec(set_field:3->ct_mark)),mod_dl_dst:02:00:00:00:00:02,2
priority=50,in_port=1,ipv6 actions=ct(commit,zone=1,nat(src=$2),exec(set_field:1->ct_mark)),mod_dl_dst:02:00:00:00:00:02,2
priority=50,in_port=3,ipv6 actions=ct(commit,zone=1,nat(src=$2),exec(set_field:3->ct_mark)),mod_dl_dst:02:00:00:00:00:02,2
priority=50,in_port=2,ip actions=ct(zone=1,nat,table=1)
priority=50,in_port=2,ipv6 actions=ct(zone=1,nat,table=1)
table=1,ct_state=+trk-new-inv,ct_mark=1 actions=mod_dl_dst:02:00:00:00:00:01,1
table=1,ct_state=+trk-new-inv,ct_mark=3 actions=mod_dl_dst:02:00:00:00:00:03,3
table=1,priority=0,cookie=0xdead actions=drop
END
}

# seen_port TEXT: which port an echo server saw.
seen_port() {
    sed -n 's/^peer=.* port=\([0-9]*\) .*/\1/p' <<<"$1"
}

# The server sees the translated address and a port of the range.
scenario_snat() {
    local server=$(ip_of $1 10.9.9.2 fd09::2)
    local public=$(ip_of $1 10.9.9.240 fd09::240)
    local proto reply

    private_and_public
    snat_flows 10.9.9.240:34000-34010 [fd09::240]:34000-34010
    serve_http server
    serve_echo server
    serve server sniff.log $tool sniff eth0

    same "page" "$(get client "$(url $1 10.9.9.2 fd09::2)")" "page of server"
    grep -q "^\(::ffff:\)\?$public - - .*GET" http-server.log
    for proto in udp tcp; do
        reply=$(ask client $proto $server 7 --sport 5000)
        matches "reply" "$reply" "^peer=$public port=340(0[0-9]|10) hello"
        poll 5 ct_has "^$proto,orig=\(src=$(ip_of $1 10.1.1.1 fd01::1),dst=$server,sport=5000,dport=7\),reply=\(src=$server,dst=$public,sport=7,dport=$(seen_port "$reply")\),zone=1,.*mark=1"
    done
    matches "ping" "$(pings client $server)" "3 received"
    poll 5 grep -q "$public>$server icmp" sniff.log

    # From outside nobody gets in: not to the public address, not to the
    # private one.
    refute ask server udp $public 7 --timeout 0.5
    refute ask server udp $(ip_of $1 10.1.1.1 fd01::1) 7 --timeout 0.5
    lacks "packets" "$(cat sniff.log)" "BAD|10.1.1.1>|fd01::1>"
}

# Two clients that use the same source port share one public address.
scenario_snat_same_port() {
    local one two

    private_and_public
    snat_flows 10.9.9.240 fd09::240
    serve_echo server
    one=$(ask client udp 10.9.9.2 7 --sport 5000)
    two=$(ask client2 udp 10.9.9.2 7 --sport 5000)
    matches "first" "$one" "^peer=10.9.9.240 port=5000 "
    matches "second" "$two" "^peer=10.9.9.240 port="
    lacks "second" "$two" "port=5000 "
    # Each keeps what it got.
    same "again" "$(ask client udp 10.9.9.2 7 --sport 5000)" "$one"
    same "again" "$(ask client2 udp 10.9.9.2 7 --sport 5000)" "$two"

}

# Pings with the same id are kept apart as well: the id is translated.
scenario_snat_same_id() {
    local name

    stock_lacks "translation of ICMP ids"
    private_and_public
    snat_flows 10.9.9.240 fd09::240
    serve server sniff.log $tool sniff eth0
    for name in client client2; do
        matches "ping of $name" \
            "$(pings $name $(ip_of $1 10.9.9.2 fd09::2) -e 77)" "3 received"
    done
    same "ids" "$(grep -Eo 'type=(8|128) .* id=[0-9]*' sniff.log |
                  grep -o 'id=.*' | sort -u | wc -l)" 2
    lacks "packets" "$(cat sniff.log)" BAD
}

# When every port of the range is in use a new connection is dropped, never
# sent untranslated; when one is free again it serves.
scenario_snat_exhausted() {
    private_and_public
    snat_flows 10.9.9.240:34000-34003 [fd09::240]:34000-34003
    serve_echo server
    same "opened" "$(in_ns client $tool open udp 10.9.9.2 7 4 \
                     --sport 5000)" 4
    stock_lacks "drop on exhaustion"
    serve server sniff.log $tool sniff eth0
    refute ask client udp 10.9.9.2 7 --sport 5010 --timeout 1
    lacks "packets" "$(cat sniff.log)" "10.1.1.1|5010"
    same "connections" "$(ct_count "^udp")" 4
    counted drop-nat-exhausted 1 5

    ovs-appctl dpctl/flush-conntrack zone=1 \
        'ct_nw_src=10.1.1.1,ct_nw_dst=10.9.9.2,ct_nw_proto=17,ct_tp_src=5002,ct_tp_dst=7'
    matches "reply" "$(ask client udp 10.9.9.2 7 --sport 5010)" \
        "^peer=10.9.9.240 port=3400[0-3]"
}

# dnat_flows: the virtual address of neighbour_of_vip, port 8080, is the
# server's, port 80.
dnat_flows() {
    flows br0 <<END
$neighbours
in_port=1,tcp,nw_dst=10.1.1.100,tp_dst=8080 actions=ct(commit,zone=1,nat(dst=10.1.1.2:80)),2
in_port=1,tcp6,ipv6_dst=fd01::100,tp_dst=8080 actions=ct(commit,zone=1,nat(dst=[fd01::2]:80)),2
in_port=2,ct_state=-trk,tcp actions=ct(zone=1,nat,table=1)
in_port=2,ct_state=-trk,tcp6 actions=ct(zone=1,nat,table=1)
table=1,ct_state=+trk+est+rpl actions=1
END
}

# A virtual address in front of a server.
scenario_dnat() {
    local vip=$(ip_of $1 10.1.1.100 fd01::100)
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local port

    two_hosts
    neighbour_of_vip
    serve_http server
    dnat_flows
    for port in 7001 7002; do
        same "page" "$(get client "$(url $1 10.1.1.100:8080 \
                       fd01::100 | sed 's,]/,]:8080/,')" \
                       --local-port $port)" "page of server"
        poll 5 ct_has "^tcp,orig=\(src=$client,dst=$vip,sport=$port,dport=8080\),reply=\(src=$server,dst=$client,sport=80,dport=$port\),zone=1"
    done
    same "requests" "$(grep -c "$client - - .*GET" http-server.log)" 2
}

# A virtual address has the MAC address of the server.
neighbour_of_vip() {
    set_mac server 02:00:00:00:00:02
    ip -n client neigh replace 10.1.1.100 lladdr 02:00:00:00:00:02 dev eth0
    ip -n client neigh replace fd01::100 lladdr 02:00:00:00:00:02 dev eth0
}

# A group chooses a backend for each connection; its packets stay there.
scenario_load_balance() {
    local seen i

    start
    add_bridge br0
    add_host client br0 1 10.1.1.1/24
    add_host backend1 br0 2 10.1.1.11/24
    add_host backend2 br0 3 10.1.1.12/24
    for i in 1 2; do
        mkdir www$i
        echo "backend $i" >www$i/index.html
        head -c 300000 /dev/zero >www$i/big
        serve backend$i http$i.log python3 -u -m http.server 80 \
            --directory www$i
    done
    ip -n client neigh replace 10.1.1.100 lladdr 02:00:00:00:00:64 dev eth0
    set_mac backend1 02:00:00:00:00:0b
    set_mac backend2 02:00:00:00:00:0c
    ovs-ofctl -O OpenFlow15 add-group br0 'group_id=1,type=select,selection_method=dp_hash,bucket=bucket_id=1,weight=1,ct(commit,zone=1,nat(dst=10.1.1.11),table=2),bucket=bucket_id=2,weight=1,ct(commit,zone=1,nat(dst=10.1.1.12),table=2)'
    flows br0 <<'END'
priority=100,arp actions=normal
priority=50,in_port=1,ip,nw_dst=10.1.1.100,ct_state=-trk actions=ct(zone=1,nat,table=1)
priority=50,ip,ct_state=-trk,nw_dst=10.1.1.1 actions=ct(zone=1,nat,table=3)
table=1,priority=50,ct_state=+trk+new,ip actions=group:1
table=1,priority=40,ct_state=+trk+est,ip actions=resubmit(,2)
table=2,ip,nw_dst=10.1.1.11 actions=mod_dl_dst:02:00:00:00:00:0b,2
table=2,ip,nw_dst=10.1.1.12 actions=mod_dl_dst:02:00:00:00:00:0c,3
table=3,ct_state=+trk+est+rpl actions=1
END
    for ((i = 0; i < 24; i++)); do
        get client http://10.1.1.100/ --local-port $((7000 + i))
    done >answers
    same "answers" "$(wc -l <answers)" 24
    within "answers of backend 1" "$(grep -c "backend 1" answers)" 1 23
    same "connections to backend 1" \
        "$(ct_count "dst=10.1.1.100,.*reply=\(src=10.1.1.11,")" \
        "$(grep -c "backend 1" answers)"
    # Many packets of one connection.
    same "bytes" "$(get client http://10.1.1.100/big | wc -c)" 300000
}

# A client that asks the virtual address and is the backend itself.
scenario_hairpin() {
    local client=$(ip_of $1 10.1.1.1 fd01::1)

    two_hosts
    set_mac client 02:00:00:00:00:01
    ip -n client neigh replace 10.1.1.100 lladdr 02:00:00:00:00:64 dev eth0
    ip -n client neigh replace 10.1.1.200 lladdr 02:00:00:00:00:64 dev eth0
    ip -n client neigh replace fd01::100 lladdr 02:00:00:00:00:64 dev eth0
    ip -n client neigh replace fd01::200 lladdr 02:00:00:00:00:64 dev eth0
    flows br0 <<END
$neighbours
priority=60,in_port=1,ip,nw_dst=10.1.1.100 actions=ct(commit,zone=1,nat(dst=10.1.1.1),table=1)
priority=60,in_port=1,ipv6,ipv6_dst=fd01::100 actions=ct(commit,zone=1,nat(dst=fd01::1),table=1)
priority=60,in_port=1,ip,nw_dst=10.1.1.200 actions=ct(zone=2,nat,table=2)
priority=60,in_port=1,ipv6,ipv6_dst=fd01::200 actions=ct(zone=2,nat,table=2)
table=1,ip actions=ct(commit,zone=2,nat(src=10.1.1.200),table=4)
table=1,ipv6 actions=ct(commit,zone=2,nat(src=fd01::200),table=4)
table=2,ct_state=+trk+est,ip actions=ct(zone=1,nat,table=4)
table=2,ct_state=+trk+est,ipv6 actions=ct(zone=1,nat,table=4)
table=4 actions=move:eth_src->eth_dst,set_field:02:00:00:00:00:64->eth_src,in_port
END
    serve_http client
    same "page" "$(get client "$(url $1 10.1.1.100 fd01::100)")" \
        "page of client"
    grep -q "^\(::ffff:\)\?$(ip_of $1 10.1.1.200 fd01::200) - - .*GET" \
        http-client.log
    poll 5 ct_has "^tcp,orig=\(src=$client,dst=$(ip_of $1 10.1.1.100 fd01::100),.*zone=1"
    poll 5 ct_has "^tcp,orig=\(src=$client,dst=$client,.*reply=\(src=$client,dst=$(ip_of $1 10.1.1.200 fd01::200),.*zone=2"
}

# A port that nobody listens on: the server's ICMP error is RELATED, and both
# its own and its inner header are translated back on the way to the client,
# with good checksums, so that the client's socket takes it as its own.
scenario_icmp_error() {
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local server=$(ip_of $1 10.9.9.2 fd09::2)

    private_and_public
    snat_flows 10.9.9.240:34000-34010 [fd09::240]:34000-34010
    serve client sniff.log $tool sniff eth0
    matches "answer" "$(ask client udp $server 4444 --sport 5000 || true)" \
        "[Rr]efused"
    poll 5 grep -Eq "$server>$client icmp6? type=(3 code=3|1 code=4) sum=good inner\[ip6? .*$client>$server udp 5000>4444 sum=(good|none)\]" \
        sniff.log
    if test $1 = v4; then
        poll 5 grep -Eq "inner\[ip ttl=[0-9]+ ipsum=good" sniff.log
    fi
    lacks "packets" "$(cat sniff.log)" BAD
}

# A router on the way says that the packet lived too long (traceroute).
scenario_time_exceeded() {
    local client=$(ip_of $1 10.1.1.1 fd01::1)

    private_and_public
    snat_flows 10.9.9.240:34000-34010 [fd09::240]:34000-34010
    in_ns server sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
                        echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
    serve client sniff.log $tool sniff eth0
    matches "ping" "$(pings client $(ip_of $1 10.50.0.1 fd50::1) -t 1 \
                      -c 1 || true)" "[Tt]ime (to live )?exceeded"
    poll 5 grep -Eq ">$client icmp6? type=(11|3) code=0 sum=good inner\[ip6? .*$client>$(ip_of $1 10.50.0.1 fd50::1) icmp6? type=(8|128) .*id=" sniff.log
    lacks "packets" "$(cat sniff.log)" BAD
}

# A large transfer and fragments through a translation.
scenario_nat_bulk() {
    private_and_public
    snat_flows 10.9.9.240:34000-34010 [fd09::240]:34000-34010
    serve_http server
    head -c 5000000 /dev/urandom >www/big
    same "checksum" \
        "$(get client "$(url $1 10.9.9.2 fd09::2)big" | sha256sum)" \
        "$(sha256sum <www/big)"
    rm www/big
    matches "ping" "$(pings client $(ip_of $1 10.9.9.2 fd09::2) -s 3000)" \
        "3 received"
    serve_echo server
    matches "echo" "$(ask client udp $(ip_of $1 10.9.9.2 fd09::2) 7 \
                      --size 4000)" "^peer=.*240 port=340"
}
