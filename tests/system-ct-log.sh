# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: trackway-ct -E --log, and what events cost.
#
# IPFIX is read by tests/ipfix.py, and by nfcapd where that is installed.

ipfix="python3 -u $tests/ipfix.py"

# start_log NAME ARGUMENT...: a log whose messages are in NAME.err; sets
# log_pid.
start_log() {
    local name=$1

    shift
    trackway-ct -E "$@" >"$NS_DIR/$name.out" 2>"$NS_DIR/$name.err" &
    log_pid=$!
}

# end_log NAME: logs that are ended say what they did.
end_log() {
    kill -TERM $log_pid
    wait $log_pid
    matches "in the end" "$(cat "$NS_DIR/$1.err")" \
        "[0-9]+ flow events have been logged\.$"
}

# start_collector NAME udp|tcp ADDRESS PORT: its lines are in NAME.txt; sets
# collector_pid.
start_collector() {
    local name=$1

    shift
    $ipfix "$@" >"$NS_DIR/$name.txt" 2>"$NS_DIR/$name.err" &
    collector_pid=$!
    poll 20 grep -q ready "$NS_DIR/$name.txt"
}

# A client whose address is translated, with every protocol.
log_bridge() {
    stock_lacks "events"
    private_and_public
    snat_flows 10.9.9.240:34000-34100 [fd09::240]:34000-34100
    serve_echo server
    ip link set lo up
}

log_server() {
    ip_of $1 10.9.9.2 fd09::2
}

# log_traffic v4|v6 PORT: three connections.
log_traffic() {
    ask client udp "$(log_server $1)" 7 --sport $2
    ask client tcp "$(log_server $1)" 7 --sport $(($2 + 1))
    pings client "$(log_server $1)" >/dev/null
}

# of_port PORT PATTERN FILE: how many lines match both.
of_port() {
    grep "sourceTransportPort=$1\b" "$3" | grep -c -- "$2" || true
}

# IPFIX lines of FILE as one line each: what, protocol, ends, translation.
ipfix_ends() {
    python3 - "$1" <<'END'
import sys
for line in open(sys.argv[1]):
    if line.startswith('record '):
        f = dict(word.split('=') for word in line.split()[1:])
        get = lambda name: f.get(name + 'IPv4Address',
                                 f.get(name + 'IPv6Address'))
        print({'1': 'new', '2': 'destroy'}[f['firewallEvent']],
              f['protocolIdentifier'], f['ingressVRFID'], f['flowId'],
              get('source'), f['sourceTransportPort'], get('destination'),
              f.get('destinationTransportPort'),
              get('postNATSource') or get('source'),
              f.get('postNAPTSourceTransportPort', f['sourceTransportPort']),
              get('postNATDestination') or get('destination'),
              f.get('reversePacketTotalCount'), f.get('octetTotalCount'),
              f['flowStartMilliseconds'], f['observationTimeMilliseconds'])
END
}

# The same of JSON lines.
json_ends() {
    python3 - "$1" <<'END'
import json
import sys
for line in open(sys.argv[1]):
    e = json.loads(line)
    o, r, end = e['original'], e['reply'], e['event'] == 'destroy'
    print(e['event'], e['protocol'], e['zone'], e['id'], o['src'],
          o.get('sport', o.get('id')), o['dst'], o.get('dport'), r['dst'],
          r.get('dport', r.get('id')), r['src'],
          r['packets'] if end else None, o['bytes'] if end else None,
          e['start'] // 1000000, e['time'])
END
}

json_has() {
    json_ends "$1" | grep -q -- "$2"
}

# Two logs of the same connections say the same; a log that is rotated loses
# nothing.
scenario_ct_log_file() {
    local server=$(log_server $1) json_pid
    local public=$(ip_of $1 10.9.9.240 fd09::240)
    local family=$(ip_of $1 4 6)

    log_bridge
    start_log json --log "file:$NS_DIR/log.json" -o json -e NEW,DESTROY -w 1 \
        -f ip$1
    json_pid=$log_pid
    start_log ipfix --log "file:$NS_DIR/log.ipfix" -o ipfix -w 1 -f ip$1
    poll 20 both_logged $1
    log_traffic $1 5000
    poll 20 json_has log.json " 5001 $server"
    mv log.json log.json.1
    kill -HUP $json_pid $log_pid
    poll 20 test -e log.json
    log_traffic $1 6000
    trackway-ct -F
    poll 20 json_has log.json "^destroy 6 1 [0-9]* .* 6001 $server"
    poll 20 json_has log.json "^destroy 17 1 [0-9]* .* 5000 $server"
    end_log ipfix
    log_pid=$json_pid
    end_log json
    lacks "rotated" "$(json_ends log.json.1)" " 600[01] "
    same "begun before" "$(json_ends log.json.1 | grep -c 'new .* 500[01] ')" 2

    $ipfix decode log.ipfix >log.txt
    cat log.json.1 log.json >all.json
    json_ends all.json | sort >json
    ipfix_ends log.txt | sort >ipfix
    diff json ipfix
    same "mode" "$(stat -c %a log.json)" 640
    within "UDP" "$(of_port 6000 "postNATSourceIPv${family}Address=$public" \
        log.txt)" 2 2
    within "flushed" "$(grep -c flowEndReason=4 log.txt)" 6 100
    same "kind" "$(of_port 6001 natEvent=$(ip_of $1 4 1) log.txt)" 1
    same "kind" "$(of_port 6001 natEvent=$(ip_of $1 5 2) log.txt)" 1
    matches "answered" "$(grep flowEnd log.txt |
        grep sourceTransportPort=6000)" "reversePacketTotalCount=1 "
}

