/* SPDX-License-Identifier: Apache-2.0 */

/* Joint connections: made behind a ct() of a remembered way, by the datapath;
 * dissolved by whoever changes one of them (ct-step.c, ct-commit.c,
 * ct-tracker.c). */

#include <config.h>

#include "ct-joint.h"

#include "ct-l4.h"
#include "ct-nat.h"
#include "ct-tracker.h"
#include "ct-wheel.h"
#include "util.h"

/* Status bits that packets go by: those that a connection must have to be in a
 * joint, and all. */
#define STATUS_WANTED (CT_DPIF_STATUS_SEEN_REPLY | CT_DPIF_STATUS_ASSURED)
#define STATUS_ASKED (STATUS_WANTED | CT_DPIF_STATUS_EXPECTED           \
                      | CT_DPIF_STATUS_SEQ_ADJUST | CT_DPIF_STATUS_DYING \
                      | CT_DPIF_STATUS_FIXED_TIMEOUT | CT_CONN_STATUS_JOINT \
                      | CT_CONN_STATUS_HELPED)

#define NONCE_ONE (UINT64_C(1) << CT_JOINT_NONCE_SHIFT)
#define NONCE_MASK (UINT64_MAX << CT_JOINT_NONCE_SHIFT)

static bool try_lock(struct ct_conn *);
static struct ct_conn *lock_leader(struct ct_conn *);
static bool is_alike(const struct ct_conn *, const struct ct_conn *leader);
static void follow(struct ct_conn *, struct ct_conn *leader);
static void part(struct ct *, struct ct_conn *, const struct ct_conn *leader);
static void take_over(struct ct_conn *, const struct ct_conn *from);

/* Records of one tracker: a number is a distance. */

static struct ct_conn *
at_number(const struct ct_conn *conn, uint32_t number)
{
    ptrdiff_t distance = (ptrdiff_t) number - ct_conn_number(conn);

    return (struct ct_conn *) ((char *) conn
                               + distance * (1 << CT_NUMBER_SHIFT));
}

static struct ct_conn *
first_follower(const struct ct_conn *leader)
{
    return at_number(leader, (ct_conn_ext_word(leader) >> CT_JOINT_FIRST_SHIFT
                              & CT_CONN_NUMBER_MAX));
}

static struct ct_conn *
next_follower(const struct ct_conn *leader, const struct ct_conn *follower)
{
    uint32_t next = follower->follower.next;

    return next ? at_number(leader, next) : NULL;
}

static bool
leads(const struct ct_conn *conn)
{
    uint64_t word = ct_conn_ext_word(conn);

    return (word & CT_JOINT_LEADER
            && word >> CT_JOINT_FIRST_SHIFT & CT_CONN_NUMBER_MAX);
}

/* Has none that is in use for something else, and was not the leader of too
 * many. */
static bool
can_lead(const struct ct_conn *conn)
{
    uint64_t word = ct_conn_ext_word(conn);

    return !word || (word & CT_JOINT_LEADER && ~word & NONCE_MASK);
}

/* Making. */

/* 'n': none. */
static unsigned int
choose_leader(struct ct_conn *const conns[], unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        if (can_lead(conns[i])) {
            return i;
        }
    }
    return n;
}

static void
unlock_all(struct ct_conn *const conns[], unsigned int n,
           const struct ct_conn *except)
{
    for (unsigned int i = 0; i < n; i++) {
        if (conns[i] != except) {
            ct_conn_unlock(conns[i]);
        }
    }
}

/* Locks all that could follow 'leader', which is locked.  Nobody is waited
 * for: who holds one may wait for another. */
static bool
lock_followers(struct ct_conn *const conns[], const struct ct_track tracks[],
               unsigned int n, const struct ct_conn *leader)
{
    for (unsigned int i = 0; i < n; i++) {
        if (conns[i] == leader) {
            continue;
        }
        if (!try_lock(conns[i])) {
            unlock_all(conns, i, leader);
            return false;
        }
        if (conns[i]->id != tracks[i].id || !is_alike(conns[i], leader)) {
            unlock_all(conns, i + 1, leader);
            return false;
        }
    }
    return true;
}

/* All are locked. */
static void
join(struct ct_conn *const conns[], unsigned int n, struct ct_conn *leader)
{
    uint64_t word = ct_conn_ext_word(leader) & NONCE_MASK;
    uint32_t first = 0;

    for (unsigned int i = 0; i < n; i++) {
        if (conns[i] != leader) {
            follow(conns[i], leader);
            conns[i]->follower.next = first;
            first = ct_conn_number(conns[i]);
        }
    }
    word |= CT_JOINT_LEADER | (uint64_t) first << CT_JOINT_FIRST_SHIFT;
    ct_conn_set_ext_word(leader, word);
    atomic_fetch_or(&leader->status, CT_CONN_STATUS_JOINT);
}

static bool
same_direction(const struct ct_track tracks[], unsigned int n)
{
    uint32_t differ = 0;

    for (unsigned int i = 1; i < n; i++) {
        differ |= tracks[i].number ^ tracks[0].number;
    }
    return !(differ & CT_TRACK_REPLY);
}

