/* SPDX-License-Identifier: Apache-2.0 */

#ifndef FUZZ_H
#define FUZZ_H 1

#undef NDEBUG
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dp-packet.h"
#include "util.h"

/* What fuzz targets share.
 * ========================
 *
 * A target is a program of its own with one function, fed with bytes by
 * libFuzzer or by fuzz-main.c.  It aborts if what it tests does anything
 * wrong.  Nothing of one call may show in the next but memory that is kept and
 * a clock that has moved on: an input that was found has to fail again when it
 * is the only one.
 *
 * Bytes are read as numbers from the front.  Behind the end they are 0, so
 * that every input means something. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
    const uint8_t *p, *end;
};

static inline struct fuzz_input
fuzz_input_init(const uint8_t *data, size_t size)
{
    return (struct fuzz_input) { data, data + size };
}

static inline size_t
fuzz_left(const struct fuzz_input *in)
{
    return in->end - in->p;
}

static inline uint8_t
fuzz_u8(struct fuzz_input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

static inline uint16_t
fuzz_u16(struct fuzz_input *in)
{
    uint16_t high = fuzz_u8(in);

    return high << 8 | fuzz_u8(in);
}

static inline uint32_t
fuzz_u32(struct fuzz_input *in)
{
    uint32_t high = fuzz_u16(in);

    return high << 16 | fuzz_u16(in);
}

/* Less than 'n', which is at most 256. */
static inline unsigned int
fuzz_below(struct fuzz_input *in, unsigned int n)
{
    return fuzz_u8(in) % n;
}

static inline void
fuzz_bytes(struct fuzz_input *in, void *to, size_t n)
{
    size_t there = MIN(n, fuzz_left(in));

    memset(to, 0, n);
    if (there) {
        memcpy(to, in->p, there);
        in->p += there;
    }
}

/* A packet in memory of exactly its size: an address sanitizer sees what is
 * read behind its end. */
static inline struct dp_packet *
fuzz_packet(const void *frame, size_t size)
{
    struct dp_packet *p = xmalloc(sizeof *p);

    dp_packet_use(p, xmemdup(frame, size), size);
    dp_packet_set_size(p, size);
    pkt_metadata_init(&p->md, 1);
    return p;
}

#endif /* fuzz.h */
