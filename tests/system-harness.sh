# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: what tests/ns-leftovers runs.

# settle: a daemon, hosts and servers, and where to look for them.
settle() {
    readlink /proc/self/ns/net >"$NS_DIR/namespace"
    two_hosts
    firewall
    serve_http server
    serve_echo server
}

scenario_harness_passes() {
    settle
    get client http://10.1.1.2/
}

scenario_harness_fails() {
    settle
    same "one" 1 2
}

scenario_harness_stays() {
    settle
    touch "$NS_DIR/settled"
    wait
}
