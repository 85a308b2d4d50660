/* SPDX-License-Identifier: MIT */
/* A filter is understood or refused with a place in it; what is understood means the same again
 * when it is written the way SDKs do. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "amqp/selector.h"
#include "fuzz.h"

static void write_again(const struct hub_start *start, char *out, size_t size)
{
    static const char *const names[] = {
        [HUB_START_LATEST] = "offset",
        [HUB_START_OFFSET] = "offset",
        [HUB_START_SEQUENCE] = "sequence-number",
        [HUB_START_TIME] = "enqueued-time",
    };
    if (start->at == HUB_START_LATEST) {
        (void)snprintf(out, size, "amqp.annotation.x-opt-offset > '@latest'");
        return;
    }
    (void)snprintf(out, size, "amqp.annotation.x-opt-%s %s '%" PRId64 "'", names[start->at],
                   start->inclusive ? ">=" : ">", start->value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hub_start start;
    struct problem problem = {.text = ""};
    if (amqp_selector_parse(str_of(data, size), &start, &problem) != STATUS_OK) {
        assert(problem.text[0] != '\0' && problem.offset <= size);
        return 0;
    }
    assert(start.at != HUB_START_FIRST);
    char text[128];
    write_again(&start, text, sizeof(text));
    struct hub_start again;
    const enum status status = amqp_selector_parse(str_from(text), &again, &problem);
    assert(status == STATUS_OK);
    assert(again.at == start.at && again.value == start.value &&
           again.inclusive == start.inclusive);
    return 0;
}
