# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: what the daemon may do, and what others may with it.  What they
# look for stands in Documentation/security.rst.

# As an unprivileged user: forwards, and holds few capabilities.
scenario_user() {
    start_as_nobody
    same "user" "$(stat -c %U /proc/$daemon_pid)" nobody
    add_bridge br0
    add_host client br0 1 10.1.1.1/24
    add_host server br0 2 10.1.1.2/24
    firewall
    matches "ping" "$(pings client 10.1.1.2)" "3 received"
    ct_has "^icmp"

    # Every thread has what Documentation/security.rst says, and can get no
    # more.
    cat /proc/$daemon_pid/task/*/status >threads.txt 2>/dev/null || true
    for set in CapEff CapPrm; do
        same "$set" "$(capabilities $set threads.txt)" "$(documented_caps)"
    done
    for set in CapInh CapAmb CapBnd; do
        same "$set" "$(capabilities $set threads.txt)" 0000000000000000
    done
    same "groups" "$(sed -n 's/^Groups:[[:space:]]*//p' \
                     /proc/$daemon_pid/status)" ""
}

# Which ports it can have.
scenario_user_ports() {
    start_as_nobody
    add_bridge br0
    ovs-vsctl add-br br1 -- set bridge br1 datapath_type=$DATAPATH
    add_host client br0 1 10.1.1.1/24
    add_internal inner br0 2
    join br0 3 br1 1
    ovs-vsctl add-port br0 vx -- set interface vx type=vxlan \
        options:remote_ip=10.7.7.7
    ovs-vsctl add-port br0 gr -- set interface gr type=gre \
        options:remote_ip=10.7.7.8
    ovs-vsctl add-port br0 t0 -- set interface t0 type=tap
    ovs-vsctl add-port br0 c -- set interface c type=traffic \
        options:start=false
    for port in v-client vx gr t0 c; do
        same "error of $port" "$(ovs-vsctl get interface $port error)" "[]"
        within "number of $port" "$(ovs-vsctl get interface $port ofport)" \
            1 65279
    done
    stock && return

    # A program for a device needs more capabilities than it has kept.
    allow_log 'v-raw: an AF_XDP socket needs'
    ip link add v-raw type veth peer name v-raw-peer
    ip link set v-raw up
    ovs-vsctl add-port br0 v-raw -- set interface v-raw type=afxdp
    same "number" "$(ovs-vsctl get interface v-raw ofport)" -1
    matches "error" "$(ovs-vsctl get interface v-raw error)" \
        "Operation not permitted"
    daemon_said "v-raw: .* CAP_BPF .* --user" ||
        fail "the log does not say why"
    ovs-vsctl del-port v-raw
}

# What an operator has: his commands, events, files.
scenario_user_tools() {
    stock_lacks "trackway-ct"
    start_as_nobody
    ovs-vsctl set open_vswitch . other_config:ct-persist=true
    add_bridge br0
    add_host client br0 1 10.1.1.1/24
    add_host server br0 2 10.1.1.2/24
    firewall
    trackway-ct -E -o json >events 2>&1 &
    events_pid=$!
    poll 10 feed_runs
    poll 10 ping_is_told
    kill $events_pid
    wait $events_pid || true

    # Root, and the daemon's user; its group may look.
    chmod 755 "$NS_DIR"
    same "socket" "$(stat -c '%U %a' trackway-ct.sock)" "nobody 660"
    trackway-ct -F
    pings client 10.1.1.2
    same "connections" "$(trackway-ct -C -p icmp)" 1
    trackway-ct -U -p icmp -m 5
    setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups \
        "$(command -v trackway-ct)" -U -p icmp -m 6
    same "changed" "$(trackway-ct -C -m 6)" 1
    refute as_member -D 2>err
    matches "refused" "$(cat err)" "only root and the daemon's own user"
    same "looks" "$(as_member -C -m 6)" 1

    matches "metrics" "$(ovs-appctl trackway/metrics)" \
        "trackway_connections.*icmp"
    matches "saved" "$(ovs-appctl trackway/ct-save file=$NS_DIR/saved)" \
        "^[1-9][0-9]* connections saved"
    same "its file" "$(stat -c '%U %a' saved)" "nobody 600"
    matches "not there" "$(refused ovs-appctl trackway/ct-save \
                           file=/proc/saved)" "(Permission|No such)"
    ovs-vsctl set open_vswitch . \
        other_config:ct-sync-listen="punix:$NS_DIR/sync.sock"
    matches "listens" "$(ovs-appctl trackway/ct-sync-show)" "0 standby"

    # Over a restart.
    stop_vswitchd
    test -s "$(saved_file)" || fail "nothing was saved"
    start_vswitchd --user nobody
    poll 10 daemon_said "[1-9][0-9]* connections loaded"
    same "loaded" "$(trackway-ct -C -m 6)" 1
}

