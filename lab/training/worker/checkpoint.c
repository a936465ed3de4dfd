#include "checkpoint_priv.h"

#include "vd/file.h"

#define MAGIC     "VDCKPT01"
#define BYTES_MAX (2048ull << 20)

static vd_slice floats(const float *numbers, size_t count)
{
    return vd_slice_of(numbers, count * sizeof(*numbers));
}

vd_err checkpoint_save(const checkpoint *c, const char *path, vd_why *why)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(BYTES_MAX);
    bool fits = vd_buf_add(&bytes, VD_STR(MAGIC)) && vd_buf_add_str(&bytes, c->key.hex) &&
                vd_buf_add(&bytes, vd_slice_of(&c->at, sizeof(c->at))) &&
                vd_buf_add(&bytes, floats(c->numbers, c->number_count)) &&
                vd_buf_add(&bytes, floats(c->best, c->best_count)) &&
                vd_buf_add(&bytes, vd_slice_of(c->history, c->history_room * sizeof(*c->history)));
    if (!fits) return vd_fail(why, VD_FULL, "there is no memory for a checkpoint");
    vd_digest digest = vd_sha256(vd_buf_slice(&bytes));
    if (!vd_buf_add_str(&bytes, digest.hex))
        return vd_fail(why, VD_FULL, "there is no memory for a checkpoint");
    vd_err err = vd_file_save(path, 0640, vd_buf_slice(&bytes), why);
    if (err == VD_FULL) {
        vd_fail(why, VD_FULL, "the disk is full, the checkpoint cannot be kept");
        vd_why_detail(why, "%zu KiB are needed for '%.200s'", bytes.len >> 10, path);
        vd_why_hint(why, "free space and start the same run again: it goes on from its last "
                         "checkpoint");
    }
    return err;
}

static bool take(vd_slice *rest, void *into, size_t len)
{
    if (rest->len < len) return false;
    memcpy(into, rest->data, len);
    *rest = vd_slice_of(rest->data + len, rest->len - len);
    return true;
}

bool checkpoint_load(checkpoint *c, const char *path)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(BYTES_MAX);
    char head[sizeof(MAGIC) - 1 + VD_SHA256_HEX];
    size_t body = sizeof(head) + sizeof(c->at) + (c->number_count + c->best_count) * sizeof(float) +
                  c->history_room * sizeof(*c->history);
    if (vd_file_load(path, &bytes, NULL) || bytes.len != body + VD_SHA256_HEX) return false;
    vd_digest digest = vd_sha256(vd_slice_of(bytes.data, body));
    vd_slice rest = vd_buf_slice(&bytes);
    if (memcmp(bytes.data + body, digest.hex, VD_SHA256_HEX) != 0) return false;
    if (!take(&rest, head, sizeof(head)) || memcmp(head, MAGIC, sizeof(MAGIC) - 1) != 0 ||
        memcmp(head + sizeof(MAGIC) - 1, c->key.hex, VD_SHA256_HEX) != 0)
        return false;
    return take(&rest, &c->at, sizeof(c->at)) &&
           take(&rest, c->numbers, c->number_count * sizeof(float)) &&
           take(&rest, c->best, c->best_count * sizeof(float)) &&
           take(&rest, c->history, c->history_room * sizeof(*c->history));
}
