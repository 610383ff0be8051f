# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: ports, queues and packet threads, changed while packets pass, and
# tunnels.

# forwarding: br0 as a learning switch with `client' and `server'.
forwarding() {
    two_hosts
    flows br0 <<<'actions=normal'
}

# start_pings NAMESPACE ADDRESS: a ping every 10 ms; end_pings LOST ends it and
# fails if more than LOST were not answered.
start_pings() {
    poll 10 pings "$1" "$2" -c 1 -W 1
    ip netns exec "$1" ping -i 0.01 "$2" >"$NS_DIR/pings.log" 2>&1 &
    ping_pid=$!
}

end_pings() {
    local sent received

    kill -INT "$(pgrep -P $ping_pid ping || echo $ping_pid)"
    wait $ping_pid || true
    read -r sent received < <(
        sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) .*/\1 \2/p' \
            "$NS_DIR/pings.log")
    log "pings: $received of $sent answered"
    within "answered pings" "$received" $((sent - $1)) "$sent"
}

# Ports come and go while others forward.
scenario_port_churn() {
    local i

    if stock; then
        skip "shows trackway/ commands"
    fi
    forwarding
    ip link add churn type veth peer name churn-peer
    ip link set churn up
    ip link set churn-peer up
    start_pings client 10.1.1.2
    for ((i = 0; i < 15; i++)); do
        ovs-vsctl add-port br0 churn -- set interface churn type="$PORT"
        ovs-vsctl add-port br0 inner -- set interface inner type=internal
        ovs-vsctl add-port br0 tun -- set interface tun type=vxlan \
            options:remote_ip=10.9.9.9 options:key=$i
        matches "show" "$(ovs-appctl trackway/show)" ": churn \($PORT,"
        ovs-vsctl del-port churn -- del-port inner -- del-port tun
        # The tunnel's port leaves the datapath a little later.
        poll 5 not_shown "churn|inner|vxlan_sys"
    done
    end_pings 20
}

not_shown() {
    ! ovs-appctl trackway/show | grep -E "$1"
}

# A bridge comes and goes, with and without ports, beside one that forwards.
scenario_bridge_churn() {
    local i

    forwarding
    start_pings client 10.1.1.2
    for ((i = 0; i < 10; i++)); do
        add_bridge other
        ovs-vsctl del-br other
    done
    end_pings 20
}

threads() {
    ovs-appctl trackway/show | grep -c 'packet thread on core' || true
}

threads_are() {
    test "$(threads)" = "$1"
}

polls_of() {
    ovs-appctl trackway/rxq-show | grep -c "port $1, queue" || true
}

polls_are() {
    test "$(polls_of "$1")" = "$2"
}

thread_of() {
    ovs-appctl trackway/rxq-show |
        awk -v queue="port $1, queue $2 " '
            /packet thread on core/ { core = $5 }
            index($0, queue) { print core }'
}

thread_is() {
    test "$(thread_of "$1" "$2")" = "$3"
}

# Polled devices: threads follow pmd-cpu-mask, queues n_rxq and
# pmd-rxq-affinity, while packets pass.
scenario_queues() {
    if stock; then
        skip "shows trackway/ commands"
    fi
    PORT=afxdp
    allow_busy_queue
    start
    add_bridge br0
    add_ns client
    add_ns server
    ip link add v-client numrxqueues 2 numtxqueues 2 type veth \
        peer name eth0 netns client numrxqueues 2 numtxqueues 2
    in_ns client ethtool -K eth0 tx off >/dev/null
    in_ns client ethtool -L eth0 rx 1 tx 1
    ethtool -L v-client rx 1 tx 1
    ip link set v-client up
    ip -n client link set eth0 up
    add_veth v-server server
    add_addresses client eth0 10.1.1.1/24
    add_addresses server eth0 10.1.1.2/24
    threads_are 0
    ovs-vsctl set open . other_config:pmd-maxsleep=500
    attach v-client br0 1
    attach v-server br0 2
    flows br0 <<<'actions=normal'
    poll 5 threads_are 1

    start_pings client 10.1.1.2
    ovs-vsctl set open . other_config:pmd-cpu-mask=0x1
    poll 5 thread_is v-client 0 0
    if test "$(nproc)" -gt 1; then
        ovs-vsctl set open . other_config:pmd-cpu-mask=0x2
        poll 5 thread_is v-client 0 1
        ovs-vsctl set open . other_config:pmd-cpu-mask=0x3
        poll 5 threads_are 2
        ovs-vsctl set interface v-client \
            other_config:pmd-rxq-affinity="0:1"
        poll 5 thread_is v-client 0 1
        poll 5 thread_is v-server 0 0
        pings client 10.1.1.2 -c 20 -i 0.01
        ovs-vsctl remove interface v-client other_config pmd-rxq-affinity
    fi
    end_pings 30

    start_pings client 10.1.1.2
    ethtool -L v-client rx 2 tx 2
    ovs-vsctl set interface v-client options:n_rxq=2
    poll 5 polls_are v-client 2
    in_ns client ethtool -L eth0 rx 2 tx 2
    poll 10 pings client 10.1.1.2 -c 1 -W 1
    in_ns client ethtool -L eth0 rx 1 tx 1
    ovs-vsctl set interface v-client options:n_rxq=1
    poll 5 polls_are v-client 1
    end_pings 150

    ovs-vsctl del-port v-client
    poll 5 polls_are v-client 0
    refute threads_are 0
    ovs-vsctl del-port v-server
    poll 5 threads_are 0
}

