/* SPDX-License-Identifier: Apache-2.0 */

/* Step "help": called by ct-step.c for packets of connections with a helper,
 * behind update and translation.  Calls the helper to read the payload,
 * ct-expect.c for what it announces, ct-mangle.c and ct-seqadj.c for what has
 * to be written. */

#include <config.h>

#include "ct-helper.h"

#include <string.h>

#include "ct-counters.h"
#include "ct-expect.h"
#include "ct-joint.h"
#include "ct-mangle.h"
#include "ct-nat.h"
#include "ct-nat-port.h"
#include "ct-nat-search.h"
#include "ct-packet.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "util.h"

/* One packet and what its payload announces. */
struct reading {
    struct ct_packet *packet;
    struct ct_help *help;
    struct ct_helper_input in;
    struct ct_helper_found found;
};

static bool read_payload(struct reading *);
static bool announce(struct reading *);
static struct ct_expectation *make_expectation(const struct reading *);
static bool choose_port(const struct reading *, struct ct_expectation *);
static bool reserve_port(const struct reading *, struct ct_expectation *);
static bool write_payload(const struct reading *,
                          const struct ct_tuple *place);
static void adjust(const struct reading *);
static bool drop(const struct reading *, enum ct_counter);

static const struct ct_helper *const helpers[] = {
#define CT_HELPER(NAME) &ct_helper_##NAME,
    CT_HELPERS
#undef CT_HELPER
};

/* Ports that are chosen when the announced one is taken. */
#define MIN_PORT 1024
#define MAX_PORT 65535

const struct ct_helper *
ct_helper_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
        if (!strcmp(helpers[i]->name, name)) {
            return helpers[i];
        }
    }
    return NULL;
}

bool
ct_helper_run__(struct ct_packet *packet)
{
    struct reading r = {
        .packet = packet,
        .help = ct_conn_help(packet->conn),
    };
    bool ok = true;

    if (packet->is_icmp_error
        || packet->tuple.proto != r.help->helper->proto) {
        return true;
    }
    ct_joint_lock(packet->ct, packet->conn);
    ok = read_payload(&r);
    if (ok) {
        adjust(&r);
    }
    ct_conn_unlock(packet->conn);
    return ok;
}

void
ct_helper_end(struct ct *ct, const struct ct_conn *conn)
{
    if (OVS_UNLIKELY(ct_conn_help(conn))) {
        ct_expects_end_parent(ct_zone_get(ct, conn->key.zone), conn);
    }
}

static bool
read_payload(struct reading *r)
{
    struct ct_packet *packet = r->packet;
    struct ct_helper_input *in = &r->in;

    if (!ct_mangle_payload(packet, &in->payload, &in->len)) {
        return true;
    }
    in->dir = packet->dir;
    in->both = ct_conn_status(packet->conn) & CT_DPIF_STATUS_SEEN_REPLY;
    in->seq = packet->tcp.seq;
    in->state = &r->help->state;
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        ct_conn_tuple(packet->conn, dir, &in->tuples[dir]);
    }

    switch (r->help->helper->read(in, &r->found)) {
    case CT_HELPER_FOUND:
        return announce(r);
    case CT_HELPER_REFUSED:
        ct_count(packet->ct, CT_C_HELPER_REFUSED, 1);
        return true;
    case CT_HELPER_BAD:
        return drop(r, CT_C_DROP_HELPER_PAYLOAD);
    case CT_HELPER_NOTHING:
    default:
        return true;
    }
}

/* Expects what was announced, and says so to the other end. */
static bool
announce(struct reading *r)
{
    struct ct_packet *packet = r->packet;
    struct ct_expectation *e = make_expectation(r);
    struct ct_tuple place;

    if (!choose_port(r, e)) {
        ct_expect_free(e);
        return drop(r, CT_C_DROP_NAT_EXHAUSTED);
    }
    place = e->tuple;
    if (!ct_expect_add(packet->ct, packet->zone, e)) {
        return drop(r, CT_C_DROP_EXPECT);
    }
    return write_payload(r, &place);
}

static bool
drop(const struct reading *r, enum ct_counter why)
{
    ct_count(r->packet->ct, why, 1);
    return false;
}

/* A connection in the direction found.dir of its parent comes as that one's
 * packets come, and leaves as they leave. */
