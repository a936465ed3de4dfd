/* file.h - a file that can be seen is whole: write aside, sync, rename, sync the folder. Blocking.
 */
#ifndef VD_FILE_H
#define VD_FILE_H
#include "vd/error.h"

typedef struct {
    int fd; /* -1: none */
    char *path, *temp_path;
} vd_file;
#define VD_FILE_NONE ((vd_file){ .fd = -1 })

/* Opens a temporary file beside `path`; nothing is seen at `path` until vd_file_publish. Mode e.g.
 * 0640. VD_INVALID when a device or a pipe is there: a file would replace it. */
VD_MUST_USE vd_err vd_file_create(const char *path, unsigned mode, vd_file *ret_file, vd_why *why);
VD_MUST_USE vd_err vd_file_write(vd_file *file, vd_slice bytes, vd_why *why);
/* Sync, rename over `path`, sync the folder; the file is closed. */
VD_MUST_USE vd_err vd_file_publish(vd_file *file, vd_why *why);
/* Closes; removes the temporary file if it was not published. */
void vd_file_done(vd_file *file);
VD_AUTO_DEFINE(vd_file, vd_file_done)
/* create + write + publish. */
VD_MUST_USE vd_err vd_file_save(const char *path, unsigned mode, vd_slice bytes, vd_why *why);
/* Whole file into `into` (limit of the buffer holds). */
VD_MUST_USE vd_err vd_file_load(const char *path, vd_buf *into, vd_why *why);
/* Syncs the folder that holds `path`: what was renamed, linked or removed there stays so. */
VD_MUST_USE vd_err vd_dir_sync_of(const char *path, vd_why *why);
/* mkdir -p; an existing folder is fine. */
VD_MUST_USE vd_err vd_dir_make(const char *path, unsigned mode, vd_why *why);
/* Free bytes on the file system that holds path; 0 when unknown. */
uint64_t vd_disk_free_bytes(const char *path);
#endif
