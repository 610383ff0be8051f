/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_H
#define CT_HELPER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct-conn.h"
#include "ct-seqadj.h"
#include "ct-tuple.h"

struct ct;
struct ct_packet;

/* Helpers: who reads the payload of which connection.
 * ====================================================
 *
 * What
 * ----
 * Some protocols announce, in the payload of one connection, where another one
 * will go.  A helper is one file with one const table; CT_HELPERS lists them.
 * Its read() is given a payload and says whether, and where, an address and
 * port are announced.  All else is done here: the expectation (ct-expect.h);
 * under translation another address and port in the payload (ct-mangle.h), and
 * the sequence numbers behind it (ct-seqadj.h).
 *
 * A connection gets its helper when it is committed, and keeps it: by
 * ct(commit,alg=NAME), or else by the policy for its zone, protocol and
 * destination port (ct-helper-policy.h).  Never by itself.
 *
 * Promises
 * --------
 * - A packet of a translated connection is read when it is translated, once.
 * - A payload that cannot be understood or rewritten where it has to be is
 *   dropped and counted: neither untranslated addresses nor wrong sequence
 *   numbers get out.
 *
 * Threads: any, concurrently; read() and write() are called under the
 * connection's lock. */

#define CT_HELPERS                                                           \
    CT_HELPER(ftp)                                                           \
    CT_HELPER(tftp)

/* Longest text that write() makes: "|2|", an IPv6 address, "|65535|". */
#define CT_HELPER_MAX_TEXT 64

enum ct_helper_verdict {
    CT_HELPER_NOTHING,          /* Nothing of interest. */
    CT_HELPER_FOUND,
    CT_HELPER_REFUSED,          /* An address that is not the peer's: nothing
                                 * is expected.  To be counted. */
    CT_HELPER_BAD               /* Incomplete or wrong: drop. */
};

/* An announcement. */
struct ct_helper_found {
    enum ct_dir dir;            /* Direction, in terms of the connection, in
                                 * which the new one will be opened. */
    ovs_be16 port;              /* Its destination. */
    bool any_src;               /* From any address. */
    size_t text_ofs, text_len;  /* Where in the payload; 0, 0: nowhere. */
    int style;                  /* How it is written, for write(). */
};

/* What a helper remembers of a connection.  Zero at first. */
struct ct_helper_state {
    uint32_t words[8];
};

struct ct_helper_input {
    const uint8_t *payload;
    size_t len;
    enum ct_dir dir;
    bool both;                  /* Both ends have been heard. */
    uint32_t seq;               /* TCP: of the payload's first byte. */
    struct ct_tuple tuples[CT_DIR_MAX];
    struct ct_helper_state *state;
};

struct ct_helper {
    const char *name;
    uint8_t proto;
    unsigned int max_expected;  /* Of one connection at a time. */
    unsigned int timeout;       /* Of an expectation, in seconds. */

    enum ct_helper_verdict (*read)(const struct ct_helper_input *,
                                   struct ct_helper_found *);

    /* Writes what was found with another address and port into 'text', of
     * CT_HELPER_MAX_TEXT bytes.  Returns the length.  NULL: nothing of it is
     * in the payload. */
    size_t (*write)(const struct ct_helper_found *,
                    const union ct_inet_addr *, bool ipv6, ovs_be16 port,
                    char *text);
};

#define CT_HELPER(NAME) extern const struct ct_helper ct_helper_##NAME;
CT_HELPERS
#undef CT_HELPER

/* NULL if there is none. */
const struct ct_helper *ct_helper_find(const char *name);

/* Beside the record, of a connection with a helper. */
struct ct_help {
    const struct ct_helper *helper;
    struct ct_helper_state state;               /* The connection's lock. */
    struct ct_seqadj seqadj[CT_DIR_MAX];        /* The connection's lock. */
};

/* What 'conn' has; NULL if it has no helper. */
static inline struct ct_help *
ct_conn_help(const struct ct_conn *conn)
{
    const struct ct_conn_ext *ext = ct_conn_ext(conn);

    return ext ? ext->help : NULL;
}

/* Reads 'packet', which has been counted in its connection and, if that is
 * translated, has just been translated.  False: drop it; that is counted. */
bool ct_helper_run__(struct ct_packet *);

/* 'conn' has ended, and nobody holds its lock any more. */
void ct_helper_end(struct ct *, const struct ct_conn *);

#endif /* ct-helper.h */
