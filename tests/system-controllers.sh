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
    poll 120 grep -q "ready, listening" controller.log
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
    poll 60 log_has "$@"
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

    # Who did not answer before has first to be asked again.
    poll 10 get client http://$host/ --connect-timeout 1
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
    poll 60 rule_packets_all 500
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
    reads_little_ahead "$1"
    in_ns "$1" curl -gsS --noproxy '*' --limit-rate 1M -o download.got "$2" \
        >download.log 2>&1 &
    download_pid=$!
    poll 60 download_has 1
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
    poll 60 download_has $(($(stat -c %s download.got) + 2000000))
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
    poll 60 ct_count_is 0 "dport=7001\)"
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
    poll 60 ct_count_is 0 "zone=12"
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
    poll 60 grep -Eq 'SSL_connect: .*certificate' ovs-vswitchd.log
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
    poll 60 disconnected
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
    # Who did not answer before has first to be asked again.
    poll 10 get client http://$host/ --connect-timeout 1
    same "page" "$(get client http://$host/)" "page of server"
}

# NAT gateway -----------------------------------------------------------------

# lan_and_server: client and client2 behind a switch of their own, br1; server
# outside, which knows nothing of their network.
lan_and_server() {
    need_os_ken
    start
    add_bridge br0
    add_bridge br1
    flows br1 <<<"actions=normal"
    add_host client br1 1 10.1.1.1/24 fd01::1/64
    add_host client2 br1 3 10.1.1.3/24 fd01::3/64
    join br0 10 br1 10
    add_host server br0 2 10.9.9.2/24 fd09::2/64
    for name in client client2; do
        ip -n $name route add default via 10.1.1.254
        ip -n $name -6 route add default via fd01::fe
    done
}

# nat_file ADDRESS TO: where port 7 is forwarded.
nat_file() {
    cat >nat.yaml <<END
outside:
  port: v-server
  addresses: [10.9.9.254/24, "fd09::fe/64"]
inside:
  lan:
    port: pt-br0-br1
    addresses: [10.1.1.254/24, "fd01::fe/64"]
    snat:
    - {pool: 10.9.9.240-10.9.9.241, ports: 34000-34999}
    - {pool: "fd09::240-fd09::241", ports: 34000-34999}
forwards:
  web: {address: 10.9.9.242, protocol: tcp, ports: 8080, to: 10.1.1.3, to_ports: 80}
  web6: {address: "fd09::242", protocol: tcp, ports: 8080, to: "fd01::3", to_ports: 80}
  echo: {address: $1, protocol: tcp, ports: 7, to: $2}
helpers: [ftp]
END
}

scenario_nat_gateway() {
    local server=$(ip_of $1 10.9.9.2 fd09::2)
    local host=$(ip_of $1 10.9.9.2 [fd09::2])
    local web=$(ip_of $1 10.9.9.242 [fd09::242])
    local pool=$(ip_of $1 '10\.9\.9\.24[01]' 'fd09::24[01]')
    local proto reply

    lan_and_server
    nat_file $(ip_of $1 "10.9.9.242 10.1.1.3" "fd09::242 fd01::3")
    serve_http client2
    serve_http server
    serve_echo server
    serve_echo client2
    serve_ftp server $server
    serve server sniff.log $tool sniff eth0
    refute get client http://$host/ --connect-timeout 0.5
    controlled nat nat.yaml

    # Who did not answer before has first to be asked again.
    poll 10 get client http://$host/ --connect-timeout 1
    same "page" "$(get client http://$host/)" "page of server"
    for proto in udp tcp; do
        matches "peer" "$(ask client $proto $server 7 --sport 5000)" \
            "^peer=$pool port=34[0-9]{3} hello"
    done
    matches "ping" "$(pings client $server)" "3 received"
    fetch client ftp://$host/
    fetch client ftp://$host/ --ftp-port -

    # From outside only what is forwarded.
    same "forwarded" "$(get server http://$web:8080/)" "page of server"
    refute get server http://$web/ --connect-timeout 0.5
    refute ask server tcp $(ip_of $1 10.9.9.240 fd09::240) 7 --timeout 0.5
    # From inside to the same address, by way of the gateway and back.
    same "hairpin" "$(get client http://$web:8080/)" "page of server"
    matches "peer" "$(ask client tcp $(ip_of $1 10.9.9.242 fd09::242) 7)" \
        "^peer=$(ip_of $1 10.1.1.254 fd01::fe) "
    lacks "packets" "$(cat sniff.log)" "BAD|10.1.1.[13]>|fd01::[13]>"
}

# A forwarding goes: its connections end, others stay; with the controller away
# all stay.
scenario_nat_restart() {
    local host=$(ip_of $1 10.9.9.2 [fd09::2])
    local web=$(ip_of $1 10.9.9.242 fd09::242)

    lan_and_server
    nat_file $(ip_of $1 "10.9.9.242 10.1.1.3" "fd09::242 fd01::3")
    serve_http server
    serve_echo client2
    big_file 100000000
    controlled_tls nat nat.yaml
    start_download client http://$host/big
    start_talk server $web 7 6000
    say one
    restarts nat nat.yaml
    say two

    nat_file $(ip_of $1 "10.9.9.243 10.1.1.3" "fd09::243 fd01::3")
    refresh nat.yaml
    poll 60 ct_count_is 0 "dst=$web,.*dport=7\)"
    echo three >&8
    matches "new address" "$(ask server tcp $(ip_of $1 10.9.9.243 fd09::243) 7)" "hello"
    lacks "talk" "$(cat talk.log)" "three"
    end_talk
    end_download
}

# Load balancer ---------------------------------------------------------------

