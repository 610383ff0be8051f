# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: timeouts, switches and counters of the tracker, by the commands
# trackway/... and by other_config.

# two_ports: udp to port 9 of `server', which answers nothing, in zone 5; to
# port 10 in zone 6.
two_ports() {
    stock_lacks "trackway/ commands"
    two_hosts
    flows br0 <<END
$neighbours
priority=50,in_port=1,udp,tp_dst=9 actions=ct(commit,zone=5),2
priority=50,in_port=1,udp,tp_dst=10 actions=ct(commit,zone=6),2
END
    serve server sink.log $tool sink 9
}

# time_left ZONE PORT: what a packet gives its connection.
time_left() {
    ask client udp 10.1.1.2 $2 --mute --sport 4000
    dump_conntrack -s zone=$1 |
        sed -n 's/^udp,.*sport=4000.*timeout=\([0-9]*\).*/\1/p'
}

# time_is_left ZONE PORT SECONDS: or one less, as time goes by.
time_is_left() {
    within "time in zone $1" "$(time_left $1 $2)" $(($3 - 1)) $3
}

# has_left ZONE PORT SECONDS: whether it is so, for poll.
has_left() {
    local left

    left=$(time_left $1 $2)
    test "$left" = $3 || test "$left" = $(($3 - 1))
}

# timeout_of NAME [zone=N]: value and origin.
timeout_of() {
    ovs-appctl trackway/timeout-show $2 | sed -n "s/^  $1=//p"
}

is_timeout() {
    test "$(timeout_of "$1")" = "$2"
}

# Names and defaults are those of the kernel's sysctls.
scenario_timeout_names() {
    local file name dir=/proc/sys/net/netfilter

    two_ports
    test -e $dir/nf_conntrack_generic_timeout ||
        skip "no nf_conntrack in this kernel"
    for file in $dir/nf_conntrack_*_timeout*; do
        name=${file##*/nf_conntrack_} name=${name/_timeout/}
        case $name in
        frag6)      continue ;;     # OVS reassembles.
        dccp_*)     continue ;;     # As any other protocol here.
        sctp_heartbeat_acked) continue ;;   # Gone since Linux 6.
        esac
        same "$name" "$(timeout_of $name)" "$(cat $file) (default)"
        ovs-appctl trackway/timeout-set net.netfilter.${file##*/}=7
        same "$name" "$(timeout_of $name)" "7 (datapath, command)"
    done
    complains "this is a switch" \
        ovs-appctl trackway/timeout-set nf_conntrack_tcp_max_retrans=3
}

scenario_timeouts() {
    two_ports
    time_is_left 5 9 30
    ovs-appctl trackway/timeout-set udp=50 zone=5
    ovs-appctl trackway/timeout-set ovs-trackway udp=70,generic=80
    time_is_left 5 9 50
    time_is_left 6 10 70
    same "zone 5" "$(timeout_of udp zone=5)" "50 (zone, command)"
    same "zone 6" "$(timeout_of udp zone=6)" "70 (datapath, command)"
    same "zone 5" "$(timeout_of generic zone=5)" "80 (datapath, command)"
    matches "zones" "$(ovs-appctl trackway/timeout-show)" \
        "zones with timeouts of their own: 5$"

    complains "no timeout has this name" \
        ovs-appctl trackway/timeout-set zone=5 sctp_closed=3 upd=20
    complains "not a number of seconds" \
        ovs-appctl trackway/timeout-set zone=5 sctp_closed=3 udp=0
    complains "NAME=SECONDS" ovs-appctl trackway/timeout-set zone=5
    complains "not a zone" ovs-appctl trackway/timeout-set zone=65536 udp=1
    complains "not a zone" ovs-appctl trackway/timeout-show zone=x
    complains "no such datapath" ovs-appctl trackway/timeout-set nowhere udp=1
    complains "not expected" ovs-appctl trackway/timeout-show zone=1 udp=1
    same "zone 5" "$(timeout_of sctp_closed zone=5)" "10 (default)"
    same "zone 5" "$(timeout_of udp zone=5)" "50 (zone, command)"

    ovs-appctl trackway/timeout-reset zone=5
    time_is_left 5 9 70
    ovs-appctl trackway/timeout-reset
    time_is_left 5 9 30
}

