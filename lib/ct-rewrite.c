/* SPDX-License-Identifier: Apache-2.0 */

/* Step "translate", the headers: called by ct-nat.c for each packet of a
 * translated connection.  Calls nothing of the tracker but the record's
 * accessors. */

#include <config.h>

#include "ct-rewrite.h"

#include <netinet/in.h>
#include <string.h>

#include "crc32c.h"
#include "csum.h"
#include "ct-l4-gre.h"
#include "ct-packet.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "util.h"

#ifndef IPPROTO_DCCP
#define IPPROTO_DCCP 33
#endif
#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

#define ICMP4_TYPE_REDIRECT 5
#define ICMP6_TYPE_REDIRECT 137

/* Offsets of fields that are written. */
#define IP4_CSUM_OFS 10
#define IP4_SRC_OFS 12
#define IP4_DST_OFS 16
#define IP6_SRC_OFS 8
#define IP6_DST_OFS 24
#define ICMP_CSUM_OFS 2
#define ICMP_ID_OFS 4
#define SCTP_CSUM_OFS 8
#define UDP_CSUM_OFS 6          /* DCCP and UDP-Lite too. */
#define TCP_CSUM_OFS 16

/* The most of an inner transport header that is looked at. */
#define INNER_L4_MAX TCP_HEADER_LEN

/* rewrite_common() takes both ends of a key at once. */
BUILD_ASSERT_DECL(offsetof(struct ct_key, ip.dst)
                  == offsetof(struct ct_key, ip.src) + 4);
BUILD_ASSERT_DECL(offsetof(struct ct_key, dst_port)
                  == offsetof(struct ct_key, src_port) + 2);

/* What becomes of a transport header. */
struct l4_change {
    uint8_t proto;
    uint8_t kind;               /* CT_KIND_*. */
    bool partial;               /* The device fills in the checksum. */
    bool whole;                 /* All of the packet is there. */
    ovs_be16 src_port, dst_port;
    uint16_t delta_addr;
    uint16_t delta_all;
};

/* The packet inside an ICMP error. */
struct inner {
    uint8_t *l3;
    uint8_t *l4;
    size_t l4_len;              /* As far as it is there. */
    bool whole;
};

static uint16_t sum16(const void *, size_t);
static inline bool rewrite_common(const struct ct_conn_nat *, enum ct_dir,
                                  const struct ct_key *other, uint8_t *l3,
                                  uint8_t *l4);
static void write_addrs(const struct ct_conn *, enum ct_dir, uint8_t *l3,
                        uint16_t delta_addr);
static size_t l4_min_len(const struct l4_change *);
static void rewrite_l4(const struct l4_change *, uint8_t *l4, size_t len);
static void rewrite_icmp(const struct l4_change *, uint8_t *l4, size_t len);
static void rewrite_sctp(const struct l4_change *, uint8_t *l4, size_t len);
static bool find_inner(const struct ct_packet *, struct inner *);
static bool find_inner4(size_t avail, struct inner *);
static bool find_inner6(size_t avail, uint8_t proto, struct inner *);
static uint16_t rewrite_inner(const struct ct_packet *, struct inner *,
                              const struct l4_change *,
                              const struct ct_tuple *to);
static uint16_t rewrite_outer_addrs(const struct ct_packet *,
                                    const struct ct_tuple *other);

