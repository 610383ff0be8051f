/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: the tracker as a machine.
 *
 * Input: steps, each a byte that says what happens and its arguments.  Packets
 * of a few hosts, answers to the last one that left and errors about it go
 * through up to four ct() each; time passes; connections are flushed;
 * limits, policies and switches change.  After each step all connections are
 * looked at (fuzz-ct.h), and each packet that leaves is compared with what
 * came. */

#include <config.h>

#include "fuzz-ct.h"

#include <netinet/icmp6.h>

#include "flow.h"
#include "fuzz-sums.h"

#define MAX_STEPS 48
#define MAX_FRAME 512

/* What left last, behind all of its ct(). */
struct frame {
    uint8_t data[MAX_FRAME];
    size_t len;                 /* 0: nothing has left. */
    struct fuzz_ip ip;
};

static struct frame last;
static struct fuzz_conns conns;

/* Frames ------------------------------------------------------------------ */

static uint8_t
any_flags(struct fuzz_input *in)
{
    static const uint8_t flags[] = {
        TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH,
        TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_SYN | TCP_ECE,
    };
    uint8_t byte = fuzz_u8(in);

    return byte & 0x80 ? byte & 0x3f : flags[byte % ARRAY_SIZE(flags)];
}

static void
put32(uint8_t *p, uint32_t x)
{
    fuzz_put16(p, x >> 16);
    fuzz_put16(p + 2, x);
}

static uint32_t
get32(const uint8_t *p)
{
    return (uint32_t) fuzz_get16(p) << 16 | fuzz_get16(p + 2);
}

static size_t
put_tcp(struct fuzz_input *in, uint8_t *l4)
{
    uint8_t options = fuzz_u8(in);
    size_t header = 20 + 4 * (options & 3);

    l4[13] = any_flags(in);
    put32(l4 + 4, 1000 + (int8_t) fuzz_u8(in) * 16);
    put32(l4 + 8, l4[13] & TCP_ACK ? 1000 + (int8_t) fuzz_u8(in) * 16 : 0);
    l4[12] = header / 4 << 4;
    l4[14] = fuzz_u8(in);
    if (options & 3) {
        memcpy(l4 + 20, "\3\3\7\1\4\2\1\1\1\1\0\0", header - 20);
        if (options & 4) {
            fuzz_bytes(in, l4 + 20, header - 20);
        }
    }
    return header + fuzz_below(in, 32);
}

static size_t
put_sctp(struct fuzz_input *in, uint8_t *l4)
{
    size_t len = 12;

    put32(l4 + 4, fuzz_below(in, 3));
    for (int n = fuzz_below(in, 3); n >= 0; n--) {
        l4[len] = fuzz_below(in, 16);
        l4[len + 1] = fuzz_below(in, 4);
        l4[len + 3] = 4 + fuzz_below(in, 24);
        if (l4[len] == 1 || l4[len] == 2) {
            l4[len + 3] = 20;
            l4[len + 7] = fuzz_below(in, 3);
        }
        len += ROUND_UP(l4[len + 3], 4);
    }
    return len;
}

static size_t
put_echo(struct fuzz_input *in, uint8_t *l4, bool ipv6)
{
    static const uint8_t types4[] = { 8, 0, 13, 14, 15, 17 };
    static const uint8_t types6[] = { 128, 129, 135, 130 };

    l4[0] = (ipv6 ? types6[fuzz_below(in, ARRAY_SIZE(types6))]
             : types4[fuzz_below(in, ARRAY_SIZE(types4))]);
    l4[5] = fuzz_below(in, 3);
    return 8 + fuzz_below(in, 24);
}

static size_t
put_l4(struct fuzz_input *in, uint8_t *l4, uint8_t proto, bool ipv6)
{
    memset(l4, 0, 200);
    if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
        return put_echo(in, l4, ipv6);
    }
    if (proto != IPPROTO_GRE && proto != 99) {
        uint8_t ports = fuzz_u8(in);

        fuzz_put16(l4, ports & 0x80 ? 80 : 1000 + (ports & 3));
        fuzz_put16(l4 + 2, ports & 0x80 ? 1000 + (ports & 3) : 80);
    }
    switch (proto) {
    case IPPROTO_TCP:
        return put_tcp(in, l4);
    case IPPROTO_SCTP:
        return put_sctp(in, l4);
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE: {
        size_t len = 8 + fuzz_below(in, 32);

        fuzz_put16(l4 + 4, len);
        return len;
    }
    default:
        return 12 + fuzz_below(in, 32);
    }
}

