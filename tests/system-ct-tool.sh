# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: trackway-ct(8), beside conntrack(8).
#
# The client's packets meet two trackers: its own kernel's, on their way out
# and in, and the bridge's in zone 0.  So both have the same connections, and
# the same command lines must show the same.

# both_track v4|v6
both_track() {
    test -x "$(command -v conntrack)" || skip "no conntrack"
    two_hosts
    flows br0 <<END
$neighbours
priority=50,ct_state=-trk,ip actions=ct(table=1)
priority=50,ct_state=-trk,ipv6 actions=ct(table=1)
table=1,ct_state=+trk+new,in_port=1,ip actions=ct(commit),2
table=1,ct_state=+trk+new,in_port=1,ipv6 actions=ct(commit),2
table=1,ct_state=+trk+est,in_port=1 actions=2
table=1,ct_state=+trk+est,in_port=2 actions=1
END
    in_ns client sysctl -qw net.netfilter.nf_conntrack_acct=1
    in_ns client nft -f - <<END
table inet track {
    chain out {
        type filter hook output priority 0;
        ip6 nexthdr icmpv6 icmpv6 type {
            nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit,
            mld2-listener-report } notrack
        ct state new accept
    }
}
END
}

kernel_ct() {
    in_ns client conntrack "$@"
}

# What may differ between two trackers: seconds that have passed, order, ids,
# how often the kernel holds an entry, the command's name and version.
normal_ct() {
    sed -E 's/^((ipv[46] +[0-9]+ )?[a-z0-9]+ +[0-9]+) [0-9]+ /\1 TIMEOUT /
            s/^[0-9]+ (proto=)/TIMEOUT \1/
            s/ use=[0-9]+/ use=N/; s/ id=[0-9]+$/ id=N/
            s/<id>[0-9]+/<id>N/; s/<use>[0-9]+/<use>N/
            s/<timeout>[0-9]+/<timeout>N/
            s/^-A -t [0-9]+/-A -t N/
            s/^(conntrack|trackway-ct) v.* \((conntrack-tools|trackway)\):/TOOL:/
            s/(conntrack|trackway-ct) (-h|--help)/TOOL \2/g' | LC_ALL=C sort
}

# both_say ARGUMENT...: the same output, messages and exit code.
both_say() {
    local kernel ours kernel_status=0 our_status=0

    kernel=$(kernel_ct "$@" 2>&1) || kernel_status=$?
    ours=$(trackway-ct "$@" 2>&1) || our_status=$?
    same "$*" "$(normal_ct <<<"$ours")" "$(normal_ct <<<"$kernel")"
    same "exit code of $*" $our_status $kernel_status
    log "both say of $*: $(tail -n 1 <<<"$kernel")"
}

# some_traffic ADDRESS: a ping, UDP, TCP that is over and TCP that is not.
some_traffic() {
    serve_echo server
    in_ns client ping -c 1 -W 5 "$1" >/dev/null
    ask client udp "$1" 7 --sport 4000
    ask client udp "$1" 7 --sport 4001
    ask client tcp "$1" 7 --sport 4002
    mkfifo "$NS_DIR/talk"
    ip netns exec client $tool talk "$1" 7 <"$NS_DIR/talk" \
        >"$NS_DIR/talk.out" 2>&1 &
    exec 7>"$NS_DIR/talk"
    echo hello >&7
    poll 10 grep -q hello "$NS_DIR/talk.out"
    poll 10 same_count
}

same_count() {
    test "$(trackway-ct -L 2>/dev/null | normal_ct)" = \
         "$(kernel_ct -L 2>/dev/null | normal_ct)"
}

# The command lines of tuning pages, with their regular expressions.
pages() {
    local tool=$1 family=$2 address=$3

    $tool -L -p tcp -f "$family" 2>/dev/null | awk '{print $4}' | sort |
        uniq -c
    $tool -L -f "$family" 2>/dev/null | awk '{print $1}' | sort | uniq -c
    $tool -L -f "$family" 2>/dev/null | grep -c ASSURED
    $tool -L -f "$family" 2>/dev/null |
        sed -n 's/.*src=\([^ ]*\) dst=\([^ ]*\) sport=[0-9]* dport=\([0-9]*\) .*src=.*/\1 \2 \3/p' |
        sort | uniq -c
    $tool -L -f "$family" 2>/dev/null | grep -oP 'dport=\K\d+' | sort |
        uniq -c | sort -rn
    $tool -L -p tcp -f "$family" --state ESTABLISHED 2>/dev/null | wc -l
    $tool -L -p tcp -f "$family" --dport 7 2>/dev/null | wc -l
    $tool -L -d "$address" -o extended 2>/dev/null | awk '{print $1, $3}' |
        sort
    $tool -C
    $tool -S | grep -oE '[a-z_]+=' | sort -u
}

