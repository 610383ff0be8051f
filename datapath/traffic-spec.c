/* SPDX-License-Identifier: Apache-2.0 */

/* Beside the way of a packet: options of a traffic device.  Called by
 * netdev-traffic when the database changes. */

#include <config.h>

#include "traffic-spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "smap.h"
#include "traffic-tuple.h"
#include "util.h"

#define ETH_FCS_LEN 4
#define MAX_SIZE 1518

/* In UDP and ICMP: the word that says whose packet it is, and a magic. */
#define MARK_LEN 8

static const char *const role_names[] = {
#define X(ENUM, NAME) [ENUM] = NAME,
    TRAFFIC_ROLES NULL
};
static const char *const protocol_names[] = { TRAFFIC_PROTOCOLS NULL };
static const char *const pattern_names[] = { TRAFFIC_PATTERNS NULL };
static const char *const pick_names[] = {
    TRAFFIC_PICKS NULL
#undef X
};

/* Options -------------------------------------------------------------------
 *
 * Each returns null if 'value' is good, else what it should have been. */

static const char *
parse_name(const char *value, const char *const names[], unsigned int *index)
{
    for (*index = 0; names[*index]; ++*index) {
        if (!strcmp(value, names[*index])) {
            return NULL;
        }
    }
    return "is none of its values";
}

static const char *
parse_number(const char *value, uint64_t min, uint64_t max, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(value, &end, 10);
    return (errno || end == value || *end || *value == '-'
            || *number < min || *number > max) ? "is out of range" : NULL;
}

static const char *
parse_bool(const char *value, bool *b)
{
    *b = !strcmp(value, "true");
    return *b || !strcmp(value, "false") ? NULL : "is neither true nor false";
}

static const char *
parse_addresses(const char *value, struct traffic_addresses *addresses)
{
    unsigned int len, bits = 128;
    struct in6_addr mask;
    ovs_be32 ip;
    char *error;

    error = ip_parse_cidr(value, &ip, &len);
    if (!error) {
        in6_addr_set_mapped_ipv4(&addresses->base, ip);
        bits = 32;
    } else {
        free(error);
        error = ipv6_parse_cidr(value, &addresses->base, &len);
    }
    if (error) {
        free(error);
        return "is not ADDRESS/LENGTH";
    }
    mask = ipv6_create_mask(128 - bits + len);
    addresses->base = ipv6_addr_bitand(&addresses->base, &mask);
    addresses->host_bits = MIN(bits - len, 32);
    /* The default is in its place. */
    return (!ipv6_addr_is_set(&addresses->base)
            ? "begins with the unspecified address" : NULL);
}

static const char *
parse_ports(const char *value, struct traffic_ports *ports)
{
    unsigned int first, last;
    int n = 0;

    if (!ovs_scan(value, "%u-%u%n", &first, &last, &n) || value[n]
        || first > last || last > UINT16_MAX) {
        return "is not FIRST-LAST";
    }
    ports->first = first;
    ports->n = last - first + 1;
    return NULL;
}

static const char *
parse_mac(const char *value, struct eth_addr *mac)
{
    return (!eth_addr_from_string(value, mac) || eth_addr_is_zero(*mac)
            || eth_addr_is_multicast(*mac)
            ? "is not the address of a host" : NULL);
}

static const char *
parse_pick(const char *value, struct traffic_spec *spec)
{
    static const char exponent[] = "zipf:";
    const char *why = NULL;
    unsigned int kind;

    if (!strncmp(value, exponent, strlen(exponent))) {
        value += strlen(exponent);
        kind = TRAFFIC_ZIPF;
        if (!str_to_double(value, &spec->zipf)
            || !(spec->zipf > 0 && spec->zipf <= 10)) {
            return "has an exponent that is not above 0 and at most 10";
        }
    } else {
        why = parse_name(value, pick_names, &kind);
    }
    spec->pick = kind;
    return why;
}

/* What set_option() parses into before it is assigned. */
struct parsed {
    uint64_t number;
    unsigned int index;
};

