/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: fragments through ct().
 *
 * Input: steps.  Fragments of a few datagrams, perhaps damaged, go in, one or
 * more in a batch; or time passes; or limits change.  No fragment is lost
 * without being counted, none leaves twice, and those that leave do so in the
 * zone of the one that completed their datagram. */

#include <config.h>

#include "fuzz-ct.h"

#include <netinet/ip6.h>

#include "flow.h"
#include "fuzz-sums.h"
#include "ipf.h"

#define MAX_STEPS 64
#define N_DATAGRAMS 4
#define MAX_DATAGRAM 6000

static uint8_t payload[MAX_DATAGRAM];

/* Fragments that are inside: what went in and has neither left nor been
 * freed. */
static unsigned int n_inside;

/* The datagram 'index' as one IP packet: UDP, from host 1 to 2 or back, of
 * some thousand bytes. */
static struct fuzz_ip
make_datagram(unsigned int index, bool ipv6)
{
    size_t l4_ofs = ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN;
    size_t l4_len = 8 + 1400 * (1 + index);
    uint8_t *ip = payload;
    struct fuzz_ip d = {
        .ip = ip, .l4_ofs = l4_ofs, .len = l4_ofs + l4_len,
        .proto = IPPROTO_UDP, .ipv6 = ipv6, .whole = true,
    };
    bool back = index & 1;

    memset(ip, 0, l4_ofs);
    ip[0] = ipv6 ? 0x60 : 0x45;
    fuzz_put16(ip + (ipv6 ? 4 : 2), ipv6 ? l4_len : d.len);
    ip[ipv6 ? 7 : 8] = 64;
    ip[ipv6 ? 6 : 9] = IPPROTO_UDP;
    ip[ipv6 ? 8 : 12] = ip[ipv6 ? 24 : 16] = ipv6 ? 0xfd : 10;
    ip[ipv6 ? 23 : 15] = back ? 2 : 1;
    ip[ipv6 ? 39 : 19] = back ? 1 : 2;
    for (size_t i = 0; i < l4_len; i++) {
        ip[l4_ofs + i] = i / 256 + index;
    }
    fuzz_put16(ip + l4_ofs, back ? 53 : 1000);
    fuzz_put16(ip + l4_ofs + 2, back ? 1000 : 53);
    fuzz_put16(ip + l4_ofs + 4, l4_len);
    fuzz_set_sums(&d);
    return d;
}

static struct dp_packet *
make_fragment(struct fuzz_input *in, const struct fuzz_ip *d)
{
    uint8_t where = fuzz_u8(in), size = fuzz_u8(in), how = fuzz_u8(in);
    size_t l4_len = d->len - d->l4_ofs;
    size_t at = how & 1 ? where * 1280 : where * 8;
    size_t n = how & 2 ? size * 8 : 1280;
    uint8_t frame[MAX_DATAGRAM + 64];
    size_t ofs = ETH_HEADER_LEN + d->l4_ofs;
    struct dp_packet *p;
    struct flow flow;
    bool more;

    at = MIN(at, l4_len - 1) / 8 * 8;
    n = MIN(n, l4_len - at);
    more = at + n < l4_len;
    if (how & 4) {
        more = !more;
    }
    memset(frame, 0, ETH_HEADER_LEN);
    fuzz_put16(frame + 12, d->ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    memcpy(frame + ETH_HEADER_LEN, d->ip, d->l4_ofs);
    if (d->ipv6) {
        memset(frame + ofs, 0, 8);
        frame[ofs] = IPPROTO_UDP;
        fuzz_put16(frame + ofs + 2, at | more);
        frame[ofs + 7] = how >> 6;
        frame[ETH_HEADER_LEN + 6] = IPPROTO_FRAGMENT;
        fuzz_put16(frame + ETH_HEADER_LEN + 4, 8 + n);
        ofs += 8;
    } else {
        struct fuzz_ip header = *d;

        header.ip = frame + ETH_HEADER_LEN;
        fuzz_put16(header.ip + 2, d->l4_ofs + n);
        fuzz_put16(header.ip + 4, how >> 6);
        fuzz_put16(header.ip + 6, at / 8 | (more ? 0x2000 : 0));
        fuzz_put16(header.ip + 10, 0);
        fuzz_put16(header.ip + 10,
                   ~fuzz_sum(header.ip, header.l4_ofs, 0));
    }
    memcpy(frame + ofs, d->ip + d->l4_ofs + at, n);
    if ((how & 0x38) == 0x38) {
        frame[ETH_HEADER_LEN + fuzz_u8(in) % (ofs - ETH_HEADER_LEN + 8)]
            ^= fuzz_u8(in);
    }
    if ((how & 0x38) == 0x30) {
        n = fuzz_u8(in) % (n + 1);
    }
    p = fuzz_packet(frame, ofs + n);
    flow_extract(p, &flow);
    return p;
}

static struct ct_request
any_request(struct fuzz_input *in, bool ipv6)
{
    uint8_t byte = fuzz_u8(in);
    struct ct_request r = {
        .zone = (byte & 3) % FUZZ_N_ZONES, .commit = byte & 4,
    };

    if (byte & 8) {
        r.nat.kind = r.commit ? CT_NAT_SRC : CT_NAT_EXISTING;
        r.nat.have_addr = true;
        r.nat.ipv6 = ipv6;
        if (ipv6) {
            r.nat.min_addr.ip6.s6_addr[0] = 0xfd;
            r.nat.min_addr.ip6.s6_addr[15] = 100;
        } else {
            r.nat.min_addr.ip = htonl(0x0a000064);
        }
        r.nat.max_addr = r.nat.min_addr;
    }
    if (byte & 16) {
        r.mark = 1 + r.zone;
        r.mark_mask = UINT32_MAX;
    }
    return r;
}

static unsigned int
n_held(void)
{
    struct ipf_status status;

    ipf_get_status(ct_ipf(ct), &status);
    return status.nfrag;
}

/* Each leaves with what its ct() says. */
static void
check_left(struct dp_packet_batch *batch, const struct ct_request *r)
{
    struct dp_packet *p;

    DP_PACKET_BATCH_FOR_EACH (i, p, batch) {
        assert(p->md.ct_state & CS_TRACKED && p->md.ct_zone == r->zone);
        if (r->commit && !(p->md.ct_state & CS_INVALID)) {
            assert((p->md.ct_mark & r->mark_mask) == r->mark);
        }
    }
}

static unsigned int
track(struct dp_packet_batch *batch, bool ipv6, const struct ct_request *r)
{
    unsigned int n = 0;
    struct ct_overflow *o, *next;

    o = ct_execute_all(ct, batch, htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP),
                       r, now);
    check_left(batch, r);
    n += dp_packet_batch_size(batch);
    dp_packet_delete_batch(batch, true);
    for (; o; o = next) {
        next = o->next;
        check_left(&o->batch, r);
        n += dp_packet_batch_size(&o->batch);
        dp_packet_delete_batch(&o->batch, true);
        free(o);
    }
    return n;
}

