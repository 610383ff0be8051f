/* SPDX-License-Identifier: Apache-2.0 */

/* Netlink messages: the numbers and names that states of a protocol have
 * there, which are the Linux kernel's, and what OVS has instead. */

#include <config.h>

#include <strings.h>

#include "ct-netlink.h"
#include "util.h"

struct state {
    const char *name;
    uint8_t dpif;               /* CT_DPIF_TCPS_*, CT_DPIF_SCTP_STATE_*. */
};

/* enum tcp_conntrack, by number.  LISTEN is now SYN_SENT2.  OVS has no name
 * for a connection that was reset, and its own "CLOSED" is the kernel's
 * NONE: what stands here is what ct-l4-tcp.h shows. */
static const struct state tcp_states[] = {
    { "NONE", CT_DPIF_TCPS_CLOSED },
    { "SYN_SENT", CT_DPIF_TCPS_SYN_SENT },
    { "SYN_RECV", CT_DPIF_TCPS_SYN_RECV },
    { "ESTABLISHED", CT_DPIF_TCPS_ESTABLISHED },
    { "FIN_WAIT", CT_DPIF_TCPS_FIN_WAIT_1 },
    { "CLOSE_WAIT", CT_DPIF_TCPS_CLOSE_WAIT },
    { "LAST_ACK", CT_DPIF_TCPS_LAST_ACK },
    { "TIME_WAIT", CT_DPIF_TCPS_TIME_WAIT },
    { "CLOSE", CT_DPIF_TCPS_CLOSING },
    { "SYN_SENT2", CT_DPIF_TCPS_LISTEN },
};

/* enum sctp_conntrack. */
static const struct state sctp_states[] = {
    { "NONE", CT_DPIF_SCTP_STATE_MAX_NUM },
    { "CLOSED", CT_DPIF_SCTP_STATE_CLOSED },
    { "COOKIE_WAIT", CT_DPIF_SCTP_STATE_COOKIE_WAIT },
    { "COOKIE_ECHOED", CT_DPIF_SCTP_STATE_COOKIE_ECHOED },
    { "ESTABLISHED", CT_DPIF_SCTP_STATE_ESTABLISHED },
    { "SHUTDOWN_SENT", CT_DPIF_SCTP_STATE_SHUTDOWN_SENT },
    { "SHUTDOWN_RECD", CT_DPIF_SCTP_STATE_SHUTDOWN_RECD },
    { "SHUTDOWN_ACK_SENT", CT_DPIF_SCTP_STATE_SHUTDOWN_ACK_SENT },
    { "HEARTBEAT_SENT", CT_DPIF_SCTP_STATE_HEARTBEAT_SENT },
    { "HEARTBEAT_ACKED", CT_DPIF_SCTP_STATE_HEARTBEAT_ACKED },
};

static int find_name(const struct state[], size_t n, const char *name);
static uint8_t find_dpif(const struct state[], size_t n, uint8_t dpif);

int
ct_nl_tcp_state(const char *name)
{
    return (!strcasecmp(name, "LISTEN") ? 9
            : find_name(tcp_states, ARRAY_SIZE(tcp_states), name));
}

const char *
ct_nl_tcp_state_name(uint8_t state)
{
    return state < ARRAY_SIZE(tcp_states) ? tcp_states[state].name : "NONE";
}

int
ct_nl_sctp_state(const char *name)
{
    return find_name(sctp_states, ARRAY_SIZE(sctp_states), name);
}

const char *
ct_nl_sctp_state_name(uint8_t state)
{
    return state < ARRAY_SIZE(sctp_states) ? sctp_states[state].name : "NONE";
}

uint8_t
ct_nl_tcp_state_from_dpif(uint8_t dpif)
{
    return find_dpif(tcp_states, ARRAY_SIZE(tcp_states), dpif);
}

uint8_t
ct_nl_tcp_state_to_dpif(uint8_t state)
{
    return tcp_states[state < ARRAY_SIZE(tcp_states) ? state : 0].dpif;
}

uint8_t
ct_nl_sctp_state_from_dpif(uint8_t dpif)
{
    return find_dpif(sctp_states, ARRAY_SIZE(sctp_states), dpif);
}

uint8_t
ct_nl_sctp_state_to_dpif(uint8_t state)
{
    return sctp_states[state < ARRAY_SIZE(sctp_states) ? state : 0].dpif;
}

static int
find_name(const struct state states[], size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcasecmp(states[i].name, name)) {
            return i;
        }
    }
    return -1;
}

static uint8_t
find_dpif(const struct state states[], size_t n, uint8_t dpif)
{
    for (size_t i = 0; i < n; i++) {
        if (states[i].dpif == dpif) {
            return i;
        }
    }
    return 0;
}
