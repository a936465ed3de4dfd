/* completion.c - shell completion, made from the table of verbs. */
#include <stdio.h>
#include <stdlib.h>

#include "cli_priv.h"

/* Prints the first words, each once. */
static void first_words(const char *between)
{
    const char *last = "";

    for (size_t i = 0; i < cli_verb_count; i++) {
        vd_slice rest, word = vd_slice_cut(vd_slice_str(cli_verbs[i].words), ' ', &rest);
        if (strncmp(last, cli_verbs[i].words, word.len + (rest.len ? 1 : 0)) == 0 && last[0])
            continue;
        printf("%.*s%s", (int)word.len, (const char *)word.data, between);
        last = cli_verbs[i].words;
    }
    printf("help%s", between);
}

static bool in_group(size_t i, const char *group, size_t len)
{
    return strncmp(cli_verbs[i].words, group, len) == 0 && cli_verbs[i].words[len] == ' ';
}

/* The second words of the group that verb i begins, or nothing. */
static bool begins_group(size_t i, size_t *ret_len)
{
    const char *space = strchr(cli_verbs[i].words, ' ');

    if (!space) return false;
    *ret_len = (size_t)(space - cli_verbs[i].words);
    return i == 0 || !in_group(i - 1, cli_verbs[i].words, *ret_len);
}

static void options_of(const cli_verb *verb)
{
    for (size_t i = 0; i < verb->option_count; i++) printf("--%s ", verb->options[i].name);
    printf("--json --help");
}

static void bash_groups(void)
{
    size_t len = 0;

    for (size_t i = 0; i < cli_verb_count; i++) {
        if (!begins_group(i, &len)) continue;
        printf("        %.*s) words='", (int)len, cli_verbs[i].words);
        for (size_t j = i; j < cli_verb_count && in_group(j, cli_verbs[i].words, len); j++)
            printf("%s%s", j > i ? " " : "", cli_verbs[j].words + len + 1);
        printf("' ;;\n");
    }
}

static void print_bash(void)
{
    printf("# bash completion for vedette: source <(vedette completion bash)\n"
           "_vedette() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} words=''\n"
           "    if [[ $cur == -* ]]; then\n"
           "        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
    for (size_t i = 0; i < cli_verb_count; i++) {
        bool two = strchr(cli_verbs[i].words, ' ') != NULL;
        printf("        '%s'%s) words='", cli_verbs[i].words, two ? "" : "\\ *");
        options_of(&cli_verbs[i]);
        printf("' ;;\n");
    }
    printf("        *) words='--help --version --man' ;;\n"
           "        esac\n"
           "    elif [[ $COMP_CWORD -eq 1 ]]; then\n"
           "        words='");
    first_words(" ");
    printf("'\n"
           "    elif [[ $COMP_CWORD -eq 2 ]]; then\n"
           "        case ${COMP_WORDS[1]} in\n");
    bash_groups();
    printf("        completion) words='bash zsh fish' ;;\n"
           "        esac\n"
           "    fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "    [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
           "}\n"
           "complete -F _vedette vedette\n");
}

static void print_zsh(void)
{
    printf("#compdef vedette\n"
           "# zsh completion for vedette: source <(vedette completion zsh)\n"
           "autoload -U +X bashcompinit && bashcompinit\n");
    print_bash();
}

/* A single-quoted fish string. */
static void fish_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void fish_verb(const cli_verb *verb)
{
    vd_slice second, first = vd_slice_cut(vd_slice_str(verb->words), ' ', &second);
    char when[160];

    if (second.len) {
        printf("complete -c vedette -f -n '__fish_seen_subcommand_from %.*s' -a '%.*s' -d ",
               (int)first.len, (const char *)first.data, (int)second.len,
               (const char *)second.data);
        fish_quoted(verb->brief);
        putchar('\n');
    }
    snprintf(when, sizeof when, "__fish_seen_subcommand_from %.*s%s%.*s", (int)first.len,
             (const char *)first.data, second.len ? "; and __fish_seen_subcommand_from " : "",
             (int)second.len, second.len ? (const char *)second.data : "");
    for (size_t i = 0; i < verb->option_count; i++) {
        printf("complete -c vedette -n '%s' -l %s%s -d ", when, verb->options[i].name,
               verb->options[i].value ? " -r" : "");
        fish_quoted(verb->options[i].help);
        putchar('\n');
    }
    printf("complete -c vedette -n '%s' -l json -d 'Print JSON for programs.'\n", when);
}

static void print_fish(void)
{
    printf("# fish completion for vedette: vedette completion fish | source\n"
           "complete -c vedette -f -n __fish_use_subcommand -a '");
    first_words(" ");
    printf("'\n");
    for (size_t i = 0; i < cli_verb_count; i++) fish_verb(&cli_verbs[i]);
    printf("complete -c vedette -f -n '__fish_seen_subcommand_from completion' -a 'bash zsh "
           "fish'\n");
}

static bool print_for(const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        return false;
    return true;
}

/* The script as one JSON text: what is printed meanwhile is caught. */
static bool print_json(const char *shell)
{
    VD_AUTO(vd_buf) out = VD_BUF(API_BYTES);
    vd_json_w w = vd_json_writer(&out);
    FILE *real = stdout;
    char *script = NULL;
    size_t len = 0;

    FILE *memory = open_memstream(&script, &len);
    if (!memory) return false;
    stdout = memory;
    bool known = print_for(shell);
    stdout = real;
    fclose(memory);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "shell", shell);
    vd_json_w_kv_text(&w, "script", script);
    vd_json_w_object_end(&w);
    free(script);
    return known && !vd_json_w_end(&w) && puts(out.data) >= 0;
}

vd_err run_completion(cli *c, vd_why *why)
{
    const char *shell = cli_argument(c, 0);

    if (c->json ? print_json(shell) : print_for(shell)) return VD_OK;
    vd_fail(why, VD_INVALID, "no completion for '%s'", shell);
    vd_why_hint(why, "there is bash, zsh and fish");
    return VD_INVALID;
}
