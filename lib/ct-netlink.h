/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_NETLINK_H
#define CT_NETLINK_H 1

#include <stdbool.h>
#include <stdint.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ct-dpif.h"
#include "netlink-protocol.h"
#include "openvswitch/ofpbuf.h"

/* Connections and expectations as netlink messages.
 * ==================================================
 *
 * What
 * ----
 * Who asks a tracker from outside its process, trackway-ct(8) above all,
 * speaks netlink over a local stream socket: the messages that the Linux
 * kernel's ctnetlink has, with its attributes under its numbers, so that
 * whoever knows one knows the other.  Here is what a message looks like.
 * Which requests there are, and who may make them, is ct-query.h.
 *
 * Shapes
 * ------
 * A message is
 *
 *    struct nlmsghdr     nlmsg_type: CT_NL_TYPE() or CT_NL_EXP_TYPE() of
 *                        IPCTNL_MSG_*, or NLMSG_DONE, NLMSG_ERROR
 *    struct nfgenmsg     nfgen_family: AF_INET, AF_INET6, AF_UNSPEC
 *    attributes          CTA_*, CTA_EXPECT_*, CTA_STATS_* of the kernel's
 *                        header; CTA_TRACKWAY, in which are CT_NLA_*
 *
 * and stands in the stream right behind the one before.  Requests and answers
 * have the same shape.  Of the answers to a request all have its nlmsg_seq,
 * and the last one is NLMSG_DONE or NLMSG_ERROR:
 *
 *    NLMSG_DONE          an int32_t that is 0; CT_NLA_COUNT: how many
 *                        connections were shown, deleted, changed or counted
 *    NLMSG_ERROR         struct nlmsgerr: an errno value, negative, and the
 *                        request's header, which is all of the request that
 *                        is repeated; NLMSGERR_ATTR_MSG: a sentence.
 *                        0 means that all went well.
 *
 * An attribute that is not known is skipped.  One that is known and has
 * another size or value than it may have is an error: nothing of the request
 * is done.
 *
 * Units: timeouts are in seconds, timestamps in nanoseconds since 1970.
 *
 * Byte order: headers are in the host's (client and server are on the same
 * one), attributes in network byte order, as ctnetlink has them: those of
 * CTA_TRACKWAY, too.  CTA_LABELS are 16 bytes, the lowest bit in the first.
 *
 * Errors: who parses returns NULL, or a sentence that says what is wrong,
 * static.
 *
 * Threads: pure functions. */

#define CT_NL_TYPE(MSG)     (NFNL_SUBSYS_CTNETLINK << 8 | (MSG))
#define CT_NL_EXP_TYPE(MSG) (NFNL_SUBSYS_CTNETLINK_EXP << 8 | (MSG))

/* Of our own: what netlink has multicast groups for. */
#define CT_NL_MSG_SUBSCRIBE 0x80
#define CT_NL_MSG_TOP 0x81              /* Both ways: ct-top.h. */

/* Behind all that the kernel will ever have.  Nested. */
#define CTA_TRACKWAY 0x400

/* Within CTA_TRACKWAY. */
enum ct_nla {
    CT_NLA_UNSPEC,
    CT_NLA_DATAPATH,            /* String: which one.  None: the only one. */
    CT_NLA_FILTER,              /* Nested: enum ct_nla_filter (ct-filter.h). */
    CT_NLA_COUNT,               /* u64: see NLMSG_DONE. */
    CT_NLA_REASON,              /* String: why a connection ended. */
    CT_NLA_EXPECTS,             /* u32: expectations of a tracker. */
    CT_NLA_EVENTS,              /* u32: bits of enum ct_event_type. */
    CT_NLA_WHEN,                /* u64: of an event, ms since 1970. */
    CT_NLA_INTERVAL,            /* u32: ms from one table to the next. */
    CT_NLA_GROUP,               /* u32: enum ct_top_group. */
    CT_NLA_TOP,                 /* Nested: enum ct_nla_top. */
    CT_NLA_N
};

/* Within CT_NLA_TOP: members of struct ct_top_row. */
enum ct_nla_top {
    CT_NLA_TOP_UNSPEC,
    CT_NLA_TOP_KIND,            /* u32 */
    CT_NLA_TOP_NAME,            /* String. */
    CT_NLA_TOP_CONNECTIONS,     /* u64, and so are all others. */
    CT_NLA_TOP_PACKETS,
    CT_NLA_TOP_BYTES,
    CT_NLA_TOP_TOTAL,
    CT_NLA_TOP_MS,
    CT_NLA_TOP_N
};

/* No message is longer; one that claims to be ends the conversation. */
#define CT_NL_MAX_MSG 16384

/* A message with a struct nfgenmsg.  ct_nl_end() completes what ct_nl_begin()
 * began, at 'ofs'. */
struct ct_nl_header {
    uint16_t type;
    uint16_t flags;             /* NLM_F_*. */
    uint32_t seq;
    uint8_t family;             /* AF_*. */
    uint16_t res_id;            /* Host byte order. */
};

