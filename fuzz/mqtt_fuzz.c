/* A connection's bytes: packets come out whole or the connection closes, however the bytes were
 * cut; what is read can be written, and reads as the same. */
#include "fuzz.h"
#include "vd/mqtt.h"

enum { LIMIT = 4096, PACKETS_MAX = 64 };

static void write_again(const vd_mqtt_packet *packet)
{
    VD_AUTO(vd_buf) first = VD_BUF(2 * LIMIT);
    VD_AUTO(vd_buf) second = VD_BUF(2 * LIMIT);
    vd_mqtt_packet again;
    vd_why why;
    if (!vd_mqtt_write(packet, &first)) return;
    vd_mqtt_reader reader = vd_mqtt_reader_new(2 * LIMIT);
    fuzz_holds(vd_mqtt_reader_add(&reader, vd_buf_slice(&first)) == VD_OK);
    fuzz_holds(vd_mqtt_reader_next(&reader, &again, &why) == VD_OK);
    fuzz_holds(again.type == packet->type && again.id == packet->id);
    fuzz_holds(vd_mqtt_write(&again, &second));
    fuzz_holds(vd_slice_eq(vd_buf_slice(&first), vd_buf_slice(&second)));
    vd_mqtt_reader_done(&reader);
}

/* Reads all of it in pieces of `step` bytes; returns how it ended and counts the packets. */
static vd_err read_in_steps(vd_slice bytes, size_t step, unsigned *ret_packets)
{
    vd_mqtt_reader reader = vd_mqtt_reader_new(LIMIT);
    vd_mqtt_packet packet;
    vd_why why;
    vd_err err = VD_RETRY;
    *ret_packets = 0;
    while (err == VD_RETRY && bytes.len > 0) {
        vd_slice piece = vd_slice_of(bytes.data, bytes.len < step ? bytes.len : step);
        bytes = vd_slice_from(bytes, piece.len);
        fuzz_holds(vd_mqtt_reader_add(&reader, piece) == VD_OK);
        while ((err = vd_mqtt_reader_next(&reader, &packet, &why)) == VD_OK) {
            write_again(&packet);
            ++*ret_packets;
        }
    }
    vd_mqtt_reader_done(&reader);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    unsigned whole, cut;
    vd_slice bytes = vd_slice_of(data, len < 32768 ? len : 32768);
    vd_err first = read_in_steps(bytes, 32768, &whole);
    vd_err second = read_in_steps(bytes, 7, &cut);
    fuzz_holds(first == second && whole == cut);
    return 0;
}