static void
finish_frame(struct frame *f, bool ipv6, uint8_t proto, size_t l4_len)
{
    uint8_t *ip = f->data + ETH_HEADER_LEN;
    size_t l4_ofs = ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN;

    memset(f->data, 0, ETH_HEADER_LEN);
    fuzz_put16(f->data + 12, ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    if (ipv6) {
        ip[0] = 0x60;
        fuzz_put16(ip + 4, l4_len);
        ip[6] = proto;
        ip[7] = 64;
    } else {
        ip[0] = 0x45;
        fuzz_put16(ip + 2, l4_ofs + l4_len);
        ip[8] = 64;
        ip[9] = proto;
    }
    f->len = ETH_HEADER_LEN + l4_ofs + l4_len;
    f->ip = (struct fuzz_ip) {
        .ip = ip, .len = l4_ofs + l4_len, .l4_ofs = l4_ofs, .proto = proto,
        .ipv6 = ipv6, .whole = true,
    };
    fuzz_set_sums(&f->ip);
}

static void
put_addr(uint8_t *ip, bool ipv6, bool dst, uint8_t host)
{
    uint8_t *addr = ip + (ipv6 ? dst ? 24 : 8 : dst ? 16 : 12);
    size_t n = ipv6 ? 16 : 4;

    memset(addr, 0, n);
    addr[0] = ipv6 ? 0xfd : 10;
    addr[n - 1] = host;
}

/* Of hosts 1 and 3 to 2 and 9, or of anybody to 100, which is what sources are
 * translated to, or back. */
static void
any_frame(struct fuzz_input *in, struct frame *f)
{
    static const uint8_t hosts[] = { 1, 2, 3, 9, 100, 101 };
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_GRE,
        IPPROTO_DCCP, IPPROTO_UDPLITE, 99,
    };
    uint8_t byte = fuzz_u8(in), ends = fuzz_u8(in);
    bool ipv6 = byte & 8;
    uint8_t proto = protos[byte & 7];
    size_t l4_ofs = ETH_HEADER_LEN + (ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN);

    memset(f->data, 0, l4_ofs);
    if (proto == IPPROTO_ICMP && ipv6) {
        proto = IPPROTO_ICMPV6;
    }
    put_addr(f->data + ETH_HEADER_LEN, ipv6, false,
             hosts[(ends & 15) % ARRAY_SIZE(hosts)]);
    put_addr(f->data + ETH_HEADER_LEN, ipv6, true,
             hosts[(1 + (ends >> 4)) % ARRAY_SIZE(hosts)]);
    finish_frame(f, ipv6, proto, put_l4(in, f->data + l4_ofs, proto, ipv6));
    if (byte & 16 && proto == IPPROTO_UDP) {
        fuzz_put16(f->data + l4_ofs + 6, 0);
    }
}

/* What the other end says. */
static void
answer_l4(struct fuzz_input *in, uint8_t *l4, uint8_t proto)
{
    uint8_t ports[4];

    switch (proto) {
    case IPPROTO_ICMP:
        l4[0] = l4[0] == 8 ? 0 : l4[0] == 0 ? 8 : l4[0] ^ 3;
        return;
    case IPPROTO_ICMPV6:
        l4[0] ^= 1;
        return;
    case IPPROTO_TCP: {
        uint32_t seq = get32(l4 + 4), ack = get32(l4 + 8);

        seq += (l4[13] & (TCP_SYN | TCP_FIN)) != 0;
        l4[13] = any_flags(in);
        put32(l4 + 4, ack + fuzz_below(in, 4));
        put32(l4 + 8, seq + fuzz_below(in, 4));
        break;
    }
    case IPPROTO_SCTP:
        l4[12] = fuzz_below(in, 16);
        break;
    case IPPROTO_GRE:
    case 99:
        return;
    }
    memcpy(ports, l4, sizeof ports);
    memcpy(l4, ports + 2, 2);
    memcpy(l4 + 2, ports, 2);
}

