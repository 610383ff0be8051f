/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_CONN_H
#define CT_CONN_H 1

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ct-chunk.h"
#include "ct-dpif.h"
#include "ct-spin.h"
#include "ct-timeout.h"
#include "ct-tuple.h"

/* The connection record.
 * ======================
 *
 * What
 * ----
 * All that is known of one connection in one zone.  What a packet of an
 * established connection needs is in the first cache line, counters and TCP
 * windows in the second.  Behind these 128 bytes stands a tail that depends
 * on the record's kind:
 *
 *    CT_CONN_V4       nothing
 *    CT_CONN_V4_NAT   struct ct_conn_nat
 *    CT_CONN_V6       struct ct_conn_addrs6 (original)
 *    CT_CONN_V6_NAT   ct_conn_addrs6 (original), ct_conn_addrs6 (reply),
 *                     struct ct_conn_nat
 *
 * A record without struct ct_conn_nat has a reply tuple that is the inverse
 * of its original tuple, and one place in the table for both.  A record with
 * it has two places.
 *
 * Ownership and lifetime
 * ----------------------
 * Records come from type-stable memory per kind.  A record is reachable from
 * its zone's table from commit until whoever sets IPS_DYING first removes it;
 * its memory serves another connection of the same kind no earlier than an
 * RCU grace period later.  A pointer that was remembered across a grace
 * period is valid only if 'id' is still the one remembered.
 *
 * Threads
 * -------
 * [I] immutable while reachable   [A] atomic   [L] under 'lock', a spin lock
 * held for one packet's update    [R] RCU pointer.  The fields tagged [L] may
 * be read without the lock where a stale value does no harm (dumps). */

/* 'status' bits are CT_DPIF_STATUS_* (ct-dpif.h), and four that no dump
 * shows.  DEAD, set by ct_wheel_dead(): no table has the connection any more.
 * PORT, set by ct_nat_search_keep(): the source port of its translation is
 * reserved (ct-nat-port.h).  JOINT: it is in a joint (ct-joint.h), and changes
 * under the lock of that one's leader, too.  HELPED, in the place of a bit
 * that no connection has: a helper reads its packets. */
#define CT_CONN_STATUS_HELPED CT_DPIF_STATUS_UNTRACKED
#define CT_CONN_STATUS_DEAD 0x8000
#define CT_CONN_STATUS_PORT 0x4000
#define CT_CONN_STATUS_JOINT 0x2000
BUILD_ASSERT_DECL(!((CT_CONN_STATUS_DEAD | CT_CONN_STATUS_PORT
                     | CT_CONN_STATUS_JOINT) & CT_DPIF_STATUS_MASK));

/* 'deadline' of a connection that a packet has ended: for what else becomes of
 * the packet, it is still that packet's. */
#define CT_DEADLINE_ENDED 0

struct ct_conn_ext;             /* Labels, helper, parent: where present. */
struct ct_help;

struct ct_conn_counters {
    uint64_t packets;
    uint64_t bytes;             /* IP length, as the kernel counts. */
};

/* What the other end may send, from this end's segments: the kernel's and
 * van Rooij's "Real Stateful TCP Packet Filtering" names. */
struct ct_tcp_window {
    uint32_t end;               /* Highest sequence number sent, plus 1. */
    uint32_t max_end;           /* Highest that the other end allows. */
    uint32_t max_win;           /* Largest window advertised, scaled. */
    uint32_t max_ack;           /* Highest acknowledgment sent. */
};

/* The last segment that changed something, to tell retransmissions and to
 * validate answers to a SYN or RST. */
struct ct_tcp_last {
    uint32_t seq, ack, end;
    uint16_t win;               /* Unscaled. */
    uint8_t index;              /* Class of its flags; CT_TCP_LAST_*. */
    uint8_t dir;                /* enum ct_dir; CT_TCP_LAST_*. */
};

/* An SCTP association (RFC 9260): verification tags in network byte order,
 * and what ct-l4-sctp.c remembers of INIT and HEARTBEAT chunks. */
struct ct_sctp {
    ovs_be32 vtag[CT_DIR_MAX];
    uint8_t init[CT_DIR_MAX];
    uint8_t flags;
    uint8_t last_dir;
};

/* In a joint, of one that does not lead it (ct-joint.h).  Written under its
 * lock and its leader's, read under either. */
struct ct_follower {
    uint32_t leader;            /* Record numbers. */
    uint32_t next;              /* Follower of that leader; 0: none. */
};

struct ct_conn {
    /* Cache line 0. */
    struct ct_key key;          /* [I] Original direction. */
    _Atomic uint64_t deadline;  /* [A] time_msec() at which it expires. */
    uint32_t id;                /* [I] Unique among live connections. */
    _Atomic uint32_t mark;      /* [A] ct_mark. */
    _Atomic uint16_t status;    /* [A] CT_DPIF_STATUS_*. */
    uint8_t l4_flags[CT_DIR_MAX];   /* [L] TCP: flags of each end. */
    atomic_flag lock;           /* 1 byte. */
    uint8_t l4_state;           /* [L] The protocol's own. */
    uint8_t wscale;             /* [L] TCP: original << 4 | reply. */
    uint8_t retrans;            /* [L] TCP: retransmissions in a row. */
    _Atomic uint64_t ext;       /* [R] ct_conn_ext(), or links of a joint. */
    union {
        struct ct_tcp_last tcp_last;    /* [L] */
        uint64_t stream_at;             /* [L] UDP, GRE: stream from then. */
    };

