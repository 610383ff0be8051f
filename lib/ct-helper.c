/* SPDX-License-Identifier: Apache-2.0 */

/* Step "help": called by ct-step.c for packets of connections with a helper,
 * behind update and translation.  Calls the helper to read the payload,
 * ct-help-expect.c for what it announces, ct-mangle.c and ct-seqadj.c for what
 * has to be written. */

#include <config.h>

#include "ct-helper.h"

#include <netinet/in.h>
#include <string.h>

#include "ct-expect.h"
#include "ct-help.h"
#include "ct-icmp-error.h"
#include "ct-joint.h"
#include "ct-l4-tcp.h"
#include "ct-mangle.h"
#include "ct-packet.h"
#include "ct-refuse.h"
#include "ct-rewrite.h"
#include "ct-step.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

/* The largest one (RFC 7323 section 2.3). */
#define MAX_WINDOW (UINT32_C(1) << 30)

static void begin(struct ct_help_run *, struct ct_packet *);
static void end_others(struct ct_help_run *);
static bool is_broadcast(const struct ct_packet *);
static uint32_t acknowledged(const struct ct_packet *);
static bool read_packet(struct ct_help_run *);
static bool has_turn(struct ct_help_run *);
static enum ct_helper_verdict read_payload(struct ct_help_run *);
static size_t seen_before(const struct ct_help_run *);
static void note_turn(struct ct_help_run *);
static bool settle(struct ct_help_run *, bool accepted);
static bool record_change(struct ct_help_run *);
static bool record_part(struct ct_help_run *, size_t from, size_t to,
                        const struct ct_help_change *);
static void adjust(struct ct_packet *, const struct ct_seqadj *);
static void restore_quoted(struct ct_packet *);

static bool run_replace(struct ct_helper_call *, size_t ofs, size_t len,
                        const char *text, size_t n);
static bool run_shift(struct ct_helper_call *,
                      const struct ct_seqadj_segment *);
static void run_end_other(struct ct_helper_call *, const struct ct_tuple *);
static void run_set_timeout(struct ct_helper_call *, unsigned int seconds);
static unsigned int run_setting(struct ct_helper_call *, enum ct_switch);
static void run_count(struct ct_helper_call *, enum ct_counter);
static void run_refuse(struct ct_helper_call *, enum ct_counter);

static const struct ct_helper *const helpers[] = {
#define CT_HELPER(NAME) &ct_helper_##NAME,
    CT_HELPERS
#undef CT_HELPER
};

/* The kernel's names where ours are others. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    { "RAS", "ras" },
    { "Q.931", "q931" },
    { "H.245", "h245" },
    { "netbios_ns", "netbios-ns" },
};

static const struct ct_helper_ops run_ops = {
    .expect = ct_help_expect,
    .replace = run_replace,
    .shift = run_shift,
    .forget = ct_help_forget,
    .refresh = ct_help_refresh,
    .end_other = run_end_other,
    .set_timeout = run_set_timeout,
    .setting = run_setting,
    .count = run_count,
    .refuse = run_refuse,
};

/* For helpers. */

bool
ct_helper_expect(struct ct_helper_call *call,
                 const struct ct_helper_expect *ask, struct ct_tuple *place)
{
    struct ct_tuple unwanted;

    return call->ops->expect(call, ask, place ? place : &unwanted);
}

