/* SPDX-License-Identifier: Apache-2.0 */

/* The dpif provider: "trackway/why", from the words of its command line to a
 * packet to ask about.  What is answered: datapath/tw-why. */

#include <config.h>

#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "csum.h"
#include "ct-segment.h"
#include "ct-why.h"
#include "dp-packet.h"
#include "dpif-tw.h"
#include "flow.h"
#include "netdev.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-port.h"
#include "packets.h"
#include "simap.h"
#include "tw-datapath.h"
#include "tw-port.h"
#include "tw-why.h"
#include "unixctl.h"
#include "util.h"

#define USAGE "[dp] FLOW|PACKET [in_port=PORT] [zone=N] [seq=N] [ack=N] "   \
              "[win=N] [len=N] [id=N]"

/* Numbers, by name. */
#define OPTIONS                         \
    OPTION(ZONE, "zone", UINT16_MAX)    \
    OPTION(SEQ, "seq", UINT32_MAX)      \
    OPTION(ACK, "ack", UINT32_MAX)      \
    OPTION(WIN, "win", UINT16_MAX)      \
    OPTION(LEN, "len", 8192)            \
    OPTION(ID, "id", UINT16_MAX)

enum option {
#define OPTION(ENUM, NAME, MAX) ENUM,
    OPTIONS
#undef OPTION
    N_OPTIONS
};

static const struct {
    const char *name;
    uint32_t max;
} options[N_OPTIONS] = {
#define OPTION(ENUM, NAME, MAX) { NAME, MAX },
    OPTIONS
#undef OPTION
};

/* The words of a command line. */
struct args {
    const char *dp;             /* NULL: the only one. */
    const char *what;           /* Flow or packet. */
    const char *in_port;        /* NULL: as 'what' says. */
    bool given[N_OPTIONS];
    uint32_t values[N_OPTIONS];
    struct ds *reply;
};

static unixctl_cb_func why;
static char *parse_args(int argc, const char *argv[], struct args *);
static char *answer(struct tw_datapath *, void *args);
static char *make_packet(struct tw_datapath *, const struct args *,
                         struct tw_why_ask *);
static char *from_hex(const char *, struct dp_packet **);
static char *from_flow(struct tw_datapath *, const struct args *,
                       struct tw_why_ask *);
static void finish_tcp(const struct args *, const struct flow *,
                       struct tw_why_ask *);
static void finish_icmp(const struct args *, const struct flow *,
                        struct dp_packet *);
static char *find_port(struct tw_datapath *, const char *, odp_port_t *);

void
dpif_tw_unixctl_why_init(void)
{
    unixctl_command_register("trackway/why", USAGE, 1, 2 + N_OPTIONS + 1, why,
                             NULL);
}

static void
why(struct unixctl_conn *conn, int argc, const char *argv[],
    void *aux OVS_UNUSED)
{
    struct ds reply = DS_EMPTY_INITIALIZER;
    struct args args = { .reply = &reply };
    char *error = parse_args(argc, argv, &args);

    if (!error) {
        error = dpif_tw_run_on_one(args.dp, USAGE, answer, &args);
    }
    if (error) {
        unixctl_command_reply_error(conn, error);
    } else {
        unixctl_command_reply(conn, ds_cstr(&reply));
    }
    ds_destroy(&reply);
    free(error);
}

static char *
answer(struct tw_datapath *dp, void *args_)
{
    struct args *args = args_;
    struct tw_why_ask ask = { .packet = NULL, .zone = -1 };
    char *error;

    if (args->given[ZONE]) {
        ask.zone = args->values[ZONE];
    }
    error = make_packet(dp, args, &ask);
    if (!error) {
        tw_why(dp, &ask, args->reply);
    }
    dp_packet_delete(ask.packet);
    return error;
}

/* Words. */

static char *
given_twice(const char *word, const char *name)
{
    return xasprintf("%s: %s is given twice", word, name);
}

/* A number that belongs to 'word', NAME=VALUE.  False: it is another word. */
static bool
parse_option(const char *word, struct args *args, char **error)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        size_t len = strlen(options[i].name);
        unsigned long long value;

        if (strncmp(word, options[i].name, len) || word[len] != '=') {
            continue;
        }
        if (!isdigit((unsigned char) word[len + 1])
            || !str_to_ullong(word + len + 1, 0, &value)
            || value > options[i].max) {
            *error = xasprintf("%s: not a number from 0 to %"PRIu32, word,
                               options[i].max);
        } else if (args->given[i]) {
            *error = given_twice(word, options[i].name);
        }
        args->given[i] = true;
        args->values[i] = *error ? 0 : value;
        return true;
    }
    return false;
}

