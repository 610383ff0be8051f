# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: PPTP.  pptp-talk.py speaks for both ends, message by message, and
# says what arrives; the same conversation goes through a router of the
# kernel's, and what comes of both is compared.

# pptp_talk LOG CLIENT SERVER SERVER-ADDRESS OWN-ADDRESS <SCRIPT
pptp_talk() {
    local file=$1

    shift
    python3 "$tests/pptp-talk.py" "$@" >"$file"
    lacks "conversation" "$(cat "$file")" "failed"
}

# pptp_flows V4-NAT V6-NAT: from port 1 to servers at port 2.
pptp_flows() {
    new_flows br0 <<END
$neighbours
priority=50,ip actions=ct(zone=1,nat,table=1)
priority=50,ipv6 actions=ct(zone=1,nat,table=1)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp,tp_dst=1723 actions=ct(commit,zone=1$1),resubmit(,2)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp6,tp_dst=1723 actions=ct(commit,zone=1$2),resubmit(,2)
table=1,priority=50,ct_state=+trk+new+rel,ip actions=ct(commit,zone=1,nat),resubmit(,2)
table=1,priority=50,ct_state=+trk+new+rel,ipv6 actions=ct(commit,zone=1,nat),resubmit(,2)
table=1,priority=40,ct_state=+trk-new-inv actions=resubmit(,2)
table=2,in_port=1 actions=mod_dl_dst:02:00:00:00:00:02,2
table=2,in_port=2 actions=mod_dl_dst:02:00:00:00:00:01,1
END
    ovs-appctl trackway/helper-add zone=1 proto=tcp port=1723 helper=pptp
}

# A call that is up, and packets that are of none.
pptp_call() {
    cat <<'END'
A connect
# before the session is on
A> out-request id=7
A< out-reply id=9 peer=7 result=1
A> gre 9
A> start-request
A< start-reply version=256 result=1
A> echo-request n=5
A< echo-reply n=5
# a call of the client's
A> out-request id=7
A< out-reply id=9 peer=@out-request.id result=1
A> gre 9
A< gre @out-request.id
A> gre 9
A< gre 88
A> gre 89
A> gre0
END
}

# What it ends with, and others.
pptp_script() {
    pptp_call
    cat <<'END'
A< link-info peer=@out-request.id
A< wan-error peer=@out-request.id
A> link-info peer=9
A> clear-request id=7
A< disconnect id=9
A> gre 9
# the server speaks first
A> out-request id=17
A< out-reply id=19 peer=@out-request.id result=1
A< gre @out-request.id
A> gre 19
A< gre @out-request.id
A< disconnect id=19
# it is busy
A> out-request id=27
A< out-reply id=29 peer=@out-request.id result=4
A> gre 29
A> stop-request
A< stop-reply result=1
END
}

# pptp_kernel_router KIND: kclient - krouter - kserver, with the same addresses.
pptp_kernel_router() {
    local n nat=

    for n in client router server; do
        ip netns add k$n
    done
    ip -n kclient link add eth0 type veth peer name c netns krouter
    ip -n kserver link add eth0 type veth peer name s netns krouter
    ip -n kclient addr add 10.1.1.1/24 dev eth0
    ip -n kserver addr add 10.9.9.2/24 dev eth0
    ip -n krouter addr add 10.1.1.254/24 dev c
    ip -n krouter addr add 10.1.1.100/24 dev c
    ip -n krouter addr add 10.9.9.254/24 dev s
    ip -n krouter addr add 10.9.9.240/24 dev s
    for n in c s; do
        ip -n krouter link set $n up
    done
    ip -n kclient link set eth0 up
    ip -n kserver link set eth0 up
    ip -n kclient route add default via 10.1.1.254
    ip -n kserver route add default via 10.9.9.254
    in_ns krouter sysctl -qw net.ipv4.ip_forward=1
    case $1 in
        snat) nat='chain nat { type nat hook postrouting priority srcnat;
                   oifname "s" snat to 10.9.9.240; }' ;;
        dnat) nat='chain nat { type nat hook prerouting priority dstnat;
                   ip daddr 10.1.1.100 dnat to 10.9.9.2; }' ;;
    esac
    in_ns krouter nft -f - <<END
