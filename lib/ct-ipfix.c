/* SPDX-License-Identifier: Apache-2.0 */

/* IPFIX, beside a packet's way: trackway-ct(8) makes a log of what it reads of
 * events. */

#include <config.h>

#include "ct-ipfix.h"

#include <netinet/in.h>
#include <string.h>

#include "ct-dpif.h"
#include "ct-netlink.h"
#include "openvswitch/util.h"
#include "unaligned.h"
#include "util.h"

#define IPFIX_VERSION 10
#define SET_HEADER 4
#define TEMPLATE_SET 2
#define OPTIONS_TEMPLATE_SET 3
#define ENTERPRISE_BIT 0x8000

/* RFC 5103: an element of this enterprise is that of the same number, of the
 * other direction. */
#define REVERSE 29305

/* Bits of a kind of record: CT_IPFIX_*, and the opposites of some. */
#define IPV6 CT_IPFIX_IPV6
#define NAT  CT_IPFIX_NAT
#define END  CT_IPFIX_END
#define ICMP CT_IPFIX_ICMP
#define IPV4 0x10
#define PORTS 0x20              /* No ICMP. */
#define ANY  0

/* Elements in the order in which they stand in a record, each in those records
 * whose kind has all the bits of 'KIND'.
 *
 * FIELD(ENUM, ELEMENT, BYTES, ENTERPRISE, KIND) */
#define FIELDS                                                               \
    FIELD(WHEN, 323, 8, 0, ANY)         /* observationTimeMilliseconds */    \
    FIELD(ID, 148, 8, 0, ANY)           /* flowId */                         \
    FIELD(ZONE, 234, 4, 0, ANY)         /* ingressVRFID */                   \
    FIELD(PROTO, 4, 1, 0, ANY)          /* protocolIdentifier */             \
    FIELD(SRC4, 8, 4, 0, IPV4)          /* sourceIPv4Address */              \
    FIELD(DST4, 12, 4, 0, IPV4)         /* destinationIPv4Address */         \
    FIELD(SRC6, 27, 16, 0, IPV6)        /* sourceIPv6Address */              \
    FIELD(DST6, 28, 16, 0, IPV6)        /* destinationIPv6Address */         \
    FIELD(SPORT, 7, 2, 0, ANY)          /* sourceTransportPort */            \
    FIELD(DPORT, 11, 2, 0, PORTS)       /* destinationTransportPort */       \
    FIELD(TYPE4, 32, 2, 0, IPV4 | ICMP) /* icmpTypeCodeIPv4 */               \
    FIELD(TYPE6, 139, 2, 0, IPV6 | ICMP) /* icmpTypeCodeIPv6 */              \
    FIELD(NAT_EVENT, 230, 1, 0, NAT)    /* natEvent */                       \
    FIELD(NAT_SRC4, 225, 4, 0, IPV4 | NAT) /* postNATSourceIPv4Address */    \
    FIELD(NAT_DST4, 226, 4, 0, IPV4 | NAT) /* postNATDestinationIPv4Address */\
    FIELD(NAT_SRC6, 281, 16, 0, IPV6 | NAT) /* postNATSourceIPv6Address */   \
    FIELD(NAT_DST6, 282, 16, 0, IPV6 | NAT)                                  \
                                        /* postNATDestinationIPv6Address */  \
    FIELD(NAT_SPORT, 227, 2, 0, NAT)    /* postNAPTSourceTransportPort */    \
    FIELD(NAT_DPORT, 228, 2, 0, NAT | PORTS)                                 \
                                     /* postNAPTDestinationTransportPort */  \
    FIELD(FIREWALL_EVENT, 233, 1, 0, ANY) /* firewallEvent */                \
    FIELD(START, 152, 8, 0, ANY)        /* flowStartMilliseconds */          \
    FIELD(STOP, 153, 8, 0, END)         /* flowEndMilliseconds */            \
    FIELD(END_REASON, 136, 1, 0, END)   /* flowEndReason */                  \
    FIELD(DIRECTION, 239, 1, 0, END)    /* biflowDirection */                \
    FIELD(PACKETS, 86, 8, 0, END)       /* packetTotalCount */               \
    FIELD(BYTES, 85, 8, 0, END)         /* octetTotalCount */                \
    FIELD(REPLY_PACKETS, 86, 8, REVERSE, END)                                \
    FIELD(REPLY_BYTES, 85, 8, REVERSE, END)

enum field {
#define FIELD(ENUM, ELEMENT, BYTES, ENTERPRISE, KIND) F_##ENUM,
    FIELDS
#undef FIELD
    N_FIELDS
};

