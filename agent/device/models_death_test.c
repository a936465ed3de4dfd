/* Model updates and deaths at every write.
 *
 *   models_death_test                      the tests
 *   models_death_test --die N DIR ...      one updater that is killed at its Nth step */
#include "device.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models_house_priv.h"
#include "vd/fault.h"
#include "vd/test.h"

/* argv: --die N DIR PORT CA CONNECTION WISH WEIGHTS */
static int updater_that_dies(char **argv)
{
    house h = { .port = (unsigned)atoi(argv[5]) };

    snprintf(h.dir, sizeof h.dir, "%s", argv[3]);
    snprintf(h.ca_file, sizeof h.ca_file, "%s", argv[4]);
    snprintf(h.connection, sizeof h.connection, "%s", argv[6]);
    house_init(&h);
    vd_fault_set(VD_FAULT_DEATH, (unsigned)atoi(argv[2]));
    house_open(&h);
    house_run(&h);
    expect_ok(vd_models_wish(h.models, vd_slice_str(argv[7]), NULL));
    for (bool proven = false; !proven;) { /* also when all was done before and nothing is told */
        vd_models_picture(h.models, NULL);
        pthread_mutex_lock(&h.models->lock);
        const model_journal *j = &h.models->journal;
        proven = !j->trial && strcmp(j->active.release, h.models->wish.release) == 0;
        pthread_mutex_unlock(&h.models->lock);
        if (!proven) usleep(2000); /* another thread's progress, in a process that may be killed */
    }
    house_close(&h);
    return vd_fault_pending(VD_FAULT_DEATH) ? 0 : 3;
}

static int run_to_death(const house *h, unsigned nth, const char *wish_json)
{
    char number[16], port[16];
    int status = 0;

    snprintf(number, sizeof number, "%u", nth);
    snprintf(port, sizeof port, "%u", h->port);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "models_death_test", "--die", number, h->dir, h->ca_file, port,
              h->connection, wish_json, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* What a start would use now: "old" or "new", never neither, never half of one. */
static void expect_old_or_new(house *h, const char *old, const char *new)
{
    char path[VD_MODELS_PATH_ROOM], dir[128];
    vd_why why = { 0 };
    model_journal journal;

    /* A look that is no start: the journal is read, not opened, so that no death is counted. */
    snprintf(dir, sizeof dir, "%s/models", h->dir);
    expect_ok(model_journal_load(dir, &journal, NULL));
    expect_ok(model_descriptor_path(dir, journal.active.manifest, path, &why));
    expect_ok(house_prepare(h, path, &why));
    if (strcmp(h->prepared, old) != 0 && strcmp(h->prepared, new) != 0)
        fail_msg("a start would use '%s'", h->prepared);
}

// covers: CIR-8
VD_TEST(updater_that_dies_again_and_again_gets_there_in_the_end)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) h;
    VD_AUTO(vd_buf) first = VD_BUF(1024);
    VD_AUTO(vd_buf) second = VD_BUF(1024);
    unsigned deaths = 0;
    int status;
    registry_start(&r);
    house_new(&h, &r);
    vd_digest one = registry_model(&r, "yard", "old", "name: m", "person");
    vd_digest two = registry_model(&r, "yard", "new", "name: n", "person");
    house_wish_text(&r, REL_1, "yard", &one, &first);
    house_wish_text(&r, REL_2, "yard", &two, &second);
    expect_i64(WEXITSTATUS(run_to_death(&h, 100000, first.data)), 0);

    /* Killed at its 4th step, then at the 8th of the next run, ...: each run goes on from what the
     * last one left, until one gets through. */
    while (WIFSIGNALED(status = run_to_death(&h, deaths * 4 + 4, second.data))) {
        expect_i64(WTERMSIG(status), SIGKILL);
        assert_true(++deaths < 100);
        expect_old_or_new(&h, "old", "new");
    }

    expect_i64(WEXITSTATUS(status), 0);
    expect_old_or_new(&h, "new", "new");
    assert_true(deaths > 3);
}

/* A copy of the house as it stands, links kept: the next death starts from here again. */
static void copy_house(const house *from, house *to)
{
    char command[256];

    *to = *from;
    snprintf(to->dir, sizeof to->dir, "/tmp/vedette-models-XXXXXX");
    assert_non_null(mkdtemp(to->dir));
    snprintf(command, sizeof command, "cp -a '%s/.' '%s'", from->dir, to->dir);
    assert_int_equal(system(command), 0);
}

// covers: CIR-8
VD_TEST(death_at_any_write_leaves_the_old_or_the_new_model_never_neither)
{
    VD_AUTO(registry_peer) r;
    VD_AUTO(house) old;
    VD_AUTO(vd_buf) first = VD_BUF(1024);
    VD_AUTO(vd_buf) second = VD_BUF(1024);
    unsigned deaths = 0;
    registry_start(&r);
    house_new(&old, &r);
    vd_digest one = registry_model(&r, "yard", "old", "name: m", "person");
    vd_digest two = registry_model(&r, "yard", "new", "name: n", "person");
    house_wish_text(&r, REL_1, "yard", &one, &first);
    house_wish_text(&r, REL_2, "yard", &two, &second);
    expect_i64(WEXITSTATUS(run_to_death(&old, 100000, first.data)), 0);

    for (bool died = true; died; deaths += died) {
        VD_AUTO(house) h;
        copy_house(&old, &h);
        int status = run_to_death(&h, deaths + 1, second.data);
        died = WIFSIGNALED(status);
        if (!died) expect_i64(WEXITSTATUS(status), 0);
        expect_old_or_new(&h, died ? "old" : "new", "new");
    }
    assert_true(deaths > 20);
}

int main(int argc, char **argv)
{
    if (argc == 8 && strcmp(argv[1], "--die") == 0) return updater_that_dies(argv);
    const struct CMUnitTest tests[] = {
        VD_RUN(updater_that_dies_again_and_again_gets_there_in_the_end),
        VD_RUN(death_at_any_write_leaves_the_old_or_the_new_model_never_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