# set_config KEY=VALUE...: other_config, and waits for the daemon.
set_config() {
    local pair

    for pair; do
        ovs-vsctl set Open_vSwitch . other_config:"${pair%%=*}"="\"${pair#*=}\""
    done
}

scenario_timeouts_config() {
    two_ports
    set_config ct-timeouts=udp=70,udp_stream=99 ct-timeouts-zone-5=udp=50
    time_is_left 5 9 50
    time_is_left 6 10 70
    same "zone 5" "$(timeout_of udp zone=5)" "50 (zone, other_config)"
    same "zone 6" "$(timeout_of udp zone=6)" "70 (datapath, other_config)"

    # A policy is over the datapath's, and under the zone's.
    set_zone_timeouts 5 udp_first=40 udp_single=40 icmp_first=41
    set_zone_timeouts 6 udp_first=60 udp_single=60
    poll 5 has_left 6 10 60
    poll 5 has_left 5 9 50
    same "zone 5" "$(timeout_of icmp zone=5)" "41 (zone's policy)"
    same "zone 5" "$(timeout_of udp_stream zone=5)" \
        "99 (datapath, other_config)"

    # 0 in a policy is not set, and no end of all connections.
    set_zone_timeouts 6 udp_first=0 udp_single=0 icmp_first=44
    poll 5 has_left 6 10 70
    same "zone 6" "$(timeout_of icmp zone=6)" "44 (zone's policy)"
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        "WARN.*0 seconds for udp_first, udp are taken for not set"

    # Bad input: what was there stays, what is good beside it is taken, and
    # the log says why, once.
    allow_log 'other_config:ct-'
    set_config ct-timeouts=udp=20,icmp=never ct-timeouts-zone-5=udp \
        ct-timeouts-zone-66000=udp=1
    same "datapath" "$(timeout_of udp)" "20 (datapath, other_config)"
    same "datapath" "$(timeout_of udp_stream)" "99 (datapath, other_config)"
    same "datapath" "$(timeout_of icmp)" "30 (default)"
    same "zone 5" "$(timeout_of udp zone=5)" "50 (zone, other_config)"
    set_config ct-tcp-loose=on
    same "complaints" \
        "$(grep -c 'ct-timeouts: icmp=never' "$NS_DIR"/ovs-vswitchd.log)" 1
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        "ERR.*other_config:ct-timeouts: icmp=never: not a number"
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        "ERR.*other_config:ct-timeouts-zone-5: udp: NAME=SECONDS expected"
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        "ERR.*other_config:ct-timeouts-zone-66000: the tracker knows no such"

    # Good parts beside bad ones survive a restart.
    stop_vswitchd
    start_vswitchd
    poll 10 is_timeout udp "20 (datapath, other_config)"
    same "udp_stream" "$(timeout_of udp_stream)" "120 (default)"
    # What is taken away goes.
    set_config ct-timeouts=udp=75
    poll 10 is_timeout udp "75 (datapath, other_config)"
    ovs-vsctl clear Open_vSwitch . other_config
    same "datapath" "$(timeout_of udp)" "30 (default)"
}

# switch_of NAME: value and origin.
switch_of() {
    ovs-appctl trackway/ct-show | sed -n "s/^  $1=\([^:]*\): .*/\1/p"
}

