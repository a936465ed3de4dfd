/* One patch made and applied: g13_patch OLD NEW [PATCH_OUT]. Times are CPU, each of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "vd/delta.h"
#include "vd/file.h"

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static vd_err keep(void *ctx, vd_slice piece, vd_why *why)
{
    return vd_buf_add(ctx, piece) ? VD_OK : vd_fail(why, VD_FULL, "no memory");
}

int main(int argc, char **argv)
{
    VD_AUTO(vd_buf) from = VD_BUF(1ull << 30);
    VD_AUTO(vd_buf) to = VD_BUF(1ull << 30);
    VD_AUTO(vd_buf) patch = VD_BUF(1ull << 30);
    VD_AUTO(vd_buf) got = VD_BUF(1ull << 30);
    vd_why why = { 0 };
    if (argc < 3) return 2;
    bench_need(vd_file_load(argv[1], &from, &why), &why);
    bench_need(vd_file_load(argv[2], &to, &why), &why);
    double start = cpu_s();
    bench_need(vd_delta_make(vd_buf_slice(&from), vd_buf_slice(&to), &patch, &why), &why);
    double made = cpu_s();
    bench_need(vd_delta_apply(vd_buf_slice(&from), vd_buf_slice(&patch), keep, &got, &why), &why);
    double applied = cpu_s();
    if (!vd_slice_eq(vd_buf_slice(&got), vd_buf_slice(&to))) return 1;
    if (argc > 3) bench_need(vd_file_save(argv[3], 0644, vd_buf_slice(&patch), &why), &why);
    printf("{\"bytes\":%zu,\"whole\":%zu,\"make_s\":%.4f,\"apply_s\":%.4f}\n", patch.len, to.len,
           made - start, applied - made);
    return 0;
}
