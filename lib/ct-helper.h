/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_H
#define CT_HELPER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct-conn.h"
#include "ct-counters.h"
#include "ct-help-turn.h"
#include "ct-seqadj.h"
#include "ct-switch.h"
#include "ct-tuple.h"

struct ct;
struct ct_expectation;
struct ct_packet;
struct ct_zone;

/* Helpers: who reads the payload of which connection.
 * ====================================================
 *
 * What
 * ----
 * Some protocols announce, in the payload of one connection, where other ones
 * will go.  A helper is a file or some with one const table; CT_HELPERS lists
 * them.  Its read() is given a 'struct ct_helper_call', a payload and what is
 * known of its connection, and acts through it:
 *
 *    ct_helper_expect()       announces connections (ct-expect.h), and tells
 *                             where they will go in front of the translation
 *    ct_helper_replace()      puts other text into the payload (ct-mangle.h);
 *                             TCP's sequence numbers follow (ct-seqadj.h)
 *    ct_helper_shift()        bytes that were dropped will be more or fewer
 *                             when they come again
 *    ct_helper_refresh(),     change or end what this connection has
 *    ct_helper_forget()       announced
 *    ct_helper_set_timeout()  gives the connection itself another time
 *
 * Each of them may be called any number of times for one packet.
 *
 * A connection gets its helper when it is committed, and keeps it: by
 * ct(commit,alg=NAME), also if it was committed without one before, or else,
 * when it is opened, by the helper that its expectation names, or by the
 * policy for its zone, protocol and destination port (ct-helper-policy.h).
 * Never by itself.
 *
 * Promises
 * --------
 * - A packet of a translated connection is read when it is translated, once.
 * - A payload that cannot be understood or rewritten where it has to be is
 *   dropped and counted: neither untranslated addresses nor wrong sequence
 *   numbers get out.
 * - Of a stream whose payload may change its length nothing passes before its
 *   turn (ct-help-turn.h).
 * - What a packet announces is expected once its read() has accepted it, all
 *   or nothing: a packet that is dropped has announced nothing.
 *
 * Threads: any, concurrently; read() is called under the connection's lock.
 *
 * Example
 * -------
 *     static enum ct_helper_verdict
 *     irc_read(struct ct_helper_call *call)
 *     {
 *         ...
 *         const struct ct_helper_expect ask = {
 *             .dir = !call->dir, .port = port, .any_src = true,
 *         };
 *         struct ct_tuple place;
 *
 *         if (!ct_helper_expect(call, &ask, &place)) {
 *             return CT_HELPER_DROP;
 *         }
 *         if (!call->nat) {
 *             return CT_HELPER_ACCEPT;
 *         }
 *         n = snprintf(text, sizeof text, "%u", ntohs(place.dst_port));
 *         return ct_helper_replace(call, ofs, len, text, n);
 *     }
 */

#define CT_HELPERS                                                           \
    CT_HELPER(amanda)                                                        \
    CT_HELPER(ftp)                                                           \
    CT_HELPER(pptp)                                                          \
    CT_HELPER(sip)                                                           \
    CT_HELPER(irc)                                                           \
    CT_HELPER(netbios_ns)                                                    \
    CT_HELPER(sane)                                                          \
    CT_HELPER(snmp)                                                          \
    CT_HELPER(h245)                                                          \
    CT_HELPER(q931)                                                          \
    CT_HELPER(ras)                                                           \
    CT_HELPER(tftp)

enum ct_helper_verdict {
    CT_HELPER_ACCEPT,
    CT_HELPER_DROP,             /* Counted by who says so first. */
    CT_HELPER_KEEP              /* Dropped as well, but it has been seen: what
                                 * follows has its turn. */
};

struct ct_helper;
struct ct_helper_ops;

/* One packet.  All but the last part is to be read only; 'payload' and 'len'
 * change with ct_helper_replace(). */
struct ct_helper_call {
    struct ct *ct;
    const struct ct_helper *helper;
    long long now;

    const uint8_t *payload;
    size_t len;
    uint32_t seq;               /* TCP: of the payload's first byte. */
    uint32_t acked;             /* TCP: what lies before it has been
                                 * acknowledged.  If nobody knows, it is
                                 * older than what may be under way. */
    enum ct_dir dir;
    bool broadcast;             /* To everybody on the link. */

