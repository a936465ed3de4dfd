/* quantize.c - tries, judges, keeps layers float until the loss is small enough, and publishes.
 *
 *   all int8 ── good enough? ──▶ publish
 *      │ no: each layer alone int8, judged: worst first
 *      ▼
 *   the fewest worst layers float that bring the loss within the budget (bisection) ──▶ publish
 *      │ none do
 *      ▼
 *   refused, nothing written */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agree_priv.h"
#include "limits.h"
#include "quant_priv.h"
#include "vd/file.h"

#define ARENA_BYTES    (256u << 20)
#define NAME_ROOM      128
#define RANK_PICTURES  4 /* enough to tell a layer that hurts from one that does not */
#define DESCRIPTOR_MAX (1u << 20)

typedef struct {
    const vd_quantize_options *options;
    vd_descriptor *descriptor;
    const vd_descriptor_facts *facts;
    vd_buf onnx, yaml; /* of the float model; of the new one */
    vd_digest digest;
    char name[NAME_ROOM], float_path[VD_CONVERT_PATH_ROOM];
    char work_dir[VD_CONVERT_PATH_ROOM], trial_path[VD_CONVERT_PATH_ROOM];
    vd_arena *arena;
    q_graph graph;
    q_plan plan;
    agreement *agree;
} job;

static void tell(const job *j, const char *doing, double share)
{
    if (j->options->progress) j->options->progress(j->options->ctx, doing, share);
}

static bool line_is(vd_slice line, const char *key)
{
    size_t len = strlen(key);
    return line.len > len && memcmp(line.data, key, len) == 0 && line.data[len] == ':';
}

static bool put_classes(vd_buf *into, const vd_descriptor_facts *facts)
{
    bool good = vd_buf_add_str(into, "classes:\n");
    for (unsigned i = 0; i < facts->class_count; i++) {
        good = good && vd_buf_add_str(into, "  - \"");
        for (const char *c = facts->classes[i]; *c; c++)
            good = good && (*c != '"' && *c != '\\' ? true : vd_buf_add_byte(into, '\\')) &&
                   vd_buf_add_byte(into, (uint8_t)*c);
        good = good && vd_buf_add_str(into, "\"\n");
    }
    return good;
}

/* The float model's descriptor under the new name. */
static vd_err make_descriptor(job *j, const char *path, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(DESCRIPTOR_MAX);
    bool good = vd_buf_addf(&j->yaml, "name: %s\nfile: %s.onnx\n", j->name, j->name);
    vd_err err = vd_file_load(path, &text, why);
    for (vd_slice rest = vd_buf_slice(&text); !err && good && rest.len;) {
        vd_slice line = vd_slice_cut(rest, '\n', &rest);
        if (line_is(line, "name") || line_is(line, "file")) continue;
        good = line_is(line, "classes_file")
                   ? put_classes(&j->yaml, j->facts)
                   : vd_buf_add(&j->yaml, line) && vd_buf_add_byte(&j->yaml, '\n');
    }
    return !err && !good ? vd_fail(why, VD_FULL, "the descriptor is too long") : err;
}

static vd_err paths_of(job *j, const char *model, char *ret_descriptor, vd_why *why)
{
    size_t len = strlen(model), room = VD_CONVERT_PATH_ROOM;
    bool onnx = len > 5 && strcmp(model + len - 5, ".onnx") == 0;
    int used = snprintf(ret_descriptor, room, "%.*s%s", (int)(onnx ? len - 5 : len), model,
                        onnx ? ".model.yaml" : "");
    vd_err err = used > 0 && (size_t)used < room
                     ? VD_OK
                     : vd_fail(why, VD_INVALID, "the path of the model is too long");
    if (!err) err = vd_descriptor_load(ret_descriptor, &j->descriptor, why);
    if (err) return err;
    j->facts = vd_descriptor_facts_of(j->descriptor);
    const char *slash = strrchr(ret_descriptor, '/');
    int folder = slash ? (int)(slash - ret_descriptor) + 1 : 0;
    used = snprintf(j->float_path, room, "%.*s%s", folder, ret_descriptor, j->facts->file);
    if (used < 0 || (size_t)used >= room)
        return vd_fail(why, VD_INVALID, "the path of the model is too long");
    (void)snprintf(j->name, sizeof j->name, "%s%s",
                   j->options->name ? j->options->name : j->facts->name,
                   j->options->name ? "" : "-int8");
    return VD_OK;
}

/* The folder for trials lies beside the result, so that both are on one disk. */
static vd_err make_work_dir(job *j, const char *out_dir, vd_why *why)
{
    int used = snprintf(j->work_dir, sizeof j->work_dir, "%s/.quantize-XXXXXX", out_dir);
    vd_err err = used > 0 && (size_t)used < sizeof j->work_dir
                     ? vd_dir_make(out_dir, 0755, why)
                     : vd_fail(why, VD_INVALID, "the path of the folder is too long");
    if (!err && !mkdtemp(j->work_dir))
        err = vd_fail_errno(why, "no folder can be made in '%.100s'", out_dir);
    if (err) {
        j->work_dir[0] = 0;
        return err;
    }
    used = snprintf(j->trial_path, sizeof j->trial_path, "%s/%s.onnx", j->work_dir, j->name);
    return used < (int)sizeof j->trial_path
               ? VD_OK
               : vd_fail(why, VD_INVALID, "the path of the folder is too long");
}

