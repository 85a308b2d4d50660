/* SPDX-License-Identifier: MIT */
#ifndef IOTHUB_COMMON_H
#define IOTHUB_COMMON_H

/*
 * What the three client libraries have in common: <iothub/device.h>, <iothub/service.h> and
 * <iothub/messaging.h>. Each links by itself; all work from C11 and from C++.
 *
 * A function that can fail returns an enum iothub_result and says why in a struct iothub_error,
 * which may be NULL. What a function hands over through a `ret_` parameter is written only when it
 * returns IOTHUB_OK.
 *
 * The certificate of the other side is always verified, against the system's authorities and those
 * in the PEM file that the environment variable IOTHUB_CA_FILE names.
 */
#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define IOTHUB_API        __attribute__((visibility("default")))
#define IOTHUB_MUST_CHECK __attribute__((warn_unused_result))
#else
#define IOTHUB_API
#define IOTHUB_MUST_CHECK
#endif

enum iothub_result {
    IOTHUB_OK = 0,
    IOTHUB_INVALID,     /* the caller's own input; nothing was sent */
    IOTHUB_REFUSED,     /* the hub said no: error.http_status and error.code tell what it minded */
    IOTHUB_UNAVAILABLE, /* not reached, no answer in time, or busy: trying later may help */
    IOTHUB_UNTRUSTED,   /* the other side's certificate is not to be believed */
    IOTHUB_NO_MEMORY,
};

#define IOTHUB_CODE_SIZE 96  /* bytes, with the NUL */
#define IOTHUB_TEXT_SIZE 512 /* likewise */

/* Filled whenever a call does not return IOTHUB_OK. */
struct iothub_error {
    enum iothub_result result;
    long http_status; /* 404 ..., also where the protocol is not HTTP and the hub's answer
                         has an equal; 0: there is none */
    char code[IOTHUB_CODE_SIZE]; /* the hub's own name for it: "DeviceNotFound",
                                    "amqp:unauthorized-access"; "" when it gave none */
    char text[IOTHUB_TEXT_SIZE]; /* all of it in plain words, UTF-8: lower case, no full stop */
};

#ifdef __cplusplus
}
#endif

#endif