# Names and defaults are those of the kernel's sysctls; commands and
# other_config set them, and packets feel it.
scenario_switches() {
    local name dir=/proc/sys/net/netfilter

    stock_lacks "trackway/ commands"
    two_hosts
    flows br0 <<END
$neighbours
priority=50,in_port=1,tcp actions=ct(table=1,zone=5)
table=1,ct_state=+trk-inv,tcp actions=2
END
    for name in tcp_loose tcp_be_liberal tcp_max_retrans \
                tcp_ignore_invalid_rst checksum; do
        test ! -e $dir/nf_conntrack_$name ||
            same "$name" "$(switch_of $name)" \
                "$(cat $dir/nf_conntrack_$name) (default)"
    done

    stray A 9
    ovs-appctl trackway/ct-set ovs-trackway nf_conntrack_tcp_loose=off
    stray A 9
    poll 5 zone_counter_is invalid-tcp-new 5 1
    ovs-appctl trackway/ct-reset
    stray A 9 --badcsum
    poll 5 zone_counter_is invalid-checksum 5 1
    ovs-vsctl set Open_vSwitch . other_config:ct-checksum=false \
        other_config:ct-tcp-max-retrans=7
    stray A 9 --badcsum
    same "checksum" "$(switch_of checksum)" "0 (other_config)"
    same "tcp_max_retrans" "$(switch_of tcp_max_retrans)" "7 (other_config)"
    ovs-appctl trackway/ct-set checksum=1
    stray A 9 --badcsum
    poll 5 zone_counter_is invalid-checksum 5 2
    ovs-appctl trackway/ct-reset
    stray A 9 --badcsum
    # What came last was counted last.
    ovs-appctl trackway/ct-set tcp_loose=0
    stray A 9
    poll 5 zone_counter_is invalid-tcp-new 5 2
    same "checksums" "$(zone_counter invalid-checksum 5)" 2

    complains "no switch" ovs-appctl trackway/ct-set tcp_loose=1 tcp_lose=1
    complains "neither on nor off" ovs-appctl trackway/ct-set \
        checksum=0 tcp_loose=2
    complains "from 1 to 255" ovs-appctl trackway/ct-set tcp_max_retrans=0
    complains "NAME=VALUE" ovs-appctl trackway/ct-set ovs-trackway
    complains "all zones" ovs-appctl trackway/ct-set zone=1 checksum=0
    same "tcp_loose" "$(switch_of tcp_loose)" "0 (command)"
    allow_log 'other_config:ct-'
    ovs-vsctl set Open_vSwitch . other_config:ct-checksum=maybe \
        other_config:ct-chekcsum=false
    same "checksum" "$(switch_of checksum)" "0 (other_config)"
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        "ERR.*other_config:ct-checksum: checksum=maybe: neither on nor off"
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        "ERR.*other_config:ct-chekcsum: the tracker knows no such key"
    ovs-vsctl clear Open_vSwitch . other_config
    same "checksum" "$(switch_of checksum)" "1 (default)"
}

# zone_counter NAME ZONE
zone_counter() {
    ovs-appctl trackway/ct-counters zone=$2 | sed -n "s/^$1: \([0-9]*\) .*/\1/p"
}

# stray TCP-FLAGS PORT OPTION...: one from `client', of no connection.
stray() {
    local flags=$1 port=$2

    shift 2
    in_ns client $tool segment 10.1.1.1 10.1.1.2 4000 $port --flags $flags "$@"
}