    /* Its connection. */
    struct ct_tuple tuples[CT_DIR_MAX];
    struct ct_zone *zone;
    struct ct_conn *conn;       /* Locked. */
    bool both;                  /* Both ends have been heard. */
    bool nat;                   /* It is translated. */
    bool expected;              /* It was announced itself. */
    void *state;                /* helper->state_size bytes, zero at first. */

    const struct ct_helper_ops *ops;
};

/* What is announced.  Zero is what most protocols need, but for 'dir' and
 * 'port'.  Addresses and ports are those that the announcing end has itself:
 * what others see of them is found out here. */
struct ct_helper_expect {
    unsigned int class;         /* Index into helper->classes. */
    enum ct_dir dir;            /* In which direction of the parent. */
    uint8_t proto;              /* 0: the parent's. */

    bool has_dst;               /* To 'dst', not to that end of the parent. */
    bool dst_stays;             /* It is read as it is: no translation. */
    union ct_inet_addr dst;
    ovs_be16 port;              /* To that port, or with that GRE key. */
    bool pair;                  /* Another one to the port behind it; 'port'
                                 * is even, and stays so. */

    bool any_src;               /* From any address; */
    bool has_src;               /* or from 'src', as it comes, not from that
                                 * end of the parent. */
    union ct_inet_addr src;
    unsigned int src_prefix;    /* IPv4: as many bits of it; 0: all. */
    ovs_be16 src_port;          /* 0: any. */

    bool permanent;             /* Not used up. */
    bool inactive;              /* Matches nothing until refreshed. */
    bool settled;               /* The helper has chosen the ports: where it
                                 * will come to, and as what, if not 0, it
                                 * will be seen to come from. */
    ovs_be16 settled_dst, settled_src;

    unsigned int timeout;       /* In seconds; 0: the class's. */
    const struct ct_helper *helper;     /* That these connections get; NULL:
                                         * none. */
};

/* Which of the parent's expectations. */
struct ct_helper_match {
    int class;                  /* -1: any. */
    enum ct_dir dir;
    bool any_dir;
    ovs_be16 port;              /* 0: any. */
    bool has_dst;               /* To 'dst'. */
    union ct_inet_addr dst;
    bool as_seen;               /* Port and 'dst' are as others see them, not
                                 * as they were announced. */
    bool inactive;              /* Only those that are. */
    const struct ct_tuple *met_by;      /* Only for connections of this tuple;
                                         * NULL: any. */
};

/* Announces what 'ask' says.  Under translation it chooses, and reserves,
 * ports for it, and '*place' (unless 'place' is NULL) is how the first of them
 * will come: its destination is what the other end must read.  The same asked
 * again gets the same place, and all its time anew.  False, and counted: drop
 * the packet. */
bool ct_helper_expect(struct ct_helper_call *,
                      const struct ct_helper_expect *ask,
                      struct ct_tuple *place);

/* Puts 'n' bytes of 'text' in the place of the 'len' bytes at 'ofs'.  Several
 * in a segment have to go from its end on.  What it returns is CT_HELPER_DROP
 * if that cannot be. */
enum ct_helper_verdict ct_helper_replace(struct ct_helper_call *, size_t ofs,
                                         size_t len, const char *text,
                                         size_t n);

/* TCP: what lies in front of this payload and was dropped will have another
 * length when it is sent again. */
enum ct_helper_verdict ct_helper_shift(struct ct_helper_call *,
                                       const struct ct_seqadj_segment *);

/* Ends matching expectations of the connection; gives them 'seconds' from now
 * on, and makes them active.  So of those that this packet has announced until
 * now.  Both return how many there are; one that the packet has announced
 * again counts twice. */
unsigned int ct_helper_forget(struct ct_helper_call *,
                              const struct ct_helper_match *);
unsigned int ct_helper_refresh(struct ct_helper_call *,
                               const struct ct_helper_match *,
                               unsigned int seconds);

/* Ends the connection that 'tuple' belongs to, when this packet is done,
 * unless somebody else has announced it. */
void ct_helper_end_other(struct ct_helper_call *, const struct ct_tuple *);

/* Lets the connection end 'seconds' from now on, if no other packet comes. */
void ct_helper_set_timeout(struct ct_helper_call *, unsigned int seconds);

unsigned int ct_helper_setting(struct ct_helper_call *, enum ct_switch);

void ct_helper_count(struct ct_helper_call *, enum ct_counter);

/* Counts 'why'; returns CT_HELPER_DROP. */
enum ct_helper_verdict ct_helper_drop(struct ct_helper_call *,
                                      enum ct_counter why);