static void
swap_addrs(struct frame *f)
{
    uint8_t src[16];
    size_t n = f->ip.ipv6 ? 16 : 4;
    uint8_t *addr = f->ip.ip + (f->ip.ipv6 ? 8 : 12);

    memcpy(src, addr, n);
    memcpy(addr, addr + n, n);
    memcpy(addr + n, src, n);
}

static void
copy_last(struct frame *f)
{
    *f = last;
    f->ip.ip = f->data + ETH_HEADER_LEN;
}

static void
answer_frame(struct fuzz_input *in, struct frame *f)
{
    copy_last(f);
    swap_addrs(f);
    answer_l4(in, f->ip.ip + f->ip.l4_ofs, f->ip.proto);
    fuzz_set_sums(&f->ip);
}

/* An ICMP error about what left last, from its destination or another host. */
static void
error_frame(struct fuzz_input *in, struct frame *f)
{
    static const uint8_t types4[] = { 3, 11, 4, 12, 5 };
    struct frame about;
    uint8_t byte = fuzz_u8(in);
    size_t n, l4_ofs;
    bool ipv6;

    copy_last(&about);
    ipv6 = about.ip.ipv6;
    l4_ofs = ETH_HEADER_LEN + (ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN);
    n = about.ip.len - (byte & 1 ? fuzz_u8(in) % about.ip.len : 0);
    n = MIN(n, 256);

    copy_last(f);
    swap_addrs(f);
    if (byte & 2) {
        put_addr(f->ip.ip, ipv6, false, 77);
    }
    memset(f->data + l4_ofs, 0, 8);
    f->data[l4_ofs] = (ipv6 ? 1 + fuzz_below(in, 4)
                       : types4[fuzz_below(in, ARRAY_SIZE(types4))]);
    memcpy(f->data + l4_ofs + 8, about.ip.ip, n);
    finish_frame(f, ipv6, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 8 + n);
}

/* ct() -------------------------------------------------------------------- */

static void
put_range(struct ct_nat_range *nat, uint8_t min, uint8_t max)
{
    if (nat->ipv6) {
        nat->min_addr.ip6.s6_addr[0] = nat->max_addr.ip6.s6_addr[0] = 0xfd;
        nat->min_addr.ip6.s6_addr[15] = min;
        nat->max_addr.ip6.s6_addr[15] = max;
    } else {
        nat->min_addr.ip = htonl(0x0a000000 | min);
        nat->max_addr.ip = htonl(0x0a000000 | max);
    }
}

static void
any_nat(struct fuzz_input *in, bool commit, bool ipv6,
        struct ct_nat_range *nat)
{
    uint8_t byte = fuzz_u8(in), ports = fuzz_u8(in);
    uint8_t host;

    nat->kind = byte & 3;
    if (!commit && nat->kind > CT_NAT_EXISTING) {
        nat->kind = CT_NAT_EXISTING;
    }
    if (nat->kind <= CT_NAT_EXISTING) {
        return;
    }
    host = nat->kind == CT_NAT_SRC ? 100 : 9;
    nat->ipv6 = ipv6 ^ ((byte & 0xe0) == 0xe0);
    nat->have_addr = byte & 4;
    put_range(nat, host, host + (byte >> 3 & 1));
    nat->have_port = ports & 1 || !nat->have_addr;
    nat->min_port = ports & 2 ? 1000 : 1 + (ports >> 4);
    nat->max_port = nat->min_port + (ports >> 2 & 3);
    nat->random = byte & 0x10;
    nat->hash = !nat->random && byte & 0x20;
    nat->persistent = byte & 0x40;
}

