/* SPDX-License-Identifier: Apache-2.0 */

/* Equivalence: the megaflows of a side, as a revalidator keeps account of
 * them.  Called by equiv-side (packets that go up), equiv-change and
 * equiv-compare; calls datapath/tw-megaflow.
 *
 * A datapath knows a flow by a ufid that comes from its first packet, which
 * may be another one on the other side.  Here a flow is what it matches: that
 * has a number, which both sides use. */

#include <config.h>

#include "equiv.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>

#include "hash.h"
#include "odp-util.h"
#include "openvswitch/hmap.h"
#include "timeval.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"
#include "tw-megaflow-format.h"
#include "util.h"

/* Numbers. */

struct identity {
    struct hmap_node node;
    struct flow masked;
    struct flow mask;
    unsigned int number;
};

static struct hmap identities = HMAP_INITIALIZER(&identities);
static struct identity **by_number;
static size_t n_numbers, allocated_numbers;

/* A flow of the datapath, found by its ufid. */
struct ukey {
    struct hmap_node node;
    ovs_u128 ufid;
    struct flow flow;           /* Of the packet that went up. */
    unsigned int number;
};

struct equiv_flows {
    struct tw_datapath *dp;
    struct hmap ukeys;
    struct equiv_flow_stats *credit;    /* By number: beside the datapath. */
    struct equiv_flow_stats *sum;       /* By number: all. */
    size_t allocated;
};

static unsigned int number_of(const struct flow *,
                              const struct flow_wildcards *);
static struct ukey *find_ukey(const struct equiv_flows *, const ovs_u128 *);
static void add_stats(struct equiv_flow_stats *, uint64_t packets,
                      uint64_t bytes, uint16_t tcp_flags, long long used);
static void make_room(struct equiv_flows *);

struct equiv_flows *
equiv_flows_create(struct tw_datapath *dp)
{
    struct equiv_flows *flows = xzalloc(sizeof *flows);

    flows->dp = dp;
    hmap_init(&flows->ukeys);
    return flows;
}

void
equiv_flows_destroy(struct equiv_flows *flows)
{
    struct ukey *ukey;

    HMAP_FOR_EACH_POP (ukey, node, &flows->ukeys) {
        free(ukey);
    }
    hmap_destroy(&flows->ukeys);
    free(flows->credit);
    free(flows->sum);
    free(flows);
}

void
equiv_flows_reset_numbers(void)
{
    for (size_t i = 0; i < n_numbers; i++) {
        hmap_remove(&identities, &by_number[i]->node);
        free(by_number[i]);
    }
    n_numbers = 0;
}

unsigned int
equiv_flows_count_numbers(void)
{
    return n_numbers;
}

void
equiv_flows_format_number(unsigned int number, struct ds *ds)
{
    const struct identity *id = by_number[number];

    ds_put_format(ds, "%u: ", number);
    tw_megaflow_format(&id->masked, &id->mask, ds);
}

/* Packets. */

void
equiv_flows_upcall(struct equiv_flows *flows, const struct flow *flow,
                   const struct flow_wildcards *wc, const ovs_u128 *ufid,
                   size_t size)
{
    struct ukey *ukey = find_ukey(flows, ufid);

    if (!ukey) {
        ukey = xzalloc(sizeof *ukey);
        ukey->ufid = *ufid;
        hmap_insert(&flows->ukeys, &ukey->node, ufid->u32[0]);
    }
    ukey->flow = *flow;
    ukey->number = number_of(flow, wc);
    make_room(flows);
    add_stats(&flows->credit[ukey->number], 1, size,
              ntohs(flow->tcp_flags), time_msec());
}

/* Statistics. */

/* Adds what the datapath knows to 'flows->sum'. */
static void
add_datapath_stats(struct equiv_flows *flows, const struct dpif_flow *f)
{
    struct ukey *ukey = find_ukey(flows, &f->ufid);
    struct equiv_flow_stats *stats;

    assert(ukey);
    stats = &flows->sum[ukey->number];
    assert(!stats->live);               /* Flows do not overlap. */
    stats->live = true;
    add_stats(stats, f->stats.n_packets, f->stats.n_bytes,
              f->stats.tcp_flags, f->stats.used);
}

static void
for_each_flow(struct equiv_flows *flows,
              void (*cb)(struct equiv_flows *, const struct dpif_flow *))
{
    struct tw_megaflow_dump *dump = tw_megaflow_dump_create(flows->dp, true);
    struct tw_dump_buffer *buffer = tw_dump_buffer_create();
    struct dpif_flow batch[50];
    int n;

    while ((n = tw_megaflow_dump_next(dump, buffer, batch,
                                      ARRAY_SIZE(batch)))) {
        for (int i = 0; i < n; i++) {
            cb(flows, &batch[i]);
        }
    }
    tw_dump_buffer_destroy(buffer);
    tw_megaflow_dump_destroy(dump);
}

