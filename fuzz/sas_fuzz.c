/* SAS tokens, connection strings, hosts with a port. */
#include "fuzz.h"
#include "vd/iothub.h"

static void token(vd_slice text)
{
    vd_sas sas;
    if (!vd_sas_parse(text, &sas)) return;
    fuzz_holds(strlen(sas.resource) < sizeof(sas.resource));
    fuzz_holds(strlen(sas.policy) < sizeof(sas.policy));
    /* no mutation signs itself */
    fuzz_holds(!vd_sas_signed_by(&sas, VD_STR("bm90IHRoZSBrZXkgb2YgYW55Ym9keQ==")));
    (void)vd_sas_is_for_device(&sas, VD_STR("gate-2"));
}

static void make_token(vd_slice text)
{
    VD_AUTO(vd_buf) made = VD_BUF(4096);
    char resource[300];
    vd_slice key = VD_STR("c2VjcmV0");
    vd_sas sas;
    vd_slice_to_chars(text, resource, sizeof(resource));
    if (vd_sas_make(resource, key, NULL, 1700000000, &made)) return;
    if (!vd_sas_parse(vd_buf_slice(&made), &sas)) return; /* a resource that is no text */
    fuzz_holds(vd_sas_signed_by(&sas, key));
    fuzz_holds(strcmp(sas.resource, resource) == 0);
}

static void connection_string(vd_slice text)
{
    VD_AUTO(vd_buf) written = VD_BUF(4096);
    vd_connection_string string, again;
    vd_why why;
    if (vd_connection_string_parse(text, &string, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return;
    }
    if (!vd_connection_string_write(&string, &written)) return;
    fuzz_holds(vd_connection_string_parse(vd_buf_slice(&written), &again, &why) == VD_OK);
    fuzz_holds(strcmp(string.host, again.host) == 0 && strcmp(string.key, again.key) == 0 &&
               strcmp(string.device, again.device) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_slice text = vd_slice_of(data, len);
    char host[64];
    uint16_t port = 8883;
    token(text);
    make_token(text);
    connection_string(text);
    if (vd_host_port(text, host, sizeof(host), &port)) fuzz_holds(strlen(host) < sizeof(host));
    return 0;
}