static inline uint16_t
get16(const uint8_t *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline void
put16(uint8_t *p, uint16_t x)
{
    memcpy(p, &x, sizeof x);
}

static inline void
put_port(uint8_t *p, ovs_be16 port)
{
    put16(p, (OVS_FORCE uint16_t) port);
}

static inline void
adjust(uint8_t *csum, uint16_t delta)
{
    put16(csum, (OVS_FORCE uint16_t)
          ct_rewrite_csum((OVS_FORCE ovs_be16) get16(csum), delta));
}

void
ct_rewrite_deltas(const struct ct_tuple *original,
                  const struct ct_tuple *reply,
                  uint16_t delta_addr[CT_DIR_MAX],
                  uint16_t delta_all[CT_DIR_MAX])
{
    const struct ct_tuple *tuples[CT_DIR_MAX] = { original, reply };
    uint16_t addrs[CT_DIR_MAX], all[CT_DIR_MAX];

    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        const struct ct_tuple *t = tuples[dir];

        addrs[dir] = ct_rewrite_add(sum16(&t->src, sizeof t->src),
                                    sum16(&t->dst, sizeof t->dst));
        all[dir] = ct_rewrite_add(addrs[dir],
                                  (OVS_FORCE uint16_t) t->src_port);
        /* An ICMP message has its identifier only once. */
        if (!(t->kind >> CT_KIND_ICMP_SHIFT)) {
            all[dir] = ct_rewrite_add(all[dir],
                                      (OVS_FORCE uint16_t) t->dst_port);
        }
    }
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        delta_addr[dir] = ct_rewrite_add(addrs[!dir], ~addrs[dir]);
        delta_all[dir] = ct_rewrite_add(all[!dir], ~all[dir]);
    }
}

bool
ct_rewrite_packet(const struct ct_conn *conn, enum ct_dir dir,
                  struct dp_packet *packet, uint8_t *l3, uint8_t *l4,
                  size_t l4_len)
{
    const struct ct_conn_nat *nat = ct_conn_nat(conn);
    const struct ct_key *other = (dir == CT_DIR_ORIGINAL ? &nat->reply_key
                                  : &conn->key);
    bool partial = dp_packet_hwol_tx_l4_checksum(packet);

    if (OVS_LIKELY(!partial && l4_len >= TCP_HEADER_LEN
                   && rewrite_common(nat, dir, other, l3, l4))) {
        return true;
    }

    const struct l4_change change = {
        .proto = conn->key.proto,
        .kind = conn->key.kind,
        .partial = partial,
        .whole = true,
        .src_port = other->dst_port,
        .dst_port = other->src_port,
        .delta_addr = nat->delta_addr[dir],
        .delta_all = nat->delta_all[dir],
    };

    if (OVS_UNLIKELY(l4_len < l4_min_len(&change))) {
        return false;
    }
    rewrite_l4(&change, l4, l4_len);
    write_addrs(conn, dir, l3, change.delta_addr);
    return true;
}

bool
ct_rewrite_icmp_error(struct ct_packet *packet)
{
    const struct ct_conn *conn = packet->conn;
    const struct ct_conn_nat *nat = ct_conn_nat(conn);
    bool ipv6 = ct_conn_is_ipv6(conn);
    uint8_t *icmp = packet->l4_header;
    struct ct_tuple other;
    struct inner inner = { .l4 = NULL };
    uint16_t delta;

    if (!find_inner(packet, &inner)
        || icmp[0] == (ipv6 ? ICMP6_TYPE_REDIRECT : ICMP4_TYPE_REDIRECT)) {
        return false;
    }

    /* The inner packet went the other way and left as the inverse of this
     * direction's tuple.  Back to what it was differs from there by as much
     * as a packet of this direction differs before and after. */
    ct_conn_tuple(conn, !packet->dir, &other);
    const struct l4_change change = {
        .proto = conn->key.proto,
        .kind = conn->key.kind,
        .whole = inner.whole,
        .src_port = other.src_port,
        .dst_port = other.dst_port,
        .delta_addr = nat->delta_addr[packet->dir],
        .delta_all = nat->delta_all[packet->dir],
    };

    delta = rewrite_inner(packet, &inner, &change, &other);
    if (ipv6) {
        delta = ct_rewrite_add(delta, rewrite_outer_addrs(packet, &other));
    } else {
        adjust(packet->l3_header + IP4_CSUM_OFS,
               rewrite_outer_addrs(packet, &other));
    }
    adjust(icmp + ICMP_CSUM_OFS, delta);
    return true;
}

/* One's complement sum of 'n' bytes. */
static uint16_t
sum16(const void *data, size_t n)
{
    return ~(OVS_FORCE uint16_t) csum(data, n);
}

/* TCP and UDP over IPv4, of at least TCP_HEADER_LEN bytes and with a checksum
 * of their own: most packets, without a look at what else there may be.  False
 * for all others. */
