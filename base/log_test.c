#include "test_dir_priv.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>

/* What is logged between log_into and log_taken goes to a file; the clock is ours. */
static int kept_stderr;
static const int64_t start_us = 1795269731123456;

static void log_into(const char *path, vd_log_format format)
{
    vd_clock_fake(0, start_us);
    kept_stderr = dup(STDERR_FILENO);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
    expect_true(kept_stderr >= 0 && fd >= 0);
    dup2(fd, STDERR_FILENO);
    close(fd);
    vd_log_start("log-test", format, VD_LOG_INFO);
}

static void log_taken(const char *path, vd_buf *into)
{
    vd_log_stop();
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    vd_clock_fake(-1, -1);
    expect_ok(vd_file_load(path, into, NULL));
}

static unsigned lines_in(const vd_buf *text)
{
    unsigned lines = 0;
    for (size_t i = 0; i < text->len; i++) lines += text->data[i] == '\n';
    return lines;
}

static json_t *parse_line(vd_slice *text)
{
    vd_slice line = vd_slice_cut(*text, '\n', text);
    json_error_t error;
    json_t *root = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("%s in %.*s", error.text, (int)line.len, (const char *)line.data);
    return root;
}

static const char *text_of(const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));
    return text ? text : "(none)";
}

// covers: BASE-2
VD_TEST(a_machine_reads_one_json_object_a_line)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) text = VD_BUF(10000);
    log_into(test_path(&dir, "log"), VD_LOG_AUTO); /* a file is no terminal: JSON */
    vd_log(VD_LOG_WARN, "camera.silent", "no picture for 5 s", "camera", "gate-2", "skipped", NULL,
           "event", "01ARYZ6S41TSV4RRFFQ69G5FAV", NULL);
    log_taken(test_path(&dir, "log"), &text);
    vd_slice rest = vd_buf_slice(&text);
    json_t *line = parse_line(&rest);
    expect_str(text_of(line, "time"), "2026-11-21T14:02:11.123456Z");
    expect_str(text_of(line, "level"), "warn");
    expect_str(text_of(line, "program"), "log-test");
    expect_str(text_of(line, "id"), "camera.silent");
    expect_str(text_of(line, "fact"), "no picture for 5 s");
    expect_str(text_of(line, "camera"), "gate-2");
    expect_str(text_of(line, "event"), "01ARYZ6S41TSV4RRFFQ69G5FAV");
    expect_u64(json_object_size(line), 7);
    json_decref(line);
}

VD_TEST(a_person_reads_one_plain_line)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) text = VD_BUF(10000);
    vd_why why;
    log_into(test_path(&dir, "log"), VD_LOG_HUMAN);
    expect_err(vd_fail(&why, VD_IO, "socket closed"), VD_IO);
    vd_why_hint(&why, "check the cable");
    vd_log_why(VD_LOG_ERROR, "camera.lost", "camera lost", &why, "camera", "gate-2", NULL);
    log_taken(test_path(&dir, "log"), &text);
    expect_str(text.data, "2026-11-21 14:02:11.123 error camera lost  camera=gate-2  "
                          "why=socket closed  hint=check the cable  [camera.lost]\n");
}

VD_TEST(hostile_text_stays_inside_its_field)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) text = VD_BUF(20000);
    char longer[5000];
    memset(longer, '"', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    log_into(test_path(&dir, "log"), VD_LOG_JSON);
    vd_log(VD_LOG_INFO, "a", "quote \" slash \\ line \n escape \x1B bad \xFF\xC3 good \xC3\xA9",
           "camera", "1", NULL);
    vd_log(VD_LOG_INFO, "b", longer, "one", longer, "two", longer, "three", longer, NULL);
    log_taken(test_path(&dir, "log"), &text);
    expect_u64(lines_in(&text), 2);
    vd_slice rest = vd_buf_slice(&text);
    json_t *line = parse_line(&rest);
    expect_str(text_of(line, "fact"), "quote \" slash \\ line \n escape \x1B bad "
                                      "\xEF\xBF\xBD\xEF\xBF\xBD good \xC3\xA9");
    json_decref(line);
    json_decref(parse_line(&rest));
}

VD_TEST(repeats_become_a_count)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) text = VD_BUF(10000);
    log_into(test_path(&dir, "log"), VD_LOG_JSON);
    for (int i = 0; i < 5; i++) vd_log(VD_LOG_WARN, "late", "frame late", "camera", "a", NULL);
    vd_log(VD_LOG_WARN, "late", "frame late", "camera", "b", NULL); /* another subject */
    vd_clock_fake(10 * 1000000, start_us + 10 * 1000000);
    vd_log(VD_LOG_WARN, "late", "frame late", "camera", "a", NULL);
    log_taken(test_path(&dir, "log"), &text);
    expect_u64(lines_in(&text), 4);
    vd_slice rest = vd_buf_slice(&text);
    json_decref(parse_line(&rest));
    json_decref(parse_line(&rest));
    json_t *count = parse_line(&rest);
    expect_str(text_of(count, "repeated"), "4");
    expect_str(text_of(count, "camera"), "a");
    json_decref(count);
}

VD_TEST(pending_counts_are_written_at_the_end)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) text = VD_BUF(100000);
    log_into(test_path(&dir, "log"), VD_LOG_JSON);
    for (int i = 0; i < 50; i++) {
        char name[24];
        for (int twice = 0; twice < 2; twice++)
            vd_log(VD_LOG_INFO, "many", "many subjects", "camera", vd_text_i64(i, name), NULL);
    }
    log_taken(test_path(&dir, "log"), &text);
    expect_u64(lines_in(&text), 100); /* nothing is lost when the table is full */
}

VD_TEST(lines_below_the_least_level_are_not_written)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) text = VD_BUF(10000);
    log_into(test_path(&dir, "log"), VD_LOG_JSON);
    vd_log(VD_LOG_DEBUG, "quiet", "not seen", NULL);
    log_taken(test_path(&dir, "log"), &text);
    expect_u64(text.len, 0);
}

static void *log_many(void *name)
{
    char count[24];
    for (int i = 0; i < 200; i++)
        vd_log(VD_LOG_INFO, name, "a line from a thread", "n", vd_text_i64(i, count), NULL);
    return NULL;
}

VD_TEST(threads_never_tear_a_line)
{
    VD_AUTO(test_dir) dir = test_dir_new();
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    pthread_t threads[3];
    static char names[3][4] = { "t.a", "t.b", "t.c" };
    log_into(test_path(&dir, "log"), VD_LOG_JSON);
    for (size_t i = 0; i < 3; i++)
        expect_i64(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    for (size_t i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    log_taken(test_path(&dir, "log"), &text);
    vd_slice rest = vd_buf_slice(&text);
    expect_u64(lines_in(&text), 600);
    while (rest.len > 0) json_decref(parse_line(&rest));
}

VD_TEST_MAIN(VD_RUN(a_machine_reads_one_json_object_a_line), VD_RUN(a_person_reads_one_plain_line),
             VD_RUN(hostile_text_stays_inside_its_field), VD_RUN(repeats_become_a_count),
             VD_RUN(pending_counts_are_written_at_the_end),
             VD_RUN(lines_below_the_least_level_are_not_written), VD_RUN(threads_never_tear_a_line))
