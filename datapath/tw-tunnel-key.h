/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_TUNNEL_KEY_H
#define TW_TUNNEL_KEY_H 1

#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/packets.h"

/* Tunnels by number, for keys (tw-track-key.h).
 * ==============================================
 *
 * What
 * ----
 * A packet that came out of a tunnel carries what its outer headers said, with
 * options some hundred bytes.  Few packets differ in it.  So each set of
 * values gets a number, and that is what the key holds.
 *
 * Outer transport ports are left out: the source port is different for each
 * inner flow, and no OpenFlow field looks at either.  A program whose
 * megaflows do is refused (tw-compile.c).
 *
 * Promises
 * --------
 * Two packets have the same number only if all else of their tunnel metadata
 * is the same, as long as tw_tunnel_keys_clear() was not called in between.
 *
 * Threads: a thread's own.
 */

#define TW_MAX_TUNNEL_KEYS 8192

struct tw_tunnel_keys {
    struct hmap by_value;
    uint16_t last;              /* Number given last. */
};

void tw_tunnel_keys_init(struct tw_tunnel_keys *);
void tw_tunnel_keys_uninit(struct tw_tunnel_keys *);
void tw_tunnel_keys_clear(struct tw_tunnel_keys *);

/* The number, never 0, of 'tnl'; 0 if there are TW_MAX_TUNNEL_KEYS others. */
uint16_t tw_tunnel_key(struct tw_tunnel_keys *, const struct flow_tnl *tnl);

#endif /* tw-tunnel-key.h */
