/* main.c - vedette: find the verb, read its options, run it, show what went wrong. */
#include <stdio.h>
#include <stdlib.h>

#include "cli_priv.h"

const char *cli_option(const cli *c, const char *name)
{
    return vd_args_get(&c->program, &c->args, name, NULL);
}

const char *cli_argument(const cli *c, unsigned index)
{
    return index < c->args.rest_count ? c->args.rest[index] : NULL;
}

vd_err cli_number(const cli *c, const char *name, uint64_t most, uint64_t *value, vd_why *why)
{
    const char *text = cli_option(c, name);

    if (!text || vd_slice_u64(vd_slice_str(text), most, value)) return VD_OK;
    return vd_fail(why, VD_INVALID, "--%s is '%s', a whole number up to %llu is needed", name, text,
                   (unsigned long long)most);
}

static unsigned words_of(const char *words)
{
    return strchr(words, ' ') ? 2 : 1;
}

/* How many of the verb's words argv begins with. */
static unsigned matching(const cli_verb *verb, int argc, char **argv)
{
    vd_slice second, first = vd_slice_cut(vd_slice_str(verb->words), ' ', &second);

    if (argc < 2 || !vd_slice_eq(first, vd_slice_str(argv[1]))) return 0;
    if (!second.len) return 1;
    return argc > 2 && vd_slice_eq(second, vd_slice_str(argv[2])) ? 2 : 0;
}

static const cli_verb *verb_find(int argc, char **argv)
{
    for (size_t i = 0; i < cli_verb_count; i++)
        if (matching(&cli_verbs[i], argc, argv)) return &cli_verbs[i];
    return NULL;
}

/* Says what there is instead, the nearest first. */
static vd_err verb_unknown(int argc, char **argv, vd_why *why)
{
    const char *all[CLI_VERBS_MAX];
    char given[128];

    for (size_t i = 0; i < cli_verb_count; i++) all[i] = cli_verbs[i].words;
    bool group = false;
    for (size_t i = 0; i < cli_verb_count; i++)
        group = group ||
                (strncmp(all[i], argv[1], strlen(argv[1])) == 0 && all[i][strlen(argv[1])] == ' ');
    const char *second = argc > 2 && argv[2][0] != '-' ? argv[2] : NULL;
    snprintf(given, sizeof given, "%s%s%s", argv[1], group && second ? " " : "",
             group && second ? second : "");
    vd_fail(why, VD_INVALID, group && !second ? "'%s' needs one more word" : "no verb '%s'", given);
    const char *nearest = vd_nearest(vd_slice_str(given), all, cli_verb_count);
    if (nearest)
        vd_why_hint(why, "did you mean 'vedette %s'? 'vedette --help' lists all", nearest);
    else
        vd_why_hint(why, "'vedette --help' lists them");
    return VD_INVALID;
}

static vd_err arguments_check(const cli *c, vd_why *why)
{
    const cli_verb *verb = c->verb;

    if (c->args.rest_count >= verb->least && c->args.rest_count <= verb->most) return VD_OK;
    vd_fail(why, VD_INVALID,
            c->args.rest_count < verb->least ? "an argument is missing" : "too many arguments");
    vd_why_hint(why, "usage: %s %s", c->name, c->synopsis);
    return VD_INVALID;
}

static int verb_run(const cli_verb *verb, int argc, char **argv)
{
    cli c;
    vd_why why = { 0 };
    int skip = (int)words_of(verb->words);

    cli_describe(&c, verb);
    vd_err err = vd_args_read(&c.program, argc - skip, argv + skip, &c.args, &why);
    if (err == VD_GONE) return 0;
    c.json = vd_args_has(&c.program, &c.args, "json");
    if (!err) err = arguments_check(&c, &why);
    if (!err) err = verb->run(&c, &why);
    if (!err && fflush(stdout)) err = vd_fail_errno(&why, "the output cannot be written");
    return err ? vd_program_fail(&c.program, err, &why) : 0;
}

static int overview(int argc, char **argv)
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    vd_program program = cli_overview(&text);
    vd_args args;
    vd_why why = { 0 };
    char help[] = "--help", *asked[] = { argv[0], help, NULL };

    if (argc < 2) argc = 2, argv = asked;
    vd_err err = vd_args_read(&program, argc, argv, &args, &why);
    if (err == VD_GONE) return 0;
    if (!err) err = verb_unknown(argc, argv, &why);
    return vd_program_fail(&program, err, &why);
}

int main(int argc, char **argv)
{
    char help[] = "--help";

    vd_stop_install();
    /* "vedette help incident list" is "vedette incident list --help" */
    if (argc > 1 && strcmp(argv[1], "help") == 0) {
        char *turned[4] = { argv[0], argc > 2 ? argv[2] : help, argc > 3 ? argv[3] : help, help };
        const cli_verb *asked = verb_find(argc - 1, argv + 1);
        if (!asked) return overview(argc > 2 ? 2 : 1, argv + 1);
        return verb_run(asked, 2 + (int)words_of(asked->words), turned);
    }
    const cli_verb *verb = verb_find(argc, argv);
    return verb ? verb_run(verb, argc, argv) : overview(argc, argv);
}
