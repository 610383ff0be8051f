# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: the operator's guide and the pages for those who come from
# elsewhere do what they say.

# guide_blocks PAGE WORD: blocks behind ".. WORD" in a page of Documentation,
# each in a file WORD/NN.
guide_blocks() {
    mkdir "$2"
    awk -v word="$2" '
        $0 == ".. " word { wanted = 1; next }
        wanted && /::$/ { n++; inside = 1; wanted = 0; next }
        /^[^ ]/ { inside = 0 }
        inside && /^    / {
            print substr($0, 5) > sprintf("%s/%02d", word, n)
        }' "$tests/../Documentation/$1.rst"
}

# Each block as an operator types it, with connections there.
scenario_guide() {
    local block

    stock_lacks "the commands of the guide"
    two_hosts
    flows br0 <<END
actions=normal
END
    serve_http server
    get client http://10.1.1.2/
    guide_blocks operators-guide run
    within "blocks" "$(ls run | wc -l)" 20 99
    for block in run/*; do
        in_ns client $tool open tcp 10.1.1.2 80 3 >/dev/null
        log "$(cat "$block")"
        bash -euo pipefail "$block" </dev/null ||
            fail "a command of this block failed"
    done
    within "forwarded" \
        "$(ct_count "src=10.1.1.1,dst=10.1.1.241.*src=10.1.1.2,dst=10.1.1.1")" \
        1 99
    within "translated" "$(ct_count "src=10.1.1.2,dst=10.1.1.240")" 1 999
}

# From netdev, with what the page says to keep the flows.
scenario_guide_netdev() {
    local before

    stock_lacks "a way to itself"
    two_hosts
    ovs-vsctl set bridge br0 datapath_type=netdev
    firewall
    pings client 10.1.1.2
    before=$(ovs-ofctl -O OpenFlow15 --no-stats dump-flows br0 | sort)
    guide_blocks migrate-netdev run
    bash -euo pipefail run/01
    same "type" "$(ovs-vsctl get bridge br0 datapath_type)" trackway
    same "flows" "$(ovs-ofctl -O OpenFlow15 --no-stats dump-flows br0 |
                    sort)" "$before"
    matches "ping" "$(pings client 10.1.1.2)" "3 received"
    ct_has "^icmp"
}

# The rules for nftables are rules, and the flows do the same.
scenario_guide_conntrack() {
    two_hosts
    guide_blocks migrate-conntrack nft
    guide_blocks migrate-conntrack flows
    if command -v nft >/dev/null; then
        nft -c -f nft/01
    fi
    ovs-vsctl set-fail-mode br0 secure
    new_flows br0 <flows/01
    ip -n server route add 192.0.2.1 dev eth0
    ip -n server neigh add 192.0.2.1 dev eth0 lladdr \
        "$(in_ns client cat /sys/class/net/eth0/address)"
    matches "from inside" "$(pings client 10.1.1.2)" "3 received"
    ct_has "^icmp.*dst=192.0.2.1"
    refute pings server 10.1.1.1 -c 1 -W 1
}
