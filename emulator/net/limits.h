/* SPDX-License-Identifier: MIT */
#ifndef NET_LIMITS_H
#define NET_LIMITS_H

/* Every limit of net/, in one place. Times are of the real clock. */
#include <stddef.h>
#include <stdint.h>

#define NET_SCRATCH_SIZE     ((size_t)64 * 1024)  /* one read */
#define NET_READ_PER_TICK    ((size_t)256 * 1024) /* what one connection may bring into one tick */
#define NET_ADDRESS_SIZE     56U                  /* "[" an IPv6 address "]:65535" and a NUL */
#define NET_BACKLOG          4096
#define NET_ACCEPT_PER_EVENT 64

/* Before TLS is done a peer is nobody: it gets this long for all of it. */
#define NET_HANDSHAKE_US INT64_C(15000000)
/* Steps of handshakes in libuv's queue at once: whoever else has work for its threads waits for no
 * more than these, even when ten thousand devices come back together. */
#define NET_HANDSHAKES_RUNNING 16
/* To see what somebody is who does not speak TLS. */
#define NET_STRANGER_US   INT64_C(1000000)
#define NET_STRANGER_SIZE 16U
/* For the last output to leave, and then for the peer to notice. */
#define NET_FLUSH_US    INT64_C(5000000)
#define NET_LINGER_US   INT64_C(2000000)
#define NET_LINGER_SIZE ((size_t)4 * 1024 * 1024)
#define NET_SWEEP_MS    50U
#define NET_STOP_US     INT64_C(300000)

/* Out of descriptors: how long to wait, and how often to say so. */
#define NET_NO_FILES_MS     100U
#define NET_NO_FILES_LOG_US INT64_C(10000000)

#define HTTP_IDLE_S         120U
#define HTTP_ARENA_MAX      ((size_t)32 * 1024 * 1024)
/* libmicrohttpd's memory per connection: the head and its buffers. */
#define HTTP_MEMORY_MAX       ((size_t)64 * 1024)
#define HTTP_MEMORY_INCREMENT ((size_t)16 * 1024)
#define HTTP_ANSWER_MAX       ((size_t)64 * 1024 * 1024)
/* Unread while libmicrohttpd is busy. */
#define HTTP_INPUT_MAX ((size_t)256 * 1024)
/* Above this nothing more is fetched from libmicrohttpd. */
#define HTTP_OUTPUT_HIGH ((size_t)256 * 1024)
/* What is thrown away of a body that is too large, before hanging up. */
#define HTTP_DISCARD_MAX ((size_t)16 * 1024 * 1024)

/* A request that asks for a WebSocket, up to its empty line, and the first request of any
 * connection: until that much is there it is not known who is to have it. */
#define UPGRADE_HEAD_MAX ((size_t)16 * 1024)
#define UPGRADE_HEAD_US  INT64_C(60000000)
/* One frame of a client's. The bytes in it go on as they come; nobody needs larger ones to carry
 * packets of 300 KB. */
#define WEBSOCKET_FRAME_MAX ((size_t)1024 * 1024)
/* Above what the protocol inside may leave unsent: heads of frames, and pongs. */
#define WEBSOCKET_OVERHEAD_MAX ((size_t)64 * 1024)

#endif
