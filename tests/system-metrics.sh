# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: metrics.

# metric NAME LABEL=VALUE...: the sum of the samples that have these labels, as
# a parser of the format reads them from FILE 'metrics.txt'.
metric() {
    $system_python - "$NS_DIR/metrics.txt" "$@" <<'END'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families

path, name, *wanted = sys.argv[1:]
wanted = dict(word.split('=', 1) for word in wanted)
with open(path) as file:
    families = list(text_string_to_metric_families(file.read()))
found = [sample.value for family in families for sample in family.samples
         if sample.name == name
         and wanted.items() <= sample.labels.items()]
print('%d' % sum(found) if found else 'none')
END
}

needs_openmetrics_parser() {
    $system_python -c 'import prometheus_client' ||
        skip "no python3-prometheus-client"
}

get_metrics() {
    ovs-appctl trackway/metrics >"$NS_DIR/metrics.txt"
}

# Metrics say what dumps, counters and limits say.
scenario_metrics() {
    stock_lacks "trackway/metrics"
    needs_openmetrics_parser
    two_zones
    ovs-appctl dpctl/ct-set-limits zone=2,limit=100
    ovs-appctl dpctl/ct-set-maxconns 12345
    get_metrics
    same "udp" "$(metric trackway_connections zone=1 protocol=udp \
                         state=REPLIED)" 1
    same "tcp" "$(metric trackway_connections zone=2 protocol=tcp)" 1
    same "both" "$(metric trackway_connections)" 2
    same "limit" "$(metric trackway_zone_connections_limit zone=2)" 100
    same "no limit" "$(metric trackway_zone_connections_limit zone=1)" none
    same "maximum" "$(metric trackway_connections_max)" 12345
    same "created" "$(metric trackway_connection_events_total \
                             event=created)" 2
    same "ports" "$(metric trackway_nat_ports_used)" none
    within "packets" "$(metric trackway_thread_packets_total kind=packets)" \
        8 200

    # What goes wrong is counted by reason, in its zone too.
    ovs-appctl dpctl/ct-set-limits zone=1,limit=1
    same "answered" "$(in_ns client $tool open udp 10.1.1.2 7 1 \
                       --sport 5000 --timeout 0.5)" 0
    ovs-appctl dpctl/flush-conntrack
    get_metrics
    within "refused" "$(metric trackway_connection_refused_total \
                               reason=drop-zone-limit)" 1 5
    within "of zone" "$(metric trackway_zone_refused_total zone=1 \
                               reason=drop-zone-limit)" 1 5
    same "flushed" "$(metric trackway_connections)" none
}

# A name that would end its label, or mean another one.
scenario_metrics_name() {
    local name='a"b\n,\'

    stock_lacks "trackway/metrics"
    needs_openmetrics_parser
    two_zones
    ovs-appctl dpctl/add-dp "trackway@$name"
    get_metrics
    same "maximum" "$(metric trackway_connections_max datapath="$name")" \
        3000000
    same "created" "$(metric trackway_connection_events_total \
                             event=created datapath="$name")" 0
    ovs-appctl dpctl/del-dp "trackway@$name"
}

# Ports of a translation's address.
scenario_metrics_nat() {
    stock_lacks "trackway/metrics"
    needs_openmetrics_parser
    two_hosts
    flows br0 <<END
$neighbours
priority=50,in_port=1,udp actions=ct(commit,zone=3,nat(src=10.1.1.240)),2
priority=50,in_port=2,udp actions=ct(zone=3,nat,table=1)
table=1,in_port=2,ct_state=+trk+est actions=1
END
    serve server sink.log $tool sink 9
    same "answered" "$(in_ns client $tool open udp 10.1.1.2 9 5 \
                       --sport 5000 --timeout 0.5)" 0
    get_metrics
    same "ports" "$(metric trackway_nat_ports_used zone=3 protocol=udp \
                           address=10.1.1.240)" 5
}

# exporter_says STATUS
exporter_says() {
    test "$(curl -s -o "$NS_DIR/error.txt" -w '%{http_code}' \
            http://127.0.0.1:9475/metrics)" = "$1"
}

# Over HTTP, and what it says when there is no daemon.
scenario_exporter() {
    local url=http://127.0.0.1:9475

    stock_lacks "trackway/metrics"
    needs_openmetrics_parser
    two_zones
    trackway-exporter >"$NS_DIR/exporter.log" 2>&1 </dev/null &
    exporter_pid=$!
    poll 10 grep -q ready "$NS_DIR/exporter.log"
    matches "headers" "$(curl -sI $url/metrics)" \
        "Content-Type: application/openmetrics-text"
    curl -sf $url/metrics >"$NS_DIR/metrics.txt"
    same "tcp" "$(metric trackway_connections zone=2 protocol=tcp)" 1
    same "elsewhere" "$(curl -s -o /dev/null -w '%{http_code}' $url/x)" 404

    # More clients than it takes: the others are hung up, and all is well when
    # these have gone.
    python3 - <<'END'
import socket
socks = [socket.create_connection(('127.0.0.1', 9475)) for _ in range(40)]
for s in socks[32:]:
    s.settimeout(20)
    assert s.recv(1) == b''
END
    poll 10 curl -sf -o /dev/null $url/metrics

    stop_vswitchd
    poll 10 exporter_says 503
    matches "says why" "$(cat "$NS_DIR/error.txt")" "ovs-appctl:"
    start_vswitchd
    poll 10 curl -sf -o /dev/null $url/metrics
    kill $exporter_pid
    wait $exporter_pid
    matches "address in words" \
        "$(trackway-exporter --listen nowhere 2>&1 || true)" "ADDRESS:PORT"
}