static const struct field_spec {
    uint16_t element;
    uint8_t bytes;
    uint8_t kind;
    uint32_t enterprise;
} fields[N_FIELDS] = {
#define FIELD(ENUM, ELEMENT, BYTES, ENTERPRISE, KIND) \
    { ELEMENT, BYTES, KIND, ENTERPRISE },
    FIELDS
#undef FIELD
};

/* Of CT_IPFIX_LOSS, the first one its scope. */
static const struct field_spec loss_fields[] = {
    { 144, 4, ANY, 0 },         /* exportingProcessId */
    { 166, 8, ANY, 0 },         /* notSentFlowTotalCount */
    { 42, 8, ANY, 0 },          /* exportedFlowRecordTotalCount */
    { 323, 8, ANY, 0 },         /* observationTimeMilliseconds: the first, */
    { 323, 8, ANY, 0 },         /* and the last that was lost. */
};

/* A value of up to 8 bytes, or, of 16, where it stands. */
union value {
    uint64_t number;
    const void *bytes;
};

static unsigned int kind_of(const struct ct_ipfix_event *);
static void set_tuples(const struct ct_dpif_entry *, union value[]);
static void set_ports(const struct ct_dpif_entry *, union value[]);
static void set_event(const struct ct_ipfix_event *, unsigned int kind,
                      union value[]);
static void set_end(const struct ct_ipfix_event *, union value[]);
static bool has_field(const struct field_spec *, unsigned int kind);
static void put_value(struct ct_ipfix_record *, const struct field_spec *,
                      const union value *);
static void put_template(struct ofpbuf *, unsigned int n);
static bool begin_set(struct ct_ipfix_message *, uint16_t id, size_t size);
static void end_set(struct ct_ipfix_message *);

/* Records. */

void
ct_ipfix_encode(const struct ct_ipfix_event *event,
                struct ct_ipfix_record *record)
{
    const struct ct_dpif_entry *e = event->entry;
    unsigned int kind = kind_of(event);
    union value values[N_FIELDS];

    memset(values, 0, sizeof values);
    values[F_WHEN].number = event->when;
    values[F_ID].number = e->id;
    values[F_ZONE].number = e->zone;
    values[F_PROTO].number = e->tuple_orig.ip_proto;
    values[F_START].number = e->timestamp.start / 1000000;
    set_tuples(e, values);
    set_ports(e, values);
    set_event(event, kind, values);
    set_end(event, values);

    record->template = CT_IPFIX_FIRST_TEMPLATE + kind;
    record->size = 0;
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (has_field(&fields[i], kind)) {
            put_value(record, &fields[i], &values[i]);
        }
    }
}

void
ct_ipfix_encode_loss(const struct ct_ipfix_loss *loss,
                     struct ct_ipfix_record *record)
{
    const union value values[] = {
        { .number = loss->process },
        { .number = loss->n_lost },
        { .number = loss->n_sent },
        { .number = loss->first },
        { .number = loss->last },
    };
    BUILD_ASSERT_DECL(ARRAY_SIZE(values) == ARRAY_SIZE(loss_fields));

    record->template = CT_IPFIX_LOSS;
    record->size = 0;
    for (size_t i = 0; i < ARRAY_SIZE(loss_fields); i++) {
        put_value(record, &loss_fields[i], &values[i]);
    }
}

static bool
is_icmp(const struct ct_dpif_tuple *t)
{
    return t->ip_proto == IPPROTO_ICMP || t->ip_proto == IPPROTO_ICMPV6;
}

static unsigned int
kind_of(const struct ct_ipfix_event *event)
{
    const struct ct_dpif_entry *e = event->entry;

    return ((e->tuple_orig.l3_type == AF_INET6 ? CT_IPFIX_IPV6 : 0)
            | (e->status & (CT_DPIF_STATUS_SRC_NAT | CT_DPIF_STATUS_DST_NAT)
               ? CT_IPFIX_NAT : 0)
            | (event->end ? CT_IPFIX_END : 0)
            | (is_icmp(&e->tuple_orig) ? CT_IPFIX_ICMP : 0));
}

/* Addresses as the first packet had them, and as it was sent on: what the
 * reply goes to and comes from. */
static void
set_tuples(const struct ct_dpif_entry *e, union value values[])
{
    const struct ct_dpif_tuple *orig = &e->tuple_orig;
    const struct ct_dpif_tuple *reply = &e->tuple_reply;

    if (orig->l3_type == AF_INET6) {
        values[F_SRC6].bytes = &orig->src;
        values[F_DST6].bytes = &orig->dst;
        values[F_NAT_SRC6].bytes = &reply->dst;
        values[F_NAT_DST6].bytes = &reply->src;
    } else {
        values[F_SRC4].number = ntohl(orig->src.ip);
        values[F_DST4].number = ntohl(orig->dst.ip);
        values[F_NAT_SRC4].number = ntohl(reply->dst.ip);
        values[F_NAT_DST4].number = ntohl(reply->src.ip);
    }
}

