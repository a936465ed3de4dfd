/* mailbox.c - shows the mails that the local mailbox (tools/mailbox) wrote: one .eml file each. */
#include "api_priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "vd/file.h"

#define MAIL_BYTES_MAX (16u << 20)
#define MAIL_TEXT_MAX  65536u

static bool mail_id_ok(const char *id)
{
    return id[0] && id[0] != '.' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               strlen(id);
}

static bool is_mail(const char *name)
{
    size_t len = strlen(name);
    return mail_id_ok(name) && len > 4 && strcmp(name + len - 4, ".eml") == 0;
}

static int is_mail_entry(const struct dirent *entry)
{
    return is_mail(entry->d_name);
}

static vd_slice without_spaces(vd_slice line)
{
    while (line.len && (line.data[0] == ' ' || line.data[0] == '\t')) line = vd_slice_from(line, 1);
    return line;
}

static bool names_header(vd_slice line, const char *name)
{
    size_t len = strlen(name);
    return line.len > len && line.data[len] == ':' &&
           strncasecmp((const char *)line.data, name, len) == 0;
}

static vd_slice next_line(vd_slice *block)
{
    vd_slice line = vd_slice_cut(*block, '\n', block);
    if (line.len && line.data[line.len - 1] == '\r') line.len--;
    return line;
}

/* The value of a header, unfolded, from the block before the first empty line; "" when absent. */
static void header_of(vd_slice block, const char *name, char *into, size_t room)
{
    VD_AUTO(vd_buf) value = VD_BUF(room - 1);
    vd_slice line = next_line(&block);
    while (line.len && !names_header(line, name)) line = next_line(&block);
    bool more =
        line.len && vd_buf_add(&value, without_spaces(vd_slice_from(line, strlen(name) + 1)));
    while (more) {
        line = next_line(&block);
        bool folded = line.len && (line.data[0] == ' ' || line.data[0] == '\t');
        more = folded && vd_buf_add_byte(&value, ' ') && vd_buf_add(&value, without_spaces(line));
    }
    vd_slice_to_chars(vd_buf_slice(&value), into, room);
}

/* Decodes RFC 2047 words of the kind we write ("=?UTF-8?B?...?="); the rest stays. */
static void decode_words(const char *text, vd_buf *into)
{
    static const char mark[] = "=?UTF-8?B?";
    while (*text) {
        const char *end = strncasecmp(text, mark, 10) == 0 ? strstr(text + 10, "?=") : NULL;
        if (end && vd_base64_decode(vd_slice_of(text + 10, (size_t)(end - text - 10)), into)) {
            text = end + 2;
            if (text[0] == ' ' && strncasecmp(text + 1, mark, 10) == 0) text++;
        } else if (!vd_buf_add_byte(into, (uint8_t)*text++)) {
            return;
        }
    }
}

static const char *find_text(vd_slice whole, const char *needle)
{
    return whole.len ? memmem(whole.data, whole.len, needle, strlen(needle)) : NULL;
}

static vd_slice after_headers(vd_slice part)
{
    const char *gap = find_text(part, "\r\n\r\n");
    return gap ? vd_slice_from(part, (size_t)(gap - (const char *)part.data) + 4) : VD_SLICE_NONE;
}

/* The first text/plain part, or the body of a mail without parts. */
static vd_slice text_of(vd_slice mail)
{
    char type[512], boundary[256] = "";
    header_of(mail, "Content-Type", type, sizeof type);
    const char *mark = strstr(type, "boundary=");
    vd_slice body = after_headers(mail);
    if (!mark) return body;
    mark += 9;
    if (*mark == '"') mark++;
    (void)snprintf(boundary, sizeof boundary, "--%.*s", (int)strcspn(mark, "\"; "), mark);
    const char *start = find_text(body, boundary);
    if (!start) return VD_SLICE_NONE;
    vd_slice part =
        vd_slice_from(body, (size_t)(start - (const char *)body.data) + strlen(boundary));
    const char *end = find_text(part, boundary);
    if (end) part.len = (size_t)(end - (const char *)part.data);
    part = after_headers(part);
    while (part.len && (part.data[part.len - 1] == '\n' || part.data[part.len - 1] == '\r'))
        part.len--;
    return part;
}

static vd_err load_mail(request *r, const char *file, vd_buf *into, char *path, size_t room,
                        vd_why *why)
{
    (void)snprintf(path, room, "%s/%s", r->api->parts.mailbox_dir, file);
    return vd_file_load(path, into, why);
}

static void write_mail(request *r, const char *file, vd_json_w *w)
{
    char path[4096], id[256], value[2048];
    struct stat info;
    VD_AUTO(vd_buf) mail = VD_BUF(MAIL_BYTES_MAX);
    VD_AUTO(vd_buf) subject = VD_BUF(4096);
    if (load_mail(r, file, &mail, path, sizeof path, NULL) || stat(path, &info) != 0) return;
    vd_slice whole = vd_buf_slice(&mail), text = text_of(whole);
    if (text.len > MAIL_TEXT_MAX) text.len = MAIL_TEXT_MAX;
    (void)snprintf(id, sizeof id, "%.*s", (int)(strlen(file) - 4), file);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "id", id);
    vd_json_w_kv_time(w, "at",
                      (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000);
    header_of(whole, "From", value, sizeof value);
    vd_json_w_kv_text(w, "from", value);
    header_of(whole, "To", value, sizeof value);
    vd_json_w_key(w, "to");
    vd_json_w_list(w);
    vd_json_w_text(w, value);
    vd_json_w_list_end(w);
    header_of(whole, "Subject", value, sizeof value);
    decode_words(value, &subject);
    vd_json_w_kv_text(w, "subject", subject.len ? subject.data : "");
    vd_json_w_key(w, "text");
    vd_json_w_slice(w, text);
    vd_json_w_kv_bool(w, "has_picture", find_text(whole, "Content-Type: image/") != NULL);
    vd_json_w_object_end(w);
}

vd_err list_mailbox(request *r, vd_why *why)
{
    struct dirent **entries = NULL;
    const char *dir = r->api->parts.mailbox_dir;
    int count = dir ? scandir(dir, &entries, is_mail_entry, alphasort) : 0;
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_kv_bool(&w, "enabled", dir != NULL);
    vd_json_w_key(&w, "mails");
    vd_json_w_list(&w);
    for (int n = count - 1, shown = 0; n >= 0; n--, shown++) { /* names rise: the newest is last */
        if (shown < 100) write_mail(r, entries[n]->d_name, &w);
        free(entries[n]);
    }
    free(entries);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err get_mail(request *r, vd_why *why)
{
    char path[4096], file[VD_LIMIT_NAME_BYTES + 8];
    VD_AUTO(vd_buf) mail = VD_BUF(MAIL_BYTES_MAX);
    (void)snprintf(file, sizeof file, "%s.eml", r->param[0]);
    if (!r->api->parts.mailbox_dir || !is_mail(file) ||
        load_mail(r, file, &mail, path, sizeof path, why))
        return vd_fail(why, VD_ABSENT, "there is no such mail");
    return reply_bytes(r, MHD_HTTP_OK, "message/rfc822", vd_buf_slice(&mail), why);
}