scenario_ct_tool_list() {
    local address=$(ip_of $1 10.1.1.2 fd01::2) own=$(ip_of $1 10.1.1.1 fd01::1)
    local family=ip$1 icmp=$(ip_of $1 icmp icmpv6)
    local prefix=$(ip_of $1 10.1.0.0/16 fd01::/32)

    both_track $1
    some_traffic "$address"

    both_say -L -f $family
    both_say -L conntrack -p tcp -f $family
    both_say -L -p udp -f $family
    both_say -L -p $icmp -f $family
    both_say -L -f $family -p tcp --state ESTABLISHED
    both_say -L -f $family -p tcp --state TIME_WAIT
    both_say -L -f $family -p tcp --state CLOSE
    both_say -L -s "$own"
    both_say -L -s "$address"
    both_say -L -d "$address" -p udp --sport 4001
    both_say -L --reply-src "$address" --reply-dst "$own"
    both_say -L -s "$prefix"
    both_say -L -f $family -p tcp --orig-port-dst 7
    both_say -L -f $family -p tcp --reply-port-src 7
    both_say -L -f $family -u ASSURED
    both_say -L -f $family -u SEEN_REPLY
    both_say -L -f $family -u EXPECTED
    both_say -L -f $family -m 0
    both_say -L -f $family -m 1/1
    both_say -L -f $family -w 0
    both_say -L -f $family -w 9
    both_say -L -f $family -n
    both_say -L -f $family -g
    both_say -L -f $family -j
    both_say -L -f $family -o extended,id
    both_say -L -f $family -o xml
    both_say -L -f $family -o save
    both_say -L -f $family -o timestamp
    both_say -C
    both_say -L dying
    both_say -L unconfirmed
    both_say -G -p udp -s "$own" -d "$address" --sport 4001 --dport 7
    both_say -G -p udp -s "$own" -d "$address" --sport 4009 --dport 7
    same "tuning pages" "$(pages trackway-ct $family "$address")" \
        "$(pages kernel_ct $family "$address")"

    # What conntrack(8) has not.
    same "count" "$(trackway-ct -C -p udp)" 2
    same "count of a list" "$(trackway-ct -L -o count -p udp)" 2
    same "JSON" "$(trackway-ct -L -o json 2>/dev/null | python3 -c '
import json, sys
print(sorted({json.loads(line)["original"]["dst"] for line in sys.stdin}))')" \
        "['$address']"
    matches "JSON" "$(trackway-ct -L -o json -p tcp --state ESTABLISHED \
        2>/dev/null)" '"state":"ESTABLISHED","status":\["SEEN_REPLY","ASSURED","CONFIRMED"\]'
    exec 7>&-
}

