/* child_usb_priv.h - what child_usb.c asks of the kernel, and nothing else of it: a test child
 * links a scripted driver in place of child_usb_sys.c. */
#ifndef VD_CAMERA_CHILD_USB_PRIV_H
#define VD_CAMERA_CHILD_USB_PRIV_H
#include <linux/videodev2.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The requests that a camera needs; the sandbox lets no other through. */
#define USB_REQUESTS                                                                               \
    VIDIOC_QUERYCAP, VIDIOC_ENUM_FMT, VIDIOC_S_FMT, VIDIOC_S_PARM, VIDIOC_REQBUFS,                 \
        VIDIOC_QUERYBUF, VIDIOC_QBUF, VIDIOC_DQBUF, VIDIOC_STREAMON, VIDIOC_STREAMOFF

int usb_control(int fd, unsigned long request, void *arg); /* 0, or -1 with errno */
void *usb_map(int fd, size_t len, off_t offset);           /* NULL with errno */
bool usb_ready(int fd, int timeout_ms);                    /* there may be a picture, or an error */
#endif
