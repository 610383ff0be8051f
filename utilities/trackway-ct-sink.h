/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACKWAY_CT_SINK_H
#define TRACKWAY_CT_SINK_H 1

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where a log goes: a file, or a collector.
 * ==========================================
 *
 * A sink has sessions: between opening a file and reopening it, from
 * connecting to a collector until that goes away.  What is written in one
 * session is read by somebody who has seen all of it, and nothing else.
 *
 * tct_sink_write() never waits.  A collector over TCP that goes away is
 * connected to again, each time a bit later, up to CONNECT_MAX_MS; over UDP
 * nobody knows whether there is one.
 *
 * Errors: a target that makes no sense, or a file that cannot be written, is
 * told, and the program exits.  What happens to a collector is told. */

struct tct_sink;

/* "file:PATH", "udp:HOST[:PORT]" or "tcp:HOST[:PORT]". */
struct tct_sink *tct_sink_open(const char *target);
void tct_sink_close(struct tct_sink *);

/* Is each write one datagram? */
bool tct_sink_is_datagram(const struct tct_sink *);
/* How long a write should be at most. */
size_t tct_sink_max(const struct tct_sink *);

/* Another number for each session; 0: there is none now. */
unsigned int tct_sink_session(const struct tct_sink *);

/* How many of the bytes were taken, 0 if none can be now; or a negative errno
 * value: of a datagram, it is lost; otherwise the session has ended. */
ssize_t tct_sink_write(struct tct_sink *, const void *, size_t);

/* Does what there is to do, and makes the caller's poll_block() return when
 * there is more to do, or, if 'full', when it can be written again. */
void tct_sink_run(struct tct_sink *);
void tct_sink_wait(const struct tct_sink *, bool full);

/* A new session of a file: it may have been renamed. */
void tct_sink_reopen(struct tct_sink *);

/* What the kinds are made of: for the files of tct-sink. */

struct tct_sink_class {
    bool datagram;
    void (*open)(struct tct_sink *);
    void (*close)(struct tct_sink *);
    void (*run)(struct tct_sink *);             /* NULL: nothing to do. */
    void (*wait)(const struct tct_sink *, bool full);
    void (*reopen)(struct tct_sink *);          /* NULL: nothing to do. */
    ssize_t (*write)(struct tct_sink *, const void *, size_t);
    size_t (*max)(const struct tct_sink *);
};

struct tct_sink {
    const struct tct_sink_class *class;
    char *target;               /* As it was given. */
    char *where;                /* Behind its kind. */
    unsigned int session;
    unsigned int n_sessions;
    int fd;                     /* File, UDP. */
    bool complained;            /* About what goes on being wrong. */
    struct reconnect *reconnect;        /* TCP. */
    struct stream *stream;
    char *name;                 /* Of the stream. */
};

extern const struct tct_sink_class tct_sink_file, tct_sink_udp, tct_sink_tcp;

void tct_sink_begin_session(struct tct_sink *);

#endif /* trackway-ct-sink.h */
