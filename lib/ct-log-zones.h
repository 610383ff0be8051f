/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_LOG_ZONES_H
#define CT_LOG_ZONES_H 1

struct ct;

/* In which zones refused packets are logged.
 * ==========================================
 *
 * Commands set it (ct_log_refused_set() of ct.h), and configuration, in their
 * words: "on" or "off", with or without zone=N, any number of them with ';' or
 * newlines in between, of which a later one goes before an earlier one.  In a
 * zone of which a command has said something, that holds.
 *
 * Threads: any, concurrently; one that configures. */

/* Replaces what the configuration has set by 'text' (NULL: off).  Returns
 * NULL, or a line for each part that is wrong, to be freed by the caller; then
 * zones of which no good part says anything are as before. */
char *ct_log_refused_configure(struct ct *, const char *text);

#endif /* ct-log-zones.h */
