/* screen.c - see screen.h. */
#include "screen.h"
#include "screen_draw.h"

#include "ctl.h"
#include "render.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <wchar.h>

#define ESCAPE_MS 25 /* so long a lone Escape waits for the rest of a key */

attr_t screen_style(int pair, attr_t plain)
{
    return COLOR_PAIRS > 0 ? (attr_t)COLOR_PAIR(pair) : plain; /* none before start_color() */
}

int screen_text(int row, int column, int columns, attr_t style, const char *text)
{
    wchar_t wide[SCREEN_TEXT_BYTES];
    wchar_t shown[SCREEN_TEXT_BYTES];
    size_t count = mbstowcs(wide, text, SCREEN_TEXT_BYTES - 1);
    size_t fits = 0;
    int used = 0;

    count = count == (size_t)-1 ? 0 : count;
    for (size_t i = 0; i < count; i++) {
        int width = wcwidth(wide[i]);

        shown[i] = width < 0 ? L'\ufffd' : wide[i]; /* it may steer the terminal */
        width = width < 0 ? 1 : width;
        if (used + width > columns) {
            while (fits > 0 && used >= columns) {
                used -= wcwidth(shown[--fits]);
            }
            shown[fits++] = L'…';
            used++;
            break;
        }
        used += width;
        fits++;
    }
    if (columns > 0) {
        (void)attrset((int)style);
        (void)mvaddnwstr(
            row, column, shown, (int)fits); /* outside of the window nothing is drawn */
        (void)attrset(A_NORMAL);
    }
    return used;
}

int screen_span(int row, int column, int columns, attr_t style, trial_text text)
{
    char bytes[SCREEN_TEXT_BYTES];
    uint32_t size = text.size < sizeof bytes ? text.size : sizeof bytes - 1;

    while (size < text.size && size > 0 && ((unsigned char)text.at[size] & 0xc0) == 0x80) {
        size--;
    }
    if (size > 0) {
        memcpy(bytes, text.at, size);
    }
    bytes[size] = '\0';
    return screen_text(row, column, columns, style, bytes);
}

void screen_title(int columns, bool is_loud, const char *text)
{
    attr_t style = screen_style(SCREEN_TITLE, A_REVERSE);

    (void)attrset((int)style);
    (void)mvhline(0, 0, ' ', columns);
    (void)attrset(A_NORMAL);
    (void)screen_text(0, 0, columns, is_loud ? style | A_BOLD : style, text);
}

bool screen_is_small(int rows, int columns)
{
    if (rows >= SCREEN_ROWS_MIN && columns >= SCREEN_COLUMNS_MIN) {
        return false;
    }
    if (rows > 0) {
        (void)screen_text(0, 0, SCREEN_COLUMNS_MIN, A_NORMAL, "make the window larger: 40 by 10");
    }
    return true;
}

/* The window has another size. */
static void fit(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        (void)resizeterm(size.ws_row, size.ws_col); /* without memory it stays as it was */
    }
}

static void make_colours(void)
{
    if (!render_has_colour(stdout) || start_color() == ERR || !has_colors()) {
        return;
    }
    (void)use_default_colors(); /* where the terminal has none of its own, black stands for it */
    (void)init_pair(SCREEN_TITLE, COLOR_WHITE, COLOR_BLUE);
    (void)init_pair(SCREEN_BAR, COLOR_CYAN, -1);
    (void)init_pair(SCREEN_BAD, COLOR_RED, -1);
    (void)init_pair(SCREEN_SOON, COLOR_YELLOW, -1);
}

trial_code screen_open(const char *verb, trial_error *err)
{
    const char *terminal = getenv("TERM");

    if (!render_can_draw(stdout) || newterm(NULL, stdout, stdin) == NULL) {
        return trial_fail(err,
                          TRIAL_UNSUPPORTED,
                          "the terminal '%s' cannot be drawn on; set TERM, or pipe %s into "
                          "another program for plain lines",
                          terminal == NULL ? "" : terminal,
                          verb);
    }
    make_colours();
    (void)cbreak(); /* these are fallible only without a terminal */
    (void)noecho();
    (void)nonl();
    (void)curs_set(0); /* some terminals cannot hide it */
    (void)keypad(stdscr, true);
    (void)nodelay(stdscr, true);
    (void)set_escdelay(ESCAPE_MS);
    return TRIAL_OK;
}

void screen_close(void)
{
    (void)endwin();
}

trial_code screen_wakes_open(screen_wakes *wakes, bool has_keys, trial_error *err)
{
    struct epoll_event wake = { .events = EPOLLIN };
    sigset_t set;

    (void)sigemptyset(&set); /* these fail only for what is no signal */
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGWINCH);
    (void)sigprocmask(SIG_BLOCK, &set, &wakes->before);
    wakes->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    wakes->fd = epoll_create1(EPOLL_CLOEXEC);
    if (wakes->signals < 0 || wakes->fd < 0 ||
        epoll_ctl(wakes->fd, EPOLL_CTL_ADD, wakes->signals, &wake) != 0 ||
        (has_keys && isatty(STDIN_FILENO) == 1 &&
         epoll_ctl(wakes->fd, EPOLL_CTL_ADD, STDIN_FILENO, &wake) != 0)) {
        return trial_fail_errno(err, errno, "watching keys and signals");
    }
    return TRIAL_OK;
}

void screen_wakes_close(screen_wakes *wakes)
{
    if (wakes->signals >= 0) {
        (void)close(wakes->signals); /* nothing was written to either */
    }
    if (wakes->fd >= 0) {
        (void)close(wakes->fd);
    }
    (void)sigprocmask(SIG_SETMASK, &wakes->before, NULL);
}

int screen_wakes_take(screen_wakes *wakes, bool is_drawn)
{
    struct signalfd_siginfo what;
    int status = -1;

    while (read(wakes->signals, &what, sizeof what) == (ssize_t)sizeof what) {
        if (what.ssi_signo != SIGWINCH) {
            status = what.ssi_signo == SIGINT ? CTL_EXIT_INTERRUPTED : 128 + (int)what.ssi_signo;
        } else if (is_drawn) {
            fit();
        }
    }
    return status;
}

bool screen_wakes_is_gone(const screen_wakes *wakes)
{
    struct epoll_event wake;

    return epoll_wait(wakes->fd, &wake, 1, 0) == 1 && (wake.events & (EPOLLHUP | EPOLLERR)) != 0;
}
