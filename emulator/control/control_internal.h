/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_CONTROL_INTERNAL_H
#define CONTROL_CONTROL_INTERNAL_H

#include "base/list.h"
#include "control/control.h"

struct control {
    struct control_config config;
    struct http_server *server;
    bool ready;
    int64_t started_us;
    struct list polls; /* long polls of the journal that wait */
};

/* Answers with {"error": "<why>"}. */
void control_refuse(struct http_exchange *exchange, unsigned http_status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Appends a whole body and answers. */
void control_answer(struct http_exchange *exchange, unsigned http_status, const char *type);

/* The value of ?name=, decoded into the exchange's arena; data NULL: absent. */
struct str control_parameter(struct http_exchange *exchange, const char *name);

/* The hub that ?hub= names, the usual one when it names none; NULL: there is none, refused. */
struct hub *control_hub(struct control *control, struct http_exchange *exchange);

/* explain.c */
void control_explain(struct control *control, struct http_exchange *exchange);

/* metrics.c */
void control_metrics(struct control *control, struct http_exchange *exchange);

/* journal.c */
void control_journal(struct control *control, struct http_exchange *exchange);
void control_polls_end(struct control *control);

#endif
