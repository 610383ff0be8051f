# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: connection tracking helpers, with real clients and servers.  The
# rules let in control connections, what is established and what is related:
# no data connection gets through unless a helper has read of it.

# What Debian has installed for its own interpreter.
system_python=/usr/bin/python3

# files_to_serve: a small and a large file, the latter not in the cache of
# anything.
files_to_serve() {
    mkdir -p "$NS_DIR/files"
    chmod 755 "$NS_DIR" "$NS_DIR/files"
    head -c 300000 /dev/urandom >"$NS_DIR/files/big"
    echo "small file" >"$NS_DIR/files/small"
    chmod 644 "$NS_DIR"/files/*
}

# listens NAMESPACE tcp|udp PORT
listens() {
    in_ns "$1" ss -Hln "--$2" "sport = :$3" | grep -q .
}

# serve_tftp NAMESPACE v4|v6
serve_tftp() {
    test -x "$(command -v in.tftpd)" || skip "no tftpd-hpa"
    files_to_serve
    ip netns exec "$1" in.tftpd -L -${2#v} -s -u root "$NS_DIR/files" \
        >"$NS_DIR/tftpd.log" 2>&1 </dev/null &
    poll 60 listens "$1" udp 69
}

# serve_ftp NAMESPACE ADDRESS
serve_ftp() {
    $system_python -c 'import pyftpdlib' || skip "no python3-pyftpdlib"
    files_to_serve
    ip netns exec "$1" $system_python -m pyftpdlib -i "$2" -p 21 \
        -d "$NS_DIR/files" >"$NS_DIR/ftpd.log" 2>&1 </dev/null &
    poll 60 listens "$1" tcp 21
}

# fetch NAMESPACE URL [CURL-OPTION...]: several transfers over one control
# connection; all must arrive whole.
fetch() {
    rm -f got.*
    get "$1" "$2" "${@:3}" -o got.big "$2big" -o got.small "$2small" \
        -o got.again "$2big" -o got.list
    matches "list" "$(head -c 1000 got.list | tr -d '\0')" "300000.* big"
    same "small file" "$(cat got.small)" "small file"
    cmp got.big "$NS_DIR/files/big"
    cmp got.again "$NS_DIR/files/big"
}

# firewall ALG-ARGUMENTS: from port 1 to servers at port 2.
helper_firewall() {
    new_flows br0 <<END
$neighbours
priority=50,ip actions=ct(zone=1,table=1)
priority=50,ipv6 actions=ct(zone=1,table=1)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp,tp_dst=21 actions=ct(commit,zone=1$1),2
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp6,tp_dst=21 actions=ct(commit,zone=1$1),2
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,udp,tp_dst=69 actions=ct(commit,zone=1$2),2
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,udp6,tp_dst=69 actions=ct(commit,zone=1$2),2
table=1,priority=50,in_port=1,ct_state=+trk+new+rel,ip actions=ct(commit,zone=1),2
table=1,priority=50,in_port=1,ct_state=+trk+new+rel,ipv6 actions=ct(commit,zone=1),2
table=1,priority=50,in_port=2,ct_state=+trk+new+rel,ip actions=ct(commit,zone=1),1
table=1,priority=50,in_port=2,ct_state=+trk+new+rel,ipv6 actions=ct(commit,zone=1),1
table=1,priority=40,in_port=1,ct_state=+trk-new-inv actions=2
table=1,priority=40,in_port=2,ct_state=+trk-new-inv actions=1
END
}

scenario_tftp() {
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local host=$(ip_of $1 10.1.1.2 [fd01::2])

    two_hosts
    helper_firewall ,alg=ftp ,alg=tftp
    serve_tftp server $1
    get client tftp://$host/big -o got.big
    cmp got.big files/big
    poll 5 ct_has "^udp,orig=\(src=$client,dst=$server,sport=[0-9]*,dport=69\).*helper=tftp"
    poll 5 ct_has "^udp,orig=\(src=$server,dst=$client,sport=[0-9]*,dport=[0-9]*\)"
    counted expected 1 1

    # Without the helper only the request gets through.
    helper_firewall "" ""
    ovs-appctl dpctl/flush-conntrack
    refute get client tftp://$host/small --max-time 3 -o got.small
    counted expected 1 1
}

# Active and passive, old and new commands.
scenario_ftp() {
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local host=$(ip_of $1 10.1.1.2 [fd01::2])
    local client=$(ip_of $1 10.1.1.1 fd01::1)

    two_hosts
    helper_firewall ,alg=ftp ,alg=tftp
    serve_ftp server $server
    fetch client ftp://$host/
    counted expected 4 4
    fetch client ftp://$host/ --ftp-port -
    counted expected 8 8
    poll 5 ct_has "^tcp,orig=\(src=$server,dst=$client,"
    if test $1 = v4; then
        fetch client ftp://$host/ --disable-epsv --no-ftp-skip-pasv-ip
        fetch client ftp://$host/ --disable-eprt --ftp-port -
        counted expected 16 16
    fi
    counted helper-refused 0 0
    counted drop-helper-payload 0 0

    helper_firewall "" ""
    ovs-appctl dpctl/flush-conntrack
    refute get client ftp://$host/small -o got.small --max-time 3
    refute get client ftp://$host/small -o got.small --max-time 3 \
        --ftp-port -
}

# Port 1's clients are seen as the public address, port 2 has the server.
helper_snat() {
    private_and_public
    new_flows br0 <<END
priority=100,arp actions=normal
priority=50,ip actions=ct(zone=1,nat,table=1)
priority=50,ipv6 actions=ct(zone=1,nat,table=1)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp,tp_dst=21 actions=ct(commit,zone=1,alg=ftp,nat(src=10.9.9.240)),resubmit(,2)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp6,tp_dst=21 actions=ct(commit,zone=1,alg=ftp,nat(src=fd09::1234:240)),resubmit(,2)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,udp,tp_dst=69 actions=ct(commit,zone=1,alg=tftp,nat(src=10.9.9.240:34000-34010)),resubmit(,2)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,udp6,tp_dst=69 actions=ct(commit,zone=1,alg=tftp,nat(src=[fd09::1234:240]:34000-34010)),resubmit(,2)
table=1,priority=50,ct_state=+trk+new+rel,ip actions=ct(commit,zone=1,nat),resubmit(,2)
table=1,priority=50,ct_state=+trk+new+rel,ipv6 actions=ct(commit,zone=1,nat),resubmit(,2)
table=1,priority=40,ct_state=+trk-new-inv actions=resubmit(,2)
table=2,in_port=1 actions=mod_dl_dst:02:00:00:00:00:02,2
table=2,in_port=2 actions=mod_dl_dst:02:00:00:00:00:01,1
END
}

scenario_tftp_snat() {
    local server=$(ip_of $1 10.9.9.2 fd09::2)
    local public=$(ip_of $1 10.9.9.240 fd09::1234:240)
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local host=$(ip_of $1 10.9.9.2 [fd09::2])

    helper_snat
    serve_tftp server $1
    get client tftp://$host/big -o got.big
    cmp got.big files/big
    poll 5 ct_has "^udp,orig=\(src=$server,dst=$public,sport=[0-9]*,dport=340(0[0-9]|10)\),reply=\(src=$client,dst=$server,"
    counted expected 1 1
}

# ftp_transfers FAMILY NAMESPACE URL: in all ways that curl knows.
ftp_transfers() {
    fetch $2 $3
    fetch $2 $3 --ftp-port -
    counted expected 8 8
    if test $1 = v4; then
        # Believing the address that the server's answer has.
        fetch $2 $3 --disable-epsv --no-ftp-skip-pasv-ip
        fetch $2 $3 --disable-eprt --ftp-port -
        counted expected 16 16
    fi
    counted helper-refused 0 0
    counted drop-helper-payload 0 0
    counted drop-mangle 0 0
    counted invalid-tcp-window 0 0
    counted invalid-checksum 0 0
}

# The public address is longer than the client's: what the client sends gets
# other sequence numbers.
scenario_ftp_snat() {
    local server=$(ip_of $1 10.9.9.2 fd09::2)
    local public=$(ip_of $1 10.9.9.240 fd09::1234:240)
    local client=$(ip_of $1 10.1.1.1 fd01::1)

    helper_snat
    serve_ftp server $server
    serve server sniff.log $tool sniff eth0
    ftp_transfers $1 client ftp://$(ip_of $1 10.9.9.2 [fd09::2])/
    counted mangled $(ip_of $1 8 4) $(ip_of $1 8 4)
    poll 5 ct_has "^tcp,orig=\(src=$server,dst=$public,.*reply=\(src=$client,dst=$server,"
    lacks "packets" "$(cat sniff.log)" "BAD|10.1.1.1>|fd01::1>"
}

# A virtual address in front of the server.
ftp_dnat_rules() {
    two_hosts
    neighbour_of_vip
    new_flows br0 <<END
$neighbours
priority=50,ip actions=ct(zone=1,nat,table=1)
priority=50,ipv6 actions=ct(zone=1,nat,table=1)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp,nw_dst=10.1.1.100,tp_dst=21 actions=ct(commit,zone=1,alg=ftp,nat(dst=10.1.1.2)),2
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp6,ipv6_dst=fd01::100,tp_dst=21 actions=ct(commit,zone=1,alg=ftp,nat(dst=fd01::2)),2
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,udp,nw_dst=10.1.1.100,tp_dst=69 actions=ct(commit,zone=1,alg=tftp,nat(dst=10.1.1.2)),2
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,udp6,ipv6_dst=fd01::100,tp_dst=69 actions=ct(commit,zone=1,alg=tftp,nat(dst=fd01::2)),2
table=1,priority=50,in_port=1,ct_state=+trk+new+rel,ip actions=ct(commit,zone=1,nat),2
table=1,priority=50,in_port=1,ct_state=+trk+new+rel,ipv6 actions=ct(commit,zone=1,nat),2
table=1,priority=50,in_port=2,ct_state=+trk+new+rel,ip actions=ct(commit,zone=1,nat),1
table=1,priority=50,in_port=2,ct_state=+trk+new+rel,ipv6 actions=ct(commit,zone=1,nat),1
table=1,priority=40,in_port=1,ct_state=+trk-new-inv actions=2
table=1,priority=40,in_port=2,ct_state=+trk-new-inv actions=1
END
}

# It is the server's answers whose addresses and sequence numbers change.
scenario_ftp_dnat() {
    local vip=$(ip_of $1 10.1.1.100 fd01::100)
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local client=$(ip_of $1 10.1.1.1 fd01::1)

    ftp_dnat_rules
    serve_ftp server $server
    serve client sniff.log $tool sniff eth0
    ftp_transfers $1 client ftp://$(ip_of $1 10.1.1.100 [fd01::100])/
    counted mangled $(ip_of $1 4 0) $(ip_of $1 4 0)
    poll 5 ct_has "^tcp,orig=\(src=$client,dst=$vip,.*reply=\(src=$server,dst=$client,"
    poll 5 ct_has "^tcp,orig=\(src=$server,dst=$client,.*reply=\(src=$client,dst=$vip,"
    lacks "packets" "$(cat sniff.log)" "BAD|$server>$client "
}

# Helpers by policy: at run time and by configuration; and the commands.
scenario_helper_policy() {
    two_hosts
    helper_firewall "" ""
    serve_tftp server v4

    refute get client tftp://10.1.1.2/small --max-time 3 -o got.small
    ovs-appctl trackway/helper-add 'zone=*' proto=udp port=69 helper=tftp
    matches "policies" "$(ovs-appctl trackway/helper-show)" \
        "^  zone=\*,proto=udp,port=69,helper=tftp$"
    get client tftp://10.1.1.2/big -o got.big
    cmp got.big files/big
    ovs-appctl trackway/helper-del 'zone=*' proto=udp port=69
    refute get client tftp://10.1.1.2/small --max-time 3 -o got.small

    ovs-vsctl set open_vswitch . \
        'other_config:ct-helpers="zone=1,proto=udp,port=69,helper=tftp"'
    poll 5 policy_is "zone=1,proto=udp,port=69,helper=tftp .configured."
    get client tftp://10.1.1.2/big -o got.big
    cmp got.big files/big

    # What is wrong is said, and loses nothing; what is right beside it is
    # taken, and there after a restart.
    allow_log "other_config:ct-helpers: .*(port=x: not 1 to 65535|zone is given twice)"
    ovs-vsctl set open_vswitch . 'other_config:ct-helpers="zone=2,proto=tcp,port=21,helper=ftp\nzone=3,proto=tcp,port=21,helper=ftp;zone=1,proto=udp,port=x,helper=tftp"'
    poll 5 counted helper-setting-bad 1 1
    policy_is "zone=1,proto=udp,port=69,helper=tftp .configured."
    policy_is "zone=2,proto=tcp,port=21,helper=ftp .configured."
    stop_vswitchd
    start_vswitchd
    poll 10 policy_is "zone=2,proto=tcp,port=21,helper=ftp .configured."
    policy_is "zone=3,proto=tcp,port=21,helper=ftp .configured."
    refute policy_is "zone=1,.*"
    ovs-vsctl set open_vswitch . 'other_config:ct-helpers="zone=5,proto=tcp,port=21,helper=ftp,zone=6,proto=tcp,port=22,helper=irc"'
    poll 5 counted helper-setting-bad 2 2
    refute policy_is "zone=6,.*"

    # Only the one that is named is deleted.
    ovs-appctl trackway/helper-add zone=1 proto=tcp port=22 helper=ftp
    refute ovs-appctl trackway/helper-del zone=1 proto=tcp port=22 helper=irc
    policy_is "zone=1,proto=tcp,port=22,helper=ftp"
    ovs-appctl trackway/helper-del zone=1 proto=tcp port=22 helper=ftp
    refute ovs-appctl trackway/helper-add zone=1 zone=2 proto=tcp port=22 helper=ftp
    ovs-vsctl remove open_vswitch . other_config ct-helpers
    poll 5 no_policy
    refute ovs-appctl trackway/helper-add zone=1 proto=udp port=69
    refute ovs-appctl trackway/helper-add zone=1 proto=udp port=69 helper=x
    refute ovs-appctl trackway/helper-del zone=1 proto=udp port=69
    refute ovs-appctl trackway/expect-show zone=x
    refute ovs-appctl trackway/expect-del id=4000000000
    refute ovs-appctl trackway/expect-show nosuch

    # An expectation that nobody meets, since nobody answers: shown, and
    # deleted.
    helper_firewall ,alg=ftp ,alg=tftp
    ovs-appctl dpctl/flush-conntrack
    refute expects id=
    ip -n client neigh replace 10.1.1.9 lladdr 02:00:00:00:00:09 dev eth0
    in_ns client $system_python -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5001))
s.sendto(b"\0\1nosuchfile", ("10.1.1.9", 69))'
    poll 5 expects "zone=1,udp,src=10.1.1.9,dst=10.1.1.1,sport=\*,dport=5001,parent=.*helper=tftp,timeout="
    refute expects "zone=2"
    ovs-appctl trackway/expect-del zone=2
    expects "dport=5001"
    ovs-appctl trackway/expect-del zone=1
    refute expects "dport=5001"
}

policy_is() {
    ovs-appctl trackway/helper-show | grep -q "^  $1$"
}

no_policy() {
    ! ovs-appctl trackway/helper-show | grep -q "zone="
}

expects() {
    ovs-appctl trackway/expect-show | grep -q "$1"
}
