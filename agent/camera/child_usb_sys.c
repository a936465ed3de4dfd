/* child_usb_sys.c - the kernel's side of a USB camera. */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "child_usb_priv.h"

int usb_control(int fd, unsigned long request, void *arg)
{
    int error;
    do error = ioctl(fd, request, arg);
    while (error < 0 && errno == EINTR);
    return error;
}

void *usb_map(int fd, size_t len, off_t offset)
{
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    if (at == MAP_FAILED) at = NULL;
    return at;
}

bool usb_ready(int fd, int timeout_ms)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    return poll(&ready, 1, timeout_ms) > 0;
}
