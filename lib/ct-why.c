/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker's part of trackway/why: called by the datapath for each ct()
 * that a packet would meet.  Calls ct-trial.c for what happens,
 * ct-why-remedy.c for what would help. */

#include <config.h>

#include "ct-why.h"

#include <inttypes.h>

#include "ct.h"
#include "ct-l4-tcp.h"
#include "ct-packet.h"
#include "ct-segment.h"
#include "ct-tcp-window.h"
#include "ct-why-private.h"
#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

struct ct_why {
    struct ct *ct;
    struct ct_trial *trial;         /* Of the packet. */
    struct ct_trial *remedies;      /* Of remedies; NULL: not needed yet. */
    unsigned int open;              /* CT_WHY_OPEN_*. */
};

static void find(struct ct_why *, struct dp_packet *,
                 const struct ct_trial_ask *, struct ct_trial_outcome *);
static void complete(struct ct_why *, struct dp_packet *,
                     const struct ct_trial_ask *);
static void put_connection(const struct ct_why *, const struct ct_trial_ask *,
                           const struct ct_trial_outcome *, struct ds *);
static void put_verdict(const struct ct_trial_outcome *,
                        const struct dp_packet *, struct ds *);
static void put_after(const struct ct_why *, const struct ct_trial_ask *,
                      const struct ct_trial_outcome *, struct ds *);
static void put_check(const struct ct_why_case *, struct ds *);

struct ct_why *
ct_why_create(struct ct *ct)
{
    struct ct_why *why = xzalloc(sizeof *why);

    why->ct = ct;
    why->trial = ct_trial_create(ct);
    return why;
}

void
ct_why_destroy(struct ct_why *why)
{
    if (why) {
        ct_trial_destroy(why->trial);
        ct_trial_destroy(why->remedies);
        free(why);
    }
}

void
ct_why_leave_open(struct ct_why *why, unsigned int open)
{
    why->open = open;
}

bool
ct_why_knows(struct ct_why *why, struct dp_packet *packet,
             const struct ct_trial_ask *ask)
{
    struct ct_trial_outcome o;

    find(why, packet, ask, &o);
    return o.known;
}

void
ct_why_packet(struct ct_why *why, struct dp_packet **packet,
              const struct ct_trial_ask *ask, struct ds *ds)
{
    struct ct_trial_outcome o;
    struct dp_packet *original;

    complete(why, *packet, ask);
    original = dp_packet_clone(*packet);
    pkt_metadata_init_conn(&original->md);      /* That is the trial's. */
    ct_trial_run(why->trial, packet, ask, &o);

    put_connection(why, ask, &o, ds);
    put_verdict(&o, *packet, ds);
    put_after(why, ask, &o, ds);
    if (o.refused) {
        const struct ct_why_case c = {
            .ct = why->ct, .packet = original, .ask = ask, .o = &o,
        };

        put_check(&c, ds);
        if (!why->remedies) {
            why->remedies = ct_trial_create(why->ct);
        }
        ct_why_remedies(&c, why->remedies, ds);
    }
    dp_packet_delete(original);
}

/* What was left open of a segment. */

/* The packet's connection.  Without flags it would be nobody's. */
static void
find(struct ct_why *why, struct dp_packet *packet,
     const struct ct_trial_ask *ask, struct ct_trial_outcome *o)
{
    struct ct_segment segment;

    if (why->open & CT_WHY_OPEN_FLAGS && ct_segment_get(packet, &segment)) {
        segment.flags = TCP_ACK;
        ct_segment_put(packet, &segment);
    }
    ct_trial_find(why->trial, packet, ask, o);
}

static uint16_t
next_flags(const struct ct_trial_outcome *o)
{
    if (!o->known) {
        return TCP_SYN;
    }
    return (o->before.conn.l4_state == CT_TCP_SYN_SENT
            && o->dir == CT_DIR_REPLY ? TCP_SYN | TCP_ACK : TCP_ACK);
}

static void
complete(struct ct_why *why, struct dp_packet *packet,
         const struct ct_trial_ask *ask)
{
    struct ct_tcp_bounds bounds = { .known = false };
    struct ct_trial_outcome o;
    struct ct_segment segment;

    if (!why->open || !ct_segment_get(packet, &segment)) {
        return;
    }
    find(why, packet, ask, &o);
    if (why->open & CT_WHY_OPEN_FLAGS) {
        segment.flags = next_flags(&o);
    }
    if (o.known) {
        ct_tcp_window_bounds(&o.before.conn, o.dir, &bounds);
        if (why->open & CT_WHY_OPEN_SEQ) {
            segment.seq = bounds.next_seq;
        }
        if (why->open & CT_WHY_OPEN_ACK && segment.flags & TCP_ACK) {
            segment.ack = bounds.most_ack;
        }
    }
    ct_segment_put(packet, &segment);
    why->open = 0;
}

/* Words. */

static void
put(struct ds *ds, const char *name)
{
    ds_put_format(ds, CT_WHY_INDENT"%s: ", name);
}

static void
put_conn(const struct ct_why *why, const struct ct_copy *copy,
         long long now, struct ds *ds)
{
    struct ct_dpif_entry entry;

    ct_copy_describe(why->ct, copy, now, &entry);
    ct_dpif_format_entry(&entry, ds, false, true);
    ds_put_char(ds, '\n');
    ct_dpif_entry_uninit(&entry);
}

