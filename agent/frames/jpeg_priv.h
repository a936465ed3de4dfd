/* jpeg_priv.h - libjpeg's errors become ours. It reports by calling error_exit, which must not
 * return: we jump back to where the call began. */
#ifndef VD_JPEG_PRIV_H
#define VD_JPEG_PRIV_H
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h> /* needs the headers above */

typedef struct {
    struct jpeg_error_mgr manager; /* first: libjpeg hands this back */
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
} jpeg_trap;

/* Sets up `trap` so that errors land at its setjmp(trap->back). */
struct jpeg_error_mgr *jpeg_trap_init(jpeg_trap *trap);
#endif
