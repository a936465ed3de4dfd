/* child_gate_priv.h - is anything moving? Told from numbers alone: how large packets are, and how
 * light the parts of key pictures are. Pure: no clock, no I/O, no allocation; times are media
 * times.
 *
 * While the gate says "asleep" only key pictures need decoding. Its two senses:
 *
 *   Sizes. A picture that is predicted from others costs the encoder bits where the prediction
 *   fails: noise, always, and whatever moved. What is usual is learned for each place in the group
 *   of pictures (the first after a key picture, the second, ...), as pictures there are made alike:
 *   the median of the logarithm of the last GATE_HISTORY sizes in that place. How far sizes stray
 *   from it is the median absolute deviation over the last GATE_STRAYS packets (times 1.4826: that
 *   of a normal spread). Medians do not follow single loud packets. How many deviations a packet
 *   is above usual goes into a one-sided cumulative sum (E. S. Page, "Continuous inspection
 *   schemes", Biometrika 41, 1954), which rises with many slightly larger packets as with a few
 *   much larger ones, and says since when. A second sum watches for sizes below usual: then what
 *   was learned is out of date, and the gate does not fall asleep on it.
 *
 *   How small a thing sizes can tell follows from the same numbers. Where it is more than GATE_DULL
 *   of the picture (much grain, a camera that holds its rate), the gate does not sleep.
 *
 *   Light. A key picture as up to GATE_CELLS mean values is compared with the key picture before
 * it, less the middle difference of all cells (a cloud, the camera's exposure). A cell moved when
 * it differs by more than its own usual difference allows: leaves, water and a clock in the picture
 *   become usual.
 *
 * Both go on learning while asleep, and while awake unless somebody wants the gate awake (tracks
 * are seen): a person who stays must not become usual, but rain may. */
#ifndef VD_CAMERA_CHILD_GATE_PRIV_H
#define VD_CAMERA_CHILD_GATE_PRIV_H
#include <stdbool.h>
#include <stdint.h>

#define GATE_HISTORY   8
#define GATE_PLACES    256 /* in a group; those behind share the last */
#define GATE_STRAYS    128
#define GATE_ACROSS    64
#define GATE_DOWN      36
#define GATE_CELLS     (GATE_ACROSS * GATE_DOWN)
#define GATE_GROUPS    4       /* groups to learn from before the first sleep */
#define GATE_LEARN_US  8000000 /* and at least this long */
#define GATE_QUIET_US  3000000 /* nothing moved for this long: asleep */
#define GATE_GROUP_US  8000000 /* longer groups cannot be decoded late: always awake */
#define GATE_DULL      0.02f   /* sizes that tell only more than this share of a picture: awake */
#define GATE_SHARP     0.005f  /* sizes that tell of less than this share are trusted longer */
#define GATE_LOOK_US   1900000 /* asleep and calm: key pictures are looked at this far apart */
#define GATE_LIGHT_ONE 16      /* a cell's value for one step of grey */

typedef struct {
    float size[GATE_PLACES][GATE_HISTORY]; /* logarithms */
    uint8_t known[GATE_PLACES], next[GATE_PLACES];
    float stray[GATE_STRAYS];
    unsigned stray_count, stray_next;
    float louder, softer; /* the two sums */
    int64_t louder_since_us;
    uint32_t key_bytes;
    uint64_t group_bytes; /* of those behind the key packet */
    float dull;           /* the share of the picture that sizes alone cannot tell */

    unsigned place, groups; /* groups: whole ones learned from so far */
    int64_t first_us, key_us, moved_us, wanted_us;
    int64_t light_us; /* the key packet whose light is known */
    float loudest;    /* of `louder` since then */
    bool started, long_groups, group_learned;

    uint16_t light[GATE_CELLS], flicker[GATE_CELLS]; /* flicker: usual difference */
    unsigned cells;                                  /* of the key picture before; 0: none yet */
    bool awake;
} gate;

typedef struct {
    bool awake;
    int64_t from_us; /* awake: what moves began after this; decode from the key packet before it */
} gate_word;

void gate_init(gate *g);
/* One packet, in decoding order. The gate falls asleep at key packets only. */
gate_word gate_packet(gate *g, bool key, uint32_t bytes, int64_t at_us);
/* Whether the last key packet is worth decoding for gate_light while asleep. Nearly all that an
 * idle camera costs is its key pictures: where sizes tell of small things and were calm since the
 * last one that was looked at, one in GATE_LOOK_US is enough. */
bool gate_wants_light(const gate *g);
/* The picture of the last key packet: mean luma of each cell, times GATE_LIGHT_ONE. While asleep
 * from_us is then the key packet that was looked at before it. */
gate_word gate_light(gate *g, const uint16_t *cells, unsigned count);
/* Awake until this media time at least; from the last key packet when it was asleep. */
gate_word gate_want(gate *g, int64_t until_us);
#endif
