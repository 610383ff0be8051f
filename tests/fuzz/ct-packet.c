/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target: headers, as the tracker reads them.
 *
 * Input: a byte of flags, then an IP packet, any bytes.  What is valid is
 * compared with what OVS reads of the same packet; then the packet goes
 * through ct(commit, nat), and what is wrong with it shows in a counter. */

#include <config.h>

#include "fuzz-ct.h"

#include <netinet/icmp6.h>

#include "ct-hash.h"
#include "ct-packet.h"
#include "flow.h"

#define IS_IPV6 0x01
#define L4_GOOD 0x02            /* So the device says. */
#define L3_GOOD 0x04
#define L4_PARTIAL 0x08         /* The device is to fill in the checksum. */
#define TRANSLATE 0x20

static bool
is_inside(const struct ct_packet *packet, const uint8_t *p, size_t n)
{
    const uint8_t *start = dp_packet_data(packet->packet);
    const uint8_t *end = dp_packet_tail(packet->packet);

    return p >= start && p <= end && n <= end - p;
}

/* Both ends of the tuple are those that OVS found, if it is the packet's own:
 * that of an ICMP error is of the packet inside, turned round. */
static void
check_tuple(const struct ct_packet *packet, const struct flow *flow)
{
    const struct ct_tuple *t = &packet->tuple;

    if (packet->is_icmp_error) {
        assert(is_inside(packet, packet->inner_l3, IP_HEADER_LEN));
        assert(packet->inner_l3 >= packet->l4_header + ICMP_HEADER_LEN);
        return;
    }
    assert(t->proto == flow->nw_proto);
    if (ct_tuple_is_ipv6(t)) {
        assert(!memcmp(&t->src, &flow->ipv6_src, sizeof flow->ipv6_src)
               && !memcmp(&t->dst, &flow->ipv6_dst, sizeof flow->ipv6_dst));
    } else {
        assert(t->src.ip == flow->nw_src && t->dst.ip == flow->nw_dst);
        assert(!t->src.u64[1] && !t->dst.u64[1]);
    }
    if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP
        || t->proto == IPPROTO_SCTP) {
        assert(t->src_port == flow->tp_src && t->dst_port == flow->tp_dst);
    }
}

static void
check_keys(const struct ct_packet *packet)
{
    struct ct_tuple inverse, twice;
    struct ct_key key, inverse_key;

    ct_tuple_invert(&packet->tuple, &inverse);
    ct_tuple_invert(&inverse, &twice);
    assert(ct_tuple_equal(&packet->tuple, &twice));
    ct_tuple_to_key(&packet->tuple, packet->request->zone, &key);
    ct_tuple_to_key(&inverse, packet->request->zone, &inverse_key);
    assert(!memcmp(&key, &packet->key, sizeof key));
    assert(!memcmp(&inverse_key, &packet->inverse, sizeof key));
    assert(packet->hash == ct_hash_keys(&key, &inverse_key));
    assert(packet->hash == ct_hash_keys(&inverse_key, &key));
}

static void
check_parse(struct dp_packet *p, const struct flow *flow,
            const struct ct_request *request)
{
    struct ct_packet packet;
    uint64_t n_bad = fuzz_n_bad();
    bool valid;

    memset(&packet, 0xa5, sizeof packet);
    packet.packet = p;
    packet.ct = ct;
    packet.request = request;
    packet.zone = NULL;
    packet.now = now;
    packet.dl_type = flow->dl_type;
    valid = ct_packet_parse(&packet, flow->dl_type);
    assert(packet.parsed && packet.valid == valid);
    assert(fuzz_n_bad() == n_bad + !valid);
    if (valid) {
        assert(is_inside(&packet, packet.l4_header, packet.l4_len));
        assert(packet.ip_len >= packet.l4_len);
        check_tuple(&packet, flow);
        check_keys(&packet);
    }
}

static struct dp_packet *
make_packet(struct fuzz_input *in, uint8_t flags)
{
    uint8_t frame[ETH_HEADER_LEN + 1024];
    size_t n = MIN(fuzz_left(in), 1024);
    struct dp_packet *p;

    memset(frame, 0, ETH_HEADER_LEN);
    frame[12] = flags & IS_IPV6 ? 0x86 : 0x08;
    frame[13] = flags & IS_IPV6 ? 0xdd : 0x00;
    fuzz_bytes(in, frame + ETH_HEADER_LEN, n);
    p = fuzz_packet(frame, ETH_HEADER_LEN + n);
    if (flags & L4_GOOD) {
        *dp_packet_ol_flags_ptr(p) |= DP_PACKET_OL_RX_L4_CKSUM_GOOD;
    }
    if (flags & L3_GOOD) {
        *dp_packet_ol_flags_ptr(p) |= DP_PACKET_OL_RX_IP_CKSUM_GOOD;
    }
    if (flags & L4_PARTIAL) {
        dp_packet_hwol_set_csum_tcp(p);
    }
    return p;
}

static struct ct_request
make_request(uint8_t flags)
{
    struct ct_request request = { .zone = 1, .commit = true };
    struct ct_nat_range *nat = &request.nat;

    if (flags & TRANSLATE) {
        nat->kind = CT_NAT_SRC;
        nat->have_addr = nat->have_port = true;
        nat->ipv6 = flags & IS_IPV6;
        nat->min_port = 1000;
        nat->max_port = 1003;
        memset(&nat->min_addr, 7, nat->ipv6 ? 16 : 4);
        nat->max_addr = nat->min_addr;
    }
    return request;
}

/* In ct() twice, the second time with what is known of it. */
static void
track(struct dp_packet *p, ovs_be16 dl_type, const struct ct_request *request)
{
    for (int i = 0; i < 2; i++) {
        uint64_t n_bad = fuzz_n_bad();
        struct dp_packet_batch batch;

        dp_packet_batch_init_packet(&batch, p);
        ct_execute(ct, &batch, dl_type, request, now);
        if (dp_packet_batch_is_empty(&batch)) {
            return;
        }
        assert(batch.packets[0] == p);
        assert(fuzz_n_bad() == n_bad + !!(p->md.ct_state & CS_INVALID));
    }
    dp_packet_delete(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input_init(data, size);
    uint8_t flags = fuzz_u8(&in);
    const struct ct_request request = make_request(flags);
    struct dp_packet *p = make_packet(&in, flags);
    struct flow flow;

    fuzz_ct_begin();
    ct_set_maxconns(ct, FUZZ_MAX_CONNS);
    flow_extract(p, &flow);
    check_parse(p, &flow, &request);
    if (!flow.nw_frag) {
        track(p, flow.dl_type, &request);
    } else {
        dp_packet_delete(p);            /* ct-frag.c. */
    }
    fuzz_ct_end();
    return 0;
}