static bool
is_flow(const char *word)
{
    return strpbrk(word, ",(") != NULL;
}

static bool
is_hex(const char *word)
{
    size_t n = strspn(word, "0123456789abcdefABCDEF");

    return n >= 2 * ETH_HEADER_LEN && !word[n];
}

static char *
parse_args(int argc, const char *argv[], struct args *args)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        char *error = NULL;

        if (is_flow(word) || is_hex(word)) {
            if (args->what) {
                error = xasprintf("%s: one flow or packet at a time", word);
            }
            args->what = word;
        } else if (!strncmp(word, "in_port=", strlen("in_port="))) {
            error = args->in_port ? given_twice(word, "in_port") : NULL;
            args->in_port = word + strlen("in_port=");
        } else if (parse_option(word, args, &error)) {
            /* That is all. */
        } else if (i == 1 && !strchr(word, '=')) {
            args->dp = word;
        } else {
            error = xasprintf("%s: not expected ("USAGE")", word);
        }
        if (error) {
            return error;
        }
    }
    return (args->what ? NULL
            : xstrdup("a flow, such as "
                      "tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1,tp_dst=2, "
                      "or a packet in hexadecimal expected"));
}

/* Packets. */

static char *
make_packet(struct tw_datapath *dp, const struct args *args,
            struct tw_why_ask *ask)
{
    struct flow flow;
    char *error;

    error = (is_flow(args->what) ? from_flow(dp, args, ask)
             : from_hex(args->what, &ask->packet));
    if (!error && args->in_port) {
        error = find_port(dp, args->in_port,
                          &ask->packet->md.in_port.odp_port);
    }
    if (!error) {
        flow_extract(ask->packet, &flow);
    }
    return error;
}

static char *
from_hex(const char *hex, struct dp_packet **packetp)
{
    struct dp_packet *packet = dp_packet_new(strlen(hex) / 2);
    const char *end = dp_packet_put_hex(packet, hex, NULL);

    *packetp = packet;
    pkt_metadata_init(&packet->md, ODPP_NONE);
    return *end ? xasprintf("%s: odd number of digits", hex) : NULL;
}