static vd_err job_open(job *j, const char *model, const char *out_dir, vd_why *why)
{
    char descriptor[VD_CONVERT_PATH_ROOM];
    vd_err err = paths_of(j, model, descriptor, why);
    if (!err) err = make_descriptor(j, descriptor, why);
    if (!err) err = vd_file_load(j->float_path, &j->onnx, why);
    if (err) return err;
    j->digest = vd_sha256(vd_buf_slice(&j->onnx));
    j->arena = vd_arena_new(ARENA_BYTES);
    if (!j->arena) return vd_fail(why, VD_FULL, "there is no memory for the model");
    err = q_graph_read(vd_buf_slice(&j->onnx), j->arena, &j->graph, why);
    if (!err && j->graph.opset < 10)
        err = vd_fail(why, VD_INVALID,
                      "the model is of ONNX opset %lld; quantising needs 10 or later",
                      (long long)j->graph.opset);
    if (!err) q_peaks_move(&j->graph);
    if (!err) err = q_plan_new(&j->graph, &j->plan, why);
    return err ? err : make_work_dir(j, out_dir, why);
}

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at, (void)flag, (void)walk;
    return remove(path);
}

static void job_done(job *j)
{
    if (j->work_dir[0]) nftw(j->work_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    agreement_free(j->agree);
    vd_descriptor_free(j->descriptor);
    vd_arena_free(j->arena);
    vd_buf_done(&j->onnx);
    vd_buf_done(&j->yaml);
}

static vd_err judge(const job *j, const char *path, unsigned pictures, double *ret_points,
                    vd_why *why)
{
    if (j->options->judge && !pictures)
        return j->options->judge(j->options->ctx, path, ret_points, why);
    return agreement_of(j->agree, path, pictures ? AGREE_ON_SCORES : AGREE_ON_THINGS, pictures,
                        ret_points, why);
}

static vd_err write_trial(job *j, vd_buf *bytes, vd_why *why)
{
    char descriptor[VD_CONVERT_PATH_ROOM + NAME_ROOM + 16];
    char source[VD_SHA256_HEX + 8];
    (void)snprintf(descriptor, sizeof descriptor, "%s/%s.model.yaml", j->work_dir, j->name);
    (void)snprintf(source, sizeof source, "sha256:%s", j->digest.hex);
    q_plan_make(&j->plan);
    vd_buf_clear(bytes);
    vd_err err = q_write(&j->plan, source, bytes, why);
    if (!err) err = vd_file_save(j->trial_path, 0644, vd_buf_slice(bytes), why);
    return err ? err : vd_file_save(descriptor, 0644, vd_buf_slice(&j->yaml), why);
}

typedef struct {
    unsigned layer;
    double points;
} rank;

static int worst_first(const void *a, const void *b)
{
    double x = ((const rank *)a)->points, y = ((const rank *)b)->points;
    return (x > y) - (x < y);
}

/* Each layer alone in int8, the others float. */
static vd_err rank_layers(job *j, vd_buf *bytes, rank *ranks, vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned i = 0; i < j->plan.layer_count && !err; i++) {
        for (unsigned k = 0; k < j->plan.layer_count; k++) j->plan.keep[k] = k != i;
        ranks[i].layer = i;
        err = write_trial(j, bytes, why);
        if (!err) err = judge(j, j->trial_path, RANK_PICTURES, &ranks[i].points, why);
        tell(j, "looking for layers that hurt", (i + 1.0) / j->plan.layer_count);
    }
    qsort(ranks, j->plan.layer_count, sizeof *ranks, worst_first);
    return err;
}

static vd_err try_keeping(job *j, vd_buf *bytes, const rank *ranks, unsigned kept,
                          double *ret_points, vd_why *why)
{
    memset(j->plan.keep, 0, j->plan.layer_count * sizeof *j->plan.keep);
    for (unsigned i = 0; i < kept; i++) j->plan.keep[ranks[i].layer] = true;
    vd_err err = write_trial(j, bytes, why);
    return err ? err : judge(j, j->trial_path, 0, ret_points, why);
}

static vd_err refuse(const job *j, const vd_quantize_result *r, vd_why *why)
{
    vd_fail(why, VD_INVALID, "int8 would lose more than %.2f points", j->options->budget_points);
    vd_why_detail(why, "%.2f before, %.2f after, with all %u layers in int8", r->points_before,
                  r->points_after, r->layers);
    vd_why_hint(why, "calibrate with more pictures like those it will see, or allow a larger loss");
    return VD_INVALID;
}

