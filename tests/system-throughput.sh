# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenario: how fast packets of a generator and of TCP pass.  A test asks only
# that they do; tests/ns-throughput compares two datapaths with it.

# throughput PIPELINE [SECONDS [CONNECTIONS]]: trafgen sends UDP packets of
# connections that both sides know, from `client' to `server', as fast as it
# can; then iperf3 has one TCP connection.  PIPELINE is one of trackway-bench,
# with the same flows.  What was counted is in $NS_DIR/result, a word and
# a number on each line.
scenario_throughput() {
    local pipeline=$1 seconds=${2-1} connections=${3-1000}

    local last=$(($(nproc) - 1))

    needs_generators
    # The packet thread has the last processor, everything else the first.
    taskset -cp 0 $BASHPID >"$NS_DIR/taskset.log"
    two_hosts
    ovs-vsctl set open . other_config:pmd-cpu-mask=$(printf 0x%x $((1 << last)))
    throughput_flows "$pipeline" | flows br0
    write_packets client 1 2 "$connections"
    write_packets server 2 1 "$connections"
    poll 10 pings client 10.1.1.2 -c 1 -W 1

    # The first packets open the connections, the others establish them.
    poll 20 crosses client server "$connections"
    poll 20 crosses server client "$connections"
    generate_udp "$seconds"
    if test "$pipeline" != forward; then
        same "UDP connections in zone 1" \
            "$(ct_count '^udp' zone=1)" "$connections"
    fi
    measure_tcp "$seconds"
}

needs_generators() {
    local program

    for program in trafgen iperf3 taskset; do
        command -v $program >/dev/null || skip "$program is not on PATH"
    done
}

# The flows of trackway-bench; neighbours are found beside them.
throughput_flows() {
    PYTHONPATH=$tests/../utilities python3 -B -c '
import sys
from trackway_bench import pipelines
print("\n".join(pipelines.PIPELINES[sys.argv[1]]().flows()))' "$1"
    echo "priority=40000,arp,in_port=1,actions=output:2"
    echo "priority=40000,arp,in_port=2,actions=output:1"
}

# write_packets NAMESPACE FROM TO COUNT: UDP packets of 60 bytes, 64 on a wire,
# of COUNT connections, for trafgen.  Their MAC addresses are nobody's, so that
# the receiver's network stack lets them go at once.
write_packets() {
    python3 -B - "$2" "$3" "$4" >"$NS_DIR/$1.trafgen" <<'END'
import struct
import sys

SIZE = 60


def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def packet(source, target, sport, dport):
    addresses = bytes((10, 2, 2, source, 10, 2, 2, target))
    payload = bytes(SIZE - 14 - 20 - 8)
    udp = struct.pack('!4H', sport, dport, 8 + len(payload), 0) + payload
    pseudo = addresses + struct.pack('!2H', 17, len(udp))
    udp = udp[:6] + struct.pack('!H', checksum(pseudo + udp)) + udp[8:]
    ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0)
    ip = ip[:10] + struct.pack('!H', checksum(ip + addresses)) + addresses
    return (bytes((2, 0, 0, 0, 0, target, 2, 0, 0, 0, 0, source, 8, 0))
            + ip + udp)


source, target, count = map(int, sys.argv[1:])
for number in range(count):
    ports = (10000 + number, 53)
    if source > target:
        ports = ports[::-1]
    print('{ %s }' % ', '.join(
        '0x%02x' % byte for byte in packet(source, target, *ports)))
END
}

# trafgen_from NAMESPACE [OPTION...]: the packets of that side.  It changes
# neither limits of the machine nor interrupts.
trafgen_from() {
    local name=$1

    shift
    ip netns exec "$name" trafgen --dev eth0 --conf "$NS_DIR/$name.trafgen" \
        --cpus 1 --no-sock-mem --notouch-irq --no-cpu-stats "$@" \
        >>"$NS_DIR/trafgen.log" 2>&1
}

# crosses FROM TO COUNT: each packet of a side arrives at the other.
crosses() {
    local before try

    before=$(device_counter "$2" rx packets)
    trafgen_from "$1" --num "$3" --rate 20000pps
    for ((try = 0; try < 20; try++)); do
        if test "$(device_counter "$2" rx packets)" -ge $((before + $3)); then
            return 0
        fi
        sleep 0.05
    done
    return 1
}

# device_counter NAMESPACE rx|tx COUNTER: of its eth0.
device_counter() {
    link_counter "$2" "$3" ip -n "$1" -s -j link show eth0
}

