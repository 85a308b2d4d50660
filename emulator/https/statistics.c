/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "https/https_internal.h"

static bool read_counts(struct https_request *request, struct storage_counts *ret_counts)
{
    const enum hub_code code = hub_counts(request->hub, ret_counts);
    if (code != HUB_OK) {
        https_answer_error(request, code, NULL);
    }
    return code == HUB_OK;
}

void https_statistics_devices(struct https_request *request)
{
    struct storage_counts counts;
    if (read_counts(request, &counts)) {
        buf_append_format(https_answer_body(request),
                          "{\"totalDeviceCount\":%" PRIu64 ",\"enabledDeviceCount\":%" PRIu64
                          ",\"disabledDeviceCount\":%" PRIu64 "}",
                          counts.devices, counts.enabled, counts.devices - counts.enabled);
        https_answer_json(request, 200);
    }
}

void https_statistics_service(struct https_request *request)
{
    struct storage_counts counts;
    if (read_counts(request, &counts)) {
        buf_append_format(https_answer_body(request), "{\"connectedDeviceCount\":%" PRIu64 "}",
                          counts.connected);
        https_answer_json(request, 200);
    }
}
