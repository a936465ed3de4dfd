/* The examples in the documentation are good configurations: the agent itself says so. */
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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
    expect_true(check_examples("sources.md", dir) >= 4);
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

VD_TEST_MAIN(VD_RUN(the_example_of_privacy_masks_is_one_that_the_agent_takes),
             VD_RUN(the_page_about_sizes_has_an_example_that_the_agent_takes),
             VD_RUN(every_step_before_a_model_has_an_example_that_the_agent_takes),
             VD_RUN(agent_that_stands_alone_has_an_example_that_it_takes),
             VD_RUN(every_source_has_an_example_that_the_agent_takes),
             VD_RUN(the_example_of_several_models_is_one_that_the_agent_takes))
