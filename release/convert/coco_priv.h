/* coco_priv.h - the 80 classes of COCO in the order in which detectors number them, from 0. */
#ifndef VD_COCO_PRIV_H
#define VD_COCO_PRIV_H
#define COCO_CLASSES 80
extern const char *const coco_class[COCO_CLASSES];
#endif
