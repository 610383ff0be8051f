/* SPDX-License-Identifier: Apache-2.0 */

/* Contexts: the first thing that is looked up for a packet.  Called by
 * tw-cache. */

#include <config.h>

#include "tw-context.h"

/* Seconds since 'context' was used. */
static uint16_t
age(const struct tw_context *context, uint16_t now)
{
    return now - context->used;
}

static struct tw_context *
choose_victim(struct tw_context *set, uint16_t now)
{
    struct tw_context *victim = &set[0];

    for (size_t i = 0; i < TW_CONTEXT_WAYS; i++) {
        if (!set[i].id) {
            return &set[i];
        }
        if (age(&set[i], now) > age(victim, now)) {
            victim = &set[i];
        }
    }
    return victim;
}

struct tw_context *
tw_context_add(struct tw_contexts *contexts, const struct tw_track_key *key,
               uint64_t hash, uint16_t now, uint16_t *replaced)
{
    struct tw_context *context
        = choose_victim(contexts->sets[hash % TW_CONTEXT_SETS], now);

    contexts->n += !context->id;
    *replaced = context->program;
    memcpy(context->words, key->context_words, sizeof context->words);
    context->id = ++contexts->last_id;
    context->program = 0;
    context->used = now;
    return context;
}
