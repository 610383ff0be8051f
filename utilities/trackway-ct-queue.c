/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: what of a log waits to be written. */

#include <config.h>

#include "trackway-ct-queue.h"

#include <string.h>

#include "util.h"

#define FIRST_SIZE 65536

static void make_room(struct tct_queue *, size_t size);

/* In bytes, aligned. */
static size_t
entry_size(size_t data_size)
{
    return ROUND_UP(sizeof(struct tct_queue_entry) + data_size,
                    sizeof(uint32_t));
}

void
tct_queue_init(struct tct_queue *queue, size_t room)
{
    memset(queue, 0, sizeof *queue);
    queue->room = room;
}

void
tct_queue_uninit(struct tct_queue *queue)
{
    free(queue->data);
}

bool
tct_queue_add(struct tct_queue *queue, uint16_t template, const void *data,
              size_t size)
{
    struct tct_queue_entry *entry;

    if (tct_queue_is_full(queue) || size > UINT16_MAX) {
        return false;
    }
    make_room(queue, entry_size(size));
    entry = (void *) (queue->data + queue->tail);
    entry->template = template;
    entry->size = size;
    memcpy(entry->data, data, size);
    queue->tail += entry_size(size);
    queue->n++;
    return true;
}

/* It may become longer than its room by one entry. */
bool
tct_queue_is_full(const struct tct_queue *queue)
{
    return queue->tail - queue->head >= queue->room;
}

uint64_t
tct_queue_count(const struct tct_queue *queue)
{
    return queue->n;
}

const struct tct_queue_entry *
tct_queue_peek(const struct tct_queue *queue,
               const struct tct_queue_mark *mark)
{
    size_t ofs = queue->head + mark->ofs;

    return ofs < queue->tail ? (const void *) (queue->data + ofs) : NULL;
}

void
tct_queue_next(const struct tct_queue *queue, struct tct_queue_mark *mark)
{
    mark->ofs += entry_size(tct_queue_peek(queue, mark)->size);
    mark->n++;
}

void
tct_queue_rewind(struct tct_queue_mark *mark)
{
    mark->ofs = 0;
    mark->n = 0;
}

uint64_t
tct_queue_pop(struct tct_queue *queue, struct tct_queue_mark *mark)
{
    uint64_t n = mark->n;

    queue->head += mark->ofs;
    queue->n -= n;
    if (queue->head == queue->tail) {
        queue->head = queue->tail = 0;
    }
    tct_queue_rewind(mark);
    return n;
}

static void
make_room(struct tct_queue *queue, size_t size)
{
    size_t used = queue->tail - queue->head;

    if (queue->tail + size <= queue->allocated) {
        return;
    }
    if (queue->head >= used) {
        /* Moves each byte once at most for one that was taken away. */
        memcpy(queue->data, queue->data + queue->head, used);
        queue->head = 0;
        queue->tail = used;
    }
    if (queue->tail + size > queue->allocated) {
        queue->allocated = MAX(2 * queue->allocated, FIRST_SIZE) + size;
        queue->data = xrealloc(queue->data, queue->allocated);
    }
}
