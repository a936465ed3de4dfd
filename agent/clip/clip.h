/* clip.h - packets become one MP4 file, as they are: no decoding, no encoding.
 *
 * The file is written aside and is whole after vd_clip_close, which also moves the index to the
 * front: browsers then play it at once and seek in it by Range requests, which they do not do well
 * in a fragmented file without an index. Annex B streams are stored as avcC/hvcC. Times start at 0.
 * One thread at a time; blocks on the disk. */
#ifndef VD_CLIP_H
#define VD_CLIP_H
#include "camera.h"

typedef struct vd_clip vd_clip;
/* `first` is the key frame the clip begins with: parameter sets are taken from it when the stream
 * has none. It is not written yet. VD_INVALID: an MP4 cannot hold such a stream. */
VD_MUST_USE vd_err vd_clip_open(const char *path, const vd_packet *first, vd_clip **ret_clip,
                                vd_why *why);
/* Packets of the stream that `first` had, in decoding order. */
VD_MUST_USE vd_err vd_clip_write(vd_clip *clip, const vd_packet *packet, vd_why *why);
/* Finishes the file; frees the clip also on failure, and then removes the file. */
VD_MUST_USE vd_err vd_clip_close(vd_clip *clip, vd_why *why);
/* Removes the file. Returns NULL. */
vd_clip *vd_clip_drop(vd_clip *clip);
#endif