# One line each: what is asked of the kernel and of us, both empty at first.
scenario_ct_tool_edit() {
    local tcp="-p tcp -s 10.1.1.1 -d 10.1.1.2 --sport 5000 --dport 80"
    local udp="-p udp -s 10.1.1.1 -d 10.1.1.2"
    local saved id

    both_track v4
    both_say -L
    both_say -I $tcp --state ESTABLISHED -t 1000 -u ASSURED,SEEN_REPLY -m 5
    both_say -I $tcp --state ESTABLISHED -t 1000
    both_say -A $tcp --state ESTABLISHED -t 1000
    both_say -I $tcp --state SYN_SENT -t 77 -w 3
    both_say -I $udp --sport 1000 --dport 53 -t 100 -n 10.1.1.99
    both_say -I $udp --sport 1001 --dport 53 -t 100 -g 10.1.1.98:5353
    both_say -I -p udp -s 10.2.1.1 -d 10.1.1.2 --sport 1 --dport 2 -t 60
    both_say -I -p icmp -s 10.1.1.1 -d 10.1.1.2 --icmp-type 8 --icmp-code 0 \
        --icmp-id 77 -t 100
    both_say -I -p udp -s fd01::1 -d fd01::2 --sport 9 --dport 53 -t 100
    both_say -I -p gre -s 10.1.1.1 -d 10.1.1.2 --srckey 3 --dstkey 4 -t 100
    both_say -I -p sctp -s 10.1.1.1 -d 10.1.1.2 --sport 3 --dport 4 -t 100 \
        --state ESTABLISHED --orig-vtag 1 --reply-vtag 2
    both_say -I -p 50 -s 10.1.1.1 -d 10.1.1.2 -t 100
    both_say -L
    both_say -C
    both_say -L -n
    both_say -L -n 10.1.1.99
    both_say -L -n 10.1.1.98
    both_say -L -g 10.1.1.98
    both_say -L -j
    both_say -L -j 10.1.1.98
    both_say -L -m 5
    both_say -L -m 4/4
    both_say -L -w 3
    both_say -L -s 10.1.0.0/16
    both_say -L -s 10.1.9.9 --mask-src 255.255.0.0
    both_say -G $tcp
    both_say -L -p gre
    both_say -L -p sctp -o extended
    within "timeout" "$(trackway-ct -G $tcp 2>/dev/null | awk '{print $3}')" \
        900 1000

    # What the kernel cannot be asked everywhere: changes.
    same "changed" "$(trackway-ct -U $tcp -w 0 -m 0x10/0xf0 -t 5000 \
        -o count 2>/dev/null)" 1
    matches "changed" "$(trackway-ct -L -m 0x15 2>/dev/null)" \
        "^tcp +6 (5000|49[0-9]+) ESTABLISHED .* mark=21 use=1$"
    same "labels" "$(trackway-ct -U -p udp --label-add 3,100 -o count \
        2>/dev/null)" "$(trackway-ct -C -p udp)"
    same "labels" "$(trackway-ct -L -l 3 -o labels 2>/dev/null |
        grep -c labels=0x10000000000000000000000008)" \
        "$(trackway-ct -C -p udp)"
    trackway-ct -U -p udp --label-del 100 >/dev/null
    same "label" "$(trackway-ct -C -l 100)" 0
    trackway-ct -U -p udp --label-del >/dev/null
    same "labels" "$(trackway-ct -C -l 3)" 0
    refute trackway-ct -U -p udp -u EXPECTED
    refute trackway-ct -U -p dccp -t 5
    id=$(trackway-ct -L -p gre -o id 2>/dev/null | sed 's/.*id=//')
    same "by id" "$(trackway-ct -C --id $id)" 1

    # Saved and loaded again.
    trackway-ct -L -o save >saved 2>/dev/null
    saved=$(grep -c . saved)
    same "saved" "$saved" "$(trackway-ct -C)"
    trackway-ct -L 2>/dev/null | normal_ct >before
    trackway-ct -F
    same "flushed" "$(trackway-ct -C)" 0
    trackway-ct -R saved
    trackway-ct -L 2>/dev/null | normal_ct >after
    cmp before after
    trackway-ct -F
    while read -r line; do
        eval "trackway-ct $line" 2>/dev/null
    done <saved
    trackway-ct -L 2>/dev/null | normal_ct >after
    cmp before after
    echo "-A -p tcp" >bad
    refute trackway-ct -R bad
    matches "bad file" "$(trackway-ct -R bad 2>&1 || true)" \
        "bad:1: You need to supply the .--timeout. option"

    # Deleted.
    trackway-ct -D -m 0x15 >/dev/null
    kernel_ct -D -m 5 >/dev/null 2>&1
    both_say -L
    both_say -D $udp --sport 1000 --dport 53
    both_say -D $udp --sport 1000 --dport 53
    both_say -D -p udp --dport 53
    both_say -D -w 3
    both_say -L
    both_say -D
    both_say -D
    both_say -F
    both_say -C
}

# A connection that was made by command works: its packets are established,
# translated and counted.
scenario_ct_tool_packets() {
    local out

    both_track v4
    new_flows br0 <<END
$neighbours
priority=50,ct_state=-trk,ip actions=ct(table=1,nat)
table=1,ct_state=+trk+est-new,in_port=1 actions=2
table=1,ct_state=+trk+est-new,in_port=2 actions=1
END
    serve_echo server
    refute ask client udp 10.1.1.2 7 --sport 4000 --timeout 0.5
    trackway-ct -I -p udp -s 10.1.1.1 -d 10.1.1.2 --sport 4000 --dport 7 \
        -t 100 -u SEEN_REPLY -n 10.1.1.77:4777
    in_ns server ip neigh replace 10.1.1.77 dev eth0 \
        lladdr "$(in_ns client cat /sys/class/net/eth0/address)"
    out=$(ask client udp 10.1.1.2 7 --sport 4000)
    matches "peer" "$out" "peer=10.1.1.77 port=4777"
    matches "counted" "$(trackway-ct -L -p udp 2>/dev/null)" \
        "packets=[1-9].* dst=10.1.1.77 sport=7 dport=4777 packets=[1-9]"
    trackway-ct -L -z -p udp >/dev/null
    matches "set to 0" "$(trackway-ct -L -p udp 2>/dev/null)" \
        "packets=0 bytes=0 src=10.1.1.2 .* packets=0 bytes=0"
    trackway-ct -D -p udp >/dev/null
    refute ask client udp 10.1.1.2 7 --sport 4000 --timeout 0.5
}

