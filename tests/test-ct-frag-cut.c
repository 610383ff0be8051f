/* SPDX-License-Identifier: Apache-2.0 */

/* Datagrams in fragments whose payload a helper changes: what leaves must be,
 * put together, what leaves if the datagram comes whole. */

#include <config.h>

#include "ct-frag-test.h"

#include "ct-frag.h"
#include "ipf.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "timeval.h"

#define WHOLE_ZONE 1
#define FRAGMENTS_ZONE 2
#define ID 77

static struct ct *ct;
static long long now;

/* Hosts: who calls, and as whom that one is seen. */
struct nat {
    bool ipv6;
    uint16_t from, to;
};

static void
put_host(struct ds *ds, bool ipv6, uint16_t host)
{
    if (ipv6) {
        ds_put_format(ds, host > 9 ? "fd00::%x" : "fd00::%u", host);
    } else {
        ds_put_format(ds, "10.0.%u.%u", host >> 8, host & 0xff);
    }
}

static void
put_place(struct ds *ds, bool ipv6, uint16_t host)
{
    ds_put_cstr(ds, ipv6 ? "[" : "");
    put_host(ds, ipv6, host);
    ds_put_cstr(ds, ipv6 ? "]:5060" : ":5060");
}

/* Addresses are near both ends, with 'filler' bytes in between. */
static void
put_invite(struct ds *ds, const struct nat *nat, size_t filler)
{
    const char *family = nat->ipv6 ? "IP6" : "IP4";
    struct ds body = DS_EMPTY_INITIALIZER;

    ds_put_format(&body, "v=0\r\no=- 1 1 IN %s ", family);
    put_host(&body, nat->ipv6, nat->from);
    ds_put_cstr(&body, "\r\ns=");
    ds_put_char_multiple(&body, 'x', filler);
    ds_put_format(&body, "\r\nc=IN %s ", family);
    put_host(&body, nat->ipv6, nat->from);
    ds_put_cstr(&body, "\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n");

    ds_put_cstr(ds, "INVITE sip:b@example.org SIP/2.0\r\n"
                    "Via: SIP/2.0/UDP ");
    put_place(ds, nat->ipv6, nat->from);
    ds_put_cstr(ds, ";branch=1\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
                    "Contact: <sip:a@");
    put_place(ds, nat->ipv6, nat->from);
    ds_put_format(ds, ">\r\nContent-Length: %"PRIuSIZE"\r\n\r\n%s",
                  body.length, ds_cstr(&body));
    ds_destroy(&body);
}

static struct dp_packet *
make_invite(const struct nat *nat, size_t filler)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct test_spec spec = {
        .ipv6 = nat->ipv6, .proto = IPPROTO_UDP, .src = nat->from, .dst = 2,
        .sport = 5060, .dport = 5060,
    };
    struct dp_packet *p;
    struct udp_header *uh;

    put_invite(&ds, nat, filler);
    spec.len = ds.length;
    p = test_packet(&spec);
    uh = dp_packet_l4(p);
    memcpy(uh + 1, ds_cstr(&ds), ds.length);
    uh->udp_csum = 0;
    uh->udp_csum = csum_finish(csum_continue(test_pseudo_csum(p, nat->ipv6),
                                             uh, dp_packet_l4_size(p)));
    ds_destroy(&ds);
    return p;
}

static struct ct_request
request_of(const struct nat *nat, uint16_t zone)
{
    struct ct_request request = {
        .zone = zone, .commit = true, .helper = "sip",
        .nat = { .kind = CT_NAT_SRC, .have_addr = true, .ipv6 = nat->ipv6 },
    };

    if (nat->ipv6) {
        request.nat.min_addr.ip6 = test_ip6(nat->to);
    } else {
        request.nat.min_addr.ip = test_ip(nat->to);
    }
    request.nat.max_addr = request.nat.min_addr;
    return request;
}

