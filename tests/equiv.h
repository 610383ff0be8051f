/* SPDX-License-Identifier: Apache-2.0 */

#ifndef EQUIV_H
#define EQUIV_H 1

#include <stdbool.h>
#include <stdint.h>

#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"

/* Equivalence: the same packets through two datapaths.
 * ====================================================
 *
 * What
 * ----
 * A *pipeline* is tables of rules, made from a seed, that stands in for
 * ofproto: asked about a packet, it answers with the fields it looked at and
 * with datapath actions.  *Traffic* is conversations that send through it, and
 * that answer what came out.  A *side* is a datapath with everything around
 * it; there are two, one with the track cache and one without.  *Changes* are
 * what happens to both while packets pass.  A *run* is one pipeline with its
 * traffic and changes, from nothing to the first difference or the end.
 *
 * Promises
 * --------
 * All is a function of the seed: no thread runs beside the main one that could
 * change something, the clock stands still unless it is moved, and random
 * numbers which the datapath draws are the same for all packets of a batch
 * (equiv-world.c).  Packets and changes are numbered *items*; one that is
 * left out does not change what the others are.
 *
 * What is compared
 * ----------------
 * After each batch: what left the ports and went to userspace, in order for
 * each port and conversation; counters of drops and of the tracker.  Now and
 * then, and before each change: statistics of all megaflows that are or were
 * (with the packets that went up, as ofproto credits them), which megaflows
 * there are, connections, meters.
 *
 * Order within a batch
 * --------------------
 * Even without a cache, packets of a batch that meet different megaflows pass
 * each other, and then a limit or a port of a NAT range may fall to another
 * connection.  So if the sides differ behind a batch of several packets, the
 * run is repeated without the cache, with that batch in other orders on one
 * side.  If that differs too, the difference is one of order: the batch is
 * split from then on.  If not, it is a real one.
 */

/* Random numbers of the test's own. */

struct equiv_rng {
    uint64_t state;
};

static inline uint64_t
equiv_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint64_t
equiv_next(struct equiv_rng *rng)
{
    return equiv_mix(rng->state++);
}

/* 0 to n - 1. */
static inline unsigned int
equiv_below(struct equiv_rng *rng, unsigned int n)
{
    return (equiv_next(rng) >> 32) % n;
}

static inline bool
equiv_percent(struct equiv_rng *rng, unsigned int percent)
{
    return equiv_below(rng, 100) < percent;
}

/* The world that both sides live in (equiv-world.c): clock and chance. */

void equiv_world_init(void);
void equiv_world_begin(uint32_t seed);      /* A run, at 0 ms. */
void equiv_world_set_ms(long long ms);      /* Since the start of a run. */
long long equiv_world_now_ms(void);         /* As time_msec(). */
/* The random number that everybody draws, until it is given back. */
void equiv_world_fix_random(uint32_t);
void equiv_world_free_random(void);

/* Names and addresses that pipelines and traffic share. */

#define EQUIV_N_PORTS 6         /* Numbered from 1. */
#define EQUIV_N_ZONES 5
#define EQUIV_N_TABLES 7
#define EQUIV_N_METERS 3
#define EQUIV_N_VIPS 3
#define EQUIV_TIMEOUT_ZONE 3
#define EQUIV_TIMEOUT_POLICY 7

struct equiv_addr {
    bool ipv6;
    ovs_be32 ip;
    struct in6_addr ip6;
};

/* Host 'host' behind 'port'; behind ports that do not exist are virtual
 * addresses (EQUIV_VIP_PORT) and those of NAT ranges (EQUIV_NAT_PORT). */
#define EQUIV_VIP_PORT 9
#define EQUIV_NAT_PORT 8
struct equiv_addr equiv_host(bool ipv6, unsigned int port, unsigned int host);
uint16_t equiv_service(unsigned int index);     /* A well-known port. */
struct eth_addr equiv_mac(unsigned int port);

/* Pipelines (equiv-pipeline.c, equiv-rules.c, equiv-actions.c). */

enum equiv_act_type {
    EQUIV_OUTPUT,
    EQUIV_CT,
    EQUIV_CT_CLEAR,
    EQUIV_RECIRC,
    EQUIV_HASH,
    EQUIV_SET_ETH,
    EQUIV_SET_IP,               /* Address. */
    EQUIV_SET_TOS,
    EQUIV_DEC_TTL,
    EQUIV_SET_TP,
    EQUIV_PUSH_VLAN,
    EQUIV_POP_VLAN,
    EQUIV_METER,
    EQUIV_CLONE,
    EQUIV_SAMPLE,
    EQUIV_CHECK_LEN,
    EQUIV_TRUNC_OUTPUT,
    EQUIV_USERSPACE,
    EQUIV_DROP
};