static inline bool
rewrite_common(const struct ct_conn_nat *nat, enum ct_dir dir,
               const struct ct_key *other, uint8_t *l3, uint8_t *l4)
{
    uint64_t addrs;
    uint32_t ports;

    if (other->kind) {
        return false;
    }
    if (other->proto == IPPROTO_TCP) {
        adjust(l4 + TCP_CSUM_OFS, nat->delta_all[dir]);
    } else if (other->proto == IPPROTO_UDP && get16(l4 + UDP_CSUM_OFS)) {
        adjust(l4 + UDP_CSUM_OFS, nat->delta_all[dir]);
        if (OVS_UNLIKELY(!get16(l4 + UDP_CSUM_OFS))) {
            put16(l4 + UDP_CSUM_OFS, 0xffff);
        }
    } else {
        return false;
    }

    /* Both ends at once: a rotation by half swaps them. */
    memcpy(&addrs, &other->ip, sizeof addrs);
    memcpy(&ports, (const char *) other + offsetof(struct ct_key, src_port),
           sizeof ports);
    addrs = addrs >> 32 | addrs << 32;
    ports = ports >> 16 | ports << 16;
    memcpy(l3 + IP4_SRC_OFS, &addrs, sizeof addrs);
    memcpy(l4, &ports, sizeof ports);
    adjust(l3 + IP4_CSUM_OFS, nat->delta_addr[dir]);
    return true;
}

/* Writes the addresses that a packet of 'dir' leaves with. */
static void
write_addrs(const struct ct_conn *conn, enum ct_dir dir, uint8_t *l3,
            uint16_t delta_addr)
{
    if (!ct_conn_is_ipv6(conn)) {
        const struct ct_key *other = (dir == CT_DIR_ORIGINAL
                                      ? &ct_conn_nat(conn)->reply_key
                                      : &conn->key);

        memcpy(l3 + IP4_SRC_OFS, &other->ip.dst, sizeof other->ip.dst);
        memcpy(l3 + IP4_DST_OFS, &other->ip.src, sizeof other->ip.src);
        adjust(l3 + IP4_CSUM_OFS, delta_addr);
    } else {
        const struct ct_conn_addrs6 *other = ct_conn_addrs6(conn, !dir);

        memcpy(l3 + IP6_SRC_OFS, &other->dst, sizeof other->dst);
        memcpy(l3 + IP6_DST_OFS, &other->src, sizeof other->src);
    }
}

/* How much of the transport header must be there. */
static size_t
l4_min_len(const struct l4_change *change)
{
    switch (change->proto) {
    case IPPROTO_TCP:
        return TCP_HEADER_LEN;
    case IPPROTO_UDP:
        return UDP_HEADER_LEN;
    case IPPROTO_SCTP:
        return SCTP_HEADER_LEN;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return ICMP_HEADER_LEN;
    case IPPROTO_GRE:
        return change->kind & CT_KIND_GRE_KEY ? CT_GRE_ENHANCED_LEN : 0;
    default:
        return 0;
    }
}

static inline void
write_ports(const struct l4_change *change, uint8_t *l4)
{
    put_port(l4, change->src_port);
    put_port(l4 + 2, change->dst_port);
}

/* Adjusts a checksum over pseudo header and packet by the addresses' delta
 * and, with 'ports', by that of the ports. */
static inline void
adjust_pseudo(const struct l4_change *change, uint8_t *csum, bool ports)
{
    if (OVS_UNLIKELY(change->partial)) {
        put16(csum, ct_rewrite_add(get16(csum), change->delta_addr));
    } else {
        adjust(csum, ports ? change->delta_all : change->delta_addr);
    }
}

/* As adjust_pseudo(), where 0 stands for "no checksum". */
static inline void
adjust_pseudo_optional(const struct l4_change *change, uint8_t *csum,
                       bool ports)
{
    if (get16(csum) || change->partial) {
        adjust_pseudo(change, csum, ports);
        if (!get16(csum)) {
            put16(csum, 0xffff);
        }
    }
}

/* 'len' bytes at 'l4' are there; in an error's inner packet checksums may be
 * cut off, ports and identifiers may not. */
