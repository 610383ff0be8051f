/* SPDX-License-Identifier: Apache-2.0 */

/* A packet's metadata: the first and the last step of ct_execute(). */

#include <config.h>

#include "ct-metadata.h"

#include "ct-commit.h"
#include "dp-packet.h"
#include "packets.h"

static bool is_plain_ipv4(const struct ct_key *);
static void original_of(const struct ct_tuple *, struct ct_tuple *original);
static void write_original(struct pkt_metadata *, const struct ct_tuple *);
static void write_parent(struct pkt_metadata *, const struct ct_conn *parent);
static const struct ct_tuple *parent_tuple(const struct ct_conn *);
static void write_original_of(struct pkt_metadata *, const struct ct_conn *);

bool
ct_metadata_is_of(const struct pkt_metadata *md, uint16_t zone)
{
    return (md->ct_state & CS_TRACKED && !(md->ct_state & CS_INVALID)
            && md->ct_zone == zone
            && (OVS_LIKELY(md->conn) || !(md->ct_state & CS_NEW)
                || !md->reply));
}

bool
ct_metadata_same_original(const struct ct_packet *packet,
                          const struct ct_conn *conn)
{
    const struct pkt_metadata *md = &packet->packet->md;

    /* The packet may have lost a header since. */
    if (ct_conn_is_ipv6(conn) != md->ct_orig_tuple_ipv6
        || ct_conn_is_ipv6(conn) != (packet->dl_type
                                     == htons(ETH_TYPE_IPV6))) {
        return false;
    }

    const struct ct_tuple *parent = parent_tuple(conn);
    if (OVS_LIKELY(is_plain_ipv4(&conn->key) && !parent)) {
        const struct ovs_key_ct_tuple_ipv4 *t = &md->ct_orig_tuple.ipv4;

        return (t->ipv4_src == conn->key.ip.src
                && t->ipv4_dst == conn->key.ip.dst
                && t->src_port == conn->key.src_port
                && t->dst_port == conn->key.dst_port
                && t->ipv4_proto == conn->key.proto);
    }

    struct ct_tuple tuple, original;
    if (parent) {
        tuple = *parent;
    } else {
        ct_conn_tuple(conn, CT_DIR_ORIGINAL, &tuple);
    }
    original_of(&tuple, &original);
    if (md->ct_orig_tuple_ipv6) {
        const struct ovs_key_ct_tuple_ipv6 *t = &md->ct_orig_tuple.ipv6;

        return (!memcmp(&t->ipv6_src, &original.src, sizeof original.src)
                && !memcmp(&t->ipv6_dst, &original.dst, sizeof original.dst)
                && t->src_port == original.src_port
                && t->dst_port == original.dst_port
                && t->ipv6_proto == original.proto);
    } else {
        const struct ovs_key_ct_tuple_ipv4 *t = &md->ct_orig_tuple.ipv4;

        return (t->ipv4_src == original.src.ip
                && t->ipv4_dst == original.dst.ip
                && t->src_port == original.src_port
                && t->dst_port == original.dst_port
                && t->ipv4_proto == original.proto);
    }
}

void
ct_metadata_write(struct ct_packet *packet)
{
    struct pkt_metadata *md = &packet->packet->md;
    struct ct_conn *conn = packet->conn;

    md->ct_state = packet->ct_state | CS_TRACKED;
    md->ct_zone = packet->request->zone;
    md->conn = (struct conn *) conn;
    if (OVS_LIKELY(conn)) {
        md->reply = packet->dir == CT_DIR_REPLY;
        md->icmp_related = packet->is_icmp_error;
        md->ct_mark = atomic_load_explicit(&conn->mark, memory_order_relaxed);
        md->ct_label = ct_conn_label(conn);
        write_original_of(md, conn);
    } else {
        /* New, but of the reply direction: what no connection has counted.
         * Until this packet comes back, another one may open it. */
        md->reply = true;
        md->ct_mark = 0;
        md->ct_label = OVS_U128_ZERO;
        if (packet->valid && packet->ct_state & CS_RELATED) {
            write_parent(md, packet->parent);
        } else if (packet->valid) {
            write_original(md, &packet->tuple);
        } else {
            md->ct_orig_tuple_ipv6 = false;
            memset(&md->ct_orig_tuple, 0, sizeof md->ct_orig_tuple);
        }
    }
}