# Nobody misses what comes from here on.
both_logged() {
    ask client udp "$(log_server $1)" 7 --sport $((probe_port++))
    test -s log.json && $ipfix decode log.ipfix | grep -q record
}

# A collector that comes late knows the templates after a while.
scenario_ct_log_udp() {
    local to=$(ip_of $1 127.0.0.1 '[::1]') address=$(ip_of $1 127.0.0.1 ::1)

    log_bridge
    start_collector first udp $address 4739
    start_log udp --log udp:$to -o ipfix --template-refresh 1 \
        --observation-domain 77
    probe_port=7000
    poll 20 udp_logged $1 first
    log_traffic $1 5000
    poll 20 grep -q "sourceTransportPort=5001 *$" first.txt
    lacks "rules" "$(cat first.txt first.err)" "bad|Error"
    poll 20 grep -q "^options .*notSentFlowTotalCount=0 " first.txt

    kill $collector_pid
    start_collector second udp $address 4739
    poll 20 udp_logged $1 second
    log_traffic $1 6000
    poll 20 grep -q "sourceTransportPort=6001 *$" second.txt
    end_log udp

    # Lines, one a datagram.
    nc -l -u -k $address 5140 >lines.json &
    collector_pid=$!
    start_log lines --log udp:$to:5140 -o json -e NEW
    poll 20 udp_lines $1
    log_traffic $1 8000
    poll 20 grep -q '"sport":8001,' lines.json
    end_log lines
    kill $collector_pid
}

udp_logged() {
    ask client udp "$(log_server $1)" 7 --sport $((probe_port++))
    grep -q "^record" $2.txt
}

udp_lines() {
    ask client udp "$(log_server $1)" 7 --sport $((probe_port++))
    test -s lines.json
}

# A collector that goes away misses nothing of what comes meanwhile.
scenario_ct_log_tcp() {
    local to=$(ip_of $1 127.0.0.1 '[::1]') address=$(ip_of $1 127.0.0.1 ::1)
    local port

    log_bridge
    start_log tcp --log tcp:$to -o ipfix
    poll 20 grep -q "cannot connect: Connection refused" tcp.err
    start_collector first tcp $address 4739
    probe_port=7000
    poll 20 udp_logged $1 first
    log_traffic $1 5000
    poll 20 grep -q "sourceTransportPort=5001 *$" first.txt

    kill $collector_pid
    poll 20 grep -q "the connection has ended" tcp.err
    log_traffic $1 6000
    start_collector second tcp $address 4739
    poll 20 grep -q "sourceTransportPort=6001 *$" second.txt
    log_traffic $1 6100
    poll 20 grep -q "sourceTransportPort=6101 *$" second.txt
    end_log tcp
    poll 20 grep -q "^disconnected" second.txt
    lacks "rules" "$(cat first.txt second.txt first.err second.err)" \
        "bad|Error"
    lacks "losses" "$(cat tcp.err)" "lost"
    for port in 5000 5001 6000 6001 6100 6101; do
        same "records of $port" "$(cat first.txt second.txt |
            grep -c "firewallEvent=1 .*sourceTransportPort=$port *$")" 1
    done
    matches "in the end" "$(grep options second.txt | tail -n 1)" \
        "notSentFlowTotalCount=0 "

    # One that never comes: what was not sent is told.
    kill $collector_pid
    start_log nobody --log tcp:$to:4740 -o json
    poll 20 grep -q "cannot connect" nobody.err
    poll 20 feed_runs
    log_traffic $1 7500
    kill -TERM $log_pid
    wait $log_pid
    matches "in the end" "$(cat nobody.err)" "[0-9]+ events were lost\.$"
}

