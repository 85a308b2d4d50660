/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_SAS_EXPLAIN_H
#define CLIENTS_CLI_SAS_EXPLAIN_H

#include "clients/cli/cli.h"

/* `iothub sas --explain TOKEN`: what a token is for, until when, and whether a known key made it.
 */
MUST_CHECK enum cli_exit sas_explain(const struct cli_call *call, const char *token);

#endif
