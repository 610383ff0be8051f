/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_PROGRAM_H
#define TW_PROGRAM_H 1

#include "ct-joint.h"
#include "ct-packet.h"
#include "dp-packet.h"
#include "openvswitch/hmap.h"
#include "tw-track-key.h"
#include "tw-walk.h"

struct ct;
struct ct_request;
struct nlattr;
struct tw_actions;
struct tw_datapath;
struct tw_megaflow_line;
struct tw_thread;

/* Programs: what packets that meet the same megaflows have done to them.
 * =======================================================================
 *
 * What
 * ----
 * The chain of a walk's megaflows as a list of operations.  Packets of a batch
 * that share a program go through it together.
 *
 * Where the slow path would look a packet up again, the program only asks
 * whether the next megaflow still matches in what is not the key's:
 * connection state, mark and label, TCP flags, dp_hash.  A packet for which it
 * does not, or whose connection was not the one that its track remembers,
 * leaves there, and goes on in the slow path as a recirculated packet: nothing
 * is done to it twice.
 *
 * Order
 * -----
 * Operations that look at each packet by itself (megaflows, ct) come in
 * stretches: one packet after the other goes through the whole stretch, while
 * the connections of the packets behind it are fetched.  All others are
 * carried out for all packets at once.
 *
 * Life
 * ----
 * A program refers to its megaflows, which keeps their memory but not them.
 * It dies when one of them has been deleted or modified, or when a zone has
 * been flushed in which its tracks have connections: tw_program_is_valid()
 * finds that out, before each batch, from two counters, as long as they stand
 * still.  A dead program lets go of its
 * megaflows at once, and is freed when no track names it any more.
 *
 * Threads: a thread's own.
 */

/* The longest stretch: a megaflow's actions may have several ct and
 * ct_clear. */
#define TW_MAX_STRETCH 48

enum tw_op_type {
    /* Of a stretch. */
    TW_OP_FLOW,                 /* A megaflow is met. */
    TW_OP_CT,
    TW_OP_CT_CLEAR,
    TW_OP_SET_ETHERNET,
    TW_OP_SET_IPV4,             /* TOS and TTL alone. */

    /* Of all packets at once. */
    TW_OP_OUTPUT,
    TW_OP_ACTION,               /* Any other, as the slow path does it. */
    TW_OP_END                   /* Nobody takes the packets. */
};

/* What is asked where a megaflow is met. */
struct tw_op_flow {
    struct tw_megaflow *flow;
    uint32_t recirc_id;
    bool check_ct;              /* State, mark or label. */
    bool by_metadata;           /* Of a ct() before this stretch. */
    bool check_packet;          /* TCP flags or dp_hash. */
    uint8_t ct_state, ct_state_mask;
    uint32_t ct_mark, ct_mark_mask;
    bool check_label;
    ovs_u128 ct_label, ct_label_mask;
    uint16_t tcp_flags, tcp_flags_mask;     /* Host byte order. */
    uint32_t dp_hash, dp_hash_mask;
    uint64_t n_left;            /* Packets that went back to the slow path. */
};

struct tw_op_ct {
    const struct ct_request *request;
    uint8_t step;               /* Which connection of the track. */
    bool first;                 /* Of its stretch: headers must be read. */
    bool again;                 /* In the zone of the step before it, which
                                 * found the same connection. */
    uint64_t n_lost;            /* Packets whose connection was another. */
};

struct tw_op_action {
    const struct nlattr *a;
    const struct tw_actions *actions;
    const struct tw_megaflow *flow;
    bool steal;
    bool far;                   /* Does more to the packets than change their
                                 * headers: may send them on by itself. */
};

/* Headers that are set as often as any: without moving others, and without
 * making the packet forget its connection.  As OVS does, what is outside of
 * 'mask' is not cleared in 'value'. */
struct tw_op_set {
    union {
        struct {
            struct eth_addr dst, src;
        } eth;
        struct {
            uint8_t tos, ttl;
        } ip4;
    } value, mask;
};

/* Of the first operation of a stretch. */
struct tw_op_stretch {
    uint8_t n;                  /* Operations; 0: it is not the first. */
    bool keep;                  /* The metadata will be needed. */
    bool unchecked;             /* It is of megaflows that match whatever the
                                 * packet is. */
    bool joint;                 /* Its connections can be in a joint
                                 * (ct-joint.h): what follows is valid. */
    bool express;               /* Behind the first ct(), megaflows and ct()
                                 * are all, and only ct() is checked. */
    bool check_packet;          /* Behind it, a megaflow has that. */
    uint8_t first_ct, last_ct;  /* Operations. */
    uint8_t n_flows_behind;     /* The first ct(). */
};

