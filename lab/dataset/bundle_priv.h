/* bundle_priv.h - tar and zip, in from memory and out to a file, by libarchive.
 * Apart from the other headers, because hub/archive's and libarchive's have the same name. */
#ifndef VD_BUNDLE_PRIV_H
#define VD_BUNDLE_PRIV_H
#include "vd/error.h"

typedef struct {
    const char *name; /* path inside the archive */
    vd_slice bytes;
} bundle_member;
/* Calls `each` for every file that `wanted`. */
typedef struct {
    bool (*wanted)(void *arg, const char *name);
    vd_err (*each)(void *arg, const bundle_member *file, vd_why *why);
    void *arg;
} bundle_reader;
vd_err bundle_read(vd_slice archive, const bundle_reader *reader, vd_why *why);

typedef struct bundle bundle;
/* A tar to an open file, which stays open. */
vd_err bundle_new(int fd, bundle **ret_bundle, vd_why *why);
vd_err bundle_add(bundle *b, const char *name, vd_slice bytes, vd_why *why);
vd_err bundle_add_file(bundle *b, const char *name, const char *path, vd_why *why);
vd_err bundle_end(bundle *b, vd_why *why);
bundle *bundle_free(bundle *b); /* returns NULL */
typedef bundle *bundle_ptr;
static inline void bundle_release(bundle **b)
{
    *b = bundle_free(*b);
}
VD_AUTO_DEFINE(bundle_ptr, bundle_release)
#endif
