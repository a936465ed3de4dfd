/* media.c - what devices keep: ranges of their recordings, and held evidence. */
#include <stdio.h>
#include <unistd.h>

#include "cli_priv.h"
#include "vd/clock.h"

#define PATH_BYTES   2048
#define WAIT_S       120
#define LOOK_EACH_MS 500

static const column media_columns[] = {
    { "MEDIA", "id" },    { "FROM", "from" },   { "TO", "to" },   { "STATE", "state" },
    { "BYTES", "bytes" }, { "BY", "asked_by" }, { "WHY", "why" },
};

static void path_of(cli *c, vd_buf *path)
{
    vd_buf_add_str(path, "/api/v1/cameras");
    path_add(path, cli_argument(c, 0));
    path_add(path, cli_argument(c, 1));
    vd_buf_add_str(path, "/media");
}

vd_err run_media_list(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);

    path_of(c, &path);
    return list_show(c, path.data, "media", media_columns, VD_COUNT_OF(media_columns), why);
}

static vd_err write_wish(cli *c, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "from", cli_argument(c, 2));
    vd_json_w_kv_text(&w, "to", cli_argument(c, 3));
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

static bool is_settled(const char *state)
{
    return strcmp(state, "asked") != 0 && strcmp(state, "coming") != 0;
}

/* Asks again until it is here or nothing will come; *root is replaced. */
static vd_err await(api *a, uint64_t wait_s, vd_json **root, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);
    int64_t until_us = vd_clock_mono_us() + (int64_t)wait_s * 1000000;

    vd_buf_add_str(&path, "/api/v1/media");
    path_add(&path, vd_json_text(vd_json_get(*root, "id"), ""));
    while (!is_settled(vd_json_text(vd_json_get(*root, "state"), "failed"))) {
        if (vd_clock_mono_us() > until_us) {
            vd_fail(why, VD_RETRY, "the device has not sent it yet");
            vd_why_hint(why, "it still comes: vedette media list DEVICE CAMERA");
            return VD_RETRY;
        }
        usleep(LOOK_EACH_MS * 1000);
        *root = vd_json_free(*root);
        vd_err err = api_call(a, "GET", path.data, VD_SLICE_NONE, root, why);
        if (err) return err;
    }
    if (strcmp(vd_json_text(vd_json_get(*root, "state"), ""), "here") == 0) return VD_OK;
    vd_fail(why, VD_ABSENT, "%s", vd_json_text(vd_json_get(*root, "why"), "nothing came"));
    vd_why_hint(why, "%s", vd_json_text(vd_json_get(*root, "hint"), ""));
    return VD_ABSENT;
}

static vd_err download(api *a, const vd_json *media, const char *into, vd_why *why)
{
    VD_AUTO(vd_file) file = VD_FILE_NONE;
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);

    vd_buf_add_str(&path, "/api/v1/blobs");
    path_add(&path, vd_json_text(vd_json_get(media, "digest"), ""));
    vd_err err = vd_file_create(into, 0644, &file, why);
    if (!err) err = api_download(a, path.data, &file, why);
    return err ? err : vd_file_publish(&file, why);
}

vd_err run_media_get(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);
    VD_AUTO(vd_buf) body = VD_BUF(1024);
    uint64_t wait_s = WAIT_S;
    const char *into = cli_option(c, "out");

    path_of(c, &path);
    vd_err err = cli_number(c, "wait", 86400, &wait_s, why);
    if (!err) err = write_wish(c, &body);
    if (!err) err = api_open(&a, why);
    if (!err) err = api_call(a, "POST", path.data, vd_buf_slice(&body), &root, why);
    if (!err) err = await(a, wait_s, &root, why);
    if (!err && into) err = download(a, root, into, why);
    if (err) return err;
    if (c->json) {
        json_line(root);
        return VD_OK;
    }
    printf("%s to %s is %s %s\n", vd_json_text(vd_json_get(root, "start"), "?"),
           vd_json_text(vd_json_get(root, "end"), "?"), into ? "in" : "at the hub, digest",
           into ? into : vd_json_text(vd_json_get(root, "digest"), ""));
    return VD_OK;
}

vd_err run_evidence_ask(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);

    vd_buf_add_str(&path, "/api/v1/evidence");
    path_add(&path, cli_argument(c, 0));
    vd_buf_add_str(&path, "/ask");
    vd_err err = api_open(&a, why);
    if (!err) err = api_call(a, "POST", path.data, VD_SLICE_NONE, &root, why);
    if (err) return err;
    if (c->json)
        json_line(root);
    else
        printf("device %s sends it\n", vd_json_text(vd_json_get(root, "device"), "?"));
    return VD_OK;
}
