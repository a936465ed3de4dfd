"""peer_opencv.py PICTURES - the same as g7_tensor with OpenCV: cvtColor to RGB, then blobFromImage, in one thread."""
import json
import sys
import time

import cv2
import numpy

WIDTH, HEIGHT, SIDE = 1920, 1080, 512
pictures = int(sys.argv[1])
cv2.setNumThreads(1)
luma = numpy.arange(WIDTH * HEIGHT, dtype=numpy.int64)
yuv = numpy.concatenate([(luma * 7 + luma // WIDTH * 13) % 256, 96 + numpy.arange(WIDTH * HEIGHT // 2) % 64]).astype(numpy.uint8)
yuv = yuv.reshape(HEIGHT * 3 // 2, WIDTH)
start = time.monotonic()
for _ in range(pictures):
    rgb = cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB_I420)
    blob = cv2.dnn.blobFromImage(rgb, 0.0173, (SIDE, SIDE), (123.7, 116.3, 103.5), swapRB=False, crop=False)
print(json.dumps({"ms": (time.monotonic() - start) * 1e3 / pictures, "first": float(blob[0, 0, 0, 0])}))
