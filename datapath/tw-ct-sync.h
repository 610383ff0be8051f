/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_SYNC_H
#define TW_CT_SYNC_H 1

#include <stdint.h>

#include "ct-netlink.h"

struct ds;
struct tw_datapath;

/* Hot standby: two daemons, of which one holds what the other one has.
 * =====================================================================
 *
 * What
 * ----
 * The active daemon listens (other_config:ct-sync-listen), the standby
 * connects to it (other_config:ct-sync).  Through the stream come netlink
 * messages (ct-netlink.h): a bulk of all connections, and from the beginning
 * on each change.  The standby makes them its own (ct-replica.h), and none of
 * them expires there.  When its ct-sync is taken away, it is on its own: from
 * then on its connections live by the packets that it sees.
 *
 * After a break, or when changes were lost because the standby was slow, a new
 * bulk comes; what it does not tell of is ended.
 *
 * Shapes
 * ------
 * Beside IPCTNL_MSG_CT_NEW and _DELETE, whose attributes are those of a list,
 * these messages, with CTA_TRACKWAY and in it CT_NLA_COUNT:
 *
 *    TW_SYNC_BEGIN       a bulk begins
 *    TW_SYNC_END         it is complete; how many connections it had
 *    TW_SYNC_BEAT        every second; messages so far.  The standby sends it
 *                        back when it has done what came before.
 *
 * Only TLS ("pssl:", "ssl:", with the keys of ovs-vsctl set-ssl, both sides
 * verified) and local sockets ("punix:", "unix:").
 *
 * Not told: expectations, counters between two events, TCP windows (learnt
 * anew), connections whose payload a helper has changed in length.
 *
 * Threads: the main thread; events are taken in the feed's (ct-feed.h). */

#define TW_SYNC_BEGIN   CT_NL_TYPE(0x81)
#define TW_SYNC_END     CT_NL_TYPE(0x82)
#define TW_SYNC_BEAT    CT_NL_TYPE(0x83)

#define TW_SYNC_BEAT_MS 1000
/* Without any message for so long, the other side is gone. */
#define TW_SYNC_SILENCE_MS 5000

/* 'listen' and 'connect' may be NULL.  Returns NULL, or what is wrong, which
 * the caller frees; then nothing has changed. */
char *tw_ct_sync_configure(struct tw_datapath *, const char *listen,
                           const char *connect);
void tw_ct_sync_run(struct tw_datapath *);
void tw_ct_sync_wait(struct tw_datapath *);
/* The datapath ends. */
void tw_ct_sync_end(struct tw_datapath *);

/* Role, peers, lag, loss. */
void tw_ct_sync_format(const struct tw_datapath *, struct ds *);

/* Drops the first 'n' bytes of 'buf'; the others move to its front, so that it
 * needs no more room however long a stream is. */
void tw_sync_drop(struct ofpbuf *, size_t n);

/* A message of those above. */
void tw_sync_put(struct ofpbuf *, uint16_t type, uint64_t count);
/* Its count; 0 if there is none. */
uint64_t tw_sync_count(const struct ofpbuf *msg);

#endif /* tw-ct-sync.h */
