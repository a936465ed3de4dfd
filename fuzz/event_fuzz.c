/* An event as JSON: what is read can be written, and the writing reads as the same event. */
#include "event.h"
#include "fuzz.h"

static void write_again(const vd_event *event)
{
    VD_AUTO(vd_buf) first = VD_BUF(4 * VD_EVENT_JSON_MAX);
    VD_AUTO(vd_buf) second = VD_BUF(4 * VD_EVENT_JSON_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
    vd_event again;
    vd_why why;
    if (vd_event_write(event, &first)) return;
    fuzz_holds(vd_json_parse(vd_buf_slice(&first), first.limit, 32, &root, &why) == VD_OK);
    if (vd_event_read(root, arena, &again, &why)) return; /* a number that rounding moved out */
    fuzz_holds(strcmp(again.id.text, event->id.text) == 0 && again.revision == event->revision);
    fuzz_holds(again.box_count == event->box_count);
    fuzz_holds(vd_event_write(&again, &second) == VD_OK);
    fuzz_holds(vd_slice_eq(vd_buf_slice(&first), vd_buf_slice(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
    vd_event event;
    vd_why why;
    if (vd_json_parse(vd_slice_of(data, len), VD_EVENT_JSON_MAX, 32, &root, &why)) return 0;
    if (vd_event_read(root, arena, &event, &why))
        fuzz_holds(why.fact[0] != '\0');
    else {
        fuzz_holds(event.box_count <= VD_EVENT_BOXES_MAX);
        fuzz_holds(event.evidence_count <= VD_EVENT_EVIDENCE_MAX);
        write_again(&event);
    }
    return 0;
}