size_t ct_nl_begin(struct ofpbuf *, const struct ct_nl_header *);
void ct_nl_end(struct ofpbuf *, size_t ofs);

/* 'n' events were lost. */
void ct_nl_put_overrun(struct ofpbuf *, uint32_t seq, uint64_t n);
/* How many; 0 if 'msg' says no such thing. */
uint64_t ct_nl_get_overrun(const struct ofpbuf *msg);

/* The last message of an answer.  'text' may be NULL. */
void ct_nl_put_done(struct ofpbuf *, uint32_t seq, uint64_t count);
void ct_nl_put_error(struct ofpbuf *, const struct nlmsghdr *request,
                     int error, const char *text);

struct ct_nl_result {
    int error;                  /* Positive errno value. */
    uint64_t count;
    char text[256];             /* "": none. */
};
/* Reads either of them.  False if 'msg' is neither. */
bool ct_nl_get_result(const struct ofpbuf *msg, struct ct_nl_result *);

/* The first message of the 'size' bytes at 'data': its length, 0 if they do
 * not hold all of it, -1 if there can be none. */
int ct_nl_msg_len(const void *data, size_t size);

/* The attributes of CTA_TRACKWAY, in 'attrs' (CT_NLA_N of them; NULL where
 * there is none). */
const char *ct_nl_get_own(const struct ofpbuf *msg, struct nlattr *attrs[]);

/* Connections. */

/* Appends the attributes that describe a connection.  Those of its protocol
 * only if entry->protoinfo.proto is set. */
void ct_nl_put_conn(struct ofpbuf *, const struct ct_dpif_entry *);

/* The same as a whole message. */
void ct_nl_put_conn_msg(struct ofpbuf *, const struct ct_nl_header *,
                        const struct ct_dpif_entry *);

#define CT_NL_BIT(CTA) (UINT64_C(1) << (CTA))

struct ct_nl_conn {
    struct ct_dpif_entry entry; /* 'helper.name' is NULL: see 'helper'. */
    uint64_t given;             /* CT_NL_BIT() of each attribute. */
    char helper[32];
    uint32_t mark_mask;         /* All ones if not given; so are the others. */
    uint32_t status_mask;
    ovs_u128 labels_mask;
};

/* What is not given is zero.  Tuples are complete: two addresses of one
 * family, a protocol, and what belongs to it. */
const char *ct_nl_get_conn(const struct ofpbuf *msg, struct ct_nl_conn *);

/* TCP states: as the kernel numbers and conntrack(8) names them.
 * ct_nl_tcp_state() returns -1 for a name that is none. */
int ct_nl_tcp_state(const char *name);
const char *ct_nl_tcp_state_name(uint8_t state);
int ct_nl_sctp_state(const char *name);
const char *ct_nl_sctp_state_name(uint8_t state);
uint8_t ct_nl_tcp_state_from_dpif(uint8_t dpif_state);
uint8_t ct_nl_tcp_state_to_dpif(uint8_t state);
uint8_t ct_nl_sctp_state_from_dpif(uint8_t dpif_state);
uint8_t ct_nl_sctp_state_to_dpif(uint8_t state);

/* Expectations. */

struct ct_nl_expect {
    uint32_t id;
    uint16_t zone;
    uint32_t timeout;
    uint32_t flags;             /* CT_NL_EXPECT_*. */
    uint32_t class;             /* Which of the helper's. */
    struct ct_dpif_tuple tuple; /* As the first packet will come. */
    struct ct_dpif_tuple mask;  /* Which bits of it count. */
    struct ct_dpif_tuple parent;    /* Original tuple. */
    bool nat;
    struct ct_dpif_tuple nat_tuple; /* What becomes of it. */
    uint32_t nat_dir;           /* enum ct_dir. */
    char helper[32];
};

/* As the kernel's NF_CT_EXPECT_*. */
#define CT_NL_EXPECT_PERMANENT 0x1
#define CT_NL_EXPECT_INACTIVE  0x2

void ct_nl_put_expect_msg(struct ofpbuf *, const struct ct_nl_header *,
                          const struct ct_nl_expect *);
const char *ct_nl_get_expect(const struct ofpbuf *msg, struct ct_nl_expect *);

/* Rows of a table of what goes on. */
struct ct_top_row;
void ct_nl_put_top_msg(struct ofpbuf *, const struct ct_nl_header *,
                       const struct ct_top_row *);
const char *ct_nl_get_top(const struct ofpbuf *msg, struct ct_top_row *);

/* Tuples, as both have them: for ct-netlink's own files. */
void ct_nl_put_tuple(struct ofpbuf *, uint16_t type,
                     const struct ct_dpif_tuple *);
const char *ct_nl_get_tuple(const struct nlattr *, struct ct_dpif_tuple *);

#endif /* ct-netlink.h */
