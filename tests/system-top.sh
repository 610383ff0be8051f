# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: trackway-ct --top, beside traffic of which it is known how much it
# is.

# top_hosts: udp to port 7 in zone 1 and to port 9, which answers nothing, in
# zone 2.
top_hosts() {
    stock_lacks "trackway-ct"
    start
    add_bridge br0
    add_host client br0 1 10.1.1.1/24 fd01::1/64
    add_host server br0 2 10.1.1.2/24 fd01::2/64
    add_host client2 br0 3 10.1.1.3/24 fd01::3/64
    flows br0 <<END
$neighbours
priority=50,udp,in_port=2 actions=ct(table=1,zone=1)
priority=50,udp,tp_dst=7 actions=ct(commit,zone=1),2
priority=50,udp,tp_dst=9 actions=ct(commit,zone=2),2
table=1,ct_state=+est,ip,nw_dst=10.1.1.1 actions=1
table=1,ct_state=+est,ip,nw_dst=10.1.1.3 actions=3
END
    serve_echo server
    serve server sink.log $tool sink 9
}

# start_top FILE ARGUMENT...: tables go to FILE; waits for the first.
start_top() {
    local file=$1

    shift
    trackway-ct --top --interval 0.2 "$@" >"$file" 2>"$file.err" </dev/null &
    top_pid=$!
    poll 20 grep -q "^REASON" "$file"
}

stop_top() {
    kill $top_pid
    wait $top_pid
}

# top_sum FILE ROW COLUMN: over all tables, rates times seconds.
top_sum() {
    awk -v row="$2" -v column=$3 '
        / last [0-9.]+ s/ { seconds = $4 }
        $1 == row { sum += $column * seconds }
        END { printf "%.0f\n", sum }' "$1"
}

# top_last FILE ROW COLUMN: of the last complete table.
top_last() {
    awk -v row="$2" -v column=$3 '
        / last [0-9.]+ s/ { table = "-" }
        $1 == row { table = $column }
        $0 == "" && ended { value = table }
        { ended = /^REASON/ || (ended && $0 != "") }
        END { print value }' "$1"
}

top_last_is() {
    test "$(top_last "$1" "$2" $3)" = "$4"
}

# Sums are those of what was sent, and the largest stands first.
scenario_top_batch() {
    local bytes

    top_hosts
    # What was there before is counted as connections only.
    same "answered" "$(in_ns client2 $tool open udp 10.1.1.2 7 5 \
                       --sport 4000)" 5
    ovs-appctl dpctl/ct-set-limits zone=2,limit=3
    start_top top.txt
    same "answered" "$(in_ns client $tool open udp 10.1.1.2 7 40 \
                       --sport 5000)" 40
    same "answered" "$(in_ns client2 $tool open udp 10.1.1.2 7 10 \
                       --sport 5000)" 10
    same "unanswered" "$(in_ns client $tool open udp 10.1.1.2 9 7 \
                         --sport 6000 --timeout 0.1)" 0
    poll 10 top_last_is top.txt 10.1.1.1 2 43
    poll 10 top_last_is top.txt 2 2 3
    poll 10 top_last_is top.txt drop-zone-limit 3 4
    stop_top
    cat top.txt.err

    same "connections of client2" "$(top_last top.txt 10.1.1.3 2)" 15
    same "zone 1" "$(top_last top.txt 1 2)" 55
    same "limit" "$(top_last top.txt 2 3)" 3
    same "packets of client" "$(top_sum top.txt 10.1.1.1 3)" 83
    same "packets of client2" "$(top_sum top.txt 10.1.1.3 3)" 20
    same "packets of zone 1" "$(top_sum top.txt 1 4)" 100
    same "packets of zone 2" "$(top_sum top.txt 2 4)" 3
    bytes=$(trackway-ct -L -w 1 2>/dev/null | grep 'sport=50.. dport=7 ' |
            grep -o 'bytes=[0-9]*' | awk -F= '{ sum += $2 } END { print sum }')
    within "bytes of zone 1" "$(top_sum top.txt 1 5)" \
        $((bytes - 2)) $((bytes + 2))
    same "dropped" "$(top_sum top.txt drop-zone-limit 2)" 4
    matches "states" "$(cat top.txt)" "^udp UNREPLIED +3$"
    matches "states" "$(cat top.txt)" "^udp REPLIED +55$"
}

# Conditions, orders, groups, and how many tables.
scenario_top_options() {
    local text

    top_hosts
    same "answered" "$(in_ns client $tool open udp 10.1.1.2 7 4 \
                       --sport 4000)" 4
    same "answered" "$(in_ns client2 $tool open udp 10.1.1.2 7 6 \
                       --sport 4000)" 6
    in_ns client $tool open udp 10.1.1.2 9 1 --sport 4000 --timeout 0.1
    text=$(trackway-ct --top --batch --frames 3 --interval 0.1 -w 1 \
               --sort connections </dev/null)
    same "tables" "$(grep -c '^connections: 10 of at most 3000000$' \
                     <<<"$text")" 3
    matches "conditions" "$text" " s, by connections, zone 1$"
    lacks "other zones" "$text" "^2 "
    same "the first" "$(grep -A1 -m1 '^SOURCE' <<<"$text" |
                        awk 'NR == 2 { print $1, $2 }')" "10.1.1.3 6"
    text=$(trackway-ct --top --frames 1 --interval 0.1 --group service \
               </dev/null)
    matches "service" "$text" "^udp 7 +10 "
    matches "service" "$text" "^udp 9 +1 "
    text=$(trackway-ct --top --frames 1 --interval 0.1 --group destination \
               -s 10.1.1.3 -p udp </dev/null)
    matches "destination" "$text" "^10.1.1.2 +6 "
    matches "conditions" "$text" " s, by bytes, udp, from 10.1.1.3$"

    # So many at a time, and no more.
    for i in 1 2 3 4 5 6 7 8; do
        start_top top$i.txt --batch
    done
    complains "too many others ask what goes on" \
        trackway-ct --top --batch --frames 1 --interval 0.1
    kill $top_pid
    wait $top_pid
    poll 10 trackway-ct --top --batch --frames 1 --interval 0.1
    complains "--datapath" trackway-ct --top --batch --datapath
    complains "no datapath has this name" \
        trackway-ct --top --batch --frames 1 --datapath nowhere
}

# At a terminal.
scenario_top_terminal() {
    top_hosts
    same "answered" "$(in_ns client $tool open udp 10.1.1.2 7 4 \
                       --sport 4000)" 4
    in_ns client $tool open udp 10.1.1.2 9 1 --sport 4000 --timeout 0.1
    $system_python -u "$tests/top-terminal.py" \
        trackway-ct --top --interval 0.2 <<'END'
see ^connections: 5 of at most
see ^SOURCE
see ^10\.1\.1\.1 +5[ ]
see , by bytes
see ^.*q quit  b/p/c sort
type c
see , by connections
type g
see ^DESTINATION
see ^10\.1\.1\.2 +5[ ]
type z
see zone \(none: all\):
type 1\r
see , zone 1
see ^connections: 4 of at most
type z
type x\r
see not a zone from 0 to 65535
type r
type icmp\r
see , zone 1, icmp
see ^connections: 0 of at most
type x
see ^connections: 5 of at most
type s
see source, or a network
type 10.1.1.0/33\r
see Invalid netmask
type s
type 10.1.1.0/24\r
see , from 10\.1\.1\.0/24
type \s
see , paused
type \s
see s, by connections, from
type +
see last 0\.[4-9]
size 12 60
see ^STATE
type q
end 0
END
}