/* The place of a fragment, and whether more follow. */
static size_t
place_of(const struct dp_packet *p, bool ipv6, bool *more)
{
    const struct ip_header *ip = dp_packet_l3(p);
    const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(p);
    const struct ovs_16aligned_ip6_frag *fh = (const void *) (ip6 + 1);

    if (ipv6) {
        assert(ip6->ip6_nxt == IPPROTO_FRAGMENT
               && fh->ip6f_nxt == IPPROTO_UDP
               && get_16aligned_be32(&fh->ip6f_ident) == htonl(ID));
        assert(ntohs(ip6->ip6_plen) == dp_packet_l3_size(p) - sizeof *ip6);
        *more = fh->ip6f_offlg & IP6F_MORE_FRAG;
        return ntohs(fh->ip6f_offlg & IP6F_OFF_MASK);
    }
    assert(ip->ip_id == htons(ID) && !csum(ip, IP_HEADER_LEN));
    assert(ntohs(ip->ip_tot_len) == dp_packet_l3_size(p));
    *more = ip->ip_frag_off & htons(IP_MORE_FRAGMENTS);
    return (ntohs(ip->ip_frag_off) & IP_FRAG_OFF_MASK) * 8;
}

/* What leaves must have the addresses of 'whole' and be its parts. */
static void
check_parts(struct dp_packet_batch *batch, const struct dp_packet *whole,
            bool ipv6, size_t max)
{
    const size_t addr = ipv6 ? 8 : 12, addr_len = ipv6 ? 32 : 8;
    const char *l4 = dp_packet_l4(whole);
    size_t at = 0;
    struct dp_packet *p;
    bool more = true;

    DP_PACKET_BATCH_FOR_EACH (i, p, batch) {
        size_t n = dp_packet_l4_size(p);

        assert(p->md.ct_state == whole->md.ct_state);
        assert(p->md.ct_zone == FRAGMENTS_ZONE);
        assert(!memcmp((char *) dp_packet_l3(p) + addr,
                       (char *) dp_packet_l3(whole) + addr, addr_len));
        assert(more && place_of(p, ipv6, &more) == at && n <= max);
        assert(at + n <= dp_packet_l4_size(whole)
               && !memcmp(dp_packet_l4(p), l4 + at, n));
        at += n;
    }
    assert(!more && at == dp_packet_l4_size(whole));
}

static void
test_invite(const struct nat *nat, size_t filler, size_t size)
{
    const struct ct_request whole_request = request_of(nat, WHOLE_ZONE);
    const struct ct_request request = request_of(nat, FRAGMENTS_ZONE);
    const ovs_be16 dl_type = htons(nat->ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    struct dp_packet *sent = make_invite(nat, filler), *whole;
    size_t sent_len = dp_packet_l4_size(sent);
    struct dp_packet_batch batch;
    struct datagram d;

    datagram_cut(&d, sent, nat->ipv6, ID, size);
    whole = test_ct(ct, sent, nat->ipv6, &whole_request, now);
    assert(whole && dp_packet_l4_size(whole) != sent_len);

    /* The last one first. */
    for (size_t i = d.n; i-- > 0; ) {
        dp_packet_batch_init_packet(&batch, d.frags[i]);
        ct_execute(ct, &batch, dl_type, &request, now);
        assert(!i == !dp_packet_batch_is_empty(&batch));
    }
    check_parts(&batch, whole, nat->ipv6, size);
    dp_packet_delete_batch(&batch, true);
    dp_packet_delete(whole);
    ct_flush(ct, NULL, NULL);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    /* Addresses get longer and shorter. */
    static const struct nat nats[] = {
        { false, 3, 0x6464 }, { false, 0x6464, 3 },
        { true, 3, 0x6464 }, { true, 0x6464, 3 },
    };

    set_program_name(argv[0]);
    ct = ct_create();
    now = time_msec();
    ipf_set_min_frag(ct_ipf(ct), false, 400);
    ipf_set_min_frag(ct_ipf(ct), true, 400);
    for (size_t i = 0; i < ARRAY_SIZE(nats); i++) {
        for (size_t filler = 1200; filler < 1300; filler++) {
            test_invite(&nats[i], filler, 1280);
            test_invite(&nats[i], filler, 800);
        }
        ovsrcu_quiesce();
    }
    assert(!ct_counter_get(ct, CT_C_DROP_MANGLE));
    ct_destroy(ct);
    puts("ct-frag-cut: ok");
    return 0;
}