static struct ct_request
any_request(struct fuzz_input *in, bool ipv6)
{
    uint8_t byte = fuzz_u8(in);
    struct ct_request r = {
        .zone = (byte & 3) % FUZZ_N_ZONES, .commit = byte & 4,
        .timeout_policy = DEFAULT_TP_ID,
    };

    if (byte & 8) {
        any_nat(in, r.commit, ipv6, &r.nat);
    }
    if (r.commit) {
        r.force = (byte & 0x30) == 0x30;
        r.timeout_policy = (byte & 0x30) == 0x10 ? 1 : DEFAULT_TP_ID;
        if (byte & 0x40) {
            r.mark = fuzz_u8(in);
            r.mark_mask = 0x0f;
        }
        if (byte & 0x80) {
            r.label.u64.lo = fuzz_u8(in);
            r.label_mask.u64.lo = 0x3c;
        }
    }
    return r;
}

/* What may change in a packet is what translation changes, and checksums keep
 * their errors. */
static void
check_left(const struct frame *in, const struct dp_packet *p)
{
    bool translated = (p->md.ct_state & (CS_SRC_NAT | CS_DST_NAT)) != 0;
    struct frame out = *in;

    assert(dp_packet_size(p) == in->len);
    if (!translated) {
        assert(!memcmp(dp_packet_data(p), in->data, in->len));
        return;
    }
    memcpy(out.data, dp_packet_data(p), in->len);
    out.ip.ip = out.data + ETH_HEADER_LEN;

    struct fuzz_sums a = fuzz_sums(&in->ip), b = fuzz_sums(&out.ip);
    assert(a.ip == b.ip && a.l4 == b.l4);
    assert(a.inner_ip == b.inner_ip);
    assert(a.inner_l4 == b.inner_l4);
}

static void
check_metadata(const struct dp_packet *p, const struct ct_request *r)
{
    const struct pkt_metadata *md = &p->md;

    assert(md->ct_state & CS_TRACKED && md->ct_zone == r->zone);
    if (md->ct_state & CS_INVALID) {
        assert(md->ct_state == (CS_TRACKED | CS_INVALID) && !md->conn);
    } else if (r->commit) {
        assert(md->conn);
        assert((md->ct_mark & r->mark_mask) == (r->mark & r->mark_mask));
        assert((md->ct_label.u64.lo & r->label_mask.u64.lo)
               == (r->label.u64.lo & r->label_mask.u64.lo));
    }
    assert(!(md->ct_state & CS_NEW && md->ct_state & CS_ESTABLISHED));
}

/* One ct().  The packet, unless it was dropped, which is counted. */
static struct dp_packet *
track_once(struct fuzz_input *in, struct frame *f, struct dp_packet *p)
{
    const struct ct_request request = any_request(in, f->ip.ipv6);
    uint64_t n_bad = fuzz_n_bad();
    struct dp_packet_batch batch;
    bool bad;

    dp_packet_batch_init_packet(&batch, p);
    ct_execute(ct, &batch, htons(f->ip.ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP),
               &request, now);
    bad = dp_packet_batch_is_empty(&batch);
    if (!bad) {
        assert(dp_packet_batch_size(&batch) == 1 && batch.packets[0] == p);
        check_metadata(p, &request);
        check_left(f, p);
        memcpy(f->data, dp_packet_data(p), f->len);
        bad = p->md.ct_state & CS_INVALID;
    } else {
        p = NULL;
    }
    assert(fuzz_n_bad() == n_bad + bad);
    return p;
}

static void
track_frame(struct fuzz_input *in, struct frame *f)
{
    uint8_t how = fuzz_u8(in);
    struct dp_packet *p;
    struct flow flow;

    if (how & 0x10) {
        f->data[ETH_HEADER_LEN + fuzz_u8(in) % f->ip.len] ^= fuzz_u8(in);
        /* The offsets that checks go by. */
        f->data[ETH_HEADER_LEN] = f->ip.ipv6 ? 0x60 : 0x45;
        f->data[ETH_HEADER_LEN + (f->ip.ipv6 ? 6 : 9)] = f->ip.proto;
        if (!f->ip.ipv6) {
            fuzz_put16(f->data + ETH_HEADER_LEN + 6, 0);
            fuzz_put16(f->data + ETH_HEADER_LEN + 2, f->ip.len);
        } else {
            fuzz_put16(f->data + ETH_HEADER_LEN + 4, f->ip.len - 40);
        }
    }
    p = fuzz_packet(f->data, f->len);
    if (how & 0x20) {
        *dp_packet_ol_flags_ptr(p) |= (DP_PACKET_OL_RX_L4_CKSUM_GOOD
                                       | DP_PACKET_OL_RX_IP_CKSUM_GOOD);
    }
    flow_extract(p, &flow);
    for (int i = how & 3; i >= 0 && p; i--) {
        p = track_once(in, f, p);
        if (p && how & 0x40) {
            p->md.conn = NULL;          /* As behind an upcall. */
        }
        if (p && how & 0x80) {
            ct_clear(p);
        }
    }
    if (p && !(p->md.ct_state & CS_INVALID)) {
        last = *f;
    }
    dp_packet_delete(p);
}

