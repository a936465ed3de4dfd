/* files.c - the page: files under web_dir; any other address is the page's own (index.html).
 * Files lie at the top and under /assets; deeper addresses name a thing ("/devices/dock.1"). */
#include "api_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *ending, *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".mjs", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".json", "application/json" },
    { ".webmanifest", "application/manifest+json" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".jpg", "image/jpeg" },
    { ".ico", "image/x-icon" },
    { ".woff2", "font/woff2" },
    { ".txt", "text/plain; charset=utf-8" },
    { ".map", "application/json" },
};

static const char *type_of(const char *path)
{
    size_t len = strlen(path);
    for (size_t n = 0; n < VD_COUNT_OF(types); n++) {
        size_t ending = strlen(types[n].ending);
        if (len > ending && strcmp(path + len - ending, types[n].ending) == 0) return types[n].type;
    }
    return "application/octet-stream";
}

/* Plain segments only: nothing hidden, nothing above. */
static bool path_ok(const char *path)
{
    return path[0] == '/' && !strstr(path, "/.") && !strchr(path, '\\') && !strstr(path, "//");
}

/* The file's descriptor and size, or -1. Links that lead away are not followed at the end. */
static int open_file(const char *web_dir, const char *path, off_t *ret_size)
{
    char whole[4096];
    struct stat info;
    int len = snprintf(whole, sizeof whole, "%s%s", web_dir, path);
    if (len < 0 || (size_t)len >= sizeof whole) return -1;
    int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return -1;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return -1;
    }
    *ret_size = info.st_size;
    return fd;
}

static vd_err reply_fd(request *r, int fd, off_t size, const char *path, vd_why *why)
{
    r->status = MHD_HTTP_OK;
    r->response = MHD_create_response_from_fd64((uint64_t)size, fd);
    if (!r->response) {
        close(fd);
        return vd_fail(why, VD_FULL, "no memory for the answer");
    }
    bool hashed = strncmp(path, "/assets/", 8) == 0; /* the build names them by their content */
    reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type_of(path));
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL,
                 hashed ? "public, max-age=31536000, immutable" : "no-cache");
    return VD_OK;
}

static bool names_a_file(const char *path)
{
    if (strncmp(path, "/assets/", 8) == 0) return true;
    return strchr(path, '.') && !strchr(path + 1, '/');
}

vd_err serve_page(request *r, vd_why *why)
{
    static const char missing[] =
        "<!doctype html><title>Vedette</title><p>The hub runs, but the page's files are not where "
        "<code>web_dir</code> says. The API answers under <a href=/api/v1/health>/api/v1</a>.\n";
    const char *web_dir = r->api->parts.web_dir;
    off_t size = 0;
    int fd = -1;
    if (!path_ok(r->path)) return vd_fail(why, VD_ABSENT, "there is no such file");
    if (web_dir && r->path[1]) fd = open_file(web_dir, r->path, &size);
    if (fd >= 0) return reply_fd(r, fd, size, r->path, why);
    if (names_a_file(r->path)) return vd_fail(why, VD_ABSENT, "there is no such file");
    if (web_dir) fd = open_file(web_dir, "/index.html", &size);
    if (fd >= 0) return reply_fd(r, fd, size, "/index.html", why);
    return reply_bytes(r, MHD_HTTP_OK, "text/html; charset=utf-8",
                       vd_slice_of(missing, sizeof missing - 1), why);
}