table ip t {
    ct helper p { type "pptp" protocol tcp; }
    chain early { type filter hook prerouting priority 0;
        tcp dport 1723 ct helper set "p"; }
    chain f { type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "c" tcp dport 1723 ct state new accept; }
    $nat
}
END
}

# one_form <LOG: ids that were replaced are written as they were; of a
# disconnect only that it came: the kernel takes its id for the client's.
one_form() {
    awk '/-> from/ { $NF = "HOST" }
         /disconnect/ { sub(/ -> .*/, "") }
         $2 == "out-request" { split($3, own, "="); split($5, seen, "=") }
         { for (i = 1; i <= NF; i++)
               if ($i ~ "=" seen[2] ":?$") sub(seen[2], own[2], $i)
           print }'
}

# gre_tuples: connections of GRE as conntrack(8) writes them, our way.
gre_tuples() {
    in_ns krouter conntrack -L -p gre 2>/dev/null |
        sed -n 's/^gre .* \(src=[^ ]*\) \(dst=[^ ]*\) srckey=\([^ ]*\) dstkey=\([^ ]*\) \(src=[^ ]*\) \(dst=[^ ]*\) srckey=\([^ ]*\) dstkey=\([^ ]*\) \[ASSURED\].*/\1,\2 \3 \4 \5,\6 \7 \8/p' |
        while read -r a s d b rs rd; do
            printf '47,orig=(%s,sport=%d,dport=%d),reply=(%s,sport=%d,dport=%d)\n' $a $s $d $b $rs $rd
        done
}

# pptp_compare KIND ADDRESS: our log and connections, and the kernel's.
pptp_compare() {
    test -x "$(command -v conntrack)" || skip "no conntrack(8)"
    pptp_kernel_router $1
    pptp_call | pptp_talk k.log kclient kserver $2 10.9.9.2
    gre_tuples | sed "s/dport=$(shown_id k.log))\$/dport=7)/" >k.tuples
    dump_conntrack | sed -n 's/^\(47,.*sport=7,dport=9[^)]*),reply=([^)]*)\).*/\1/p' >our.tuples
    same "connections" "$(cat our.tuples)" "$(cat k.tuples)"
    in_ns krouter conntrack -F 2>/dev/null
    pptp_script | pptp_talk k.log kclient kserver $2 10.9.9.2
    one_form <k.log >k.form
    one_form <talk.log >our.form
    diff our.form k.form
}

# shown_id LOG: what the client's call id became.
shown_id() {
    sed -n 's/^A> out-request id=7 -> id=//p' "$1" | tail -1
}

# pptp_scenario KIND FAMILY CLIENT-ADDRESS SEEN-ADDRESS SERVER SEEN-SERVER
pptp_scenario() {
    local client=$3 public=$4 server=$5 vip=$6

    pptp_script | pptp_talk talk.log client server $vip $server
    matches "GRE" "$(grep -c 'gre .*key=.* from' talk.log)" "^6$"
    counted expected 2 2
    counted drop-helper-payload 0 0
    poll 5 no_connection "^47,"

    pptp_call | pptp_talk call.log client server $vip $server
    poll 5 ct_has "^47,orig=\(src=$client,dst=$vip,sport=7,dport=9\),reply=\(src=$server,dst=$public,sport=9,dport=7\)"
    if test $2 = v4; then
        pptp_compare $1 $vip
    fi
}

no_connection() {
    ! ct_has "$1"
}

scenario_pptp() {
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local server=$(ip_of $1 10.9.9.2 fd09::2)

    private_and_public
    pptp_flows "" ""
    pptp_scenario none $1 $client $client $server $server
}

scenario_pptp_snat() {
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local public=$(ip_of $1 10.9.9.240 fd09::1234:240)
    local server=$(ip_of $1 10.9.9.2 fd09::2)

    private_and_public
    pptp_flows ",nat(src=10.9.9.240)" ",nat(src=fd09::1234:240)"
    pptp_scenario snat $1 $client $public $server $server
}