# Counters of a zone, and the log of what they count.
scenario_zone_counters() {
    local lines

    stock_lacks "trackway/ commands"
    two_hosts
    flows br0 <<END
$neighbours
priority=50,in_port=1,tcp,tp_dst=9 actions=ct(table=1,zone=5)
priority=50,in_port=1,tcp,tp_dst=10 actions=ct(table=1,zone=6)
table=1 actions=drop
END
    same "log" "$(ovs-appctl trackway/log-invalid)" off
    stray R 9
    poll 5 zone_counter_is invalid-tcp-new 5 1
    refute grep ct_refuse "$NS_DIR"/ovs-vswitchd.log

    ovs-appctl trackway/log-invalid on zone=6
    same "log" "$(ovs-appctl trackway/log-invalid)" "on in zones 6"
    stray R 9
    stray R 10
    stray SF 10
    poll 5 zone_counter_is invalid-tcp-new 5 2
    poll 5 zone_counter_is invalid-tcp-new 6 1
    poll 5 zone_counter_is invalid-tcp-flags 6 1
    same "tracker's" "$(counter invalid-tcp-new)" 3
    matches "zones" "$(ovs-appctl trackway/ct-counters ovs-trackway)" \
        "^zones with counters: 5,6$"
    lines=$(grep ct_refuse "$NS_DIR"/ovs-vswitchd.log)
    same "lines" "$(grep -c . <<<"$lines")" 2
    matches "log" "$lines" "invalid-tcp-new in zone 6: a first segment that opens no connection: tcp,src=10.1.1.1,dst=10.1.1.2,sport=4000,dport=10,flags=R,seq=1,ack=1,win=1000,len=40$"
    matches "log" "$lines" "invalid-tcp-flags in zone 6: .*flags=SF,"

    ovs-appctl trackway/log-invalid on
    same "log" "$(ovs-appctl trackway/log-invalid)" on
    stray R 9
    poll 5 zone_counter_is invalid-tcp-new 5 3
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        "invalid-tcp-new in zone 5"
    ovs-appctl trackway/log-invalid off
    same "log" "$(ovs-appctl trackway/log-invalid ovs-trackway)" off
    complains '"on" or "off"' ovs-appctl trackway/log-invalid zone=5
}

zone_counter_is() {
    test "$(zone_counter $1 $2)" = $3
}

# flooded COUNTER COUNT: sends SYNs; whether they were enough.  A busy machine
# loses some of them on the way.
flooded() {
    in_ns client $tool flood 10.1.1.1 10.1.1.2 9 300
    test "$(zone_counter $1 2)" -ge $2
}

zone_is_empty() {
    ovs-appctl dpctl/ct-get-limits zone=$1 | grep -q "count=0$"
}

# A flood of SYNs that nobody answers, through a zone with a limit: who means
# it gets through, and who is connected stays so.
scenario_syn_flood() {
    stock_lacks "half-open connections that give way"
    two_zones
    flows br0 <<END
priority=60,in_port=1,tcp,tp_dst=9 actions=ct(commit,zone=2)
END
    ovs-appctl dpctl/flush-conntrack
    ovs-appctl dpctl/ct-set-limits zone=2,limit=100
    start_talk client 10.1.1.2 7 5000
    say hello
    poll 20 flooded half-open-drop 500
    same "opened" "$(in_ns client $tool open tcp 10.1.1.2 7 20)" 20
    say still there
    same "drops" "$(zone_counter drop-zone-limit 2)" 0
    matches "limits" "$(ovs-appctl dpctl/ct-get-limits zone=2)" \
        "^zone=2,limit=100,count=(100|[1-9]?[0-9])$"
    # What was begun before the limit was near goes as soon as the rest.
    ovs-appctl dpctl/flush-conntrack zone=2
    in_ns client $tool flood 10.1.1.1 10.1.1.2 9 80
    matches "limits" "$(ovs-appctl dpctl/ct-get-limits zone=2)" "count=80$"
    poll 15 zone_is_empty 2

    # Switched off, the limit is one for all.
    ovs-appctl dpctl/flush-conntrack zone=2
    ovs-appctl trackway/ct-set half_open_drop=off
    poll 20 flooded drop-zone-limit 100
    same "opened" "$(in_ns client $tool open tcp 10.1.1.2 7 3 \
                     --timeout 0.5)" 0
    end_talk
}