static bool enough(const job *j, const vd_quantize_result *r, double points)
{
    return r->points_before - points <= j->options->budget_points + 1e-9;
}

/* The fewest worst layers that stay float; `low` are too few, `high` suffice. */
static vd_err search(job *j, vd_buf *bytes, vd_quantize_result *r, vd_why *why)
{
    unsigned low = 0, high = j->plan.layer_count;
    double points = 0;
    rank *ranks = vd_arena_alloc(j->arena, high * sizeof *ranks);
    if (!ranks) return vd_fail(why, VD_FULL, "there is no memory for the layers' ranks");
    vd_err err = rank_layers(j, bytes, ranks, why);
    while (!err && high - low > 1) {
        unsigned middle = low + (high - low + 1) / 3; /* few should do: lean to the low side */
        if (middle == low) middle++;
        err = try_keeping(j, bytes, ranks, middle, &points, why);
        *(enough(j, r, points) ? &high : &low) = middle;
        tell(j, "keeping the layers that hurt", 1.0 / (high - low));
    }
    if (err) return err;
    if (high == j->plan.layer_count) return refuse(j, r, why);
    err = try_keeping(j, bytes, ranks, high, &r->points_after, why);
    r->layers_kept = high;
    for (unsigned i = 0; i < high && i < 3; i++) {
        size_t used = strlen(r->worst);
        const q_node *node = &j->graph.node[j->plan.layer[ranks[i].layer]];
        (void)snprintf(r->worst + used, sizeof r->worst - used, "%s%.80s", i ? ", " : "",
                       j->graph.value[node->out[0]].name);
    }
    return err;
}

static vd_err quantize(job *j, vd_buf *bytes, vd_quantize_result *r, vd_why *why)
{
    const vd_quantize_options *o = j->options;
    const bool own = o->check_count > 0;
    q_plan_make(&j->plan);
    r->layers = j->plan.layer_count;
    vd_err err = q_ranges_find(&j->plan, vd_buf_slice(&j->onnx), j->facts, o, why);
    if (!err)
        err = agreement_new(j->float_path, own ? o->check : o->pictures,
                            own ? o->check_count : o->picture_count, o->chain, o->threads,
                            &j->agree, why);
    if (!err) err = judge(j, j->float_path, 0, &r->points_before, why);
    if (!err) err = write_trial(j, bytes, why);
    if (!err) err = judge(j, j->trial_path, 0, &r->points_after, why);
    if (!err && !enough(j, r, r->points_after)) err = search(j, bytes, r, why);
    if (!err)
        err =
            agreement_ms(j->agree, j->float_path, j->trial_path, &r->ms_before, &r->ms_after, why);
    return err;
}

static vd_err publish(const job *j, const char *out_dir, const vd_buf *bytes, vd_quantize_result *r,
                      vd_why *why)
{
    int a = snprintf(r->model_path, sizeof r->model_path, "%s/%s.onnx", out_dir, j->name);
    int b = snprintf(r->descriptor_path, sizeof r->descriptor_path, "%s/%s.model.yaml", out_dir,
                     j->name);
    if (a >= (int)sizeof r->model_path || b >= (int)sizeof r->descriptor_path)
        return vd_fail(why, VD_INVALID, "the path of the folder is too long");
    r->float_digest = j->digest;
    r->model_digest = vd_sha256(vd_buf_slice(bytes));
    r->bytes_before = j->onnx.len;
    r->bytes_after = bytes->len;
    vd_err err = vd_file_save(r->model_path, 0644, vd_buf_slice(bytes), why);
    return err ? err : vd_file_save(r->descriptor_path, 0644, vd_buf_slice(&j->yaml), why);
}

vd_err vd_quantize_look(vd_slice onnx, unsigned *ret_layers, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(ARENA_BYTES);
    q_graph graph;
    q_plan plan;
    if (!arena) return vd_fail(why, VD_FULL, "there is no memory for the model");
    vd_err err = q_graph_read(onnx, arena, &graph, why);
    if (!err) err = q_plan_new(&graph, &plan, why);
    if (err) return err;
    q_plan_make(&plan);
    *ret_layers = plan.layer_count;
    return VD_OK;
}

vd_err vd_quantize(const char *model, const char *out_dir, const vd_quantize_options *options,
                   vd_quantize_result *ret_result, vd_why *why)
{
    job j = { .options = options,
              .onnx = VD_BUF(VD_LIMIT_MODEL_BYTES),
              .yaml = VD_BUF(DESCRIPTOR_MAX) };
    VD_AUTO(vd_buf) bytes = VD_BUF(VD_LIMIT_MODEL_BYTES);
    vd_quantize_result result = { 0 };
    if (!options->picture_count)
        return vd_fail(why, VD_INVALID, "quantising needs pictures to calibrate with");
    vd_err err = job_open(&j, model, out_dir, why);
    if (!err) err = quantize(&j, &bytes, &result, why);
    if (!err) err = publish(&j, out_dir, &bytes, &result, why);
    if (!err) *ret_result = result;
    job_done(&j);
    return err;
}
