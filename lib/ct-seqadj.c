/* SPDX-License-Identifier: Apache-2.0 */

/* Sequence numbers behind a changed payload.  Called by ct-helper.c for each
 * packet of such a connection, and by ct-tcp-window.c, which goes by what the
 * ends themselves have sent. */

#include <config.h>

#include "ct-seqadj.h"

#include "ct-cursor.h"
#include "ct-rewrite.h"
#include "ct-tcp-window.h"
#include "csum.h"
#include "packets.h"

#define OPT_EOL 0
#define OPT_NOP 1
#define OPT_SACK 5
#define SACK_BLOCK_LEN 8

#define MAX_WINDOW (UINT32_C(1) << 30)

static bool make_room(struct ct_seqadj *, uint32_t acked);
static void forget_oldest(struct ct_seqadj *);
static void add(uint8_t *tcp, size_t ofs, int32_t delta, bool partial);
static void rewrite_sack(uint8_t *tcp, size_t len, const struct ct_seqadj *,
                         bool partial);

/* What lies between the change 'i' and the one before it gains. */
static int32_t
before(const struct ct_seqadj *adj, unsigned int i)
{
    return i ? adj->changes[i - 1].after : adj->before;
}

void
ct_seqadj_forget_old(struct ct_seqadj *adj, uint32_t seq)
{
    while (adj->n && ct_tcp_after(seq, adj->changes[0].pos + MAX_WINDOW)) {
        forget_oldest(adj);
    }
}

bool
ct_seqadj_set(struct ct_seqadj *adj, const struct ct_seqadj_segment *segment,
              uint32_t acked)
{
    int32_t from = ct_seqadj_seq(adj, segment->seq);
    int32_t to = ct_seqadj_seq(adj, segment->end);

    if (from != to || !segment->delta) {
        return to - from == segment->delta;
    }
    if ((adj->n && !ct_tcp_after(segment->pos, adj->changes[adj->n - 1].pos))
        || !make_room(adj, acked)) {
        return false;
    }
    adj->changes[adj->n] = (struct ct_seqadj_change) {
        .pos = segment->pos,
        .after = before(adj, adj->n) + segment->delta,
    };
    adj->n++;
    return true;
}

int32_t
ct_seqadj_seq(const struct ct_seqadj *adj, uint32_t seq)
{
    unsigned int i = adj->n;

    while (i && !ct_tcp_after(seq, adj->changes[i - 1].pos)) {
        i--;
    }
    return before(adj, i);
}

int32_t
ct_seqadj_ack(const struct ct_seqadj *adj, uint32_t ack)
{
    unsigned int i = adj->n;

    while (i && !ct_tcp_after(ack - before(adj, i - 1),
                              adj->changes[i - 1].pos)) {
        i--;
    }
    return before(adj, i);
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
        if (peer->n || peer->before) {
            rewrite_sack(tcp, len, peer, partial);
        }
    }
}

/* Adds 'delta' to the number at 'p'.  Returns what a checksum gains. */
static uint16_t
put_back(uint8_t *p, int32_t delta)
{
    ovs_be32 old, new;

    memcpy(&old, p, sizeof old);
    new = htonl(ntohl(old) + delta);
    memcpy(p, &new, sizeof new);
    return (delta
            ? ct_rewrite_add(~(OVS_FORCE uint16_t) csum(&new, sizeof new),
                             (OVS_FORCE uint16_t) csum(&old, sizeof old))
            : 0);
}

uint16_t
ct_seqadj_restore(uint8_t *tcp, size_t len, const struct ct_seqadj *own,
                  const struct ct_seqadj *peer)
{
    struct tcp_header *th = (struct tcp_header *) tcp;
    struct ct_cursor c = ct_cursor_init(tcp, len);
    uint32_t seq, ack;
    uint16_t gain = 0;

    ct_cursor_skip(&c, offsetof(struct tcp_header, tcp_seq));
    if (ct_cursor_be32(&c, &seq)) {
        gain = put_back((uint8_t *) &th->tcp_seq, -ct_seqadj_ack(own, seq));
    }
    if (ct_cursor_be32(&c, &ack)) {
        gain = ct_rewrite_add(gain, put_back((uint8_t *) &th->tcp_ack,
                                             ct_seqadj_seq(peer, ack)));
    }
    if (len >= TCP_HEADER_LEN) {
        th->tcp_csum = ct_rewrite_csum(th->tcp_csum, gain);
        gain = 0;
    }
    return gain;
}

/* What lies before a change that is forgotten gets a wrong number when it is
 * sent again.  That does no harm if the peer has all up to the next change: it
 * comes to lie among what is there already. */
static bool
make_room(struct ct_seqadj *adj, uint32_t acked)
{
    if (adj->n < CT_SEQADJ_MAX) {
        return true;
    }
    if (ct_tcp_before(acked, adj->changes[1].pos)) {
        return false;
    }
    forget_oldest(adj);
    return true;
}

static void
forget_oldest(struct ct_seqadj *adj)
{
    adj->before = adj->changes[0].after;
    memmove(adj->changes, adj->changes + 1,
            --adj->n * sizeof adj->changes[0]);
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
