/* limits.h - every limit on what comes from outside, with its reason. */
#ifndef VD_LIMITS_H
#define VD_LIMITS_H

#define VD_LIMIT_MESSAGE_BYTES 262144u /* one device message: the IoT Hub figure */
#define VD_LIMIT_MQTT_PACKET_BYTES                                                                 \
    270336u /* a message and its topic; larger packets close the connection */
#define VD_LIMIT_TOPIC_BYTES        4096u  /* topic with property bag */
#define VD_LIMIT_PROPERTIES         64u    /* in one bag */
#define VD_LIMIT_TWIN_SECTION_BYTES 32768u /* desired, reported: the IoT Hub figure */
#define VD_LIMIT_TAGS_BYTES         8192u
#define VD_LIMIT_TWIN_DEPTH         10u
#define VD_LIMIT_JSON_DEPTH         32u        /* no schema of ours is deeper than 12 */
#define VD_LIMIT_REQUEST_BYTES      1048576u   /* a JSON request body */
#define VD_LIMIT_EVIDENCE_BYTES     268435456u /* one evidence file: a minute of 4K H.264 */
#define VD_LIMIT_EVIDENCE_CHUNK     4194304u /* one PATCH of an upload: bounds memory per request */
#define VD_LIMIT_NOTE_BYTES         4000u    /* a person's note */
#define VD_LIMIT_NAME_BYTES         128u     /* device ids, rule ids: the IoT Hub figure */
#define VD_LIMIT_PAGE_ROWS          200u     /* rows in one answer of a list */
#define VD_LIMIT_MODEL_BYTES        1073741824u /* one model file */
#endif