/* What these functions are made of.  Tests have others of their own. */
struct ct_helper_ops {
    bool (*expect)(struct ct_helper_call *, const struct ct_helper_expect *,
                   struct ct_tuple *place);
    bool (*replace)(struct ct_helper_call *, size_t ofs, size_t len,
                    const char *text, size_t n);
    bool (*shift)(struct ct_helper_call *, const struct ct_seqadj_segment *);
    unsigned int (*forget)(struct ct_helper_call *,
                           const struct ct_helper_match *);
    unsigned int (*refresh)(struct ct_helper_call *,
                            const struct ct_helper_match *,
                            unsigned int seconds);
    void (*end_other)(struct ct_helper_call *, const struct ct_tuple *);
    void (*set_timeout)(struct ct_helper_call *, unsigned int seconds);
    unsigned int (*setting)(struct ct_helper_call *, enum ct_switch);
    void (*count)(struct ct_helper_call *, enum ct_counter);
    void (*refuse)(struct ct_helper_call *, enum ct_counter);
};

#define CT_HELPER_MAX_CLASSES 4
#define CT_HELPER_MAX_PROTOS 2

struct ct_helper_class {
    const char *name;           /* NULL if it is the only one. */
    unsigned int max_expected;  /* Of one connection at a time.  0: no such
                                 * class, nothing may be announced in it. */
    unsigned int timeout;       /* In seconds. */
};

struct ct_helper {
    const char *name;
    uint8_t protos[CT_HELPER_MAX_PROTOS];       /* 0: no more. */
    struct ct_helper_class classes[CT_HELPER_MAX_CLASSES];
    size_t state_size;          /* What it remembers of a connection. */
    bool resizes;               /* It may change the length of payloads. */

    enum ct_helper_verdict (*read)(struct ct_helper_call *);

    /* NULL: nothing to be done.  The packet that was read is dropped, whoever
     * says so: it has changed nothing. */
    void (*undo)(struct ct_helper_call *);

    /* NULL: nothing to be done.  'child' has become a connection, which 'e',
     * one of the helper's, had announced; nobody holds its lock. */
    void (*child)(struct ct *, const struct ct_expectation *e,
                  struct ct_conn *child);

    /* NULL: nothing to be done.  A connection of the helper has ended. */
    void (*end)(struct ct *, const struct ct_conn *, void *state);

    /* NULL: nothing to be done.  'state' is about to be freed. */
    void (*uninit)(void *state);

    /* NULL if 'uninit' is.  'state' has the bytes of another, which stays:
     * what they point to is copied, too. */
    void (*copy)(void *state);
};

#define CT_HELPER(NAME) extern const struct ct_helper ct_helper_##NAME;
CT_HELPERS
#undef CT_HELPER

/* NULL if there is none. */
const struct ct_helper *ct_helper_find(const char *name);

/* Does it read connections of that protocol? */
bool ct_helper_reads(const struct ct_helper *, uint8_t proto);

/* Beside the record, of a connection with a helper. */
struct ct_help {
    const struct ct_helper *helper;
    struct ct_seqadj seqadj[CT_DIR_MAX];        /* The connection's lock. */
    struct ct_help_turn turns[CT_DIR_MAX];      /* The connection's lock. */
    uint64_t state[];                           /* The connection's lock. */
};

struct ct_help *ct_help_create(const struct ct_helper *);
void ct_help_free(struct ct_help *);

/* Makes 'help', which is new, what 'from' is, of the same helper.  The caller
 * holds the lock of the connection that has 'from'. */
void ct_help_copy(struct ct_help *help, const struct ct_help *from);

/* What 'conn' has; NULL if it has no helper. */
static inline struct ct_help *
ct_conn_help(const struct ct_conn *conn)
{
    const struct ct_conn_ext *ext = ct_conn_ext(conn);

    return ext && ext->kin ? ext->kin->help : NULL;
}

/* Reads 'packet', which has been counted in its connection and, if that is
 * translated, has just been translated.  False: drop it; that is counted. */
bool ct_helper_run__(struct ct_packet *);

/* The same at once: nobody holds a connection's lock. */
void ct_helper_end_child(struct ct *, const struct ct_conn *parent,
                         const struct ct_tuple *child);

/* 'conn' has ended, and nobody holds its lock any more. */
void ct_helper_end(struct ct *, const struct ct_conn *);

#endif /* ct-helper.h */
