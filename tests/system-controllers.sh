# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: the controllers.  Bridges begin with fail_mode=secure and without
# any flow: nothing passes but by what a controller does.

# need_os_ken: the controllers run with Debian's own interpreter.
need_os_ken() {
    $system_python -c 'import os_ken' 2>/dev/null || skip "no python3-os-ken"
}

# start_controller APPLICATION FILE [OPTION...]
start_controller() {
    need_os_ken
    $system_python -u "$tests/../utilities/trackway-$1" "${@:2}" \
        --pidfile controller.pid >>controller.log 2>&1 </dev/null &
    poll 30 grep -q "ready, listening" controller.log
    controller_pid=$(cat controller.pid)
}

# stop_controller [SIGNAL]
stop_controller() {
    kill "-${1-TERM}" "$controller_pid"
    wait "$controller_pid" || true
    mv controller.log "controller-$controller_pid.log"
}

# await_log COUNT REGEX: lines of the controller's log.
await_log() {
    poll 30 log_has "$@"
}

log_has() {
    test "$(grep -Ec -- "$2" controller.log)" -ge "$1"
}

# connect_to METHOD: br0 tries every second.
connect_to() {
    ovs-vsctl set-controller br0 "$1:127.0.0.1:6653" -- \
        set controller br0 connection_mode=out-of-band max_backoff=1000
}

# controlled APPLICATION FILE [OPTION...]: with br0 connected to it.
controlled() {
    start_controller "$@"
    connect_to tcp
    await_log 1 "flows kept"
}

# refresh FILE: has the file read again, and waits until it was.
refresh() {
    local before=$(grep -c "configuration read again" controller.log || true)

    touch "$1"
    await_log $((before + 1)) "configuration read again"
}

# Firewall --------------------------------------------------------------------

# policy RULES: client behind the one port, server behind the other.
policy() {
    cat >policy.yaml <<END
log: {rate: 5, burst: 10}
zones:
  inside: {ports: [v-client], prefixes: [10.1.1.1, "fd01::1"]}
  outside: {ports: [v-server]}
rules:
$1
END
}

web_policy() {
    policy "  - {name: web, from: inside, to: outside, protocol: tcp,
     ports: [80, 7000-7010]}
  - {name: ftp, from: inside, to: outside, helper: ftp}
  - {name: ping, from: inside, protocol: icmp, types: echo-request}
  - {name: ping6, from: inside, protocol: icmpv6, types: [echo-request]}"
}

scenario_firewall_policy() {
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local host=$(ip_of $1 10.1.1.2 [fd01::2])

    need_os_ken
    two_hosts
    serve_http client
    serve_http server
    serve_echo server
    serve_ftp server $server
    web_policy
    refute get client http://$host/ --connect-timeout 0.5
    controlled firewall policy.yaml

    same "page" "$(get client http://$host/)" "page of server"
    matches "ping" "$(pings client $server)" "3 received"
    fetch client ftp://$host/
    poll 5 ct_has "dport=21\).*helper=ftp"

    # What no rule allows, from either side, is told.
    refute ask client tcp $server 7 --timeout 0.5
    refute get server "$(url $1 10.1.1.1 fd01::1)" --connect-timeout 0.5
    refute pings server $(ip_of $1 10.1.1.1 fd01::1) -W 0.2
    await_log 1 "denied: default tenant=default from=inside to=outside port=1 tcp $(ip_of $1 10.1.1.1 fd01::1) port [0-9]+ > $server port 7"
    await_log 1 "denied: default .*from=outside to=inside port=2 tcp $server"
    await_log 1 "denied: default .*from=outside to=inside port=2 icmp"

    # An address that is not the zone's.
    add_addresses client eth0 10.1.1.99/24 fd01::99/64
    refute ask client tcp $server 80 --timeout 0.5 \
        --source $(ip_of $1 10.1.1.99 fd01::99)
    await_log 1 "denied: source tenant=\? .*tcp $(ip_of $1 10.1.1.99 fd01::99) "
}

# Five hundred packets are denied; few of them are told.
scenario_firewall_log() {
    local lines seconds

    need_os_ken
    two_hosts
    web_policy
    controlled firewall policy.yaml
    seconds=$EPOCHSECONDS
    in_ns client $tool datagrams 10.1.1.1 10.1.1.2 2000 500 --port 9
    await_log 5 "denied: default .* udp 10.1.1.1 port 2[0-9]{3} > 10.1.1.2"
    poll 10 rule_packets_all 500
    lines=$(grep -c "denied:.* udp" controller.log)
    seconds=$((EPOCHSECONDS - seconds + 2))
    within "lines of 500" "$lines" 5 $((10 + 5 * seconds))
}

