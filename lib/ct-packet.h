/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_PACKET_H
#define CT_PACKET_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-conn.h"
#include "ct-counters.h"
#include "ct-request.h"
#include "ct-tuple.h"

struct ct;
struct ct_bucket;
struct ct_expectation;
struct ct_l4;
struct ct_zone;
struct dp_packet;

/* The context of one packet on its way through one ct().
 * ======================================================
 *
 * Parsed once by ct_packet_parse(); the steps behind it read it and add what
 * they find.  Lives on the stack of ct_execute(). */

struct ct_tcp_segment {
    uint32_t seq, ack;          /* Host byte order. */
    uint32_t end;               /* seq + data + SYN + FIN. */
    uint16_t win;               /* Unscaled. */
    uint8_t flags;              /* Low 8 bits of the TCP flags. */
    uint8_t index;              /* Class of 'flags' (ct-l4-tcp.h). */
    bool plain;                 /* No selective acknowledgment. */
    bool ordinary;              /* That, and the flags are those of an ACK. */
};

struct ct_packet {
    /* Given. */
    struct dp_packet *packet;
    struct ct *ct;
    const struct ct_request *request;
    struct ct_zone *zone;       /* NULL: no connection in it ever was. */
    long long now;
    ovs_be16 dl_type;

    /* From the headers. */
    struct ct_tuple tuple;      /* As the packet came. */
    struct ct_key key;          /* Of 'tuple'. */
    struct ct_key inverse;      /* Of its inverse. */
    uint64_t hash;              /* Of both. */
    const struct ct_l4 *l4;
    uint8_t *l3_header;
    uint8_t *l4_header;
    uint32_t l4_len;            /* By the IP header: without padding. */
    uint32_t ip_len;            /* What counters add. */
    bool is_icmp_error;         /* 'tuple' is the inner packet's inverse: the
                                 * direction the error itself goes. */
    bool mangled;               /* A helper has changed the payload.  Not set
                                 * by ct_track_begin(), behind which there are
                                 * none. */
    uint8_t *inner_l3;          /* Errors: the packet it is about. */
    struct ct_tcp_segment tcp;  /* Only for TCP. */

    /* On the way to its connection: ct-table-batch.h. */
    const struct ct_bucket *bucket;     /* NULL: none. */
    uint64_t candidate;                 /* 0: none. */

    /* Found. */
    struct ct_conn *conn;       /* NULL while there is none. */
    enum ct_dir dir;
    bool parsed;                /* The headers have been read ... */
    bool valid;                 /* ... and are sound. */
    bool keyed;                 /* 'key', 'inverse', 'hash' are made. */
    bool seen;                  /* The metadata is this zone's already. */
    bool cached;                /* Was here before: do not update again. */
    bool found;                 /* It was of a connection that is known. */
    bool helper_added;          /* Which has got a helper just now. */
    uint8_t ct_state;           /* CS_* to leave in the metadata. */
    enum ct_timeout timeout;    /* Set by ct_l4's update: which applies. */

    /* Of one that no connection knows (ct-expect.h): who has announced it,
     * and, while it is committed, how. */
    struct ct_conn *parent;                 /* NULL: nobody. */
    struct ct_expectation *expected;        /* NULL: not. */
};

/* What a step says of a packet. */
enum ct_verdict {
    CT_VERDICT_ACCEPT,
    CT_VERDICT_INVALID,         /* +inv: counted by who says it. */
    CT_VERDICT_RESTART,         /* The connection is over, and this packet
                                 * opens another in its place. */
    CT_VERDICT_DELETE           /* Accept, and the connection ends now. */
};

/* How a cached connection is known
 * ---------------------------------
 * ct_execute() leaves the connection, its direction and whether the packet is
 * an ICMP error about it in the packet's metadata (conn, reply,
 * icmp_related).  They hold for the same packet in the same zone, until a
 * header is changed (OVS's packet functions forget 'conn' then) or ct_clear.
 * Who keeps a packet over a quiescent state should forget 'conn'; if not, the
 * original tuple beside it tells whether its memory still is what it was.
 *
 * A packet may come back without it, after an upcall, but with ct_state and
 * original tuple.  If the connection that is found has that original tuple,
 * the packet has been counted in it already. */

/* Fills in what the headers tell, bounds-checked, checksums verified where
 * the device has not.  False: invalid, and counted. */
bool ct_packet_parse(struct ct_packet *, ovs_be16 dl_type);

/* The same without keys and hash, for who knows the connection already. */
bool ct_packet_parse_headers(struct ct_packet *, ovs_be16 dl_type);

#endif /* ct-packet.h */
