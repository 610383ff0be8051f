# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Completion of trackway-ct for bash: commands, tables, options, and those of
# their values that are words.

_trackway_ct() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local before= protocol= word i

    COMPREPLY=()
    # The last word of a list with commas.
    if [[ $cur == *,* ]]; then
        before=${cur%,*},
    fi
    for ((i = 1; i < COMP_CWORD - 1; i++)); do
        case ${COMP_WORDS[i]} in
            -p | --proto | --protonum) protocol=${COMP_WORDS[i + 1]} ;;
        esac
    done
    case $prev in
        -L | -G | -D | -I | -A | -U | -E | -F | -C | --dump | --get | \
        --delete | --create | --add | --update | --event | --flush | --count)
            if [[ $cur != -* ]]; then
                word="conntrack expect dying unconfirmed"
            fi ;;
        -p | --proto | --protonum)
            word="tcp udp icmp icmpv6 sctp gre udplite dccp" ;;
        -f | --family)
            word="ipv4 ipv6" ;;
        -o | --output)
            word="extended id timestamp ktimestamp labels xml json save count
                  ipfix"
            ;;
        -u | --status)
            word="ASSURED SEEN_REPLY EXPECTED SRC_NAT DST_NAT UNSET" ;;
        --state)
            if [[ $protocol == sctp ]]; then
                word="NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED
                      SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT
                      HEARTBEAT_SENT HEARTBEAT_ACKED"
            else
                word="NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT
                      LAST_ACK TIME_WAIT CLOSE SYN_SENT2"
            fi ;;
        --datapath)
            word=$(ovs-appctl --timeout=2 dpctl/dump-dps 2>/dev/null) ;;
        --log)
            word="file: udp: tcp:" ;;
        -e | --event-mask)
            word="ALL NEW UPDATES DESTROY" ;;
        --sort)
            word="bytes packets connections" ;;
        --group)
            word="source destination service" ;;
        -R | --load-file | --socket)
            COMPREPLY=($(compgen -f -- "$cur"))
            return ;;
    esac
    if [[ -n $word ]]; then
        COMPREPLY=($(compgen -P "$before" -W "$word" -- "${cur##*,}"))
    elif [[ $COMP_CWORD == 1 ]]; then
        COMPREPLY=($(compgen -W "-L -G -D -I -A -U -E -F -C -S -R -h -V
            --dump --get --delete --create --add --update --event --flush
            --count --stats --load-file --top --help --version" -- "$cur"))
    elif [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "--src --dst --reply-src --reply-dst --proto
            --orig-src --orig-dst --sport --dport --orig-port-src
            --orig-port-dst --reply-port-src --reply-port-dst --srckey
            --dstkey --reply-key-src --reply-key-dst --icmp-type --icmp-code
            --icmp-id --reply-icmp-id --state --orig-vtag --reply-vtag
            --family --zone --orig-zone --reply-zone --mark --label
            --label-add --label-del --status --src-nat --dst-nat --any-nat
            --mask-src --mask-dst --tuple-src --tuple-dst --tuple-port-src
            --tuple-port-dst --tuple-key-src --tuple-key-dst --mask-port-src
            --mask-port-dst --mask-key-src --mask-key-dst --id --helper
            --timeout --event-mask --output --log --observation-domain
            --template-refresh --zero --buffer-size --interval --sort --group
            --batch --frames --datapath --socket" -- "$cur"))
    fi
}

complete -F _trackway_ct trackway-ct
