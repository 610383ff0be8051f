/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TCP_SEGMENT_TEST_H
#define TCP_SEGMENT_TEST_H 1

/* Segments of TCP from words, for scripts:
 *
 *     FLAGS [seq=N] [ack=N] [win=N] [len=N] [ws=N] [sackok] [sack=L-R] */

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ct-l4-test.h"
#include "packets.h"
#include "util.h"

#define TCP_SEGMENT_MAX_LEN 2000        /* Of the payload. */
#define TCP_SEGMENT_MAX (20 + 40 + TCP_SEGMENT_MAX_LEN)

struct tcp_segment {
    bool reply;                 /* The server's. */
    uint8_t flags;
    uint32_t seq, ack, len;
    uint16_t win;
    int wscale;                 /* -1: none. */
    bool sack_perm;
    bool has_sack;
    uint32_t sack[2];
};

static inline bool
tcp_segment_parse_flags(const char *s, uint8_t *flags)
{
    static const char letters[] = "FSRPAUEC";

    *flags = 0;
    for (const char *c = s; *c && strcmp(s, "-"); c++) {
        const char *letter = strchr(letters, *c);

        if (!letter) {
            return false;
        }
        *flags |= 1 << (letter - letters);
    }
    return *s;
}

/* "NAME=" and a number. */
static inline bool
tcp_segment_parse_number(const char *word, const char *name, uint32_t *number)
{
    size_t n = strlen(name);
    char *end;

    if (strncmp(word, name, n) || word[n] != '=') {
        return false;
    }
    *number = strtoul(word + n + 1, &end, 10);
    return end > word + n + 1 && !*end;
}

static inline bool
tcp_segment_parse_field(const char *word, struct tcp_segment *s)
{
    uint32_t number;

    if (tcp_segment_parse_number(word, "win", &number)) {
        s->win = number;
    } else if (tcp_segment_parse_number(word, "ws", &number)) {
        s->wscale = number;
    } else if (!strcmp(word, "sackok")) {
        s->sack_perm = true;
    } else if (ovs_scan(word, "sack=%"SCNu32"-%"SCNu32, &s->sack[0],
                        &s->sack[1])) {
        s->has_sack = true;
    } else {
        return (tcp_segment_parse_number(word, "seq", &s->seq)
                || tcp_segment_parse_number(word, "ack", &s->ack)
                || (tcp_segment_parse_number(word, "len", &s->len)
                    && s->len <= TCP_SEGMENT_MAX_LEN));
    }
    return true;
}

/* The words that strtok_r() has still to give, up to "=".  Numbers count from
 * where client and server begin.  Returns NULL, or what is wrong. */
static inline const char *
tcp_segment_parse(char **save, const uint32_t isn[2], struct tcp_segment *s)
{
    const char *word = strtok_r(NULL, " ", save);

    s->wscale = -1;
    s->win = 1000;
    if (!word || !tcp_segment_parse_flags(word, &s->flags)) {
        return word ? word : "";
    }
    while ((word = strtok_r(NULL, " ", save)) && strcmp(word, "=")) {
        if (!tcp_segment_parse_field(word, s)) {
            return word;
        }
    }
    s->seq += isn[s->reply];
    if (s->flags & TCP_ACK) {
        s->ack += isn[!s->reply];
    }
    for (int i = 0; i < 2; i++) {
        s->sack[i] += isn[!s->reply];
    }
    return NULL;
}

static inline size_t
tcp_segment_put_options(const struct tcp_segment *s, uint8_t *p)
{
    uint8_t *start = p;

    if (s->sack_perm) {
        memcpy(p, "\4\2\1\1", 4);
        p += 4;
    }
    if (s->wscale >= 0) {
        memcpy(p, "\3\3\0\1", 4);
        p[2] = s->wscale;
        p += 4;
    }
    if (s->has_sack) {
        memcpy(p, "\1\1\5\12", 4);
        test_put32(p + 4, s->sack[0]);
        test_put32(p + 8, s->sack[1]);
        p += 12;
    }
    return p - start;
}

/* Header, without checksum, and payload.  Returns how many bytes. */
static inline size_t
tcp_segment_put(const struct tcp_segment *s, uint8_t bytes[TCP_SEGMENT_MAX])
{
    const uint16_t client = 40000, server = 80;
    size_t header_len;

    memset(bytes, 0, TCP_SEGMENT_MAX);
    test_put16(bytes, s->reply ? server : client);
    test_put16(bytes + 2, s->reply ? client : server);
    test_put32(bytes + 4, s->seq);
    test_put32(bytes + 8, s->ack);
    header_len = 20 + tcp_segment_put_options(s, bytes + 20);
    bytes[12] = header_len / 4 << 4;
    bytes[13] = s->flags;
    test_put16(bytes + 14, s->win);
    return header_len + s->len;
}

#endif /* tcp-segment-test.h */
