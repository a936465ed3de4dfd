/* routes.c - every path of contract/openapi.yaml, who may ask it, and how large its body may be. */
#include "api_priv.h"

#define JSON VD_LIMIT_REQUEST_BYTES
#define V1   "/api/v1/"

const route api_routes[] = {
    { "GET", V1 "health", OPEN, 0, get_health },
    { "GET", V1 "session", VIEWER, 0, get_session },
    { "POST", V1 "session", OPEN, 8192, sign_in },
    { "DELETE", V1 "session", VIEWER, 0, sign_out },
    { "POST", V1 "session/password", VIEWER, 8192, change_password },
    { "GET", V1 "users", ADMINISTRATOR, 0, list_users },
    { "POST", V1 "users", ADMINISTRATOR, 8192, create_user },
    { "GET", V1 "incidents", VIEWER, 0, list_incidents },
    { "GET", V1 "incidents/{}", VIEWER, 0, get_incident },
    { "POST", V1 "incidents/{}/acknowledge", OPERATOR, JSON, acknowledge_incident },
    { "POST", V1 "incidents/{}/resolve", OPERATOR, JSON, resolve_incident },
    { "POST", V1 "incidents/{}/reopen", OPERATOR, JSON, reopen_incident },
    { "GET", V1 "evidence/{}", VIEWER, 0, get_evidence },
    { "GET", V1 "items", VIEWER, 0, list_items },
    { "GET", V1 "cameras", VIEWER, 0, list_cameras },
    { "GET", V1 "cameras/{}/{}", VIEWER, 0, get_camera },
    { "GET", V1 "cameras/{}/{}/picture", VIEWER, 0, get_picture },
    { "GET", V1 "devices", VIEWER, 0, list_devices },
    { "POST", V1 "devices", ADMINISTRATOR, JSON, create_device },
    { "GET", V1 "devices/{}", VIEWER, 0, get_device },
    { "PATCH", V1 "devices/{}", ADMINISTRATOR, JSON, update_device },
    { "DELETE", V1 "devices/{}", ADMINISTRATOR, 0, delete_device },
    { "GET", V1 "devices/{}/connection-string", ADMINISTRATOR, 0, device_connection_string },
    { "GET", V1 "connection-string", ADMINISTRATOR, 0, service_connection_string },
    { "GET", V1 "devices/{}/twin", VIEWER, 0, get_twin },
    { "PATCH", V1 "devices/{}/twin", ADMINISTRATOR, JSON, patch_twin },
    { "POST", V1 "devices/{}/methods/{}", ADMINISTRATOR, JSON, call_method },
    { "POST", V1 "devices/{}/messages", ADMINISTRATOR, JSON, send_message },
    { "GET", V1 "deliveries", VIEWER, 0, list_deliveries },
    { "GET", V1 "mailbox", VIEWER, 0, list_mailbox },
    { "GET", V1 "mailbox/{}", VIEWER, 0, get_mail },
    { "GET", V1 "stream", VIEWER, 0, get_stream },
    { "HEAD", "/device/v1/evidence/{}", BY_DEVICE, 0, evidence_status },
    { "PATCH", "/device/v1/evidence/{}", BY_DEVICE, VD_LIMIT_EVIDENCE_CHUNK, evidence_append },
    { "PUT", "/device/v1/preview/{}", BY_DEVICE, PREVIEW_BYTES_MAX, put_preview },
};
const size_t api_route_count = VD_COUNT_OF(api_routes);
