/* file_priv.h - what file.c lends to its neighbours in base. */
#ifndef VD_FILE_PRIV_H
#define VD_FILE_PRIV_H
#include "vd/error.h"

/* Syncs the folder that holds `path`, so that a rename in it survives a power cut. */
VD_MUST_USE vd_err vd_dir_sync_of(const char *path, vd_why *why);
/* Writes all of it, whatever the system takes at once. -1 with errno otherwise. */
VD_MUST_USE int vd_write_all(int fd, vd_slice bytes);
#endif
