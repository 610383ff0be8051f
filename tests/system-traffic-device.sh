# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: the traffic device, in bridges of a given datapath type.

# traffic_bridge TYPE: br0.
traffic_bridge() {
    start
    DATAPATH=$1
    add_bridge br0
}

# traffic_pair [OPTION=VALUE]...: `c' on port 1 and its server `s' on port 2.
traffic_pair() {
    local option options=()

    for option; do
        options+=("options:$option")
    done
    ovs-vsctl add-port br0 c -- set interface c type=traffic \
            ofport_request=1 options:checks=true "${options[@]}" -- \
        add-port br0 s -- set interface s type=traffic \
            ofport_request=2 options:checks=true \
            options:role=server options:peer=c
}

end_traffic_pair() {
    ovs-vsctl del-port c -- del-port s
    ovs-appctl dpctl/flush-conntrack
}

# shown DEVICE KEY: what netdev-traffic/show says.
shown() {
    ovs-appctl netdev-traffic/show "$1" | sed -n "s/^ *$2: //p"
}

phase_is() {
    test "$(shown "$1" phase)" = "$2"
}

shown_above() {
    test "$(shown "$1" "$2")" -gt "$3"
}

rx_statistics_are() {
    test "$(ovs-vsctl get interface "$1" statistics:rx_packets)" = "$2"
}

# stateful_flows [NAT]: port 1 opens connections to port 2, with nat(NAT).
stateful_flows() {
    new_flows br0 <<END
ip,in_port=1 actions=ct(table=1,zone=1${1:+,nat})
ip,in_port=2 actions=ct(table=1,zone=1${1:+,nat})
ipv6,in_port=1 actions=ct(table=1,zone=1${1:+,nat})
ipv6,in_port=2 actions=ct(table=1,zone=1${1:+,nat})
table=1,ct_state=+trk+new,ip,in_port=1 actions=ct(commit,zone=1${1:+,nat($1)}),2
table=1,ct_state=+trk+new,ipv6,in_port=1 actions=ct(commit,zone=1),2
table=1,ct_state=+trk+est-inv,ip,in_port=1 actions=2
table=1,ct_state=+trk+est-inv,ip,in_port=2 actions=1
table=1,ct_state=+trk+est-inv,ipv6,in_port=1 actions=2
table=1,ct_state=+trk+est-inv,ipv6,in_port=2 actions=1
END
}

# traffic_is_clean: nothing came that should not.
traffic_is_clean() {
    local device

    for device in c s; do
        same "foreign packets of $device" "$(shown $device delivered-foreign)" 0
        same "bad packets of $device" "$(shown $device delivered-bad)" 0
    done
}

# Connections are opened by the pair and found in the tracker, as many and with
# the addresses that they should have.
scenario_traffic_ct() {
    traffic_bridge "$1"
    stateful_flows
    traffic_pair connections=700 pattern=open
    poll 30 phase_is c done
    same "opened" "$(shown c opened)" 700
    same "connections" "$(ct_count '^tcp,orig=\(src=10\.0\..*,dport=80\),reply=\(src=192.168.0.1,dst=10\.0\..*zone=1,.*state=ESTABLISHED')" 700
    matches "statistics" "$(ovs-appctl dpctl/ct-stats-show)" "Total: 700"
    traffic_is_clean
    end_traffic_pair

    # With address translation the server answers to what it sees; data packets
    # as well.
    stateful_flows src=10.9.9.1-10.9.9.10
    traffic_pair connections=700 count=20000
    poll 30 phase_is c done
    poll 30 phase_is s done
    same "translated" "$(ct_count '^tcp,orig=\(src=10\.0\..*reply=\(src=192.168.0.1,dst=10\.9\.9\.[0-9]*,.*zone=1,.*state=ESTABLISHED')" 700
    within "delivered to client" "$(shown c delivered)" 20000 22100
    within "delivered to server" "$(shown s delivered)" 20000 22100
    traffic_is_clean
    poll 20 rx_statistics_are c "$(shown c made)"
    end_traffic_pair
}

