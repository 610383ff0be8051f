/* SPDX-License-Identifier: Apache-2.0 */

/* IPFIX: writes messages of at most MAX bytes into FILE, and on standard
 * output what they should say, for tests/ipfix.py, which reads them.
 *
 * usage: test-ct-ipfix FILE MAX */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct-dpif.h"
#include "ct-ipfix.h"
#include "ct-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "random.h"
#include "util.h"

#define DOMAIN 0xfedcba98
#define EXPORT_TIME 1700000000
#define N_EVENTS 3000

static void
random_tuple(uint8_t proto, bool v6, struct ct_dpif_tuple *t)
{
    memset(t, 0, sizeof *t);
    t->l3_type = v6 ? AF_INET6 : AF_INET;
    t->ip_proto = proto;
    random_bytes(&t->src, v6 ? 16 : 4);
    random_bytes(&t->dst, v6 ? 16 : 4);
    random_bytes(&t->src_port, sizeof t->src_port);
    random_bytes(&t->dst_port, sizeof t->dst_port);
}

static void
random_entry(bool v6, bool nat, struct ct_dpif_entry *e)
{
    const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
        IPPROTO_GRE,
    };
    uint8_t proto = protos[random_range(ARRAY_SIZE(protos))];
    uint32_t stop = random_uint32();

    memset(e, 0, sizeof *e);
    random_tuple(proto, v6, &e->tuple_orig);
    random_tuple(proto, v6, &e->tuple_reply);
    e->id = random_uint32();
    e->zone = random_uint16();
    e->counters_orig.packets = random_uint64();
    e->counters_orig.bytes = random_uint64();
    e->counters_reply.packets = random_uint64();
    e->counters_reply.bytes = random_uint64();
    e->timestamp.start = (1700000000000 + random_uint32()) * UINT64_C(1000000);
    e->timestamp.stop = (1800000000000 + stop) * UINT64_C(1000000);
    e->status = !nat ? CT_DPIF_STATUS_ASSURED : random_range(2)
                ? CT_DPIF_STATUS_SRC_NAT : CT_DPIF_STATUS_DST_NAT;
    if (proto == IPPROTO_TCP) {
        e->protoinfo.proto = proto;
        e->protoinfo.tcp.state_orig = e->protoinfo.tcp.state_reply
            = ct_nl_tcp_state_to_dpif(random_range(9));
    }
}

/* What should be read. */

static void
expect_addr(struct ds *ds, const char *name, bool v6,
            const union ct_dpif_inet_addr *addr)
{
    ds_put_format(ds, " %sIPv%dAddress=", name, v6 ? 6 : 4);
    if (v6) {
        ipv6_format_addr(&addr->in6, ds);
    } else {
        ds_put_format(ds, IP_FMT, IP_ARGS(addr->ip));
    }
}

/* IANA's flowEndReason. */
static int
expected_reason(const struct ct_ipfix_event *event)
{
    const struct ct_dpif_protoinfo *info = &event->entry->protoinfo;
    const char *state = (info->proto == IPPROTO_TCP
                         ? ct_nl_tcp_state_name(ct_nl_tcp_state_from_dpif(
                                                    info->tcp.state_orig))
                         : "");

    return (!strcmp(event->reason, "early-drop") ? 5
            : !strcmp(event->reason, "deleted") ? 4
            : !strcmp(state, "TIME_WAIT") || !strcmp(state, "CLOSE")
              || !strcmp(state, "LAST_ACK") ? 3 : 1);
}

