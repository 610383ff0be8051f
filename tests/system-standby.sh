# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: two daemons, of which the second one takes over.
#
# `client' and `server' each hang on a segment, a bridge of the kernel's, on
# which both daemons have a port; that of the second one is down.  It runs in a
# network namespace of its own, `second', with a database of its own.

# on_second COMMAND...: as the second daemon's operator.
on_second() {
    OVS_RUNDIR=$NS_DIR/second OVS_LOGDIR=$NS_DIR/second \
        OVS_DBDIR=$NS_DIR/second in_ns second "$@"
}

# segment NAME HOST MAC: a bridge with HOST, and with NAME-1 for the first
# daemon and NAME-2 for the second.
segment() {
    local name=$1 host=$2

    ip link add "$name" type bridge
    ip link set "$name" up
    add_ns "$host"
    add_veth "v-$host" "$host"
    ip link set "v-$host" master "$name"
    set_mac "$host" "$3"

    ip link add "$name-1" type veth peer name "$name-1p"
    ip link add "$name-2" netns second type veth peer name "$name-2p"
    ip link set "$name-1p" master "$name"
    ip link set "$name-2p" master "$name"
    ip link set "$name-1" up
    ip link set "$name-1p" up
    ip -n second link set "$name-2" up
}

two_daemons() {
    start
    add_ns second
    mkdir "$NS_DIR/second"
    (
        NS_DIR=$NS_DIR/second
        start_ovsdb
        in_ns second ovs-vswitchd --detach --no-chdir --pidfile --log-file \
            -vconsole:off "unix:$NS_DIR/db.sock" \
            2>>"$NS_DIR/ovs-vswitchd.stderr"
    )
    second_pid=$(cat "$NS_DIR/second/ovs-vswitchd.pid")

    segment lan client 02:00:00:00:00:01
    segment wan server 02:00:00:00:00:02
    add_addresses client eth0 10.1.1.1/24 fd01::1/64
    add_addresses server eth0 10.9.9.2/32 fd09::2/128
    set_gateway client 02:00:00:00:00:02
    set_gateway server 02:00:00:00:00:fe

    add_bridge br0
    attach lan-1 br0 1
    attach wan-1 br0 2
    on_second ovs-vsctl add-br br0 -- \
        set bridge br0 datapath_type="$DATAPATH" fail-mode=secure -- \
        add-port br0 lan-2 -- set interface lan-2 ofport_request=1 -- \
        add-port br0 wan-2 -- set interface wan-2 ofport_request=2
    snat_flows 10.9.9.240 fd09::240
    on_second ovs-ofctl -O OpenFlow15 --bundle replace-flows br0 - <<END
$(ovs-ofctl -O OpenFlow15 --no-stats dump-flows br0 | grep actions=)
END
}

# sync_over unix|tls: the first is the active one.
sync_over() {
    if test "$1" = unix; then
        ovs-vsctl set open_vswitch . \
            other_config:ct-sync-listen="punix:$NS_DIR/sync.sock"
        on_second ovs-vsctl set open_vswitch . \
            other_config:ct-sync="unix:$NS_DIR/sync.sock"
        return
    fi
    listen_for_tls
    identity pki one two
    second_shows two-
    on_second ovs-vsctl set open_vswitch . \
        other_config:ct-sync=ssl:10.77.0.1:6700
}

# The first one listens, with a certificate of its own.
listen_for_tls() {
    link_of_daemons
    ip addr add 10.77.0.1/24 dev to-second
    set_listener
}

link_of_daemons() {
    ip link add to-second type veth peer name to-first netns second
    ip link set to-second up
    ip -n second addr add 10.77.0.2/24 dev to-first
    ip -n second link set to-first up
}

set_listener() {
    identity pki one
    ovs-vsctl set-ssl "$NS_DIR/one-privkey.pem" "$NS_DIR/one-cert.pem" \
        "$NS_DIR/pki/switchca/cacert.pem" -- set open_vswitch . \
        other_config:ct-sync-listen=pssl:6700:10.77.0.1
}

# identity AUTHORITY NAME...: keys, with certificates of that authority.
identity() {
    local dir=$1 name

    shift
    (
        cd "$NS_DIR"
        test -d "$dir" || ovs-pki --dir="$dir" --log=ovs-pki.log init
        for name in "$@"; do
            test -e "$name-cert.pem" ||
                ovs-pki --dir="$dir" --log=ovs-pki.log req+sign "$name" switch
        done
    ) >/dev/null 2>&1
}

