/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_CACHE_FORMAT_H
#define TW_CACHE_FORMAT_H 1

#include "tw-cache.h"

struct ds;

const char *tw_miss_name(enum tw_miss);
const char *tw_miss_help(enum tw_miss);

/* What a thread's track cache holds, and what it does, in lines that each
 * begin with 'indent'.  The thread must be parked or locked: its programs are
 * looked at. */
void tw_cache_format(const struct tw_cache *, const char *indent, struct ds *);
void tw_program_format(const struct tw_program *, const char *indent,
                       struct ds *);
void tw_cache_format_programs(const struct tw_cache *, const char *indent,
                              struct ds *);

#endif /* tw-cache-format.h */