/* The identifier of an ICMP query is translated as a port is, and stands in
 * its place. */
static void
set_ports(const struct ct_dpif_entry *e, union value values[])
{
    const struct ct_dpif_tuple *orig = &e->tuple_orig;
    const struct ct_dpif_tuple *reply = &e->tuple_reply;

    if (is_icmp(orig)) {
        values[F_SPORT].number = ntohs(orig->icmp_id);
        values[F_NAT_SPORT].number = ntohs(reply->icmp_id);
        values[F_TYPE4].number = values[F_TYPE6].number
            = orig->icmp_type << 8 | orig->icmp_code;
    } else {
        values[F_SPORT].number = ntohs(orig->src_port);
        values[F_DPORT].number = ntohs(orig->dst_port);
        values[F_NAT_SPORT].number = ntohs(reply->dst_port);
        values[F_NAT_DPORT].number = ntohs(reply->src_port);
    }
}

static void
set_event(const struct ct_ipfix_event *event, unsigned int kind,
          union value values[])
{
    enum { FLOW_CREATED = 1, FLOW_DELETED = 2 };
    /* RFC 8158, 4.3.  There is no event of its own for a session of IPv6 on
     * both sides: 1 and 2 are those of a translation without family. */
    enum { NAT_CREATE = 1, NAT_DELETE = 2, NAT44_CREATE = 4,
           NAT44_DELETE = 5 };

    values[F_FIREWALL_EVENT].number = event->end ? FLOW_DELETED : FLOW_CREATED;
    values[F_NAT_EVENT].number = (kind & CT_IPFIX_IPV6
                                  ? (event->end ? NAT_DELETE : NAT_CREATE)
                                  : event->end ? NAT44_DELETE : NAT44_CREATE);
}

/* Is a connection over whose time ran out in that state? */
static bool
was_closed(const struct ct_dpif_protoinfo *info)
{
    if (info->proto == IPPROTO_TCP) {
        uint8_t state = ct_nl_tcp_state_from_dpif(info->tcp.state_orig);

        return (state == ct_nl_tcp_state("TIME_WAIT")
                || state == ct_nl_tcp_state("CLOSE")
                || state == ct_nl_tcp_state("LAST_ACK"));
    } else if (info->proto == IPPROTO_SCTP) {
        uint8_t state = ct_nl_sctp_state_from_dpif(info->sctp.state);

        return (state == ct_nl_sctp_state("CLOSED")
                || state == ct_nl_sctp_state("SHUTDOWN_ACK_SENT"));
    }
    return false;
}

static uint8_t
end_reason(const struct ct_ipfix_event *event)
{
    enum { IDLE = 1, END_OF_FLOW = 3, FORCED = 4, NO_RESOURCES = 5 };

    if (!event->reason) {
        return FORCED;
    } else if (!strcmp(event->reason, "expired")) {
        return was_closed(&event->entry->protoinfo) ? END_OF_FLOW : IDLE;
    } else if (strstr(event->reason, "drop")) {
        return NO_RESOURCES;
    }
    return FORCED;
}

static void
set_end(const struct ct_ipfix_event *event, union value values[])
{
    enum { INITIATOR = 1 };     /* RFC 5103: whose direction comes first. */
    const struct ct_dpif_entry *e = event->entry;

    values[F_STOP].number = (e->timestamp.stop
                             ? e->timestamp.stop / 1000000 : event->when);
    values[F_END_REASON].number = end_reason(event);
    values[F_DIRECTION].number = INITIATOR;
    values[F_PACKETS].number = e->counters_orig.packets;
    values[F_BYTES].number = e->counters_orig.bytes;
    values[F_REPLY_PACKETS].number = e->counters_reply.packets;
    values[F_REPLY_BYTES].number = e->counters_reply.bytes;
}

static bool
has_field(const struct field_spec *field, unsigned int kind)
{
    kind |= kind & IPV6 ? 0 : IPV4;
    kind |= kind & ICMP ? 0 : PORTS;
    return (field->kind & kind) == field->kind;
}

static void
put_value(struct ct_ipfix_record *record, const struct field_spec *field,
          const union value *value)
{
    uint8_t *p = &record->data[record->size];

    if (field->bytes == 16) {
        memcpy(p, value->bytes, 16);
    } else {
        for (size_t i = 0; i < field->bytes; i++) {
            p[i] = value->number >> 8 * (field->bytes - 1 - i);
        }
    }
    record->size += field->bytes;
    ovs_assert(record->size <= sizeof record->data);
}

