/* Times and ids: what is read is written as a text that reads as the same. */
#include "fuzz.h"
#include "vd/clock.h"
#include "vd/ulid.h"

static void time_again(int64_t us)
{
    char text[VD_UTC_TEXT_ROOM];
    int64_t again;
    vd_utc_text(us, text);
    fuzz_holds(strlen(text) == VD_UTC_TEXT_ROOM - 1);
    fuzz_holds(vd_utc_parse(vd_slice_str(text), &again));
    /* an offset may lead out of the years 0000 to 9999, which the text cannot say */
    if (us >= -62167219200000000 && us < 253402300800000000) fuzz_holds(again == us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_slice text = vd_slice_of(data, len);
    int64_t us;
    vd_ulid id, again;
    if (vd_utc_parse(text, &us)) time_again(us);
    if (vd_ulid_parse(text, &id)) {
        fuzz_holds(vd_ulid_utc_ms(&id) >= 0);
        fuzz_holds(vd_ulid_parse(vd_slice_str(id.text), &again));
    }
    uint64_t value;
    if (vd_slice_u64(text, 1000, &value)) fuzz_holds(value <= 1000);
    return 0;
}
