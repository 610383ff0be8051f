# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: connections survive a restart of the daemon.

# saved_file: where the datapath leaves its connections.
saved_file() {
    echo "$NS_DIR/trackway-ovs-$DATAPATH.ct"
}

daemon_said() {
    grep -Eq "$1" "$NS_DIR/ovs-vswitchd.log"
}

# refused COMMAND...: fails, and what it says.
refused() {
    if "$@" 2>&1; then
        fail "succeeds: $*"
    fi
}

# A download through SNAT goes on behind a restart.
scenario_persist() {
    local host=$(url $1 10.9.9.2 fd09::2)

    stock_lacks "other_config:ct-persist"
    private_and_public
    ovs-vsctl set open_vswitch . other_config:ct-persist=true
    snat_flows 10.9.9.240 fd09::240
    serve_http server
    big_file 20000000
    reads_little_ahead client
    get client "${host}big" --limit-rate 2M >"$NS_DIR/got" &
    download=$!
    poll 20 grew "$NS_DIR/got" 4000000

    stop_vswitchd
    test -s "$(saved_file)" || fail "nothing was saved"
    same "mode of the file" "$(stat -c %a "$(saved_file)")" 600
    start_vswitchd
    poll 10 daemon_said "connections loaded"
    test ! -e "$(saved_file)" || fail "the file is still there"
    ct_has "dport=80.*state=ESTABLISHED"
    snat_flows 10.9.9.240 fd09::240
    wait $download
    same "checksum" "$(sha256sum <"$NS_DIR/got")" "$big_sum"
    rm "$NS_DIR/got" www/big
}

grew() {
    test "$(stat -c %s "$1")" -ge "$2"
}

# Without the setting nothing is saved; a damaged file is kept apart.
scenario_persist_damaged() {
    stock_lacks "other_config:ct-persist"
    two_zones
    stop_vswitchd
    test ! -e "$(saved_file)" || fail "saved unasked"

    allow_log "connections could not be loaded: .*no file of saved"
    echo "no such thing" >"$(saved_file)"
    ovs-vsctl --no-wait set open_vswitch . other_config:ct-persist=true
    start_vswitchd
    poll 10 daemon_said "could not be loaded"
    test -e "$(saved_file).bad" || fail "the damaged file is gone"
    same "connections" "$(dump_conntrack | grep -c . || true)" 0

    allow_log "\"perhaps\" is neither true nor false"
    ovs-vsctl set open_vswitch . other_config:ct-persist=perhaps
    daemon_said "neither true nor false"
}

# By command, into the same tracker.
scenario_persist_command() {
    local before

    stock_lacks "trackway/ct-save"
    two_zones
    before=$(dump_conntrack | sort)
    matches "save" "$(ovs-appctl trackway/ct-save file=$NS_DIR/saved)" \
        "^2 connections saved, 0 left out$"
    ovs-appctl dpctl/flush-conntrack
    same "flushed" "$(dump_conntrack | grep -c . || true)" 0
    matches "load" "$(ovs-appctl trackway/ct-load file=$NS_DIR/saved)" \
        "^2 connections loaded, 0 were over, 0 refused$"
    same "connections" "$(dump_conntrack | sort)" "$before"
    matches "again" "$(ovs-appctl trackway/ct-load file=$NS_DIR/saved)" \
        "^0 connections loaded, 0 were over, 2 refused: "

    matches "relative" "$(refused ovs-appctl trackway/ct-save file=saved)" \
        "absolute path"
    matches "no file" "$(refused ovs-appctl trackway/ct-load)" \
        "absolute path"
    matches "absent" \
        "$(refused ovs-appctl trackway/ct-load file=$NS_DIR/nothing)" \
        "No such file"
    # Nobody would ever write into it.
    mkfifo "$NS_DIR/pipe"
    matches "pipe" \
        "$(refused ovs-appctl trackway/ct-load file=$NS_DIR/pipe)" \
        "no regular file"
}

# scenario_persist_scale [CONNECTIONS]: how long it takes, in ms.
scenario_persist_scale() {
    local n=${1:-20000}

    traffic_bridge trackway
    ovs-appctl dpctl/ct-set-maxconns $((n + 100000))
    new_flows br0 <<END
ip actions=ct(table=1,zone=1)
table=1,ct_state=+trk+new,in_port=1,tcp actions=ct(commit,zone=1),2
table=1,ct_state=+trk+est-inv,in_port=1,ip actions=2
table=1,ct_state=+trk+est-inv,in_port=2,ip actions=1
END
    traffic_pair connections=$n pattern=open
    poll 300 phase_is c done
    same "connections" "$(trackway-ct -C)" $n
    took save ovs-appctl -T 60 trackway/ct-save file="$NS_DIR/saved"
    log "bytes: $(stat -c %s "$NS_DIR/saved")"
    trackway-ct -F 2>/dev/null
    poll 60 no_connections
    took load ovs-appctl -T 60 trackway/ct-load file="$NS_DIR/saved"
    same "connections" "$(trackway-ct -C)" $n
    rm "$NS_DIR/saved"
    end_traffic_pair
}

no_connections() {
    test "$(trackway-ct -C)" = 0
}

# took WORD COMMAND...
took() {
    local word=$1 start=$(date +%s%N)

    shift
    "$@"
    log "$word: $((($(date +%s%N) - start) / 1000000)) ms"
}