/* Everything else --------------------------------------------------------- */

static void
pass_time(struct fuzz_input *in)
{
    static const long long ms[] = {
        1, 500, 1100, 11000, 31000, 61000, 121000, 181000, 601000,
        432001LL * 1000,
    };

    now += ms[fuzz_below(in, ARRAY_SIZE(ms))];
    if (fuzz_u8(in) & 1) {
        ct_run(ct, now);
    }
}

static void
flush(struct fuzz_input *in)
{
    uint8_t byte = fuzz_u8(in);
    uint16_t zone = (byte >> 2) % FUZZ_N_ZONES;

    if (byte & 2 && conns.n) {
        const struct ct_dpif_entry *e = &conns.entries[fuzz_u8(in) % conns.n];

        assert(!ct_flush(ct, &e->zone, byte & 1 ? &e->tuple_reply
                                       : &e->tuple_orig));
        assert(ct_flush(ct, &e->zone, &e->tuple_orig) == ENOENT);
        return;
    }
    assert(!ct_flush(ct, byte & 1 ? NULL : &zone, NULL));
    fuzz_await_flush();
}

static void
set_limits(struct fuzz_input *in)
{
    uint8_t byte = fuzz_u8(in);
    int zone = (byte >> 4 & 3) - 1;

    switch (byte & 3) {
    case 0:
        ct_zone_limit_set(ct, zone, byte >> 2 & 3);
        break;
    case 1:
        ct_zone_limit_del(ct, MAX(zone, 0));
        break;
    case 2:
        ct_set_maxconns(ct, byte & 0x80 ? FUZZ_MAX_CONNS : byte >> 2 & 7);
        break;
    case 3:
        ct_set_tcp_seq_chk(ct, byte & 4);
        break;
    }
}

static void
set_policy(struct fuzz_input *in)
{
    static const uint32_t seconds[] = { 1, 10, 60, 86400, UINT32_MAX };
    struct ct_dpif_timeout_policy tp = { .id = 1 + fuzz_below(in, 2) };

    if (fuzz_u8(in) & 1) {
        ct_timeout_policy_del(ct, tp.id);
        return;
    }
    tp.present = fuzz_u32(in) & ((1u << CT_DPIF_TP_ATTR_MAX) - 1);
    for (int i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        if (tp.present & 1u << i) {
            tp.attrs[i] = seconds[fuzz_below(in, ARRAY_SIZE(seconds))];
        }
    }
    assert(!ct_timeout_policy_set(ct, &tp));
}

static void
step(struct fuzz_input *in)
{
    struct frame f;

    switch (fuzz_below(in, 16)) {
    default:
        any_frame(in, &f);
        track_frame(in, &f);
        break;
    case 6: case 7: case 8: case 9:
        if (last.len) {
            answer_frame(in, &f);
            track_frame(in, &f);
        }
        break;
    case 10: case 11:
        if (last.len) {
            error_frame(in, &f);
            track_frame(in, &f);
        }
        break;
    case 12:
        pass_time(in);
        break;
    case 13:
        flush(in);
        break;
    case 14:
        set_limits(in);
        break;
    case 15:
        set_policy(in);
        break;
    }
    fuzz_check_conns(&conns);
    ovsrcu_quiesce();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);

    fuzz_ct_begin();
    ct_set_maxconns(ct, FUZZ_MAX_CONNS);
    last.len = 0;
    fuzz_dump(&conns);
    assert(!conns.n);
    for (int i = 0; i < MAX_STEPS && fuzz_left(&in); i++) {
        step(&in);
    }
    fuzz_ct_end();
    return 0;
}
