/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_JAVA_OPTIONS_H
#define CLIENTS_CLI_JAVA_OPTIONS_H

/*
 * JAVA_TOOL_OPTIONS, which every JVM reads: options with white space between them; quotation marks
 * of both kinds hold white space together, in the midst of an option too, and nothing escapes them
 * (JVM Tool Interface, "JAVA_TOOL_OPTIONS").
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define JAVA_OPTIONS_VARIABLE "JAVA_TOOL_OPTIONS"
#define JAVA_TRUST_STORE      "-Djavax.net.ssl.trustStore="
#define JAVA_TRUST_PASSWORD   "-Djavax.net.ssl.trustStorePassword="
#define JAVA_TRUST_TYPE       "-Djavax.net.ssl.trustStoreType="

/*
 * Appends what JAVA_TOOL_OPTIONS should be for a trust store of java_store.h at `path`: the options
 * of `before` that say nothing of a trust store, then ours.
 */
void java_options_append(struct buf *out, struct str before, struct str path);

/* Appends the value, unquoted, of the last option that begins with `name`; false: there is none. */
bool java_options_find(struct str options, struct str name, struct buf *out);

#endif
