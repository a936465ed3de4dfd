/* token.c - who may ask: a secret in a file, or being on this machine. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local_priv.h"
#include "vd/file.h"
#include "vd/log.h"
#include "vd/secret.h"

#define TOKEN_BYTES 32
#define TOKEN_LEAST 16 /* characters: a shorter one can be guessed */

static vd_err token_make(const char *path, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(TOKEN_ROOM);
    uint8_t random[TOKEN_BYTES];

    vd_random(random, sizeof random);
    if (!vd_hex_encode(vd_slice_of(random, sizeof random), &text) || !vd_buf_add_byte(&text, '\n'))
        return vd_fail(why, VD_IO, "no token for the local port could be made");
    vd_err err = vd_file_save(path, 0600, vd_buf_slice(&text), why);
    if (!err)
        vd_log(VD_LOG_INFO, "local.token", "a token for the local port was made", "file", path,
               NULL);
    vd_wipe(random, sizeof random);
    vd_wipe(text.data, text.len);
    return err;
}

vd_err token_load(const char *path, char into[TOKEN_ROOM], vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(TOKEN_ROOM - 1);
    struct stat about;
    vd_err err = access(path, F_OK) == 0 ? VD_OK : token_make(path, why);

    if (!err) err = vd_file_load(path, &text, why);
    if (err) return err;
    bool open_to_others = stat(path, &about) == 0 && (about.st_mode & 0077);
    vd_slice line = vd_slice_cut(vd_buf_slice(&text), '\n', &(vd_slice){ 0 });
    if (line.len && line.data[line.len - 1] == '\r') line.len--;
    if (open_to_others) {
        err = vd_fail(why, VD_INVALID, "others can read the local port's token");
        vd_why_detail(why, "%.300s", path);
        vd_why_hint(why, "chmod 600 that file");
    } else if (line.len < TOKEN_LEAST) {
        err = vd_fail(why, VD_INVALID, "the local port's token is too short");
        vd_why_detail(why, "%.300s holds %zu characters in its first line", path, line.len);
        vd_why_hint(why, "at least %d; remove the file and one is made", TOKEN_LEAST);
    } else {
        (void)vd_slice_to_chars(line, into, TOKEN_ROOM);
    }
    vd_wipe(text.data, text.len);
    return err;
}

/* "Basic base64(anyone:TOKEN)" */
static bool password_is(const char *token, vd_slice coded)
{
    VD_AUTO(vd_buf) pair = VD_BUF(2 * TOKEN_ROOM);
    vd_slice password = VD_SLICE_NONE;

    if (!vd_base64_decode(coded, &pair)) return false;
    (void)vd_slice_cut(vd_buf_slice(&pair), ':', &password);
    bool same = vd_bytes_same(password, vd_slice_str(token));
    vd_wipe(pair.data, pair.len);
    return same;
}

bool token_knows(const char *token, const char *authorization)
{
    vd_slice value, kind = vd_slice_cut(vd_slice_str(authorization), ' ', &value);

    if (kind.len == 6 && strncasecmp((const char *)kind.data, "Bearer", 6) == 0)
        return vd_bytes_same(value, vd_slice_str(token));
    if (kind.len == 5 && strncasecmp((const char *)kind.data, "Basic", 5) == 0)
        return password_is(token, value);
    return false;
}

bool address_is_loopback(const char *address)
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET, address, &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool host_is_loopback(const char *host)
{
    char name[64];
    vd_slice text = vd_slice_str(host), rest;

    if (vd_slice_starts(text, VD_STR("["))) {
        text = vd_slice_cut(vd_slice_from(text, 1), ']', &rest);
        if (rest.len && rest.data[0] != ':') return false;
    } else {
        text = vd_slice_cut(text, ':', &rest);
    }
    return vd_slice_to_chars(text, name, sizeof name) &&
           (strcasecmp(name, "localhost") == 0 || address_is_loopback(name));
}