enum ct_helper_verdict
ct_helper_replace(struct ct_helper_call *call, size_t ofs, size_t len,
                  const char *text, size_t n)
{
    if (n == len && !memcmp(call->payload + ofs, text, n)) {
        return CT_HELPER_ACCEPT;
    }
    return (call->ops->replace(call, ofs, len, text, n)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

enum ct_helper_verdict
ct_helper_shift(struct ct_helper_call *call,
                const struct ct_seqadj_segment *segment)
{
    return (call->ops->shift(call, segment)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

unsigned int
ct_helper_forget(struct ct_helper_call *call,
                 const struct ct_helper_match *match)
{
    return call->ops->forget(call, match);
}

unsigned int
ct_helper_refresh(struct ct_helper_call *call,
                  const struct ct_helper_match *match, unsigned int seconds)
{
    return call->ops->refresh(call, match, seconds);
}

void
ct_helper_end_other(struct ct_helper_call *call, const struct ct_tuple *tuple)
{
    call->ops->end_other(call, tuple);
}

void
ct_helper_set_timeout(struct ct_helper_call *call, unsigned int seconds)
{
    call->ops->set_timeout(call, seconds);
}

unsigned int
ct_helper_setting(struct ct_helper_call *call, enum ct_switch s)
{
    return call->ops->setting(call, s);
}

void
ct_helper_count(struct ct_helper_call *call, enum ct_counter counter)
{
    call->ops->count(call, counter);
}

enum ct_helper_verdict
ct_helper_drop(struct ct_helper_call *call, enum ct_counter why)
{
    call->ops->refuse(call, why);
    return CT_HELPER_DROP;
}

/* For the tracker. */

const struct ct_helper *
ct_helper_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (!strcmp(aliases[i].alias, name)) {
            name = aliases[i].name;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
        if (!strcmp(helpers[i]->name, name)) {
            return helpers[i];
        }
    }
    return NULL;
}

bool
ct_helper_reads(const struct ct_helper *helper, uint8_t proto)
{
    return proto && memchr(helper->protos, proto, CT_HELPER_MAX_PROTOS);
}

struct ct_help *
ct_help_create(const struct ct_helper *helper)
{
    struct ct_help *help = xzalloc(sizeof *help + helper->state_size);

    help->helper = helper;
    return help;
}

void
ct_help_free(struct ct_help *help)
{
    if (help && help->helper->uninit) {
        help->helper->uninit(help->state);
    }
    free(help);
}

void
ct_help_copy(struct ct_help *help, const struct ct_help *from)
{
    memcpy(help, from, sizeof *help + from->helper->state_size);
    if (help->helper->copy) {
        help->helper->copy(help->state);
    }
}

bool
ct_helper_run__(struct ct_packet *packet)
{
    struct ct_help *help = ct_conn_help(packet->conn);
    struct ct_help_run run;
    bool ok;

    ct_joint_lock(packet->ct, packet->conn);
    begin(&run, packet);
    if (packet->is_icmp_error) {
        restore_quoted(packet);
        ok = true;
    } else {
        ct_seqadj_forget_old(&help->seqadj[packet->dir], packet->tcp.seq);
        ok = read_packet(&run);
        if (ok) {
            adjust(packet, help->seqadj);
        }
    }
    ct_conn_unlock(packet->conn);
    end_others(&run);
    return ok;
}

void
ct_helper_end_child(struct ct *ct, const struct ct_conn *parent,
                    const struct ct_tuple *child)
{
    enum ct_dir dir;
    struct ct_conn *conn = ct_zone_find(ct_zone_get(ct, parent->key.zone),
                                        child, &dir);
    const struct ct_conn_ext *ext = conn ? ct_conn_ext(conn) : NULL;
    uint32_t parent_id = ext && ext->kin ? ext->kin->parent_id : 0;

    if (conn && (!parent_id || parent_id == parent->id)) {
        ct_conn_end(ct, conn, CT_C_DELETED);
    }
}

void
ct_helper_end(struct ct *ct, const struct ct_conn *conn)
{
    struct ct_help *help = ct_conn_help(conn);

    if (OVS_UNLIKELY(help)) {
        ct_expects_end_parent(ct_zone_get(ct, conn->key.zone), conn);
        if (help->helper->end) {
            help->helper->end(ct, conn, help->state);
        }
    }
}

static void
begin(struct ct_help_run *run, struct ct_packet *packet)
{
    struct ct_help *help = ct_conn_help(packet->conn);
    struct ct_helper_call *call = &run->call;

    memset(run, 0, sizeof *run);
    run->packet = packet;
    call->ct = packet->ct;
    call->helper = help->helper;
    call->now = packet->now;
    call->zone = packet->zone;
    call->conn = packet->conn;
    call->seq = packet->tcp.seq;
    call->acked = acknowledged(packet);
    call->dir = packet->dir;
    call->broadcast = is_broadcast(packet);
    call->both = ct_conn_status(packet->conn) & CT_DPIF_STATUS_SEEN_REPLY;
    call->nat = ct_conn_is_nat(packet->conn);
    call->expected = (ct_conn_status(packet->conn)
                      & CT_DPIF_STATUS_EXPECTED);
    call->state = help->state;
    call->ops = &run_ops;
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        ct_conn_tuple(packet->conn, dir, &call->tuples[dir]);
    }
}

static uint32_t
acknowledged(const struct ct_packet *packet)
{
    const struct ct_conn *conn = packet->conn;

    return (conn->l4_flags[!packet->dir] & CT_TCPF_MAXACK_SET
            ? conn->tcp[!packet->dir].max_ack
            : packet->tcp.seq - MAX_WINDOW);
}

static void
end_others(struct ct_help_run *run)
{
    struct ct_packet *packet = run->packet;

    for (size_t i = 0; i < run->n_ending; i++) {
        ct_helper_end_child(packet->ct, packet->conn, &run->ending[i]);
    }
    free(run->ending);
}

static bool
is_broadcast(const struct ct_packet *packet)
{
    const struct eth_header *eth = dp_packet_eth(packet->packet);

    return eth && eth_addr_is_broadcast(eth->eth_dst);
}

static bool
read_packet(struct ct_help_run *run)
{
    enum ct_helper_verdict verdict;
    bool ok;

    run->has_payload = ct_mangle_payload(run->packet, &run->call.payload,
                                         &run->len);
    run->call.len = run->len;
    if (!has_turn(run)) {
        ct_refuse(run->packet, CT_C_DROP_HELPER_EARLY);
        return false;
    }
    run->seen = seen_before(run);
    verdict = read_payload(run);
    ok = settle(run, verdict == CT_HELPER_ACCEPT);
    if (ok || verdict == CT_HELPER_KEEP) {
        note_turn(run);
    } else if (run->call.helper->undo) {
        run->call.helper->undo(&run->call);
    }
    return ok;
}

/* Where its payload may change the length, a stream has to pass in order. */
static bool
is_in_turns(const struct ct_help_run *run)
{
    return (run->call.helper->resizes && run->call.nat
            && run->packet->tuple.proto == IPPROTO_TCP);
}

static struct ct_help_turn *
turn_of(const struct ct_help_run *run)
{
    return &ct_conn_help(run->packet->conn)->turns[run->call.dir];
}

/* A SYN of a connection that is there says nothing. */
static bool
begins_stream(const struct ct_packet *packet)
{
    uint8_t state = packet->conn->l4_state;

    return (packet->tcp.flags & TCP_SYN
            && (state == CT_TCP_SYN_SENT || state == CT_TCP_SYN_SENT2
                || state == CT_TCP_SYN_RECV));
}

static bool
has_turn(struct ct_help_run *run)
{
    const struct ct_packet *packet = run->packet;

    if (!is_in_turns(run)) {
        return true;
    }
    if (begins_stream(packet)) {
        ct_help_turn_begin(turn_of(run), packet->tcp.seq + 1);
        return true;
    }
    return !run->len || ct_help_turn_has_come(turn_of(run), run->call.seq,
                                              run->call.acked);
}

static enum ct_helper_verdict
read_payload(struct ct_help_run *run)
{
    return (run->has_payload ? run->call.helper->read(&run->call)
            : CT_HELPER_ACCEPT);
}

static size_t
seen_before(const struct ct_help_run *run)
{
    const struct ct_help_turn *turn = turn_of(run);
    int32_t n = turn->next - run->call.seq;

    return is_in_turns(run) && turn->known && n > 0 ? MIN(n, run->len) : 0;
}

static void
note_turn(struct ct_help_run *run)
{
    const struct ct_packet *packet = run->packet;

    if (is_in_turns(run) && run->len) {
        ct_help_turn_seen(turn_of(run), packet->tcp.seq + run->len
                          + !!(packet->tcp.flags & TCP_SYN));
    }
}

/* What has been read takes effect, all or nothing: of a segment that is
 * dropped the other end has seen no other length. */
static bool
settle(struct ct_help_run *run, bool accepted)
{
    const struct ct_packet *packet = run->packet;
    struct ct_help *help = ct_conn_help(packet->conn);
    struct ct_seqadj *seqadj = &help->seqadj[packet->dir];
    const struct ct_seqadj before = *seqadj;
    bool recorded = accepted && record_change(run);

    if (!ct_help_expect_finish(run, recorded)) {
        *seqadj = before;
        return false;
    }
    if (seqadj->n
        && !(ct_conn_status(packet->conn) & CT_DPIF_STATUS_SEQ_ADJUST)) {
        atomic_fetch_or(&packet->conn->status, CT_DPIF_STATUS_SEQ_ADJUST);
    }
    return recorded;
}

/* The change of a segment's length is remembered for all that come behind it.
 * One that was changed must be changed again when it is sent again, also if
 * what comes with it is new. */
static bool
record_change(struct ct_help_run *run)
{
    return (run->packet->tuple.proto != IPPROTO_TCP
            || ((!run->seen
                 || record_part(run, 0, run->seen, &run->changes[0]))
                && (run->seen == run->len
                    || record_part(run, run->seen, run->len,
                                   &run->changes[1]))));
}

static bool
record_part(struct ct_help_run *run, size_t from, size_t to,
            const struct ct_help_change *change)
{
    const struct ct_seqadj_segment segment = {
        .seq = run->call.seq + from,
        .end = run->call.seq + to,
        .pos = run->call.seq + MIN(change->first, to - 1),
        .delta = change->delta,
    };

    return run_shift(&run->call, &segment);
}

/* The numbers of a segment of which the other end has seen another length. */
static void
adjust(struct ct_packet *packet, const struct ct_seqadj *seqadj)
{
    if (packet->tuple.proto == IPPROTO_TCP
        && ct_conn_status(packet->conn) & CT_DPIF_STATUS_SEQ_ADJUST) {
        ct_seqadj_rewrite(packet->l4_header,
                          (packet->l4_header[12] >> 4) * 4,
                          &seqadj[packet->dir], &seqadj[!packet->dir],
                          ct_mangle_csum_is_partial(packet));
    }
}

/* An error goes to who sent what it quotes, and knows the numbers it sent. */
static void
restore_quoted(struct ct_packet *packet)
{
    const struct ct_seqadj *seqadj = ct_conn_help(packet->conn)->seqadj;
    struct ct_quoted_packet quoted;
    uint16_t gain;

    if (packet->tuple.proto != IPPROTO_TCP
        || !(ct_conn_status(packet->conn) & CT_DPIF_STATUS_SEQ_ADJUST)
        || !ct_icmp_error_quoted(packet, &quoted)) {
        return;
    }
    gain = ct_seqadj_restore(quoted.l4_header, quoted.l4_len,
                             &seqadj[!packet->dir], &seqadj[packet->dir]);
    struct icmp_header *icmp = (struct icmp_header *) packet->l4_header;
    icmp->icmp_csum = ct_rewrite_csum(icmp->icmp_csum, gain);
}

/* The operations. */

static void
note_change(struct ct_help_change *change, size_t ofs, int32_t delta)
{
    if (!change->any || ofs < change->first) {
        change->any = true;
        change->first = ofs;
    }
    change->delta += delta;
}

static bool
run_replace(struct ct_helper_call *call, size_t ofs, size_t len,
            const char *text, size_t n)
{
    struct ct_help_run *run = ct_help_run_cast(call);

    ovs_assert(ofs <= call->len && len <= call->len - ofs);
    if (!ct_mangle(run->packet, ofs, len, text, n)) {
        ct_refuse(run->packet, CT_C_DROP_MANGLE);
        return false;
    }
    run->packet->mangled = true;
    if (n != len) {
        note_change(&run->changes[ofs >= run->seen], ofs,
                    (int32_t) n - (int32_t) len);
    }
    ct_mangle_payload(run->packet, &call->payload, &call->len);
    ct_count(call->ct, CT_C_MANGLED, 1);
    return true;
}

static bool
run_shift(struct ct_helper_call *call, const struct ct_seqadj_segment *segment)
{
    struct ct_packet *packet = ct_help_run_cast(call)->packet;
    struct ct_help *help = ct_conn_help(packet->conn);

    if (!ct_seqadj_set(&help->seqadj[packet->dir], segment, call->acked)) {
        ct_refuse(packet, CT_C_DROP_MANGLE);
        return false;
    }
    return true;
}

static void
run_end_other(struct ct_helper_call *call, const struct ct_tuple *tuple)
{
    struct ct_help_run *run = ct_help_run_cast(call);

    if (run->n_ending >= run->allocated_ending) {
        run->ending = x2nrealloc(run->ending, &run->allocated_ending,
                                 sizeof *run->ending);
    }
    run->ending[run->n_ending++] = *tuple;
}

static void
run_set_timeout(struct ct_helper_call *call, unsigned int seconds)
{
    ct_step_set_deadline(ct_help_run_cast(call)->packet,
                         call->now + seconds * 1000LL);
}

static unsigned int
run_setting(struct ct_helper_call *call, enum ct_switch s)
{
    return ct_switch_get(call->ct, s);
}

static void
run_count(struct ct_helper_call *call, enum ct_counter counter)
{
    ct_count(call->ct, counter, 1);
}

static void
run_refuse(struct ct_helper_call *call, enum ct_counter why)
{
    ct_refuse(ct_help_run_cast(call)->packet, why);
}
