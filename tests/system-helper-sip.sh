# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: calls by SIP, between sipp at both ends.  The rules let in
# signalling, what is established and what is related: media get through, both
# ways, only where the helper has read of them.

# sip_scenarios: in $NS_DIR, calls with a second of voice, and registrations.
sip_scenarios() {
    test -x "$(command -v sipp)" || skip "no sip-tester"
    test -e /usr/share/sip-tester/g711a.pcap || skip "no voice to be sent"
    mkdir -p "$NS_DIR/pcap"
    cp /usr/share/sip-tester/*.pcap "$NS_DIR/pcap/"
    sip_scenario uac_pcap |
        sed 's/"8000"/"1500"/; s/milliseconds="1000"/milliseconds="200"/' \
            >"$NS_DIR/caller.xml"
    sip_scenario uas | sed '/<timewait/d' >"$NS_DIR/called.xml"
    cat >"$NS_DIR/register.xml" <<'END'
<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="phone">
  <send retrans="500"><![CDATA[

    REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
    From: <sip:phone@[local_ip]>;tag=[call_number]
    To: <sip:phone@[remote_ip]>
    Call-ID: [call_id]
    CSeq: 1 REGISTER
    Contact: <sip:phone@[local_ip]:[local_port]>
    Expires: EXPIRES
    Content-Length: 0

  ]]></send>
  <recv response="200"><action>
    <ereg regexp="sip:phone@[^>]*" search_in="hdr" header="Contact:"
          check_it="true" assign_to="contact"/>
    <log message="contact [$contact]"/>
  </action></recv>
</scenario>
END
    cat >"$NS_DIR/registrar.xml" <<'END'
<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="registrar">
  <recv request="REGISTER"><action>
    <ereg regexp="sip:phone@[^>]*" search_in="hdr" header="Contact:"
          check_it="true" assign_to="contact"/>
    <log message="contact [$contact]"/>
  </action></recv>
  <send><![CDATA[

    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=1
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <[$contact]>;expires=EXPIRES
    Content-Length: 0

  ]]></send>
</scenario>
END
}

# sip_scenario NAME: one of sipp's own.
sip_scenario() {
    sipp -sd "$1" 2>/dev/null || test $? = 99
}

# sip NAMESPACE SCENARIO NAME ADDRESS ARGUMENT...: one call.  Messages are in
# NAME-messages.
sip() {
    local name=$1 scenario=$2 log=$3 address=$4

    shift 4
    in_ns "$name" env -C "$NS_DIR" sipp -sf "$NS_DIR/$scenario.xml" \
        -i "$address" -mi "$address" -m 1 -nostdin -timeout 60 -timeout_error \
        -recv_timeout 30000 \
        -trace_msg -message_file "$NS_DIR/$log-messages" -message_overwrite 1 \
        -trace_logs -log_file "$NS_DIR/$log-log" -log_overwrite 1 "$@" \
        >"$NS_DIR/$log-out" 2>&1 </dev/null
}

# sip_waits NAMESPACE u1|t1 SCENARIO NAME ADDRESS ARGUMENT...: in the
# background, on port 5060.
sip_waits() {
    local name=$1 transport=$2

    shift 2
    sip "$name" "$@" -p 5060 -t $transport &
    sip_pid=$!
    case $transport in
        u1) poll 30 listens "$name" udp 5060 ;;
        t1) poll 30 listens "$name" tcp 5060 ;;
    esac
}

# sip_ended: what waited has had its call.
sip_ended() {
    wait $sip_pid || fail "sipp: $(cat "$NS_DIR"/*-out | tail -30)"
}

# sip_rules FAMILY ACTIONS-FOR-A-CALL: from port 1 to port 2.
sip_rules() {
    local six=$(ip_of $1 "" 6) ip=$(ip_of $1 ip ipv6)

    new_flows br0 <<END
priority=100,arp actions=normal
priority=100,icmp6 actions=normal
priority=50,$ip actions=ct(zone=1,nat,table=1)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,udp$six,tp_dst=5060 actions=$2,resubmit(,2)
table=1,priority=60,in_port=1,ct_state=+trk+new-rel,tcp$six,tp_dst=5060 actions=$2,resubmit(,2)
table=1,priority=50,ct_state=+trk+new+rel,$ip actions=ct(commit,zone=1,nat),resubmit(,2)
table=1,priority=40,ct_state=+trk-new-inv actions=resubmit(,2)
table=2,in_port=1 actions=mod_dl_dst:02:00:00:00:00:02,2
table=2,in_port=2 actions=mod_dl_dst:02:00:00:00:00:01,1
END
    ovs-appctl trackway/helper-add 'zone=*' proto=udp port=5060 helper=sip
    ovs-appctl trackway/helper-add 'zone=*' proto=tcp port=5060 helper=sip
}

# sip_calls u1|t1 CLIENT SERVER TO: a call with voice, which the server sends
# back.
sip_calls() {
    ovs-appctl dpctl/flush-conntrack
    sip_waits server $1 called called "$3" -rtp_echo -mp 7000
    sip client caller caller "$2" -p 5060 -mp 6000 -t $1 "$4" ||
        fail "sipp: $(tail -30 "$NS_DIR/caller-out")"
    sip_ended
}

# messages NAME: without call IDs, which nobody translates.
messages() {
    grep -v "^Call-ID:" "$NS_DIR/$1-messages"
}

# sip_voice LOG ADDRESS PORT ADDRESS PORT: it was heard at both ends.
sip_voice() {
    within "voice from $2" "$(heard "$1" "$2>$4 udp $3>$5 ")" 20 200
    within "voice from $4" "$(heard "$1" "$4>$2 udp $5>$3 ")" 20 200
}

# heard LOG TEXT
heard() {
    grep -c "$2" "$NS_DIR/$1" || true
}

scenario_sip() {
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local host=$(ip_of $1 10.1.1.2 [fd01::2])
    local transport

    two_hosts
    set_mac client 02:00:00:00:00:01
    set_mac server 02:00:00:00:00:02
    sip_scenarios
    sip_rules $1 "ct(commit,zone=1)"
    serve client sniff.log $tool sniff eth0 --out
    for transport in u1 t1; do
        sip_calls $transport $client $server $host
    done
    poll 5 ct_has "^udp,orig=\(src=$client,dst=$server,sport=6000,dport=7000\)"
    ct_has "^tcp,.*dport=5060.*helper=sip"
    counted expected 2 2
    sip_voice sniff.log $client 6000 $server 7000
    counted drop-helper-payload 0 0

    # Without the helper there is no voice.
    ovs-appctl trackway/helper-del 'zone=*' proto=udp port=5060
    sip_calls u1 $client $server $host
    refute ct_has "dport=7000"
}

# The phone is seen as the public address; its address is in all messages.
scenario_sip_snat() {
    local server=$(ip_of $1 10.9.9.2 fd09::2)
    local public=$(ip_of $1 10.9.9.240 fd09::1234:240)
    local host=$(ip_of $1 10.9.9.2 [fd09::2])
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local transport

    private_and_public
    sip_scenarios
    sip_rules $1 "ct(commit,zone=1,nat(src=$(ip_of $1 $public [$public])))"
    serve client sniff.log $tool sniff eth0 --out
    serve server sniff-server.log $tool sniff eth0 --out
    for transport in u1 t1; do
        sip_calls $transport $client $server $host
        lacks "what the server reads" "$(messages called)" "$client"
        matches "what the server reads" "$(messages called)" \
            "^c=IN IP. $public"
    done
    sip_voice sniff.log $client 6000 $server 7000
    sip_voice sniff-server.log $public 6000 $server 7000
    counted expected 2 2
    counted drop-helper-payload 0 0
    counted drop-mangle 0 0
    counted invalid-tcp-window 0 0
    lacks "packets" "$(cat sniff.log sniff-server.log)" "BAD"
}

# The server behind another address: what it says of itself is translated.
scenario_sip_dnat() {
    local vip=$(ip_of $1 10.1.1.100 fd01::100)
    local server=$(ip_of $1 10.1.1.2 fd01::2)
    local client=$(ip_of $1 10.1.1.1 fd01::1)
    local transport

    two_hosts
    set_mac client 02:00:00:00:00:01
    neighbour_of_vip
    sip_scenarios
    sip_rules $1 "ct(commit,zone=1,nat(dst=$(ip_of $1 $server [$server])))"
    serve client sniff.log $tool sniff eth0 --out
    for transport in u1 t1; do
        sip_calls $transport $client $server $(ip_of $1 $vip [$vip])
        lacks "what the client reads" "$(messages caller)" "$server[^0]"
        lacks "what the server reads" "$(messages called)" "$vip"
    done
    sip_voice sniff.log $client 6000 $vip 7000
    counted expected 2 2
    counted drop-helper-payload 0 0
    counted drop-mangle 0 0
    counted invalid-tcp-window 0 0
    lacks "packets" "$(cat sniff.log)" "BAD"
}

# A phone behind translation registers, and is called.
scenario_sip_register() {
    local contact

    private_and_public
    sip_scenarios
    sip_rules v4 "ct(commit,zone=1,nat(src=10.9.9.240))"
    serve client sniff.log $tool sniff eth0 --out

    sip_registers 300
    contact=$(sed -n 's/.*contact sip:phone@//p' registrar-log)
    matches "contact" "$contact" "^10.9.9.240:"
    same "contact" "$(cat phone-log)" "contact sip:phone@10.1.1.1:5060"
    ovs-appctl trackway/expect-show | tee expected
    matches "expectation" "$(cat expected)" "udp,src=10.9.9.2,dst=10.9.9.240,.*nat=\(src=10.9.9.2,dst=10.1.1.1,dport=5060\).*class=signalling,child-helper=sip,timeout=(300|29.),permanent$"

    # From another port than the registrar's.
    sip_waits client u1 called called 10.1.1.1 -rtp_echo -mp 7000
    sip server caller caller 10.9.9.2 -p 5090 -mp 6000 -t u1 $contact ||
        fail "sipp: $(tail -30 "$NS_DIR/caller-out")"
    sip_ended
    poll 5 ct_has "^udp,orig=\(src=10.9.9.2,dst=10.9.9.240,sport=5090,.*helper=sip"
    sip_voice sniff.log 10.9.9.2 6000 10.1.1.1 7000
    lacks "what the caller reads" "$(messages caller)" "10.1.1.1"
    counted expected 2 2

    # Registered no more.
    sip_registers 0
    same "expectations" "$(ovs-appctl trackway/expect-show |
        grep -c signalling || true)" 0
}

# sip_registers SECONDS
sip_registers() {
    sed -i "s/Expires: [A-Z0-9]*/Expires: $1/" "$NS_DIR/register.xml"
    sed -i "s/expires=[A-Z0-9]*/expires=$1/" "$NS_DIR/registrar.xml"
    sip_waits server u1 registrar registrar 10.9.9.2
    sip client register phone 10.1.1.1 -p 5060 -t u1 10.9.9.2 ||
        fail "sipp: $(tail -30 "$NS_DIR/phone-out")"
    sip_ended
}
