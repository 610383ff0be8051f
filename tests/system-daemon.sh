# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: the daemon, its ports and threads, tunnels.

# start_ping: `client' pings `server' a hundred times a second till stop_ping,
# which prints the summary.
start_ping() {
    ip netns exec client ping -i 0.01 10.1.1.2 >"$NS_DIR/ping.log" 2>&1 &
    ping_pid=$!
    poll 5 pings_are 10
}

pings_are() {
    test "$(grep -c icmp_seq= "$NS_DIR/ping.log")" -ge "$1"
}

# more_pings COUNT: so many more answers arrive.
more_pings() {
    poll 10 pings_are $(($(grep -c icmp_seq= "$NS_DIR/ping.log") + $1))
}

stop_ping() {
    # A signal to `ip netns exec' is one to ping, which it became.
    kill -INT $ping_pid
    wait $ping_pid || true
    tail -n 3 "$NS_DIR/ping.log"
}

# Bridges and ports come and go while packets pass.
scenario_reconfigure() {
    local i

    two_hosts
    firewall
    start_ping
    for i in 1 2 3; do
        ovs-vsctl add-br br$i -- \
            set bridge br$i datapath_type=$DATAPATH
        add_host h$i br0 1$i
        add_internal n$i br$i 5
        join br0 2$i br$i 1
        more_pings 10
        ovs-vsctl del-port v-h$i
        ip netns del h$i
        ovs-vsctl del-br br$i
        more_pings 10
    done
    ovs-vsctl del-port v-server
    attach v-server br0 2
    more_pings 50
    stop_ping
    lacks "ports" "$(ovs-appctl dpctl/show)" "v-h|i-n|pt-"
    matches "ports" "$(ovs-appctl dpctl/show)" "v-server"
    # The port that left took at most the packets of its absence along.
    within "lost" $(($(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 - \2/p' ping.log))) 0 150
}

# Threads and queues change while packets pass.
scenario_threads() {
    two_hosts
    firewall
    start_ping
    ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=0x1
    more_pings 20
    ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=0x3
    more_pings 20
    ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=0x2
    more_pings 20
    ovs-vsctl remove Open_vSwitch . other_config pmd-cpu-mask
    more_pings 20
    stop_ping
    serve_http server
    same "page" "$(get client http://10.1.1.2/)" "page of server"
}

# set_queues NAME N: the device and our port get N receive queues.  The
# host's end never sends to a queue that nobody reads.
set_queues() {
    if test $2 = 1; then
        in_ns $1 ethtool -L eth0 tx 1
        request_queues $1 1
        ethtool -L v-$1 rx 1
    else
        ethtool -L v-$1 rx $2
        request_queues $1 $2
        in_ns $1 ethtool -L eth0 tx $2
    fi
}

request_queues() {
    ovs-vsctl set interface v-$1 options:n_rxq=$2
    if test $PORT = afxdp; then
        poll 5 queues_are $1 $2
    fi
}

queues_are() {
    ovs-appctl dpctl/show | grep -q "v-$1 .*n_rxq=$2[,)]"
}

# Receive queues of devices come and go.
scenario_rx_queues() {
    local name

    allow_busy_queue
    start
    add_bridge br0
    ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=0x3
    for name in client:1 server:2; do
        add_ns ${name%:*}
        ip link add v-${name%:*} numrxqueues 2 numtxqueues 2 type veth \
            peer name eth0 numrxqueues 2 numtxqueues 2 netns ${name%:*}
        in_ns ${name%:*} ethtool -K eth0 tx off >/dev/null
        in_ns ${name%:*} ethtool -L eth0 tx 1
        ethtool -L v-${name%:*} rx 1
        ip link set v-${name%:*} up
        ip -n ${name%:*} link set eth0 up
        add_addresses ${name%:*} eth0 10.1.1.${name#*:}/24
        attach v-${name%:*} br0 ${name#*:} options:n_rxq=1
    done
    firewall
    start_ping
    set_queues client 2
    more_pings 20
    set_queues server 2
    more_pings 20
    serve_echo server
    same "opened" "$(in_ns client $tool open tcp 10.1.1.2 7 64)" 64
    set_queues client 1
    more_pings 20
    set_queues server 1
    more_pings 20
    stop_ping
    same "opened" "$(in_ns client $tool open tcp 10.1.1.2 7 64)" 64
}

# A larger MTU arrives at the port, and with it larger packets.
scenario_mtu() {
    two_hosts
    firewall
    ip -n client link set eth0 mtu 3000
    ip -n server link set eth0 mtu 3000
    ovs-vsctl set interface v-client mtu_request=3000 -- \
        set interface v-server mtu_request=3000
    poll 5 mtu_is v-client 3000
    poll 5 mtu_is v-server 3000
    serve server sniff.log $tool sniff eth0
    matches "ping" "$(pings client 10.1.1.2 -s 2900 -M do)" "3 received"
    lacks "packets" "$(cat sniff.log)" "frag="
}

mtu_is() {
    test "$(ovs-vsctl get interface $1 mtu)" = $2
}

# A daemon that ends and comes again serves again.  Connections do not survive
# it, rules that a controller would send again are sent again.
scenario_restart() {
    two_hosts
    firewall
    pings client 10.1.1.2
    stop_vswitchd
    refute pings client 10.1.1.2 -c 1 -W 1
    start_vswitchd
    ovs-vsctl get interface v-client ofport
    firewall
    matches "ping" "$(pings client 10.1.1.2)" "3 received"
    same "connections" "$(ct_count "^icmp" zone=1)" 1

    # With --cleanup nothing of the datapath is left.
    stop_vswitchd --cleanup
    refute ip link show ovs-$DATAPATH
    refute ip link show br0
    start_vswitchd
    firewall
    matches "ping" "$(pings client 10.1.1.2)" "3 received"
}

# A daemon that was killed leaves nothing that hinders the next one.
scenario_crash() {
    two_hosts
    firewall
    pings client 10.1.1.2
    kill -KILL $daemon_pid
    poll 10 process_gone $daemon_pid
    start_vswitchd
    firewall
    matches "ping" "$(pings client 10.1.1.2)" "3 received"
}
