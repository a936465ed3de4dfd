/* camera_map.c - the shared pictures. We make the memory, so its size is ours and sealed: whatever
 * the child does, reading a slot that passed the checks cannot fault. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera_priv.h"

#define MAPS_OPEN 2 /* of one child: the current one and the one before, for late pictures */

static void map_drop_unused(camera_map *map)
{
    if (map->id == 0 || map->open || map->lent) return;
    munmap((void *)(uintptr_t)map->base, map->slot_bytes * WIRE_SLOTS);
    *map = (camera_map){ 0 };
}

static void close_older(vd_camera *camera)
{
    for (size_t i = 0; i < CAMERA_MAPS_MAX; i++) {
        camera_map *map = &camera->maps[i];
        if (map->id && map->id + MAPS_OPEN <= camera->next_map) {
            map->open = false;
            map_drop_unused(map);
        }
    }
}

static int memory_make(uint64_t bytes, const uint8_t **ret_base)
{
    const int fd = memfd_create("vedette-pictures", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -1;
    if (ftruncate(fd, (off_t)bytes) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        const void *base = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (base != MAP_FAILED) {
            *ret_base = base;
            return fd;
        }
    }
    close(fd);
    return -1;
}

static camera_map *entry_free(vd_camera *camera)
{
    for (size_t i = 0; i < CAMERA_MAPS_MAX; i++)
        if (camera->maps[i].id == 0) return &camera->maps[i];
    return NULL;
}

vd_err camera_map_make(vd_camera *camera, uint64_t slot_bytes, wire_map *ret_message, int *ret_fd,
                       vd_why *why)
{
    const uint8_t *base = NULL;
    if (slot_bytes == 0 || slot_bytes > WIRE_SLOT_MAX || slot_bytes % 4096)
        return vd_fail(why, VD_CORRUPT, "the camera's process asked for pictures of no real size");
    pthread_mutex_lock(&camera->lock);
    vd_err err = VD_OK;
    const uint32_t id = camera->next_map++;
    close_older(camera);
    camera_map *map = entry_free(camera);
    if (!map)
        err =
            vd_fail(why, VD_FULL, "pictures of %d earlier sizes are still in use", CAMERA_MAPS_MAX);
    if (!err && (*ret_fd = memory_make(slot_bytes * WIRE_SLOTS, &base)) < 0)
        err = vd_fail_errno(why, "no memory for the camera's pictures");
    if (!err) {
        *map = (camera_map){ .id = id, .base = base, .slot_bytes = slot_bytes, .open = true };
        *ret_message = (wire_map){ .head = WIRE_HEAD(WIRE_MAP, sizeof *ret_message),
                                   .map = id,
                                   .slots = WIRE_SLOTS,
                                   .slot_bytes = slot_bytes };
    }
    pthread_mutex_unlock(&camera->lock);
    return err;
}

static camera_map *map_find(vd_camera *camera, uint32_t id)
{
    for (size_t i = 0; id && i < CAMERA_MAPS_MAX; i++)
        if (camera->maps[i].id == id) return &camera->maps[i];
    return NULL;
}

static bool plane_fits(const wire_picture *message, int i, uint64_t slot_bytes)
{
    const int64_t width = i ? (message->width_px + 1) / 2 : message->width_px;
    const int64_t height = i ? (message->height_px + 1) / 2 : message->height_px;
    const int64_t stride = message->stride[i];
    if (stride < width || stride > 4 * WIRE_SIDE_MAX) return false;
    return (uint64_t)message->offset[i] + (uint64_t)(stride * (height - 1) + width) <= slot_bytes;
}

static bool picture_fits(const wire_picture *message, const camera_map *map)
{
    if (message->slot >= WIRE_SLOTS || message->width_px < 1 || message->height_px < 1 ||
        message->width_px > WIRE_SIDE_MAX || message->height_px > WIRE_SIDE_MAX ||
        message->time_source > VD_TIME_FILE)
        return false;
    for (int i = 0; i < 3; i++)
        if (!plane_fits(message, i, map->slot_bytes)) return false;
    return true;
}

vd_err camera_map_lend(vd_camera *camera, const wire_picture *message, vd_picture *ret_picture)
{
    pthread_mutex_lock(&camera->lock);
    camera_map *map = map_find(camera, message->map);
    const bool fine =
        map && map->open && picture_fits(message, map) && !(map->lent & (1u << message->slot));
    if (fine) {
        const uint8_t *slot = map->base + (uint64_t)message->slot * map->slot_bytes;
        map->lent |= 1u << message->slot;
        *ret_picture = (vd_picture){ .slot = message->slot,
                                     .map = map->id,
                                     .width_px = message->width_px,
                                     .height_px = message->height_px,
                                     .full_range = message->full_range != 0,
                                     .bt709 = message->bt709 != 0,
                                     .pts_us = message->pts_us,
                                     .utc_us = message->utc_us,
                                     .time_source = (vd_time_source)message->time_source,
                                     .camera_skew_ms = message->camera_skew_ms,
                                     .number = message->number };
        for (int i = 0; i < 3; i++) {
            ret_picture->plane[i] = slot + message->offset[i];
            ret_picture->stride[i] = message->stride[i];
        }
    }
    pthread_mutex_unlock(&camera->lock);
    return fine ? VD_OK : VD_CORRUPT;
}

void vd_camera_give_back(vd_camera *camera, const vd_picture *picture)
{
    if (camera->pair) camera = camera_pair_owner(camera, picture);
    const wire_give_back message = { .head = WIRE_HEAD(WIRE_GIVE_BACK, sizeof message),
                                     .map = picture->map,
                                     .slot = picture->slot };
    pthread_mutex_lock(&camera->lock);
    camera_map *map = map_find(camera, picture->map);
    if (map) {
        map->lent &= ~(1u << (picture->slot % WIRE_SLOTS));
        if (map->open && camera->fd >= 0) camera_send(camera->fd, &message.head, -1);
        map_drop_unused(map);
    }
    pthread_mutex_unlock(&camera->lock);
    if (camera->config.kind == VD_CAMERA_FOLDER) camera_wake(camera); /* the next still may go */
}

bool camera_maps_lent(vd_camera *camera)
{
    uint32_t lent = 0;
    pthread_mutex_lock(&camera->lock);
    for (size_t i = 0; i < CAMERA_MAPS_MAX; i++) lent |= camera->maps[i].lent;
    pthread_mutex_unlock(&camera->lock);
    return lent != 0;
}

void camera_maps_close(vd_camera *camera)
{
    pthread_mutex_lock(&camera->lock);
    for (size_t i = 0; i < CAMERA_MAPS_MAX; i++) {
        camera->maps[i].open = false;
        map_drop_unused(&camera->maps[i]);
    }
    pthread_mutex_unlock(&camera->lock);
}