struct equiv_flow_stats *
equiv_flows_stats(struct equiv_flows *flows, size_t *n)
{
    make_room(flows);
    memcpy(flows->sum, flows->credit, n_numbers * sizeof *flows->sum);
    for_each_flow(flows, add_datapath_stats);
    *n = n_numbers;
    return flows->sum;
}

/* Changes. */

static void
del_ukey(struct equiv_flows *flows, struct ukey *ukey)
{
    struct dpif_flow_stats stats;
    struct dpif_flow_del del = {
        .ufid = &ukey->ufid, .pmd_id = PMD_ID_NULL, .stats = &stats,
    };
    int error = tw_megaflow_del(flows->dp, &del);

    assert(!error || error == ENOENT);
    if (!error) {
        add_stats(&flows->credit[ukey->number], stats.n_packets,
                  stats.n_bytes, stats.tcp_flags, stats.used);
    }
    hmap_remove(&flows->ukeys, &ukey->node);
    free(ukey);
}

void
equiv_flows_del(struct equiv_flows *flows, unsigned int number)
{
    struct ukey *ukey;

    make_room(flows);
    HMAP_FOR_EACH_SAFE (ukey, node, &flows->ukeys) {
        if (ukey->number == number) {
            del_ukey(flows, ukey);
        }
    }
}

void
equiv_flows_flush(struct equiv_flows *flows)
{
    struct ukey *ukey;
    size_t n;

    equiv_flows_stats(flows, &n);
    memcpy(flows->credit, flows->sum, n * sizeof *flows->credit);
    for (size_t i = 0; i < n; i++) {
        flows->credit[i].live = false;
    }
    tw_megaflow_flush(flows->dp);
    HMAP_FOR_EACH_POP (ukey, node, &flows->ukeys) {
        free(ukey);
    }
}

/* Puts 'actions' in the place of those that the flow has; by key and mask, as
 * ofproto does. */
static void
modify(struct equiv_flows *flows, struct ukey *ukey,
       const struct ofpbuf *actions, bool zero)
{
    const struct identity *id = by_number[ukey->number];
    struct odputil_keybuf key_stub, mask_stub;
    struct dpif_flow_stats stats;
    struct odp_flow_key_parms parms = {
        .flow = &ukey->flow, .mask = &id->mask,
        .support = { .max_vlan_headers = 2, .recirc = true, .ct_state = true,
                     .ct_zone = true, .ct_mark = true, .ct_label = true,
                     .ct_state_nat = true, .ct_orig_tuple = true,
                     .ct_orig_tuple6 = true },
    };
    struct ofpbuf key, mask;

    ofpbuf_use_stack(&key, &key_stub, sizeof key_stub);
    ofpbuf_use_stack(&mask, &mask_stub, sizeof mask_stub);
    odp_flow_key_from_flow(&parms, &key);
    parms.key_buf = &key;
    odp_flow_key_from_mask(&parms, &mask);

    struct dpif_flow_put put = {
        .flags = DPIF_FP_MODIFY | (zero ? DPIF_FP_ZERO_STATS : 0),
        .key = key.data, .key_len = key.size,
        .mask = mask.data, .mask_len = mask.size,
        .ufid = &ukey->ufid, .pmd_id = PMD_ID_NULL, .stats = &stats,
        .actions = actions->data, .actions_len = actions->size,
    };
    int error = tw_megaflow_put(flows->dp, &put);

    /* There are packets with tags cut off whose fields OVS can say but not
     * read.  ofproto deletes what it cannot modify. */
    if (error == EINVAL) {
        del_ukey(flows, ukey);
        return;
    }
    assert(!error || error == ENOENT);
}

/* The actions that the datapath has for a flow; false if it has none. */
static bool
get_actions(struct equiv_flows *flows, const struct ukey *ukey,
            struct ofpbuf *actions)
{
    struct dpif_flow flow;
    struct ofpbuf buffer;
    struct dpif_flow_get get = {
        .ufid = &ukey->ufid, .pmd_id = PMD_ID_NULL,
        .buffer = &buffer, .flow = &flow,
    };

    ofpbuf_init(&buffer, 4096);
    if (tw_megaflow_get(flows->dp, &get)) {
        ofpbuf_uninit(&buffer);
        return false;
    }
    ofpbuf_init(actions, flow.actions_len);
    ofpbuf_put(actions, flow.actions, flow.actions_len);
    ofpbuf_uninit(&buffer);
    return true;
}

static void
revalidate(struct equiv_flows *flows, struct ukey *ukey,
           const struct equiv_pipeline *p, const struct ofpbuf *old)
{
    struct equiv_answer answer;
    const struct ofpbuf *new;

    equiv_pipeline_ask(p, &ukey->flow, &answer);
    new = answer.put_actions.size ? &answer.put_actions : &answer.actions;
    if (number_of(&ukey->flow, &answer.wc) != ukey->number) {
        make_room(flows);
        del_ukey(flows, ukey);
    } else if (!ofpbuf_equal(old, new)) {
        modify(flows, ukey, new, false);
    }
    equiv_answer_uninit(&answer);
}

