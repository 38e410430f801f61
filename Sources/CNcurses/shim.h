#ifndef PODIUM_CNCURSES_SHIM_H
#define PODIUM_CNCURSES_SHIM_H

#define _XOPEN_SOURCE_EXTENDED 1
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>
#include <term.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

// Swift imports neither the attribute macros nor the variadic functions, and rejects the global variables as shared
// mutable state: each inline below wraps one of them.

static inline unsigned int podium_bold(void) { return A_BOLD; }
static inline unsigned int podium_dim(void) { return A_DIM; }
static inline unsigned int podium_reverse(void) { return A_REVERSE; }
static inline unsigned int podium_underline(void) { return A_UNDERLINE; }

static inline WINDOW *podium_stdscr(void) { return stdscr; }
static inline WINDOW *podium_curscr(void) { return curscr; }
// Direct: a colour's number is the colour itself.
static inline int podium_colors(void) { return tigetnum("colors"); }
static inline int podium_has_direct_color(void) {
    char *bits = tigetstr("RGB");
    return tigetflag("RGB") == 1 || tigetnum("RGB") > 0 || (bits != (char *)-1 && bits != NULL);
}
static inline int podium_color_pairs(void) { return COLOR_PAIRS; }
// The left button and the wheel, in the form that the terminal's description names.
static inline void podium_mouse(int on) {
    mousemask(on ? BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
}

// The pair goes through the pointer, which alone takes more than 32,767 of them.
static inline int podium_set_style(unsigned int attributes, int pair) {
    return wattr_set(stdscr, attributes, (short)(pair > 32767 ? 32767 : pair), &pair);
}

// NULL where the terminal has none.
static inline const char *podium_capability(const char *name) {
    char *value = tigetstr((char *)name);
    return value == (char *)-1 ? NULL : value;
}

// newterm with a description of our own, "TERMINFO=b64:...", which ncurses takes from the environment alone. Instead of
// being changed the environment is exchanged meanwhile, so that other threads may go on reading it; for the same reason
// the copy is never freed. It must not be inherited: other programs would draw on another terminal by it.
extern char **environ;
static inline SCREEN *podium_newterm_described(const char *name, const char *description, FILE *output, FILE *input) {
    size_t count = 0;
    while (environ != NULL && environ[count] != NULL) count++;
    char **exchanged = malloc((count + 2) * sizeof *exchanged);
    char *first = strdup(description);
    if (exchanged == NULL || first == NULL) {
        free(exchanged);
        free(first);
        return NULL;
    }
    exchanged[0] = first;
    if (count > 0) memcpy(exchanged + 1, environ, count * sizeof *exchanged);
    exchanged[count + 1] = NULL;
    char **kept = environ;
    environ = exchanged;
    SCREEN *screen = newterm((char *)name, output, input);
    environ = kept;
    return screen;
}

static inline int podium_locale_is_utf8(void) {
    const char *codeset = nl_langinfo(CODESET);
    return codeset != NULL && (strcmp(codeset, "UTF-8") == 0 || strcmp(codeset, "utf8") == 0);
}

// One character of the locale: 1 if these bytes are one, 0 if more have to come, -1 if none begins so.
static inline int podium_decode(const unsigned char *bytes, size_t count, unsigned int *scalar) {
    mbstate_t state;
    memset(&state, 0, sizeof state);
    wchar_t character = 0;
    size_t length = mbrtowc(&character, (const char *)bytes, count, &state);
    if (length == (size_t)-1) return -1;
    if (length == (size_t)-2) return 0;
    *scalar = (unsigned int)character;
    return 1;
}

// Declared only under _XOPEN_SOURCE, which the C library's own module does not set.
extern int wcwidth(wchar_t character);
static inline int podium_wcwidth(unsigned int scalar) { return wcwidth((wchar_t)scalar); }

#endif
