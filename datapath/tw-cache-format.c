/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: the track cache as an operator sees it.  Called
 * by the provider's trackway/cache-* commands. */

#include <config.h>

#include "tw-cache-format.h"

#include <inttypes.h>

#include "ct-request.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "tw-actions.h"
#include "tw-cache.h"
#include "tw-datapath.h"
#include "tw-megaflow.h"

static const struct {
    const char *name;
    const char *help;
} misses[TW_N_MISSES] = {
#define TW_MISS(ENUM, NAME, HELP) [TW_MISS_##ENUM] = { NAME, HELP },
    TW_MISSES
#undef TW_MISS
}, stages[TW_N_STAGES] = {
#define TW_STAGE(ENUM, NAME, HELP) [TW_STAGE_##ENUM] = { NAME, HELP },
    TW_STAGES
#undef TW_STAGE
};

static void format_tracks(const struct tw_tracks *, const char *family,
                          const char *indent, struct ds *);
static void format_stages(const struct tw_cache_stats *, const char *indent,
                          struct ds *);
static void format_op(const struct tw_op *, struct ds *);

const char *
tw_miss_name(enum tw_miss miss)
{
    return misses[miss].name;
}

const char *
tw_miss_help(enum tw_miss miss)
{
    return misses[miss].help;
}

static double
percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * part / whole : 0;
}

static void
format_count(struct ds *ds, const char *indent, const char *kind,
             const char *name, uint64_t n)
{
    ds_put_format(ds, "%s%s%s: %"PRIu64, indent, kind, name, n);
}

void
tw_cache_format(const struct tw_cache *cache, const char *indent,
                struct ds *ds)
{
    const struct tw_cache_stats *stats = &cache->stats;

    format_count(ds, indent, "", "packets", stats->n_packets);
    ds_put_char(ds, '\n');
    format_count(ds, indent, "", "hits", stats->n_hits);
    ds_put_format(ds, " (%.2f %%)\n",
                  percent(stats->n_hits, stats->n_packets));
    format_count(ds, indent, "", "left", stats->n_left);
    ds_put_cstr(ds, " (of the hits: went on in the slow path)\n");
    format_count(ds, indent, "", "joint", stats->n_joint);
    ds_put_cstr(ds, " (of the hits: one update for several zones)\n");
    format_count(ds, indent, "", "joints-made", stats->n_joints);
    ds_put_cstr(ds, " (connections of several zones joined)\n");
    for (int i = 0; i < TW_N_MISSES; i++) {
        format_count(ds, indent, "miss-", misses[i].name, stats->misses[i]);
        ds_put_format(ds, " (%s)\n", misses[i].help);
    }
    format_count(ds, indent, "", "learned", stats->n_learned);
    ds_put_cstr(ds, " (misses of which a track was made)\n");
    for (int i = 1; i < TW_N_REFUSALS; i++) {
        format_count(ds, indent, "not-learned-", tw_refusal_name(i),
                     stats->refusals[i]);
        ds_put_format(ds, " (%s)\n", tw_refusal_help(i));
    }
    format_count(ds, indent, "", "contexts", cache->contexts.n);
    ds_put_format(ds, " of at most %d\n",
                  TW_CONTEXT_SETS * TW_CONTEXT_WAYS);
    format_tracks(&cache->tracks[0], "ipv4", indent, ds);
    format_tracks(&cache->tracks[1], "ipv6", indent, ds);
    format_count(ds, indent, "", "programs",
                 hmap_count(&cache->programs.by_chain));
    ds_put_format(ds, " of at most %d\n", TW_MAX_PROGRAMS);
    format_stages(stats, indent, ds);
}

void
tw_cache_format_programs(const struct tw_cache *cache, const char *indent,
                         struct ds *ds)
{
    struct tw_epoch now = tw_epoch_now(cache->dp);

    for (uint32_t i = 1; i < cache->programs.n_numbers; i++) {
        struct tw_program *program = cache->programs.by_number[i];

        if (!program || !tw_program_is_valid(program, cache->dp->ct, &now)) {
            continue;
        }
        tw_program_format(program, indent, ds);
    }
}

void
tw_program_format(const struct tw_program *program, const char *indent,
                  struct ds *ds)
{
    ds_put_format(ds, "%sprogram %"PRIu16": packets:%"PRIu64", batches:%"PRIu64
                  ", named by %"PRIu64"%s\n", indent, program->number,
                  program->n_packets, program->n_batches, program->n_names,
                  program->by_context ? " (contexts)" : "");
    for (size_t i = 0; i < program->n_ops; i++) {
        ds_put_format(ds, "%s    ", indent);
        format_op(&program->ops[i], ds);
        ds_put_char(ds, '\n');
    }
}

