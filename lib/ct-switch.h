/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_SWITCH_H
#define CT_SWITCH_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-timeout.h"

/* Switches.
 * =========
 *
 * What
 * ----
 * What the tracker does otherwise if it is told to.  But for half_open_drop
 * they are the kernel's sysctls net.netfilter.nf_conntrack_* of the same
 * names, and parameters of its module nf_conntrack_sip, with their defaults.
 * A command's value is over that of the configuration, and that over the
 * default.
 *
 * CT_SWITCH(ENUM, "name", default, least, most, "a sentence")
 *
 * Cost: they are looked at where a packet is out of the ordinary.
 * Threads: any, concurrently. */

#define CT_SWITCHES                                                          \
    CT_SWITCH(TCP_LOOSE, "tcp_loose", 1, 0, 1,                               \
              "connections that began unseen are picked up")                 \
    CT_SWITCH(TCP_BE_LIBERAL, "tcp_be_liberal", 0, 0, 1,                     \
              "segments outside the window are accepted")                    \
    CT_SWITCH(TCP_MAX_RETRANS, "tcp_max_retrans", 3, 1, 255,                 \
              "retransmissions in a row, then timeout tcp_max_retrans")      \
    CT_SWITCH(TCP_IGNORE_INVALID_RST, "tcp_ignore_invalid_rst", 0, 0, 1,     \
              "a RST before what was acknowledged is not invalid")           \
    CT_SWITCH(CHECKSUM, "checksum", 1, 0, 1,                                 \
              "packets with a bad transport checksum are invalid")           \
    CT_SWITCH(HALF_OPEN_DROP, "half_open_drop", 1, 0, 1,                     \
              "half-open connections give way when a limit is reached")      \
    CT_SWITCH(SIP_DIRECT_SIGNALLING, "sip_direct_signalling", 1, 0, 1,       \
              "only the registrar calls a registered phone")                 \
    CT_SWITCH(SIP_DIRECT_MEDIA, "sip_direct_media", 1, 0, 1,                 \
              "media go between the ends of the signalling alone")           \
    CT_SWITCH(SIP_TIMEOUT, "sip_timeout", 3600, 1, 65535,                    \
              "seconds that signalling lives behind its last packet")

enum ct_switch {
#define CT_SWITCH(ENUM, NAME, DEFAULT, MIN, MAX, HELP) CT_SWITCH_##ENUM,
    CT_SWITCHES
#undef CT_SWITCH
    CT_N_SWITCHES
};

struct ct;

const char *ct_switch_name(enum ct_switch);
const char *ct_switch_help(enum ct_switch);
/* By that name, or that of the kernel's sysctl. */
bool ct_switch_from_name(const char *name, enum ct_switch *);

/* A number, or on, off, true or false for those that are only that.  Returns
 * NULL, or what is wrong with 'text', which the caller frees. */
char *ct_switch_parse(enum ct_switch, const char *text, int *value);

unsigned int ct_switch_get(const struct ct *, enum ct_switch);
/* 'value' -1: forget what the same had set. */
void ct_switch_set(struct ct *, enum ct_switch, enum ct_set_by, int value);
/* Who has set it; false: nobody. */
bool ct_switch_set_by(const struct ct *, enum ct_switch, enum ct_set_by *);

void ct_switches_init(struct ct *);

#endif /* ct-switch.h */