/* Messages. */

void
ct_ipfix_begin(struct ct_ipfix_message *msg, struct ofpbuf *buf, size_t max)
{
    *msg = (struct ct_ipfix_message) {
        .buf = buf,
        .start = buf->size,
        .limit = buf->size + max,
    };
    ofpbuf_put_zeros(buf, CT_IPFIX_HEADER);
}

bool
ct_ipfix_put(struct ct_ipfix_message *msg,
             const struct ct_ipfix_record *record)
{
    if (!begin_set(msg, record->template, record->size)) {
        return false;
    }
    ofpbuf_put(msg->buf, record->data, record->size);
    msg->n_records++;
    return true;
}

bool
ct_ipfix_put_templates(struct ct_ipfix_message *msg, unsigned int *next)
{
    bool ok = true;

    while (ok && *next < CT_IPFIX_N_TEMPLATES) {
        uint64_t stub[64];
        struct ofpbuf template = OFPBUF_STUB_INITIALIZER(stub);

        put_template(&template, *next);
        ok = begin_set(msg, (*next == CT_IPFIX_N_TEMPLATES - 1
                             ? OPTIONS_TEMPLATE_SET : TEMPLATE_SET),
                       template.size);
        if (ok) {
            ofpbuf_put(msg->buf, template.data, template.size);
            ++*next;
        }
        ofpbuf_uninit(&template);
    }
    return ok;
}

bool
ct_ipfix_is_empty(const struct ct_ipfix_message *msg)
{
    return !msg->set;
}

void
ct_ipfix_end(struct ct_ipfix_message *msg, struct ct_ipfix_stream *stream,
             uint32_t seconds)
{
    const struct {
        ovs_be16 version, length;
        ovs_be32 seconds, seq, domain;
    } header = {
        .version = htons(IPFIX_VERSION),
        .length = htons(msg->buf->size - msg->start),
        .seconds = htonl(seconds),
        .seq = htonl(stream->seq),
        .domain = htonl(stream->domain),
    };
    BUILD_ASSERT_DECL(sizeof header == CT_IPFIX_HEADER);

    end_set(msg);
    memcpy(ofpbuf_at_assert(msg->buf, msg->start, sizeof header), &header,
           sizeof header);
    stream->seq += msg->n_records;
}

static void
put_be16(struct ofpbuf *buf, uint16_t value)
{
    ovs_be16 be = htons(value);

    ofpbuf_put(buf, &be, sizeof be);
}

static void
put_field(struct ofpbuf *buf, const struct field_spec *field)
{
    ovs_be32 enterprise = htonl(field->enterprise);

    put_be16(buf, field->element | (enterprise ? ENTERPRISE_BIT : 0));
    put_be16(buf, field->bytes);
    if (enterprise) {
        ofpbuf_put(buf, &enterprise, sizeof enterprise);
    }
}

/* Template 'n', without the header of its set. */
static void
put_template(struct ofpbuf *buf, unsigned int n)
{
    bool loss = CT_IPFIX_FIRST_TEMPLATE + n == CT_IPFIX_LOSS;
    const struct field_spec *specs = loss ? loss_fields : fields;
    size_t n_specs = loss ? ARRAY_SIZE(loss_fields) : N_FIELDS;
    uint16_t count = 0;

    for (size_t i = 0; i < n_specs; i++) {
        count += has_field(&specs[i], n);
    }
    put_be16(buf, CT_IPFIX_FIRST_TEMPLATE + n);
    put_be16(buf, count);
    if (loss) {
        put_be16(buf, 1);       /* How many of them are its scope. */
    }
    for (size_t i = 0; i < n_specs; i++) {
        if (has_field(&specs[i], n)) {
            put_field(buf, &specs[i]);
        }
    }
}

/* Goes on with the last set if it has the same id.  False: there is no room
 * for 'size' bytes more. */
static bool
begin_set(struct ct_ipfix_message *msg, uint16_t id, size_t size)
{
    bool same = msg->set && msg->set_id == id;

    if (msg->buf->size + (same ? 0 : SET_HEADER) + size > msg->limit) {
        return false;
    }
    if (!same) {
        end_set(msg);
        msg->set = msg->buf->size;
        msg->set_id = id;
        put_be16(msg->buf, id);
        put_be16(msg->buf, 0);
    }
    return true;
}

static void
end_set(struct ct_ipfix_message *msg)
{
    if (msg->set) {
        ovs_be16 *set = ofpbuf_at_assert(msg->buf, msg->set, SET_HEADER);

        put_unaligned_be16(&set[1], htons(msg->buf->size - msg->set));
    }
}
