/* vd-tiny FOLDER: a tiny detector, its pictures and their labels, for tests that need a whole
 * training in seconds. */
#include <stdio.h>

#include "tiny_testing_priv.h"

int main(int argc, char **argv)
{
    static const tiny_options squares = { .train = 30, .val = 0 };
    if (argc != 2) {
        (void)fputs("usage: vd-tiny FOLDER\n", stderr);
        return 2;
    }
    (void)tiny_make(argv[1], &squares);
    return 0;
}