static void
format_tracks(const struct tw_tracks *tracks, const char *family,
              const char *indent, struct ds *ds)
{
    uint64_t max = (uint64_t) tracks->max_sets * TW_TRACK_WAYS;

    ds_put_format(ds, "%stracks-%s: %"PRIu64" of at most %"PRIu64
                  ", %"PRIu64" replaced, %"PRIu64" kB of at most %"PRIu64
                  " kB\n", indent, family, tracks->n_used, max,
                  tracks->n_replaced, tw_tracks_memory(tracks) / 1024,
                  max * (tracks->slot_size + sizeof(tw_way)) / 1024);
}

static void
format_stages(const struct tw_cache_stats *stats, const char *indent,
              struct ds *ds)
{
    for (int i = 0; i < TW_N_STAGES; i++) {
        if (stats->n_sampled[i]) {
            ds_put_format(ds, "%scycles-%s: %.1f a packet (%s)\n", indent,
                          stages[i].name,
                          (double) stats->cycles[i] / stats->n_sampled[i],
                          stages[i].help);
        }
    }
}

/* Operations. */

static void
format_ct(const struct tw_op_ct *op, struct ds *ds)
{
    ds_put_cstr(ds, "ct(");
    ct_request_format(op->request, ds);
    ds_put_char(ds, ')');
    if (op->again) {
        ds_put_cstr(ds, " again");
    }
    ds_put_format(ds, ", lost:%"PRIu64, op->n_lost);
}

static void
format_flow(const struct tw_op_flow *op, struct ds *ds)
{
    ds_put_cstr(ds, "flow ");
    odp_format_ufid(&op->flow->ufid, ds);
    ds_put_format(ds, " recirc_id(%#"PRIx32")", op->recirc_id);
    if (op->check_ct) {
        ds_put_format(ds, ",ct_state(%#"PRIx8"/%#"PRIx8")", op->ct_state,
                      op->ct_state_mask);
        if (op->ct_mark_mask) {
            ds_put_format(ds, ",ct_mark(%#"PRIx32"/%#"PRIx32")", op->ct_mark,
                          op->ct_mark_mask);
        }
        if (op->check_label) {
            ds_put_cstr(ds, ",ct_label");
        }
    }
    if (op->tcp_flags_mask) {
        ds_put_format(ds, ",tcp_flags(%#"PRIx16"/%#"PRIx16")", op->tcp_flags,
                      op->tcp_flags_mask);
    }
    if (op->dp_hash_mask) {
        ds_put_format(ds, ",dp_hash(%#"PRIx32"/%#"PRIx32")", op->dp_hash,
                      op->dp_hash_mask);
    }
    ds_put_format(ds, ", left:%"PRIu64, op->n_left);
}

static void
format_op(const struct tw_op *op, struct ds *ds)
{
    switch (op->type) {
    case TW_OP_FLOW:
        format_flow(&op->flow, ds);
        break;
    case TW_OP_CT:
        format_ct(&op->ct, ds);
        break;
    case TW_OP_CT_CLEAR:
        ds_put_cstr(ds, "ct_clear");
        break;
    case TW_OP_SET_ETHERNET:
        ds_put_format(ds, "set(eth(src="ETH_ADDR_FMT"/"ETH_ADDR_FMT
                      ",dst="ETH_ADDR_FMT"/"ETH_ADDR_FMT"))",
                      ETH_ADDR_ARGS(op->set.value.eth.src),
                      ETH_ADDR_ARGS(op->set.mask.eth.src),
                      ETH_ADDR_ARGS(op->set.value.eth.dst),
                      ETH_ADDR_ARGS(op->set.mask.eth.dst));
        break;
    case TW_OP_SET_IPV4:
        ds_put_format(ds, "set(ipv4(tos=%#"PRIx8"/%#"PRIx8",ttl=%"PRIu8
                      "/%#"PRIx8"))", op->set.value.ip4.tos,
                      op->set.mask.ip4.tos, op->set.value.ip4.ttl,
                      op->set.mask.ip4.ttl);
        break;
    case TW_OP_OUTPUT:
        ds_put_format(ds, "output:%"PRIu32"%s", op->output.port,
                      op->output.steal ? "" : " (copies)");
        break;
    case TW_OP_ACTION:
        format_odp_actions(ds, op->action.a,
                           NLA_ALIGN(op->action.a->nla_len), NULL);
        break;
    case TW_OP_END:
        ds_put_cstr(ds, "end");
        break;
    }
}