# rule_packets_all COUNT: the last rule of the policy saw all of them.
rule_packets_all() {
    ovs-ofctl -O OpenFlow14 dump-flows br0 table=3 |
        sed -n 's/.*n_packets=\([0-9]*\).*priority=0 .*/\1/p' |
        grep -qx "$1"
}

# start_download NAMESPACE URL: of big_file(), at 1 MB/s, in the background.
start_download() {
    in_ns "$1" curl -gsS --noproxy '*' --limit-rate 1M -o download.got "$2" \
        >download.log 2>&1 &
    download_pid=$!
    poll 10 download_has 1
}

download_has() {
    test "$(stat -c %s download.got)" -ge "$1"
}

downloading() {
    kill -0 $download_pid
}

# end_download: it still goes on, and what arrived is what was sent.
end_download() {
    local size

    downloading || fail "the download has ended: $(cat download.log)"
    poll 20 download_has $(($(stat -c %s download.got) + 2000000))
    kill $download_pid
    wait $download_pid || true
    size=$(stat -c %s download.got)
    cmp -n "$size" download.got www/big
    log "downloaded $size bytes"
    rm www/big download.got
}

# Established connections stay as long as the policy allows them, by whichever
# rule; what it forbids ends, and is gone from the tracker.
scenario_firewall_reload() {
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local host=$(ip_of $1 10.1.1.2 [fd01::2])
    local client=$(ip_of $1 10.1.1.1 fd01::1)

    need_os_ken
    two_hosts
    serve_http server
    serve_echo server 7001
    big_file 100000000
    web_policy
    controlled firewall policy.yaml
    start_talk client $server 7001 6000
    say one
    start_download client http://$host/big

    # The same in other words: other rules, other marks.
    policy "  - {name: no, from: outside, action: deny}
  - {name: all, from: inside, to: outside, protocol: tcp}"
    refresh policy.yaml
    say two
    downloading
    poll 5 ct_has "dport=7001\).*mark="
    lacks "log" "$(cat controller.log)" "denied: ended"

    # A mistake changes nothing.
    policy "  - {name: all, from: inside, to: outsight, protocol: tcp}"
    kill -HUP $controller_pid
    await_log 1 "policy.yaml:6: rules\[0\].to: 'outsight' is none of inside, outside, any"
    say three

    # One of the two is forbidden.
    policy "  - {name: web, from: inside, to: outside, protocol: tcp, ports: 80}"
    refresh policy.yaml
    echo four >&8
    await_log 1 "denied: ended tenant=default .* port 7001"
    poll 10 ct_count_is 0 "dport=7001\)"
    lacks "talk" "$(cat talk.log)" "four"
    refute ask client tcp $server 7001 --timeout 0.5
    end_download
    end_talk
    ct_has "src=$client,.*dport=80\)"
}

# With one tenant's addresses in the other's network.
scenario_firewall_tenants() {
    need_os_ken
    start
    add_bridge br0
    add_host client br0 1 10.1.1.1/24
    add_host server br0 2 10.1.1.2/24
    add_host client2 br0 3 10.1.1.1/24
    add_host server2 br0 4 10.1.1.2/24
    ovs-vsctl set port v-client tag=1 -- set port v-server tag=1 -- \
        set port v-client2 tag=2 -- set port v-server2 tag=2
    serve_echo server
    serve_echo server2
    cat >policy.json <<END
{"tenants": {
  "red": {"ct_zone": 11,
    "zones": {"in": {"ports": 1, "prefixes": "10.1.1.1"}, "out": {"ports": 2}},
    "rules": [{"from": "in", "protocol": "tcp"}]},
  "blue": {"ct_zone": 12,
    "zones": {"in": {"ports": "3", "prefixes": "10.1.1.1"},
              "out": {"ports": ["v-server2"]}},
    "rules": [{"from": "in", "protocol": "udp"}]}}}
END
    controlled firewall policy.json
    matches "red" "$(ask client tcp 10.1.1.2 7 --sport 5000)" "hello"
    matches "blue" "$(ask client2 udp 10.1.1.2 7 --sport 5000)" "hello"
    refute ask client udp 10.1.1.2 7 --timeout 0.5
    refute ask client2 tcp 10.1.1.2 7 --timeout 0.5
    await_log 1 "denied: default tenant=red from=in to=out port=1 udp"
    await_log 1 "denied: default tenant=blue from=in to=out port=3 tcp"
    ct_has "tcp,.*zone=11" && ct_has "udp,.*zone=12"

    # Blue is dissolved, and its connections with it; red's are not.
    $system_python - <<END
import json
policy = json.load(open('policy.json'))
del policy['tenants']['blue']
json.dump(policy, open('policy.new', 'w'))
END
    mv policy.new policy.json
    await_log 1 "configuration read again"
    poll 10 ct_count_is 0 "zone=12"
    ct_has "tcp,.*zone=11"
    refute ask client2 udp 10.1.1.2 7 --timeout 0.5
}