enum equiv_nat {
    EQUIV_NAT_NONE,
    EQUIV_NAT_BARE,
    EQUIV_NAT_SRC,
    EQUIV_NAT_DST
};

struct equiv_ct {
    uint16_t zone;
    bool commit, force;
    uint32_t mark, mark_mask;
    ovs_u128 label, label_mask;
    enum equiv_nat nat;
    uint8_t host, n_hosts;      /* Of the range, behind 'nat_at'. */
    uint8_t nat_at;
    uint16_t port_min, port_max;        /* 0: none. */
    uint16_t nat_flag;          /* OVS_NAT_ATTR_PROTO_HASH, ... or 0. */
};

#define EQUIV_MAX_ACTS 8

struct equiv_acts;
struct equiv_act {
    enum equiv_act_type type;
    uint32_t arg;               /* Port, table, meter, length, ... */
    bool second;                /* Destination rather than source. */
    struct equiv_ct ct;
    struct equiv_acts *sub[2];
};

struct equiv_acts {
    unsigned int n;
    struct equiv_act acts[EQUIV_MAX_ACTS];
};

struct equiv_rule {
    struct match match;
    struct equiv_acts acts;
    bool slow;                  /* Its megaflow sends packets up. */
};

#define EQUIV_MAX_RULES 24

struct equiv_table {
    unsigned int n;
    struct equiv_rule rules[EQUIV_MAX_RULES];   /* First match wins. */
};

struct equiv_pipeline {
    unsigned int generation;
    bool wild;                  /* Not like a real one. */
    bool steady;                /* Few things happen. */
    bool plain;                 /* No actions that no program can hold. */
    struct equiv_table tables[EQUIV_N_TABLES];  /* By recirc_id. */
};

struct equiv_pipeline *equiv_pipeline_create(uint64_t seed);
void equiv_pipeline_destroy(struct equiv_pipeline *);
/* Rules come, go and get other actions. */
void equiv_pipeline_change(struct equiv_pipeline *, struct equiv_rng *);

struct equiv_answer {
    struct flow_wildcards wc;   /* Complete: as the megaflow will have it. */
    struct ofpbuf actions;      /* For the packet. */
    struct ofpbuf put_actions;  /* For the megaflow, if others. */
};

/* The answer for packets of 'flow'; equiv_answer_uninit() it. */
void equiv_pipeline_ask(const struct equiv_pipeline *, const struct flow *,
                        struct equiv_answer *);
void equiv_answer_uninit(struct equiv_answer *);

/* Parts of a pipeline: a rule's match, a list's actions. */
void equiv_rule_random_match(struct equiv_rule *, unsigned int table,
                             struct equiv_rng *);
/* Actions in 'table', at random; if 'plain', without those that look at
 * each packet. */
void equiv_acts_random(struct equiv_acts *, unsigned int table, bool plain,
                       struct equiv_rng *);
void equiv_acts_free(struct equiv_acts *);
struct equiv_act *equiv_acts_add(struct equiv_acts *, enum equiv_act_type,
                                 uint32_t arg);
/* What they are for a packet of 'flow', as netlink attributes.  Adds to 'wc'
 * what they depend on. */
void equiv_acts_put(const struct equiv_acts *, const struct flow *flow,
                    struct flow_wildcards *wc, struct ofpbuf *actions);
/* A userspace action that asks for the answer, or just for a look. */
enum equiv_cookie { EQUIV_COOKIE_LOOK, EQUIV_COOKIE_SLOW };
void equiv_put_userspace(enum equiv_cookie, struct ofpbuf *actions);

/* Traffic (equiv-traffic.c, equiv-packet.c). */

struct equiv_item {
    unsigned int number;
    struct dp_packet *packet;
};

struct equiv_batch {
    unsigned int in_port;
    unsigned int n;
    struct equiv_item items[NETDEV_MAX_BURST];
};

struct equiv_traffic;
struct equiv_traffic *equiv_traffic_create(uint64_t seed);
void equiv_traffic_destroy(struct equiv_traffic *);
/* Makes up to 'max' packets, numbered from '*number', which it moves on. */
void equiv_traffic_next(struct equiv_traffic *, unsigned int max,
                        unsigned int *number, struct equiv_batch *);
/* A packet left 'port': its conversation will answer it. */
void equiv_traffic_learn(struct equiv_traffic *, unsigned int port,
                         const void *data, size_t size);

/* A packet that some conversation could send. */
struct dp_packet *equiv_traffic_any(struct equiv_traffic *,
                                    struct equiv_rng *);