/* In alphabetical order. */
static void
expect(const struct ct_ipfix_event *event, struct ds *ds)
{
    const struct ct_dpif_entry *e = event->entry;
    const struct ct_dpif_tuple *orig = &e->tuple_orig;
    const struct ct_dpif_tuple *reply = &e->tuple_reply;
    bool v6 = orig->l3_type == AF_INET6, end = event->end;
    bool nat = !(e->status & CT_DPIF_STATUS_ASSURED);
    bool icmp = (orig->ip_proto == IPPROTO_ICMP
                 || orig->ip_proto == IPPROTO_ICMPV6);

    ds_put_cstr(ds, "record");
    if (end) {
        ds_put_cstr(ds, " biflowDirection=1");
    }
    expect_addr(ds, "destination", v6, &orig->dst);
    if (!icmp) {
        ds_put_format(ds, " destinationTransportPort=%d",
                      ntohs(orig->dst_port));
    }
    ds_put_format(ds, " firewallEvent=%d", end ? 2 : 1);
    if (end) {
        ds_put_format(ds, " flowEndMilliseconds=%"PRIu64" flowEndReason=%d",
                      e->timestamp.stop / 1000000, expected_reason(event));
    }
    ds_put_format(ds, " flowId=%"PRIu32" flowStartMilliseconds=%"PRIu64,
                  e->id, e->timestamp.start / 1000000);
    if (icmp) {
        ds_put_format(ds, " icmpTypeCodeIPv%d=%d", v6 ? 6 : 4,
                      orig->icmp_type * 256 + orig->icmp_code);
    }
    ds_put_format(ds, " ingressVRFID=%d", e->zone);
    if (nat) {
        ds_put_format(ds, " natEvent=%d", (v6 ? 1 : 4) + end);
    }
    ds_put_format(ds, " observationTimeMilliseconds=%"PRIu64, event->when);
    if (end) {
        ds_put_format(ds, " octetTotalCount=%"PRIu64
                      " packetTotalCount=%"PRIu64,
                      e->counters_orig.bytes, e->counters_orig.packets);
    }
    if (nat && !icmp) {
        ds_put_format(ds, " postNAPTDestinationTransportPort=%d",
                      ntohs(reply->src_port));
    }
    if (nat) {
        ds_put_format(ds, " postNAPTSourceTransportPort=%d",
                      ntohs(icmp ? reply->icmp_id : reply->dst_port));
        expect_addr(ds, "postNATDestination", v6, &reply->src);
        expect_addr(ds, "postNATSource", v6, &reply->dst);
    }
    ds_put_format(ds, " protocolIdentifier=%d", orig->ip_proto);
    if (end) {
        ds_put_format(ds, " reverseOctetTotalCount=%"PRIu64
                      " reversePacketTotalCount=%"PRIu64,
                      e->counters_reply.bytes, e->counters_reply.packets);
    }
    expect_addr(ds, "source", v6, &orig->src);
    ds_put_format(ds, " sourceTransportPort=%d\n",
                  ntohs(icmp ? orig->icmp_id : orig->src_port));
}

/* Messages. */

struct writer {
    struct ofpbuf buf;
    struct ct_ipfix_message msg;
    struct ct_ipfix_stream stream;
    size_t max;
    FILE *file;
};

static void
begin(struct writer *w)
{
    ofpbuf_clear(&w->buf);
    ct_ipfix_begin(&w->msg, &w->buf, w->max);
}

static void
end(struct writer *w)
{
    assert(!ct_ipfix_is_empty(&w->msg));
    ct_ipfix_end(&w->msg, &w->stream, EXPORT_TIME);
    assert(w->buf.size <= w->max);
    assert(fwrite(w->buf.data, w->buf.size, 1, w->file) == 1);
    begin(w);
}

static void
write_templates(struct writer *w)
{
    unsigned int next = 0;

    while (!ct_ipfix_put_templates(&w->msg, &next)) {
        end(w);
    }
    assert(next == CT_IPFIX_N_TEMPLATES);
}

static void
write_record(struct writer *w, const struct ct_ipfix_record *record)
{
    if (!ct_ipfix_put(&w->msg, record)) {
        end(w);
        assert(ct_ipfix_put(&w->msg, record));
    }
}

static void
write_event(struct writer *w, int i)
{
    static const char *const reasons[] = { "expired", "deleted",
                                           "early-drop" };
    struct ct_dpif_entry e;
    const struct ct_ipfix_event event = {
        .entry = &e,
        .end = random_range(2),
        .reason = reasons[random_range(ARRAY_SIZE(reasons))],
        .when = UINT64_C(1750000000123) + i,
    };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct ct_ipfix_record record;

    random_entry(random_range(2), random_range(2), &e);
    expect(&event, &ds);
    fputs(ds_cstr(&ds), stdout);
    ct_ipfix_encode(&event, &record);
    write_record(w, &record);
    ds_destroy(&ds);
}

static void
write_loss(struct writer *w)
{
    const struct ct_ipfix_loss loss = {
        .process = 4711, .n_lost = UINT64_C(123456789012), .n_sent = N_EVENTS,
        .first = UINT64_C(1750000000111), .last = UINT64_C(1750000000222),
    };
    struct ct_ipfix_record record;

    ct_ipfix_encode_loss(&loss, &record);
    write_record(w, &record);
    printf("options exportedFlowRecordTotalCount=%d exportingProcessId=4711 "
           "notSentFlowTotalCount=123456789012 "
           "observationTimeMilliseconds=1750000000111 "
           "observationTimeMilliseconds=1750000000222\n", N_EVENTS);
}

int
main(int argc, char *argv[])
{
    struct writer w = { .stream = { .domain = DOMAIN } };

    assert(argc == 3);
    w.file = fopen(argv[1], "w");
    w.max = atoi(argv[2]);
    assert(w.file);
    random_set_seed(w.max);
    ofpbuf_init(&w.buf, 0);
    begin(&w);
    write_templates(&w);
    for (int i = 0; i < N_EVENTS; i++) {
        write_event(&w, i);
    }
    write_loss(&w);
    end(&w);
    assert(w.stream.seq == N_EVENTS + 1);
    ofpbuf_uninit(&w.buf);
    return fclose(w.file);
}
