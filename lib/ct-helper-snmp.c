/* SPDX-License-Identifier: Apache-2.0 */

/* SNMP, versions 1 and 2c (RFC 1157, RFC 3416).
 *
 * Under translation, values of type IpAddress that are the sender's own
 * address, as it knows it, become the one that the receiver knows: so the
 * manager finds the host that sent a trap.  A message that is not well-formed
 * is dropped, and so is one of version 3, in which nothing could be changed.
 *
 * A request that is sent to a broadcast address may be answered by everybody
 * (ct-helper-broadcast.h). */

#include <config.h>

#include <netinet/in.h>

#include "ct-cursor.h"
#include "ct-helper.h"
#include "ct-helper-broadcast.h"
#include "util.h"

#define SNMP_PORT 161
#define BROADCAST_TIMEOUT 30
#define MAX_VERSION 1                   /* 2c. */

/* BER: tags that are looked for (X.690 section 8.1.2). */
enum {
    TAG_INTEGER = 0x02,
    TAG_OCTETS = 0x04,
    TAG_OID = 0x06,
    TAG_SEQUENCE = 0x30,
    TAG_IP_ADDRESS = 0x40,
    TAG_TIME_TICKS = 0x43,
    TAG_PDU = 0xa0,                     /* And those up to */
    TAG_TRAP_V1 = 0xa4,
    TAG_LAST_PDU = 0xa8
};

/* Of the addresses in one message. */
struct translation {
    struct ct_helper_call *call;
    ovs_be32 from, to;
};

static enum ct_helper_verdict translate(struct ct_helper_call *);
static bool enter_pdu(struct ct_cursor *, uint8_t *tag);
static bool pass_header(const struct translation *, struct ct_cursor *,
                        uint8_t tag);
static bool translate_list(const struct translation *, struct ct_cursor *);
static bool translate_value(const struct translation *,
                            struct ct_cursor *rest, uint8_t tag,
                            const struct ct_cursor *value);
static bool read_any(struct ct_cursor *, uint8_t *tag, struct ct_cursor *);
static bool read_one(struct ct_cursor *, uint8_t tag, struct ct_cursor *);

static enum ct_helper_verdict
snmp_read(struct ct_helper_call *call)
{
    enum ct_helper_verdict verdict = ct_helper_broadcast(
        call, htons(SNMP_PORT), BROADCAST_TIMEOUT);

    if (verdict || !call->nat || ct_tuple_is_ipv6(&call->tuples[0])) {
        return verdict;
    }
    return translate(call);
}

const struct ct_helper ct_helper_snmp = {
    .name = "snmp",
    .protos = { IPPROTO_UDP },
    .classes = { { .max_expected = 1, .timeout = BROADCAST_TIMEOUT } },
    .read = snmp_read,
};

static enum ct_helper_verdict
translate(struct ct_helper_call *call)
{
    const struct translation t = {
        .call = call,
        .from = call->tuples[call->dir].src.ip,
        .to = call->tuples[!call->dir].dst.ip,
    };
    struct ct_cursor c = ct_cursor_init(call->payload, call->len);
    uint8_t tag;

    if (t.from == t.to) {
        return CT_HELPER_ACCEPT;
    }
    if (!enter_pdu(&c, &tag) || !pass_header(&t, &c, tag)
        || !translate_list(&t, &c)) {
        return ct_helper_drop(call, CT_C_DROP_HELPER_PAYLOAD);
    }
    return CT_HELPER_ACCEPT;
}

/* From the message to what is in its PDU. */
static bool
enter_pdu(struct ct_cursor *c, uint8_t *tag)
{
    struct ct_cursor message, version, community, pdu;
    uint8_t number;

    if (!read_one(c, TAG_SEQUENCE, &message)
        || !read_one(&message, TAG_INTEGER, &version)
        || !ct_cursor_u8(&version, &number) || ct_cursor_left(&version)
        || number > MAX_VERSION
        || !read_one(&message, TAG_OCTETS, &community)
        || !read_any(&message, tag, &pdu)
        || *tag < TAG_PDU || *tag > TAG_LAST_PDU
        || ct_cursor_left(&message)) {
        return false;
    }
    *c = pdu;
    return true;
}