# second_shows PREFIX: its key and certificate; it trusts the right authority.
second_shows() {
    on_second ovs-vsctl set-ssl "$NS_DIR/$1privkey.pem" "$NS_DIR/$1cert.pem" \
        "$NS_DIR/pki/switchca/cacert.pem"
}

in_step() {
    on_second ovs-appctl trackway/ct-sync-show | grep -q ": in step"
}

# second_has REGEX
second_has() {
    on_second ovs-appctl dpctl/dump-conntrack -s | grep -Eq "$1"
}

second_lacks() {
    ! second_has "$1"
}

# download URL: slowly, in the background; got.sha256 and got.gap, the longest
# wait for bytes in ms, when it is complete, and got.bytes meanwhile.
download() {
    in_ns client python3 - "$1" "$NS_DIR" <<'END' &
import hashlib
import sys
import time
import urllib.request

url, directory = sys.argv[1:]
digest, total, gap = hashlib.sha256(), 0, 0
with urllib.request.urlopen(url, timeout=120) as response:
    while True:
        before = time.monotonic()
        data = response.read1(65536)
        if not data:
            break
        gap = max(gap, time.monotonic() - before)
        digest.update(data)
        total += len(data)
        with open(directory + '/got.bytes', 'w') as file:
            print(total, file=file)
        time.sleep(0.01)
with open(directory + '/got.gap', 'w') as file:
    print('%d' % (gap * 1000), file=file)
with open(directory + '/got.sha256', 'w') as file:
    print('%s  -' % digest.hexdigest(), file=file)
END
    download_pid=$!
}

got() {
    test "$(cat "$NS_DIR/got.bytes" 2>/dev/null || echo 0)" -ge "$1"
}

# The first one dies; the other's ports come up in the place of its own.
take_over() {
    kill -KILL "$daemon_pid"
    daemon_pid=
    ip link set lan-1p down
    ip link set wan-1p down
    on_second ovs-vsctl remove open_vswitch . other_config ct-sync
    ip link set lan-2p up
    ip link set wan-2p up
}

# A download through SNAT goes on when the second daemon takes over: over TLS
# (v4) and over a local socket (v6).
scenario_standby() {
    local host=$(url $1 10.9.9.2 fd09::2)

    stock_lacks "other_config:ct-sync"
    two_daemons
    big_file 20000000
    serve_http server
    test "$1" = v4 && sync_over tls || sync_over unix
    poll 20 in_step
    matches "active" "$(ovs-appctl trackway/ct-sync-show)" \
        "active, listens on .*, 1 standby"

    # What begins and ends is followed.
    get client "$host" >/dev/null
    poll 10 second_has "dport=80.*mark=1.*state=(TIME_WAIT|CLOS)"
    ovs-appctl dpctl/flush-conntrack
    poll 10 second_lacks "dport=80"

    reads_little_ahead client
    download "${host}big"
    poll 20 got 3000000
    poll 10 second_has "dport=80.*mark=1.*state=ESTABLISHED"
    take_over
    wait $download_pid
    same "checksum" "$(cat "$NS_DIR/got.sha256")" "$big_sum"
    log "longest wait for bytes: $(cat "$NS_DIR/got.gap") ms"
    kill "$second_pid"
    rm www/big
}

# After a break the standby holds what there is then, and nothing else.
scenario_standby_break() {
    stock_lacks "other_config:ct-sync"
    two_daemons
    serve_echo server
    sync_over unix
    poll 20 in_step
    ask client udp 10.9.9.2 7 --sport 4000
    poll 10 second_has "^udp.*sport=4000"

    on_second ovs-vsctl remove open_vswitch . other_config ct-sync
    ovs-appctl dpctl/flush-conntrack
    ask client udp 10.9.9.2 7 --sport 4001
    second_has "^udp.*sport=4000" || fail "what it held is gone"
    second_lacks "^udp.*sport=4001"
    on_second ovs-vsctl set open_vswitch . \
        other_config:ct-sync="unix:$NS_DIR/sync.sock"
    poll 20 in_step
    poll 10 second_has "^udp.*sport=4001"
    second_lacks "^udp.*sport=4000"

    # The active one is gone, and the standby keeps what it has; another
    # begins with nothing.
    stop_vswitchd
    second_has "^udp.*sport=4001" || fail "what it held is gone"
    start_vswitchd
    poll 20 in_step
    poll 10 second_lacks "^udp.*sport=4001"
    kill "$second_pid"
}

# first_said COUNT REGEX: so many lines of its log, or more.
first_said() {
    test "$(grep -Ec "$2" "$NS_DIR/ovs-vswitchd.log")" -ge "$1"
}