    /* Cache line 1. */
    struct ct_conn_counters counters[CT_DIR_MAX];   /* [L] */
    union {
        struct ct_tcp_window tcp[CT_DIR_MAX];       /* [L] */
        struct ct_sctp sctp;                        /* [L] */
        struct ct_follower follower;
    };
};
BUILD_ASSERT_DECL(sizeof(struct ct_conn) == 128);
BUILD_ASSERT_DECL(offsetof(struct ct_conn, counters) == 64);

struct ct_conn_addrs6 {
    struct in6_addr src, dst;
};

/* Translation.  The deltas are what a header's one's complement checksum
 * gains (RFC 1624 section 3, eqn. 3) when a packet of that direction is
 * translated: addresses only, and addresses and ports. */
struct ct_conn_nat {
    struct ct_key reply_key;            /* [I] */
    uint16_t delta_addr[CT_DIR_MAX];    /* [I] */
    uint16_t delta_all[CT_DIR_MAX];     /* [I] */
    struct ct_conn_links links;         /* Maintenance thread's: fills up the
                                         * cache line (ct_conn_links()). */
};
BUILD_ASSERT_DECL(sizeof(struct ct_conn_nat) == 32);

enum ct_conn_kind {
    CT_CONN_V4,
    CT_CONN_V4_NAT,
    CT_CONN_V6,
    CT_CONN_V6_NAT,
    CT_CONN_N_KINDS
};

/* Rare parts, allocated when first needed, replaced under RCU; there until the
 * connection has ended.  A label alone, which a command may give to millions,
 * takes the smallest piece that malloc() of glibc has: 32 bytes. */
struct ct_conn_ext {
    ovs_u128 label;
    struct ct_conn_kin *kin;            /* NULL: none. */
};
BUILD_ASSERT_DECL(sizeof(struct ct_conn_ext) <= 24);

/* Whom it belongs to, and who may come to belong to it.  Who replaces an 'ext'
 * hands it on. */
struct ct_conn_kin {
    uint32_t parent_id;                 /* 0: none. */
    struct ct_tuple parent;             /* Its original tuple. */
    struct ct_help *help;               /* Helper (ct-helper.h); NULL: none. */
};

/* What 'ext' has; it is made if it has none. */
struct ct_conn_kin *ct_conn_ext_kin(struct ct_conn_ext *ext);

/* Gives back 'ext' (NULL: nothing), with what hangs on it. */
void ct_conn_ext_free(struct ct_conn_ext *ext);

/* What stands in 'ext': the address of a struct ct_conn_ext, or an odd number
 * (ct-joint.h), or 0. */
static inline uint64_t
ct_conn_ext_word(const struct ct_conn *conn)
{
    return atomic_load_explicit(&conn->ext, memory_order_relaxed);
}

static inline void
ct_conn_set_ext_word(struct ct_conn *conn, uint64_t word)
{
    atomic_store_explicit(&conn->ext, word, memory_order_relaxed);
}

/* NULL if there is none. */
static inline struct ct_conn_ext *
ct_conn_ext(const struct ct_conn *conn)
{
    /* Pairs with ct_conn_set_ext(). */
    uint64_t word = atomic_load_explicit(&conn->ext, memory_order_acquire);

    return word & 1 ? NULL : (struct ct_conn_ext *) (uintptr_t) word;
}

static inline void
ct_conn_set_ext(struct ct_conn *conn, struct ct_conn_ext *ext)
{
    atomic_store_explicit(&conn->ext, (uintptr_t) ext, memory_order_release);
}

static inline uint16_t
ct_conn_status(const struct ct_conn *conn)
{
    return atomic_load_explicit(&conn->status, memory_order_relaxed);
}

/* What early drop and censuses look at without the lock, and so what changes
 * it while they may. */
static inline uint8_t
ct_conn_l4_state(const struct ct_conn *conn)
{
    return __atomic_load_n(&conn->l4_state, __ATOMIC_RELAXED);
}

static inline void
ct_conn_set_l4_state(struct ct_conn *conn, uint8_t state)
{
    __atomic_store_n(&conn->l4_state, state, __ATOMIC_RELAXED);
}

/* True if the reply tuple is not just the inverse. */
static inline bool
ct_conn_is_nat(const struct ct_conn *conn)
{
    return ct_conn_status(conn) & (CT_DPIF_STATUS_SRC_NAT
                                   | CT_DPIF_STATUS_DST_NAT);
}

static inline bool
ct_conn_is_ipv6(const struct ct_conn *conn)
{
    return conn->key.kind & CT_KIND_IPV6;
}

static inline struct ct_conn_addrs6 *
ct_conn_addrs6(const struct ct_conn *conn, enum ct_dir dir)
{
    return (struct ct_conn_addrs6 *) (conn + 1) + dir;
}

