/* clip_priv.h - packets become one MP4 file, as they are: no decoding, no encoding.
 *
 * The file is written aside and is whole after clip_close, which also moves the index to the front:
 * browsers then play it at once and seek in it by Range requests, which they do not do well in a
 * fragmented file without an index. Annex B streams are stored as avcC/hvcC. Times start at 0. One
 * thread at a time; blocks on the disk. */
#ifndef VD_CLIP_PRIV_H
#define VD_CLIP_PRIV_H
#include "ring_priv.h"

typedef struct clip clip;
/* `first` is the key frame the clip begins with: parameter sets are taken from it when the stream
 * has none. It is not written yet. */
VD_MUST_USE vd_err clip_open(const char *path, const event_packet *first, clip **ret_clip,
                             vd_why *why);
VD_MUST_USE vd_err clip_write(clip *clip, const event_packet *packet, vd_why *why);
/* Finishes the file; frees the clip also on failure, and then removes the file. */
VD_MUST_USE vd_err clip_close(clip *clip, vd_why *why);
/* Removes the file. Returns NULL. */
clip *clip_drop(clip *clip);
#endif