# Bad command lines: the same words, and exit code 2.
scenario_ct_tool_usage() {
    both_track v4
    both_say -L -X
    both_say -L -p foo
    both_say -L -s 10.0.0.300
    both_say -L -s 10.0.0.0/33
    both_say -L -p tcp --state FOO
    both_say -L -L
    both_say -L -D
    both_say -L foo
    both_say -L -o foo
    both_say -L -u foo
    both_say -L -b
    both_say -L -t 5
    both_say -L -f ipv5
    both_say -L -o save,id
    both_say -L -o xml --mask-src 255.0.0.0
    both_say -S -p tcp
    both_say -F -p tcp
    both_say -G -s 10.0.0.1
    both_say -I -p tcp
    both_say -I -s 1.1.1.1
    both_say -I -p udp -s 10.0.0.1 -t 100
    both_say -I -p udp -s 10.0.0.1 -d 10.0.0.3 -t 100
    both_say -I -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 80 -t 100
    both_say -I -p tcp -s 10.0.0.1 -d fd00::1 --sport 1 --dport 80 \
        --state ESTABLISHED -t 100
    refute trackway-ct -L --datapath nobody 2>err
    matches "no datapath" "$(cat err)" "no datapath has this name"
    trackway-ct -L --datapath ovs-trackway
    trackway-ct -L --datapath trackway@ovs-trackway
}

# expectations COMMAND OPTION...
expectations() {
    "$1" -L expect "${@:2}" 2>&1 | normal_ct |
        sed 's/\(port[=>]\)[0-9]*[1-9][0-9]*/\1N/g'
}

scenario_ct_tool_expect() {
    local json_pid xml_pid

    both_track v4
    serve_ftp server 10.1.1.2
    in_ns client nft -f - <<END
table inet helper {
    ct helper ftp { type "ftp" protocol tcp; }
    chain out {
        type filter hook output priority 0;
        tcp dport 21 ct helper set "ftp"
    }
}
END
    new_flows br0 <<END
$neighbours
priority=50,ct_state=-trk,ip actions=ct(table=1)
table=1,ct_state=+trk+new,in_port=1,ip,tcp,tp_dst=21 actions=ct(commit,alg=ftp),2
table=1,ct_state=+trk+est,in_port=1 actions=2
table=1,ct_state=+trk+est,in_port=2 actions=1
END
    both_say -L expect
    trackway-ct -E expect -o json >events.json 2>/dev/null &
    json_pid=$!
    trackway-ct -E expect -o xml >events.xml 2>/dev/null &
    xml_pid=$!
    poll 10 feed_runs
    poll 10 test -s events.xml
    # Says PASV, and stays.
    serve client pasv.log python3 -u -c '
import socket, time
s = socket.create_connection(("10.1.1.2", 21))
f = s.makefile("rw", newline="\r\n")
f.readline()
for line in ("USER anonymous", "PASS x", "PASV"):
    f.write(line + "\n")
    f.flush()
    f.readline()
print("ready", flush=True)
time.sleep(1000)'
    same "expectations" "$(expectations trackway-ct)" \
        "$(expectations kernel_ct)"
    matches "expectations" "$(expectations trackway-ct)" \
        "1 expectations have been shown"
    same "as XML" "$(expectations trackway-ct -o xml)" \
        "$(expectations kernel_ct -o xml)"
    same "as JSON" "$(trackway-ct -L expect -o json 2>/dev/null |
                      python3 -c '
import json, sys
for line in sys.stdin:
    e = json.loads(line)
    print(e["id"] > 0, e["zone"], e["protocol"], 0 < e["timeout"] <= 300,
          e["class"], e["flags"], e["helper"], e["expected"]["src"],
          e["expected"]["sport"], e["expected"]["dport"] > 0, e["mask"]["dst"],
          e["mask"]["dport"], e["parent"]["dst"], e["parent"]["dport"],
          "event" in e)')" \
        "True 0 6 True 0 [] ftp 10.1.1.1 0 True 255.255.255.255 65535 10.1.1.2 21 False"
    matches "id" "$(trackway-ct -L expect -o xml,id 2>/dev/null)" \
        "<class>0</class><id>[0-9]+</id></meta></flow>$"
    complains "expectations can't be saved" trackway-ct -L expect -o save
    complains "\`-C expect' counts" trackway-ct -L expect -o count
    both_say -C expect
    matches "helper" "$(trackway-ct -L -p tcp 2>/dev/null)" " helper=ftp$"
    same "of another" "$(trackway-ct -L expect -d 10.1.1.1 2>/dev/null)" ""
    refute trackway-ct -D expect -d 10.1.1.1 -s 10.1.1.2 -p tcp
    trackway-ct -D expect -p tcp
    same "deleted" "$(trackway-ct -C expect)" 0
    refute trackway-ct -D expect
    both_say -F expect

    poll 10 has_lines destroy events.json 1
    poll 10 has_lines destroy events.xml 1
    kill $json_pid $xml_pid
    wait $json_pid $xml_pid
    same "events" "$(python3 -c '
import json, time, xml.etree.ElementTree as xml
events = [json.loads(line) for line in open("events.json")]
print(*(e["event"] for e in events), events[0]["expected"]["src"],
      all(abs(e["time"] / 1000 - time.time()) < 120 for e in events))
root = xml.parse("events.xml").getroot()
print(root.tag, *(flow.get("type") for flow in root),
      root[0].find("layer3/expected/src").text)')" "new destroy 10.1.1.1 True
expect new destroy 10.1.1.1"
}