static inline struct ct_conn_nat *
ct_conn_nat(const struct ct_conn *conn)
{
    return (ct_conn_is_ipv6(conn)
            ? (struct ct_conn_nat *) ct_conn_addrs6(conn, CT_DIR_MAX)
            : (struct ct_conn_nat *) (conn + 1));
}

static inline void
ct_conn_lock(struct ct_conn *conn)
{
    unsigned int turns = 0;

    while (atomic_flag_test_and_set_explicit(&conn->lock,
                                             memory_order_acquire)) {
        ct_spin_pause(&turns);
    }
}

static inline void
ct_conn_unlock(struct ct_conn *conn)
{
    atomic_flag_clear_explicit(&conn->lock, memory_order_release);
}

/* The tuple of 'conn' in direction 'dir'. */
void ct_conn_tuple(const struct ct_conn *, enum ct_dir, struct ct_tuple *);

/* Is 'conn', which was remembered together with 'id', still the same
 * connection, and alive? */
static inline bool
ct_conn_is_live(const struct ct_conn *conn, uint32_t id)
{
    return (__atomic_load_n(&conn->id, __ATOMIC_ACQUIRE) == id
            && !(ct_conn_status(conn) & CT_DPIF_STATUS_DYING));
}

/* The same for one in a joint, whose own deadline may be out of date: has the
 * time of the joint not come at 'now'?  (ct-tracker.c.) */
bool ct_conn_lives_in_joint__(const struct ct_conn *, long long now);

/* Beside the record (ct-chunk.h): its creation, in 1/8 s of the tracker's time
 * (ct-tracker.h).  [I] */
static inline uint32_t *
ct_conn_start(const struct ct_conn *conn)
{
    struct ct_chunk *chunk = ct_chunk_of(conn);

    return ((uint32_t *) ((char *) chunk + chunk->starts)
            + ct_chunk_index(chunk, conn));
}

/* Beside the record, or in its struct ct_conn_nat. */
static inline struct ct_conn_links *
ct_conn_links(const struct ct_conn *conn)
{
    struct ct_chunk *chunk = ct_chunk_of(conn);

    return (struct ct_conn_links *) (
        (char *) chunk + chunk->links
        + (size_t) ct_chunk_index(chunk, conn) * chunk->links_stride);
}

/* Memory: one per tracker.
 *
 * Records of a kind stand in chunks of 2 MB (ct-chunk.h).  Threads take
 * records from, and return them to, small batches of their own; the batches
 * come from and go to one depot.  A record that is freed keeps its kind for
 * ever, and its id becomes 0.  Chunks are given back to the system only by
 * ct_conn_memory_destroy(), which no reader may outlive.
 *
 * A few connections touch a few pages: 2 MB is address space.  From a kind's
 * third chunk on, chunks are huge pages where the system has them, if they
 * could be made ready in time. */
struct ct_conn_memory;

struct ct_conn_memory *ct_conn_memory_create(void);
void ct_conn_memory_destroy(struct ct_conn_memory *);
/* Returns a record with 'key', 'id' and the tail's orig and reply tuples set,
 * all else zero; with a struct ct_conn_nat iff 'reply' is not the inverse of
 * 'original'.  NULL if there is no memory. */
struct ct_conn *ct_conn_alloc(struct ct_conn_memory *, uint16_t zone,
                              const struct ct_tuple *original,
                              const struct ct_tuple *reply);
/* At once: only for records that were never reachable. */
void ct_conn_free(struct ct_conn_memory *, struct ct_conn *);
/* After a grace period, and its 'ext' with it.  Postponed in batches, so that
 * a call of ct_conn_memory_run() must follow sooner or later. */
void ct_conn_free_postponed(struct ct_conn_memory *, struct ct_conn *);

/* Periodic work: postpones what waits for its batch to fill, and keeps chunks
 * ready, so that no packet waits for one.  ct_wheel_run() calls it.  The other
 * makes the caller's poll_block() return when a chunk is wanted. */
void ct_conn_memory_run(struct ct_conn_memory *, long long now);
void ct_conn_memory_wait(struct ct_conn_memory *);
/* Bytes of records ever used at the same time, with what is beside them. */
size_t ct_conn_memory_used(struct ct_conn_memory *);

/* struct ct_conn_memory begins with where its records are. */
static inline struct ct_chunks *
ct_conn_chunks(const struct ct_conn_memory *memory)
{
    return (struct ct_chunks *) memory;
}

/* Record numbers: under 2^30, never 0.  They mean the same record for ever;
 * which connection it holds, its id tells.  CT_CONN_NUMBER_MAX is the
 * largest. */
static inline uint32_t
ct_conn_number(const struct ct_conn *conn)
{
    return (ct_chunk_of(conn)->first
            + (((uintptr_t) conn & (CT_CHUNK_SIZE - 1)) >> CT_NUMBER_SHIFT));
}

static inline struct ct_conn *
ct_conn_from_number(const struct ct_conn_memory *memory, uint32_t number)
{
    return ct_chunks_record(ct_conn_chunks(memory), number);
}

#endif /* ct-conn.h */
