/* SPDX-License-Identifier: MIT */
#ifndef AMQP_AMQP_INTERNAL_H
#define AMQP_AMQP_INTERNAL_H

/*
 * What the files of amqp/ share. From the outside in:
 *
 *     net_conn -> amqp_conn (header, SASL, then Proton's engine) -> amqp_link, a row of the table
 *     of kinds -> amqp_client, the device or module that a connection acts for, with its hub_link
 *
 * A kind of link is one file with one or two struct amqp_link_kind, listed in kinds.c. It gets
 * whole messages as bytes and sends whole messages as bytes (message.h knows what is in them);
 * frames, credit, settling, tokens and the ends of connections are the core's.
 *
 * Everything runs to completion on one thread. What is sent or settled leaves after the tick's
 * commit.
 */
#include <proton/engine.h>

#include "amqp/address.h"
#include "amqp/frame.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/timers.h"
#include "hub/hub.h"
#include "net/net.h"

struct amqp_client;
struct amqp_conn;
struct amqp_grant;
struct amqp_link;
struct handle;

/* ---- what a kind of link is ---- */

enum amqp_direction {
    AMQP_FROM_PEER, /* the peer sends; the address is its target's */
    AMQP_TO_PEER,   /* the peer receives; the address is its source's */
};

enum amqp_right {
    AMQP_FREE,            /* anybody: $cbs; $management, whose requests are checked */
    AMQP_AS_DEVICE,       /* who may act for the address's {d} or {d}, {m}; gives link->client */
    AMQP_SERVICE_CONNECT, /* a policy with ServiceConnect, for the address */
    AMQP_READ_EVENTS,     /* the same, but a token for any address will do: Event Hubs clients sign
                           * for names of their own (service reference, 7.1) */
};

/* A whole message from the peer. Valid during the call. */
struct amqp_delivery {
    struct str message; /* its sections, encoded */
    uint32_t format;    /* AMQP_FORMAT_BATCH (message.h): each data section is a message */
    struct str tag;
    bool settled; /* the sender waits for no outcome */
};

enum amqp_outcome { AMQP_ACCEPTED, AMQP_REJECTED, AMQP_RELEASED, AMQP_MODIFIED };

/* What the peer decided of a message that was sent to it unsettled. */
struct amqp_disposition {
    struct str tag;
    enum amqp_outcome outcome; /* settled without one: AMQP_RELEASED */
    bool failed;               /* AMQP_MODIFIED: delivery-failed */
    bool undeliverable;        /* AMQP_MODIFIED: undeliverable-here */
    bool gone;                 /* the link is over: it is AMQP_RELEASED, and no answer is read */
};

/*
 * One row of the table. Calls that are NULL have nothing to do. Where a call gives a code, HUB_OK
 * is yes; anything else is told to the peer as a condition (conditions.h) with the problem's words,
 * and noted in log and journal by the core.
 */
struct amqp_link_kind {
    const char *name;    /* "telemetry", for logs */
    const char *pattern; /* "devices/{d}/messages/events": amqp_address_match() */
    enum amqp_direction direction;
    enum amqp_right right;
    size_t state_size;          /* of link->state, zeroed for attach() and freed after detached() */
    int credit;                 /* AMQP_FROM_PEER: what the sender is kept supplied with */
    size_t message_size_max;    /* AMQP_FROM_PEER: encoded; AMQP_MESSAGE_SIZE_MAX at most */
    uint64_t max_message_shown; /* max-message-size of the attach; 0: none is named */

    /* The peer attached and may. A code refuses it: detached() will not come. May call
     * amqp_link_detach(), which then follows a good attach (redirects). */
    enum hub_code (*attach)(struct amqp_link *link, struct problem *problem);
    /* AMQP_FROM_PEER: a message; accepted, or rejected for the reason given. */
    enum hub_code (*delivery)(struct amqp_link *link, const struct amqp_delivery *delivery,
                              struct problem *problem);
    /* AMQP_TO_PEER: there is credit and room (again): send what waits. */
    void (*resume)(struct amqp_link *link);
    /* AMQP_TO_PEER: the peer settled; a code is told to it as its rejection. */
    enum hub_code (*disposition)(struct amqp_link *link, const struct amqp_disposition *disposition,
                                 struct problem *problem);
    /* The link is over, for whatever reason. What was unsettled came as `gone` before. */
    void (*detached)(struct amqp_link *link);

