# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Scenario: the operator's guide does what it says.

# Blocks of commands behind ".. run" in Documentation/operators-guide.rst, each
# in a file guide/NN.
guide_blocks() {
    mkdir guide
    awk '
        /^\.\. run$/ { wanted = 1; next }
        wanted && /::$/ { n++; inside = 1; wanted = 0; next }
        /^[^ ]/ { inside = 0 }
        inside && /^    / {
            print substr($0, 5) > sprintf("guide/%02d", n)
        }' "$tests/../Documentation/operators-guide.rst"
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
    guide_blocks
    within "blocks" "$(ls guide | wc -l)" 20 99
    for block in guide/*; do
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
