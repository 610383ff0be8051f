/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_PROGRAM_H
#define TW_PROGRAM_H 1

#include "ct-packet.h"
#include "dp-packet.h"
#include "openvswitch/hmap.h"
#include "tw-track-key.h"
#include "tw-walk.h"

struct ct_request;
struct nlattr;
struct tw_actions;
struct tw_datapath;
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
 * Life
 * ----
 * A program refers to its megaflows, which keeps their memory but not them.
 * It dies when one of them has been deleted or modified: tw_program_is_valid()
 * finds that out, before each batch, from one counter of the datapath
 * (flow_epoch) as long as that stands still.  A dead program lets go of its
 * megaflows at once, and is freed when no track names it any more.
 *
 * Threads: a thread's own.
 */

enum tw_op_type {
    TW_OP_FLOW,                 /* A megaflow is met. */
    TW_OP_CT,
    TW_OP_CT_CLEAR,
    TW_OP_OUTPUT,
    TW_OP_ACTION,               /* Any other, as the slow path does it. */
    TW_OP_END                   /* Nobody takes the packets. */
};

/* What is asked where a megaflow is met. */
struct tw_op_flow {
    struct tw_megaflow *flow;
    uint32_t recirc_id;
    bool check_ct;              /* Any of the following four. */
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
    bool first;                 /* Of the program: headers must be read. */
    bool moved;                 /* An action since the step before may have
                                 * moved the headers. */
    bool again;                 /* In the zone of the step before it, which
                                 * found the same connection. */
    uint64_t n_lost;            /* Packets whose connection was another. */
};

struct tw_op_action {
    const struct nlattr *a;
    const struct tw_actions *actions;
    const struct tw_megaflow *flow;
    bool steal;
    bool needs_md;              /* Looks at, or forgets, the metadata. */
};

struct tw_op {
    enum tw_op_type type;
    union {
        struct tw_op_flow flow;
        struct tw_op_ct ct;
        struct tw_op_action action;
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

struct tw_program {
    struct hmap_node node;              /* In the set, by chain. */
    uint16_t number;                    /* Never 0. */
    bool dead;                          /* Then 'epoch' is 0. */
    bool needs_rss;                     /* An action uses the packet's hash. */
    bool by_context;                    /* All packets of its context take
                                         * this way. */
    uint8_t n_flows, n_steps;
    uint64_t epoch;                     /* dp->flow_epoch when last valid. */
    uint64_t n_names;                   /* Tracks and contexts that name it. */
    uint64_t n_packets, n_batches;      /* That took it. */
    uint64_t again;                     /* Bits of steps that are 'again'. */
    struct tw_program_flow flows[TW_MAX_FLOWS];
    size_t n_ops;
    struct tw_op ops[];
};

/* Packets that run programs: what is known of each. */
struct tw_pass {
    size_t n;
    struct dp_packet *packets[NETDEV_MAX_BURST];
    struct tw_track_key keys[NETDEV_MAX_BURST];
    struct tw_program *programs[NETDEV_MAX_BURST];
    struct ct_track steps[NETDEV_MAX_BURST][TW_TRACK_MAX_STEPS];
    struct ct_conn *conns[NETDEV_MAX_BURST][TW_TRACK_MAX_STEPS];
    struct ct_packet ct[NETDEV_MAX_BURST];
};

/* True if all of the program's megaflows are as they were.  If not, it is
 * dead from then on. */
bool tw_program_revalidate(struct tw_program *, uint64_t epoch);

static inline bool
tw_program_is_valid(struct tw_program *program, uint64_t epoch)
{
    return (OVS_LIKELY(program->epoch == epoch)
            || tw_program_revalidate(program, epoch));
}

/* Runs 'program' on those of the packets of 'pass' that 'members' lists, in
 * this order.  Takes ownership of them.  Returns the packets, as bits, that
 * left on the way, and so need another track. */
uint32_t tw_program_run(struct tw_thread *, struct tw_program *,
                        struct tw_pass *, const uint8_t members[], size_t n);

#endif /* tw-program.h */