# clients_and_farm: client, and the back ends one, two and three; the
# controller's host is on the bridge as well, for the checks.
clients_and_farm() {
    local name port=2

    need_os_ken
    start
    add_bridge br0
    add_host client br0 1 10.1.1.1/24 fd01::1/64
    for name in one two three; do
        add_host $name br0 $port 10.1.1.1$port/24 fd01::1$port/64
        port=$((port + 1))
    done
    add_addresses_here br0 10.1.1.250/24 fd01::250/64
}

add_addresses_here() {
    ip link set "$1" up
    ip addr add "$2" dev "$1"
    ip addr add "$3" dev "$1" nodad
}

# farm_file v4|v6 AFFINITY ON-DOWN: 10.1.1.100 port 80 to port 8080 of three.
farm_file() {
    local net=$(ip_of $1 10.1.1. fd01::)

    cat >lb.yaml <<END
services:
  web:
    address: ${net}100
    protocol: tcp
    port: 80
    affinity: $2
    on_down: $3
    check: {type: http, path: /alive, interval: 0.3, fall: 2, rise: 2}
    back_ends:
    - {address: ${net}12, port: 8080}
    - {address: ${net}13, port: 8080, weight: 2}
    - {address: ${net}14, port: 8080}
END
}

# serve_farm [NAME...]: web servers that answer with their names.
serve_farm() {
    local name

    for name; do
        mkdir -p www-$name
        echo $name >www-$name/index.html
        touch www-$name/alive
        serve $name http-$name.log python3 -u -m http.server 8080 \
            --bind :: --directory $NS_DIR/www-$name
    done
}

# asked COUNT URL: who answered, and how often: "10 one 20 two".
asked() {
    local i

    for ((i = 0; i < $1; i++)); do
        get client "$2" --connect-timeout 10
    done | sort | uniq -c | xargs
}

all_up() {
    await_log 3 "back end .* is up"
    await_log 3 "has Ethernet address"
    poll 60 assigns 3
}

# assigns COUNT: the bridge gives new connections to so many back ends.
assigns() {
    {
        ovs-ofctl -O OpenFlow14 dump-groups br0
        ovs-ofctl -O OpenFlow14 dump-flows br0 table=2
    } | grep -o 'nat(dst=[^)]*)' | sort -u >assigned
    test "$(wc -l <assigned)" = "$1"
}

scenario_lb_health() {
    local vip=$(ip_of $1 10.1.1.100 [fd01::100])
    local seen

    clients_and_farm
    serve_farm one two three
    big_file 100000000
    mv www/big www-one/ && ln www-one/big www/big
    for name in two three; do ln www-one/big www-$name/big; done
    farm_file $1 none end
    refute get client http://$vip/ --connect-timeout 0.5
    controlled lb lb.yaml
    all_up
    seen=$(asked 40 http://$vip/)
    for name in one two three; do
        matches "answers" "$seen" "[0-9] $name"
    done

    # Whoever is down gets nothing new, and what it had ends.
    start_download client http://$vip/big
    name=$(downloads_from)
    rm www-$name/alive
    await_log 1 "back end .* is down: status 404"
    poll 60 download_gone
    lacks "answers" "$(asked 20 http://$vip/)" "$name"
    poll 60 ct_count_is 0 "dport=80\).*src=$(address_of $1 $name),.*ESTABLISHED"

    # And again when it is back.
    touch www-$name/alive
    await_log 4 "back end .* is up"
    poll 60 gets_one_from $name http://$vip/

    # The other way: the server itself dies.
    kill "$(in_ns two ss -Hltnp sport = :8080 | sed -n 's/.*pid=\([0-9]*\).*/\1/p')"
    await_log 1 "back end .*$(address_of $1 two) .* is down"
    lacks "answers" "$(asked 20 http://$vip/)" "two"
}

address_of() {
    case $2 in
        one) ip_of $1 10.1.1.12 fd01::12 ;;
        two) ip_of $1 10.1.1.13 fd01::13 ;;
        three) ip_of $1 10.1.1.14 fd01::14 ;;
    esac
}

# downloads_from: who has the connection of the download.
downloads_from() {
    local name

    for name in one two three; do
        if in_ns $name ss -Htn state established sport = :8080 |
                grep -Eq '10.1.1.1\]?:|fd01::1\]:'; then
            echo $name
        fi
    done
}

download_gone() {
    ! kill -0 $download_pid 2>/dev/null
}

gets_one_from() {
    asked 5 "$2" | grep -qw "$1"
}

# One client, one back end.  When that drains the download goes on, and new
# connections go elsewhere.
scenario_lb_affinity() {
    local vip=$(ip_of $1 10.1.1.100 [fd01::100])
    local name

    clients_and_farm
    serve_farm one two three
    big_file 100000000
    for name in one two three; do ln www/big www-$name/big; done
    farm_file $1 source drain
    controlled lb lb.yaml
    all_up
    name=$(get client http://$vip/)
    same "answers" "$(asked 10 http://$vip/)" "10 $name"
    start_download client http://$vip/big
    rm www-$name/alive
    await_log 1 "is down"
    poll 60 gets_none_from $name http://$vip/
    end_download
}

gets_none_from() {
    ! gets_one_from "$@"
}

scenario_lb_restart() {
    local vip=$(ip_of $1 10.1.1.100 [fd01::100])
    local name

    clients_and_farm
    serve_farm one two three
    big_file 100000000
    for name in one two three; do ln www/big www-$name/big; done
    farm_file $1 none end
    controlled_tls lb lb.yaml
    all_up
    start_download client http://$vip/big
    restarts lb lb.yaml
    matches "answers" "$(asked 10 http://$vip/)" "[0-9] (one|two|three)"
    end_download
}
