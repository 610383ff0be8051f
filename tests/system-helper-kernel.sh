# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: the same payloads through helpers of the Linux kernel and through
# ours (tests/helper/play), with what each expects, changes and lets through.

# helper_hosts: client, server and other, each behind a router with one MAC
# address, which is the kernel of this namespace until make_bridge().
helper_hosts() {
    local name i=0

    for name in client server other; do
        i=$((i + 1))
        add_ns $name
        add_veth v-$name $name
        set_mac $name 02:00:00:00:00:0$i
        ip link set v-$name address 02:00:00:00:01:00
        set_gateway $name 02:00:00:00:01:00
    done
    helper_host client 10.1.1.1 fd01::1 02:00:00:00:00:01
    helper_host server 10.9.9.2 fd09::2 02:00:00:00:00:02
    helper_host other 10.9.9.3 fd09::3 02:00:00:00:00:03
}

# helper_host NAME IPV4 IPV6 MAC
helper_host() {
    add_addresses $1 eth0 $2/32 $3/128
    ip route add $2 dev v-$1
    ip -6 route add $3 dev v-$1
    ip neigh replace $2 lladdr $4 dev v-$1 nud permanent
    ip neigh replace $3 lladdr $4 dev v-$1 nud permanent
}

# The helper of a script, as the kernel calls it and as we do: in the kernel
# traps have one of their own.
kernel_helper() {
    case $1 in
        ftp6) echo ftp ;;
        h323) echo Q.931 ;;
        ras) echo RAS ;;
        sip-tcp) echo sip ;;
        *) echo ${1/-/_} ;;
    esac
}

our_helper() {
    case $1 in
        ftp6) echo ftp ;;
        h323) echo q931 ;;
        sip-tcp) echo sip ;;
        snmp-*) echo snmp ;;
        *) echo $1 ;;
    esac
}

# kernel_router FAMILY NAT SCRIPT PROTO PORT
kernel_router() {
    local ip=$(ip_of $1 ip ip6) src= dst= name

    case $2 in
        snat) src="iifname v-client snat to $(ip_of $1 10.9.9.240 fd09::240)" ;;
        dnat) dst="$ip daddr $(ip_of $1 10.9.9.100 fd09::100) dnat to $(
                   ip_of $1 10.9.9.2 fd09::2)" ;;
    esac
    echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
    for name in client server other; do
        echo 0 >/proc/sys/net/ipv4/conf/v-$name/rp_filter
    done
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
    nft -f - <<END
table $ip t {
    ct helper h {
        type "$(kernel_helper $3)" protocol $4;
        l3proto $ip;
    }
    chain before {
        type filter hook prerouting priority -150;
        $4 dport $5 ct helper set "h"
    }
    chain through {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        ct state new iifname v-client $4 dport $5 accept
    }
    chain to {
        type nat hook prerouting priority dstnat;
        $dst
    }
    chain from {
        type nat hook postrouting priority srcnat;
        $src
    }
}
END
}

# make_bridge: the kernel's part is over.
make_bridge() {
    nft flush ruleset
    echo 0 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
    start
    add_bridge br0
    attach v-client br0 1
    attach v-server br0 2
    attach v-other br0 3
    flows br0 <<END
table=2,ip,nw_dst=10.1.1.1 actions=mod_dl_dst:02:00:00:00:00:01,1
table=2,ip,nw_dst=10.9.9.2 actions=mod_dl_dst:02:00:00:00:00:02,2
table=2,ip,nw_dst=10.9.9.3 actions=mod_dl_dst:02:00:00:00:00:03,3
table=2,ipv6,ipv6_dst=fd01::1 actions=mod_dl_dst:02:00:00:00:00:01,1
table=2,ipv6,ipv6_dst=fd09::2 actions=mod_dl_dst:02:00:00:00:00:02,2
table=2,ipv6,ipv6_dst=fd09::3 actions=mod_dl_dst:02:00:00:00:00:03,3
END
}

# helper_rules FAMILY NAT SCRIPT PROTO PORT
helper_rules() {
    local ip=$(ip_of $1 ip ipv6) tp=$4$(ip_of $1 "" 6) nat= to=

    case $2 in
        snat) nat=",nat(src=$(ip_of $1 10.9.9.240 fd09::240))" ;;
        dnat) nat=",nat(dst=$(ip_of $1 10.9.9.2 fd09::2))"
              to=$(ip_of $1 ,nw_dst=10.9.9.100 ,ipv6_dst=fd09::100) ;;
    esac
    flows br0 <<END
priority=50,$ip actions=ct(zone=1,nat,table=1)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,$tp,tp_dst=$5$to actions=ct(commit,zone=1$nat,table=2)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,$tp,nw_frag=yes$to actions=ct(commit,zone=1$nat,table=2)
table=1,priority=55,in_port=1,ct_state=+trk+new-rel,$tp,tp_dst=$5 actions=ct(commit,zone=1,table=2)
table=1,priority=50,ct_state=+trk+new+rel,$ip actions=ct(commit,zone=1,nat,table=2)
table=1,priority=40,ct_state=+trk-new-inv actions=resubmit(,2)
END
    ovs-appctl trackway/helper-add zone=1 proto=$4 port=$5 helper=$(our_helper $3)
}

# play TRACKER FAMILY NAT SCRIPT [OPTION...]
play() {
    python3 -u "$tests/helper/play" --tracker $1 --nat $3 "${@:5}" \
        $(ip_of $2 "" --ipv6) "$tests/helper/$4.txt" >$1.out 2>$1.err ||
        fail "play for $1: $(cat $1.err)"
}