    /* What the hub has for the client; links say with amqp_link_interests() what they want. */
    void (*desired)(struct amqp_link *link, uint64_t version, struct str patch);
    bool (*method)(struct amqp_link *link, uint64_t request_id, struct str name,
                   struct str payload);
    void (*c2d)(struct amqp_link *link); /* something waits */
};

/* kinds.c: every kind there is; NULL at the end. */
extern const struct amqp_link_kind *const amqp_link_kinds[];

/* ---- links ---- */

/* The message that comes in. */
struct amqp_incoming_delivery {
    uint32_t id, format;
    bool under_way; /* its last frame has not come */
    bool refused;   /* before that */
    bool settled;
    uint8_t tag_size;
    char tag[32]; /* the standard's most, 2.8.7 */
};

struct amqp_link {
    const struct amqp_link_kind *kind;
    struct amqp_conn *conn;
    pn_link_t *engine; /* Proton's; for attach properties and filters */
    struct amqp_address address;
    struct amqp_client *client; /* AMQP_AS_DEVICE; NULL otherwise */
    void *state;                /* the kind's own */

    /* the core's */
    struct amqp_grant *grant; /* what it is attached by; NULL: AMQP_FREE */
    struct list conn_link, client_link, grant_link;
    unsigned interests;
    bool ending; /* what it gives back must not come to it again */
    uint64_t tag_last;
    bool over;             /* it waits to be freed; its engine is somebody else's */
    int credit;            /* AMQP_FROM_PEER: what the peer has left */
    struct handle *handle; /* incoming.c's; NULL: over */
    struct buf partial;    /* of the message that is still coming in */
    struct amqp_incoming_delivery delivery;
    struct list waiting; /* for credit: outgoing.c */
    size_t waiting_count, waiting_size;
};

struct hub *amqp_link_hub(const struct amqp_link *link);
struct str amqp_link_name(const struct amqp_link *link);

/* An attach property that is a string or a symbol ("com.microsoft:model-id"); false: there is
 * none. *ret_value points into the engine and lasts as long as the link. */
bool amqp_link_property(const struct amqp_link *link, const char *name, struct str *ret_value);
/* One that is a whole number of any type ("com.microsoft:epoch"). */
bool amqp_link_property_long(const struct amqp_link *link, const char *name, int64_t *ret_value);

/* The newest link of another kind for the same device (or for none), in the same session if there
 * is one there, else on the same connection; NULL: none. For pairs: requests and responses. */
struct amqp_link *amqp_link_other(const struct amqp_link *link, const struct amqp_link_kind *other);

/* How many messages may be sent now: the peer's credit, or 0 while the connection has more to send
 * than it should; then resume() comes when it has less. Answers need not ask. */
size_t amqp_link_credit(const struct amqp_link *link);

/* The peer wants everything settled as it is sent: no disposition() will come. */
bool amqp_link_presettled(const struct amqp_link *link);

struct amqp_outgoing {
    struct str message; /* its sections, encoded */
    struct str tag;     /* empty: a number of the link's own */
    bool settled;       /* wished for; the peer's settle mode decides */
};
/* Sends, or queues until there is credit (answers). A peer that lets too much of that wait loses
 * the link. The bytes are copied. */
void amqp_link_send(struct amqp_link *link, const struct amqp_outgoing *outgoing);

/* What this link wants of the hub, of enum hub_interest; those of a client's links add up. */
void amqp_link_interests(struct amqp_link *link, unsigned interests);

struct amqp_error {
    const char *condition;                   /* "amqp:link:stolen" */
    const char *description;                 /* plain words */
    void (*info)(void *ctx, pn_data_t *map); /* puts keys and values into the map; NULL: none */
    void *ctx;
};
/* Ends the link: detach with closed and the error (NULL: none). detached() comes before it returns;
 * the link is freed when the core is next in charge, so the caller may go on to its own return. */
void amqp_link_detach(struct amqp_link *link, const struct amqp_error *error);
/* The same with the condition and words of a code; noted in log and journal. */
void amqp_link_refuse(struct amqp_link *link, enum hub_code code, const char *why);

