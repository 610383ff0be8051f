# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# The harness of the system tests: what a scenario may call.
#
# ns-run starts this file with bash as the first process of new namespaces.  It
# prepares them, reads tests/system-*.sh, runs scenario_NAME and then looks
# whether the daemon is still well.
#
# In a scenario every command that fails ends the test, with the line that
# failed in the log; `refute' is for commands that have to fail.  Nothing waits
# for a fixed time: `poll' tries again until a deadline.
#
#     start                        a database, a daemon
#     add_bridge br0               with the datapath type under test
#     add_host client br0 1 10.1.1.1/24 fd01::1/64
#                                  a namespace whose eth0 is port 1 of br0
#     flows br0 <<...              OpenFlow rules from standard input
#     in_ns client ping ...        a command in a namespace
#     serve server http.log CMD    a command that runs till the end of the test

set -eE -o pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tool="python3 -u $tests/ns-tool.py"

# Messages ------------------------------------------------------------------

log() {
    echo "$(date +%T.%3N) $*"
}

fail() {
    log "FAILED: $*"
    exit 1
}

skip() {
    log "skipped: $*"
    exit 77
}

# on_error STATUS
on_error() {
    local depth

    log "FAILED: status $1 of: $BASH_COMMAND"
    for ((depth = 1; depth < ${#FUNCNAME[@]} - 1; depth++)); do
        echo "    at ${BASH_SOURCE[depth]##*/}:${BASH_LINENO[depth - 1]}" \
             "in ${FUNCNAME[depth]}"
    done
    exit 1
}

# The netdev datapath of OVS lacks some of what is tested here.
stock() {
    test "$DATAPATH" = netdev
}

stock_lacks() {
    if stock; then
        skip "datapath type netdev has no $*"
    fi
}

# Checks --------------------------------------------------------------------

# refute CMD...: succeeds if CMD fails.
refute() {
    if "$@"; then
        fail "should have failed: $*"
    fi
}

# poll SECONDS CMD...: runs CMD until it succeeds.
poll() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))

    shift
    until "$@" >"$NS_DIR/poll.out" 2>&1; do
        if test ${EPOCHREALTIME/./} -gt $end; then
            cat "$NS_DIR/poll.out"
            fail "not in time: $*"
        fi
        sleep 0.05
    done
}

# same WHAT ACTUAL EXPECTED
same() {
    test "$2" = "$3" || fail "$1 is '$2' and should be '$3'"
}

# within WHAT ACTUAL LOW HIGH
within() {
    test "$2" -ge "$3" -a "$2" -le "$4" ||
        fail "$1 is $2 and should be in $3..$4"
}

# matches WHAT TEXT REGEX
matches() {
    grep -Eq -- "$3" <<<"$2" || fail "$1 does not match '$3':
$2"
}

# lacks WHAT TEXT REGEX
lacks() {
    if grep -Eq -- "$3" <<<"$2"; then
        fail "$1 should not match '$3':
$2"
    fi
}

# The daemon ----------------------------------------------------------------

schema_file() {
    local dir

    for dir in "$OVS_PKGDATADIR" "$ovs_srcdir/vswitchd" \
               "$(dirname "$(command -v ovsdb-server)")/../vswitchd" \
               "$ovs_builddir/vswitchd" /usr/share/openvswitch; do
        if test -e "$dir/vswitch.ovsschema"; then
            echo "$dir/vswitch.ovsschema"
            return
        fi
    done
    return 1
}

# start [DAEMON-OPTION...]
start() {
    start_ovsdb
    start_vswitchd "$@"
}

start_ovsdb() {
    export OVS_RUNDIR=$NS_DIR OVS_LOGDIR=$NS_DIR OVS_DBDIR=$NS_DIR
    export OVS_SYSCONFDIR=$NS_DIR OVS_SYSLOG_METHOD=null OVS_CTL_TIMEOUT=30

    ovsdb-tool create "$NS_DIR/conf.db" "$(schema_file)"
    ovsdb-server --detach --no-chdir --pidfile --log-file -vconsole:off \
        --remote="punix:$NS_DIR/db.sock" "$NS_DIR/conf.db" \
        2>>"$NS_DIR/ovsdb-server.stderr"
    ovs-vsctl --no-wait init
}

