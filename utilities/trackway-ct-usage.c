/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: -h. */

#include <config.h>

#include <stdio.h>

#include "trackway-ct.h"
#include "util.h"

void
tct_print_usage(void)
{
    printf("%s: connections of Trackway's datapath, in conntrack(8)'s words\n"
           "usage: %s COMMAND [TABLE] [OPTIONS]\n"
           "\n"
           "Commands:\n"
           "  -L [TABLE]            list connections or expectations\n"
           "  -G [TABLE]            show one\n"
           "  -D [TABLE]            delete what matches\n"
           "  -I [TABLE], -A        create one; -A: unless it exists\n"
           "  -U [TABLE]            change what matches\n"
           "  -E [TABLE]            show events\n"
           "  -F [TABLE]            delete all\n"
           "  -C [TABLE]            count\n"
           "  -S                    show counters\n"
           "  -R FILE               execute the lines of FILE (-o save)\n"
           "  --top                 show what goes on\n"
           "Tables: conntrack, expect, dying, unconfirmed\n"
           "\n"
           "Conditions (-I, -A, -G: what it is):\n"
           "  -s, -d ADDR[/PREFIX]  source, destination, original direction\n"
           "  -r, -q ADDR[/PREFIX]  the same, reply direction\n"
           "  --mask-src, --mask-dst MASK\n"
           "  --tuple-src, --tuple-dst, --tuple-port-src, --tuple-port-dst,\n"
           "  --mask-port-src, --mask-port-dst\n"
           "                        of an expectation\n"
           "  -p PROTO              tcp, udp, icmp, icmpv6, sctp, gre, N\n"
           "  --sport, --dport, --reply-port-src, --reply-port-dst PORT\n"
           "  --icmp-type, --icmp-code, --icmp-id NUMBER\n"
           "  --srckey, --dstkey NUMBER\n"
           "  --state STATE         of TCP or SCTP\n"
           "  -f ipv4|ipv6          address family\n"
           "  -w ZONE               --orig-zone, --reply-zone: the same\n"
           "  -m MARK[/MASK]        -I, -A, -U: set it\n"
           "  -l LABEL[,...]        all of these labels\n"
           "  -u STATUS[,...]       ASSURED, SEEN_REPLY, ...; UNSET;\n"
           "                        -I, -A, -U: set it\n"
           "  -n, -g, -j [ADDR[:PORT]]  translated source, destination, any\n"
           "  --id ID               as -o id shows it\n"
           "\n"
           "Changes:\n"
           "  -t SECONDS            timeout\n"
           "  --label-add LABEL[,...], --label-del [LABEL[,...]]\n"
           "  --helper NAME         (-I, -A)\n"
           "\n"
           "--top:\n"
           "  --interval SECONDS    from one table to the next\n"
           "  --sort bytes|packets|connections\n"
           "  --group source|destination|service\n"
           "  --batch, --frames N   print tables, N of them\n"
           "\n"
           "Others:\n"
           "  -o extended|id|timestamp|ktimestamp|labels|xml|json|save|\n"
           "     count|ipfix\n"
           "  --log file:PATH|udp:HOST[:PORT]|tcp:HOST[:PORT]\n"
           "                        -E with -o json or -o ipfix: a log\n"
           "  --observation-domain ID, --template-refresh SECONDS\n"
           "                        of IPFIX\n"
           "  -z                    set counters to 0 (-L)\n"
           "  -b SIZE               of the socket's buffer\n"
           "  --datapath NAME       if there are several\n"
           "  --socket PATH         of the daemon\n"
           "  -h, -V                help, version\n",
           program_name, program_name);
}
