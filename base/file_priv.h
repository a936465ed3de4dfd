/* file_priv.h - what file.c lends to its neighbours in base. */
#ifndef VD_FILE_PRIV_H
#define VD_FILE_PRIV_H
#include "vd/file.h"

/* Writes all of it, whatever the system takes at once. -1 with errno otherwise. */
VD_MUST_USE int vd_write_all(int fd, vd_slice bytes);
#endif
