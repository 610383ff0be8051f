/* SPDX-License-Identifier: Apache-2.0 */

/* SCTP (RFC 9260): ports, verification tags, and a state that each chunk of a
 * packet may move on.
 *
 * Way of a packet: parse() verifies ports, CRC32c and the chunks' frame;
 * update() works on a copy of the association and keeps it only if every
 * chunk is valid. */

#include <config.h>

#include "ct-l4.h"

#include "crc32c.h"
#include "ct-cursor.h"
#include "packets.h"

#define CHUNK_HEADER_LEN 4
#define INIT_MIN_LEN 20         /* Chunk header and fixed part. */
#define FLAG_T 0x01             /* ABORT, SHUTDOWN_COMPLETE: the tag is the
                                 * peer's (RFC 9260 section 8.5.1). */

/* Chunk types that matter here. */
enum {
    DATA = 0,
    INIT = 1,
    INIT_ACK = 2,
    HEARTBEAT = 4,
    HEARTBEAT_ACK = 5,
    ABORT = 6,
    SHUTDOWN = 7,
    SHUTDOWN_ACK = 8,
    ERROR = 9,
    COOKIE_ECHO = 10,
    COOKIE_ACK = 11,
    SHUTDOWN_COMPLETE = 14,
    N_TYPES
};

/* SCTP_STATE(ENUM, timeout, state that OVS shows). */
#define SCTP_STATES                                                         \
    SCTP_STATE(NONE, SCTP_CLOSED, CLOSED)                                   \
    SCTP_STATE(CLOSED, SCTP_CLOSED, CLOSED)                                 \
    SCTP_STATE(COOKIE_WAIT, SCTP_COOKIE_WAIT, COOKIE_WAIT)                  \
    SCTP_STATE(COOKIE_ECHOED, SCTP_COOKIE_ECHOED, COOKIE_ECHOED)            \
    SCTP_STATE(ESTABLISHED, SCTP_ESTABLISHED, ESTABLISHED)                  \
    SCTP_STATE(SHUTDOWN_SENT, SCTP_SHUTDOWN_SENT, SHUTDOWN_SENT)            \
    SCTP_STATE(SHUTDOWN_RECD, SCTP_SHUTDOWN_RECD, SHUTDOWN_RECD)            \
    SCTP_STATE(SHUTDOWN_ACK_SENT, SCTP_SHUTDOWN_ACK_SENT, SHUTDOWN_ACK_SENT) \
    SCTP_STATE(HEARTBEAT_SENT, SCTP_HEARTBEAT_SENT, HEARTBEAT_SENT)

enum sctp_state {
#define SCTP_STATE(ENUM, TIMEOUT, SHOWN) STATE_##ENUM,
    SCTP_STATES
#undef SCTP_STATE
    N_STATES,
    STATE_INVALID = N_STATES
};

static const enum ct_timeout state_timeouts[N_STATES] = {
#define SCTP_STATE(ENUM, TIMEOUT, SHOWN) [STATE_##ENUM] = CT_TIMEOUT_##TIMEOUT,
    SCTP_STATES
#undef SCTP_STATE
};

