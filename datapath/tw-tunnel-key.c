/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers for tunnel metadata.  Called by tw-cache for packets that came out
 * of a tunnel. */

#include <config.h>

#include "tw-tunnel-key.h"

#include "hash.h"
#include "packets.h"
#include "util.h"

struct tunnel {
    struct hmap_node node;
    uint16_t number;
    struct flow_tnl tnl;        /* Without ports. */
};

void
tw_tunnel_keys_init(struct tw_tunnel_keys *keys)
{
    hmap_init(&keys->by_value);
    keys->last = 0;
}

void
tw_tunnel_keys_clear(struct tw_tunnel_keys *keys)
{
    struct tunnel *tunnel;

    HMAP_FOR_EACH_POP (tunnel, node, &keys->by_value) {
        free(tunnel);
    }
    keys->last = 0;
}

void
tw_tunnel_keys_uninit(struct tw_tunnel_keys *keys)
{
    tw_tunnel_keys_clear(keys);
    hmap_destroy(&keys->by_value);
}

static uint32_t
hash_tunnel(const struct flow_tnl *tnl)
{
    uint32_t hash = hash_uint64((OVS_FORCE uint64_t) tnl->tun_id);

    hash = hash_add(hash, (OVS_FORCE uint32_t) tnl->ip_src);
    hash = hash_add(hash, (OVS_FORCE uint32_t) tnl->ip_dst);
    hash = hash_add(hash, tnl->flags << 16 | tnl->ip_tos << 8 | tnl->ip_ttl);
    hash = hash_bytes(&tnl->ipv6_src, sizeof tnl->ipv6_src, hash);
    if (tnl->flags & FLOW_TNL_F_UDPIF) {
        hash = hash_bytes(tnl->metadata.opts.gnv, tnl->metadata.present.len,
                          hash);
    }
    return hash_finish(hash, 0);
}

/* 'a' has no ports. */
static bool
same_tunnel(const struct flow_tnl *a, const struct flow_tnl *b)
{
    size_t ports = offsetof(struct flow_tnl, tp_src);
    size_t behind = offsetof(struct flow_tnl, gbp_id);
    size_t size = flow_tnl_size(b);

    BUILD_ASSERT(offsetof(struct flow_tnl, tp_dst)
                 + sizeof b->tp_dst == offsetof(struct flow_tnl, gbp_id));
    return (flow_tnl_size(a) == size
            && !memcmp(a, b, ports)
            && !memcmp((const char *) a + behind, (const char *) b + behind,
                       size - behind));
}

uint16_t
tw_tunnel_key(struct tw_tunnel_keys *keys, const struct flow_tnl *tnl)
{
    uint32_t hash = hash_tunnel(tnl);
    struct tunnel *tunnel;

    HMAP_FOR_EACH_WITH_HASH (tunnel, node, hash, &keys->by_value) {
        if (same_tunnel(&tunnel->tnl, tnl)) {
            return tunnel->number;
        }
    }
    if (keys->last >= TW_MAX_TUNNEL_KEYS) {
        return 0;
    }
    tunnel = xzalloc(sizeof *tunnel);
    flow_tnl_copy__(&tunnel->tnl, tnl);
    tunnel->tnl.tp_src = tunnel->tnl.tp_dst = 0;
    tunnel->number = ++keys->last;
    hmap_insert(&keys->by_value, &tunnel->node, hash);
    return tunnel->number;
}