static struct ct_expectation *
make_expectation(const struct reading *r)
{
    struct ct_expectation *e = ct_expect_create(r->packet->conn);
    const struct ct_helper *helper = r->help->helper;
    const struct ct_tuple *comes = &r->in.tuples[r->found.dir];
    const struct ct_tuple *answered = &r->in.tuples[!r->found.dir];

    e->helper = helper;
    e->dir = r->found.dir;
    e->any_src = r->found.any_src;
    e->expires = r->packet->now + helper->timeout * 1000LL;
    e->tuple.src = comes->src;
    e->tuple.dst = comes->dst;
    e->tuple.dst_port = r->found.port;
    e->tuple.proto = helper->proto;
    e->tuple.kind = comes->kind & CT_KIND_IPV6;
    e->nat = ct_conn_is_nat(r->packet->conn);
    e->to_src = answered->dst;
    e->to_dst = answered->src;
    e->to_dst_port = r->found.port;
    return e;
}

/* The port in front of the translation: the announced one if possible. */
static bool
choose_port(const struct reading *r, struct ct_expectation *e)
{
    const struct ct_tuple *comes = &r->in.tuples[e->dir];
    const struct ct_tuple *answered = &r->in.tuples[!e->dir];
    struct ct_expect_same same;

    if (!e->nat || !memcmp(&e->tuple.dst, &e->to_dst, sizeof e->to_dst)) {
        return true;
    }
    if (e->to_dst_port == answered->src_port) {
        /* The parent's own, which is translated already. */
        e->tuple.dst_port = comes->dst_port;
        return true;
    }
    same = ct_expect_find_same(r->packet->zone, e);
    if (same.found) {
        e->tuple.dst_port = same.dst_port;
        return true;
    }
    return reserve_port(r, e);
}

static bool
reserve_port(const struct reading *r, struct ct_expectation *e)
{
    struct ct_nat *nat = ct_get_nat(r->packet->ct);
    uint16_t port = ntohs(e->to_dst_port);
    struct ct_nat_pool_key key;
    struct ct_tuple to = e->tuple;

    to.src = e->tuple.dst;
    ct_nat_pool_key_init(&key, r->packet->request->zone, &to);
    e->pool = ct_nat_port_reserve(nat->pools, &key, port);
    if (!e->pool) {
        e->pool = ct_nat_port_reserve_next(nat->pools, &key,
                                           MAX(port, MIN_PORT), MIN_PORT,
                                           MAX_PORT, &port);
    }
    e->tuple.dst_port = htons(port);
    return e->pool;
}

/* 'place' is where the expected connection will go. */
static bool
write_payload(const struct reading *r, const struct ct_tuple *place)
{
    const struct ct_helper_found *found = &r->found;
    struct ct_packet *packet = r->packet;
    char text[CT_HELPER_MAX_TEXT];

    if (!r->help->helper->write || !ct_conn_is_nat(packet->conn)) {
        return true;
    }

    size_t n = r->help->helper->write(found, &place->dst,
                                      ct_tuple_is_ipv6(place),
                                      place->dst_port, text);
    if (n == found->text_len
        && !memcmp(r->in.payload + found->text_ofs, text, n)) {
        return true;
    }

    int delta = (int) n - (int) found->text_len;
    if (packet->reassembled) {
        return drop(r, CT_C_DROP_MANGLE);
    }
    if ((packet->tuple.proto == IPPROTO_TCP
         && !ct_seqadj_set(&r->help->seqadj[packet->dir], r->in.seq, delta))
        || !ct_mangle(packet, found->text_ofs, found->text_len, text, n)) {
        return drop(r, CT_C_DROP_MANGLE);
    }
    if (delta) {
        atomic_fetch_or(&packet->conn->status, CT_DPIF_STATUS_SEQ_ADJUST);
    }
    ct_count(packet->ct, CT_C_MANGLED, 1);
    return true;
}

/* The numbers of a segment of which the other end has seen another length. */
static void
adjust(const struct reading *r)
{
    struct ct_packet *packet = r->packet;
    const struct ct_seqadj *seqadj = r->help->seqadj;

    if (packet->tuple.proto == IPPROTO_TCP
        && ct_conn_status(packet->conn) & CT_DPIF_STATUS_SEQ_ADJUST) {
        ct_seqadj_rewrite(packet->l4_header,
                          (packet->l4_header[12] >> 4) * 4,
                          &seqadj[packet->dir], &seqadj[!packet->dir],
                          ct_mangle_csum_is_partial(packet));
    }
}
