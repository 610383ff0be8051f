/* SPDX-License-Identifier: Apache-2.0 */

/* In which zones refused packets are logged, as commands and the configuration
 * set it.  Beside a packet's way: ct-refuse.c asks. */

#include <config.h>

#include "ct-log-zones.h"

#include <stdlib.h>
#include <string.h>

#include "ct.h"
#include "ct-tracker.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Between parts, and between the words of one. */
#define PARTS ";\r\n"
#define WORDS ", \t"

/* Of a zone. */
enum {
    CONFIGURED = 1 << 0,            /* On by configuration. */
    COMMANDED = 1 << 1,             /* A command has said something ... */
    COMMANDED_ON = 1 << 2,          /* ... and that is "on". */
};

static char *parse_part(char *part, int8_t wanted[]);

void
ct_log_refused_set(struct ct *ct, int zone, bool on)
{
    int first = zone < 0 ? 0 : zone;
    int last = zone < 0 ? UINT16_MAX : zone;

    for (int i = first; i <= last; i++) {
        atomic_fetch_or(&ct->log_zones[i], COMMANDED | COMMANDED_ON);
        if (!on) {
            atomic_fetch_and(&ct->log_zones[i], ~COMMANDED_ON);
        }
    }
}

bool
ct_log_refused(const struct ct *ct, uint16_t zone)
{
    uint8_t set = atomic_load_explicit(&ct->log_zones[zone],
                                       memory_order_relaxed);

    return (OVS_LIKELY(!set) ? false
            : set & COMMANDED ? set & COMMANDED_ON
            : true);
}

char *
ct_log_refused_configure(struct ct *ct, const char *text)
{
    int8_t *wanted = xmalloc(CT_N_ZONES * sizeof *wanted);
    char *copy = xstrdup(text ? text : ""), *save = NULL;
    struct ds errors = DS_EMPTY_INITIALIZER;

    memset(wanted, -1, CT_N_ZONES * sizeof *wanted);
    for (char *s = strtok_r(copy, PARTS, &save); s;
         s = strtok_r(NULL, PARTS, &save)) {
        char *error = parse_part(s, wanted);

        if (error) {
            ds_put_format(&errors, "%s\n", error);
            free(error);
        }
    }
    for (int i = 0; i < CT_N_ZONES; i++) {
        if (wanted[i] > 0) {
            atomic_fetch_or(&ct->log_zones[i], CONFIGURED);
        } else if (!wanted[i] || !errors.length) {
            atomic_fetch_and(&ct->log_zones[i], ~CONFIGURED);
        }
    }
    free(copy);
    free(wanted);
    ds_chomp(&errors, '\n');
    return errors.length ? ds_steal_cstr(&errors) : NULL;
}

/* "zone=N". */
static bool
parse_zone(const char *word, int *zone)
{
    return (!strncmp(word, "zone=", 5) && word[5] >= '0' && word[5] <= '9'
            && str_to_int(word + 5, 10, zone) && *zone <= UINT16_MAX);
}

/* "on" or "off", in all zones or the one that is named, into 'wanted'. */
static char *
parse_part(char *part, int8_t wanted[])
{
    char *save = NULL;
    char *word = strtok_r(part, WORDS, &save);
    char *where = word ? strtok_r(NULL, WORDS, &save) : NULL;
    int zone = 0;

    if (!word) {
        return NULL;
    } else if (strcmp(word, "on") && strcmp(word, "off")) {
        return xasprintf("%s: \"on\" or \"off\" expected", word);
    } else if (where && !parse_zone(where, &zone)) {
        return xasprintf("%s %s: zone=N expected", word, where);
    } else if (where && strtok_r(NULL, WORDS, &save)) {
        return xasprintf("%s %s: something behind it is not expected", word,
                         where);
    }
    memset(&wanted[zone], !strcmp(word, "on"), where ? 1 : CT_N_ZONES);
    return NULL;
}
