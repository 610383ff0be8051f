/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TIMEOUT_H
#define CT_TIMEOUT_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-dpif.h"
#include "util.h"

/* Timeouts: names, defaults and policies.
 * =======================================
 *
 * One enumerator a timeout, with the kernel's name (as in
 * net.netfilter.nf_conntrack_*), its default in seconds (the kernel's), and
 * the attribute of an OVS timeout policy that overrides it (CT_DPIF_TP_ATTR_*,
 * or -1 where OVS's schema has none).
 *
 * 'struct ct_timeouts' is a complete set, in milliseconds of 64 bits, so that
 * no setting wraps.  Sets are immutable and replaced under RCU: a zone points
 * to the one that is in force there.
 *
 * Which is in force
 * -----------------
 * For each timeout by itself, the first that there is of (enum ct_layer, from
 * the last to the first):
 *
 *    what was set for the zone, by a command or else by configuration;
 *    the zone's policy (ovs-vsctl add-zone-tp);
 *    what was set for the tracker, by a command or else by configuration;
 *    the default.
 *
 * OVS's documents know two timeouts more than the kernel has: udp_first, for
 * a connection of one packet, and icmp_reply, for one that was answered.  A
 * layer that leaves one of them out, but has its neighbour (udp, icmp), means
 * what it means to the kernel: the neighbour's value is good for both. */

#define CT_TIMEOUTS                                                          \
    CT_TIMEOUT(TCP_SYN_SENT,    "tcp_syn_sent",     120,                     \
               CT_DPIF_TP_ATTR_TCP_SYN_SENT)                                 \
    CT_TIMEOUT(TCP_SYN_RECV,    "tcp_syn_recv",     60,                      \
               CT_DPIF_TP_ATTR_TCP_SYN_RECV)                                 \
    CT_TIMEOUT(TCP_ESTABLISHED, "tcp_established",  432000,                  \
               CT_DPIF_TP_ATTR_TCP_ESTABLISHED)                              \
    CT_TIMEOUT(TCP_FIN_WAIT,    "tcp_fin_wait",     120,                     \
               CT_DPIF_TP_ATTR_TCP_FIN_WAIT)                                 \
    CT_TIMEOUT(TCP_CLOSE_WAIT,  "tcp_close_wait",   60,                      \
               CT_DPIF_TP_ATTR_TCP_CLOSE_WAIT)                               \
    CT_TIMEOUT(TCP_LAST_ACK,    "tcp_last_ack",     30,                      \
               CT_DPIF_TP_ATTR_TCP_LAST_ACK)                                 \
    CT_TIMEOUT(TCP_TIME_WAIT,   "tcp_time_wait",    120,                     \
               CT_DPIF_TP_ATTR_TCP_TIME_WAIT)                                \
    CT_TIMEOUT(TCP_CLOSE,       "tcp_close",        10,                      \
               CT_DPIF_TP_ATTR_TCP_CLOSE)                                    \
    CT_TIMEOUT(TCP_SYN_SENT2,   "tcp_syn_sent2",    120,                     \
               CT_DPIF_TP_ATTR_TCP_SYN_SENT2)                                \
    CT_TIMEOUT(TCP_RETRANS,     "tcp_max_retrans",  300,                     \
               CT_DPIF_TP_ATTR_TCP_RETRANSMIT)                               \
    CT_TIMEOUT(TCP_UNACK,       "tcp_unacknowledged", 300,                   \
               CT_DPIF_TP_ATTR_TCP_UNACK)                                    \
    CT_TIMEOUT(UDP_FIRST,       "udp_first",        30,                      \
               CT_DPIF_TP_ATTR_UDP_FIRST)                                    \
    CT_TIMEOUT(UDP,             "udp",              30,                      \
               CT_DPIF_TP_ATTR_UDP_SINGLE)                                   \
    CT_TIMEOUT(UDP_STREAM,      "udp_stream",       120,                     \
               CT_DPIF_TP_ATTR_UDP_MULTIPLE)                                 \
    CT_TIMEOUT(ICMP,            "icmp",             30,                      \
               CT_DPIF_TP_ATTR_ICMP_FIRST)                                   \
    CT_TIMEOUT(ICMPV6,          "icmpv6",           30,                      \
               CT_DPIF_TP_ATTR_ICMP_FIRST)                                   \
    CT_TIMEOUT(ICMP_REPLY,      "icmp_reply",       30,                      \
               CT_DPIF_TP_ATTR_ICMP_REPLY)                                   \
    CT_TIMEOUT(ICMPV6_REPLY,    "icmpv6_reply",     30,                      \
               CT_DPIF_TP_ATTR_ICMP_REPLY)                                   \
    CT_TIMEOUT(GENERIC,         "generic",          600, -1)                 \
    CT_TIMEOUT(GRE,             "gre",              30, -1)                  \
    CT_TIMEOUT(GRE_STREAM,      "gre_stream",       180, -1)                 \
    CT_TIMEOUT(SCTP_CLOSED,     "sctp_closed",      10, -1)                  \
    CT_TIMEOUT(SCTP_COOKIE_WAIT, "sctp_cookie_wait", 3, -1)                  \
    CT_TIMEOUT(SCTP_COOKIE_ECHOED, "sctp_cookie_echoed", 3, -1)              \
    CT_TIMEOUT(SCTP_ESTABLISHED, "sctp_established", 210, -1)                \
    CT_TIMEOUT(SCTP_SHUTDOWN_SENT, "sctp_shutdown_sent", 3, -1)              \
    CT_TIMEOUT(SCTP_SHUTDOWN_RECD, "sctp_shutdown_recd", 3, -1)              \
    CT_TIMEOUT(SCTP_SHUTDOWN_ACK_SENT, "sctp_shutdown_ack_sent", 3, -1)      \
    CT_TIMEOUT(SCTP_HEARTBEAT_SENT, "sctp_heartbeat_sent", 30, -1)

