# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: helpers, with servers and clients that people use.  The rules are
# those of system-helper.sh: nothing gets through but control connections and
# what a helper has read of.

# serve_vsftpd NAMESPACE v4|v6
serve_vsftpd() {
    local vsftpd=$(PATH=$PATH:/usr/sbin command -v vsftpd)

    test -x "$vsftpd" || skip "no vsftpd"
    files_to_serve
    mkdir -p empty files/new
    chmod 777 files/new
    cat >vsftpd.conf <<END
listen=$(ip_of $2 YES NO)
listen_ipv6=$(ip_of $2 NO YES)
background=NO
anonymous_enable=YES
anon_root=$NS_DIR/files
anon_upload_enable=YES
write_enable=YES
anon_world_readable_only=NO
anon_umask=022
no_anon_password=YES
ftp_username=ftp
secure_chroot_dir=$NS_DIR/empty
connect_from_port_20=YES
pasv_promiscuous=NO
port_promiscuous=NO
seccomp_sandbox=NO
vsftpd_log_file=$NS_DIR/vsftpd.log
END
    ip netns exec "$1" "$vsftpd" "$NS_DIR/vsftpd.conf" \
        >vsftpd.out 2>&1 </dev/null &
    poll 10 listens "$1" tcp 21
}

# lftp_transfers NAMESPACE HOST PASSIVE EPSV: there and back.
lftp_transfers() {
    rm -f lftp.big files/new/*
    in_ns "$1" timeout 60 lftp -c "
        set net:max-retries 1; set net:timeout 10; set ftp:ssl-allow no
        set ftp:passive-mode $3; set ftp:prefer-epsv $4
        set ftp:fix-pasv-address no
        open ftp://$2 || exit 1
        ls || exit 1
        get big -o lftp.big || exit 1
        put lftp.big -o new/big" >lftp.list
    grep -q "300000.* big" lftp.list
    cmp lftp.big files/big
    poll 10 cmp files/new/big files/big
}

# vsftpd_transfers FAMILY HOST: by curl and by lftp, in all ways they know.
vsftpd_transfers() {
    ftp_transfers $1 client ftp://$2/
    lftp_transfers client $2 on on
    lftp_transfers client $2 on off
    lftp_transfers client $2 off off
    counted expected $(ip_of $1 25 17) $(ip_of $1 25 17)
    counted helper-refused 0 0
    counted drop-helper-payload 0 0
    counted drop-mangle 0 0
    counted invalid-tcp-window 0 0
    lacks "packets" "$(cat sniff.log)" BAD
}

scenario_vsftpd_snat() {
    helper_snat
    serve_vsftpd server $1
    serve server sniff.log $tool sniff eth0
    vsftpd_transfers $1 $(ip_of $1 10.9.9.2 [fd09::2])
    lacks "packets" "$(cat sniff.log)" "10.1.1.1>|fd01::1>"
}

scenario_vsftpd_dnat() {
    ftp_dnat_rules
    serve_vsftpd server $1
    serve client sniff.log $tool sniff eth0
    vsftpd_transfers $1 $(ip_of $1 10.1.1.100 [fd01::100])
    lacks "packets" "$(cat sniff.log)" \
        "$(ip_of $1 "10.1.1.2>10.1.1.1 tcp" "fd01::2>fd01::1 tcp")"
}

# The request goes to the virtual address, the answers come from it.
scenario_tftp_dnat() {
    ftp_dnat_rules
    serve_tftp server $1
    serve client sniff.log $tool sniff eth0
    get client tftp://$(ip_of $1 10.1.1.100 [fd01::100])/big -o got.big
    cmp got.big files/big
    counted expected 1 1
    lacks "packets" "$(cat sniff.log)" \
        "BAD|$(ip_of $1 "10.1.1.2>10.1.1.1 udp" "fd01::2>fd01::1 udp")"
}

# serve_irc NAMESPACE ADDRESS
serve_irc() {
    local ngircd=$(PATH=$PATH:/usr/sbin command -v ngircd)

    test -x "$ngircd" || skip "no ngircd"
    cat >ngircd.conf <<END
[Global]
Name = irc.test.example
Info = test
Listen = $2
MotdPhrase = welcome
ServerUID = nobody
ServerGID = nogroup
[Options]
DNS = no
Ident = no
PAM = no
END
    chmod 644 ngircd.conf
    ip netns exec "$1" "$ngircd" -n -f "$NS_DIR/ngircd.conf" \
        >ngircd.log 2>&1 </dev/null &
    poll 10 listens "$1" tcp 6667
}

# dcc_transfer IRC-ADDRESS: of a file, from the client to somebody beside the
# server, who has another address than that.
dcc_transfer() {
    files_to_serve
    add_addresses server eth0 $bob/32
    serve_irc server $server
    ovs-appctl trackway/helper-add zone=1 proto=tcp port=6667 helper=irc
    in_ns server timeout 90 "$tests/helper/dcc" receive $server $bob bob \
        got.big >bob.log 2>&1 </dev/null &
    in_ns client timeout 90 "$tests/helper/dcc" send $1 $client alice \
        files/big bob >alice.log 2>&1 </dev/null
    poll 10 cmp got.big files/big
    counted expected 1 1
    counted invalid-tcp-window 0 0
    lacks "packets" "$(cat sniff.log)" BAD
}

# What the client says becomes longer; who fetches the file is seen as he is.
scenario_irc_dcc_snat() {
    local client=10.1.1.1 server=10.9.9.2 bob=10.9.9.3

    helper_snat
    flows br0 <<END
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp,tp_dst=6667 actions=ct(commit,zone=1,nat(src=10.9.9.240)),resubmit(,2)
END
    serve server sniff.log $tool sniff eth0
    dcc_transfer $server
    matches "offer" "$(cat bob.log)" "^receiving from 10.9.9.240 "
    matches "taker" "$(cat alice.log)" "^sending to $bob$"
    counted mangled 1 1
    poll 5 ct_has "^tcp,orig=\(src=$bob,dst=10.9.9.240,.*reply=\(src=$client,dst=$bob,"
    lacks "packets" "$(cat sniff.log)" "10.1.1.1>"
}

scenario_irc_dcc_dnat() {
    local client=10.1.1.1 server=10.1.1.2 bob=10.1.1.9

    ftp_dnat_rules
    flows br0 <<END
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp,nw_dst=10.1.1.100,tp_dst=6667 actions=ct(commit,zone=1,nat(dst=$server)),2
END
    ip -n client neigh replace $bob lladdr 02:00:00:00:00:02 dev eth0
    serve client sniff.log $tool sniff eth0
    dcc_transfer 10.1.1.100
    matches "offer" "$(cat bob.log)" "^receiving from $client "
    counted mangled 0 0
    lacks "packets" "$(cat sniff.log)" "$server>$client tcp"
}