void
equiv_flows_revalidate(struct equiv_flows *flows,
                       const struct equiv_pipeline *p)
{
    struct ukey *ukey;

    HMAP_FOR_EACH_SAFE (ukey, node, &flows->ukeys) {
        struct ofpbuf old;

        if (get_actions(flows, ukey, &old)) {
            revalidate(flows, ukey, p, &old);
            ofpbuf_uninit(&old);
        } else {
            hmap_remove(&flows->ukeys, &ukey->node);
            free(ukey);
        }
    }
}

void
equiv_flows_zero(struct equiv_flows *flows, unsigned int number)
{
    struct ukey *ukey;

    /* Which packet went up, and which the datapath counted, is not the same
     * on both sides. */
    make_room(flows);
    memset(&flows->credit[number], 0, sizeof flows->credit[number]);
    HMAP_FOR_EACH_SAFE (ukey, node, &flows->ukeys) {
        struct ofpbuf old;

        if (ukey->number == number && get_actions(flows, ukey, &old)) {
            modify(flows, ukey, &old, true);
            ofpbuf_uninit(&old);
        }
    }
}

void
equiv_flows_format(struct equiv_flows *flows,
                   const struct equiv_flow_stats *before, size_t n_before,
                   struct ds *ds)
{
    struct ukey *ukey;
    size_t n;

    equiv_flows_stats(flows, &n);
    HMAP_FOR_EACH (ukey, node, &flows->ukeys) {
        unsigned int number = ukey->number;
        struct ofpbuf actions;

        if ((number >= n_before
             || before[number].packets != flows->sum[number].packets)
            && get_actions(flows, ukey, &actions)) {
            ds_put_cstr(ds, "  ");
            equiv_flows_format_number(number, ds);
            ds_put_cstr(ds, ", actions:");
            format_odp_actions(ds, actions.data, actions.size, NULL);
            ds_put_char(ds, '\n');
            ofpbuf_uninit(&actions);
        }
    }
}

/* What the above is made of. */

static void
mask_flow(struct flow *flow, const struct flow *mask)
{
    const uint64_t *m = (const uint64_t *) mask;
    uint64_t *f = (uint64_t *) flow;

    for (size_t i = 0; i < FLOW_U64S; i++) {
        f[i] &= m[i];
    }
}

static unsigned int
number_of(const struct flow *flow, const struct flow_wildcards *wc)
{
    struct identity *id;
    struct flow masked = *flow;
    uint32_t hash;

    mask_flow(&masked, &wc->masks);
    hash = hash_bytes(&wc->masks, sizeof wc->masks,
                      hash_bytes(&masked, sizeof masked, 0));
    HMAP_FOR_EACH_WITH_HASH (id, node, hash, &identities) {
        if (!memcmp(&id->masked, &masked, sizeof masked)
            && !memcmp(&id->mask, &wc->masks, sizeof id->mask)) {
            return id->number;
        }
    }
    id = xzalloc(sizeof *id);
    id->masked = masked;
    id->mask = wc->masks;
    id->number = n_numbers;
    hmap_insert(&identities, &id->node, hash);
    if (n_numbers >= allocated_numbers) {
        by_number = x2nrealloc(by_number, &allocated_numbers,
                               sizeof *by_number);
    }
    by_number[n_numbers++] = id;
    return id->number;
}

static struct ukey *
find_ukey(const struct equiv_flows *flows, const ovs_u128 *ufid)
{
    struct ukey *ukey;

    HMAP_FOR_EACH_WITH_HASH (ukey, node, ufid->u32[0], &flows->ukeys) {
        if (ovs_u128_equals(ukey->ufid, *ufid)) {
            return ukey;
        }
    }
    return NULL;
}

static void
add_stats(struct equiv_flow_stats *stats, uint64_t packets, uint64_t bytes,
          uint16_t tcp_flags, long long used)
{
    stats->packets += packets;
    stats->bytes += bytes;
    stats->tcp_flags |= tcp_flags;
    stats->used = MAX(stats->used, used);
}

/* Arrays reach to all numbers there are. */
static void
make_room(struct equiv_flows *flows)
{
    size_t n = MAX(64, 2 * n_numbers);

    if (flows->allocated < n_numbers || !flows->allocated) {
        flows->credit = xrealloc(flows->credit, n * sizeof *flows->credit);
        flows->sum = xrealloc(flows->sum, n * sizeof *flows->sum);
        memset(flows->credit + flows->allocated, 0,
               (n - flows->allocated) * sizeof *flows->credit);
        flows->allocated = n;
    }
}
