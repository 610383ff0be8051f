# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: programs that people use, over long connections.

# big_file SIZE: www/big, of random bytes; its checksum in $big_sum.
big_file() {
    mkdir -p www
    head -c "$1" /dev/urandom >www/big
    big_sum=$(sha256sum <www/big)
}

# reads_little_ahead NAMESPACE: what its programs have not yet asked for, TCP
# takes no more of than a megabyte: a slow download is slow on the wire too.
reads_little_ahead() {
    in_ns "$1" sh -c 'echo 4096 131072 1000000 >/proc/sys/net/ipv4/tcp_rmem'
}

# downloads NAMESPACE URL [CURL-OPTION...]: big_file() arrives as it is.
downloads() {
    same "checksum of $2" "$(get "$@" | sha256sum)" "$big_sum"
}

# four_zones: every packet goes through zones 1 to 4, where clients of port 1
# may open connections.
four_zones() {
    local zone family next

    {
        echo "priority=100,arp actions=normal"
        echo "priority=100,icmp6,icmp_type=135 actions=normal"
        echo "priority=100,icmp6,icmp_type=136 actions=normal"
        echo "priority=50,ip actions=ct(zone=1,table=1)"
        echo "priority=50,ipv6 actions=ct(zone=1,table=1)"
        for zone in 1 2 3 4; do
            next="ct(zone=$((zone + 1)),table=$((zone + 1)))"
            test $zone != 4 || next=resubmit\(,5\)
            for family in ip ipv6; do
                echo "table=$zone,$family,ct_state=+trk+est-inv actions=$next"
                echo "table=$zone,$family,ct_state=+trk+rel-inv actions=$next"
                echo "table=$zone,$family,in_port=1,ct_state=+trk+new" \
                     "actions=ct(commit,zone=$zone),$next"
            done
        done
        echo "table=5,in_port=1 actions=2"
        echo "table=5,in_port=2 actions=1"
    } | flows br0
}

# Zone's counters and state of the connection to port 80.
zone_entry() {
    dump_conntrack -s "zone=$1" |
        sed -n '/dport=80[,)]/{s/,zone=[0-9]*//; s/,timeout=[0-9]*//
                s/,start=[^,]*//; s/,id=[0-9]*//; p; q}'
}

# A long connection has the same history in each zone, and the cache updates
# it once for all of them.  A zone that is flushed does not end it.
scenario_zones() {
    local host=$(url $1 10.1.1.2 fd01::2)
    local zone

    stock_lacks "counters of connections"
    two_hosts
    four_zones
    serve_http server
    big_file 20000000
    matches "ping" "$(pings client $(ip_of $1 10.1.1.2 fd01::2))" "3 received"
    downloads client "${host}big"
    poll 5 ct_has "dport=80\\).*state=(TIME_WAIT|CLOSE)" zone=4
    matches "connection" "$(zone_entry 1)" "packets=[0-9]{3}"
    for zone in 2 3 4; do
        same "connection in zone $zone" "$(zone_entry $zone)" "$(zone_entry 1)"
    done
    test "$(ovs-appctl trackway/cache-show |
            awk '$1 == "joint:" { n += $2 } END { print n + 0 }')" -gt 100 ||
        fail "no connection was updated for several zones"
    rm www/big
}

# What flushes a zone in the middle leaves the others as they are.
scenario_zones_flush() {
    local word zone

    stock_lacks "counters of connections"
    two_hosts
    four_zones
    serve_echo server
    start_talk client $(ip_of $1 10.1.1.2 fd01::2) 7 6000
    for word in one two three four five six seven eight nine; do
        say $word
    done
    ovs-appctl dpctl/flush-conntrack zone=2
    say ten
    say eleven
    for zone in 1 3 4; do
        matches "connection in zone $zone" \
            "$(dump_conntrack -s zone=$zone | grep dport=7,)" \
            "packets=(1[3-9]|2[0-9])"
    done
    end_talk
}

# A hundred megabytes over TLS, to a translated address and back.
scenario_tls() {
    private_and_public
    snat_flows 10.9.9.240:34000-34010 [fd09::240]:34000-34010
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=server -days 2 \
        -keyout key.pem -out cert.pem >openssl.log 2>&1
    big_file 100000000
    serve server tls.log sh -c "cd www && echo ready &&
        exec openssl s_server -accept 443 -WWW -cert ../cert.pem \
            -key ../key.pem $(test $1 = v6 && echo -6)"
    poll 10 get client "$(url $1 10.9.9.2 fd09::2 | sed s/http/https/)cert" \
        -k -o tls.out
    downloads client "$(url $1 10.9.9.2 fd09::2 | sed s/http/https/)big" -k
    rm www/big
}

# A hundred megabytes from a server behind a virtual address.
scenario_dnat_bulk() {
    two_hosts
    neighbour_of_vip
    serve_http server
    big_file 100000000
    dnat_flows
    downloads client "$(url $1 10.1.1.100:8080 fd01::100 |
                        sed 's,]/,]:8080/,')big"
    rm www/big
}

# traceroute, by UDP, ICMP and TCP: the router on the way answers with errors
# about packets that it got translated.
scenario_traceroute() {
    local router=$(ip_of $1 10.9.9.2 fd09::2)
    local beyond=$(ip_of $1 10.50.0.1 fd50::1)
    local mode

    private_and_public
    snat_flows 10.9.9.240:34000-34050 [fd09::240]:34000-34050
    in_ns server sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
                        echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
                        echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
                        echo 0 > /proc/sys/net/ipv6/icmp/ratelimit'
    for mode in --udp --icmp --tcp; do
        # A router that did not answer yet is asked again.
        poll 20 answers_traceroute client $mode $beyond "$router"
    done
}

# answers_traceroute NAMESPACE MODE DESTINATION ROUTER
answers_traceroute() {
    in_ns "$1" traceroute -n "$2" -q 2 -m 1 -w 3 "$3" | tee traceroute.out
    grep -Eq "^ 1  $4 " traceroute.out
}