# Another program's collector understands it.
scenario_ct_log_nfcapd() {
    test -x "$(command -v nfcapd)" || skip "no nfcapd"
    log_bridge
    mkdir flows
    nfcapd -w "$NS_DIR/flows" -b 127.0.0.1 -p 4739 -t 2 >nfcapd.log 2>&1 &
    collector_pid=$!
    poll 20 grep -q "Startup nfcapd" nfcapd.log
    start_log nfcapd --log udp:127.0.0.1 -o ipfix -w 1 -f ipv4
    poll 20 feed_runs
    log_traffic v4 5000
    trackway-ct -F
    # A file is complete after two seconds.
    poll 30 nfdump_has 5000 17 create
    poll 30 nfdump_has 5000 17 delete
    poll 30 nfdump_has 5001 6 create
    poll 30 nfdump_has 5001 6 delete
    end_log nfcapd
    kill $collector_pid
}

# nfdump_has PORT PROTOCOL EVENT
nfdump_has() {
    nfdump -R flows -N -o json >flows.json 2>/dev/null
    python3 - flows.json "$@" <<'END'
import json
import sys
flows = json.load(open(sys.argv[1]))
port, proto, event = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
flow, = [flow for flow in flows if flow.get('src_port') == port
         and flow['nat_event'] == 'NAT44 session ' + event]
assert flow['proto'] == proto and flow['dst_port'] == 7, flow
assert flow['src4_xlt_ip'] == '10.9.9.240', flow
assert 34000 <= int(flow['src_xlt_port']) <= 34100, flow
assert flow['dst4_xlt_ip'] == flow['dst4_addr'] == '10.9.9.2', flow
assert flow['ingress_vrf'] == '1', flow
if event == 'delete':
    assert flow['in_packets'] and flow['out_packets'], flow
    assert flow['in_bytes'] and flow['out_bytes'], flow
    assert flow['first'] <= flow['last'], flow
END
}

# logged_or_lost LOG COUNT: so many events of new connections are in LOG, or it
# says that they are missing.
logged_or_lost() {
    test "$(python3 -c '
import json, sys
n = 0
for line in open(sys.argv[1]):
    event = json.loads(line)
    n += {"new": 1, "lost": event.get("count")}[event["event"]]
print(n)' "$1")" = "$2"
}

json_lost() {
    sed -n 's/.*"event":"lost".*"count":\([0-9]*\).*/\1/p' "$1" |
        awk '{ n += $1 } END { print n + 0 }'
}

# What is lost is in the log, and nothing is missing beside it.
scenario_ct_log_lost() {
    local before round json_pid lost

    stock_lacks "events"
    both_track
    serve server sink.log $tool sink 9
    start_log json -b 4096 -e NEW --log "file:$NS_DIR/log.json" -o json
    json_pid=$log_pid
    start_log ipfix -b 4096 -e NEW --log "file:$NS_DIR/log.ipfix" -o ipfix
    probe_port=5000
    poll 20 lost_hear
    poll 20 lost_heard
    kill -STOP $json_pid $log_pid
    before=$(counter created)
    : >log.json
    for round in $(seq 24); do
        open_some 10000 900
        ovs-appctl dpctl/flush-conntrack
    done
    kill -CONT $json_pid $log_pid
    poll 60 logged_or_lost log.json $(($(counter created) - before))
    lost=$(json_lost log.json)
    within "lost" $lost 1 1000000
    poll 60 ipfix_tells $(($(counter created) - before))
    end_log_lost ipfix
    log_pid=$json_pid
    end_log_lost json
    same "lost" "$(sed -n 's/.*: \([0-9]*\) events were lost\.$/\1/p' \
        json.err)" "$lost"
}

lost_hear() {
    open_some $((probe_port++)) 1
    test -s log.json && $ipfix decode log.ipfix | grep -q ^record
}

# Nothing is on its way: the last probe is in both.
lost_heard() {
    grep -q "\"sport\":$((probe_port - 1))," log.json &&
        $ipfix decode log.ipfix |
        grep -q "sourceTransportPort=$((probe_port - 1)) *$"
}

# ipfix_tells COUNT: so many connections of open_some are there, or missing.
ipfix_tells() {
    $ipfix decode log.ipfix >log.txt
    test "$(($(grep -c "sourceTransportPort=10[0-9][0-9][0-9] *$" log.txt) +
        $(sed -n 's/.*notSentFlowTotalCount=\([0-9]*\) .*/\1/p' log.txt |
            tail -n 1)))" = "$1"
}

end_log_lost() {
    kill -TERM $log_pid
    wait $log_pid
    matches "in the end" "$(cat "$NS_DIR/$1.err")" \
        "[0-9]+ events were lost\.$"
}
