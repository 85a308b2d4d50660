/* SPDX-License-Identifier: MIT */
#include "hub/codes.h"

const char *hub_code_name(enum hub_code code)
{
    switch (code) {
#define NAME_CASE(number, name, text)                                                              \
    case HUB_##name:                                                                               \
        return text;
        HUB_CODES(NAME_CASE)
#undef NAME_CASE
    case HUB_OK:
        break;
    }
    return "OK";
}
