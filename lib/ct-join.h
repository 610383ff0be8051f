/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_JOIN_H
#define CT_JOIN_H 1

#include <stdint.h>
#include <string.h>

/* Words of fields that follow each other in memory.
 * ==================================================
 *
 * What is hashed or compared at once is written at once, too: a load that
 * takes its bytes from more than one store has to wait for all of them. */

static inline uint16_t
ct_join8(uint8_t first, uint8_t second)
{
    const uint8_t bytes[] = { first, second };
    uint16_t word;

    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint32_t
ct_join16(uint16_t first, uint16_t second)
{
#ifdef WORDS_BIGENDIAN
    return (uint32_t) first << 16 | second;
#else
    return (uint32_t) second << 16 | first;
#endif
}

static inline uint64_t
ct_join32(uint32_t first, uint32_t second)
{
#ifdef WORDS_BIGENDIAN
    return (uint64_t) first << 32 | second;
#else
    return (uint64_t) second << 32 | first;
#endif
}

#endif /* ct-join.h */