/* Each packet ends with a tag, in its payload or behind it. */
struct equiv_tag {
    uint8_t magic;
    uint8_t reverse;
    ovs_be16 conv;
    ovs_be32 serial;
};
BUILD_ASSERT_DECL(sizeof(struct equiv_tag) == 8);
#define EQUIV_TAG_MAGIC 0xe9
/* The conversation of a frame, UINT32_MAX if its tag was cut off. */
bool equiv_tag_get(const void *data, size_t size, struct equiv_tag *);

/* A packet to be. */
struct equiv_frame {
    unsigned int in_port;
    ovs_be16 vlans[2];          /* TCI, or 0. */
    struct equiv_addr src, dst;
    uint8_t proto, ttl, tos;
    uint16_t sport, dport;      /* ICMP: identifier in 'sport'. */
    uint8_t icmp_type, icmp_code;
    uint16_t tcp_flags, window;
    uint32_t seq, ack;
    const void *payload;        /* Or NULL: anything. */
    size_t payload_len;
    bool bad_csum, df;
    struct equiv_tag tag;
};

struct dp_packet *equiv_frame_build(const struct equiv_frame *);
/* Cuts an IPv4 or IPv6 frame in up to 'max' fragments, which replace it. */
unsigned int equiv_fragment(struct dp_packet *, unsigned int max,
                            struct dp_packet *fragments[]);

/* Sides (equiv-side.c, equiv-port.c, equiv-flow.c). */

struct equiv_side;
struct equiv_side *equiv_side_create(int index, bool cache,
                                     unsigned int cache_size,
                                     struct equiv_pipeline *);
void equiv_side_destroy(struct equiv_side *);
struct tw_datapath *equiv_side_dp(struct equiv_side *);
void equiv_side_set_cache(struct equiv_side *, bool cache, unsigned int size);

void equiv_side_add_port(struct equiv_side *, unsigned int port);
void equiv_side_del_port(struct equiv_side *, unsigned int port);
bool equiv_side_has_port(const struct equiv_side *, unsigned int port);

/* Sends copies of 'packets' in. */
void equiv_side_input(struct equiv_side *, unsigned int in_port,
                      struct dp_packet *packets[], unsigned int n);

/* The netdev class whose devices write to the logs of the sides. */
void equiv_port_init(void);

/* What came out since the log was cleared.  Port UINT32_MAX is userspace. */
struct equiv_record {
    uint32_t port;
    uint32_t conv;              /* And direction, in the lowest bit. */
    uint32_t index;             /* Position in the log. */
    size_t size;
    uint8_t *data;
};

struct equiv_log {
    struct equiv_record *records;
    size_t n, allocated;
};

void equiv_log_add(struct equiv_log *, uint32_t port, const void *, size_t);
void equiv_log_clear(struct equiv_log *);
struct equiv_log *equiv_side_log(struct equiv_side *);
struct equiv_log *equiv_port_log(int side);     /* Of equiv-port. */

/* Megaflows, as a revalidator knows them (equiv-flow.c).  Masked fields and
 * mask have a number, the same on both sides. */
struct equiv_flow_stats {
    bool live;
    uint64_t packets, bytes;
    uint16_t tcp_flags;
    long long used;
};

struct equiv_flows;
struct equiv_flows *equiv_flows_create(struct tw_datapath *);
void equiv_flows_destroy(struct equiv_flows *);
void equiv_flows_reset_numbers(void);
unsigned int equiv_flows_count_numbers(void);
void equiv_flows_format_number(unsigned int number, struct ds *);
/* A packet of 'size' went up, and a megaflow may come to be. */
void equiv_flows_upcall(struct equiv_flows *, const struct flow *,
                        const struct flow_wildcards *, const ovs_u128 *ufid,
                        size_t size);
/* By number: 'n' of them. */
struct equiv_flow_stats *equiv_flows_stats(struct equiv_flows *, size_t *n);
void equiv_flows_del(struct equiv_flows *, unsigned int number);
void equiv_flows_flush(struct equiv_flows *);
void equiv_flows_zero(struct equiv_flows *, unsigned int number);
/* Asks anew about each flow: deletes or modifies those whose answer is
 * another. */
void equiv_flows_revalidate(struct equiv_flows *,
                            const struct equiv_pipeline *);
/* Those whose statistics are not as 'before', which has 'n' of them. */
void equiv_flows_format(struct equiv_flows *,
                        const struct equiv_flow_stats *before, size_t n,
                        struct ds *);
struct equiv_flows *equiv_side_flows(struct equiv_side *);

/* Comparing (equiv-compare.c): false, and a report, if the sides differ.
 * Without 'order' only which packets came out counts. */

bool equiv_compare_output(struct equiv_side *[2], bool order,
                          struct ds *report);