scenario_pptp_dnat() {
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local server=$(ip_of $1 10.9.9.2 fd09::2)
    local vip=$(ip_of $1 10.1.1.100 fd01::100)

    private_and_public
    ip -n client neigh replace 10.1.1.100 lladdr 02:00:00:00:00:02 dev eth0
    ip -n client neigh replace fd01::100 lladdr 02:00:00:00:00:02 dev eth0
    pptp_flows ",nat(dst=10.9.9.2)" ",nat(dst=fd09::2)"
    pptp_scenario dnat $1 $client $client $server $vip
}

# Real peers: pptpd(8) and pptp(8), with somebody else in the place of pppd(8).

# serve_pptp NAMESPACE ADDRESS
serve_pptp() {
    local pptpd=$(PATH=$PATH:/usr/sbin command -v pptpd)

    test -x "$pptpd" || skip "no pptpd"
    PATH=$PATH:/usr/sbin command -v pptp >/dev/null || skip "no pptp-linux"
    echo >"$NS_DIR/ppp-options"
    cat >"$NS_DIR/pptpd.conf" <<END
ppp $tests/helper/pptp-ppp
option $NS_DIR/ppp-options
listen $2
localip 10.99.0.1
remoteip 10.99.0.2-20
pidfile $NS_DIR/pptpd.pid
END
    ip netns exec "$1" "$pptpd" -f -c "$NS_DIR/pptpd.conf" \
        >"$NS_DIR/pptpd.log" 2>&1 </dev/null &
    poll 10 listens "$1" tcp 1723
}

# pptp_calls NAMESPACE ADDRESS: frames go through the call and come back.
pptp_calls() {
    in_ns "$1" env PATH="$PATH:/usr/sbin" \
        python3 "$tests/helper/pptp-ppp" call "$2" 50 >"$NS_DIR/$1-call.log" \
        2>&1 || fail "$1: $(cat "$NS_DIR/$1-call.log")"
}

# pptp_peers SERVER-ADDRESS PUBLIC-ADDRESS: two clients, one after the other;
# the server speaks first.
pptp_peers() {
    local name address

    # pptp(8) keeps a socket there.
    mkdir -p /run/pptp
    mount -t tmpfs none /run/pptp
    serve_pptp server 10.9.9.2
    for name in client client2; do
        address=$(case $name in client) echo 10.1.1.1 ;; *) echo 10.1.1.3 ;; esac)
        pptp_calls $name $1
        poll 5 ct_has "^47,orig=\(src=10.9.9.2,dst=${2:-$address},sport=[0-9]*,dport=[0-9]+\),reply=\(src=$address,dst=$1,sport=[0-9]+,dport="
    done
    counted expected 2 2
    counted drop-helper-payload 0 0
    counted helper-refused 0 0
    counted invalid-tcp-window 0 0
}

# pptp_peer_flows NAT: from both clients.
pptp_peer_flows() {
    pptp_flows "$1" ""
    flows br0 <<END
table=1,priority=60,in_port=3,ct_state=+trk+new-rel,tcp,tp_dst=1723 actions=ct(commit,zone=1$1),resubmit(,2)
table=2,in_port=3 actions=mod_dl_dst:02:00:00:00:00:02,2
table=2,priority=40000,ip,nw_dst=10.1.1.3 actions=mod_dl_dst:02:00:00:00:00:03,3
END
}

scenario_pptpd_snat() {
    private_and_public
    pptp_peer_flows ",nat(src=10.9.9.240)"
    pptp_peers 10.9.9.2 10.9.9.240
}

scenario_pptpd_dnat() {
    local name

    private_and_public
    for name in client client2; do
        ip -n $name neigh replace 10.1.1.100 lladdr 02:00:00:00:00:02 dev eth0
    done
    pptp_peer_flows ",nat(dst=10.9.9.2)"
    pptp_peers 10.1.1.100
}