bool
ct_joint_make(struct ct *ct, const struct ct_track tracks[], unsigned int n)
{
    struct ct_conn *conns[1 << 4];
    struct ct_conn *leader;
    unsigned int step;
    bool made = false;

    ovs_assert(n >= 2 && n <= ARRAY_SIZE(conns));
    for (unsigned int i = 0; i < n; i++) {
        conns[i] = ct_track_conn(ct, &tracks[i]);
        for (unsigned int j = 0; j < i; j++) {
            if (conns[j] == conns[i]) {
                return false;
            }
        }
    }
    step = choose_leader(conns, n);
    if (step == n || !same_direction(tracks, n)) {
        return false;
    }
    leader = conns[step];
    ct_conn_lock(leader);
    if (leader->id == tracks[step].id
        && can_lead(leader) && is_alike(leader, leader)
        && lock_followers(conns, tracks, n, leader)) {
        join(conns, n, leader);
        unlock_all(conns, n, leader);
        made = true;
    }
    ct_conn_unlock(leader);
    return made;
}

/* Will the same packets always do the same to 'conn' as to 'leader'?  Both are
 * locked.  (Comparisons of single bytes could become one of a word, with the
 * lock in it, which others write.) */
static bool
is_alike(const struct ct_conn *conn, const struct ct_conn *leader)
{
    uint8_t differ = ((conn->l4_state ^ leader->l4_state)
                      | (conn->wscale ^ leader->wscale)
                      | (conn->retrans ^ leader->retrans));

    return ((ct_conn_status(conn) & STATUS_ASKED) == STATUS_WANTED
            && ct_l4_find(conn->key.proto)->ordinary
            && conn->key.proto == leader->key.proto
            && !differ
            && !memcmp(conn->l4_flags, leader->l4_flags,
                       sizeof conn->l4_flags)
            && !memcmp(&conn->tcp_last, &leader->tcp_last,
                       sizeof conn->tcp_last)
            && !memcmp(conn->tcp, leader->tcp, sizeof conn->tcp)
            && (atomic_load_explicit(&conn->deadline, memory_order_relaxed)
                == atomic_load_explicit(&leader->deadline,
                                        memory_order_relaxed)));
}

/* Both are locked.  Counters become the difference to those of the leader. */
static void
follow(struct ct_conn *conn, struct ct_conn *leader)
{
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        conn->counters[dir].packets -= leader->counters[dir].packets;
        conn->counters[dir].bytes -= leader->counters[dir].bytes;
    }
    conn->follower.leader = ct_conn_number(leader);
    atomic_fetch_or(&conn->status, CT_CONN_STATUS_JOINT);
}

/* Finding. */

static bool
contains(const struct ct *ct, const struct ct_track tracks[], unsigned int n,
         const struct ct_conn *conn)
{
    for (unsigned int i = 0; i < n; i++) {
        if (ct_track_conn(ct, &tracks[i]) == conn
            && tracks[i].id == conn->id) {
            return true;
        }
    }
    return false;
}

ct_joint
ct_joint_find(struct ct *ct, const struct ct_track tracks[], unsigned int n)
{
    struct ct_conn *leader = lock_leader(ct_track_conn(ct, &tracks[0]));
    struct ct_conn *follower;
    unsigned int n_members = 1;
    ct_joint joint = 0;
    bool all;

    if (!leader) {
        return 0;
    }
    all = contains(ct, tracks, n, leader);
    for (follower = first_follower(leader); all && follower;
         follower = next_follower(leader, follower)) {
        all = contains(ct, tracks, n, follower);
        n_members++;
    }
    if (all && n_members == n && same_direction(tracks, n)) {
        for (unsigned int i = 0; i < n; i++) {
            if (ct_track_conn(ct, &tracks[i]) == leader) {
                joint = (ct_conn_ext_word(leader)
                         | (uint64_t) i << CT_JOINT_STEP_SHIFT);
            }
        }
    }
    ct_conn_unlock(leader);
    return joint;
}

/* Packets. */

bool
ct_joint_allowed(struct ct_track_request *const requests[], size_t n)
{
    const struct ct_timeouts *timeouts = requests[0]->timeouts;

    if (!timeouts) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct ct_timeouts *others = requests[i]->timeouts;

        if (!requests[i]->quiet || !others
            || (others != timeouts
                && memcmp(others, timeouts, sizeof *timeouts))) {
            return false;
        }
    }
    return true;
}

uint8_t
ct_joint_state(const struct ct_conn *conn, const struct ct_track *track,
               bool nat)
{
    enum ct_dir dir = ct_track_dir(track);

    return (CS_ESTABLISHED | (dir == CT_DIR_REPLY ? CS_REPLY_DIR : 0)
            | (nat ? ct_nat_states(conn, dir) : 0));
}

/* Dissolving. */