/* Assigns PARSED to MEMBER if WHY, the result of parsing, is null. */
#define ASSIGN(WHY, MEMBER, PARSED) \
    ((why = (WHY)) ? why : ((MEMBER) = (PARSED), NULL))

static const char *
set_common_option(struct traffic_spec *spec, const char *key,
                  const char *value)
{
    struct parsed p = { 0 };
    const char *why;

    if (!strcmp(key, "role")) {
        return ASSIGN(parse_name(value, role_names, &p.index),
                      spec->role, p.index);
    } else if (!strcmp(key, "n_rxq")) {
        return ASSIGN(parse_number(value, 1, TRAFFIC_MAX_QUEUES, &p.number),
                      spec->n_rxq, p.number);
    } else if (!strcmp(key, "start")) {
        return parse_bool(value, &spec->start);
    } else if (!strcmp(key, "checks")) {
        return parse_bool(value, &spec->checks);
    }
    return "is no option of this role";
}

static const char *
set_server_option(struct traffic_spec *spec, const char *key,
                  const char *value)
{
    if (!strcmp(key, "peer")) {
        free(spec->peer);
        spec->peer = xstrdup(value);
        return value[0] ? NULL : "is empty";
    }
    return set_common_option(spec, key, value);
}

static const char *
set_talk_option(struct traffic_spec *spec, const char *key, const char *value)
{
    struct parsed p = { 0 };
    const char *why;

    if (!strcmp(key, "pattern")) {
        return ASSIGN(parse_name(value, pattern_names, &p.index),
                      spec->pattern, p.index);
    } else if (!strcmp(key, "pick")) {
        return parse_pick(value, spec);
    } else if (!strcmp(key, "new-rate")) {
        return parse_number(value, 1, UINT32_MAX, &spec->new_rate);
    } else if (!strcmp(key, "rate")) {
        return parse_number(value, 0, UINT32_MAX, &spec->rate);
    } else if (!strcmp(key, "count")) {
        return parse_number(value, 0, UINT64_MAX, &spec->count);
    } else if (!strcmp(key, "seed")) {
        return parse_number(value, 0, UINT64_MAX, &spec->seed);
    } else if (!strcmp(key, "loop")) {
        return parse_bool(value, &spec->loop);
    } else if (!strcmp(key, "rss")) {
        return parse_bool(value, &spec->rss);
    } else if (!strcmp(key, "pcap")) {
        free(spec->pcap);
        spec->pcap = xstrdup(value);
        return value[0] ? NULL : "is empty";
    }
    return set_common_option(spec, key, value);
}

static const char *
set_client_option(struct traffic_spec *spec, const char *key,
                  const char *value)
{
    struct parsed p = { 0 };
    const char *why;

    if (!strcmp(key, "connections")) {
        return ASSIGN(parse_number(value, 1, TRAFFIC_MAX_CONNECTIONS,
                                   &p.number), spec->connections, p.number);
    } else if (!strcmp(key, "family")) {
        spec->ipv6 = !strcmp(value, "ipv6");
        return (spec->ipv6 || !strcmp(value, "ipv4")
                ? NULL : "is neither ipv4 nor ipv6");
    } else if (!strcmp(key, "protocol")) {
        return ASSIGN(parse_name(value, protocol_names, &p.index),
                      spec->protocol, p.index);
    } else if (!strcmp(key, "clients")) {
        return parse_addresses(value, &spec->clients);
    } else if (!strcmp(key, "servers")) {
        return parse_addresses(value, &spec->servers);
    } else if (!strcmp(key, "client-ports")) {
        return parse_ports(value, &spec->client_ports);
    } else if (!strcmp(key, "server-ports")) {
        return parse_ports(value, &spec->server_ports);
    } else if (!strcmp(key, "eth-src")) {
        return parse_mac(value, &spec->eth_src);
    } else if (!strcmp(key, "eth-dst")) {
        return parse_mac(value, &spec->eth_dst);
    } else if (!strcmp(key, "vlan")) {
        return ASSIGN(parse_number(value, 0, 4095, &p.number),
                      spec->vlan, p.number);
    } else if (!strcmp(key, "size")) {
        return ASSIGN(parse_number(value, 64, MAX_SIZE, &p.number),
                      spec->size, p.number);
    }
    return set_talk_option(spec, key, value);
}