# start_vswitchd [DAEMON-OPTION...]
start_vswitchd() {
    ovs-vswitchd --detach --no-chdir --pidfile --log-file -vconsole:off \
        "$@" "unix:$NS_DIR/db.sock" \
        2>>"$NS_DIR/ovs-vswitchd.stderr"
    daemon_pid=$(cat "$NS_DIR/ovs-vswitchd.pid")
    log "ovs-vswitchd runs with pid $daemon_pid"
}

# stop_vswitchd [EXIT-OPTION]: ends the daemon and waits for its end.
stop_vswitchd() {
    local pid=$daemon_pid

    ovs-appctl exit "$@"
    poll 20 process_gone "$pid"
}

process_gone() {
    ! kill -0 "$1" 2>/dev/null
}

# Log lines of the levels EMER and ERR fail a test, except these: a limit of
# this machine, and what OVS says of recirculation ids that translated flows
# still hold when it ends.
allowed_log='RLIMIT_MEMLOCK|recirc_id [0-9]+ left allocated'

# allow_log REGEX: this scenario provokes such an error.
allow_log() {
    allowed_log="$allowed_log|$1"
}

# The kernel frees a queue a moment after its AF_XDP socket was closed.  A new
# one that comes too early is refused, and the port tried again later.
allow_busy_queue() {
    allow_log 'Device or resource busy|AF_XDP (socket|device)|suitable XDP mode'
    allow_log 'the new configuration is refused'
}

# Fails if the daemon died on its way or complained.
check_daemon() {
    test -n "$daemon_pid" || return 0
    kill -0 "$daemon_pid" || fail "ovs-vswitchd died"
    stop_vswitchd
    check_logs "$NS_DIR"
}

# check_logs DIRECTORY: of a daemon that has ended.
check_logs() {
    local complaints

    complaints=$(grep -E '\|(EMER|ERR)\|' "$1/ovs-vswitchd.log" |
                 grep -Ev "$allowed_log" || true)
    if test -n "$complaints"; then
        fail "ovs-vswitchd complained:
$complaints"
    fi
    if grep -E 'Sanitizer|runtime error' "$1/ovs-vswitchd.stderr"; then
        fail "a sanitizer complained"
    fi
}

# Bridges, hosts, ports -------------------------------------------------------

# add_bridge NAME [VSCTL-ARGUMENT...]: a bridge that forwards nothing yet.
add_bridge() {
    local bridge=$1

    shift
    ovs-vsctl add-br "$bridge" -- \
        set bridge "$bridge" datapath_type="$DATAPATH" fail-mode=secure "$@"
    test "$(ovs-vsctl get bridge "$bridge" datapath_id)" != "[]" ||
        fail "no bridge $bridge"
}

# add_ns NAME
add_ns() {
    ip netns add "$1"
    ip -n "$1" link set lo up
    in_ns "$1" sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'
}

in_ns() {
    ip netns exec "$@"
}

# add_veth NAME NAMESPACE: NAME here, eth0 in NAMESPACE.  Checksums have to be
# in the packets: what reads them on our side is no network stack.
add_veth() {
    ip link add "$1" type veth peer name eth0 netns "$2"
    in_ns "$2" ethtool -K eth0 tx off txvlan off >/dev/null
    ethtool -K "$1" txvlan off rxvlan off >/dev/null 2>&1 || true
    ip link set "$1" up
    ip -n "$2" link set eth0 up
}

# add_host NAME BRIDGE OFPORT ADDRESS/LENGTH...
add_host() {
    local name=$1 bridge=$2 ofport=$3

    shift 3
    add_ns "$name"
    add_veth "v-$name" "$name"
    add_addresses "$name" eth0 "$@"
    attach "v-$name" "$bridge" "$ofport"
}

# add_addresses NAMESPACE DEVICE ADDRESS/LENGTH...
add_addresses() {
    local name=$1 device=$2 address

    shift 2
    for address; do
        case $address in
            *:*) ip -n "$name" addr add "$address" dev "$device" nodad ;;
            *) ip -n "$name" addr add "$address" dev "$device" ;;
        esac
    done
}

