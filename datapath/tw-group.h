/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_GROUP_H
#define TW_GROUP_H 1

#include "dp-packet.h"

/* Packets of a batch that have something in common.
 *
 * Divides up to 32 packets by a pointer that each has (its megaflow, its
 * program), groups in the order of their first packets, packets of a group in
 * the order in which they came.
 *
 * Cost: the groups are searched one by one, the latest first; packets of a
 * flow tend to come together.  Threads: pure. */

struct tw_group {
    void *key;
    uint8_t first, last;        /* Packets; linked by 'next'. */
};

struct tw_groups {
    size_t n;
    struct tw_group groups[NETDEV_MAX_BURST];
    uint8_t next[NETDEV_MAX_BURST];
};

#define TW_GROUP_END UINT8_MAX

static inline struct tw_group *
tw_groups_get__(struct tw_groups *groups, void *key)
{
    struct tw_group *group;

    for (size_t i = groups->n; i-- > 0;) {
        if (groups->groups[i].key == key) {
            return &groups->groups[i];
        }
    }
    group = &groups->groups[groups->n++];
    group->key = key;
    group->first = group->last = TW_GROUP_END;
    return group;
}

/* Of the packets that have a bit in 'which', by 'keys'. */
static inline void
tw_groups_make(struct tw_groups *groups, void *const keys[], uint32_t which)
{
    groups->n = 0;
    for (; which; which = zero_rightmost_1bit(which)) {
        unsigned int i = raw_ctz(which);
        struct tw_group *group = tw_groups_get__(groups, keys[i]);

        if (group->first == TW_GROUP_END) {
            group->first = i;
        } else {
            groups->next[group->last] = i;
        }
        groups->next[i] = TW_GROUP_END;
        group->last = i;
    }
}

/* Stores the numbers of the packets of group 'i'.  Returns how many. */
static inline size_t
tw_group_members(const struct tw_groups *groups, size_t i, uint8_t members[])
{
    size_t n = 0;

    for (uint8_t j = groups->groups[i].first; j != TW_GROUP_END;
         j = groups->next[j]) {
        members[n++] = j;
    }
    return n;
}

#endif /* tw-group.h */
