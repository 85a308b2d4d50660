/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * One line per event on stderr: time, level, where, what, then key=value. Used by endpoints, hub
 * and main only; libraries return. Keys, signatures and payloads never appear (payloads at debug
 * only). Primary messages are lower case, no full stop, and say the reason.
 *
 *   LOG_INFO("mqtt", "conn=7 device=d1 refused: token expired 40 s ago; sign a new one");
 */
#include "base/attr.h"
#include "base/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

bool log_level_from_text(struct str text, enum log_level *ret_level); /* "error" ... "debug" */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* Control characters in the text (a peer may have sent them) are written as \xNN. */
void log_write(enum log_level level, const char *where, const char *format, ...) PRINTF_LIKE(3, 4);

#define LOG_AT(level, ...) (log_enabled(level) ? log_write((level), __VA_ARGS__) : (void)0)
#define LOG_ERROR(...)     LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_WARN(...)      LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_INFO(...)      LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_DEBUG(...)     LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
