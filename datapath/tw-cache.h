/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_CACHE_H
#define TW_CACHE_H 1

#include "tw-compile.h"
#include "tw-context.h"
#include "tw-shortcut.h"
#include "tw-track.h"
#include "tw-tunnel-key.h"
#include "tw-walk.h"

struct ds;
struct tw_datapath;
struct tw_thread;

/* The track cache: the short way for packets whose way is known.
 * ===============================================================
 *
 * What
 * ----
 * A packet thread's memory of what packets with a key (tw-track-key.h) met on
 * the slow path: contexts (tw-context.h), tracks (tw-track.h) and programs
 * (tw-program.h).  Of a batch, packets that have a track are carried through
 * its program; the others take the slow path, on which walks (tw-walk.h) take
 * down what they meet, so that tracks can be made from them.
 *
 * Promises
 * --------
 * - What happens to a packet, to connections and to statistics of megaflows is
 *   what the slow path would have done.
 * - Packets of one connection leave a batch in the order in which they came,
 *   unless their megaflows differ.
 * - Where nothing can be found or learned, as in a flood of new connections,
 *   most batches do not look.
 * - Memory is bounded by other_config:track-cache-size.
 *
 * Configuration: other_config:track-cache (default true) and
 * other_config:track-cache-size, the largest number of tracks of a thread,
 * for each family of addresses.
 *
 * Threads: a thread's own, but for counters, which any thread may read.
 */

#define TW_CACHE_DEFAULT_SIZE (UINT64_C(1) << 22)
#define TW_CACHE_MAX_SIZE (UINT64_C(1) << 28)

/* Why a packet took the slow path: name and sentence. */
#define TW_MISSES                                                           \
    TW_MISS(NO_KEY, "no-key",                                               \
            "not a packet of a kind that the cache knows")                  \
    TW_MISS(CONTEXT, "no-context",                                          \
            "port, addresses, tag, TOS or TTL not seen before")             \
    TW_MISS(FIELDS, "fields",                                               \
            "a fragment, an ICMP error or the like: its connection is not " \
            "told by its key")                                              \
    TW_MISS(TRACK, "no-track", "no track yet")                              \
    TW_MISS(GHOST, "seen-once", "no track, but seen before")                \
    TW_MISS(DEAD, "dead-program",                                           \
            "a megaflow of its program was deleted or modified")            \
    TW_MISS(ASLEEP, "asleep",                                               \
            "nothing was found or learned for a while: one batch in 8 looks") \
    TW_MISS(ORDER, "order",                                                 \
            "to keep its place among those of its connection")

enum tw_miss {
#define TW_MISS(ENUM, NAME, HELP) TW_MISS_##ENUM,
    TW_MISSES
#undef TW_MISS
    TW_N_MISSES
};

/* Where the cycles go.  Measured on one batch of TW_CACHE_SAMPLE. */
#define TW_STAGES                                                           \
    TW_STAGE(KEY, "keys", "reading headers, finding contexts")              \
    TW_STAGE(FIND, "tracks", "finding tracks")                              \
    TW_STAGE(RUN, "programs", "running programs, without sending")          \
    TW_STAGE(SLOW, "slow path", "packets without a track")                  \
    TW_STAGE(LEARN, "learning", "making tracks and programs")

#define TW_CACHE_SAMPLE 32

enum tw_stage {
#define TW_STAGE(ENUM, NAME, HELP) TW_STAGE_##ENUM,
    TW_STAGES
#undef TW_STAGE
    TW_N_STAGES
};

struct tw_cache_stats {
    uint64_t n_packets;                 /* That came in. */
    uint64_t n_hits;                    /* Run by a program. */
    uint64_t misses[TW_N_MISSES];
    uint64_t refusals[TW_N_REFUSALS];   /* Walks that became no track. */
    uint64_t n_learned;                 /* Walks that did. */
    uint64_t n_left;                    /* Packets that left a program. */
    uint64_t n_joint;                   /* Whose connections are in a joint. */
    uint64_t n_joints;                  /* Joints made. */
    uint64_t cycles[TW_N_STAGES];       /* Of sampled batches. */
    uint64_t n_sampled[TW_N_STAGES];    /* Packets, of those batches. */
};

struct tw_cache {
    struct tw_datapath *dp;
    uint64_t size;                      /* As configured when created. */
    struct tw_shortcuts shortcuts;
    struct tw_contexts contexts;
    struct tw_tunnel_keys tunnels;
    bool tunnels_full;                  /* One got no number. */
    unsigned int depth;                 /* Of tw_cache_run() in itself. */
    struct tw_tracks tracks[2];         /* IPv4, IPv6. */
    struct tw_programs programs;
    struct tw_walks walks;
    struct tw_cache_stats stats;
    unsigned int n_batches;             /* For sampling. */
    unsigned int n_vain;                /* Batches since one found or learned
                                         * anything. */
    uint64_t n_grouped;                 /* Batches of several programs. */
};

/* NULL if there is no memory. */
struct tw_cache *tw_cache_create(struct tw_datapath *, uint64_t size);
void tw_cache_destroy(struct tw_cache *);       /* Accepts NULL. */

/* Creates, destroys or resizes the thread's cache as configured.  Not while
 * packets are under way. */
void tw_cache_configure(struct tw_thread *);

/* Carries 'batch' through: what has a track by its program, the rest by the
 * slow path.  With 'in_port' other than ODPP_NONE the packets' metadata is
 * initialised.  Takes ownership of them. */
void tw_cache_run(struct tw_thread *, struct dp_packet_batch *,
                  odp_port_t in_port);

/* Work that has time, a bounded amount. */
void tw_cache_housekeeping(struct tw_cache *);

/* Notes for walks, while tw_thread_takes_notes(): packets met 'flow'; a ct()
 * has been executed on them; 'packet' had no megaflow. */
void tw_cache_note_flow(struct tw_thread *, const struct dp_packet_batch *,
                        struct tw_megaflow *flow);
void tw_cache_note_ct(struct tw_thread *, const struct dp_packet_batch *);
void tw_cache_note_upcall(struct tw_thread *, const struct dp_packet *);


#endif /* tw-cache.h */