bool equiv_compare_counters(struct equiv_side *[2], struct ds *report);
bool equiv_compare_state(struct equiv_side *[2], struct ds *report);

/* Changes (equiv-change.c). */

struct equiv_run;
/* Configures both sides before the first packet. */
void equiv_change_init(struct equiv_run *, struct equiv_rng *);
/* Makes one change, the same to both sides, and describes it in 'what'. */
void equiv_change(struct equiv_run *, struct equiv_rng *, struct ds *what);
/* A batch has passed. */
void equiv_change_after_batch(struct equiv_run *);

/* Runs (equiv-run.c). */

#define EQUIV_SABOTAGES                                                     \
    EQUIV_SABOTAGE(NONE, "none")                                            \
    EQUIV_SABOTAGE(BYTE, "byte")            /* Of a packet sent. */         \
    EQUIV_SABOTAGE(LOSS, "loss")            /* Of a packet sent. */         \
    EQUIV_SABOTAGE(ORDER, "order")          /* Of two sent. */              \
    EQUIV_SABOTAGE(STAT, "stat")            /* Of a megaflow. */            \
    EQUIV_SABOTAGE(USED, "used")            /* Of a megaflow. */            \
    EQUIV_SABOTAGE(FLOW, "flow")            /* Deleted. */                  \
    EQUIV_SABOTAGE(CONN, "conn")            /* Deleted. */                  \
    EQUIV_SABOTAGE(CONN_COUNT, "conn-count")    /* A packet too many. */    \
    EQUIV_SABOTAGE(CONN_MARK, "conn-mark")                                  \
    EQUIV_SABOTAGE(CONN_TIME, "conn-time")      /* Its timeout. */          \
    EQUIV_SABOTAGE(DROP, "drop")            /* Counted. */

enum equiv_sabotage {
#define EQUIV_SABOTAGE(ENUM, NAME) EQUIV_SABOTAGE_##ENUM,
    EQUIV_SABOTAGES
#undef EQUIV_SABOTAGE
    EQUIV_N_SABOTAGES
};

/* State is compared after so many batches. */
#define EQUIV_CHECK_INTERVAL 16

struct equiv_config {
    uint64_t seed;              /* Of the pipeline. */
    unsigned int n_packets;
    unsigned int until;         /* No item from this number on. */
    bool cache;                 /* Of the second side. */
    bool changes;
    bool check_always;          /* State after each batch and change ... */
    int check_from;             /* ... from this batch on. */
    bool verbose;               /* Prints each batch and change. */
    bool split_all;             /* Every batch packet by packet. */
    enum equiv_sabotage sabotage;

    const unsigned long *skip;  /* Items left out, or NULL. */
    size_t n_skip;
    const unsigned long *split; /* Batches sent packet by packet, or NULL. */
    size_t n_split;
    int permute;                /* Batch of the second side, or -1 ... */
    unsigned int permutation;   /* ... and how. */
};

struct equiv_result {
    bool differs;
    int batch;                  /* The last, */
    unsigned int batch_size;    /* its size, */
    unsigned int item;          /* and the item behind it. */
    bool change;                /* The difference is behind a change. */
    uint64_t n_packets, n_batches, n_changes, n_sent, n_up, n_conns, n_flows;
    uint64_t n_hits;            /* Of the cache, if it has one. */
    uint64_t n_joint;           /* Of those, in joints (ct-joint.h). */
    struct ds report;           /* What differs, and behind what. */
};

struct equiv_run {
    const struct equiv_config *config;
    struct equiv_side *sides[2];
    struct equiv_pipeline *pipeline;
    struct equiv_traffic *traffic;
    long long now_ms;
    unsigned int change_percent;
    bool singly;                /* All packets, for which the tracker may be
                                 * full: which connection then gives way comes
                                 * from the order in which all were opened. */
    unsigned int item;          /* The next. */
    int batch;                  /* The last; -1: none. */
    bool gate_closed;
    uint64_t last_hits, last_joint;     /* Of the cache that there is now. */
    bool sabotaged;
    struct ds recent;           /* Last batch or change, readable. */
    struct equiv_flow_stats *before;    /* Megaflows before it. */
    size_t n_before;
    struct equiv_result *result;
};

/* Runs 'config' until the sides differ or all is done. */
void equiv_run(const struct equiv_config *, struct equiv_result *);
void equiv_result_uninit(struct equiv_result *);

/* Makes config->sabotage once, as soon as there is something to make it to:
 * before what came out is compared, and after (equiv-sabotage.c). */
void equiv_sabotage(struct equiv_run *);
const char *equiv_sabotage_name(enum equiv_sabotage);

#endif /* equiv.h */
