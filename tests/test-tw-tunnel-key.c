/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers of tunnels: the same for whoever differs in nothing but ports. */

#include <config.h>

#undef NDEBUG
#include <assert.h>
#include <string.h>

#include "flow.h"
#include "packets.h"
#include "tw-tunnel-key.h"
#include "util.h"

static void
base_tunnel(struct flow_tnl *tnl)
{
    memset(tnl, 0, sizeof *tnl);
    tnl->ip_src = htonl(0x0a000001);
    tnl->ip_dst = htonl(0x0a000002);
    tnl->tun_id = htonll(5);
    tnl->ip_ttl = 64;
    tnl->flags = FLOW_TNL_F_KEY;
    tnl->tp_src = htons(40000);
    tnl->tp_dst = htons(6081);
}

static void
with_options(struct flow_tnl *tnl, uint8_t len)
{
    base_tunnel(tnl);
    tnl->flags |= FLOW_TNL_F_UDPIF;
    tnl->metadata.present.len = len;
    memset(tnl->metadata.opts.gnv, 0x11, len);
}

static void
test_ports(void)
{
    struct tw_tunnel_keys keys;
    struct flow_tnl tnl;
    uint16_t number;

    tw_tunnel_keys_init(&keys);
    base_tunnel(&tnl);
    number = tw_tunnel_key(&keys, &tnl);
    assert(number);
    tnl.tp_src = htons(50000);
    tnl.tp_dst = htons(4789);
    assert(tw_tunnel_key(&keys, &tnl) == number);
    tnl.tp_src = tnl.tp_dst = 0;
    assert(tw_tunnel_key(&keys, &tnl) == number);
    assert(hmap_count(&keys.by_value) == 1);
    tw_tunnel_keys_uninit(&keys);
}

/* Sets one bit of each byte that is a value of 'tnl', which has no options:
 * all but the ports make another tunnel. */
static void
test_fields(void)
{
    size_t size = offsetof(struct flow_tnl, gbp_flags) + 1;
    size_t ports = offsetof(struct flow_tnl, tp_src);
    struct tw_tunnel_keys keys;
    struct flow_tnl tnl;

    tw_tunnel_keys_init(&keys);
    base_tunnel(&tnl);
    assert(tw_tunnel_key(&keys, &tnl) == 1);
    for (size_t i = 0, n = 1; i < size; i++) {
        uint8_t *byte = (uint8_t *) &tnl + i;
        bool is_port = i >= ports && i < ports + 4;

        /* FLOW_TNL_F_UDPIF would be another layout. */
        *byte ^= 1;
        if (!(tnl.flags & FLOW_TNL_F_UDPIF)) {
            n += !is_port;
            assert(tw_tunnel_key(&keys, &tnl) == (is_port ? 1 : n));
        }
        *byte ^= 1;
        assert(tw_tunnel_key(&keys, &tnl) == 1);
    }
    tnl.erspan_ver = 2;
    tnl.erspan_idx = 7;
    assert(tw_tunnel_key(&keys, &tnl) == keys.last);
    tw_tunnel_keys_uninit(&keys);
}

static void
test_ipv6(void)
{
    struct tw_tunnel_keys keys;
    struct flow_tnl tnl;

    tw_tunnel_keys_init(&keys);
    base_tunnel(&tnl);
    tnl.ip_src = tnl.ip_dst = 0;
    tnl.ipv6_dst.s6_addr[15] = 1;
    assert(tw_tunnel_key(&keys, &tnl) == 1);
    tnl.ipv6_src.s6_addr[15] = 1;
    assert(tw_tunnel_key(&keys, &tnl) == 2);
    tnl.ipv6_dst.s6_addr[0] = 1;
    assert(tw_tunnel_key(&keys, &tnl) == 3);
    tw_tunnel_keys_uninit(&keys);
}

/* Options count as far as they go: no byte behind them. */
static void
test_options(void)
{
    struct tw_tunnel_keys keys;
    struct flow_tnl tnl;

    tw_tunnel_keys_init(&keys);
    with_options(&tnl, 0);
    assert(tw_tunnel_key(&keys, &tnl) == 1);
    for (uint8_t i = 1; i < 32; i++) {
        with_options(&tnl, 4 * i);
        assert(tw_tunnel_key(&keys, &tnl) == 2 * i);
        tnl.metadata.opts.u8[4 * i - 1] ^= 1;
        assert(tw_tunnel_key(&keys, &tnl) == 2 * i + 1);
        tnl.metadata.opts.u8[4 * i - 1] ^= 1;
        memset(&tnl.metadata.opts.u8[4 * i], 0x77, 8);
        assert(tw_tunnel_key(&keys, &tnl) == 2 * i);
    }
    tw_tunnel_keys_uninit(&keys);
}

/* There are so many numbers, all different, and then none, until they are
 * cleared. */
static void
test_limit(void)
{
    struct tw_tunnel_keys keys;
    struct flow_tnl tnl;

    tw_tunnel_keys_init(&keys);
    base_tunnel(&tnl);
    for (uint32_t i = 1; i <= TW_MAX_TUNNEL_KEYS; i++) {
        tnl.tun_id = htonll(i);
        assert(tw_tunnel_key(&keys, &tnl) == i);
    }
    tnl.tun_id = htonll(TW_MAX_TUNNEL_KEYS + 1);
    assert(!tw_tunnel_key(&keys, &tnl));
    assert(hmap_count(&keys.by_value) == TW_MAX_TUNNEL_KEYS);
    for (uint32_t i = TW_MAX_TUNNEL_KEYS; i > 0; i--) {
        tnl.tun_id = htonll(i);
        assert(tw_tunnel_key(&keys, &tnl) == i);
    }

    tw_tunnel_keys_clear(&keys);
    assert(hmap_is_empty(&keys.by_value));
    tnl.tun_id = htonll(TW_MAX_TUNNEL_KEYS + 1);
    assert(tw_tunnel_key(&keys, &tnl) == 1);
    tw_tunnel_keys_uninit(&keys);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    test_ports();
    test_fields();
    test_ipv6();
    test_options();
    test_limit();
    return 0;
}