/* What stands in front of the list of variables.  A version 1 trap has an
 * address there. */
static bool
pass_header(const struct translation *t, struct ct_cursor *c, uint8_t tag)
{
    struct ct_cursor field;

    if (tag == TAG_TRAP_V1) {
        return (read_one(c, TAG_OID, &field)
                && read_one(c, TAG_IP_ADDRESS, &field)
                && translate_value(t, c, TAG_IP_ADDRESS, &field)
                && read_one(c, TAG_INTEGER, &field)
                && read_one(c, TAG_INTEGER, &field)
                && read_one(c, TAG_TIME_TICKS, &field));
    }
    return (read_one(c, TAG_INTEGER, &field)
            && read_one(c, TAG_INTEGER, &field)
            && read_one(c, TAG_INTEGER, &field));
}

/* Pairs of a name and a value, to the end of the PDU. */
static bool
translate_list(const struct translation *t, struct ct_cursor *c)
{
    struct ct_cursor list, pair, name, value;
    uint8_t tag;

    if (!read_one(c, TAG_SEQUENCE, &list) || ct_cursor_left(c)) {
        return false;
    }
    while (ct_cursor_left(&list)) {
        if (!read_one(&list, TAG_SEQUENCE, &pair)
            || !read_one(&pair, TAG_OID, &name)
            || !read_any(&pair, &tag, &value) || ct_cursor_left(&pair)
            || !translate_value(t, &list, tag, &value)) {
            return false;
        }
    }
    return true;
}

/* 'rest' follows the payload, whose place may change. */
static bool
translate_value(const struct translation *t, struct ct_cursor *rest,
                uint8_t tag, const struct ct_cursor *value)
{
    struct ct_helper_call *call = t->call;
    size_t ofs = value->p - call->payload;
    size_t rest_ofs = rest->p - call->payload;
    size_t rest_len = ct_cursor_left(rest);
    char bytes[sizeof t->to];

    if (tag != TAG_IP_ADDRESS) {
        return true;
    }
    if (ct_cursor_left(value) != sizeof t->from) {
        return false;
    }
    if (memcmp(value->p, &t->from, sizeof t->from)) {
        return true;
    }
    memcpy(bytes, &t->to, sizeof bytes);
    if (ct_helper_replace(call, ofs, sizeof bytes, bytes, sizeof bytes)) {
        return false;
    }
    *rest = ct_cursor_init(call->payload + rest_ofs, rest_len);
    return true;
}

/* BER. */

/* A length of the definite form, which alone is allowed (RFC 3417 section
 * 8). */
static bool
read_length(struct ct_cursor *c, size_t *length)
{
    uint8_t first, byte;

    if (!ct_cursor_u8(c, &first)) {
        return false;
    }
    *length = first;
    if (first & 0x80) {
        unsigned int n = first & 0x7f;

        *length = 0;
        if (!n || n > sizeof(uint32_t)) {
            return false;
        }
        while (n-- > 0) {
            if (!ct_cursor_u8(c, &byte)) {
                return false;
            }
            *length = *length << 8 | byte;
        }
    }
    return *length <= ct_cursor_left(c);
}

/* The next element; the cursor then stands behind it. */
static bool
read_any(struct ct_cursor *c, uint8_t *tag, struct ct_cursor *content)
{
    size_t length;

    if (!ct_cursor_u8(c, tag) || (*tag & 0x1f) == 0x1f
        || !read_length(c, &length)) {
        return false;
    }
    *content = ct_cursor_init(c->p, length);
    return ct_cursor_skip(c, length);
}

static bool
read_one(struct ct_cursor *c, uint8_t wanted, struct ct_cursor *content)
{
    uint8_t tag;

    return read_any(c, &tag, content) && tag == wanted;
}