# Limits of several zones at once, and 0, as ovs-vswitchd(8) says.
scenario_limit_lists() {
    local limits

    stock_lacks "a limit of 0"
    two_zones
    ovs-appctl dpctl/flush-conntrack
    ovs-appctl dpctl/ct-set-limits default=3 zone=1,limit=0 zone=2,limit=5 \
        zone=7,limit=9
    limits=$(ovs-appctl dpctl/ct-get-limits)
    matches "limits" "$limits" "^default limit=3$"
    matches "limits" "$limits" "^zone=1,limit=0,count=0$"
    matches "limits" "$limits" "^zone=7,limit=9,count=0$"
    limits=$(ovs-appctl dpctl/ct-get-limits zone=2,7)
    matches "limits" "$limits" "^default limit=3$"
    matches "limits" "$limits" "^zone=2,limit=5,count=0$"
    lacks "limits" "$limits" "zone=1,"

    # 0 is "none", not "the default".
    same "opened in zone 1" "$(in_ns client $tool open udp 10.1.1.2 7 6 \
                               --sport 5000)" 6
    ovs-appctl dpctl/ct-del-limits zone=1,7
    limits=$(ovs-appctl dpctl/ct-get-limits)
    lacks "limits" "$limits" "zone=1,"
    lacks "limits" "$limits" "zone=7,"
    matches "limits" "$limits" "^zone=2,limit=5,count=0$"
    # The default is in force again; what is there stays.
    same "opened in zone 1" "$(in_ns client $tool open udp 10.1.1.2 7 1 \
                               --sport 6000 --timeout 0.5)" 0
    ct_count_is 6 . zone=1
}

# limits_are DEFAULT MAXIMUM "LINE...": those of zones, each after its comma.
limits_are() {
    local limits

    limits=$(ovs-appctl dpctl/ct-get-limits | sed -n 's/,count=.*//p')
    test "$(ovs-appctl dpctl/ct-get-limits | sed -n 's/^default limit=//p')" \
         = "$1" &&
        test "$(ovs-appctl dpctl/ct-get-maxconns)" = "$2" &&
        test "$(echo $limits)" = "$3"
}

log_invalid_is() {
    test "$(ovs-appctl trackway/log-invalid)" = "$1"
}

# Maximum, limits and log by other_config: they are there after a restart, a
# command goes before them, and what is taken away goes.
scenario_limits_config() {
    stock_lacks "limits in other_config"
    two_zones
    ovs-appctl dpctl/flush-conntrack
    set_config ct-max=1000 ct-limit-default=50 \
        "ct-limits=zone=1,limit=3;zone=2,limit=0" "ct-log-invalid=on zone=7"
    poll 5 limits_are 50 1000 "zone=1,limit=3 zone=2,limit=0"
    poll 5 log_invalid_is "on in zones 7"
    same "opened in zone 1" "$(in_ns client $tool open udp 10.1.1.2 7 5 \
                               --sport 5000 --timeout 0.5)" 3

    stop_vswitchd
    start_vswitchd
    poll 10 limits_are 50 1000 "zone=1,limit=3 zone=2,limit=0"
    poll 5 log_invalid_is "on in zones 7"

    ovs-appctl dpctl/ct-set-maxconns 2000
    ovs-appctl dpctl/ct-set-limits default=60 zone=1,limit=7
    ovs-appctl trackway/log-invalid off zone=7
    set_config ct-max=1001 ct-limit-default=51 ct-limits=zone=1,limit=4 \
        "ct-log-invalid=on zone=7;on zone=8"
    poll 5 limits_are 60 2000 "zone=1,limit=7"
    poll 5 log_invalid_is "on in zones 8"
    ovs-appctl dpctl/ct-del-limits zone=1
    limits_are 60 2000 "zone=1,limit=4"
    stop_vswitchd
    start_vswitchd
    poll 10 limits_are 51 1001 "zone=1,limit=4"
    poll 5 log_invalid_is "on in zones 7,8"

    # What is wrong is told, and loses nothing.
    allow_log 'other_config:ct-'
    set_config ct-max=0 ct-limit-default=many \
        "ct-limits=zone=1,limit=x;zone=3,limit=5" "ct-log-invalid=on zone=x"
    poll 5 limits_are 51 1001 "zone=1,limit=4 zone=3,limit=5"
    log_invalid_is "on in zones 7,8"
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        "ERR.*other_config:ct-max: 0: not a number from 1 to"
    matches "log" "$(cat "$NS_DIR"/ovs-vswitchd.log)" \
        'ERR.*other_config:ct-limits: "zone=1,limit=x": x: not a number'
    ovs-vsctl clear Open_vSwitch . other_config
    poll 5 limits_are 0 3000000 ""
    log_invalid_is off
}
