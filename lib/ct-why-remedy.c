/* SPDX-License-Identifier: Apache-2.0 */

/* What would let a packet pass: called by ct-why.c.  Each remedy is tried on
 * a copy of the packet (ct-trial.c) before it is told. */

#include <config.h>

#include <inttypes.h>

#include "ct-packet.h"
#include "ct-segment.h"
#include "ct-tcp-window.h"
#include "ct-why-private.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* One try. */
struct attempt {
    const struct ct_why_case *c;
    struct ct_trial *trial;
    struct dp_packet *packet;           /* A copy. */
    struct ct_request request;          /* Likewise. */
};

/* Changes something.  False: it makes no sense for this packet. */
typedef bool change_func(struct attempt *, int arg);

/* Says more than the words of the table. */
typedef void words_func(const struct ct_why_case *, struct ds *);

static change_func next_numbers, other_flags, switch_on, switch_off,
                   good_checksum, more_room, translation;
static words_func put_numbers, put_limit;

/* Segments that exist. */
#define SEGMENTS(REASON)                                                \
    { REASON, other_flags, TCP_SYN, "a SYN", NULL },                    \
    { REASON, other_flags, TCP_SYN | TCP_ACK, "a SYN-ACK", NULL },      \
    { REASON, other_flags, TCP_ACK, "an ACK", NULL },                   \
    { REASON, other_flags, TCP_FIN | TCP_ACK, "a FIN", NULL },          \
    { REASON, other_flags, TCP_RST, "a RST", NULL }

#define SET "(ovs-appctl trackway/ct-set "

static const struct remedy {
    enum ct_counter reason;
    change_func *change;                /* NULL: not to be tried here. */
    int arg;
    const char *words;
    words_func *put;                    /* Behind them. */
} remedies[] = {
    { CT_C_INVALID_TCP_WINDOW, next_numbers, 0, "the same segment with ",
      put_numbers },
    { CT_C_INVALID_TCP_WINDOW, switch_on, CT_SWITCH_TCP_IGNORE_INVALID_RST,
      "the switch tcp_ignore_invalid_rst on: the RST then ends nothing "
      SET "tcp_ignore_invalid_rst=on)", NULL },
    { CT_C_INVALID_TCP_WINDOW, switch_on, CT_SWITCH_TCP_BE_LIBERAL,
      "the switch tcp_be_liberal on " SET "tcp_be_liberal=on)", NULL },
    SEGMENTS(CT_C_INVALID_TCP_STATE),
    SEGMENTS(CT_C_INVALID_TCP_FLAGS),
    { CT_C_INVALID_TCP_NEW, other_flags, TCP_SYN, "a SYN", NULL },
    { CT_C_INVALID_TCP_NEW, switch_on, CT_SWITCH_TCP_LOOSE,
      "the switch tcp_loose on " SET "tcp_loose=on)", NULL },
    { CT_C_INVALID_CHECKSUM, good_checksum, 0, "the right checksum", NULL },
    { CT_C_INVALID_CHECKSUM, switch_off, CT_SWITCH_CHECKSUM,
      "the switch checksum off " SET "checksum=off)", NULL },
    { CT_C_DROP_LIMIT, more_room, 0, "a higher limit ", put_limit },
    { CT_C_DROP_FULL, more_room, 0,
      "a higher maximum (ovs-appctl dpctl/ct-set-maxconns), or a connection "
      "less", NULL },
    { CT_C_DROP_CLASH, translation, 0,
      "nat in this ct(), which chooses another source port", NULL },
    { CT_C_INVALID_ICMP_TYPE, NULL, 0,
      "an echo request or another query; a reply, behind its query", NULL },
    { CT_C_INVALID_ICMP_ERROR, NULL, 0,
      "an error that quotes a packet of a connection of this zone", NULL },
    { CT_C_INVALID_FRAGMENT, NULL, 0,
      "all fragments of the datagram, none of them twice", NULL },
    { CT_C_DROP_NAT_EXHAUSTED, NULL, 0,
      "more addresses or ports in nat(), or a connection less", NULL },
    { CT_C_DROP_NAT_FAMILY, NULL, 0,
      "nat() to an address of the packet's own family", NULL },
    { CT_C_DROP_HELPER, NULL, 0,
      "alg= with a helper that exists and reads this protocol", NULL },
    { CT_C_DROP_EXPECT, NULL, 0,
      "an expectation less in this zone (ovs-appctl trackway/expect-show)",
      NULL },
};