static void
rewrite_l4(const struct l4_change *change, uint8_t *l4, size_t len)
{
    switch (change->proto) {
    case IPPROTO_TCP:
        write_ports(change, l4);
        if (len >= TCP_CSUM_OFS + 2) {
            adjust_pseudo(change, l4 + TCP_CSUM_OFS, true);
        }
        break;

    case IPPROTO_UDP:
        write_ports(change, l4);
        if (len >= UDP_CSUM_OFS + 2) {
            adjust_pseudo_optional(change, l4 + UDP_CSUM_OFS, true);
        }
        break;

    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        rewrite_icmp(change, l4, len);
        break;

    case IPPROTO_SCTP:
        rewrite_sctp(change, l4, len);
        break;

    /* It has the receiver's key alone, which no checksum covers. */
    case IPPROTO_GRE:
        if (change->kind & CT_KIND_GRE_KEY) {
            put_port(l4 + CT_GRE_KEY_OFS, change->dst_port);
        }
        break;

    /* Tracked without ports, but their checksums cover the addresses. */
    case IPPROTO_DCCP:
        if (len >= UDP_CSUM_OFS + 2) {
            adjust_pseudo(change, l4 + UDP_CSUM_OFS, false);
        }
        break;

    case IPPROTO_UDPLITE:
        if (len >= UDP_CSUM_OFS + 2) {
            adjust_pseudo_optional(change, l4 + UDP_CSUM_OFS, false);
        }
        break;
    }
}

static void
rewrite_icmp(const struct l4_change *change, uint8_t *l4, size_t len)
{
    bool has_id = change->kind >> CT_KIND_ICMP_SHIFT;
    uint16_t delta = change->proto == IPPROTO_ICMPV6 ? change->delta_addr : 0;

    if (has_id) {
        put_port(l4 + ICMP_ID_OFS, change->src_port);
        delta = (change->proto == IPPROTO_ICMPV6
                 ? change->delta_all
                 : ct_rewrite_add(change->delta_all, ~change->delta_addr));
    }
    if (len >= ICMP_CSUM_OFS + 2) {
        adjust(l4 + ICMP_CSUM_OFS, delta);
    }
}

/* A CRC is linear: what the ports change in it is the same whatever else the
 * packet and the checksum's field hold. */
static void
rewrite_sctp(const struct l4_change *change, uint8_t *l4, size_t len)
{
    bool update = change->whole && !change->partial && len >= SCTP_HEADER_LEN;
    ovs_be32 before = update ? crc32c(l4, len) : 0;
    ovs_be32 crc;

    write_ports(change, l4);
    if (update) {
        memcpy(&crc, l4 + SCTP_CSUM_OFS, sizeof crc);
        crc ^= before ^ crc32c(l4, len);
        memcpy(l4 + SCTP_CSUM_OFS, &crc, sizeof crc);
    }
}

/* Finds the headers inside an ICMP error.  False if so much is cut off that
 * they cannot be put back. */
static bool
find_inner(const struct ct_packet *packet, struct inner *inner)
{
    const struct ct_conn *conn = packet->conn;
    size_t ofs = packet->inner_l3 - packet->l4_header;
    size_t min_l4;

    if (ofs < ICMP_HEADER_LEN || ofs > packet->l4_len) {
        return false;
    }

    inner->l3 = packet->inner_l3;
    if (ct_conn_is_ipv6(conn)
        ? !find_inner6(packet->l4_len - ofs, conn->key.proto, inner)
        : !find_inner4(packet->l4_len - ofs, inner)) {
        return false;
    }

    min_l4 = (conn->key.kind >> CT_KIND_ICMP_SHIFT ? ICMP_ID_OFS + 2
              : conn->key.kind & CT_KIND_GRE_KEY ? CT_GRE_ENHANCED_LEN
              : conn->key.proto == IPPROTO_TCP
                || conn->key.proto == IPPROTO_UDP
                || conn->key.proto == IPPROTO_SCTP ? 4
              : 0);
    return inner->l4_len >= min_l4;
}

/* Bytes that belong to the inner packet: what follows it in the error, say an
 * extension (RFC 4884), is none of its own. */
static size_t
limit_inner(size_t avail, size_t total, struct inner *inner)
{
    inner->whole = avail >= total;
    return MIN(avail, total);
}

