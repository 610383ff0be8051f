# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: native tunnels with ct() on the inner packet.
#
# Two hypervisors: `client' on br0 of this namespace, `server' on br0 of the
# namespace `second', which has a daemon of its own.  The underlay is a veth
# pair between their bridges br-phy.

# second CMD...: on the second hypervisor.
second() {
    OVS_RUNDIR=$NS_DIR/second OVS_LOGDIR=$NS_DIR/second \
        OVS_DBDIR=$NS_DIR/second OVS_SYSCONFDIR=$NS_DIR/second \
        ip netns exec second "$@"
}

start_second() {
    mkdir "$NS_DIR/second"
    second ovsdb-tool create "$NS_DIR/second/conf.db" "$(schema_file)"
    second ovsdb-server --detach --no-chdir --pidfile --log-file \
        -vconsole:off --remote="punix:$NS_DIR/second/db.sock" \
        "$NS_DIR/second/conf.db" 2>>"$NS_DIR/second/ovsdb-server.stderr"
    second ovs-vsctl --no-wait init
    second ovs-vswitchd --detach --no-chdir --pidfile --log-file \
        -vconsole:off "unix:$NS_DIR/second/db.sock" \
        2>>"$NS_DIR/second/ovs-vswitchd.stderr"
}

stop_second() {
    local pid

    pid=$(cat "$NS_DIR/second/ovs-vswitchd.pid")
    second ovs-appctl exit
    poll 20 process_gone "$pid"
    check_logs "$NS_DIR/second"
}

# underlay: 172.31.1.1 here, 172.31.1.2 there, both on their br-phy.
underlay() {
    start
    add_ns second
    add_bridge br-phy fail-mode=standalone
    ip link add u1 type veth peer name u2 netns second
    ethtool -K u1 tx off >/dev/null
    ip link set u1 up
    in_ns second ethtool -K u2 tx off >/dev/null
    ip -n second link set u2 up
    attach u1 br-phy 1
    ip link set br-phy up
    ip addr add 172.31.1.1/24 dev br-phy
    ip addr add fd31::1/64 dev br-phy nodad
    start_second
    second ovs-vsctl add-br br-phy -- \
        set bridge br-phy datapath_type="$DATAPATH" -- \
        add-port br-phy u2 -- set interface u2 type="$PORT"
    ip -n second link set br-phy up
    add_addresses second br-phy 172.31.1.2/24 fd31::2/64
}

# overlay TYPE LOCAL REMOTE: tunnel ports number 9, hosts number 1, ct() on
# both bridges: `client' may open connections.
overlay() {
    add_bridge br0
    ovs-vsctl add-port br0 t0 -- set interface t0 type=$1 ofport_request=9 \
        options:local_ip=$2 options:remote_ip=$3 options:key=77
    add_host client br0 1 10.1.1.1/24 fd01::1/64
    firewall br0 10

    second ovs-vsctl add-br br0 -- set bridge br0 fail-mode=secure \
        datapath_type="$DATAPATH" -- \
        add-port br0 t0 -- set interface t0 type=$1 ofport_request=9 \
        options:local_ip=$3 options:remote_ip=$2 options:key=77
    add_ns server
    ip -n second link add v-server type veth peer name eth0 netns server
    in_ns server ethtool -K eth0 tx off txvlan off >/dev/null
    ip -n second link set v-server up
    ip -n server link set eth0 up
    add_addresses server eth0 10.1.1.2/24 fd01::2/64
    second ovs-vsctl add-port br0 v-server -- \
        set interface v-server type="$PORT" ofport_request=1
    far_rules | second ovs-ofctl -O OpenFlow15 --bundle add-flows br0 -
    # Inner packets plus tunnel headers fit into the underlay.
    ip -n client link set eth0 mtu 1400
    ip -n server link set eth0 mtu 1400
    # The first packets of a tunnel wait for the neighbour's address.
    poll 20 in_ns client ping -c 1 -W 1 10.1.1.2
}

# use_tunnel: what the overlay has to bear.
use_tunnel() {
    matches "ping" "$(pings client 10.1.1.2)" "3 received"
    serve_http server
    head -c 2000000 /dev/urandom >www/big
    same "checksum" "$(get client http://10.1.1.2/big | sha256sum)" \
        "$(sha256sum <www/big)"
    rm www/big
    same "page" "$(get client "http://[fd01::2]/")" "page of server"
    poll 5 ct_has "^tcp,orig=\(src=10.1.1.1,dst=10.1.1.2,.*zone=10"
    matches "connections of the second" \
        "$(second ovs-appctl dpctl/dump-conntrack zone=20)" \
        "^tcp,orig=\(src=10.1.1.1,dst=10.1.1.2,"
    serve_echo client
    refute ask server udp 10.1.1.1 7 --timeout 0.5
}

# tunnel TYPE FAMILY-OF-UNDERLAY
scenario_tunnel() {
    underlay
    case $2 in
        v4) overlay $1 172.31.1.1 172.31.1.2 ;;
        v6) overlay $1 fd31::1 fd31::2 ;;
    esac
    serve second sniff.log $tool sniff u2
    use_tunnel
    # XDP takes packets before a sniffer sees them.
    if test $PORT = system; then
        only_tunnel_on_wire $1
    fi
    matches "flows" "$(ovs-appctl dpctl/dump-flows)" "tnl_pop"
    matches "flows" "$(ovs-appctl dpctl/dump-flows)" "tnl_push"
    stop_second
}

# On the wire is the tunnel's protocol and nothing else.
only_tunnel_on_wire() {
    case $1 in
        vxlan) poll 5 grep -q "udp [0-9]*>4789" sniff.log ;;
        geneve) poll 5 grep -q "udp [0-9]*>6081" sniff.log ;;
        gre) poll 5 grep -q "proto=47" sniff.log ;;
    esac
    lacks "underlay" "$(cat sniff.log)" "10\.1\.1\.|BAD"
}

# The other end is the kernel's VXLAN device.
scenario_tunnel_kernel() {
    start
    add_bridge br-phy fail-mode=standalone
    add_host server br-phy 1 172.31.1.2/24
    ip -n server link add vx0 type vxlan id 77 remote 172.31.1.1 \
        local 172.31.1.2 dstport 4789 dev eth0 2>/dev/null ||
        skip "this kernel has no VXLAN"
    add_addresses server vx0 10.1.1.2/24
    ip -n server link set vx0 mtu 1400 up
    ip link set br-phy up
    ip addr add 172.31.1.1/24 dev br-phy
    add_bridge br0
    ovs-vsctl add-port br0 t0 -- set interface t0 type=vxlan \
        ofport_request=9 options:remote_ip=172.31.1.2 options:key=77
    add_host client br0 1 10.1.1.1/24
    ip -n client link set eth0 mtu 1400
    firewall br0 10
    poll 20 in_ns client ping -c 1 -W 1 10.1.1.2
    serve_http server
    head -c 2000000 /dev/urandom >www/big
    same "checksum" "$(get client http://10.1.1.2/big | sha256sum)" \
        "$(sha256sum <www/big)"
    rm www/big
    poll 5 ct_has "^tcp,orig=\(src=10.1.1.1,dst=10.1.1.2,.*zone=10"
    serve_echo client
    refute ask server udp 10.1.1.1 7 --timeout 0.5
}
