/* A chain of steps before a model: what is read can be printed, the print reads as the same, and
 * the chain can be run; a place in what comes out leads to a place in the picture. */
#include <math.h>

#include "fuzz.h"
#include "prepare.h"

enum { W = 48, H = 32 };

static vd_picture small_picture(void)
{
    static uint8_t plane[W * H];
    vd_picture p = { .width_px = W, .height_px = H };
    for (unsigned i = 0; i < sizeof plane; i++) plane[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < 3; i++) p.plane[i] = plane, p.stride[i] = i ? W / 2 : W;
    return p;
}

static void run(const vd_chain *chain)
{
    static vd_preparer *preparer;
    const vd_picture picture = small_picture();
    vd_part_px tiles[VD_TILES_MAX + 1];
    vd_prepared made;
    unsigned count = 0;
    vd_why why = { 0 };
    if (!preparer && vd_preparer_new(&preparer)) return;
    if (vd_preparer_run(preparer, chain, &picture, NULL, NULL, &made, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return;
    }
    const vd_part_px *part = &made.part;
    fuzz_holds(part->width > 0 && part->height > 0 && part->left >= 0 && part->top >= 0);
    fuzz_holds(part->left + part->width <= made.picture.width_px);
    fuzz_holds(part->top + part->height <= made.picture.height_px);
    double x = 0.5, y = 0.5;
    vd_prepared_back(&made, &x, &y);
    fuzz_holds(!isnan(x) && !isnan(y));
    if (!chain->tiles.width_px || vd_chain_tiles(&chain->tiles, part, tiles, &count, &why)) return;
    fuzz_holds(count >= 1 && count <= VD_TILES_MAX + 1);
    for (unsigned i = 0; i < count; i++)
        fuzz_holds(tiles[i].left >= part->left && tiles[i].top >= part->top &&
                   tiles[i].left + tiles[i].width <= part->left + part->width &&
                   tiles[i].top + tiles[i].height <= part->top + part->height);
}

static void read_as(vd_slice bytes, vd_chain_owner owner)
{
    VD_AUTO(vd_buf) once = VD_BUF(1 << 16);
    VD_AUTO(vd_buf) twice = VD_BUF(1 << 16);
    vd_chain chain, again;
    vd_why why = { 0 };
    if (vd_chain_parse(bytes, "fuzz", owner, &chain, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return;
    }
    fuzz_holds(vd_chain_print(&chain, &once));
    fuzz_holds(vd_chain_parse(vd_buf_slice(&once), "fuzz", owner, &again, &why) == VD_OK);
    fuzz_holds(vd_chain_print(&again, &twice));
    fuzz_holds(vd_slice_eq(vd_buf_slice(&once), vd_buf_slice(&twice)));
    run(&chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    read_as(vd_slice_of(data, len), VD_CHAIN_OF_MODEL);
    read_as(vd_slice_of(data, len), VD_CHAIN_OF_CAMERA);
    return 0;
}
