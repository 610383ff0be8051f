/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRACKWAY_CT_TOP_H
#define TRACKWAY_CT_TOP_H 1

#include "trackway-ct.h"

/* trackway-ct --top: what its files share.
 *
 *    trackway-ct-top.c           the conversation: rows come, tables are shown
 *    trackway-ct-top-text.c      rows -> the lines of a table
 *    trackway-ct-top-screen.c    lines -> a terminal; keys
 *    trackway-ct-top-keys.c      what keys do
 */

/* More than the daemon sends. */
#define TCT_TOP_ROWS 512

/* One table, as it comes. */
struct tct_table_of_rows {
    struct ct_top_row rows[TCT_TOP_ROWS];
    size_t n;
};

struct tct_top {
    struct tct_options options;         /* As keys have changed them. */
    struct tct_table_of_rows coming;
    struct tct_table_of_rows shown;     /* The last that is complete. */
    uint32_t n_shown;
    bool screen;                        /* Of a terminal; else text. */
    bool paused;
    bool quit;
    bool ask_anew;                      /* Something else is asked. */
    const char *says;                   /* To who pressed a key, or NULL. */

    /* A word that is being typed; NULL: none. */
    const struct tct_prompt *prompt;
    char typed[64];
};

/* trackway-ct-top-text.c: appends the lines of top->shown.  With 'height', no
 * more than so many; 0: as many as there are to show. */
void tct_top_format(const struct tct_top *, unsigned int height, struct ds *);
/* The conditions, in words; nothing if there are none. */
void tct_top_format_filter(const struct tct_options *, struct ds *);

/* trackway-ct-top-keys.c: 'key' was pressed. */
void tct_top_key(struct tct_top *, char key);
/* What the last line of the screen says. */
void tct_top_format_keys(const struct tct_top *, struct ds *);

/* trackway-ct-top-screen.c: the terminal is ours between the two; it is given
 * back at exit, too. */
void tct_screen_open(void);
void tct_screen_close(void);
void tct_screen_show(const struct tct_top *);
/* Keys that were pressed, at most 'max'; none if 'fd' has no more. */
size_t tct_screen_read(char keys[], size_t max);

#endif /* trackway-ct-top.h */