# The commands that show what no other does, and their counters.
scenario_show() {
    local stats

    if stock; then
        skip "has no trackway/ commands"
    fi
    forwarding
    poll 10 pings client 10.1.1.2 -c 1
    ovs-appctl trackway/stats-clear
    pings client 10.1.1.2 -c 20 -i 0.01
    stats=$(ovs-appctl trackway/stats-show | sed -n '/all threads/,$p')
    within "packets" "$(sed -n 's/^ *packets: \([0-9]*\) .*/\1/p' \
        <<<"$stats")" 40 150
    within "hits" "$(sed -n 's/^ *hits: \([0-9]*\) .*/\1/p' \
        <<<"$stats")" 30 150
    matches "datapaths" "$(ovs-appctl dpif/show)" "^trackway@ovs-trackway"
    matches "ports" "$(ovs-appctl dpctl/show)" "v-client"
    matches "show" "$(ovs-appctl trackway/show ovs-trackway)" "v-client"
    refute ovs-appctl trackway/show nowhere
}

# tunnel TYPE DEVICE-OPTIONS...: a kernel tunnel in namespace `remote', a
# native tunnel on br0, its underlay on br-under.
tunnel() {
    local type=$1 device=$2

    shift 2
    start
    add_bridge br0
    add_bridge br-under
    add_ns remote
    add_veth v-remote remote
    add_addresses remote eth0 172.31.1.1/24
    flows br0 <<<'actions=normal'
    flows br-under <<<'actions=normal'
    attach v-remote br-under 1
    ip addr add 172.31.1.100/24 dev br-under
    ip link set br-under up
    ip addr add 10.1.1.100/24 dev br0
    ip link set br0 up
    ip -n remote link add tunnel0 type "$device" "$@" || skip "no $device"
    ip -n remote addr add 10.1.1.1/24 dev tunnel0
    ip -n remote link set tunnel0 mtu 1400 up
    in_ns remote ethtool -K tunnel0 tx off >/dev/null
    ip link set br0 mtu 1400
    ovs-vsctl add-port br0 at-remote -- set interface at-remote \
        type="$type" options:remote_ip=172.31.1.1 options:key=7
    matches "neighbour" "$(pings remote 172.31.1.100)" " 0% packet loss"

    poll 10 pings remote 10.1.1.100 -c 1 -W 1
    matches "pings" "$(pings remote 10.1.1.100 -c 10 -i 0.02)" "10 received"
    matches "large pings" \
        "$(pings remote 10.1.1.100 -c 10 -i 0.02 -s 1300)" "10 received"
    matches "native tunnel" "$(ovs-appctl dpctl/dump-flows)" "tnl_pop"
    matches "native tunnel" "$(ovs-appctl dpctl/dump-flows)" "tnl_push"
}

scenario_vxlan() {
    tunnel vxlan vxlan id 7 remote 172.31.1.100 dstport 4789
}

scenario_geneve() {
    tunnel geneve geneve id 7 remote 172.31.1.100
}

scenario_gre() {
    tunnel gre gretap key 7 remote 172.31.1.100
}

# The daemon ends with ports of each kind and packets passing, and leaves no
# device of its own behind.
scenario_exit() {
    forwarding
    add_internal third br0 3 10.1.1.3/24
    poll 10 pings third 10.1.1.2 -c 1
    start_pings client 10.1.1.2
    stop_vswitchd --cleanup
    daemon_pid=
    kill $ping_pid
    refute ip link show ovs-"$DATAPATH"
}
