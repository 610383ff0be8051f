/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACKWAY_CT_QUEUE_H
#define TRACKWAY_CT_QUEUE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Records or lines of a log that wait to be written, in order.
 * =============================================================
 *
 * The writer reads on, entry by entry, from a mark; what it has written up to
 * there it takes away.  If it has not, it goes back to the first.
 *
 * A mark of zeros is at the first entry. */

struct tct_queue_entry {
    uint16_t template;          /* Of IPFIX; 0: a line. */
    uint16_t size;
    char data[];
};

struct tct_queue {
    char *data;
    size_t head, tail;          /* Bytes before the first entry, and behind
                                 * the last. */
    size_t allocated, room;
    uint64_t n;
};

struct tct_queue_mark {
    size_t ofs;                 /* From 'head'. */
    uint64_t n;
};

void tct_queue_init(struct tct_queue *, size_t room);
void tct_queue_uninit(struct tct_queue *);

/* False: there is no room. */
bool tct_queue_add(struct tct_queue *, uint16_t template, const void *,
                   size_t);
bool tct_queue_is_full(const struct tct_queue *);
uint64_t tct_queue_count(const struct tct_queue *);

/* NULL: there is no more. */
const struct tct_queue_entry *tct_queue_peek(const struct tct_queue *,
                                             const struct tct_queue_mark *);
void tct_queue_next(const struct tct_queue *, struct tct_queue_mark *);
void tct_queue_rewind(struct tct_queue_mark *);

/* Takes away what is before the mark, and returns how many. */
uint64_t tct_queue_pop(struct tct_queue *, struct tct_queue_mark *);

#endif /* trackway-ct-queue.h */