static bool
find_inner4(size_t avail, struct inner *inner)
{
    size_t ihl, total;

    if (avail < IP_HEADER_LEN) {
        return false;
    }

    ihl = (inner->l3[0] & 0xf) * 4;
    total = inner->l3[2] << 8 | inner->l3[3];
    if (inner->l3[0] >> 4 != 4 || ihl < IP_HEADER_LEN || ihl > total
        || ihl > avail) {
        return false;
    }
    inner->l4 = inner->l3 + ihl;
    inner->l4_len = limit_inner(avail, total, inner) - ihl;
    return true;
}

static bool
find_inner6(size_t avail, uint8_t proto, struct inner *inner)
{
    const struct ovs_16aligned_ip6_frag *frag_hdr;
    size_t payload, size, len;
    uint8_t nexthdr, frag;
    const void *data;

    if (avail < IPV6_HEADER_LEN || inner->l3[0] >> 4 != 6) {
        return false;
    }

    payload = inner->l3[4] << 8 | inner->l3[5];
    len = limit_inner(avail, IPV6_HEADER_LEN + payload, inner);
    nexthdr = inner->l3[6];
    frag = 0;
    data = inner->l3 + IPV6_HEADER_LEN;
    size = len - IPV6_HEADER_LEN;
    if (!parse_ipv6_ext_hdrs(&data, &size, &nexthdr, &frag, &frag_hdr)
        || frag & FLOW_NW_FRAG_LATER || nexthdr != proto) {
        return false;
    }
    inner->l4 = inner->l3 + ((const uint8_t *) data - inner->l3);
    inner->l4_len = size;
    return true;
}

/* Makes the inner packet one of tuple 'to'.  Returns by how much that changes
 * the sum over it. */
static uint16_t
rewrite_inner(const struct ct_packet *packet, struct inner *inner,
              const struct l4_change *change, const struct ct_tuple *to)
{
    size_t len = inner->l4 - inner->l3 + MIN(inner->l4_len, INNER_L4_MAX);
    uint16_t before = sum16(inner->l3, len);

    rewrite_l4(change, inner->l4, inner->l4_len);
    if (!ct_conn_is_ipv6(packet->conn)) {
        memcpy(inner->l3 + IP4_SRC_OFS, &to->src.ip, sizeof to->src.ip);
        memcpy(inner->l3 + IP4_DST_OFS, &to->dst.ip, sizeof to->dst.ip);
        adjust(inner->l3 + IP4_CSUM_OFS, change->delta_addr);
    } else {
        memcpy(inner->l3 + IP6_SRC_OFS, &to->src.ip6, sizeof to->src.ip6);
        memcpy(inner->l3 + IP6_DST_OFS, &to->dst.ip6, sizeof to->dst.ip6);
    }
    return ct_rewrite_add(sum16(inner->l3, len), ~before);
}

/* Translates the error's own addresses.  'other' is the tuple of the other
 * direction.  The sender need not be an end of the connection: an address is
 * changed only where a packet of this direction has it changed.  Returns by
 * how much that changes the sum over the addresses. */
static uint16_t
rewrite_outer_addrs(const struct ct_packet *packet,
                    const struct ct_tuple *other)
{
    uint16_t status = ct_conn_status(packet->conn);
    bool reply = packet->dir == CT_DIR_REPLY;
    bool ipv6 = ct_conn_is_ipv6(packet->conn);
    size_t len = ipv6 ? 16 : 4;
    uint8_t *src = packet->l3_header + (ipv6 ? IP6_SRC_OFS : IP4_SRC_OFS);
    uint8_t *dst = src + len;
    uint16_t before = sum16(src, 2 * len);

    if (status & (reply ? CT_DPIF_STATUS_DST_NAT : CT_DPIF_STATUS_SRC_NAT)) {
        memcpy(src, &other->dst, len);
    }
    if (status & (reply ? CT_DPIF_STATUS_SRC_NAT : CT_DPIF_STATUS_DST_NAT)) {
        memcpy(dst, &other->src, len);
    }
    return ct_rewrite_add(sum16(src, 2 * len), ~before);
}