# link_counter rx|tx COUNTER CMD...
link_counter() {
    local direction=$1 counter=$2

    shift 2
    "$@" | python3 -B -c '
import json, sys
print(json.load(sys.stdin)[0]["stats64"][sys.argv[1]][sys.argv[2]])' \
        "$direction" "$counter"
}

# forwarded_all: what the client's port took from its ring is at the server,
# except the few packets of the network stack that match no rule.  What the
# generator sent while the ring was full the kernel has dropped.
forwarded_all() {
    local link='ip -s -j link show v-client'
    local taken=$(($(link_counter rx packets $link) -
                   $(link_counter rx dropped $link)))
    local arrived=$(device_counter server rx packets)

    echo "$taken packets taken, $arrived arrived"
    test $arrived -ge $((taken - 50))
}

# generate_udp SECONDS: counted from when it runs for half a second.
generate_udp() {
    trafgen_from client || true &
    poll 5 generator_runs
    sleep 0.5
    sample before
    sleep "$1"
    sample after
    # One of its two processes ignores other signals.
    kill -KILL $(pgrep trafgen)
    poll 5 generator_ended
    wait $! || true
    poll 5 forwarded_all
    log "$(cat "$NS_DIR/poll.out")"
    differences udp
    test "$(result udp_received)" -gt 0 || fail "no packet arrived"
}

generator_runs() {
    pgrep trafgen >/dev/null
}

generator_ended() {
    ! generator_runs
}

# measure_tcp SECONDS
measure_tcp() {
    ip netns exec server iperf3 --server --one-off --forceflush \
        >"$NS_DIR/iperf3.log" 2>&1 &
    poll 10 grep -q listening "$NS_DIR/iperf3.log"
    sample before
    in_ns client timeout $(($1 + 20)) iperf3 --client 10.1.1.2 --time "$1" \
        --json >"$NS_DIR/iperf3.json"
    sample after
    differences tcp
    python3 -B - "$NS_DIR/iperf3.json" >>"$NS_DIR/result" <<'END'
import json
import sys

with open(sys.argv[1]) as stream:
    end = json.load(stream)['end']
print('tcp_bits', int(end['sum_received']['bits_per_second']))
print('tcp_retransmits', end['sum_sent']['retransmits'])
END
    test "$(result tcp_bits)" -gt 0 || fail "no byte arrived"
}

# sample NAME: counters, into a file of that name.
sample() {
    {
        echo "microseconds ${EPOCHREALTIME/./}"
        packet_thread
        echo "generator $(generator_ran)"
        echo "sent $(device_counter client tx packets)"
        echo "received $(device_counter server rx packets)"
        busy_cycles
    } >"$NS_DIR/sample-$1"
}

# Nanoseconds in which the generator ran, with XDP's receive path.
generator_ran() {
    local pid

    for pid in $(pgrep trafgen || true); do
        cat "/proc/$pid/schedstat"
    done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# What the kernel counted for the packet thread: nanoseconds in which it ran
# and in which it waited for a processor, ticks in user and in kernel mode.
packet_thread() {
    local task name

    for task in /proc/$daemon_pid/task/*; do
        read -r name <"$task/comm"
        case $name in
            pmd-c* | tw-c*)
                awk '{ print "ran", $1; print "waited", $2 }' \
                    "$task/schedstat"
                sed 's/.*) //' "$task/stat" |
                    awk '{ print "user", $12; print "kernel", $13 }'
                ;;
        esac
    done
}

# What the datapath counts itself.
busy_cycles() {
    if stock; then
        ovs-appctl dpif-netdev/pmd-stats-show | awk '
            /^main/ { exit }
            /idle cycles:/ { print "idle", $3 }
            /processing cycles:/ { print "busy", $3 }'
    else
        # "busy: 123 cycles (4.56 % of the time)", last that of all threads.
        ovs-appctl trackway/stats-show | awk '
            / busy: / { busy = $2; share = substr($4, 2) }
            END {
                print "busy", busy
                printf "idle %.0f\n", share ? busy * (100 / share - 1) : 0
            }'
    fi
}

# differences PREFIX: of the two samples, into the result.
differences() {
    awk -v prefix="$1" '
        FNR == NR { before[$1] = $2; next }
        { printf "%s_%s %.0f\n", prefix, $1, $2 - before[$1] }' \
        "$NS_DIR/sample-before" "$NS_DIR/sample-after" >>"$NS_DIR/result"
}

# result WORD
result() {
    awk -v word="$1" '$1 == word { print $2 }' "$NS_DIR/result"
}
