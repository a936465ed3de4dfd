/* evaluate.c - how good is a model on a dataset, and is it better than another: without a hub. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli_priv.h"
#include "evaluation.h"
#include "vd/clock.h"

#define PICTURES_DIR_MAX 3000

static const column report_fields[] = {
    { "model", "model.name" },
    { "split", "split" },
    { "mAP", "map" },
    { "mAP50", "map50" },
    { "recall", "recall" },
    { "precision", "precision" },
    { "accuracy", "accuracy" },
    { "false alarms a picture", "false_alarms.per_picture" },
    { "at score", "false_alarms.at_score" },
    { "median ms", "latency_ms.median" },
};
static const column class_columns[] = {
    { "CLASS", "class" }, { "LABELLED", "truths" }, { "AP", "ap" },     { "AP50", "ap50" },
    { "FOUND", "tp" },    { "FALSE", "fp" },        { "MISSED", "fn" },
};
static const column slice_columns[] = {
    { "CAMERA", "name" }, { "PICTURES", "pictures" }, { "GROUPS", "groups" }, { "AP50", "map50" },
    { "FOUND", "tp" },    { "FALSE", "fp" },          { "MISSED", "fn" },
};
static const column worst_columns[] = { { "WORST", "picture" },
                                        { "CAMERA", "camera" },
                                        { "WHY", "why" } };
static const column verdict_fields[] = {
    { "promote", "promote" },
    { "outcome", "outcome" },
    { "why", "why" },
    { "groups", "groups" },
    { "mAP50 champion", "map50.champion" },
    { "mAP50 challenger", "map50.challenger" },
    { "false alarms champion", "false_alarms.champion" },
    { "false alarms challenger", "false_alarms.challenger" },
};

static void print_words(const vd_json *words)
{
    for (size_t n = 0; n < vd_json_len(words); n++)
        printf("- %s\n", vd_json_text(vd_json_at(words, n), ""));
}

static void print_report(const vd_json *report)
{
    fields_print(report, report_fields, VD_COUNT_OF(report_fields));
    putchar('\n');
    table_print(vd_json_get(report, "per_class"), class_columns, VD_COUNT_OF(class_columns));
    putchar('\n');
    table_print(vd_json_get(report, "per_camera"), slice_columns, VD_COUNT_OF(slice_columns));
    putchar('\n');
    table_print(vd_json_get(report, "worst"), worst_columns, VD_COUNT_OF(worst_columns));
    print_words(vd_json_get(report, "words"));
}

/* ---- pictures of a folder ---- */

/* DIR/DIGEST, with or without an ending, or as a hub keeps them: DIR/di/DIGEST. */
static vd_err load_picture(void *arg, const vd_digest *picture, vd_buf *into, vd_why *why)
{
    static const char *const ends[] = { "", ".jpg", ".jpeg", ".png" };
    char path[PICTURES_DIR_MAX + 100];
    const char *dir = arg;

    for (size_t n = 0; n < VD_COUNT_OF(ends); n++) {
        (void)snprintf(path, sizeof path, "%.3000s/%s%s", dir, picture->hex, ends[n]);
        if (access(path, R_OK) == 0) return vd_file_load(path, into, why);
    }
    (void)snprintf(path, sizeof path, "%.3000s/%.2s/%s", dir, picture->hex, picture->hex);
    if (access(path, R_OK) == 0) return vd_file_load(path, into, why);
    return vd_fail(why, VD_ABSENT, "it is not in %.80s", dir);
}

static bool show_progress(void *arg, size_t done, size_t total)
{
    (void)arg;
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%zu of %zu pictures ", done, total);
    if (isatty(STDERR_FILENO) && done == total) fputc('\n', stderr);
    return true;
}

/* ---- evaluate ---- */

static vd_err read_score(const cli *c, double *value, vd_why *why)
{
    char *end = NULL;
    const char *text = cli_option(c, "score");
    if (!text) return VD_OK;
    *value = strtod(text, &end);
    if (*end || end == text || !(*value >= 0 && *value <= 1))
        return vd_fail(why, VD_INVALID, "--score must be 0 to 1");
    return VD_OK;
}

/* Detections that somebody else made. */
static vd_err from_lines(const cli *c, vd_slice manifest, const char *split, double score,
                         vd_buf *report, vd_why *why)
{
    VD_AUTO(vd_buf) lines = VD_BUF((size_t)1 << 30);
    VD_AUTO(vd_eval_ptr) eval = NULL;
    vd_eval_options options = { .model_name = cli_option(c, "from"),
                                .score_min = score < 0 ? 0.5 : score };

    vd_err err = vd_eval_new(manifest, split, &eval, why);
    if (!err) err = vd_file_load(cli_option(c, "from"), &lines, why);
    if (!err) err = vd_eval_add_lines(eval, vd_buf_slice(&lines), why);
    if (err) return err;
    options.model = vd_sha256(vd_buf_slice(&lines));
    return vd_eval_report(eval, &options, report, why);
}