/* ---- who the connection acts for ---- */

struct amqp_client {
    struct amqp_conn *conn;
    struct identity_key key; /* in the client's own block */
    struct hub_principal principal;
    struct hub_link *hub_link; /* NULL: the hub has ended it, and the client with it */

    /* the core's */
    struct list links; /* amqp_link.client_link */
    struct str name;   /* "device/module", its key in conn->clients; in its own block */
    unsigned interests;
};

/* ---- one for all connections ---- */

struct amqp_endpoint {
    struct net *net;
    struct hubs *hubs;
    pn_collector_t *collector; /* of all engines; emptied before anybody else is served */
    struct net_tick_end tick_end;
    struct list dirty;       /* amqp_conn.dirty_link: something happened on them */
    struct list ended;       /* links whose memory waits: amqp_link.conn_link */
    struct timers timers;    /* the wire's waits, on the machine's monotonic clock */
    int64_t (*now_us)(void); /* that clock; tests have one of their own */
    struct net_alarm *alarm;
    int64_t alarm_at_us; /* INT64_MAX: it is not set */

    struct buf incoming; /* the message being handled */
    struct buf text;     /* the description being written */
    /* For the kinds, each in turn and for one call. */
    struct buf message; /* the message being written */
    struct buf body;    /* the body in it */
    struct arena arena; /* reset after each event */
};

static inline struct amqp_endpoint *amqp_link_endpoint(const struct amqp_link *link);

/* ---- one connection ---- */

enum amqp_conn_state {
    AMQP_HEADER, /* the first protocol header is awaited */
    AMQP_SASL,   /* sasl-init is */
    AMQP_AFTER_SASL,
    AMQP_ENGINE, /* frames go to Proton */
    AMQP_ENDING, /* nothing is read any more */
};

struct amqp_conn {
    struct amqp_endpoint *endpoint;
    struct net_conn *net;
    struct hub *hub; /* the one named in open; before it the one dialled; NULL: none */
    enum amqp_conn_state state;
    bool open_came;  /* the frame */
    bool opened;     /* open was answered */
    bool had_grant;  /* somebody proved who he is */
    bool closing;    /* our close is on its way */
    bool net_closed; /* net has told of the end: it is not to be asked for it */
    bool paused;     /* nothing is read until the peer has read */
    bool starved;    /* a link was refused credit because of what waits to be read */
    bool by_plain;   /* the token came in SASL: it ends with the connection */
    pn_transport_t *transport;
    pn_connection_t *engine;
    size_t peer_frame_size_max; /* of frames to it; 0: its open has not come */
    bool session_ended;         /* by the peer, the last one that was */
    uint16_t channel_ended;
    struct frame frame;     /* the one the engine has been given alone; zeroed: none */
    struct list dirty_link; /* in endpoint->dirty */
    struct list links;      /* amqp_link.conn_link, oldest first */
    size_t link_count;
    size_t links_ended; /* Proton's links without one of ours */
    size_t session_count;
    size_t partial_size;                /* of messages that have not come whole */
    struct map clients;                 /* struct amqp_client by name */
    struct map grants;                  /* struct amqp_grant by name */
    struct list channels, channels_due; /* incoming.c's */
    struct map handles;
    bool heard;        /* a transfer, since then */
    int64_t heard_ms;  /* when the engine was last told that the peer is there */
    struct timer wait; /* for open, for a token, for the last bytes to leave */
    struct timer heartbeat;
    char why[PROBLEM_TEXT_SIZE]; /* it is being closed; empty: it is not */
};

static inline struct amqp_endpoint *amqp_link_endpoint(const struct amqp_link *link)
{
    return link->conn->endpoint;
}

/* The key of refusals that come before anybody is known. */
static const struct identity_key amqp_nobody = {.device = {"", 0}, .module = {"", 0}};

/* ---- endpoint.c ---- */

/* Something happened: what the engine has to say leaves at the end of the tick. */
void amqp_conn_touch(struct amqp_conn *conn);
/* Starts or restarts a timer on real time. */
void amqp_timer_start(struct amqp_endpoint *endpoint, struct timer *timer, uint64_t in_ms);
/* Notes the refusal in journal and log. */
void amqp_conn_note_refused(struct amqp_conn *conn, struct identity_key key, enum hub_code code,
                            const char *why);