struct tw_op {
    enum tw_op_type type;
    struct tw_op_stretch stretch;
    union {
        struct tw_op_flow flow;
        struct tw_op_ct ct;
        struct tw_op_action action;
        struct tw_op_set set;
        struct {
            odp_port_t port;
            bool steal;
        } output;
    };
};

struct tw_program_flow {
    struct tw_megaflow *flow;
    uint32_t version;
};

/* What programs stand on changes with these: dp->flow_epoch and
 * ct_track_epoch(). */
struct tw_epoch {
    uint64_t flows;
    uint64_t flushes;
};

static inline bool
tw_epoch_equals(const struct tw_epoch *a, const struct tw_epoch *b)
{
    return !((a->flows ^ b->flows) | (a->flushes ^ b->flushes));
}

struct tw_epoch tw_epoch_now(struct tw_datapath *);

struct tw_program {
    /* What each packet, or batch, asks of it: one cache line. */
    uint16_t number;                    /* Never 0. */
    bool dead;                          /* Then 'epoch' is no epoch. */
    bool simple;                        /* One megaflow, unchecked, and one
                                         * output: the following two. */
    uint8_t n_steps;
    bool joint;                         /* It has such a stretch, which begins
                                         * with 'joint_step': behind its steps,
                                         * a track has a ct_joint. */
    uint8_t joint_step;
    uint8_t group;                      /* In 'batch': see tw-cache. */
    bool needs_rss;                     /* An action uses the packet's hash. */
    bool by_context;                    /* All packets of its context take
                                         * this way, */
    bool by_port;                       /* and all of their port, type and
                                         * tag (tw-shortcut.h). */
    odp_port_t simple_port;
    struct tw_megaflow_line *simple_line;
    struct tw_epoch epoch;              /* When last known to be valid. */
    uint64_t batch;                     /* That met it last. */
    uint64_t n_packets, n_batches;      /* That took it. */

    struct hmap_node node;              /* In the set, by chain. */
    uint64_t n_names;                   /* Tracks and the like that name it. */
    uint32_t n_lost;                    /* Joints that others dissolved, ... */
    uint64_t n_rides;                   /* ... and packets in one, lately. */
    uint32_t n_held_back;               /* Runs that made none. */
    uint64_t again;                     /* Bits of steps that are 'again'. */
    uint64_t generations[TW_TRACK_MAX_STEPS];   /* Of the steps' zones. */
    uint8_t n_flows;
    struct tw_program_flow flows[TW_MAX_FLOWS];
    size_t n_ops;
    struct tw_op ops[];
};
BUILD_ASSERT_DECL(offsetof(struct tw_program, node) == CACHE_LINE_SIZE);

/* What is known of a packet's joint: of its leader, so that a look at 'steps'
 * is not needed between a lock and the next. */
struct tw_pass_joint {
    ct_joint joint;             /* 0: none, and the others are not valid. */
    struct ct_conn *leader;
    struct ct_track track;      /* Of the leader. */
};

/* Packets that run programs: what is known of each. */
struct tw_pass {
    size_t n;
    struct dp_packet *packets[NETDEV_MAX_BURST];
    struct tw_track_key keys[NETDEV_MAX_BURST];
    struct tw_program *programs[NETDEV_MAX_BURST];
    struct ct_track steps[NETDEV_MAX_BURST][TW_TRACK_MAX_STEPS];
    struct tw_pass_joint joints[NETDEV_MAX_BURST];
    uint32_t new_joints;        /* Bits: it has another than its track. */
    unsigned int n_joint, n_joints;     /* As in tw-cache's statistics. */
};

/* True if all that the program stands on is as it was.  If not, it is dead
 * from then on. */
bool tw_program_revalidate(struct tw_program *, const struct ct *,
                           const struct tw_epoch *now);

static inline bool
tw_program_is_valid(struct tw_program *program, const struct ct *ct,
                    const struct tw_epoch *now)
{
    return (OVS_LIKELY(tw_epoch_equals(&program->epoch, now))
            || tw_program_revalidate(program, ct, now));
}

/* Fetches what the connections of packet 'i' of 'pass' take, so that programs
 * of few packets need not wait for each. */
void tw_program_fetch(const struct ct *, const struct tw_pass *,
                      unsigned int i);

/* Runs 'program' on those of the packets of 'pass' that 'members' lists, in
 * this order.  Takes ownership of them.  Returns the packets, as bits, that
 * left on the way, or would have if there had been a meeting, and so need
 * another track. */
uint32_t tw_program_run(struct tw_thread *, struct tw_program *,
                        struct tw_pass *, const uint8_t members[], size_t n);

#endif /* tw-program.h */