/* A connection that is announced is like the one that announced it. */
static void
write_parent(struct pkt_metadata *md, const struct ct_conn *parent)
{
    struct ct_tuple tuple;

    ct_conn_tuple(parent, CT_DIR_ORIGINAL, &tuple);
    write_original(md, &tuple);
    md->ct_mark = atomic_load_explicit(&parent->mark, memory_order_relaxed);
    md->ct_label = ct_conn_label(parent);
}

/* The original tuple that the metadata has for packets of 'conn', if that is
 * not the connection's own: its parent's (ovs-fields(7)).  NULL if it is. */
static const struct ct_tuple *
parent_tuple(const struct ct_conn *conn)
{
    if (OVS_LIKELY(!(ct_conn_status(conn) & CT_DPIF_STATUS_EXPECTED))) {
        return NULL;
    }
    const struct ct_conn_ext *ext = ct_conn_ext(conn);
    return ext && ext->kin && ext->kin->parent_id ? &ext->kin->parent : NULL;
}

/* Is the key, as it stands, what the metadata says? */
static bool
is_plain_ipv4(const struct ct_key *key)
{
    return !(key->kind & CT_KIND_IPV6 || key->kind >> CT_KIND_ICMP_SHIFT);
}

/* What the metadata says of an original tuple, in one form for both
 * families. */
static void
original_of(const struct ct_tuple *tuple, struct ct_tuple *original)
{
    *original = *tuple;
    original->kind &= CT_KIND_IPV6;
    if (tuple->kind >> CT_KIND_ICMP_SHIFT) {
        original->src_port = htons(ct_icmp_kind_type(tuple->proto,
                                                     tuple->kind));
        original->dst_port = 0;
    }
}

static void
write_original(struct pkt_metadata *md, const struct ct_tuple *tuple)
{
    struct ct_tuple original;

    original_of(tuple, &original);
    md->ct_orig_tuple_ipv6 = ct_tuple_is_ipv6(tuple);
    if (md->ct_orig_tuple_ipv6) {
        struct ovs_key_ct_tuple_ipv6 *t = &md->ct_orig_tuple.ipv6;

        memcpy(&t->ipv6_src, &original.src, sizeof original.src);
        memcpy(&t->ipv6_dst, &original.dst, sizeof original.dst);
        t->src_port = original.src_port;
        t->dst_port = original.dst_port;
        t->ipv6_proto = original.proto;
    } else {
        md->ct_orig_tuple.ipv4 = (struct ovs_key_ct_tuple_ipv4) {
            .ipv4_src = original.src.ip,
            .ipv4_dst = original.dst.ip,
            .src_port = original.src_port,
            .dst_port = original.dst_port,
            .ipv4_proto = original.proto,
        };
    }
}

static void
write_original_of(struct pkt_metadata *md, const struct ct_conn *conn)
{
    const struct ct_key *key = &conn->key;
    const struct ct_tuple *parent = parent_tuple(conn);

    if (OVS_UNLIKELY(parent)) {
        write_original(md, parent);
    } else if (OVS_LIKELY(is_plain_ipv4(key))) {
        md->ct_orig_tuple_ipv6 = false;
        md->ct_orig_tuple.ipv4 = (struct ovs_key_ct_tuple_ipv4) {
            .ipv4_src = key->ip.src,
            .ipv4_dst = key->ip.dst,
            .src_port = key->src_port,
            .dst_port = key->dst_port,
            .ipv4_proto = key->proto,
        };
    } else {
        struct ct_tuple tuple;

        ct_conn_tuple(conn, CT_DIR_ORIGINAL, &tuple);
        write_original(md, &tuple);
    }
}