static void
put_tuple(const struct ct_tuple *tuple, struct ds *ds)
{
    struct ct_dpif_tuple dpif;

    ct_tuple_to_dpif(tuple, &dpif);
    ct_dpif_format_ipproto(ds, tuple->proto);
    ds_put_char(ds, ',');
    ct_dpif_format_tuple(ds, &dpif);
    ds_put_char(ds, '\n');
}

static void
put_connection(const struct ct_why *why, const struct ct_trial_ask *ask,
               const struct ct_trial_outcome *o, struct ds *ds)
{
    put(ds, "connection");
    if (o->again) {
        ds_put_cstr(ds, "as before: this zone has counted the packet\n");
    } else if (!o->has_zone) {
        ds_put_format(ds, "none: zone %"PRIu16" was never used\n",
                      ask->request->zone);
    } else if (!o->known) {
        ds_put_format(ds, "none in zone %"PRIu16"\n", ask->request->zone);
    } else {
        put_conn(why, &o->before, ask->now, ds);
        put(ds, "direction");
        ds_put_cstr(ds, o->dir == CT_DIR_REPLY ? "reply\n" : "original\n");
    }
    if (o->related) {
        put(ds, "announced by");
        put_tuple(&o->parent, ds);
    }
}

static void
put_state(const struct dp_packet *packet, struct ds *ds)
{
    const struct pkt_metadata *md = &packet->md;

    put(ds, "ct_state");
    for (uint32_t bits = md->ct_state; bits;
         bits = zero_rightmost_1bit(bits)) {
        ds_put_format(ds, "+%s", ct_state_to_string(rightmost_1bit(bits)));
    }
    if (md->ct_mark) {
        ds_put_format(ds, ", ct_mark %#"PRIx32, md->ct_mark);
    }
    ds_put_char(ds, '\n');
}

static void
put_verdict(const struct ct_trial_outcome *o, const struct dp_packet *packet,
            struct ds *ds)
{
    put(ds, "verdict");
    if (o->held) {
        ds_put_cstr(ds, "held: a fragment, which waits for the others\n");
    } else if (!o->refused) {
        ds_put_cstr(ds, "passes\n");
    } else {
        ds_put_format(ds, "%s, %s: %s\n", o->kept ? "invalid" : "dropped",
                      ct_counter_name(o->reason), ct_counter_help(o->reason));
    }
    if (packet) {
        put_state(packet, ds);
    }
}

static bool
is_same_state(const struct ct_trial_outcome *o)
{
    return (o->known
            && o->before.conn.l4_state == o->after.conn.l4_state
            && (ct_conn_status(&o->before.conn)
                & (CT_DPIF_STATUS_SEEN_REPLY | CT_DPIF_STATUS_ASSURED))
               == (ct_conn_status(&o->after.conn)
                   & (CT_DPIF_STATUS_SEEN_REPLY | CT_DPIF_STATUS_ASSURED)));
}

static void
put_after(const struct ct_why *why, const struct ct_trial_ask *ask,
          const struct ct_trial_outcome *o, struct ds *ds)
{
    if (o->ended && o->known) {
        put(ds, "ends");
        ds_put_cstr(ds, o->created ? "the connection, for a new one\n"
                                   : "the connection\n");
    }
    if (o->created) {
        put(ds, "commits");
        put_conn(why, &o->after, ask->now, ds);
    } else if (o->has_after && !o->refused && !o->ended
               && !is_same_state(o)) {
        put(ds, "becomes");
        put_conn(why, &o->after, ask->now, ds);
    }
    if (o->displaces) {
        put(ds, "displaces");
        ds_put_cstr(ds, "another connection, which gives way\n");
    }
}

/* What was compared with what. */

static void
put_window_check(const struct ct_why_case *c, struct ds *ds)
{
    struct dp_packet *packet = CONST_CAST(struct dp_packet *, c->packet);
    struct ct_tcp_bounds b;
    struct ct_segment s;
    uint32_t end;

    if (!c->o->known || !ct_segment_get(packet, &s)) {
        return;
    }
    ct_tcp_window_bounds(&c->o->before.conn, c->o->dir, &b);
    end = s.seq + ct_segment_len(packet);
    put(ds, "segment");
    ds_put_format(ds, "seq %"PRIu32", end %"PRIu32", ack %"PRIu32";",
                  s.seq, end, s.ack);
    ds_put_format(ds, " in the window: seq up to %"PRIu32", end from %"PRIu32
                  ", ack from %"PRIu32" to %"PRIu32"\n", b.most_seq,
                  b.least_end, b.least_ack, b.most_ack);
}

static void
put_check(const struct ct_why_case *c, struct ds *ds)
{
    const struct ct_trial_outcome *o = c->o;

    switch ((int) o->reason) {
    case CT_C_INVALID_TCP_WINDOW:
        put_window_check(c, ds);
        break;
    case CT_C_DROP_LIMIT:
        put(ds, "limit");
        ds_put_format(ds, "%"PRIu32" connections of %"PRIu32
                      " in zone %"PRIu16"\n", o->count, o->limit,
                      c->ask->request->zone);
        break;
    case CT_C_DROP_FULL:
        put(ds, "maximum");
        ds_put_format(ds, "%"PRIu32" connections of %"PRIu32"\n", o->total,
                      o->maximum);
        break;
    case CT_C_DROP_CLASH:
        if (o->taken) {
            struct ct_tuple tuple;

            put(ds, "reply tuple of");
            ct_conn_tuple(&o->owner.conn, CT_DIR_ORIGINAL, &tuple);
            put_tuple(&tuple, ds);
        }
        break;
    default:
        break;
    }
}