static const uint8_t states_shown[N_STATES] = {
#define SCTP_STATE(ENUM, TIMEOUT, SHOWN) \
    [STATE_##ENUM] = CT_DPIF_SCTP_STATE_##SHOWN,
    SCTP_STATES
#undef SCTP_STATE
};

/* [direction][chunk type][state] -> state; the kernel's.  Rows of types that
 * change nothing are absent, see next_state().
 *
 * NO nothing yet, CL over or about to start, CW INIT seen, CE COOKIE_ECHO
 * seen, ES COOKIE_ACK seen, SS and SR SHUTDOWN seen from the original and the
 * reply direction, SA SHUTDOWN_ACK seen, HS HEARTBEAT seen first: another path
 * of a multi-homed association.
 *
 * A chunk that makes no sense in a state leaves it alone: the endpoint will
 * judge it by its tag (RFC 9260 section 5.2.4).  IV stands where only the
 * original direction can have opened the connection. */
#define NO STATE_NONE
#define CL STATE_CLOSED
#define CW STATE_COOKIE_WAIT
#define CE STATE_COOKIE_ECHOED
#define ES STATE_ESTABLISHED
#define SS STATE_SHUTDOWN_SENT
#define SR STATE_SHUTDOWN_RECD
#define SA STATE_SHUTDOWN_ACK_SENT
#define HS STATE_HEARTBEAT_SENT
#define IV STATE_INVALID

static const uint8_t transitions[CT_DIR_MAX][N_TYPES][N_STATES] = {
    [CT_DIR_ORIGINAL] = {
        /*                     NO  CL  CW  CE  ES  SS  SR  SA  HS */
        [INIT]              = {CL, CL, CW, CE, ES, CL, CL, SA, CW},
        [INIT_ACK]          = {CL, CL, CW, CE, ES, SS, SR, SA, CL},
        [HEARTBEAT]         = {HS, CL, CW, CE, ES, SS, SR, SA, HS},
        [HEARTBEAT_ACK]     = {CL, CL, CW, CE, ES, SS, SR, SA, HS},
        [ABORT]             = {CL, CL, CL, CL, CL, CL, CL, CL, CL},
        [SHUTDOWN]          = {CL, CL, CW, CE, SS, SS, SR, SA, CL},
        /* NO: out of the blue, its answer is still to come (section 8.4). */
        [SHUTDOWN_ACK]      = {SA, CL, CW, CE, ES, SA, SA, SA, SA},
        [ERROR]             = {CL, CL, CW, CE, ES, SS, SR, SA, CL},
        [COOKIE_ECHO]       = {CL, CL, CE, CE, ES, SS, SR, SA, CL},
        [COOKIE_ACK]        = {CL, CL, CW, ES, ES, SS, SR, SA, CL},
        [SHUTDOWN_COMPLETE] = {CL, CL, CW, CE, ES, SS, SR, CL, CL},
    },
    [CT_DIR_REPLY] = {
        /*                     NO  CL  CW  CE  ES  SS  SR  SA  HS */
        [INIT]              = {IV, CL, CW, CE, ES, SS, SR, SA, IV},
        [INIT_ACK]          = {IV, CW, CW, CE, ES, SS, SR, SA, IV},
        [HEARTBEAT]         = {IV, CL, CW, CE, ES, SS, SR, SA, HS},
        [HEARTBEAT_ACK]     = {IV, CL, CW, CE, ES, SS, SR, SA, ES},
        [ABORT]             = {IV, CL, CL, CL, CL, CL, CL, CL, IV},
        [SHUTDOWN]          = {IV, CL, CW, CE, SR, SS, SR, SA, IV},
        [SHUTDOWN_ACK]      = {IV, CL, CW, CE, ES, SA, SA, SA, IV},
        /* CE: a stale cookie (section 5.2.6). */
        [ERROR]             = {IV, CL, CW, CL, ES, SS, SR, SA, IV},
        [COOKIE_ECHO]       = {IV, CL, CE, CE, ES, SS, SR, SA, IV},
        [COOKIE_ACK]        = {IV, CL, CW, ES, ES, SS, SR, SA, IV},
        [SHUTDOWN_COMPLETE] = {IV, CL, CW, CE, ES, SS, SR, CL, IV},
    },
};

#undef NO
#undef CL
#undef CW
#undef CE
#undef ES
#undef SS
#undef SR
#undef SA
#undef HS
#undef IV

#define TYPE_BIT(TYPE) (UINT32_C(1) << (TYPE))

static const uint32_t changes_state =
    TYPE_BIT(INIT) | TYPE_BIT(INIT_ACK) | TYPE_BIT(HEARTBEAT)
    | TYPE_BIT(HEARTBEAT_ACK) | TYPE_BIT(ABORT) | TYPE_BIT(SHUTDOWN)
    | TYPE_BIT(SHUTDOWN_ACK) | TYPE_BIT(ERROR) | TYPE_BIT(COOKIE_ECHO)
    | TYPE_BIT(COOKIE_ACK) | TYPE_BIT(SHUTDOWN_COMPLETE);

/* Packets with one of these have tags of their own rules (section 8.5.1). */
static const uint32_t has_own_tag_rule =
    TYPE_BIT(INIT) | TYPE_BIT(SHUTDOWN_COMPLETE) | TYPE_BIT(COOKIE_ECHO)
    | TYPE_BIT(ABORT) | TYPE_BIT(SHUTDOWN_ACK) | TYPE_BIT(HEARTBEAT)
    | TYPE_BIT(HEARTBEAT_ACK);

/* Out of the blue, these are to be discarded (section 8.4). */
static const uint32_t opens_nothing =
    TYPE_BIT(ABORT) | TYPE_BIT(SHUTDOWN_COMPLETE) | TYPE_BIT(COOKIE_ACK);

/* ct_sctp.flags. */
#define TAG_FAILED 0x01         /* A HEARTBEAT from last_dir had a tag that is
                                 * not known: perhaps the peer restarted. */

struct chunk {
    uint8_t type, flags;
    ovs_be32 init_tag;          /* INIT, INIT_ACK. */
};

/* One packet on its way through update(). */
struct step {
    enum ct_dir dir;
    ovs_be32 vtag;
    uint32_t types;             /* TYPE_BIT()s of the packet's chunks. */
    struct ct_sctp sctp;        /* Working copy. */
    uint8_t state;              /* Working copy. */
    bool established;           /* By one of the chunks. */
    bool keep_timeout;
};

static struct ct_cursor chunks(const struct ct_packet *);
static bool next_chunk(struct ct_cursor *, struct chunk *);
static uint32_t chunk_types(const struct ct_packet *);
static ovs_be32 packet_vtag(const struct ct_packet *);
static uint8_t next_state(enum ct_dir, uint8_t type, uint8_t state);
static bool chunks_well_formed(const struct ct_packet *);
static bool crc_ok(const struct ct_packet *);
static void step_init(struct step *, const struct ct_packet *, enum ct_dir);
static void first_tags(const struct ct_packet *, struct ct_sctp *);
static bool first_chunks_ok(const struct ct_packet *);
static bool apply_chunks(struct step *, const struct ct_packet *);
static bool apply_chunk(struct step *, const struct chunk *);

static bool
sctp_parse(struct ct_packet *packet)
{
    if (packet->l4_len < SCTP_HEADER_LEN) {
        ct_l4_invalid(packet, CT_C_INVALID_L4);
        return false;
    }
    if (!crc_ok(packet) && !ct_l4_checksum_ignored(packet)) {
        ct_l4_invalid(packet, CT_C_INVALID_CHECKSUM);
        return false;
    }
    if (!chunks_well_formed(packet)) {
        ct_l4_invalid(packet, CT_C_INVALID_L4);
        return false;
    }
    ct_tuple_set_ports(&packet->tuple, packet->l4_header);
    return true;
}

static enum ct_verdict
sctp_may_open(const struct ct_packet *packet)
{
    struct step s;

    step_init(&s, packet, CT_DIR_ORIGINAL);
    s.state = STATE_NONE;
    first_tags(packet, &s.sctp);
    return (!(s.types & opens_nothing) && first_chunks_ok(packet)
            && apply_chunks(&s, packet)
            ? CT_VERDICT_ACCEPT
            : ct_l4_invalid(packet, CT_C_INVALID_STATE));
}

static void
sctp_open(const struct ct_packet *packet, struct ct_conn *conn)
{
    conn->l4_state = STATE_NONE;
    first_tags(packet, &conn->sctp);
}

static enum ct_verdict
sctp_update(struct ct_packet *packet, struct ct_conn *conn)
{
    struct step s;

    step_init(&s, packet, packet->dir);
    s.state = conn->l4_state;
    s.sctp = conn->sctp;
    packet->timeout = CT_TIMEOUT_KEEP;
    if (!apply_chunks(&s, packet)) {
        return ct_l4_invalid(packet, CT_C_INVALID_STATE);
    }
    if (s.established) {
        ct_l4_set_assured(conn);
    }
    conn->sctp = s.sctp;
    ct_conn_set_l4_state(conn, s.state);
    if (!s.keep_timeout) {
        packet->timeout = state_timeouts[s.state];
    }
    return CT_VERDICT_ACCEPT;
}

/* An INIT makes it CLOSED. */
static bool
sctp_half_open(const struct ct_conn *conn)
{
    uint8_t state = ct_conn_l4_state(conn);

    return (state == STATE_CLOSED || state == STATE_COOKIE_WAIT
            || state == STATE_COOKIE_ECHOED);
}

static bool
sctp_can_early_drop(const struct ct_conn *conn)
{
    uint8_t state = ct_conn_l4_state(conn);

    return (state == STATE_SHUTDOWN_SENT || state == STATE_SHUTDOWN_RECD
            || state == STATE_SHUTDOWN_ACK_SENT);
}

static void
sctp_describe(const struct ct_conn *conn, struct ct_dpif_protoinfo *info)
{
    info->proto = IPPROTO_SCTP;
    info->sctp.state = states_shown[conn->l4_state];
    info->sctp.vtag_orig = ntohl(conn->sctp.vtag[CT_DIR_ORIGINAL]);
    info->sctp.vtag_reply = ntohl(conn->sctp.vtag[CT_DIR_REPLY]);
}

static const char *
sctp_state_name(const struct ct_conn *conn)
{
    static const char *const names[N_STATES] = {
#define SCTP_STATE(ENUM, TIMEOUT, SHOWN) #ENUM,
        SCTP_STATES
#undef SCTP_STATE
    };

    return names[ct_conn_l4_state(conn)];
}

static struct ct_cursor
chunks(const struct ct_packet *packet)
{
    return ct_cursor_init(packet->l4_header + SCTP_HEADER_LEN,
                          packet->l4_len - SCTP_HEADER_LEN);
}

/* False at the end, and at a chunk that is damaged.  The padding behind the
 * last chunk may be missing. */
static bool
next_chunk(struct ct_cursor *c, struct chunk *chunk)
{
    struct ct_cursor next = *c;
    const uint8_t *p;
    uint16_t len;

    if (!ct_cursor_u8(&next, &chunk->type)
        || !ct_cursor_u8(&next, &chunk->flags)
        || !ct_cursor_be16(&next, &len)
        || len < ((chunk->type == INIT || chunk->type == INIT_ACK)
                  ? INIT_MIN_LEN : CHUNK_HEADER_LEN)
        || !(p = ct_cursor_pull(c, len))) {
        return false;
    }
    ct_cursor_skip(c, MIN(ROUND_UP(len, 4) - (size_t) len,
                          ct_cursor_left(c)));
    if (chunk->type == INIT || chunk->type == INIT_ACK) {
        memcpy(&chunk->init_tag, p + CHUNK_HEADER_LEN,
               sizeof chunk->init_tag);
    }
    return true;
}

/* Section 6.10: INIT, INIT_ACK and SHUTDOWN_COMPLETE stand alone, the chunks
 * with cookies come first. */
static bool
chunks_well_formed(const struct ct_packet *packet)
{
    struct ct_cursor c = chunks(packet);
    struct chunk chunk;
    bool alone = false;
    int n;

    for (n = 0; next_chunk(&c, &chunk); n++) {
        alone |= (chunk.type == INIT || chunk.type == INIT_ACK
                  || chunk.type == SHUTDOWN_COMPLETE);
        if (n && (alone || chunk.type == COOKIE_ACK
                  || chunk.type == COOKIE_ECHO)) {
            return false;
        }
    }
    return n && !ct_cursor_left(&c);
}

static uint32_t
chunk_types(const struct ct_packet *packet)
{
    struct ct_cursor c = chunks(packet);
    struct chunk chunk;
    uint32_t types = 0;

    while (next_chunk(&c, &chunk)) {
        if (chunk.type < N_TYPES) {
            types |= TYPE_BIT(chunk.type);
        }
    }
    return types;
}

static ovs_be32
packet_vtag(const struct ct_packet *packet)
{
    ovs_be32 vtag;

    memcpy(&vtag, packet->l4_header + offsetof(struct sctp_header, sctp_vtag),
           sizeof vtag);
    return vtag;
}

/* Section 6.8: the checksum is taken with its own field zero. */
static bool
crc_ok(const struct ct_packet *packet)
{
    uint8_t *field = packet->l4_header + offsetof(struct sctp_header,
                                                  sctp_csum);
    ovs_be32 csum, zero = 0;
    bool ok;

    if (ct_l4_checksum_offloaded(packet, &ok)) {
        return ok;
    }
    memcpy(&csum, field, sizeof csum);
    memcpy(field, &zero, sizeof zero);
    ok = crc32c(packet->l4_header, packet->l4_len) == csum;
    memcpy(field, &csum, sizeof csum);
    return ok;
}

static uint8_t
next_state(enum ct_dir dir, uint8_t type, uint8_t state)
{
    return (type < N_TYPES && changes_state & TYPE_BIT(type)
            ? transitions[dir][type][state]
            : state);
}

static void
step_init(struct step *s, const struct ct_packet *packet, enum ct_dir dir)
{
    memset(s, 0, sizeof *s);
    s->dir = dir;
    s->vtag = packet_vtag(packet);
    s->types = chunk_types(packet);
}

/* The tags that the first packet of a connection tells, beside what update()
 * learns: another path has that of its HEARTBEAT.  Out of the blue, a
 * SHUTDOWN_ACK is answered with its own tag, reflected (section 8.4). */
static void
first_tags(const struct ct_packet *packet, struct ct_sctp *sctp)
{
    uint32_t types = chunk_types(packet);

    if (types & TYPE_BIT(HEARTBEAT)) {
        sctp->vtag[CT_DIR_ORIGINAL] = packet_vtag(packet);
    }
    if (types & TYPE_BIT(SHUTDOWN_ACK)) {
        sctp->vtag[CT_DIR_REPLY] = packet_vtag(packet);
    }
}

/* Every chunk of a first packet must mean something on its own: DATA, say,
 * does not. */
static bool
first_chunks_ok(const struct ct_packet *packet)
{
    struct ct_cursor c = chunks(packet);
    struct chunk chunk;

    while (next_chunk(&c, &chunk)) {
        if (next_state(CT_DIR_ORIGINAL, chunk.type, STATE_NONE)
            == STATE_NONE) {
            return false;
        }
    }
    return true;
}

/* Section 8.5: false if a tag or a state does not fit. */
static bool
apply_chunks(struct step *s, const struct ct_packet *packet)
{
    struct ct_cursor c = chunks(packet);
    struct chunk chunk;

    if (!(s->types & has_own_tag_rule) && s->vtag != s->sctp.vtag[s->dir]) {
        return false;
    }
    while (next_chunk(&c, &chunk)) {
        if (!apply_chunk(s, &chunk)) {
            return false;
        }
    }
    return true;
}

/* ABORT and SHUTDOWN_COMPLETE: section 8.5.1 (B) and (C). */
static bool
tag_fits_end(const struct step *s, const struct chunk *chunk)
{
    return s->vtag == s->sctp.vtag[chunk->flags & FLAG_T ? !s->dir : s->dir];
}

/* A path that is probed for the first time has no tag yet.  A tag that does
 * not fit may be that of a peer which restarted: if the probe is answered, it
 * was.  '*believe' is false if the chunk is to change nothing. */
static bool
check_heartbeat(struct step *s, const struct chunk *chunk, bool *believe)
{
    struct ct_sctp *sctp = &s->sctp;

    *believe = true;
    if (!sctp->vtag[s->dir]) {
        sctp->vtag[s->dir] = s->vtag;
        return true;
    }
    if (s->vtag == sctp->vtag[s->dir]) {
        sctp->flags &= ~TAG_FAILED;
        return true;
    }
    if ((s->types & TYPE_BIT(DATA)) || s->keep_timeout) {
        return false;
    }
    if (chunk->type == HEARTBEAT) {
        sctp->flags |= TAG_FAILED;
        sctp->last_dir = s->dir;
        s->keep_timeout = true;
        *believe = false;
        return true;
    }
    if (!(sctp->flags & TAG_FAILED) || sctp->last_dir == s->dir) {
        return false;
    }
    sctp->flags &= ~TAG_FAILED;
    sctp->vtag[s->dir] = s->vtag;
    sctp->vtag[!s->dir] = 0;
    return true;
}

/* The tags that INIT and INIT_ACK announce for the other direction.  INITs
 * may cross each other (section 5.2.1); one that is sent again, with the same
 * tag, is no other. */
static bool
learn_tag(struct step *s, const struct chunk *chunk)
{
    struct ct_sctp *sctp = &s->sctp;
    ovs_be32 known = sctp->vtag[!s->dir];

    if (chunk->type == INIT) {
        if (known != chunk->init_tag) {
            if (sctp->init[s->dir]) {
                sctp->init[!s->dir] = 0;
            }
            sctp->init[s->dir] = 1;
        }
    } else if (known != chunk->init_tag
               && (sctp->init[!s->dir] ? sctp->init[s->dir] : known != 0)) {
        return false;
    }
    sctp->vtag[!s->dir] = chunk->init_tag;
    return true;
}

static bool
check_tag(struct step *s, const struct chunk *chunk, bool *believe)
{
    *believe = true;
    switch (chunk->type) {
    case INIT:
        return !s->vtag;
    case ABORT:
    case SHUTDOWN_COMPLETE:
        return tag_fits_end(s, chunk);
    case COOKIE_ECHO:
        return s->vtag == s->sctp.vtag[s->dir];
    case HEARTBEAT:
    case HEARTBEAT_ACK:
        return check_heartbeat(s, chunk, believe);
    default:
        return true;
    }
}

static bool
apply_chunk(struct step *s, const struct chunk *chunk)
{
    uint8_t next;
    bool believe;

    if (!check_tag(s, chunk, &believe)) {
        return false;
    }
    if (!believe) {
        return true;
    }
    next = next_state(s->dir, chunk->type, s->state);
    if (next == STATE_INVALID) {
        return false;
    }
    if (chunk->type == COOKIE_ACK) {
        memset(s->sctp.init, 0, sizeof s->sctp.init);
    }
    if ((chunk->type == INIT || chunk->type == INIT_ACK)
        && !learn_tag(s, chunk)) {
        return false;
    }
    if (chunk->type == INIT && next == STATE_CLOSED
        && s->state == STATE_CLOSED) {
        /* An INIT that is sent again and again keeps no connection. */
        s->keep_timeout = true;
    }
    s->established |= next == STATE_ESTABLISHED && s->state != next;
    s->state = next;
    return true;
}

static bool
sctp_restore(const struct ct_dpif_protoinfo *info, struct ct_conn *conn)
{
    uint8_t state = 0;

    while (states_shown[state] != info->sctp.state) {
        if (++state >= N_STATES) {
            return false;
        }
    }
    conn->l4_state = state;
    conn->sctp.vtag[CT_DIR_ORIGINAL] = htonl(info->sctp.vtag_orig);
    conn->sctp.vtag[CT_DIR_REPLY] = htonl(info->sctp.vtag_reply);
    return true;
}

const struct ct_l4 ct_l4_sctp = {
    .name = "sctp",
    .parse = sctp_parse,
    .may_open = sctp_may_open,
    .open = sctp_open,
    .update = sctp_update,
    .can_early_drop = sctp_can_early_drop,
    .half_open = sctp_half_open,
    .describe = sctp_describe,
    .state_name = sctp_state_name,
    .restore = sctp_restore,
};