static bool passes(const struct remedy *, const struct ct_why_case *,
                   struct ct_trial *);

void
ct_why_remedies(const struct ct_why_case *c, struct ct_trial *trial,
                struct ds *ds)
{
    for (size_t i = 0; i < ARRAY_SIZE(remedies); i++) {
        const struct remedy *r = &remedies[i];

        if (r->reason == c->o->reason && (!r->change || passes(r, c, trial))) {
            ds_put_format(ds, CT_WHY_INDENT"would pass: %s", r->words);
            if (r->put) {
                r->put(c, ds);
            }
            ds_put_char(ds, '\n');
        }
    }
}

static bool
passes(const struct remedy *r, const struct ct_why_case *c,
       struct ct_trial *trial)
{
    struct attempt a = {
        .c = c,
        .trial = trial,
        .packet = dp_packet_clone(c->packet),
        .request = *c->ask->request,
    };
    struct ct_trial_ask ask = *c->ask;
    struct ct_trial_outcome o = { .refused = true };

    ask.request = &a.request;
    ct_trial_reset(trial);
    if (r->change(&a, r->arg)) {
        ct_trial_run(trial, &a.packet, &ask, &o);
    }
    dp_packet_delete(a.packet);
    return !o.refused;
}

/* TCP. */

static bool
next_numbers(struct attempt *a, int arg OVS_UNUSED)
{
    struct ct_tcp_bounds b;
    struct ct_segment s;

    if (!a->c->o->known || !ct_segment_get(a->packet, &s)) {
        return false;
    }
    ct_tcp_window_bounds(&a->c->o->before.conn, a->c->o->dir, &b);
    s.seq = b.next_seq;
    s.ack = b.most_ack;
    ct_segment_put(a->packet, &s);
    return true;
}

static void
put_numbers(const struct ct_why_case *c, struct ds *ds)
{
    struct ct_tcp_bounds b;

    ct_tcp_window_bounds(&c->o->before.conn, c->o->dir, &b);
    ds_put_format(ds, "seq %"PRIu32" and ack %"PRIu32, b.next_seq,
                  b.most_ack);
}

/* Other flags, with the numbers that come next. */
static bool
other_flags(struct attempt *a, int flags)
{
    struct ct_segment s;

    if (!ct_segment_get(a->packet, &s)) {
        return false;
    }
    s.flags = flags;
    ct_segment_put(a->packet, &s);
    next_numbers(a, 0);
    return true;
}

/* Settings. */

static bool
switch_on(struct attempt *a, int s)
{
    ct_trial_set_switch(a->trial, s, 1);
    return true;
}

static bool
switch_off(struct attempt *a, int s)
{
    ct_trial_set_switch(a->trial, s, 0);
    return true;
}

/* As if the device had found it so. */
static bool
good_checksum(struct attempt *a, int arg OVS_UNUSED)
{
    uint32_t *flags = dp_packet_ol_flags_ptr(a->packet);

    *flags = ((*flags & ~DP_PACKET_OL_RX_L4_CKSUM_BAD)
              | DP_PACKET_OL_RX_L4_CKSUM_GOOD);
    return true;
}

static bool
more_room(struct attempt *a, int arg OVS_UNUSED)
{
    ct_trial_make_room(a->trial);
    return true;
}

static void
put_limit(const struct ct_why_case *c, struct ds *ds)
{
    ds_put_format(ds, "(ovs-appctl dpctl/ct-set-limits zone=%"PRIu16
                  ",limit=N), or a connection of the zone less",
                  c->ask->request->zone);
}

static bool
translation(struct attempt *a, int arg OVS_UNUSED)
{
    a->request.nat.kind = CT_NAT_EXISTING;
    return a->c->ask->request->nat.kind == CT_NAT_NONE;
}
