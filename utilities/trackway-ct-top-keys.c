/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct --top: what keys do. */

#include <config.h>

#include <ctype.h>
#include <string.h>

#include "trackway-ct-top.h"
#include "util.h"

#define DEFAULT_INTERVAL 2000
#define MIN_INTERVAL 100
#define MAX_INTERVAL 86400000

#define ENTER '\r'
#define NEWLINE '\n'
#define ESCAPE 27
#define BACKSPACE 8
#define DELETE 127

/* A word to be typed.  'take' sets a condition, to 'word', or lifts it if
 * that is empty; returns NULL, or what is wrong. */
struct tct_prompt {
    char key;
    const char *question;
    const char *(*take)(struct ct_filter *, const char *word);
};

static const char *take_zone(struct ct_filter *, const char *);
static const char *take_proto(struct ct_filter *, const char *);
static const char *take_src(struct ct_filter *, const char *);
static const char *take_dst(struct ct_filter *, const char *);

static const struct tct_prompt prompts[] = {
    { 'z', "zone (none: all)", take_zone },
    { 'r', "protocol (none: all)", take_proto },
    { 's', "source, or a network (none: all)", take_src },
    { 'd', "destination, or a network (none: all)", take_dst },
};

static void type(struct tct_top *, char key);
static void command(struct tct_top *, char key);
static void change_interval(struct tct_top *, bool longer);

void
tct_top_key(struct tct_top *top, char key)
{
    top->says = NULL;
    if (top->prompt) {
        type(top, key);
    } else {
        command(top, key);
    }
}

void
tct_top_format_keys(const struct tct_top *top, struct ds *ds)
{
    if (top->prompt) {
        ds_put_format(ds, "%s: %s", top->prompt->question, top->typed);
    } else if (top->says) {
        ds_put_cstr(ds, top->says);
    } else {
        ds_put_cstr(ds, "q quit  b/p/c sort  g group  z zone  r protocol  "
                    "s/d host  x all  +/-  space");
    }
}

/* Typing. */

static void
end_typing(struct tct_top *top)
{
    const char *wrong = top->prompt->take(&top->options.filter, top->typed);

    top->prompt = NULL;
    if (wrong) {
        top->says = wrong;
    } else {
        top->ask_anew = true;
    }
}

static void
type(struct tct_top *top, char key)
{
    size_t n = strlen(top->typed);

    if (key == ENTER || key == NEWLINE) {
        end_typing(top);
    } else if (key == ESCAPE) {
        top->prompt = NULL;
    } else if (key == BACKSPACE || key == DELETE) {
        top->typed[n ? n - 1 : 0] = '\0';
    } else if (isgraph((unsigned char) key) && n + 1 < sizeof top->typed) {
        top->typed[n] = key;
        top->typed[n + 1] = '\0';
    }
}

static void
set_condition(struct ct_filter *f, enum ct_nla_filter condition, bool on)
{
    f->given &= ~(UINT32_C(1) << condition);
    if (on) {
        ct_filter_give(f, condition);
    }
}

static const char *
take_zone(struct ct_filter *f, const char *word)
{
    unsigned int zone = 0;

    if (*word && (!str_to_uint(word, 10, &zone) || zone > UINT16_MAX)) {
        return "not a zone from 0 to 65535";
    }
    f->zone = zone;
    set_condition(f, CT_FILTER_ZONE, *word);
    return NULL;
}

static const char *
take_proto(struct ct_filter *f, const char *word)
{
    uint8_t proto = 0;

    if (*word && !tct_try_proto(word, &proto)) {
        return "not a protocol";
    }
    f->proto = proto;
    set_condition(f, CT_FILTER_PROTO, *word);
    return NULL;
}

static const char *
take_addr(struct ct_filter *f, struct ct_filter_addr *to,
          const struct ct_filter_addr *other, const char *word)
{
    struct ct_filter_addr a = { .set = false };
    const char *wrong = *word ? tct_try_addr(word, &a, true) : NULL;

    if (!wrong && a.set && other->set && a.ipv6 != other->ipv6) {
        wrong = "mismatched address family";
    }
    if (!wrong) {
        *to = a;
        set_condition(f, CT_FILTER_ORIG,
                      a.set || other->set || f->orig.given);
    }
    return wrong;
}

static const char *
take_src(struct ct_filter *f, const char *word)
{
    return take_addr(f, &f->orig.src, &f->orig.dst, word);
}

static const char *
take_dst(struct ct_filter *f, const char *word)
{
    return take_addr(f, &f->orig.dst, &f->orig.src, word);
}

/* Commands. */

static bool
begin_typing(struct tct_top *top, char key)
{
    for (size_t i = 0; i < ARRAY_SIZE(prompts); i++) {
        if (prompts[i].key == key) {
            top->prompt = &prompts[i];
            top->typed[0] = '\0';
            return true;
        }
    }
    return false;
}

static void
command(struct tct_top *top, char key)
{
    struct tct_options *o = &top->options;

    switch (key) {
    case 'q': case 'Q':
        top->quit = true;
        break;
    case 'b':
        o->sort = TCT_BY_BYTES;
        break;
    case 'p':
        o->sort = TCT_BY_PACKETS;
        break;
    case 'c':
        o->sort = TCT_BY_CONNECTIONS;
        break;
    case 'g':
        o->group = (o->group + 1) % CT_TOP_N_GROUPS;
        top->ask_anew = true;
        break;
    case 'x':
        ct_filter_init(&o->filter);
        top->ask_anew = true;
        break;
    case '+': case '-':
        change_interval(top, key == '+');
        break;
    case ' ':
        top->paused = !top->paused;
        break;
    default:
        begin_typing(top, key);
        break;
    }
}

static void
change_interval(struct tct_top *top, bool longer)
{
    uint32_t *ms = &top->options.interval;
    uint32_t now = *ms ? *ms : DEFAULT_INTERVAL;

    *ms = longer ? MIN(now * 2, MAX_INTERVAL) : MAX(now / 2, MIN_INTERVAL);
    top->ask_anew = true;
}
