/* program.h - what every program does the same way: options, help, man page, version, signals,
 * config check. One table is the source of --help and of the man page (`PROGRAM --man` prints roff,
 * the build calls it). */
#ifndef VD_PROGRAM_H
#define VD_PROGRAM_H
#include "vd/error.h"

typedef struct {
    const char *name;  /* "config" for --config */
    char letter;       /* 'c' or 0 */
    const char *value; /* "FILE"; NULL for a switch */
    const char *help;  /* one sentence */
    bool repeats;      /* may be given more than once */
} vd_option;

typedef struct {
    const char *name;        /* "vedette-agent" */
    const char *brief;       /* one line for NAME and --help */
    const char *synopsis;    /* "[--config FILE] ..." */
    const char *description; /* paragraphs divided by blank lines */
    const vd_option *options;
    size_t option_count;
    const char *files;    /* man FILES section, or NULL */
    const char *see_also; /* "vedette(1), vedette-hub(8)" */
    int man_section;
} vd_program;

/* Values found on the command line; all borrowed from argv. */
typedef struct {
    const char *value[32][8]; /* [option][occurrence]; "" for a switch */
    unsigned count[32];
    const char *rest[64];
    unsigned rest_count;
} vd_args;

/* Handles --help, --version and --man itself (prints, returns VD_GONE: exit 0); a table that has
 * one of these names takes it over. VD_INVALID for
 * unknown options, with the nearest. */
VD_MUST_USE vd_err vd_args_read(const vd_program *program, int argc, char **argv, vd_args *ret_args,
                                vd_why *why);
const char *vd_args_get(const vd_program *program, const vd_args *args, const char *name,
                        const char *fallback);
bool vd_args_has(const vd_program *program, const vd_args *args, const char *name);
/* Prints "PROGRAM: fact: detail\n  hint" to stderr and returns the exit status for the class (2 for
 * invalid, 1 else). */
int vd_program_fail(const vd_program *program, vd_err err, const vd_why *why);

/* SIGINT and SIGTERM become a flag and wake vd_stop_wait; SIGPIPE is ignored. Call before threads
 * start. */
void vd_stop_install(void);
bool vd_stop_asked(void);
/* Waits until a stop is asked or timeout_ms passes (-1: for ever); true when asked. */
bool vd_stop_wait(int timeout_ms);
extern const char vd_version[]; /* "0.1.0" */
#endif
