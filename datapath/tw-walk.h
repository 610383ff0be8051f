/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_WALK_H
#define TW_WALK_H 1

#include "ct-track.h"
#include "dp-packet.h"
#include "packets.h"
#include "tw-track.h"

struct tw_megaflow;

/* Walks: what a packet meets on the slow path.
 * =============================================
 *
 * What
 * ----
 * While packets that may become tracks go through the slow path, each has a
 * walk, in which lookups note the megaflow and ct() actions the connection.
 * In the end it is compiled (tw-compile.h), or refused for the reason that was
 * noted first.
 *
 * Which walk is a packet's stands in the padding of its metadata.  A clone
 * inherits that, but is another packet, and so has no walk.
 *
 * Threads, ownership: a thread's own; walks of a batch are taken when it comes
 * in (tw_walks_begin()) and given back when all of it is gone
 * (tw_walks_end()).  What comes out of a tunnel on the way has walks of its
 * own, behind those.
 */

/* Why a walk cannot become a track: name and sentence. */
#define TW_REFUSALS                                                         \
    TW_REFUSAL(NONE, "none", "it can")                                      \
    TW_REFUSAL(FIRST, "first-packet", "the key was seen for the first time") \
    TW_REFUSAL(YOUNG, "young-connection",                                   \
               "a connection has too few packets yet, or there is none")    \
    TW_REFUSAL(UPCALL, "upcall", "a megaflow had to be made")               \
    TW_REFUSAL(LONG, "too-long", "too many megaflows or connections")       \
    TW_REFUSAL(ENDED, "ended",                                              \
               "the packet was dropped or held before its way's end")       \
    TW_REFUSAL(NESTED, "nested",                                            \
               "it goes on from inside another action, or as a copy")       \
    TW_REFUSAL(HEADER, "header",                                            \
               "an action adds or removes headers other than a VLAN tag")   \
    TW_REFUSAL(FIELDS, "fields",                                            \
               "it depends on what the key does not tell")                  \
    TW_REFUSAL(PROGRAMS, "programs", "there are too many programs")

enum tw_refusal {
#define TW_REFUSAL(ENUM, NAME, HELP) TW_REFUSED_##ENUM,
    TW_REFUSALS
#undef TW_REFUSAL
    TW_N_REFUSALS
};

const char *tw_refusal_name(enum tw_refusal);
const char *tw_refusal_help(enum tw_refusal);

#define TW_MAX_FLOWS 8

/* A connection must have had so many packets in its direction before a track
 * is made for it: most connections have few. */
#define TW_WALK_MIN_PACKETS 4

struct tw_walk {
    const struct dp_packet *packet;     /* NULL: not in use. */
    uint8_t refused;                    /* enum tw_refusal. */
    uint8_t n_flows;
    uint8_t n_steps;
    struct tw_megaflow *flows[TW_MAX_FLOWS];
    struct ct_track steps[TW_TRACK_MAX_STEPS];
};

/* As many as can be under way: each level of tunnels has a batch. */
#define TW_MAX_WALKS (8 * NETDEV_MAX_BURST)

struct tw_walks {
    unsigned int n;                     /* In use, from the first on. */
    struct tw_walk walks[TW_MAX_WALKS];
};

/* In the metadata's padding. */
#define TW_WALK_MD_OFS (CACHE_LINE_SIZE - sizeof(uint16_t))
BUILD_ASSERT_DECL(offsetof(struct pkt_metadata, icmp_related) + sizeof(bool)
                  <= TW_WALK_MD_OFS);

/* Gives 'packet' a walk, unless there are too many: then NULL. */
struct tw_walk *tw_walk_begin(struct tw_walks *, struct dp_packet *);

/* 'packet' has none. */
static inline void
tw_walk_none(struct dp_packet *packet)
{
    memset((char *) &packet->md + TW_WALK_MD_OFS, 0xff, sizeof(uint16_t));
}

/* Gives back those from number 'first' on. */
void tw_walks_end(struct tw_walks *, unsigned int first);

/* The walk of 'packet', or NULL. */
static inline struct tw_walk *
tw_walk_of(struct tw_walks *walks, const struct dp_packet *packet)
{
    uint16_t i;

    memcpy(&i, (const char *) &packet->md + TW_WALK_MD_OFS, sizeof i);
    return (i < walks->n && walks->walks[i].packet == packet
            ? &walks->walks[i] : NULL);
}

static inline void
tw_walk_refuse(struct tw_walk *walk, enum tw_refusal why)
{
    if (!walk->refused) {
        walk->refused = why;
    }
}

/* 'walk' met 'flow'. */
static inline void
tw_walk_add_flow(struct tw_walk *walk, struct tw_megaflow *flow)
{
    if (walk->n_flows < TW_MAX_FLOWS) {
        walk->flows[walk->n_flows++] = flow;
    } else {
        tw_walk_refuse(walk, TW_REFUSED_LONG);
    }
}

/* A ct() has been executed on 'packet'. */
void tw_walk_add_step(struct tw_walk *, const struct dp_packet *packet);

#endif /* tw-walk.h */