static vd_err from_model(cli *c, vd_slice manifest, const char *split, double score, vd_buf *report,
                         vd_why *why)
{
    char path[4096];
    uint64_t threads = 0;
    VD_AUTO(vd_buf) lines = VD_BUF((size_t)1 << 30);
    const char *model = cli_option(c, "model"), *keep = cli_option(c, "detections");
    vd_evaluate_job job = { .model_path = path,
                            .manifest = manifest,
                            .split = split,
                            .score_min = score,
                            .picture = load_picture,
                            .progress = show_progress,
                            .arg = (void *)cli_option(c, "pictures") };

    if (!model || !job.arg) {
        (void)vd_fail(why, VD_INVALID, "--model and --pictures are needed");
        vd_why_hint(why, "or give detections that were made before with --from FILE");
        return VD_INVALID;
    }
    vd_err err = model_path_of(c, model, path, sizeof path, why);
    if (!err) err = cli_number(c, "threads", 256, &threads, why);
    job.threads = (int)threads;
    if (!err) err = vd_evaluate(&job, report, &lines, why);
    if (!err && keep) err = vd_file_save(keep, 0644, vd_buf_slice(&lines), why);
    return err;
}

vd_err run_model_evaluate(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) manifest = VD_BUF(VD_EVAL_MANIFEST_BYTES);
    VD_AUTO(vd_buf) report = VD_BUF(VD_EVAL_REPORT_BYTES);
    VD_AUTO(vd_json_ptr) root = NULL;
    double score = -1;
    const char *split = cli_option(c, "split") ? cli_option(c, "split") : "test";
    const char *dataset = cli_option(c, "dataset"), *out = cli_option(c, "out");

    if (!dataset) return vd_fail(why, VD_INVALID, "--dataset FILE is needed");
    vd_err err = read_score(c, &score, why);
    if (!err) err = vd_file_load(dataset, &manifest, why);
    if (!err && cli_option(c, "from"))
        err = from_lines(c, vd_buf_slice(&manifest), split, score, &report, why);
    else if (!err)
        err = from_model(c, vd_buf_slice(&manifest), split, score, &report, why);
    if (!err && out) err = vd_file_save(out, 0644, vd_buf_slice(&report), why);
    if (!err) err = vd_json_parse(vd_buf_slice(&report), VD_EVAL_REPORT_BYTES, 32, &root, why);
    if (err) return err;
    if (c->json)
        puts(report.data);
    else
        print_report(root);
    return VD_OK;
}

/* ---- compare ---- */

static vd_err ask_share(const cli *c, const char *name, double *value, vd_why *why)
{
    char *end = NULL;
    const char *text = cli_option(c, name);
    if (!text) return VD_OK;
    *value = strtod(text, &end);
    return *end ? vd_fail(why, VD_INVALID, "--%s must be a number", name) : VD_OK;
}

vd_err run_report_compare(cli *c, vd_why *why)
{
    vd_gate_verdict verdict;
    vd_gate_settings asked = VD_GATE_SETTINGS;
    VD_AUTO(vd_buf) champion = VD_BUF(VD_EVAL_REPORT_BYTES);
    VD_AUTO(vd_buf) challenger = VD_BUF(VD_EVAL_REPORT_BYTES);
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_json_w w = vd_json_writer(&text);

    vd_err err = ask_share(c, "confidence", &asked.confidence, why);
    if (!err) err = ask_share(c, "margin", &asked.margin, why);
    if (!err) err = vd_file_load(cli_argument(c, 0), &champion, why);
    if (!err) err = vd_file_load(cli_argument(c, 1), &challenger, why);
    if (!err)
        err = vd_evaluation_gate(vd_buf_slice(&champion), vd_buf_slice(&challenger), &asked,
                                 &verdict, why);
    if (err) return err;
    vd_gate_write(&verdict, &w);
    err = vd_json_w_end(&w);
    if (!err) err = vd_json_parse(vd_buf_slice(&text), 65536, 8, &root, why);
    if (err) return err;
    if (c->json)
        json_line(root);
    else
        fields_print(root, verdict_fields, VD_COUNT_OF(verdict_fields));
    if (!c->json) print_words(vd_json_get(root, "words"));
    return VD_OK;
}