void
ct_joint_dissolve(struct ct *ct, struct ct_conn *conn)
{
    struct ct_conn *leader = lock_leader(conn);
    struct ct_conn *follower, *next;

    if (!leader) {
        return;
    }
    for (follower = first_follower(leader); follower; follower = next) {
        ct_conn_lock(follower);
        next = next_follower(leader, follower);
        part(ct, follower, leader);
        ct_conn_unlock(follower);
    }
    ct_conn_set_ext_word(leader, (CT_JOINT_LEADER
                                  | ((ct_conn_ext_word(leader) + NONCE_ONE)
                                     & NONCE_MASK)));
    atomic_fetch_and(&leader->status, (uint16_t) ~CT_CONN_STATUS_JOINT);
    ct_conn_unlock(leader);
}

/* Gives 'conn' what is its own.  Both are locked. */
static void
part(struct ct *ct, struct ct_conn *conn, const struct ct_conn *leader)
{
    uint64_t old = atomic_load_explicit(&conn->deadline, memory_order_relaxed);
    uint64_t new = atomic_load_explicit(&leader->deadline,
                                        memory_order_relaxed);

    take_over(conn, leader);
    atomic_store_explicit(&conn->deadline, new, memory_order_relaxed);
    atomic_fetch_and(&conn->status, (uint16_t) ~CT_CONN_STATUS_JOINT);
    if (new + CT_WHEEL_TICK_MS < old) {
        ct_wheel_sooner(ct->wheel, conn);
    }
}

static void
take_over(struct ct_conn *conn, const struct ct_conn *from)
{
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        conn->counters[dir].packets += from->counters[dir].packets;
        conn->counters[dir].bytes += from->counters[dir].bytes;
    }
    memcpy(conn->l4_flags, from->l4_flags, sizeof conn->l4_flags);
    ct_conn_set_l4_state(conn, from->l4_state);
    conn->wscale = from->wscale;
    conn->retrans = from->retrans;
    conn->tcp_last = from->tcp_last;
    memcpy(conn->tcp, from->tcp, sizeof conn->tcp);
}

/* Reading. */

/* Its leader, or itself if it is in no joint, locked. */
static struct ct_conn *
lock_leader_or_self(struct ct_conn *conn)
{
    for (;;) {
        struct ct_conn *leader = lock_leader(conn);

        if (leader) {
            return leader;
        }
        ct_conn_lock(conn);
        if (!ct_joint_has(conn)) {
            return conn;
        }
        ct_conn_unlock(conn);
    }
}

void
ct_joint_read(const struct ct_conn *conn_, struct ct_conn *copy)
{
    struct ct_conn *conn = CONST_CAST(struct ct_conn *, conn_);
    struct ct_conn *from = lock_leader_or_self(conn);

    memset(copy, 0, sizeof *copy);
    copy->key = conn->key;
    if (from != conn) {
        memcpy(copy->counters, conn->counters, sizeof copy->counters);
    }
    take_over(copy, from);
    atomic_init(&copy->deadline, atomic_load(&from->deadline));
    ct_conn_unlock(from);
}

bool
ct_joint_renew(struct ct_conn *conn, long long now)
{
    struct ct_conn *leader = lock_leader(conn);
    long long deadline;

    if (!leader) {
        return (long long) atomic_load(&conn->deadline) > now;
    }
    deadline = atomic_load_explicit(&leader->deadline, memory_order_relaxed);
    if (leader != conn && deadline > now
        && deadline > (long long) atomic_load_explicit(
                           &conn->deadline, memory_order_relaxed)) {
        /* Closer it becomes only when the wheel is told. */
        atomic_store_explicit(&conn->deadline, deadline, memory_order_relaxed);
    }
    ct_conn_unlock(leader);
    return deadline > now;
}

/* Locks. */

static bool
try_lock(struct ct_conn *conn)
{
    return !atomic_flag_test_and_set_explicit(&conn->lock,
                                              memory_order_acquire);
}

/* The leader of the joint that 'conn' is in, locked, by which the joint stays
 * as it is; NULL if 'conn' is in none.  What looked like the leader may have
 * become another's follower, whose leader waits for it: so 'conn' is not
 * waited for while it is locked. */
static struct ct_conn *
lock_leader(struct ct_conn *conn)
{
    unsigned int turns = 0;

    for (;;) {
        struct ct_conn *leader;
        uint32_t number;
        bool true_leader;

        ct_conn_lock(conn);
        if (!ct_joint_has(conn) || leads(conn)) {
            if (ct_joint_has(conn)) {
                return conn;
            }
            ct_conn_unlock(conn);
            return NULL;
        }
        number = conn->follower.leader;
        ct_conn_unlock(conn);

        leader = at_number(conn, number);
        ct_conn_lock(leader);
        if (try_lock(conn)) {
            true_leader = (ct_joint_has(conn) && !leads(conn)
                           && conn->follower.leader == number);
            ct_conn_unlock(conn);
            if (true_leader) {
                return leader;
            }
        }
        ct_conn_unlock(leader);
        ct_spin_pause(&turns);
    }
}
