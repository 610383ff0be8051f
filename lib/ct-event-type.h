/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EVENT_TYPE_H
#define CT_EVENT_TYPE_H 1

/* Which events there are: for ct-event.h, and for those who ask for them in
 * messages (CT_NLA_EVENTS of ct-netlink.h), where a type is a bit. */

/* CT_EVENT_TYPE(ENUM, "name") */
#define CT_EVENT_TYPES                                                       \
    CT_EVENT_TYPE(NEW, "new")                                                \
    CT_EVENT_TYPE(UPDATE, "update")                                          \
    CT_EVENT_TYPE(DESTROY, "destroy")                                        \
    CT_EVENT_TYPE(EXPECT_NEW, "expect-new")                                  \
    CT_EVENT_TYPE(EXPECT_DESTROY, "expect-destroy")

enum ct_event_type {
#define CT_EVENT_TYPE(ENUM, NAME) CT_EVENT_##ENUM,
    CT_EVENT_TYPES
#undef CT_EVENT_TYPE
    CT_EVENT_N_TYPES
};

#define CT_EVENTS_OF_CONNS (1u << CT_EVENT_NEW | 1u << CT_EVENT_UPDATE \
                            | 1u << CT_EVENT_DESTROY)
#define CT_EVENTS_OF_EXPECTS (1u << CT_EVENT_EXPECT_NEW \
                              | 1u << CT_EVENT_EXPECT_DESTROY)

#endif /* ct-event-type.h */
