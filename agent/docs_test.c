/* The examples in the documentation are good configurations: the agent itself says so. No page is
 * left out of the index, and what a page points to is there. */
#include <dirent.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules.h"
#include "vd/file.h"
#include "vd/test.h"

static bool agent_takes(const char *path)
{
    extern char **environ;
    char program[1024];
    char name[] = "vedette-agent", config[] = "--config", check[] = "--check-config";
    char *arguments[] = { name, config, (char *)(uintptr_t)path, check, NULL };
    pid_t pid = 0;
    int status = -1;

    snprintf(program, sizeof program, "%s/agent/vedette-agent", getenv("VEDETTE_BUILD_ROOT"));
    assert_int_equal(posix_spawn(&pid, program, NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Each block between "```yaml" and "```"; returns how many there were. */
static unsigned check_examples(const char *page, const char *dir)
{
    char path[1024], example[256];
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) block = VD_BUF(1 << 16);
    vd_slice rest, line;
    bool inside = false;
    unsigned count = 0;

    snprintf(path, sizeof path, "%s/docs/%s", getenv("VEDETTE_SOURCE_ROOT"), page);
    snprintf(example, sizeof example, "%s/example.yaml", dir);
    expect_ok(vd_file_load(path, &text, NULL));
    for (rest = vd_buf_slice(&text); rest.len;) {
        line = vd_slice_cut(rest, '\n', &rest);
        if (!inside && vd_slice_eq(line, VD_STR("```yaml"))) {
            inside = true;
            vd_buf_clear(&block);
        } else if (inside && vd_slice_eq(line, VD_STR("```"))) {
            inside = false;
            count++;
            expect_ok(vd_file_save(example, 0600, vd_buf_slice(&block), NULL));
            expect_true(agent_takes(example));
        } else if (inside) {
            expect_true(vd_buf_add(&block, line) && vd_buf_add_byte(&block, '\n'));
        }
    }
    unlink(example);
    return count;
}

// covers: CAM-3
VD_TEST(every_source_has_an_example_that_the_agent_takes)
{
    char dir[] = "/tmp/vedette-docs-XXXXXX";

    assert_non_null(mkdtemp(dir));
    expect_u64(check_examples("sources.md", dir), 8);
    rmdir(dir);
}

// covers: AGT-1
VD_TEST(agent_that_stands_alone_has_an_example_that_it_takes)
{
    char dir[] = "/tmp/vedette-docs-XXXXXX";

    assert_non_null(mkdtemp(dir));
    expect_u64(check_examples("local.md", dir), 2);
    rmdir(dir);
}

VD_TEST(the_page_about_sizes_has_an_example_that_the_agent_takes)
{
    char dir[] = "/tmp/vedette-docs-XXXXXX";

    assert_non_null(mkdtemp(dir));
    expect_u64(check_examples("sizing.md", dir), 1);
    rmdir(dir);
}

// covers: INF-3
VD_TEST(the_example_of_several_models_is_one_that_the_agent_takes)
{
    char dir[] = "/tmp/vedette-docs-XXXXXX";

    assert_non_null(mkdtemp(dir));
    expect_u64(check_examples("camera-models.md", dir), 1);
    rmdir(dir);
}

// covers: PRE-1
VD_TEST(every_step_before_a_model_has_an_example_that_the_agent_takes)
{
    char dir[] = "/tmp/vedette-docs-XXXXXX";

    assert_non_null(mkdtemp(dir));
    expect_true(check_examples("preprocessing.md", dir) >= 2);
    rmdir(dir);
}

// covers: CAM-7
VD_TEST(the_example_of_privacy_masks_is_one_that_the_agent_takes)
{
    char dir[] = "/tmp/vedette-docs-XXXXXX";

    assert_non_null(mkdtemp(dir));
    expect_u64(check_examples("privacy.md", dir), 1);
    rmdir(dir);
}

// covers: CAM-4, CAM-5, CAM-6, REC-1, REC-2
VD_TEST(cameras_decoding_integrity_and_recording_have_examples_that_the_agent_takes)
{
    char dir[] = "/tmp/vedette-docs-XXXXXX";

    assert_non_null(mkdtemp(dir));
    expect_u64(check_examples("cameras.md", dir), 1);
    expect_u64(check_examples("decoding.md", dir), 1);
    expect_u64(check_examples("integrity.md", dir), 2);
    expect_u64(check_examples("recording.md", dir), 1);
    rmdir(dir);
}

static bool is_page(const char *name)
{
    size_t len = strlen(name);

    return len > 3 && strcmp(name + len - 3, ".md") == 0 && strcmp(name, "README.md") != 0;
}

static void load_doc(const char *name, vd_buf *into)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", getenv("VEDETTE_SOURCE_ROOT"), name);
    expect_ok(vd_file_load(path, into, NULL));
    expect_true(vd_buf_add_byte(into, '\0'));
}

/* Calls `check` for each page of a folder; `index` is the folder's README. */
static void each_page(const char *folder, void (*check)(const char *page, const char *index))
{
    VD_AUTO(vd_buf) index = VD_BUF(1 << 20);
    char path[1024];
    struct dirent *entry;

    snprintf(path, sizeof path, "%s/README.md", folder);
    load_doc(path, &index);
    snprintf(path, sizeof path, "%s/%s", getenv("VEDETTE_SOURCE_ROOT"), folder);
    DIR *pages = opendir(path);
    assert_non_null(pages);
    while ((entry = readdir(pages))) {
        if (!is_page(entry->d_name)) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        check(path, index.data);
    }
    closedir(pages);
}

static void expect_indexed(const char *page, const char *index)
{
    char link[256];

    snprintf(link, sizeof link, "(%s)", strrchr(page, '/') + 1);
    if (!strstr(index, link)) fail_msg("%s is not in the README of its folder", page);
}

/* A page with examples is in one of the tests above, or in agent/rules/rule_kinds_test.c. */
static void expect_tested(const char *page, const char *index)
{
    static const char *const tested[] = { "sources",       "local",           "sizing",
                                          "camera-models", "cameras",         "preprocessing",
                                          "decoding",      "integrity",       "recording",
                                          "privacy",       "model-descriptor" /* its own test */ };
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    char name[64];
    bool found = false;

    (void)index;
    load_doc(page, &text);
    if (!strstr(text.data, "```yaml\n")) return;
    for (unsigned i = 0; i < VD_COUNT_OF(tested); i++) {
        snprintf(name, sizeof name, "docs/%s.md", tested[i]);
        found = found || strcmp(page, name) == 0;
    }
    if (!found) fail_msg("nothing tests the examples of %s", page);
}

/* Each [text](target) that is no address leads to a file. */
static void expect_links(const char *page, const char *index)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    char path[2048];

    (void)index;
    load_doc(page, &text);
    for (char *at = text.data; (at = strstr(at, "](")); at++) {
        at += 2;
        int len = (int)strcspn(at, ")#\n");
        if (!len || memchr(at, ':', (size_t)len)) continue;
        const char *slash = strrchr(page, '/');
        snprintf(path, sizeof path, "%s/%.*s%.*s", getenv("VEDETTE_SOURCE_ROOT"),
                 slash ? (int)(slash - page + 1) : 0, page, len, at);
        if (access(path, R_OK)) fail_msg("%s points to %.*s, which is not there", page, len, at);
    }
}