enum ct_timeout {
#define CT_TIMEOUT(ENUM, NAME, SECONDS, ATTR) CT_TIMEOUT_##ENUM,
    CT_TIMEOUTS
#undef CT_TIMEOUT
    CT_N_TIMEOUTS
};

struct ct_timeouts {
    uint64_t ms[CT_N_TIMEOUTS];
};

extern const struct ct_timeouts ct_timeouts_default;

const char *ct_timeout_name(enum ct_timeout);

/* Its CT_DPIF_TP_ATTR_*, or -1. */
int ct_timeout_attr(enum ct_timeout);

/* By that name, or by that of the kernel's sysctl, whole or from behind
 * "nf_conntrack_" on: tcp_timeout_established is tcp_established. */
bool ct_timeout_from_name(const char *name, enum ct_timeout *);

/* Where a timeout in force comes from. */
#define CT_LAYERS                                               \
    CT_LAYER(DEFAULT,        "default")                         \
    CT_LAYER(CONFIG,         "datapath, other_config")          \
    CT_LAYER(COMMAND,        "datapath, command")               \
    CT_LAYER(POLICY,         "zone's policy")                   \
    CT_LAYER(ZONE_CONFIG,    "zone, other_config")              \
    CT_LAYER(ZONE_COMMAND,   "zone, command")

enum ct_layer {
#define CT_LAYER(ENUM, NAME) CT_LAYER_##ENUM,
    CT_LAYERS
#undef CT_LAYER
};

const char *ct_layer_name(enum ct_layer);

/* Who has set something; a command's layer is the one over that of the
 * configuration. */
enum ct_set_by {
    CT_SET_BY_CONFIG,
    CT_SET_BY_COMMAND,
    CT_N_SET_BY
};

/* Some of the timeouts, in seconds: what somebody has set. */
struct ct_timeout_setting {
    uint64_t present;           /* A bit for each enum ct_timeout. */
    uint32_t seconds[CT_N_TIMEOUTS];
};
BUILD_ASSERT_DECL(CT_N_TIMEOUTS <= 64);

/* Adds what 'text', NAME=SECONDS with commas or blanks in between, says to
 * '*setting'.  Returns NULL, or what is wrong with 'text', which the caller
 * frees; then '*setting' is as before.  A timeout is at least one second. */
char *ct_timeouts_parse(const char *text, struct ct_timeout_setting *);

/* What the policy sets.  No timeout is of 0 seconds: such a one is not set. */
void ct_timeouts_of_tp(const struct ct_dpif_timeout_policy *,
                       struct ct_timeout_setting *);

/* Puts 'setting' over 'set', and 'layer' over 'layers' (may be NULL), one for
 * each timeout. */
void ct_timeouts_apply(const struct ct_timeout_setting *, enum ct_layer,
                       struct ct_timeouts *set, enum ct_layer layers[]);

#endif /* ct-timeout.h */