static const char *
set_option(struct traffic_spec *spec, const char *key, const char *value)
{
    return (spec->role == TRAFFIC_ROLE_CLIENT
            ? set_client_option(spec, key, value)
            : spec->role == TRAFFIC_ROLE_SERVER
            ? set_server_option(spec, key, value)
            : set_common_option(spec, key, value));
}

/* Defaults and checks ----------------------------------------------------- */

static void
spec_init(struct traffic_spec *spec)
{
    *spec = (struct traffic_spec) {
        .role = TRAFFIC_ROLE_CLIENT,
        .n_rxq = 1,
        .start = true,
        .connections = 1000,
        .vlan = -1,
        .zipf = 1.0,
        .new_rate = 1000,
        .seed = 1,
        .loop = true,
    };
}

static void
default_addresses(struct traffic_addresses *addresses, const char *value)
{
    if (ipv6_addr_equals(&addresses->base, &in6addr_any)) {
        parse_addresses(value, addresses);
    }
}

static void
default_ports(struct traffic_ports *ports, const char *value)
{
    if (!ports->n) {
        parse_ports(value, ports);
    }
}

/* A host of its own for each device and side. */
static void
default_mac(struct eth_addr *mac, const char *name, uint8_t last)
{
    if (eth_addr_is_zero(*mac)) {
        uint32_t hash = hash_string(name, 0);

        *mac = (struct eth_addr) {
            .ea = { 0x02, hash >> 24, hash >> 16, hash >> 8, hash, last }
        };
    }
}

static void
set_defaults(const char *name, struct traffic_spec *spec)
{
    bool attack = spec->pattern == TRAFFIC_ATTACK;

    if (spec->ipv6) {
        default_addresses(&spec->clients, "fd00:1::/64");
        default_addresses(&spec->servers,
                          attack ? "fd00:2::/64" : "fd00:2::1/128");
    } else {
        default_addresses(&spec->clients, "10.0.0.0/8");
        default_addresses(&spec->servers,
                          attack ? "192.0.0.0/8" : "192.168.0.1/32");
    }
    default_ports(&spec->client_ports, "1024-65535");
    default_ports(&spec->server_ports, "80-80");
    default_mac(&spec->eth_src, name, 1);
    default_mac(&spec->eth_dst, name, 2);
    if (!spec->size) {
        spec->size = MAX(64, traffic_spec_min_frame(spec) + ETH_FCS_LEN);
    }
}

static bool
has_family(const struct traffic_addresses *addresses, bool ipv6)
{
    return IN6_IS_ADDR_V4MAPPED(&addresses->base) == !ipv6;
}

/* Returns what is wrong with the spec as a whole, or null. */
static char *
check_client(const struct traffic_spec *spec)
{
    struct traffic_tuples tuples;
    unsigned int needed = traffic_spec_min_frame(spec) + ETH_FCS_LEN;

    if (!has_family(&spec->clients, spec->ipv6)
        || !has_family(&spec->servers, spec->ipv6)) {
        return xstrdup("clients or servers are not of the family");
    }
    if (spec->size < needed) {
        return xasprintf("size=%u is less than headers need, %u",
                         spec->size, needed);
    }
    if (spec->pattern == TRAFFIC_SYN_FLOOD && spec->protocol != TRAFFIC_TCP) {
        return xstrdup("pattern=syn-flood needs protocol=tcp");
    }
    if (spec->pattern == TRAFFIC_ATTACK && spec->protocol == TRAFFIC_ICMP) {
        return xstrdup("pattern=attack needs a protocol with ports");
    }
    if (spec->pattern == TRAFFIC_ATTACK
        && spec->servers.host_bits < spec->clients.host_bits) {
        return xstrdup("pattern=attack needs as many servers as clients");
    }
    traffic_tuples_init(&tuples, spec);
    if (tuples.capacity < spec->connections
                          + (spec->pattern == TRAFFIC_MIX)) {
        return xasprintf("the ranges hold %"PRIu64" connections, not %"PRIu32,
                         tuples.capacity, spec->connections);
    }
    return NULL;
}

