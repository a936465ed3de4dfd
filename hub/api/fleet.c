/* fleet.c - every device, and what about it is not as it should be. */
#include "api_priv.h"

vd_err get_fleet(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_err err = vd_fleet_write(r->api->parts.intake, r->api->parts.readers, &w, why);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}
