/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/guid.h"

enum { BLOCK_SIZE = 32, COUNTER_SIZE = 8, KEY_BYTES = 32 };

static void store_u64(uint8_t out[COUNTER_SIZE], uint64_t value)
{
    for (size_t i = 0; i < COUNTER_SIZE; i++) {
        out[i] = (uint8_t)(value >> (8 * (COUNTER_SIZE - 1 - i)));
    }
}

enum status random_init_system(struct random *ret_random)
{
    struct random random = {0};
    size_t have = 0;
    while (have < RANDOM_SEED_SIZE) {
        const ssize_t got = getrandom(random.seed + have, RANDOM_SEED_SIZE - have, 0);
        if (got < 0 && errno != EINTR) {
            return STATUS_IO;
        }
        have += got < 0 ? 0 : (size_t)got;
    }
    *ret_random = random;
    return STATUS_OK;
}

void random_init_seed(struct random *random, uint64_t seed)
{
    *random = (struct random){0};
    store_u64(random->seed, seed);
}

static void next_block(struct random *random, uint8_t out[BLOCK_SIZE])
{
    uint8_t input[RANDOM_SEED_SIZE + COUNTER_SIZE];
    memcpy(input, random->seed, RANDOM_SEED_SIZE);
    store_u64(input + RANDOM_SEED_SIZE, random->counter++);
    if (EVP_Digest(input, sizeof(input), out, NULL, EVP_sha256(), NULL) != 1) {
        /* No caller can do without: a key that is not random is worse than no emulator. */
        (void)fputs("cannot compute SHA-256: OpenSSL is out of memory or not usable\n", stderr);
        abort();
    }
}

void random_bytes(struct random *random, void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        uint8_t block[BLOCK_SIZE];
        next_block(random, block);
        const size_t taken = size < BLOCK_SIZE ? size : BLOCK_SIZE;
        memcpy(at, block, taken);
        at += taken;
        size -= taken;
    }
}

uint64_t random_u64(struct random *random)
{
    uint8_t bytes[COUNTER_SIZE];
    random_bytes(random, bytes, sizeof(bytes));
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

void random_uuid(struct random *random, char out[RANDOM_UUID_SIZE])
{
    static_assert(RANDOM_UUID_SIZE == GUID_TEXT_SIZE, "one text form");
    const struct guid guid = guid_random(random);
    guid_text(&guid, out);
}

void random_key(struct random *random, char out[RANDOM_KEY_SIZE])
{
    uint8_t bytes[KEY_BYTES];
    random_bytes(random, bytes, sizeof(bytes));
    static_assert(BASE64_SIZE(sizeof(bytes)) + 1 == RANDOM_KEY_SIZE, "the key and its NUL");
    base64_encode(str_of(bytes, sizeof(bytes)), out);
    out[BASE64_SIZE(sizeof(bytes))] = '\0';
}