static char *
parse_options(const struct smap *options, struct traffic_spec *spec)
{
    const char *role = smap_get(options, "role");
    const char *why;

    if (role && (why = set_common_option(spec, "role", role))) {
        return xasprintf("options:role=%s %s", role, why);
    }
    struct smap_node *node;
    SMAP_FOR_EACH (node, options) {
        why = set_option(spec, node->key, node->value);
        if (why) {
            return xasprintf("options:%s=%s %s", node->key, node->value, why);
        }
    }
    return NULL;
}

int
traffic_spec_parse(const char *name, const struct smap *options,
                   struct traffic_spec *spec, char **errp)
{
    char *error;

    spec_init(spec);
    error = parse_options(options, spec);
    if (!error && spec->role == TRAFFIC_ROLE_CLIENT) {
        set_defaults(name, spec);
        error = check_client(spec);
    }
    if (!error && spec->role == TRAFFIC_ROLE_SERVER && !spec->peer) {
        error = xstrdup("a server needs options:peer");
    }
    if (error) {
        *errp = xasprintf("%s: %s", name, error);
        free(error);
        traffic_spec_destroy(spec);
        return EINVAL;
    }
    return 0;
}

void
traffic_spec_clone(struct traffic_spec *dst, const struct traffic_spec *src)
{
    *dst = *src;
    dst->peer = nullable_xstrdup(src->peer);
    dst->pcap = nullable_xstrdup(src->pcap);
}

void
traffic_spec_destroy(struct traffic_spec *spec)
{
    free(spec->peer);
    free(spec->pcap);
    spec->peer = spec->pcap = NULL;
}

/* Formatting -------------------------------------------------------------- */

static void
format_addresses(struct smap *options, const char *key,
                 const struct traffic_addresses *addresses)
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(&addresses->base);
    char s[INET6_ADDRSTRLEN];

    if (v4) {
        /* 0.0.0.0 too, which ipv6_string_mapped() takes for no IPv4. */
        inet_ntop(AF_INET, &addresses->base.s6_addr[12], s, sizeof s);
    } else {
        inet_ntop(AF_INET6, &addresses->base, s, sizeof s);
    }
    smap_add_format(options, key, "%s/%u", s,
                    (v4 ? 32 : 128) - addresses->host_bits);
}

static void
format_ports(struct smap *options, const char *key,
             const struct traffic_ports *ports)
{
    smap_add_format(options, key, "%u-%u", ports->first,
                    ports->first + ports->n - 1);
}

static void
format_talk(const struct traffic_spec *spec, struct smap *options)
{
    smap_add(options, "pattern", pattern_names[spec->pattern]);
    if (spec->pick == TRAFFIC_ZIPF) {
        smap_add_format(options, "pick", "zipf:%g", spec->zipf);
    } else {
        smap_add(options, "pick", pick_names[spec->pick]);
    }
    if (spec->pattern == TRAFFIC_MIX) {
        smap_add_format(options, "new-rate", "%"PRIu64, spec->new_rate);
    }
    smap_add_format(options, "seed", "%"PRIu64, spec->seed);
    smap_add(options, "rss", spec->rss ? "true" : "false");
}

