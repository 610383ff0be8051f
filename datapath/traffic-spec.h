/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_SPEC_H
#define TRAFFIC_SPEC_H 1

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "openvswitch/types.h"

struct smap;

/* What an administrator asks of a traffic device.
 * ================================================
 *
 * What
 * ----
 * The options of an Interface of type "traffic", decoded and checked.  Which
 * there are, and what they mean, is in Documentation/traffic.rst.
 *
 * Promises
 * --------
 * A spec that traffic_spec_parse() accepts can be carried out: its ranges hold
 * its connections and its frames have room for their headers.  (Whether there
 * is such a pcap file, it does not know.)
 *
 * Threads: none, pure.  Ownership: traffic_spec_destroy() frees strings. */

/* X(ENUMERATOR, NAME) */
#define TRAFFIC_ROLES                           \
    X(TRAFFIC_ROLE_CLIENT, "client")            \
    X(TRAFFIC_ROLE_SERVER, "server")            \
    X(TRAFFIC_ROLE_SINK, "sink")

#define TRAFFIC_PROTOCOLS                       \
    X(TRAFFIC_TCP, "tcp")                       \
    X(TRAFFIC_UDP, "udp")                       \
    X(TRAFFIC_ICMP, "icmp")

#define TRAFFIC_PATTERNS                        \
    X(TRAFFIC_ESTABLISHED, "established")       \
    X(TRAFFIC_OPEN, "open")                     \
    X(TRAFFIC_LIVES, "lives")                   \
    X(TRAFFIC_SYN_FLOOD, "syn-flood")           \
    X(TRAFFIC_ATTACK, "attack")                 \
    X(TRAFFIC_MIX, "mix")

#define TRAFFIC_PICKS                           \
    X(TRAFFIC_UNIFORM, "uniform")               \
    X(TRAFFIC_SEQUENTIAL, "sequential")         \
    X(TRAFFIC_ZIPF, "zipf")

#define X(ENUM, NAME) ENUM,
enum traffic_role { TRAFFIC_ROLES };
enum traffic_protocol { TRAFFIC_PROTOCOLS };
enum traffic_pattern { TRAFFIC_PATTERNS };
enum traffic_pick_kind { TRAFFIC_PICKS };
#undef X

#define TRAFFIC_MAX_CONNECTIONS 8388608
#define TRAFFIC_MAX_QUEUES 64

/* Addresses that agree in all but the last 'host_bits', at most 32.  IPv4
 * addresses are in v4-mapped form. */
struct traffic_addresses {
    struct in6_addr base;       /* Host bits are 0. */
    unsigned int host_bits;
};

struct traffic_ports {
    uint16_t first;
    uint32_t n;                 /* 0: none given. */
};

struct traffic_spec {
    enum traffic_role role;
    char *peer;                 /* Of a server, else null. */
    unsigned int n_rxq;
    bool start;                 /* Once created. */
    bool checks;                /* Verify checksums of what is delivered. */
    bool rss;                   /* Give packets a hash. */

    /* Of a client: who talks. */
    uint32_t connections;
    bool ipv6;
    enum traffic_protocol protocol;
    struct traffic_addresses clients, servers;
    struct traffic_ports client_ports, server_ports;

    /* Of a client: what the frames look like. */
    struct eth_addr eth_src, eth_dst;
    int vlan;                   /* -1: no tag. */
    unsigned int size;          /* With frame check sequence. */

    /* Of a client: when what is sent. */
    enum traffic_pattern pattern;
    enum traffic_pick_kind pick;
    double zipf;
    uint64_t new_rate;          /* Per second. */
    uint64_t rate;              /* Per second, 0: as fast as polled. */
    uint64_t count;             /* 0: no end. */
    uint64_t seed;
    char *pcap;                 /* Null: made, not replayed. */
    bool loop;
};

/* Decodes the options of the device 'name' into '*spec'.  On error returns
 * EINVAL, stores in '*errp' what is wrong, and '*spec' is destroyed. */
int traffic_spec_parse(const char *name, const struct smap *options,
                       struct traffic_spec *spec, char **errp);
void traffic_spec_clone(struct traffic_spec *, const struct traffic_spec *);
void traffic_spec_destroy(struct traffic_spec *);

/* The reverse of traffic_spec_parse(), with defaults. */
void traffic_spec_format(const struct traffic_spec *, struct smap *options);

bool traffic_spec_equal(const struct traffic_spec *,
                        const struct traffic_spec *);
/* True if connections that were opened as 'a' asks are also what 'b' asks: the
 * same numbers, tuples and frames, and followed in the same way. */
bool traffic_spec_same_connections(const struct traffic_spec *a,
                                   const struct traffic_spec *b);

/* Bytes in front of the IP header, of all headers, and of the smallest frame
 * (without frame check sequence) of 'spec'. */
unsigned int traffic_spec_l2_len(const struct traffic_spec *);
unsigned int traffic_spec_headers_len(const struct traffic_spec *);
unsigned int traffic_spec_min_frame(const struct traffic_spec *);

#endif /* traffic-spec.h */