same_as_kernel() {
    diff -u kernel.out trackway.out || fail "the kernel does otherwise"
}

# like_the_kernel FAMILY NAT SCRIPT PROTO PORT
like_the_kernel() {
    helper_hosts
    kernel_router "$@"
    play kernel $1 $2 $3
    make_bridge
    helper_rules "$@"
    play trackway $1 $2 $3
    same_as_kernel
}

# like_ipv4 NAT SCRIPT PROTO PORT: the kernel's helper translates no IPv6, ours
# does, in the same way as IPv4.
like_ipv4() {
    local family

    helper_hosts
    make_bridge
    for family in v4 v6; do
        helper_rules $family "$@"
        play trackway $family $1 $2
        by_name <trackway.out >$family.out
        ovs-appctl trackway/helper-del zone=1 proto=$3 port=$4
    done
    diff -u v4.out v6.out || fail "IPv6 is treated in another way"
}

# by_name: names of hosts instead of addresses.
by_name() {
    sed -E 's!/(32|128)\b!!g; s/(10\.1\.1\.1|fd01::1)\b/{client}/g
        s/(10\.9\.9\.2|fd09::2)\b/{server}/g
        s/(10\.9\.9\.3|fd09::3)\b/{other}/g
        s/(10\.9\.9\.240|fd09::240)\b/{public}/g
        s/(10\.9\.9\.100|fd09::100)\b/{vip}/g'
}

# sip_cut FAMILY NAT SEGMENTS N: messages in as many segments, all but the last
# of N bytes, become what they become in one.  The kernel lets these pass as
# they are; but it knows them in one, where its devices put segments together.
scenario_sip_cut() {
    helper_hosts
    make_bridge
    helper_rules $1 $2 sip-tcp tcp 5060
    play trackway $1 $2 sip-tcp
    mv trackway.out whole.out
    play trackway $1 $2 sip-tcp --segments $3 --cut $4
    diff -u whole.out trackway.out || fail "$3 segments are not as one"
    counted drop-helper-part $((5 * ($3 - 1))) $((30 * ($3 - 1)))
    counted drop-mangle 0 0
    counted drop-helper-payload 0 0
    counted invalid-tcp-window 0 0
}

scenario_h323_six() {
    like_ipv4 $2 h323 tcp 1720
}

scenario_ras_six() {
    like_ipv4 $2 ras udp 1719
}

scenario_ftp_kernel() {
    like_the_kernel $1 $2 ftp$(ip_of $1 "" 6) tcp 21
}

scenario_tftp_kernel() {
    like_the_kernel $1 $2 tftp udp 69
}

scenario_irc_kernel() {
    like_the_kernel $1 $2 irc tcp 6667
}

scenario_amanda_kernel() {
    like_the_kernel $1 $2 amanda udp 10080
}

scenario_h323_kernel() {
    like_the_kernel $1 $2 h323 tcp 1720
}

scenario_ras_kernel() {
    like_the_kernel $1 $2 ras udp 1719
}

scenario_sip_kernel() {
    like_the_kernel $1 $2 sip udp 5060
}

scenario_sip_tcp_kernel() {
    like_the_kernel $1 $2 sip-tcp tcp 5060
}

scenario_sane_kernel() {
    like_the_kernel $1 $2 sane tcp 6566
}

scenario_snmp_kernel() {
    like_the_kernel $1 $2 snmp udp 161
}

scenario_snmp_trap_kernel() {
    like_the_kernel $1 $2 snmp-trap udp 162
}

# broadcast_like_the_kernel SCRIPT HELPER PORT: the kernel's helper reads only
# what its own host asks, so its tracker is the client's.
broadcast_like_the_kernel() {
    start
    add_bridge br0
    add_host client br0 1 10.1.2.1/24
    add_host server br0 2 10.1.2.2/24
    add_host other br0 3 10.1.2.3/24 10.1.3.9/24
    # The kernel knows a subnet by its broadcast address only.
    ip -n client addr del 10.1.2.1/24 dev eth0
    ip -n client addr add 10.1.2.1/24 brd + dev eth0
    ip -n client route add 10.1.3.0/24 dev eth0
    ip -n other route add 10.1.2.1/32 dev eth0
    flows br0 <<END
actions=normal
END
    in_ns client nft -f - <<END
table ip t {
    ct helper h {
        type "$2" protocol udp;
        l3proto ip;
    }
    chain out {
        type filter hook output priority -150;
        udp dport $3 ct helper set "h"
    }
    chain in {
        type filter hook input priority 0;
        udp dport { 137, 161, 4000-4010 } ct state new drop
    }
}
END
    play kernel v4 none $1 --namespace client
    in_ns client nft flush ruleset
    new_flows br0 <<END
priority=100,arp actions=normal
priority=50,ip actions=ct(zone=1,table=1)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,ip actions=ct(commit,zone=1),normal
table=1,priority=50,ct_state=+trk+new+rel,ip actions=ct(commit,zone=1),normal
table=1,priority=40,ct_state=+trk-new-inv actions=normal
END
    ovs-appctl trackway/helper-add zone=1 proto=udp port=$3 helper=$2
    play trackway v4 none $1
    same_as_kernel
}

scenario_netbios_ns_kernel() {
    broadcast_like_the_kernel netbios-ns netbios-ns 137
}

scenario_snmp_broadcast_kernel() {
    broadcast_like_the_kernel snmp-broadcast snmp 161
}
