#include "test_dir_priv.h"
#include "vd/file.h"
#include "vd/program.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static const vd_option options[] = {
    { "config", 'c', "FILE", "Read this file.", false },
    { "check-config", 0, NULL, "Check and exit.", false },
    { "camera", 0, "ID", "Only this camera.", true },
};
static const vd_program program = {
    .name = "vedette-test",
    .brief = "a program for the test",
    .synopsis = "[--config FILE] [NAME...]",
    .description = "First words.\n\n.Second \\ para-graph.",
    .options = options,
    .option_count = VD_COUNT_OF(options),
    .see_also = "vedette(1)",
    .man_section = 8,
};
static vd_args args;
static vd_why why;

/* Words are divided by single spaces. */
static vd_err read_words(const char *words)
{
    static char line[400];
    static char *argv[100];
    int argc = 0;
    argv[argc++] = "vedette-test";
    vd_slice_to_chars(vd_slice_str(words), line, sizeof(line));
    for (char *save = NULL, *word = strtok_r(line, " ", &save); word && argc < 99;
         word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    return vd_args_read(&program, argc, argv, &args, &why);
}

static const char *get(const char *name)
{
    return vd_args_get(&program, &args, name, "(none)");
}

/* What the program prints to fd 1 or 2 for these words. */
static void printed(const char *words, int fd, vd_buf *into)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    const char *path = test_path(&dir, "out");
    fflush(stdout);
    int kept = dup(fd), file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    dup2(file, fd);
    vd_err err = read_words(words);
    if (fd == STDERR_FILENO) vd_program_fail(&program, err, &why);
    dup2(kept, fd);
    close(kept);
    close(file);
    expect_ok(vd_file_load(path, into, NULL));
}

// covers: BASE-4
VD_TEST(options_are_read_in_every_form)
{
    expect_ok(read_words("--config a.yaml one --camera=x --camera y -- --two -"));
    expect_str(get("config"), "a.yaml");
    expect_u64(args.count[2], 2);
    expect_str(args.value[2][1], "y");
    expect_u64(args.rest_count, 3);
    expect_str(args.rest[1], "--two");
    expect_str(args.rest[2], "-");
    expect_false(vd_args_has(&program, &args, "check-config"));
    expect_ok(read_words("-c b.yaml --check-config"));
    expect_str(get("config"), "b.yaml");
    expect_true(vd_args_has(&program, &args, "check-config"));
    expect_ok(read_words("-cb.yaml"));
    expect_str(get("config"), "b.yaml");
    expect_ok(read_words("--config="));
    expect_str(get("config"), "");
    expect_ok(read_words(""));
    expect_str(get("config"), "(none)");
}

VD_TEST(an_unknown_option_names_the_nearest)
{
    expect_err(read_words("--confg a"), VD_INVALID);
    expect_str(why.fact, "unknown option '--confg'");
    expect_str(why.hint, "did you mean --config?");
    expect_err(read_words("--versoin"), VD_INVALID);
    expect_str(why.hint, "did you mean --version?");
    expect_err(read_words("--zzzzzzzzz"), VD_INVALID);
    expect_str(why.hint, "vedette-test --help lists the options");
    expect_err(read_words("-x"), VD_INVALID);
}

VD_TEST(wrong_use_of_an_option_is_refused)
{
    expect_err(read_words("--config"), VD_INVALID);
    expect_str(why.fact, "option --config needs a FILE");
    expect_err(read_words("--config a --config b"), VD_INVALID);
    expect_err(read_words("--check-config=yes"), VD_INVALID);
    expect_str(why.fact, "option --check-config takes no value");
    VD_AUTO(vd_buf) many = VD_BUF(399);
    for (int i = 0; i < 9; i++) expect_true(vd_buf_add_str(&many, "--camera x "));
    expect_err(read_words(many.data), VD_INVALID);
    vd_buf_clear(&many);
    for (int i = 0; i < 65; i++) expect_true(vd_buf_add_str(&many, "x "));
    expect_err(read_words(many.data), VD_INVALID);
    expect_str(why.fact, "more than 64 arguments");
}

VD_TEST(help_version_and_man_come_from_the_table)
{
    VD_AUTO(vd_buf) help = VD_BUF(10000);
    VD_AUTO(vd_buf) version = VD_BUF(10000);
    VD_AUTO(vd_buf) man = VD_BUF(10000);
    printed("--help", STDOUT_FILENO, &help);
    printed("--version", STDOUT_FILENO, &version);
    printed("--man", STDOUT_FILENO, &man);
    const char *const everywhere[] = { "check", "camera", "Only this camera.", "version", "FILE" };
    for (size_t i = 0; i < VD_COUNT_OF(everywhere); i++) {
        assert_non_null(strstr(help.data, everywhere[i]));
        assert_non_null(strstr(man.data, everywhere[i]));
    }
    assert_non_null(strstr(help.data, "  -c, --config FILE"));
    expect_true(strncmp(version.data, "vedette-test ", 13) == 0);
    assert_non_null(strstr(version.data, vd_version));
    assert_non_null(strstr(man.data, ".TH \"vedette-test\" \"8\""));
    assert_non_null(strstr(man.data, "\\&.Second \\e para\\-graph."));
    expect_err(read_words("-h"), VD_GONE);
}

VD_TEST(a_failure_is_one_line_and_a_hint)
{
    VD_AUTO(vd_buf) text = VD_BUF(1000);
    printed("--confg", STDERR_FILENO, &text);
    expect_str(text.data, "vedette-test: unknown option '--confg'\n  did you mean --config?\n");
    expect_i64(vd_program_fail(&program, VD_INVALID, NULL), 2);
    expect_i64(vd_program_fail(&program, VD_IO, NULL), 1);
}

static void *ask_stop(void *arg)
{
    kill(getpid(), SIGTERM);
    return arg;
}

/* Last: a stop stays asked. */
VD_TEST(a_stop_wakes_the_waiter_and_stays_asked)
{
    pthread_t other;
    vd_stop_install();
    expect_false(vd_stop_asked());
    expect_false(vd_stop_wait(1));
    raise(SIGPIPE); /* ignored */
    expect_i64(pthread_create(&other, NULL, ask_stop, NULL), 0);
    expect_true(vd_stop_wait(-1));
    pthread_join(other, NULL);
    expect_true(vd_stop_asked());
    expect_true(vd_stop_wait(-1));
}

VD_TEST_MAIN(VD_RUN(options_are_read_in_every_form), VD_RUN(an_unknown_option_names_the_nearest),
             VD_RUN(wrong_use_of_an_option_is_refused),
             VD_RUN(help_version_and_man_come_from_the_table),
             VD_RUN(a_failure_is_one_line_and_a_hint),
             VD_RUN(a_stop_wakes_the_waiter_and_stays_asked))