static void
format_client(const struct traffic_spec *spec, struct smap *options)
{
    smap_add_format(options, "connections", "%"PRIu32, spec->connections);
    smap_add(options, "family", spec->ipv6 ? "ipv6" : "ipv4");
    smap_add(options, "protocol", protocol_names[spec->protocol]);
    format_addresses(options, "clients", &spec->clients);
    format_addresses(options, "servers", &spec->servers);
    format_ports(options, "client-ports", &spec->client_ports);
    format_ports(options, "server-ports", &spec->server_ports);
    smap_add_format(options, "eth-src", ETH_ADDR_FMT,
                    ETH_ADDR_ARGS(spec->eth_src));
    smap_add_format(options, "eth-dst", ETH_ADDR_FMT,
                    ETH_ADDR_ARGS(spec->eth_dst));
    if (spec->vlan >= 0) {
        smap_add_format(options, "vlan", "%d", spec->vlan);
    }
    smap_add_format(options, "size", "%u", spec->size);
    format_talk(spec, options);
}

void
traffic_spec_format(const struct traffic_spec *spec, struct smap *options)
{
    smap_add(options, "role", role_names[spec->role]);
    smap_add_format(options, "n_rxq", "%u", spec->n_rxq);
    smap_add(options, "checks", spec->checks ? "true" : "false");
    if (spec->role == TRAFFIC_ROLE_SERVER) {
        smap_add(options, "peer", spec->peer);
    } else if (spec->role == TRAFFIC_ROLE_CLIENT) {
        smap_add_format(options, "rate", "%"PRIu64, spec->rate);
        smap_add_format(options, "count", "%"PRIu64, spec->count);
        if (spec->pcap) {
            smap_add(options, "pcap", spec->pcap);
            smap_add(options, "loop", spec->loop ? "true" : "false");
        } else {
            format_client(spec, options);
        }
    }
}

/* Comparing --------------------------------------------------------------- */

bool
traffic_spec_equal(const struct traffic_spec *a, const struct traffic_spec *b)
{
    struct smap a_options = SMAP_INITIALIZER(&a_options);
    struct smap b_options = SMAP_INITIALIZER(&b_options);
    bool equal;

    traffic_spec_format(a, &a_options);
    traffic_spec_format(b, &b_options);
    equal = smap_equal(&a_options, &b_options);
    smap_destroy(&a_options);
    smap_destroy(&b_options);
    return equal;
}

static bool
addresses_equal(const struct traffic_addresses *a,
                const struct traffic_addresses *b)
{
    return (a->host_bits == b->host_bits
            && ipv6_addr_equals(&a->base, &b->base));
}

static bool
ports_equal(const struct traffic_ports *a, const struct traffic_ports *b)
{
    return a->first == b->first && a->n == b->n;
}

/* 'open' goes over into 'established' when the option changes. */
static enum traffic_pattern
opening_of(enum traffic_pattern pattern)
{
    return pattern == TRAFFIC_OPEN ? TRAFFIC_ESTABLISHED : pattern;
}

bool
traffic_spec_same_connections(const struct traffic_spec *a,
                              const struct traffic_spec *b)
{
    return (a->connections == b->connections
            && a->ipv6 == b->ipv6
            && a->protocol == b->protocol
            && opening_of(a->pattern) == opening_of(b->pattern)
            && addresses_equal(&a->clients, &b->clients)
            && addresses_equal(&a->servers, &b->servers)
            && ports_equal(&a->client_ports, &b->client_ports)
            && ports_equal(&a->server_ports, &b->server_ports)
            && nullable_string_is_equal(a->pcap, b->pcap));
}

unsigned int
traffic_spec_l2_len(const struct traffic_spec *spec)
{
    return ETH_HEADER_LEN + (spec->vlan >= 0 ? VLAN_HEADER_LEN : 0);
}

unsigned int
traffic_spec_headers_len(const struct traffic_spec *spec)
{
    return (traffic_spec_l2_len(spec)
            + (spec->ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN)
            + (spec->protocol == TRAFFIC_TCP ? TCP_HEADER_LEN
               : UDP_HEADER_LEN));
}

unsigned int
traffic_spec_min_frame(const struct traffic_spec *spec)
{
    return (traffic_spec_headers_len(spec)
            + (spec->protocol == TRAFFIC_TCP ? 0 : MARK_LEN));
}
