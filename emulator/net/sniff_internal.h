/* SPDX-License-Identifier: MIT */
#ifndef NET_SNIFF_INTERNAL_H
#define NET_SNIFF_INTERNAL_H

/* Tells from its first bytes what somebody speaks who came to the wrong port. Pure. */
#include "base/str.h"

enum sniffed {
    SNIFFED_TLS,
    SNIFFED_HTTP,
    SNIFFED_MQTT,
    SNIFFED_AMQP,
    SNIFFED_SSH,
    SNIFFED_GARBAGE,
};

/* A TLS record is told by one byte, or by two; the others need up to sixteen. */
enum sniffed sniff(struct str first);

/* "a plain HTTP request": for a log line. */
const char *sniffed_text(enum sniffed what);

#endif