# Certificates ----------------------------------------------------------------

# pki DIRECTORY: two authorities; keys and certificates of a controller, ctl,
# and of a switch, sw.
pki() {
    mkdir "$1"
    (
        cd "$1"
        ovs-pki --dir=pki --log=ovs-pki.log init
        ovs-pki --dir=pki --log=ovs-pki.log req+sign ctl controller
        ovs-pki --dir=pki --log=ovs-pki.log req+sign sw switch
    ) >"$1.log" 2>&1
}

# switch_tls PKI PKI-OF-CONTROLLERS
switch_tls() {
    ovs-vsctl set-ssl "$NS_DIR/$1/sw-privkey.pem" "$NS_DIR/$1/sw-cert.pem" \
        "$NS_DIR/$2/pki/controllerca/cacert.pem"
}

# tls PKI PKI-OF-SWITCHES: options for a controller.
tls() {
    echo "--private-key $1/ctl-privkey.pem --certificate $1/ctl-cert.pem" \
         "--ca-cert $2/pki/switchca/cacert.pem"
}

# controlled_tls APPLICATION FILE: by way of PKI good.
controlled_tls() {
    test -d good || pki good
    switch_tls good good
    start_controller "$@" $(tls good good)
    connect_to ssl
    await_log 1 "flows kept"
}

scenario_controller_tls() {
    need_os_ken
    two_hosts
    serve_http server
    web_policy
    pki good
    pki bad
    start_controller firewall policy.yaml $(tls good good)

    # A switch that others have signed.
    switch_tls bad good
    connect_to ssl
    await_log 1 "refused 127.0.0.1 port [0-9]+: .*certificate"
    # One that does not want TLS.
    connect_to tcp
    await_log 1 "refused 127.0.0.1 port [0-9]+: .*(SSL|WRONG_VERSION|TLS)"
    # One that does not trust the controller.
    switch_tls good bad
    connect_to ssl
    poll 30 grep -Eq 'SSL_connect: .*certificate' ovs-vswitchd.log
    lacks "log" "$(cat controller.log)" "connected from"
    lacks "flows" "$(ovs-ofctl dump-flows br0)" "actions="
    refute get client http://10.1.1.2/ --connect-timeout 0.5

    switch_tls good good
    await_log 1 "flows kept"
    same "page" "$(get client http://10.1.1.2/)" "page of server"

    # The controller's own files.
    refute $system_python "$tests/../utilities/trackway-firewall" \
        policy.yaml --private-key good/ctl-privkey.pem \
        --certificate bad/ctl-cert.pem \
        --ca-cert good/pki/switchca/cacert.pem --listen 127.0.0.1:6654
}

# restarts APPLICATION FILE: dies and comes back during a download.
restarts() {
    stop_controller KILL
    downloading
    poll 20 disconnected
    downloading
    start_controller "$1" "$2" $(tls good good)
    await_log 1 "flows kept, 0 added, 0 deleted"
}

disconnected() {
    test "$(ovs-vsctl get controller . is_connected)" = false
}

scenario_firewall_restart() {
    local host=$(ip_of $1 10.1.1.2 [fd01::2])

    need_os_ken
    two_hosts
    serve_http server
    big_file 100000000
    web_policy
    controlled_tls firewall policy.yaml
    start_download client http://$host/big
    restarts firewall policy.yaml
    end_download
    # Not one packet of it was denied.
    lacks "log" "$(cat controller*.log)" "denied:"
    # A new connection as well.
    same "page" "$(get client http://$host/)" "page of server"
}