# attach DEVICE BRIDGE OFPORT [VSCTL-ARGUMENT...]: with the port type under
# test.  (Type system is also what a port without a type is.)
attach() {
    local device=$1 bridge=$2 ofport=$3

    shift 3
    ovs-vsctl add-port "$bridge" "$device" -- \
        set interface "$device" ofport_request="$ofport" type="$PORT" "$@"
    same "OpenFlow port of $device" \
        "$(ovs-vsctl get interface "$device" ofport)" "$ofport"
}

# add_internal NAME BRIDGE OFPORT ADDRESS/LENGTH...: a host behind an internal
# port, a tap device of the daemon.
add_internal() {
    local name=$1 bridge=$2 ofport=$3 device=i-$1

    shift 3
    add_ns "$name"
    ovs-vsctl add-port "$bridge" "$device" -- \
        set interface "$device" ofport_request="$ofport" type=internal
    ip link set "$device" netns "$name"
    ip -n "$name" link set "$device" name eth0
    ip -n "$name" link set eth0 up
    add_addresses "$name" eth0 "$@"
}

# join BRIDGE1 OFPORT1 BRIDGE2 OFPORT2: patch ports.
join() {
    ovs-vsctl add-port "$1" "pt-$1-$3" -- set interface "pt-$1-$3" type=patch \
            options:peer="pt-$3-$1" ofport_request="$2" -- \
        add-port "$3" "pt-$3-$1" -- set interface "pt-$3-$1" type=patch \
            options:peer="pt-$1-$3" ofport_request="$4"
}

# two_hosts: br0 with `client' on port 1 and `server' on port 2.
two_hosts() {
    start
    add_bridge br0
    add_host client br0 1 10.1.1.1/24 fd01::1/64
    add_host server br0 2 10.1.1.2/24 fd01::2/64
}

# flows BRIDGE: adds OpenFlow rules from standard input.
flows() {
    ovs-ofctl -O OpenFlow15 --bundle add-flows "$1" -
}

# new_flows BRIDGE: removes all rules, then adds.
new_flows() {
    ovs-ofctl -O OpenFlow15 --bundle replace-flows "$1" -
}

# Counts of the rules that carry a cookie.
rule_packets() {
    ovs-ofctl -O OpenFlow15 dump-flows "$1" "cookie=$2/-1" |
        sed -n 's/.*n_packets=\([0-9]*\).*/\1/p' |
        awk '{ sum += $1 } END { print sum + 0 }'
}

rule_has_packets() {
    test "$(rule_packets "$1" "$2")" -ge "$3"
}

# Connections -----------------------------------------------------------------

dump_conntrack() {
    ovs-appctl dpctl/dump-conntrack "$@"
}

# ct_has REGEX [ARGUMENT...]: some connection of the dump matches.
ct_has() {
    local regex=$1

    shift
    dump_conntrack "$@" | tee "$NS_DIR/ct.out" | grep -Eq -- "$regex" || {
        cat "$NS_DIR/ct.out"
        return 1
    }
}

# ct_count REGEX [ARGUMENT...]
ct_count() {
    local regex=$1

    shift
    dump_conntrack "$@" | grep -Ec -- "$regex" || true
}

ct_count_is() {
    local expected=$1

    shift
    test "$(ct_count "$@")" = "$expected"
}

# counter NAME: of the tracker, as trackway/stats-show shows it.
counter() {
    ovs-appctl trackway/stats-show | sed -n "s/^ *$1: \([0-9]*\) .*/\1/p"
}

# counted NAME LOW HIGH
counted() {
    stock || within "counter $1" "$(counter "$1")" "$2" "$3"
}

# Traffic ---------------------------------------------------------------------

# serve NAMESPACE LOGFILE CMD...: CMD says in LOGFILE that it is ready.
serve() {
    local name=$1 file=$NS_DIR/$2

    shift 2
    ip netns exec "$name" "$@" >"$file" 2>&1 </dev/null &
    poll 60 grep -Eqi 'ready|serving' "$file"
}

# serve_http NAMESPACE: serves $NS_DIR/www on port 80, v4 and v6.
serve_http() {
    mkdir -p "$NS_DIR/www"
    echo "page of $1" >"$NS_DIR/www/index.html"
    serve "$1" "http-$1.log" \
        python3 -u -m http.server 80 --bind :: --directory "$NS_DIR/www"
}

