/* SPDX-License-Identifier: Apache-2.0 */

/* Step "translate": called by ct.c for each packet of a translated
 * connection; by ct-commit.c and ct-tracker.c when one begins and ends.  Calls
 * ct-rewrite.c for headers.  Which mapping it is: ct-nat-search.c. */

#include <config.h>

#include "ct-nat.h"

#include <string.h>

#include "ct-nat-port.h"
#include "ct-nat-search.h"
#include "ct-nat-source.h"
#include "ct-refuse.h"
#include "ct-rewrite.h"
#include "packets.h"
#include "util.h"

struct ct_nat *
ct_nat_create(void)
{
    struct ct_nat *nat = xmalloc(sizeof *nat);

    nat->pools = ct_nat_pools_create();
    nat->sources = ct_nat_sources_create();
    return nat;
}

void
ct_nat_destroy(struct ct_nat *nat)
{
    if (nat) {
        ct_nat_pools_destroy(nat->pools);
        ct_nat_sources_destroy(nat->sources);
        free(nat);
    }
}

void
ct_nat_prepare(struct ct_conn *conn, const struct ct_tuple *reply)
{
    struct ct_tuple original;
    struct ct_conn_nat *nat;
    uint16_t status = 0;

    ct_conn_tuple(conn, CT_DIR_ORIGINAL, &original);
    if (memcmp(&original.src, &reply->dst, sizeof original.src)
        || original.src_port != reply->dst_port) {
        status |= CT_DPIF_STATUS_SRC_NAT;
    }
    /* An ICMP identifier belongs to the source, although a tuple has it at
     * both ends. */
    if (memcmp(&original.dst, &reply->src, sizeof original.dst)
        || (original.dst_port != reply->src_port
            && !(original.kind >> CT_KIND_ICMP_SHIFT))) {
        status |= CT_DPIF_STATUS_DST_NAT;
    }
    if (status) {
        nat = ct_conn_nat(conn);
        ct_rewrite_deltas(&original, reply, nat->delta_addr, nat->delta_all);
        atomic_fetch_or_explicit(&conn->status, status, memory_order_relaxed);
    }
}

void
ct_nat_hold(struct ct *ct, struct ct_conn *conn)
{
    struct ct_nat *nat = ct_get_nat(ct);
    struct ct_nat_pool_key key;
    struct ct_tuple reply, to;

    if (!(ct_conn_status(conn) & CT_DPIF_STATUS_SRC_NAT)) {
        return;
    }
    ct_conn_tuple(conn, CT_DIR_REPLY, &reply);
    ct_tuple_invert(&reply, &to);
    ct_nat_pool_key_init(&key, conn->key.zone, &to);
    if (to.src_port && ct_nat_port_reserve(nat->pools, &key,
                                           ntohs(to.src_port))) {
        atomic_fetch_or_explicit(&conn->status, CT_CONN_STATUS_PORT,
                                 memory_order_relaxed);
    }
    ct_nat_source_remember(nat->sources, conn);
}

void
ct_nat_release(struct ct *ct, struct ct_conn *conn)
{
    struct ct_nat *nat = ct_get_nat(ct);
    struct ct_tuple reply, to;

    if (!ct_conn_is_nat(conn)) {
        return;
    }

    ct_nat_source_forget(nat->sources, conn);
    if (ct_conn_status(conn) & CT_CONN_STATUS_PORT) {
        ct_conn_tuple(conn, CT_DIR_REPLY, &reply);
        ct_tuple_invert(&reply, &to);

        struct ct_nat_pool_key key;
        ct_nat_pool_key_init(&key, conn->key.zone, &to);
        struct ct_nat_pool *pool = ct_nat_pool_find(nat->pools, &key);
        ct_nat_port_clear_exhausted(pool, ct_nat_hash_dst(&to));
        ct_nat_port_release(pool, ntohs(to.src_port));
    }
}

bool
ct_nat_translate(struct ct_packet *packet)
{
    const struct ct_conn *conn = packet->conn;

    if (!conn || !ct_conn_is_nat(conn)
        || packet->ct_state & (CS_SRC_NAT | CS_DST_NAT)) {
        return true;
    }

    if (!(packet->is_icmp_error
          ? ct_rewrite_icmp_error(packet)
          : ct_rewrite_packet(conn, packet->dir, packet->packet,
                              packet->l3_header, packet->l4_header,
                              packet->l4_len))) {
        ct_refuse(packet, CT_C_DROP_NAT_HEADER);
        return false;
    }
    packet->ct_state |= ct_nat_states(conn, packet->dir);
    return true;
}

uint8_t
ct_nat_states(const struct ct_conn *conn, enum ct_dir dir)
{
    uint16_t status = ct_conn_status(conn);
    bool reply = dir == CT_DIR_REPLY;

    return ((status & CT_DPIF_STATUS_SRC_NAT
             ? (reply ? CS_DST_NAT : CS_SRC_NAT) : 0)
            | (status & CT_DPIF_STATUS_DST_NAT
               ? (reply ? CS_SRC_NAT : CS_DST_NAT) : 0));
}