# Who has no certificate is told nothing, and keeps nobody out.
scenario_standby_strangers() {
    local before

    stock_lacks "other_config:ct-sync"
    two_daemons
    serve_echo server
    ask client udp 10.9.9.2 7 --sport 4000
    listen_for_tls
    allow_log "SSL_"

    # Some that talk nonsense, and twice as many as there are places, silent.
    serve second strangers.log python3 -u -c '
import socket, time
noise = [socket.create_connection(("10.77.0.1", 6700)) for _ in range(4)]
for s in noise:
    s.sendall(b"nonsense, and more of it" * 100)
socks = [socket.create_connection(("10.77.0.1", 6700)) for _ in range(8)]
print("ready", flush=True)
time.sleep(1000)'
    poll 10 first_said 1 "standby is gone .another one needs its place"
    # The main thread does not spin meanwhile.
    before=$(ticks_of_main)
    poll 30 first_said 1 "standby is gone .Connection timed out"
    poll 30 listed ", 0 standby"
    log "ticks of the main thread meanwhile: $(($(ticks_of_main) - before))"

    # Of another authority.
    identity other-pki stranger
    second_shows stranger-
    on_second ovs-vsctl set open_vswitch . \
        other_config:ct-sync=ssl:10.77.0.1:6700
    poll 20 first_said 1 "SSL_accept:.*certificate verify failed"
    matches "told nothing" "$(on_second ovs-appctl trackway/ct-sync-show)" \
        "messages: 0, made: 0"
    second_lacks "sport=4000"

    identity pki two
    second_shows two-
    poll 20 in_step
    second_has "^udp.*sport=4000"
    kill "$second_pid"
}

listed() {
    ovs-appctl trackway/ct-sync-show | grep -q "$1"
}

ticks_of_main() {
    awk '{ print $14 + $15 }' "/proc/$daemon_pid/task/$daemon_pid/stat"
}

# With nobody's word for a certificate, nothing is told over a network.
scenario_standby_unverified() {
    stock_lacks "other_config:ct-sync"
    two_daemons
    serve_echo server
    ask client udp 10.9.9.2 7 --sport 4000
    listen_for_tls
    allow_log "security risk|without a verified certificate"
    ovs-vsctl set-ssl "$NS_DIR/one-privkey.pem" "$NS_DIR/one-cert.pem" none
    poll 10 first_said 1 "certificate validation disabled"
    identity pki two
    second_shows two-
    on_second ovs-vsctl set open_vswitch . \
        other_config:ct-sync=ssl:10.77.0.1:6700
    poll 20 first_said 1 "without a verified certificate"
    second_lacks "sport=4000"
    matches "told nothing" "$(on_second ovs-appctl trackway/ct-sync-show)" \
        "messages: 0, made: 0"
    kill "$second_pid"
}

# The address to listen on comes later than the setting, as with VRRP.
scenario_standby_late_address() {
    stock_lacks "other_config:ct-sync"
    two_daemons
    link_of_daemons
    allow_log "6700:10.77.0.1: .*Cannot assign requested address"
    set_listener
    matches "in vain" "$(ovs-appctl trackway/ct-sync-show)" \
        "listens on pssl:6700:10.77.0.1 in vain: Cannot assign requested"
    identity pki two
    second_shows two-
    on_second ovs-vsctl set open_vswitch . \
        other_config:ct-sync=ssl:10.77.0.1:6700
    ip addr add 10.77.0.1/24 dev to-second
    poll 20 in_step
    lacks "listens" "$(ovs-appctl trackway/ct-sync-show)" "in vain"
    kill "$second_pid"
}

# Roles and addresses that make no sense.
scenario_standby_config() {
    stock_lacks "other_config:ct-sync"
    two_hosts
    allow_log "other_config:ct-sync"
    ovs-vsctl set open_vswitch . other_config:ct-sync-listen=ptcp:6700
    daemon_said 'ptcp:6700: neither "pssl:" nor "punix:"' ||
        fail "unencrypted is not refused"
    ovs-vsctl set open_vswitch . other_config:ct-sync=ssl:127.0.0.1:6700
    daemon_said "either listens or connects" || fail "both are not refused"
    matches "alone" "$(ovs-appctl trackway/ct-sync-show)" "alone"
    ovs-vsctl remove open_vswitch . other_config ct-sync -- \
        set open_vswitch . \
            other_config:ct-sync-listen="punix:$NS_DIR/sync.sock"
    matches "listens" "$(ovs-appctl trackway/ct-sync-show)" \
        "listens on punix:.*, 0 standby"
}