# expect_port PORT [ARGUMENT...]: one that is made by command, of the control
# connection from port 5000.
expect_port() {
    local port=$1

    shift
    echo -I expect -p tcp -s 10.1.1.1 -d 10.1.1.2 --sport 5000 --dport 21 \
        --tuple-src 10.1.1.2 --tuple-dst 10.1.1.1 --tuple-port-src 0 \
        --tuple-port-dst "$port" --mask-src 255.255.255.255 \
        --mask-dst 255.255.255.255 --mask-port-src 0 --mask-port-dst 65535 \
        -t 100 "$@"
}

# An expectation that is made by command lets its connection in, once.
scenario_ct_tool_expect_new() {
    local words

    both_track
    new_flows br0 <<END
$neighbours
priority=50,ct_state=-trk,ip actions=ct(table=1)
table=1,ct_state=+trk+new,in_port=1,ip,tcp,tp_dst=21 actions=ct(commit,alg=ftp),2
table=1,ct_state=+trk+new,in_port=1,ip,tcp,tp_dst=22 actions=ct(commit),2
table=1,ct_state=+trk+rel+new,in_port=2,ip actions=ct(commit),1
table=1,ct_state=+trk+est,in_port=1 actions=2
table=1,ct_state=+trk+est,in_port=2 actions=1
END
    words=($(expect_port 4000))
    # What is missing, in the kernel's order: one word more each time.
    for n in $(seq 2 $((${#words[@]} - 2))); do
        both_say "${words[@]:0:$n}"
    done
    both_say "${words[@]}"
    both_say "${words[@]}" -m 5
    both_say -A "${words[@]:1}"
    both_say -U "${words[@]:1}"

    serve_echo server 21
    serve_echo server 22
    serve_echo client 4000
    start_talk client 10.1.1.2 21 5000
    ask client tcp 10.1.1.2 22 --sport 5000
    refute trackway-ct "${words[@]/#21/22}" 2>err
    matches "no helper" "$(cat err)" "the master connection has no helper"
    refute ask server tcp 10.1.1.1 4000 --timeout 0.5

    trackway-ct "${words[@]}"
    refute trackway-ct "${words[@]}" 2>err
    matches "twice" "$(cat err)" "Operation failed: File exists"
    matches "listed" "$(trackway-ct -L expect 2>/dev/null)" \
        "^[0-9]+ proto=6 src=10.1.1.2 dst=10.1.1.1 sport=0 dport=4000 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 master-src=10.1.1.1 master-dst=10.1.1.2 sport=5000 dport=21 class=0 helper=ftp$"
    refute trackway-ct $(expect_port 4001 -w 7)
    refute trackway-ct $(expect_port 4001 --helper nobody)
    same "expectations" "$(trackway-ct -C expect)" 1
    matches "reply" "$(ask server tcp 10.1.1.1 4000)" "^peer=10.1.1.2 "
    same "used up" "$(trackway-ct -C expect)" 0
    same "child" "$(trackway-ct -C -s 10.1.1.2 -u EXPECTED)" 1

    # Deleted by what it is for.
    trackway-ct $(expect_port 4000)
    refute trackway-ct -D expect -p tcp --tuple-port-dst 4009
    trackway-ct -D expect -p tcp --tuple-src 10.1.1.2 --tuple-port-dst 4000
    same "deleted" "$(trackway-ct -C expect)" 0
    refute ask server tcp 10.1.1.1 4000 --timeout 0.5
    end_talk
}

# nobody ARGUMENT...: as a user who is in the socket's group.
nobody() {
    setpriv --reuid 65534 --regid 65534 --groups 4242 \
        "$(command -v trackway-ct)" "$@"
}

scenario_ct_tool_who() {
    local socket=$NS_DIR/trackway-ct.sock

    both_track v4
    trackway-ct -I -p udp -s 10.1.1.1 -d 10.1.1.2 --sport 1 --dport 2 -t 600
    same "mode" "$(stat -c %a "$socket")" 660
    chmod 755 "$NS_DIR"
    refute nobody -L 2>err
    matches "not of the group" "$(cat err)" "permission denied"
    chgrp 4242 "$socket"
    nobody -L
    same "reads" "$(nobody -C)" 1
    for command in "-F" "-D" "-D -p udp" "-U -p udp -m 1" "-F expect" \
                   "$(expect_port 4000)" \
                   "-L -z" "-I -p 50 -s 1.1.1.1 -d 2.2.2.2 -t 9"; do
        refute nobody $command 2>err
        matches "$command" "$(cat err)" "only root and the daemon's own user"
    done
    same "nothing done" "$(trackway-ct -C -m 0)" 1

    # Who says nothing, or nonsense, keeps nobody out.
    serve client idle.log python3 -u -c '
import socket, sys, time
socks = []
for i in range(80):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    if i % 4 == 0:
        s.sendall(b"nonsense, and more of it" * 100)
    socks.append(s)
print("ready", flush=True)
time.sleep(1000)' "$socket"
    same "others" "$(nobody -C)" 1
    same "others" "$(trackway-ct -C)" 1
    stop_vswitchd
    start_vswitchd --ct-socket="$NS_DIR/other.sock" --ct-socket-mode=666
    same "mode" "$(stat -c %a "$NS_DIR/other.sock")" 666
    nobody -C --socket "$NS_DIR/other.sock"
}

# The daemon is not there, goes away, or its client does.
scenario_ct_tool_gone() {
    local pid

    refute trackway-ct -L 2>err
    matches "no daemon" "$(cat err)" "is ovs-vswitchd of Trackway running"
    both_track v4
    refute trackway-ct -L --socket "$NS_DIR/nothing" 2>err
    matches "no socket" "$(cat err)" "nothing: No such file"

    # Enough that neither end can hold all.
    python3 -c '
for i in range(20000):
    print("-A -p udp -s 10.%d.%d.1 -d 10.1.1.2 --sport %d --dport 9 -t 900"
          % (i >> 8 & 255, i & 255, i + 1))' >many
    trackway-ct -R many
    same "many" "$(trackway-ct -C)" 20000
    same "all of them" "$(trackway-ct -L 2>/dev/null | sort -u | wc -l)" 20000

    # A reader that stops, and one that goes.
    trackway-ct -L 2>/dev/null | head -n 1 >first || true
    same "first line" "$(wc -l <first)" 1
    mkfifo pipe
    trackway-ct -L >pipe 2>gone.err &
    pid=$!
    exec 8<pipe
    read -r line <&8
    same "others go on" "$(trackway-ct -C -p udp)" 20000
    same "deleted meanwhile" "$(trackway-ct -D -s 10.1.0.0/16 -o count \
        2>/dev/null)" 256

    kill -9 "$daemon_pid"
    poll 10 process_gone "$daemon_pid"
    daemon_pid=
    cat <&8 >/dev/null &
    if wait $pid; then
        fail "an incomplete list and exit code 0"
    fi
    exec 8<&-
    matches "daemon died" "$(cat gone.err)" \
        "the daemon has gone before its answer was complete"
    refute trackway-ct -L 2>err
    matches "refused" "$(cat err)" "is ovs-vswitchd of Trackway running"
}

# The datapath goes while it is listed: the client is told, and the daemon goes
# on, with a new one.
scenario_ct_tool_datapath() {
    local pid

    both_track v4
    python3 -c '
for i in range(20000):
    print("-A -p udp -s 10.%d.%d.1 -d 10.1.1.2 --sport %d --dport 9 -t 900"
          % (i >> 8 & 255, i & 255, i + 1))' >many
    trackway-ct -R many
    mkfifo pipe
    trackway-ct -L >pipe 2>gone.err &
    pid=$!
    exec 8<pipe
    read -r line <&8
    ovs-vsctl del-br br0
    cat <&8 >rest &
    if wait $pid; then
        fail "an incomplete list and exit code 0"
    fi
    exec 8<&-
    matches "datapath" "$(cat gone.err)" "the datapath has gone"
    within "lines" "$(wc -l <rest)" 1 19998
    refute trackway-ct -C 2>err
    matches "no datapath" "$(cat err)" "no datapath of type trackway"
    add_bridge br0
    same "a new one" "$(trackway-ct -C)" 0
}

# Seconds since the last call, with milliseconds.
lap() {
    local now=${EPOCHREALTIME/./}

    printf '%d.%03d' $(((now - lap_start) / 1000000)) \
        $(((now - lap_start) / 1000 % 1000))
    lap_start=$now
}

# Memory that the daemon had at most since forget_peak, in kB.
peak() {
    sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$daemon_pid/status"
}

forget_peak() {
    echo 5 >"/proc/$daemon_pid/clear_refs"
}

# scale_turn WHAT COMMAND...: how long the command takes, what memory the
# daemon takes for it, and which packets are lost meanwhile.
scale_turn() {
    local what=$1 before made delivered seconds

    shift
    forget_peak
    before=$(peak)
    ovs-appctl netdev-traffic/reset busy busy-peer
    ovs-appctl netdev-traffic/start busy busy-peer
    lap >/dev/null
    "$@"
    seconds=$(lap)
    ovs-appctl netdev-traffic/stop busy busy-peer
    made=$(($(shown busy made) + $(shown busy-peer made)))
    delivered=$(($(shown busy delivered) + $(shown busy-peer delivered)))
    last_lost=$((made - delivered))
    last_extra=$(($(peak) - before))
    echo "$what seconds=$seconds extra_kB=$last_extra packets=$made" \
         "lost=$last_lost" >>result
}

# ct_tool_scale [CONNECTIONS [PACKETS-PER-SECOND]]: what trackway-ct costs with
# so many connections while another thousand of the zone are busy.  The figures
# of Documentation/performance.rst are those of
#     tests/ns-run -t 900 ct_tool_scale 1000000 500000
scenario_ct_tool_scale() {
    local n=${1:-20000} rate=${2:-5000} marked

    traffic_bridge trackway
    ovs-appctl dpctl/ct-set-maxconns $((n + 100000))
    new_flows br0 <<END
ip,in_port=1 actions=ct(table=1,zone=1)
ip,in_port=2 actions=ct(table=1,zone=1)
ip,in_port=3 actions=ct(table=1,zone=1)
ip,in_port=4 actions=ct(table=1,zone=1)
table=1,ct_state=+trk+new,tcp,in_port=1,tp_src=0x0/0x1 actions=ct(commit,zone=1,exec(set_field:7->ct_mark)),2
table=1,ct_state=+trk+new,tcp,in_port=1,tp_src=0x1/0x1 actions=ct(commit,zone=1),2
table=1,ct_state=+trk+new,tcp,in_port=3 actions=ct(commit,zone=1),4
table=1,ct_state=+trk+est-inv,ip,in_port=1 actions=2
table=1,ct_state=+trk+est-inv,ip,in_port=2 actions=1
table=1,ct_state=+trk+est-inv,ip,in_port=3 actions=4
table=1,ct_state=+trk+est-inv,ip,in_port=4 actions=3
END
    traffic_pair connections=$n pattern=open
    poll 300 phase_is c done
    ovs-vsctl add-port br0 busy -- set interface busy type=traffic \
            ofport_request=3 options:connections=1000 \
            options:clients=11.0.0.0/16 options:rate=$((rate / 2)) -- \
        add-port br0 busy-peer -- set interface busy-peer type=traffic \
            ofport_request=4 options:role=server options:peer=busy
    poll 60 phase_is busy steady
    ovs-appctl netdev-traffic/stop busy busy-peer
    same "connections" "$(trackway-ct -C)" $((n + 1000))
    marked=$(trackway-ct -C -m 7)

    scale_turn "nothing" sleep 1
    scale_turn "list" sh -c 'trackway-ct -L 2>/dev/null >list'
    same "lost" $last_lost 0
    within "extra memory in kB" $last_extra 0 50000
    same "list" "$(grep -c "^tcp .*zone=1" list)" $((n + 1000))
    scale_turn "list-json" sh -c 'trackway-ct -L -o json 2>/dev/null >list'
    same "list" "$(wc -l <list)" $((n + 1000))
    rm list
    scale_turn "top" sh -c \
        'trackway-ct --top --frames 3 --interval 0.5 </dev/null >top'
    same "lost" $last_lost 0
    within "extra memory in kB" $last_extra 0 50000
    same "top" "$(grep -c "^connections: $((n + 1000)) of" top)" 3
    scale_turn "count" sh -c 'trackway-ct -C -m 7 >count'
    same "count" "$(cat count)" "$marked"
    scale_turn "mark" \
        sh -c 'trackway-ct -U -p tcp -m 256/256 -o count 2>/dev/null >count'
    same "marked" "$(cat count)" $((n + 1000))
    scale_turn "label" \
        sh -c 'trackway-ct -U -p tcp --label-add 1 -o count 2>/dev/null >count'
    same "labelled" "$(cat count)" $((n + 1000))
    within "extra memory in kB" $last_extra 0 50000
    scale_turn "delete" \
        sh -c 'trackway-ct -D -m 7/255 -o count 2>/dev/null >count'
    same "lost" $last_lost 0
    same "deleted" "$(cat count)" "$marked"
    same "left" "$(trackway-ct -C)" $((n + 1000 - marked))
    scale_turn "flush" trackway-ct -F
    cat result
    ovs-vsctl del-port busy -- del-port busy-peer
    end_traffic_pair
}

# events_of OUTPUT: without seconds, and without who has deleted, which the
# kernel tells.
events_of() {
    sed -E 's/^(\[(DESTROY)\]|    \[NEW\]| \[UPDATE\]) ([a-z0-9]+ +[0-9]+) [0-9]+ /\1 \3 TIMEOUT /
            s/ \[USERSPACE\] portid=.*//' "$1" | LC_ALL=C sort
}

has_lines() {
    test "$(grep -c "$1" "$2")" -ge "$3"
}

# What begins, changes and ends is told as the kernel tells it.
scenario_ct_events() {
    local kernel_pid our_pid json_pid log_pid

    stock_lacks "events"
    both_track
    serve_echo server
    in_ns client stdbuf -oL conntrack -E >kernel.txt 2>kernel.err &
    kernel_pid=$!
    trackway-ct -E >ours.txt 2>ours.err &
    our_pid=$!
    trackway-ct -E -e DESTROY -p tcp -o json >json.txt 2>/dev/null &
    json_pid=$!
    poll 10 feed_runs
    ask client udp 10.1.1.2 7 --sport 4000
    ask client tcp 10.1.1.2 7 --sport 4001
    poll 10 has_lines "TIME_WAIT" kernel.txt 1
    poll 10 has_lines "TIME_WAIT" ours.txt 1
    kernel_ct -D -p udp >/dev/null 2>&1
    kernel_ct -D -p tcp >/dev/null 2>&1
    trackway-ct -D -p udp >/dev/null 2>&1
    trackway-ct -D -p tcp >/dev/null 2>&1
    poll 10 has_lines DESTROY kernel.txt 2
    poll 10 has_lines DESTROY ours.txt 2
    same "events" "$(events_of ours.txt)" "$(events_of kernel.txt)"

    poll 10 has_lines destroy json.txt 1
    same "connections that have ended" "$(wc -l <json.txt)" 1
    same "why" "$(python3 -c '
import json, sys
event = json.loads(sys.stdin.readline())
print(event["event"], event["reason"], event["original"]["sport"])
' <json.txt)" "destroy deleted 4001"

    # What had come before the signal is told, too.
    trackway-ct -E -o json --log file:log.json 2>/dev/null &
    log_pid=$!
    poll 10 is_logged
    kill -STOP $our_pid $log_pid
    ask client tcp 10.1.1.2 7 --sport 4002
    trackway-ct -D -p tcp >/dev/null 2>&1
    poll 10 has_lines '"sport":4002' json.txt 1
    kill -INT $our_pid $log_pid
    kill -CONT $our_pid $log_pid
    wait $our_pid
    wait $log_pid
    matches "in the end" "$(cat ours.err)" "[0-9]+ flow events have been shown"
    matches "the last" "$(tail -n 1 ours.txt)" "^\[DESTROY\] .* sport=4002 "
    matches "the last" "$(tail -n 1 log.json)" '"destroy".*"sport":4002,'
    kill $kernel_pid $json_pid
}

is_logged() {
    ask client udp 10.1.1.2 7 --sport 4000
    trackway-ct -D -p udp >/dev/null 2>&1
    test -s log.json
}

# Whether events are read at all.
feed_runs() {
    grep -qs ct_feed /proc/"$daemon_pid"/task/*/comm
}

# One who does not read misses events, which is told; others miss nothing, and
# packets pass.
scenario_ct_events_lost() {
    local slow_pid fast_pid n before

    stock_lacks "events"
    both_track
    serve server sink.log $tool sink 9
    # A reader that is stopped, with next to no buffer.
    trackway-ct -b 4096 -E >slow.txt 2>slow.err &
    slow_pid=$!
    trackway-ct -E -e NEW >fast.txt 2>fast.err &
    fast_pid=$!
    probe_port=5000
    poll 10 both_hear
    poll 10 probe_heard
    kill -STOP $slow_pid
    before=$(counter created)
    n=$(grep -c NEW fast.txt)
    for round in $(seq 24); do
        open_some 10000 900
        ovs-appctl dpctl/flush-conntrack
    done
    n=$((n + $(counter created) - before))
    poll 20 has_lines NEW fast.txt $n
    kill -INT $fast_pid
    wait $fast_pid
    same "lines" "$(grep -c NEW fast.txt)" $n
    lacks "fast" "$(cat fast.err)" lost
    kill -CONT $slow_pid
    poll 20 grep -q "events were lost here" slow.err
    kill -INT $slow_pid
    wait $slow_pid
    matches "slow" "$(cat slow.err)" "[0-9]+ events were lost\."
}

# open_some PORT COUNT: connections of udp, from PORT on.
open_some() {
    in_ns client $tool open udp 10.1.1.2 9 "$2" --sport "$1" --timeout 0.1 \
        >/dev/null
}

both_hear() {
    open_some $((probe_port++)) 1
    test -s slow.txt && test -s fast.txt
}

# Nothing is on its way: the last probe is in both.
probe_heard() {
    grep -q "sport=$((probe_port - 1)) " fast.txt &&
        grep -q "sport=$((probe_port - 1)) " slow.txt
}
