/* test_dir_priv.h - a temporary folder for one test, removed with all that is in it. */
#ifndef VD_TEST_DIR_PRIV_H
#define VD_TEST_DIR_PRIV_H
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/test.h"

typedef struct {
    char path[64];
} test_dir;

static inline test_dir test_dir_new(void)
{
    test_dir dir = { "/tmp/vedette-test-XXXXXX" };
    assert_non_null(mkdtemp(dir.path));
    return dir;
}

static inline int test_dir_remove(const char *path, const struct stat *at, int type,
                                  struct FTW *where)
{
    (void)at, (void)type, (void)where;
    return remove(path);
}

static inline void test_dir_done(test_dir *dir)
{
    nftw(dir->path, test_dir_remove, 8, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(test_dir, test_dir_done)

/* dir/name, in a static buffer of four that go round. */
static inline const char *test_path(const test_dir *dir, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *into = paths[next++ % 4];
    snprintf(into, PATH_MAX, "%s/%s", dir->path, name);
    return into;
}
#endif