# Every pattern and protocol has connections and no packet that is wrong.
scenario_traffic_patterns() {
    local options

    traffic_bridge "$1"
    stateful_flows
    for options in "protocol=udp" "protocol=icmp" "family=ipv6" \
                   "family=ipv6 protocol=udp size=300" \
                   "family=ipv6 protocol=icmp" "vlan=5 pick=zipf" \
                   "n_rxq=2 pick=sequential" "pattern=attack rss=true"; do
        log "$options"
        traffic_pair connections=300 count=5000 $options
        poll 30 phase_is c done
        poll 30 phase_is s done
        ct_count_is 300 zone=1
        traffic_is_clean
        end_traffic_pair
    done

    # Whole lives end in TIME_WAIT.
    traffic_pair connections=50 count=6000 pattern=lives
    poll 30 phase_is c done
    within "lives" "$(shown c lives)" 900 2100
    same "closed" "$(ct_count 'state=TIME_WAIT')" "$(shown c lives)"
    traffic_is_clean
    end_traffic_pair

    traffic_pair connections=100 pattern=mix new-rate=2000
    poll 30 shown_above c lives 1000
    ovs-appctl netdev-traffic/stop c s
    same "open" "$(ct_count 'state=ESTABLISHED')" 100
    traffic_is_clean
    end_traffic_pair

    # Not before the ports are known, since nothing is sent again.
    traffic_pair pattern=syn-flood count=300 start=false
    ovs-appctl netdev-traffic/start c
    poll 30 phase_is c done
    within "connections" "$(ct_count 'state=SYN_SENT')" 200 300
    traffic_is_clean
    end_traffic_pair
}

# Stopped devices make nothing; nothing is forgotten.
scenario_traffic_stop() {
    local made

    traffic_bridge "$1"
    stateful_flows
    traffic_pair connections=100 start=false
    refute phase_is c steady
    same "phase" "$(shown c phase)" stopped
    same "made" "$(shown c made)" 0

    ovs-appctl netdev-traffic/start c
    poll 30 phase_is c steady
    poll 10 shown_above s delivered 1000

    ovs-appctl netdev-traffic/stop c s
    poll 10 no_queue_is_polled
    made=$(shown c made)
    ovs-appctl netdev-traffic/reset c s
    same "made after reset" "$(shown c made)" 0
    same "rx_packets" "$(ovs-appctl dpctl/show -s | grep -A1 ' c ' |
                         sed -n 's/.*RX packets:\([0-9]*\) .*/\1/p')" "$made"

    ovs-appctl netdev-traffic/start c s
    poll 10 shown_above c made 1000
    same "opened" "$(shown c opened)" 100
    same "retries" "$(shown c retries)" 0
    matches "JSON" "$(ovs-appctl netdev-traffic/show --json c)" \
        '^\{"c":\{.*"opened":100,"phase":"steady","queues":\[.*"role":"client"'

    ovs-appctl netdev-traffic/restart c
    poll 30 phase_is c steady
    same "connections" "$(ct_count zone=1)" 100
    traffic_is_clean
    refute ovs-appctl netdev-traffic/stop nobody
    refute ovs-appctl netdev-traffic/show nobody
}

no_queue_is_polled() {
    ! ovs-appctl dpif-netdev/pmd-rxq-show | grep 'port:' &&
        ! ovs-appctl trackway/rxq-show | grep 'port:'
}

# A bad option is shown and costs the port, not the daemon; a good one changes
# what is sent on the connections there are.
scenario_traffic_options() {
    traffic_bridge trackway
    stateful_flows
    traffic_pair connections=100 pattern=open
    poll 30 phase_is c done

    ovs-vsctl set interface c options:pattern=established options:size=500
    poll 30 phase_is c steady
    poll 10 shown_above s delivered 1000
    same "opened" "$(shown c opened)" 100
    within "retries" "$(shown c retries)" 0 100
    within "bytes per packet" "$(($(shown c made-bytes) / $(shown c made)))" \
        350 496

    ovs-vsctl --no-wait set interface c options:size=5
    poll 10 interface_error_is c "c: options:size=5 is out of range"
    ovs-vsctl --no-wait set interface c options:size=64
    poll 30 phase_is c steady

    # Two servers for one client, a server without a client, a sink.
    ovs-vsctl --no-wait add-port br0 s2 -- set interface s2 type=traffic \
        options:role=server options:peer=c
    poll 10 interface_error_is s2 "has a server already, s"
    ovs-vsctl set interface s2 options:peer=nobody
    poll 10 phase_is s2 "without peer"
    ovs-vsctl remove interface s2 options peer -- \
        set interface s2 options:role=sink
    poll 10 phase_is s2 steady
    ovs-vsctl del-port s
    poll 10 phase_is c "without peer"
    traffic_pair_server_again
    poll 10 phase_is c steady
}

traffic_pair_server_again() {
    ovs-vsctl add-port br0 s -- set interface s type=traffic \
        ofport_request=2 options:role=server options:peer=c
}

interface_error_is() {
    ovs-vsctl get interface "$1" error | grep -F "$2"
}
