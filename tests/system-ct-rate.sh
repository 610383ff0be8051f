# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: what one who is told of events costs packets.

# rate_bridge: an established pair, c and s, and beside it a device f whose
# every packet opens a connection, in a zone of its own, and is taken by g.
rate_bridge() {
    local rate=$1 core=$(($(nproc) - 1))

    traffic_bridge trackway
    # The packet thread has the last processor, all others the first.
    if test $core -gt 0; then
        taskset -a -p -c 0 "$daemon_pid" >/dev/null
        taskset -p -c 0 $$ >/dev/null
        ovs-vsctl set Open_vSwitch . \
            other_config:pmd-cpu-mask="$(printf '%x' $((1 << core)))"
    fi
    ovs-appctl dpctl/ct-set-maxconns 20000000
    new_flows br0 <<END
in_port=1,ip actions=ct(table=1,zone=1)
in_port=2,ip actions=ct(table=1,zone=1)
in_port=3,tcp actions=ct(commit,zone=2),4
table=1,ct_state=+trk+new,in_port=1,ip actions=ct(commit,zone=1),2
table=1,ct_state=+trk+est,in_port=1,ip actions=2
table=1,ct_state=+trk+est,in_port=2,ip actions=1
END
    ovs-vsctl add-port br0 c -- set interface c type=traffic \
            ofport_request=1 options:connections=1000 -- \
        add-port br0 s -- set interface s type=traffic \
            ofport_request=2 options:role=server options:peer=c -- \
        add-port br0 f -- set interface f type=traffic ofport_request=3 \
            options:pattern=syn-flood options:start=false \
            options:rate="$rate" -- \
        add-port br0 g -- set interface g type=traffic ofport_request=4 \
            options:role=sink
    poll 60 phase_is c steady
    ovs-appctl netdev-traffic/stop c s
}

# told FILE: events that were shown or told to be lost.
told() {
    echo $(($(grep -c '\[NEW\]' "$1.txt" || true) +
        $(sed -n 's/.*: \([0-9]*\) events were lost here\..*/\1/p' "$1.err" |
            awk '{ n += $1 } END { print n + 0 }')))
}

# all_told CREATED: everything that was created since the counter was CREATED.
# The last packets may still be on their way.
all_told() {
    local n=$(told events) created=$(($(counter created) - $1))

    echo "$n of $created"
    test $n = $created
}

# Those that were flushed have ended, and told so, to nobody.
all_ended() {
    test $(($(counter created) - $(counter expired) - $(counter deleted) -
            $(counter early-drop) - $(counter half-open-drop))) = \
        "$(trackway-ct -C)"
}

no_feed() {
    ! feed_runs
}

# Nanoseconds that the packet threads have worked, as the kernel counts.
packet_thread_ns() {
    local task

    for task in $(grep -l '^tw-c' /proc/"$daemon_pid"/task/*/comm); do
        cat "${task%comm}schedstat"
    done | awk '{ n += $1 } END { printf "%.0f\n", n }'
}

# rate_turn KIND SUBSCRIBERS DEVICE...: the devices work for a while, with one
# who is told of all new connections or without.  Appends a line to `rates':
# packets that arrived and connections that were opened, a second, and packets
# for each second that the packet thread worked.
rate_turn() {
    local kind=$1 subscribers=$2 pid before created delivered micros device
    local worked

    shift 2
    trackway-ct -F -w 2 2>/dev/null
    poll 60 all_ended
    if test $subscribers = 1; then
        trackway-ct -E -e NEW -w 2 >events.txt 2>events.err &
        pid=$!
        poll 20 feed_runs
    fi
    before=$(counter created)
    ovs-appctl netdev-traffic/reset c s f g
    ovs-appctl netdev-traffic/start "$@"
    worked=$(packet_thread_ns)
    lap >/dev/null
    sleep $rate_seconds
    micros=$(lap | tr -d .)000
    worked=$((($(packet_thread_ns) - worked) / 1000))
    ovs-appctl netdev-traffic/stop "$@"
    created=$(($(counter created) - before))
    delivered=0
    for device in c s g; do
        delivered=$((delivered + $(shown $device delivered)))
    done
    echo "$kind $subscribers $((delivered * 1000000 / 10#$micros))" \
        "$((created * 1000000 / 10#$micros))" \
        "$((delivered * 1000000 / worked))" >>rates
    if test $subscribers = 1; then
        poll 300 all_told $before
        created=$(($(counter created) - before))
        echo "$kind lost $((created - $(grep -c NEW events.txt))) of" \
            "$created" >>losses
        kill -INT $pid
        wait $pid
        rm events.txt
        poll 20 no_feed
    fi
}

# Medians, and what one subscriber costs.
rate_report() {
    python3 - rates <<'END'
import statistics
import sys
turns = {}
for line in open(sys.argv[1]):
    kind, subscribers, *rates = line.split()
    turns.setdefault((kind, int(subscribers)), []).append(
        [int(rate) for rate in rates])
print('%-8s %-12s %10s %10s %8s %12s %8s %8s' % (
    'traffic', 'subscribers', 'new/s', 'packets/s', 'change',
    'by CPU time', 'change', 'spread'))
for (kind, subscribers), rates in sorted(turns.items()):
    packets, new, worked = (statistics.median(column)
                            for column in zip(*rates))
    none = [statistics.median(column) for column in zip(*turns[kind, 0])]
    by_cpu = [rate[2] for rate in rates]
    print('%-8s %-12d %10d %10d %+7.1f%% %12d %+7.1f%% %7.1f%%' % (
        kind, subscribers, new, packets, 100 * (packets / none[0] - 1),
        worked, 100 * (worked / none[2] - 1),
        100 * (max(by_cpu) - min(by_cpu)) / worked))
END
}

# ct_events_rate [SECONDS [NEW-CONNECTIONS-PER-SECOND [ROUNDS [KIND...]]]]:
# packets with one who is told of all new connections, and with nobody, in
# turns: `paced', as many connections as were asked for, beside established ones
# that have the rest of the packet thread; and `flood', new connections only, as
# many as there can be.  The figures of Documentation/performance.rst are those
# of
#     tests/ns-run -t 900 ct_events_rate 2 200000 15
scenario_ct_events_rate() {
    local rate=${2:-20000} rounds=${3:-1} round kind turn devices
    local kinds=${4:-paced flood}

    stock_lacks "events"
    rate_seconds=${1:-1}
    rate_bridge "$rate"
    for ((round = 0; round < rounds; round++)); do
        for kind in $kinds; do
            devices=f
            if test $kind = paced; then
                devices="c s f"
            fi
            ovs-vsctl set interface f \
                options:rate=$(test $kind = paced && echo $rate || echo 0)
            for turn in $((round % 2)) $((1 - round % 2)); do
                rate_turn $kind $turn $devices
            done
        done
    done
    cat losses
    rate_report
    ovs-vsctl del-port c -- del-port s -- del-port f -- del-port g
}