serve_echo() {
    serve "$1" "echo-$1.log" $tool echo "${2-7}"
}

# start_talk NAMESPACE ADDRESS PORT SPORT: a TCP connection that lasts;
# end_talk ends it.  The connection has file descriptor 8.
start_talk() {
    mkfifo "$NS_DIR/talk.in"
    ip netns exec "$1" $tool talk "$2" "$3" --sport "$4" \
        <"$NS_DIR/talk.in" >"$NS_DIR/talk.log" 2>&1 &
    exec 8>"$NS_DIR/talk.in"
    poll 60 grep -q ready "$NS_DIR/talk.log"
    talk_sport=$4
}

# say WORD: sends and awaits the reply.
say() {
    echo "$1" >&8
    poll 5 grep -q "port=$talk_sport $1" "$NS_DIR/talk.log"
}

end_talk() {
    exec 8>&-
}

# get NAMESPACE URL [CURL-OPTION...]
get() {
    local name=$1 url=$2

    shift 2
    in_ns "$name" curl -gsS --noproxy '*' --connect-timeout 3 --max-time 60 \
        "$@" "$url"
}

# ask NAMESPACE udp|tcp ADDRESS PORT [OPTION...]: one request to an echo
# server; prints which peer the server saw.
ask() {
    local name=$1

    shift
    in_ns "$name" $tool ask "$@"
}

# pings NAMESPACE ADDRESS [OPTION...]
pings() {
    local name=$1 address=$2

    shift 2
    in_ns "$name" ping -c 3 -i 0.05 -W 10 "$@" "$address"
}

# url FAMILY V4 V6: a host part.
url() {
    case $1 in
        v4) echo "http://$2/" ;;
        v6) echo "http://[$3]/" ;;
    esac
}

# ip_of FAMILY V4 V6
ip_of() {
    case $1 in
        v4) echo "$2" ;;
        v6) echo "$3" ;;
    esac
}

# The run -----------------------------------------------------------------------

# /run/netns, /proc and /sys of our own.
prepare() {
    if test -d /run/netns; then
        mount -t tmpfs none /run/netns
    else
        mount -t tmpfs none /run
        mkdir /run/netns
    fi
    mount -t sysfs none /sys
    # No name server can be reached: who asks for a name shall know at once.
    if test -e /etc/resolv.conf; then
        mount --bind /dev/null /etc/resolv.conf
    fi
    mount -t bpf none /sys/fs/bpf || true
    ip link set lo up
    echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
    cd "$NS_DIR"
}

# What helps to understand a failure.
show_state() {
    set +eE
    trap - ERR
    test -n "$daemon_pid" || return
    kill -0 "$daemon_pid" 2>/dev/null || echo "ovs-vswitchd is not running"
    export OVS_CTL_TIMEOUT=5
    {
        ovs-vsctl show
        ovs-appctl dpctl/show -s
        ovs-appctl dpctl/dump-flows -m
        ovs-appctl dpctl/dump-conntrack -m
        ovs-appctl coverage/show
        stock || ovs-appctl trackway/stats-show
        for bridge in $(ovs-vsctl list-br); do
            ovs-ofctl -O OpenFlow15 dump-flows "$bridge"
        done
    } >"$NS_DIR/state.txt" 2>&1
    echo "see state.txt and *.log in the directory of this test"
    grep -E '\|(EMER|ERR|WARN)\|' "$NS_DIR/ovs-vswitchd.log" | tail -n 20
}

ended() {
    local status=$?

    trap - EXIT
    if test $status != 0 && test $status != 77; then
        show_state
    fi
    # The kernel ends what is still running when this process is gone.
    exit $status
}

run() {
    local scenario=scenario_$1 file

    shift
    for file in "$tests"/system-*.sh; do
        . "$file"
    done
    declare -F "$scenario" >/dev/null || fail "there is no $scenario"
    log "$scenario $* over $DATAPATH with ports of type $PORT"
    "$scenario" "$@"
    check_daemon
    log "passed"
}

trap 'on_error $?' ERR
trap ended EXIT
prepare
run "$@"
