/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct --top: the terminal.  It needs five control sequences of ECMA-48
 * and xterm that all terminals of today know, and no library. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "trackway-ct-top.h"
#include "util.h"

#define OTHER_SCREEN "\033[?1049h\033[?25l"     /* Without a cursor. */
#define OWN_SCREEN "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define END_OF_LINE "\033[K"
#define END_OF_SCREEN "\033[J"

#define DEFAULT_HEIGHT 24
#define DEFAULT_WIDTH 80

static struct termios before;
static bool is_open;

static void
size_changed(int signr OVS_UNUSED)
{
    /* It ends a poll(). */
}

static void
write_out(const char *s, size_t n)
{
    while (n) {
        ssize_t written = write(STDOUT_FILENO, s, n);

        if (written < 0 && errno != EINTR) {
            return;                     /* The terminal has gone. */
        }
        if (written > 0) {
            s += written;
            n -= written;
        }
    }
}

void
tct_screen_open(void)
{
    struct sigaction action = { .sa_handler = size_changed };
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &before)) {
        tct_failed("cannot read keys: %s", ovs_strerror(errno));
    }
    raw = before;
    raw.c_lflag &= ~(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    sigaction(SIGWINCH, &action, NULL);
    is_open = true;
    atexit(tct_screen_close);
    write_out(OTHER_SCREEN, strlen(OTHER_SCREEN));
}

void
tct_screen_close(void)
{
    if (is_open) {
        is_open = false;
        write_out(OWN_SCREEN, strlen(OWN_SCREEN));
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    }
}

static struct winsize
screen_size(void)
{
    struct winsize size = { .ws_row = 0 };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row
        || !size.ws_col) {
        size.ws_row = DEFAULT_HEIGHT;
        size.ws_col = DEFAULT_WIDTH;
    }
    return size;
}

/* What of 'text' fits, line by line. */
static void
put_cut(const char *text, const struct winsize *size, struct ds *ds)
{
    for (unsigned int row = 1; row < size->ws_row && *text; row++) {
        size_t n = strcspn(text, "\n");

        ds_put_buffer(ds, text, MIN(n, size->ws_col));
        ds_put_cstr(ds, END_OF_LINE"\r\n");
        text += n + (text[n] == '\n');
    }
}

void
tct_screen_show(const struct tct_top *top)
{
    struct ds text = DS_EMPTY_INITIALIZER, keys = DS_EMPTY_INITIALIZER;
    struct ds out = DS_EMPTY_INITIALIZER;
    struct winsize size = screen_size();

    tct_top_format(top, size.ws_row - 1, &text);
    tct_top_format_keys(top, &keys);
    ds_put_cstr(&out, HOME);
    put_cut(ds_cstr(&text), &size, &out);
    ds_put_cstr(&out, END_OF_SCREEN);
    ds_put_format(&out, "\033[%uH", (unsigned int) size.ws_row);
    ds_put_buffer(&out, ds_cstr(&keys), MIN(keys.length, size.ws_col - 1u));
    ds_put_cstr(&out, END_OF_LINE);
    write_out(ds_cstr(&out), out.length);
    ds_destroy(&text);
    ds_destroy(&keys);
    ds_destroy(&out);
}

size_t
tct_screen_read(char keys[], size_t max)
{
    ssize_t n = read(STDIN_FILENO, keys, max);

    if (!n) {
        tct_failed("the terminal has gone");
    }
    return MAX(n, 0);
}
