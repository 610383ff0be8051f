/* SPDX-License-Identifier: Apache-2.0 */

/* Sequence numbers behind a changed payload.  Called by ct-helper.c for each
 * packet of such a connection, and by ct-tcp-window.c, which goes by what the
 * ends themselves have sent. */

#include <config.h>

#include "ct-seqadj.h"

#include "ct-cursor.h"
#include "ct-tcp-window.h"
#include "csum.h"
#include "packets.h"

#define OPT_EOL 0
#define OPT_NOP 1
#define OPT_SACK 5
#define SACK_BLOCK_LEN 8

static void add(uint8_t *tcp, size_t ofs, int32_t delta, bool partial);
static void rewrite_sack(uint8_t *tcp, size_t len, const struct ct_seqadj *,
                         bool partial);

static bool
is_empty(const struct ct_seqadj *adj)
{
    return !adj->before && !adj->after;
}

bool
ct_seqadj_may_change(const struct ct_seqadj *adj, uint32_t seq)
{
    return is_empty(adj) || !ct_tcp_before(seq, adj->pos);
}

bool
ct_seqadj_set(struct ct_seqadj *adj, uint32_t seq, int32_t delta)
{
    if (!is_empty(adj) && seq == adj->pos) {
        return adj->after - adj->before == delta;
    }
    if (!ct_seqadj_may_change(adj, seq)) {
        return !delta;
    }
    if (delta) {
        adj->pos = seq;
        adj->before = adj->after;
        adj->after += delta;
    }
    return true;
}

int32_t
ct_seqadj_seq(const struct ct_seqadj *adj, uint32_t seq)
{
    return ct_tcp_after(seq, adj->pos) ? adj->after : adj->before;
}

int32_t
ct_seqadj_ack(const struct ct_seqadj *adj, uint32_t ack)
{
    return (ct_tcp_after(ack - adj->before, adj->pos) ? adj->after
            : adj->before);
}

void
ct_seqadj_rewrite(uint8_t *tcp, size_t len, const struct ct_seqadj *own,
                  const struct ct_seqadj *peer, bool partial)
{
    const struct tcp_header *th = (const struct tcp_header *) tcp;
    uint32_t seq = ntohl(get_16aligned_be32(&th->tcp_seq));
    uint32_t ack = ntohl(get_16aligned_be32(&th->tcp_ack));

    add(tcp, offsetof(struct tcp_header, tcp_seq), ct_seqadj_seq(own, seq),
        partial);
    if (TCP_FLAGS(th->tcp_ctl) & TCP_ACK) {
        add(tcp, offsetof(struct tcp_header, tcp_ack),
            -ct_seqadj_ack(peer, ack), partial);
        if (!is_empty(peer)) {
            rewrite_sack(tcp, len, peer, partial);
        }
    }
}

/* Adds 'delta' to the number at 'ofs'.  The checksum is adjusted word by word,
 * which an odd offset would turn around. */
static void
add(uint8_t *tcp, size_t ofs, int32_t delta, bool partial)
{
    struct tcp_header *th = (struct tcp_header *) tcp;
    ovs_be32 old, new;

    if (!delta) {
        return;
    }
    memcpy(&old, tcp + ofs, sizeof old);
    new = htonl(ntohl(old) + delta);
    memcpy(tcp + ofs, &new, sizeof new);
    if (partial) {
        return;
    }
    if (ofs % 2) {
        old = htonl(ntohl(old) << 8 | ntohl(old) >> 24);
        new = htonl(ntohl(new) << 8 | ntohl(new) >> 24);
    }
    th->tcp_csum = recalc_csum32(th->tcp_csum, old, new);
}

static void
rewrite_block(uint8_t *tcp, size_t ofs, const struct ct_seqadj *adj,
              bool partial)
{
    for (size_t i = 0; i < SACK_BLOCK_LEN; i += sizeof(ovs_be32)) {
        ovs_be32 edge;

        memcpy(&edge, tcp + ofs + i, sizeof edge);
        add(tcp, ofs + i, -ct_seqadj_ack(adj, ntohl(edge)), partial);
    }
}

/* RFC 2018 section 3. */
static void
rewrite_sack(uint8_t *tcp, size_t len, const struct ct_seqadj *adj,
             bool partial)
{
    size_t ofs = TCP_HEADER_LEN;

    while (ofs + 2 <= len && tcp[ofs] != OPT_EOL) {
        size_t size = tcp[ofs] == OPT_NOP ? 1 : tcp[ofs + 1];

        if (!size || ofs + size > len || (tcp[ofs] != OPT_NOP && size < 2)) {
            return;
        }
        if (tcp[ofs] == OPT_SACK) {
            for (size_t i = 2; i + SACK_BLOCK_LEN <= size;
                 i += SACK_BLOCK_LEN) {
                rewrite_block(tcp, ofs + i, adj, partial);
            }
        }
        ofs += size;
    }
}