ping_is_told() {
    pings client 10.1.1.2 -c 1
    grep -q '"protocol":1,' events
}

# as_member ARGUMENT...: as somebody else, of the group of the socket.
as_member() {
    setpriv --reuid 4242 --regid 4242 \
        --groups "$(stat -c %g "$NS_DIR/trackway-ct.sock")" \
        "$(command -v trackway-ct)" "$@"
}

# Who may open what the daemon makes.  OVS's sockets lose what the umask says.
scenario_modes() {
    stock_lacks "trackway-ct"
    umask 0
    two_zones
    ovs-vsctl set open_vswitch . \
        other_config:ct-sync-listen="punix:$NS_DIR/sync.sock"
    ovs-appctl trackway/ct-save file="$NS_DIR/saved"
    same "saved" "$(stat -c %a saved)" 600
    same "trackway-ct" "$(stat -c %a trackway-ct.sock)" 660
    same "standby" "$(stat -c %a sync.sock)" 770
    same "appctl" "$(stat -c %a ovs-vswitchd.$daemon_pid.ctl)" 770
    same "management" "$(stat -c %a br0.mgmt)" 770

    # Others have no way in.
    chmod 755 "$NS_DIR"
    for socket in trackway-ct.sock sync.sock ovs-vswitchd.$daemon_pid.ctl \
                  br0.mgmt; do
        as_stranger "$NS_DIR/$socket" >out
        same "$socket" "$(cat out)" "Permission denied"
    done
    # Nobody listens to the network.
    same "TCP" "$(ss -Hltn)" ""
}

as_stranger() {
    setpriv --reuid 4242 --regid 4242 --clear-groups $system_python -c '
import os, socket, sys
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
    print("connected")
except OSError as error:
    print(os.strerror(error.errno))' "$1"
}

# The database is there, and a daemon that has given up being root.
start_as_nobody() {
    if ! getent passwd nobody >/dev/null; then
        skip "there is no user nobody"
    fi
    open_for_others
    start_ovsdb
    chown -R nobody "$NS_DIR"
    start_vswitchd --user nobody
}

# The directories above that of the test may be closed for other users, and
# the device of taps too: both get a place that is open.
open_for_others() {
    mount -t tmpfs -o mode=755 none /mnt
    mkdir /mnt/test
    mount --bind "$NS_DIR" /mnt/test
    NS_DIR=/mnt/test
    cd "$NS_DIR"
    mount -t tmpfs -o mode=755 none /dev/net
    mknod -m 666 /dev/net/tun c 10 200
}

# capabilities SET FILE: what threads have of a set, as the kernel prints it.
capabilities() {
    sed -n "s/^$1:[[:space:]]*//p" "$2" | sort -u
}

# The set that is kept, by its documentation.
documented_caps() {
    sed -n 's/^``\(CAP_[A-Z_]*\)``$/\1/p' \
        "$tests/../Documentation/security.rst" |
    python3 -c '
import re, sys
header = open("/usr/include/linux/capability.h").read()
numbers = dict(re.findall(r"#define\s+(CAP_\w+)\s+(\d+)\s", header))
print("%016x" % sum(1 << int(numbers[line.strip()]) for line in sys.stdin))'
}