static char *
find_port(struct tw_datapath *dp, const char *name, odp_port_t *number)
{
    const struct tw_port *port;
    uint32_t n;

    ovs_rwlock_rdlock(&dp->port_rwlock);
    port = (str_to_uint(name, 10, &n) ? tw_port_lookup(dp, u32_to_odp(n))
            : tw_port_find(dp, name));
    if (port) {
        *number = port->number;
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
    return port ? NULL : xasprintf("%s: the datapath has no such port", name);
}

/* In the syntax of datapath flows. */
static char *
parse_odp_flow(struct tw_datapath *dp, const char *text, struct flow *flow)
{
    struct simap names = SIMAP_INITIALIZER(&names);
    struct ofpbuf key, mask;
    const struct tw_port *port;
    char *error = NULL;

    ovs_rwlock_rdlock(&dp->port_rwlock);
    HMAP_FOR_EACH (port, node, &dp->ports) {
        simap_put(&names, netdev_get_name(port->netdev),
                  odp_to_u32(port->number));
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
    ofpbuf_init(&key, 0);
    ofpbuf_init(&mask, 0);
    if (odp_flow_from_string(text, &names, &key, &mask, &error)) {
        if (!error) {
            error = xasprintf("%s: not a datapath flow", text);
        }
    } else if (odp_flow_key_to_flow(key.data, key.size, flow, &error)
               && !error) {
        error = xasprintf("%s: no packet has this key", text);
    }
    ofpbuf_uninit(&key);
    ofpbuf_uninit(&mask);
    simap_destroy(&names);
    return error;
}

/* OVS's old names of the ports are, in an exact flow, TCP's alone: with "udp"
 * those of UDP are meant.  The caller frees what is returned. */
static char *
name_udp_ports(const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *copy = xstrdup(text), *save = NULL;
    bool udp = false;

    for (char *word = strtok_r(copy, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        udp |= !strcmp(word, "udp") || !strcmp(word, "udp6");
        if (ds.length) {
            ds_put_char(&ds, ',');
        }
        if (udp && !strncmp(word, "tp_", strlen("tp_"))) {
            ds_put_format(&ds, "udp_%s", word + strlen("tp_"));
        } else {
            ds_put_cstr(&ds, word);
        }
    }
    free(copy);
    return ds_steal_cstr(&ds);
}

/* In that of ofproto/trace; ports are the datapath's. */
static char *
parse_ofp_flow(struct tw_datapath *dp, const char *text, struct flow *flow)
{
    struct ofputil_port_map names;
    const struct tw_port *port;
    char *copy = name_udp_ports(text);
    char *error;

    ofputil_port_map_init(&names);
    ovs_rwlock_rdlock(&dp->port_rwlock);
    HMAP_FOR_EACH (port, node, &dp->ports) {
        if (odp_to_u32(port->number) < ofp_to_u16(OFPP_MAX)) {
            ofputil_port_map_put(&names,
                                 u16_to_ofp(odp_to_u32(port->number)),
                                 netdev_get_name(port->netdev));
        }
    }
    ovs_rwlock_unlock(&dp->port_rwlock);
    error = parse_ofp_exact_flow(flow, NULL, NULL, copy, &names);
    free(copy);
    if (!error) {
        ofp_port_t in_port = flow->in_port.ofp_port;

        flow->in_port.odp_port = (in_port == OFPP_NONE ? ODPP_NONE
                                  : u32_to_odp(ofp_to_u16(in_port)));
    }
    ofputil_port_map_destroy(&names);
    return error;
}

static char *
from_flow(struct tw_datapath *dp, const struct args *args,
          struct tw_why_ask *ask)
{
    struct flow flow;
    char *error = (strchr(args->what, '(')
                   ? parse_odp_flow(dp, args->what, &flow)
                   : parse_ofp_flow(dp, args->what, &flow));

    if (error) {
        return error;
    }
    if (flow.nw_proto == IPPROTO_SCTP || flow.nw_proto == IPPROTO_GRE) {
        return xstrdup("a flow does not say enough of SCTP and GRE: give the "
                       "packet in hexadecimal");
    }
    if (!flow.nw_ttl) {
        flow.nw_ttl = 64;
    }
    ask->packet = dp_packet_new(0);
    flow_compose(ask->packet, &flow, NULL,
                 args->given[LEN] ? args->values[LEN] : 0);
    pkt_metadata_from_flow(&ask->packet->md, &flow);
    if (!is_ip_any(&flow)) {
        return NULL;
    }
    finish_tcp(args, &flow, ask);
    finish_icmp(args, &flow, ask->packet);
    return NULL;
}

/* What a flow does not say of a segment. */
static void
finish_tcp(const struct args *args, const struct flow *flow,
           struct tw_why_ask *ask)
{
    struct ct_segment segment;

    if (flow->nw_proto != IPPROTO_TCP
        || !ct_segment_get(ask->packet, &segment)) {
        return;
    }
    segment.seq = args->values[SEQ];
    segment.ack = args->values[ACK];
    segment.win = args->given[WIN] ? args->values[WIN] : UINT16_MAX;
    ct_segment_put(ask->packet, &segment);
    ask->open = ((flow->tcp_flags ? 0 : CT_WHY_OPEN_FLAGS)
                 | (args->given[SEQ] ? 0 : CT_WHY_OPEN_SEQ)
                 | (args->given[ACK] ? 0 : CT_WHY_OPEN_ACK));
}

/* The identifier of a query. */
static void
finish_icmp(const struct args *args, const struct flow *flow,
            struct dp_packet *packet)
{
    struct icmp_header *icmp = dp_packet_l4(packet);
    size_t len = dp_packet_l4_size(packet);

    if (!args->given[ID] || !icmp || len < ICMP_HEADER_LEN
        || (flow->nw_proto != IPPROTO_ICMP
            && flow->nw_proto != IPPROTO_ICMPV6)) {
        return;
    }
    /* It has the same place in both. */
    icmp->icmp_fields.echo.id = htons(args->values[ID]);
    icmp->icmp_csum = 0;
    icmp->icmp_csum
        = (flow->nw_proto == IPPROTO_ICMPV6
           ? csum_finish(csum_continue(
                 packet_csum_pseudoheader6(dp_packet_l3(packet)), icmp, len))
           : csum(icmp, len));
}