static void
put_fragment(struct fuzz_input *in)
{
    uint8_t byte = fuzz_u8(in);
    bool ipv6 = byte & 4;
    const struct fuzz_ip d = make_datagram(byte % N_DATAGRAMS, ipv6);
    const struct ct_request r = any_request(in, ipv6);
    uint64_t n_bad = fuzz_n_bad();
    unsigned int n_before = n_inside, n_in, n_out, n_counted;
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (n_in = 0; n_in <= (byte >> 6); n_in++) {
        dp_packet_batch_add(&batch, make_fragment(in, &d));
    }
    n_out = track(&batch, ipv6, &r);
    n_counted = fuzz_n_bad() - n_bad;
    n_inside = n_held();

    /* A datagram that the tracker drops takes all of its fragments with it
     * and is counted once, as is one that is invalid, all of whose fragments
     * leave.  So each counter stands for at least one fragment, or none that
     * is missing. */
    assert(n_inside + n_out <= n_before + n_in);
    if (n_inside + n_out < n_before + n_in) {
        assert(n_counted);
    }
}

static void
pass_time(struct fuzz_input *in)
{
    static const int ms[] = { 1, 1000, 14000, 15001, 31000 };
    uint64_t n_late = ct_counter_get(ct, CT_C_DROP_FRAGMENT_EXPIRED);

    now += ms[fuzz_below(in, ARRAY_SIZE(ms))];
    if (fuzz_u8(in) & 1) {
        unsigned int n_before = n_inside;

        ct_run(ct, now);
        n_inside = n_held();
        assert(n_before - n_inside
               == (ct_counter_get(ct, CT_C_DROP_FRAGMENT_EXPIRED) - n_late));
    }
}

static void
configure(struct fuzz_input *in)
{
    uint8_t byte = fuzz_u8(in);
    bool ipv6 = byte & 1;

    switch (byte >> 1 & 3) {
    case 0:
        ipf_set_min_frag(ct_ipf(ct), ipv6, byte & 8 ? 400 : 1280);
        break;
    case 1:
        ipf_set_max_nfrags(ct_ipf(ct), byte & 8 ? 3 : 1000);
        break;
    case 2:
        ct_zone_limit_set(ct, (byte >> 3) % FUZZ_N_ZONES, byte & 0x80 ? 1 : 0);
        break;
    }
}

static void
begin(void)
{
    fuzz_ct_begin();
    ct_set_maxconns(ct, FUZZ_MAX_CONNS);
    for (int v6 = 0; v6 < 2; v6++) {
        ipf_set_min_frag(ct_ipf(ct), v6, v6 ? 1280 : 1200);
        ipf_set_enabled(ct_ipf(ct), v6, true);
    }
    ipf_set_max_nfrags(ct_ipf(ct), 1000);
    n_inside = n_held();
    assert(!n_inside);
}

/* Whatever is inside comes out as late. */
static void
end(void)
{
    for (int i = 0; i < 4; i++) {
        fuzz_pass_time(60 * 1000);
    }
    assert(!n_held());
    fuzz_ct_end();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);

    begin();
    for (int i = 0; i < MAX_STEPS && fuzz_left(&in); i++) {
        switch (fuzz_below(&in, 8)) {
        case 6:
            pass_time(&in);
            break;
        case 7:
            configure(&in);
            break;
        default:
            put_fragment(&in);
            break;
        }
        ovsrcu_quiesce();
    }
    end();
    return 0;
}