/* Closes without AMQP's words, once what is queued has left. */
void amqp_conn_end(struct amqp_conn *conn, const char *why);

/* ---- opening.c: what comes before the engine ---- */

/* Takes what it can of `data`; the state says how far it came. */
size_t amqp_opening_received(struct amqp_conn *conn, struct str data);
/* The hub that the connection dialled, until open names one. NULL: none. */
struct hub *amqp_hub_dialled(struct amqp_conn *conn);

/* ---- engine.c: Proton's events ---- */

MUST_CHECK enum status amqp_engine_start(struct amqp_conn *conn);
size_t amqp_engine_received(struct amqp_conn *conn, struct str data);
void amqp_engine_events(struct amqp_endpoint *endpoint);
void amqp_engine_flush(struct amqp_conn *conn); /* its output into net's */
void amqp_engine_say(
    struct amqp_conn *conn); /* likewise, before the tick's end, if outcomes wait */
/* close with an error; the connection ends when it has left. */
void amqp_engine_close(struct amqp_conn *conn, const struct amqp_error *error);
void amqp_engine_refuse(struct amqp_conn *conn, enum hub_code code, const char *why);
void amqp_engine_finish(struct amqp_conn *conn);

/* ---- link.c ---- */

void amqp_link_remote_open(struct amqp_conn *conn, pn_link_t *engine);
void amqp_link_remote_gone(struct amqp_conn *conn, pn_link_t *engine, bool closed);
void amqp_link_flow(struct amqp_conn *conn, pn_link_t *engine);
void amqp_link_delivery(struct amqp_link *link, pn_delivery_t *delivery);
void amqp_link_over(struct amqp_link *link);    /* ours; the engine's is the caller's */
void amqp_links_resume(struct amqp_conn *conn); /* resume() for all that have credit */
void amqp_links_free_ended(struct amqp_endpoint *endpoint);
/* For AMQP_TO_PEER: settles what is unsettled with the kind, as gone. */
void amqp_link_settle_all(struct amqp_link *link);

/* ---- outgoing.c ---- */

void amqp_link_settled(struct amqp_link *link, pn_delivery_t *delivery);

/* ---- auth.c: tokens and certificates ---- */

/* What a connection may do, and until when. */
struct amqp_grant {
    struct amqp_conn *conn;
    struct str name;         /* "/devices/d1?policy": what it is for and who signs; the map's key */
    struct str resource;     /* the path that its token is for: "/devices/d1"; in name */
    struct identity_key key; /* the identity in it; in resource */
    char *token;             /* owned; NULL: the client's certificate */
    struct list links;       /* amqp_link.grant_link */
    struct timer expiry;     /* on the hub's clock */
};

/* Checks a token and keeps it. A later one for the same replaces it. */
MUST_CHECK enum hub_code amqp_grant_token(struct amqp_conn *conn, struct str token,
                                          struct problem *problem);
/* May the connection act for `key`? */
MUST_CHECK enum hub_code amqp_grant_device(struct amqp_conn *conn, struct identity_key key,
                                           struct hub_principal *ret_principal,
                                           struct amqp_grant **ret_grant, struct problem *problem);
/* Has it a policy with the permission? `resource` NULL data: whatever its token is for. */
MUST_CHECK enum hub_code amqp_grant_service(struct amqp_conn *conn, struct str resource,
                                            struct amqp_grant **ret_grant, struct problem *problem);
void amqp_grants_finish(struct amqp_conn *conn);

/* ---- client.c ---- */

/* The client for an identity, made and opened at the hub if it is the first. */
MUST_CHECK enum hub_code amqp_client_get(struct amqp_conn *conn, struct identity_key key,
                                         const struct hub_principal *principal,
                                         struct amqp_client **ret_client);
void amqp_client_add(struct amqp_client *client, struct amqp_link *link);
/* Closes the client after its last link. */
void amqp_client_remove(struct amqp_client *client, struct amqp_link *link, const char *why);
void amqp_client_update_interests(struct amqp_client *client);

#endif
