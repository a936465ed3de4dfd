/* program.c - options, help and man page from one table; signals. */
#include "vd/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char vd_version[] = VD_VERSION;

enum { OPTIONS_MAX = 32, REPEATS_MAX = 8, REST_MAX = 64 };

/* What every program has; printed after its own. */
static const vd_option common[] = {
    { "help", 'h', NULL, "Print this help and exit.", false },
    { "version", 0, NULL, "Print the version and exit.", false },
    { "man", 0, NULL, "Print the manual page as roff and exit.", false },
};

static void print_help_option(const vd_option *option)
{
    char left[64];
    char letter[5] = "    ";
    if (option->letter) snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    snprintf(left, sizeof(left), "  %s--%s%s%s", letter, option->name, option->value ? " " : "",
             option->value ? option->value : "");
    printf("%-30s  %s%s\n", left, option->help, option->repeats ? " May be repeated." : "");
}

static void print_help(const vd_program *program)
{
    printf("%s - %s\n\nusage: %s %s\n\n", program->name, program->brief, program->name,
           program->synopsis);
    for (size_t i = 0; i < program->option_count; i++) print_help_option(&program->options[i]);
    for (size_t i = 0; i < VD_COUNT_OF(common); i++) print_help_option(&common[i]);
    if (program->description) printf("\n%s\n", program->description);
    if (program->see_also) printf("\nSee also: %s\n", program->see_also);
}

/* '-' and '\\' are escaped, and a line of text never starts a request. */
static void print_roff_line(vd_slice line)
{
    if (line.len > 0 && (line.data[0] == '.' || line.data[0] == '\'')) fputs("\\&", stdout);
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == '\\')
            fputs("\\e", stdout);
        else if (line.data[i] == '-')
            fputs("\\-", stdout);
        else
            putchar(line.data[i]);
    }
    putchar('\n');
}

/* A blank line starts a paragraph; lines that begin with a space stay as they are. */
static void print_roff(const char *text)
{
    bool as_is = false;
    for (vd_slice line, rest = vd_slice_str(text); rest.len > 0;) {
        line = vd_slice_cut(rest, '\n', &rest);
        bool indented = line.len > 0 && line.data[0] == ' ';
        if (indented != as_is) puts(indented ? ".nf" : ".fi");
        as_is = indented;
        if (line.len > 0)
            print_roff_line(line);
        else
            puts(".PP");
    }
    if (as_is) puts(".fi");
}

static void print_man_option(const vd_option *option)
{
    printf(".TP\n");
    if (option->letter) printf("\\fB\\-%c\\fR, ", option->letter);
    printf("\\fB\\-\\-%s\\fR", option->name);
    if (option->value) printf(" \\fI%s\\fR", option->value);
    putchar('\n');
    print_roff(option->help);
    if (option->repeats) printf("May be repeated.\n");
}

static void print_man_section(const char *title, const char *text)
{
    if (!text) return;
    printf(".SH %s\n", title);
    print_roff(text);
}

static void print_man(const vd_program *program)
{
    printf(".TH \"%s\" \"%d\" \"\" \"vedette %s\" \"Vedette\"\n", program->name,
           program->man_section, vd_version);
    printf(".ad l\n.nh\n.SH NAME\n");
    print_roff(program->name);
    printf("\\- ");
    print_roff(program->brief);
    printf(".SH SYNOPSIS\n");
    for (vd_slice line, rest = vd_slice_str(program->synopsis); rest.len > 0;) {
        line = vd_slice_cut(rest, '\n', &rest);
        printf("\\fB%s\\fR ", program->name);
        print_roff_line(line);
        if (rest.len > 0) puts(".br");
    }
    print_man_section("DESCRIPTION", program->description);
    printf(".SH OPTIONS\n");
    for (size_t i = 0; i < program->option_count; i++) print_man_option(&program->options[i]);
    for (size_t i = 0; i < VD_COUNT_OF(common); i++) print_man_option(&common[i]);
    print_man_section("FILES", program->files);
    print_man_section("SEE ALSO", program->see_also);
}

/* What --help, --version and --man print; false when the option is none of these. */
static bool print_common(const vd_program *program, vd_slice name)
{
    if (vd_slice_eq(name, VD_STR("help")))
        print_help(program);
    else if (vd_slice_eq(name, VD_STR("version")))
        printf("%s %s\n", program->name, vd_version);
    else if (vd_slice_eq(name, VD_STR("man")))
        print_man(program);
    else
        return false;
    fflush(stdout);
    return true;
}

/* ---- reading ---- */

typedef struct {
    const vd_program *program;
    char **argv;
    int argc, at; /* argv[at] is next */
    vd_args *args;
    vd_why *why;
} reader;

