/* SPDX-License-Identifier: MIT */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

/*
 * Random bytes that can be repeated: SHA-256 of (seed, counter). From a seed of the system's
 * entropy they are fit for keys; from a seed of the user's the same run gives the same ids and
 * keys.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"

#define RANDOM_SEED_SIZE 32U

struct random {
    uint8_t seed[RANDOM_SEED_SIZE];
    uint64_t counter;
};

MUST_CHECK enum status random_init_system(struct random *ret_random);
void random_init_seed(struct random *random, uint64_t seed);

void random_bytes(struct random *random, void *out, size_t size);
uint64_t random_u64(struct random *random);

/* A version 4 UUID, 36 lower-case characters and a NUL. */
#define RANDOM_UUID_SIZE 37U
void random_uuid(struct random *random, char out[RANDOM_UUID_SIZE]);

/* A generated symmetric key: base64 of 32 bytes, 44 characters and a NUL. */
#define RANDOM_KEY_SIZE 45U
void random_key(struct random *random, char out[RANDOM_KEY_SIZE]);

#endif
