/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_COUNTERS_H
#define CT_COUNTERS_H 1

#include <stdbool.h>
#include <stdint.h>

/* Reasons and statistics.
 * =======================
 *
 * Every packet that the tracker drops or calls invalid adds to exactly one
 * counter whose name starts with "drop-" or "invalid-".  The others count
 * events.  Counters are per thread and summed when read.
 *
 * For a zone there are those of packets that were refused, and of connections
 * that gave way: one block, shared by all threads, which comes into being with
 * the zone's first such event.
 *
 * CT_COUNTER(ENUM, "name", "a sentence for the operator") */

#define CT_COUNTERS                                                          \
    CT_COUNTER(FOUND, "found", "packets of a known connection")              \
    CT_COUNTER(NEW, "new", "packets that could open a connection")           \
    CT_COUNTER(CREATED, "created", "connections committed")                  \
    CT_COUNTER(EXPECTED, "expected",                                         \
               "connections committed that another one had announced")       \
    CT_COUNTER(MANGLED, "mangled",                                           \
               "replacements in payloads: an address, port or length each")  \
    CT_COUNTER(HELPER_REFUSED, "helper-refused",                             \
               "announcements of an address that is not the peer's")         \
    CT_COUNTER(HELPER_UNREAD, "helper-unread",                               \
               "messages that a helper could not read, and let pass")        \
    CT_COUNTER(HELPER_SETTING_BAD, "helper-setting-bad",                     \
               "configurations of helpers that were not understood")         \
    CT_COUNTER(EXPIRED, "expired", "connections whose time ran out")         \
    CT_COUNTER(DELETED, "deleted", "connections flushed or replaced")        \
    CT_COUNTER(EARLY_DROP, "early-drop",                                     \
               "connections that gave way to new ones")                      \
    CT_COUNTER(HALF_OPEN_DROP, "half-open-drop",                             \
               "half-open connections that gave way to new ones")            \
    CT_COUNTER(HALF_OPEN_SHORT, "half-open-short",                           \
               "half-open connections given less time, as a limit is near")  \
    CT_COUNTER(EXPECT_GAVE_WAY, "expect-gave-way",                           \
               "expectations that gave way to others, as the zone was full") \
    CT_COUNTER(EVENT_LOST, "event-lost",                                     \
               "events that found no room, as nobody read fast enough")      \
    CT_COUNTER(CLASH, "clash", "commits that another thread had just made")  \
    CT_COUNTER(INVALID_L3, "invalid-l3",                                     \
               "IP header truncated, damaged or with a bad checksum")        \
    CT_COUNTER(INVALID_L4, "invalid-l4", "transport header truncated")       \
    CT_COUNTER(INVALID_CHECKSUM, "invalid-checksum",                         \
               "bad transport checksum")                                     \
    CT_COUNTER(INVALID_FRAGMENT, "invalid-fragment",                         \
               "a fragment that could not be reassembled")                   \
    CT_COUNTER(INVALID_TCP_FLAGS, "invalid-tcp-flags",                       \
               "a combination of TCP flags that no segment has")             \
    CT_COUNTER(INVALID_TCP_STATE, "invalid-tcp-state",                       \
               "a segment that does not fit the connection's state")         \
    CT_COUNTER(INVALID_TCP_WINDOW, "invalid-tcp-window",                     \
               "a segment outside the window")                               \
    CT_COUNTER(INVALID_TCP_NEW, "invalid-tcp-new",                           \
               "a first segment that opens no connection")                   \
    CT_COUNTER(INVALID_ICMP_TYPE, "invalid-icmp-type",                       \
               "an ICMP message of unknown type, or a reply without query")  \
    CT_COUNTER(INVALID_ICMP_ERROR, "invalid-icmp-error",                     \
               "an ICMP error about no connection that is known")            \
    CT_COUNTER(INVALID_STATE, "invalid-state",                               \
               "a message that does not fit the connection's state")         \
    CT_COUNTER(DROP_LIMIT, "drop-zone-limit", "the zone's limit is reached") \
    CT_COUNTER(DROP_FULL, "drop-table-full",                                 \
               "the maximum is reached and nothing could give way")          \
    CT_COUNTER(DROP_MEMORY, "drop-memory", "no memory for a connection")     \
    CT_COUNTER(DROP_NAT_EXHAUSTED, "drop-nat-exhausted",                     \
               "no free address and port for translation")                   \
    CT_COUNTER(DROP_NAT_HEADER, "drop-nat-header",                           \
               "headers that cannot be translated")                          \
    CT_COUNTER(DROP_NAT_FAMILY, "drop-nat-family",                           \
               "translation to an address of another family")                \
    CT_COUNTER(DROP_CLASH, "drop-clash",                                     \
               "another connection has the reply tuple")                     \
    CT_COUNTER(DROP_HELPER, "drop-helper", "a helper that does not exist")   \
    CT_COUNTER(DROP_HELPER_PAYLOAD, "drop-helper-payload",                   \
               "a command for a helper that is cut off or makes no sense")   \
    CT_COUNTER(DROP_HELPER_PART, "drop-helper-part",                         \
               "a part of a message, which the rest has to follow")          \
    CT_COUNTER(DROP_HELPER_EARLY, "drop-helper-early",                       \
               "a segment for a helper that came before its turn")           \
    CT_COUNTER(DROP_EXPECT, "drop-expect-full",                              \
               "no room for an expectation in the zone")                     \
    CT_COUNTER(DROP_MANGLE, "drop-mangle",                                   \
               "a payload in which an address could not be replaced")        \
    CT_COUNTER(DROP_FRAGMENT_EXPIRED, "drop-fragment-expired",               \
               "fragments whose datagram was not complete in time")          \
    CT_COUNTER(DROP_FRAGMENT_OVERFLOW, "drop-fragment-overflow",             \
               "fragments of a datagram with more of them than a batch holds")

enum ct_counter {
#define CT_COUNTER(ENUM, NAME, HELP) CT_C_##ENUM,
    CT_COUNTERS
#undef CT_COUNTER
    CT_N_COUNTERS
};

struct ct;

const char *ct_counter_name(enum ct_counter);
const char *ct_counter_help(enum ct_counter);

/* Adds 'n' to this thread's counter. */
void ct_count(struct ct *, enum ct_counter, uint64_t n);
/* The same for the counter of 'zone', beside ct_count(). */
void ct_count_in_zone(struct ct *, uint16_t zone, enum ct_counter, uint64_t n);
/* Sum over threads, living and gone. */
uint64_t ct_counter_get(const struct ct *, enum ct_counter);
uint64_t ct_zone_counter_get(const struct ct *, uint16_t zone,
                             enum ct_counter);
/* Is 'counter' one that zones have? */
bool ct_counter_is_zones(enum ct_counter);

#endif /* ct-counters.h */