VD_TEST(every_page_is_in_the_index_its_examples_are_tested_and_its_links_lead_somewhere)
{
    each_page("docs", expect_indexed);
    each_page("docs/rules", expect_indexed);
    each_page("docs", expect_tested);
    each_page("docs", expect_links);
    each_page("docs/rules", expect_links);
    expect_links("docs/README.md", NULL);
    expect_links("docs/rules/README.md", NULL);
    expect_links("README.md", NULL);
    expect_links("CONTRIBUTING.md", NULL);
}

// covers: PRE-1
VD_TEST(every_step_before_a_model_and_every_rule_kind_has_a_picture)
{
    static const char *const steps[] = { "crop", "rotate", "undistort", "denoise", "light", "clahe",
                                         "grey", "hsv",    "letterbox", "stretch", "tile" };
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    char picture[64];

    load_doc("docs/preprocessing.md", &text);
    for (unsigned i = 0; i < VD_COUNT_OF(steps); i++) {
        snprintf(picture, sizeof picture, "(pictures/prepare-%s", steps[i]);
        if (!strstr(text.data, picture)) fail_msg("step '%s' has no picture", steps[i]);
    }
    for (unsigned k = 0; k < VD_RULE_KINDS; k++) {
        VD_AUTO(vd_buf) page = VD_BUF(1 << 20);
        snprintf(picture, sizeof picture, "docs/rules/%s.md", vd_rule_kind_name(k));
        load_doc(picture, &page);
        snprintf(picture, sizeof picture, "(../pictures/rule-%s.png)", vd_rule_kind_name(k));
        if (!strstr(page.data, picture)) fail_msg("no %s", picture);
    }
}

VD_TEST_MAIN(
    VD_RUN(the_example_of_privacy_masks_is_one_that_the_agent_takes),
    VD_RUN(cameras_decoding_integrity_and_recording_have_examples_that_the_agent_takes),
    VD_RUN(every_page_is_in_the_index_its_examples_are_tested_and_its_links_lead_somewhere),
    VD_RUN(every_step_before_a_model_and_every_rule_kind_has_a_picture),
    VD_RUN(the_page_about_sizes_has_an_example_that_the_agent_takes),
    VD_RUN(every_step_before_a_model_has_an_example_that_the_agent_takes),
    VD_RUN(agent_that_stands_alone_has_an_example_that_it_takes),
    VD_RUN(every_source_has_an_example_that_the_agent_takes),
    VD_RUN(the_example_of_several_models_is_one_that_the_agent_takes))