static vd_err fail_unknown(const reader *in, const char *word, vd_slice name)
{
    const char *known[OPTIONS_MAX + VD_COUNT_OF(common)];
    size_t count = 0;
    for (size_t i = 0; i < in->program->option_count && i < OPTIONS_MAX; i++)
        known[count++] = in->program->options[i].name;
    for (size_t i = 0; i < VD_COUNT_OF(common); i++) known[count++] = common[i].name;
    const char *nearest = vd_nearest(name, known, count);
    vd_fail(in->why, VD_INVALID, "unknown option '%s'", word);
    if (nearest)
        vd_why_hint(in->why, "did you mean --%s?", nearest);
    else
        vd_why_hint(in->why, "%s --help lists the options", in->program->name);
    return VD_INVALID;
}

static vd_err option_keep(reader *in, size_t index, const char *value)
{
    const vd_option *option = &in->program->options[index];
    unsigned most = option->repeats ? REPEATS_MAX : 1;
    if (in->args->count[index] >= most)
        return vd_fail(in->why, VD_INVALID, "option --%s is given more than %u time%s",
                       option->name, most, most > 1 ? "s" : "");
    in->args->value[index][in->args->count[index]++] = value;
    return VD_OK;
}

/* `inline_value` is what followed '=' (or the letter), or NULL. */
static vd_err option_take(reader *in, size_t index, const char *inline_value)
{
    const vd_option *option = &in->program->options[index];
    if (!option->value) {
        if (inline_value)
            return vd_fail(in->why, VD_INVALID, "option --%s takes no value", option->name);
        return option_keep(in, index, "");
    }
    if (inline_value) return option_keep(in, index, inline_value);
    if (in->at >= in->argc)
        return vd_fail(in->why, VD_INVALID, "option --%s needs a %s", option->name, option->value);
    return option_keep(in, index, in->argv[in->at++]);
}

static vd_err read_long(reader *in, const char *word)
{
    vd_slice rest, name = vd_slice_cut(vd_slice_str(word + 2), '=', &rest);
    const char *equals = strchr(word, '=');
    for (size_t i = 0; i < in->program->option_count && i < OPTIONS_MAX; i++)
        if (vd_slice_eq(name, vd_slice_str(in->program->options[i].name)))
            return option_take(in, i, equals ? equals + 1 : NULL);
    if (!equals && print_common(in->program, name)) return VD_GONE;
    return fail_unknown(in, word, name);
}

static vd_err read_letter(reader *in, const char *word)
{
    for (size_t i = 0; i < in->program->option_count && i < OPTIONS_MAX; i++)
        if (in->program->options[i].letter == word[1])
            return option_take(in, i, word[2] ? word + 2 : NULL);
    if (strcmp(word, "-h") == 0 && print_common(in->program, VD_STR("help"))) return VD_GONE;
    return fail_unknown(in, word, VD_SLICE_NONE);
}

static vd_err read_rest(reader *in, const char *word)
{
    if (in->args->rest_count >= REST_MAX)
        return vd_fail(in->why, VD_INVALID, "more than %d arguments", REST_MAX);
    in->args->rest[in->args->rest_count++] = word;
    return VD_OK;
}

vd_err vd_args_read(const vd_program *program, int argc, char **argv, vd_args *ret_args,
                    vd_why *why)
{
    reader in = { program, argv, argc, 1, ret_args, why };
    bool only_rest = false;
    vd_err err = VD_OK;
    *ret_args = (vd_args){ 0 };
    while (!err && in.at < argc) {
        const char *word = argv[in.at++];
        if (only_rest || word[0] != '-' || word[1] == '\0')
            err = read_rest(&in, word);
        else if (strcmp(word, "--") == 0)
            only_rest = true;
        else if (word[1] == '-')
            err = read_long(&in, word);
        else
            err = read_letter(&in, word);
    }
    return err;
}

static const char *const *option_values(const vd_program *program, const vd_args *args,
                                        const char *name)
{
    for (size_t i = 0; i < program->option_count && i < OPTIONS_MAX; i++)
        if (strcmp(program->options[i].name, name) == 0)
            return args->count[i] ? args->value[i] : NULL;
    return NULL;
}

const char *vd_args_get(const vd_program *program, const vd_args *args, const char *name,
                        const char *fallback)
{
    const char *const *values = option_values(program, args, name);
    return values ? values[0] : fallback;
}

bool vd_args_has(const vd_program *program, const vd_args *args, const char *name)
{
    return option_values(program, args, name) != NULL;
}

int vd_program_fail(const vd_program *program, vd_err err, const vd_why *why)
{
    const char *fact = why && why->fact[0] ? why->fact : vd_err_name(err);
    bool detail = why && why->detail[0], hint = why && why->hint[0];
    fprintf(stderr, "%s: %s%s%s\n", program->name, fact, detail ? ": " : "",
            detail ? why->detail : "");
    if (hint) fprintf(stderr, "  %s\n", why->hint);
    return err == VD_INVALID ? 2 : 1;
}
