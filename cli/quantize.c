/* quantize.c - `vedette model quantize`: int8 for a model of a folder, judged before it is kept. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli_priv.h"
#include "convert.h"
#include "vd/arena.h"

#define PICTURES_MAX 4096
#define ARENA_BYTES  (16u << 20)

typedef struct {
    const char *path[PICTURES_MAX];
    unsigned count;
} pictures;

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_jpeg(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

/* The folder's JPEG files in the order of their names. */
static vd_err list_pictures(const char *folder, vd_arena *arena, pictures *into, vd_why *why)
{
    DIR *dir = opendir(folder);
    if (!dir) return vd_fail_errno(why, "the folder '%.100s' cannot be read", folder);
    for (struct dirent *entry; (entry = readdir(dir)) && into->count < PICTURES_MAX;) {
        if (!is_jpeg(entry->d_name)) continue;
        const char *path = vd_arena_printf(arena, "%s/%s", folder, entry->d_name);
        if (path) into->path[into->count++] = path;
    }
    closedir(dir);
    qsort(into->path, into->count, sizeof into->path[0], by_name);
    if (into->count) return VD_OK;
    return vd_fail(why, VD_INVALID, "there is no JPEG file in '%.100s'", folder);
}

/* Every other picture calibrates, the rest judge: neither sees the other's. */
static void split(pictures *all, pictures *check)
{
    unsigned kept = 0;
    if (all->count < 4) return;
    for (unsigned i = 0; i < all->count; i++) {
        if (i % 2)
            check->path[check->count++] = all->path[i];
        else
            all->path[kept++] = all->path[i];
    }
    all->count = kept;
}

static void show_progress(void *ctx, const char *doing, double share)
{
    (void)ctx;
    fprintf(stderr, "\r%-36s %3.0f %%", doing, share * 100);
    if (share >= 1) fputs("\r\033[K", stderr);
}

static vd_err read_ranges(const cli *c, vd_quantize_ranges *ret_ranges, vd_why *why)
{
    static const char *const words[] = { "mse", "min-max", "percentile" };
    const char *given = cli_option(c, "ranges");
    if (!given) return VD_OK;
    for (size_t i = 0; i < VD_COUNT_OF(words); i++) {
        if (strcmp(given, words[i]) != 0) continue;
        *ret_ranges = (vd_quantize_ranges)i;
        return VD_OK;
    }
    return vd_fail(why, VD_INVALID, "--ranges is mse, min-max or percentile, not '%.40s'", given);
}

static vd_err read_budget(const cli *c, double *ret_points, vd_why *why)
{
    const char *given = cli_option(c, "budget");
    char *end = NULL;
    if (!given) return VD_OK;
    *ret_points = strtod(given, &end);
    if (end != given && *end == 0 && *ret_points >= 0 && *ret_points <= 100) return VD_OK;
    return vd_fail(why, VD_INVALID, "--budget is a number of points, 0 to 100, not '%.40s'", given);
}

static vd_err print_result(const vd_quantize_result *r, bool json, vd_why *why)
{
    static const column fields[] = {
        { "model", "model" },
        { "digest", "digest" },
        { "made from", "source_digest" },
        { "bytes before", "bytes_before" },
        { "bytes after", "bytes_after" },
        { "ms before", "ms_before" },
        { "ms after", "ms_after" },
        { "points before", "points_before" },
        { "points after", "points_after" },
        { "layers", "layers" },
        { "kept float", "layers_kept" },
        { "such as", "worst" },
    };
    VD_AUTO(vd_buf) text = VD_BUF(16384);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "model", r->model_path);
    vd_json_w_kv_text(&w, "descriptor", r->descriptor_path);
    vd_json_w_kv_text(&w, "digest", r->model_digest.hex);
    vd_json_w_kv_text(&w, "source_digest", r->float_digest.hex);
    vd_json_w_kv_int(&w, "bytes_before", (int64_t)r->bytes_before);
    vd_json_w_kv_int(&w, "bytes_after", (int64_t)r->bytes_after);
    vd_json_w_kv_num(&w, "ms_before", r->ms_before, 3);
    vd_json_w_kv_num(&w, "ms_after", r->ms_after, 3);
    vd_json_w_kv_num(&w, "points_before", r->points_before, 3);
    vd_json_w_kv_num(&w, "points_after", r->points_after, 3);
    vd_json_w_kv_int(&w, "layers", r->layers);
    vd_json_w_kv_int(&w, "layers_kept", r->layers_kept);
    vd_json_w_kv_text(&w, "worst", r->worst);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (err) return vd_fail(why, err, "the result cannot be written");
    return doc_print(&text, fields, VD_COUNT_OF(fields), json, NULL, why);
}

vd_err run_model_quantize(cli *c, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(ARENA_BYTES);
    pictures *all = arena ? vd_arena_alloc(arena, sizeof *all) : NULL;
    pictures *check = arena ? vd_arena_alloc(arena, sizeof *check) : NULL;
    const char *folder = cli_option(c, "pictures");
    char model[1024];
    uint64_t threads = 0;
    vd_quantize_options options = { .name = cli_option(c, "name"), .budget_points = 1 };
    vd_quantize_result result;
    vd_chain chain = { 0 };

    if (!all || !check) return vd_fail(why, VD_FULL, "there is no memory for the pictures");
    if (!folder) return vd_fail(why, VD_INVALID, "--pictures DIR is needed");
    vd_err err = model_path_of(c, cli_argument(c, 0), model, sizeof model, why);
    if (!err) err = list_pictures(folder, arena, all, why);
    if (!err) err = read_ranges(c, &options.ranges, why);
    if (!err) err = read_budget(c, &options.budget_points, why);
    if (!err) err = cli_chain(c, VD_CHAIN_OF_CAMERA, &chain, why);
    if (!err) err = cli_number(c, "threads", 256, &threads, why);
    if (err) return err;
    split(all, check);
    options.threads = (int)threads;
    options.pictures = all->path;
    options.picture_count = all->count;
    options.chain = &chain;
    options.check = check->path;
    options.check_count = check->count;
    if (isatty(STDERR_FILENO)) options.progress = show_progress;
    const char *out = cli_option(c, "out") ? cli_option(c, "out") : models_dir(c);
    err = vd_quantize(model, out, &options, &result, why);
    return err ? err : print_result(&result, c->json, why);
}
