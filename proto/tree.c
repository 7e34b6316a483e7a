/* tree.c - SHA-256, and the RFC 6962 tree that grows leaf by leaf. */
#include "hash.h"

#include "trial/arena.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <strings.h>

/* Fetching the algorithm costs more than hashing an event, so it is done once; a context belongs to
 * its thread. */
static EVP_MD *sha256;
static pthread_key_t context_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local EVP_MD_CTX *context;

static void free_context(void *at)
{
    EVP_MD_CTX_free(at);
}

static void fetch(void)
{
    int failed = pthread_key_create(&context_key, free_context);

    TRIAL_ASSERT(failed == 0);
    /* Where this finds no memory, EVP_MD_fetch() of OpenSSL 3.0 would use what is not there. */
    if (OSSL_LIB_CTX_get0_global_default() != NULL) {
        sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    }
    if (sha256 == NULL) { /* the algorithm is always there; the memory is not */
        trial_exhausted();
    }
}

static EVP_MD_CTX *context_of_thread(void)
{
    int failed;

    if (context == NULL) {
        failed = pthread_once(&once, fetch);
        TRIAL_ASSERT(failed == 0);
        context = EVP_MD_CTX_new();
        if (context == NULL) {
            trial_exhausted();
        }
        failed = pthread_setspecific(context_key, context);
        TRIAL_ASSERT(failed == 0);
    }
    return context;
}

void proto_hash_parts(const trial_bytes *parts, size_t count, uint8_t *ret_hash)
{
    EVP_MD_CTX *ctx = context_of_thread();
    int done = 1;

    if (EVP_DigestInit_ex2(ctx, sha256, NULL) != 1) { /* OpenSSL takes memory for each hash */
        trial_exhausted();
    }
    for (size_t i = 0; i < count; i++) {
        done &= EVP_DigestUpdate(ctx, parts[i].data, parts[i].size);
    }
    done &= EVP_DigestFinal_ex(ctx, ret_hash, NULL);
    TRIAL_ASSERT(done == 1); /* these fail only over misuse: they allocate nothing */
}

void proto_hash(trial_bytes bytes, uint8_t *ret_hash)
{
    proto_hash_parts(&bytes, 1, ret_hash);
}

void proto_hash_leaf(trial_bytes entry, uint8_t *ret_hash)
{
    static const uint8_t zero[1] = { 0 };
    const trial_bytes parts[] = { { zero, 1 }, entry };

    proto_hash_parts(parts, 2, ret_hash);
}

static void hash_node(const uint8_t *left, const uint8_t *right, uint8_t *ret_hash)
{
    static const uint8_t one[1] = { 1 };
    const trial_bytes parts[] = { { one, 1 },
                                  { left, TRIAL_HASH_BYTES },
                                  { right, TRIAL_HASH_BYTES } };

    proto_hash_parts(parts, 3, ret_hash);
}

void proto_tree_add(proto_tree *tree, const uint8_t *leaf)
{
    uint8_t hash[TRIAL_HASH_BYTES];
    unsigned level = 0;

    TRIAL_ASSERT(tree->size < UINT64_MAX);
    memcpy(hash, leaf, sizeof hash);
    while ((tree->size >> level & 1u) != 0) { /* two full subtrees of a size become one */
        hash_node(tree->peaks[level], hash, hash);
        level++;
    }
    memcpy(tree->peaks[level], hash, sizeof hash);
    tree->size++;
}

void proto_tree_root(const proto_tree *tree, uint8_t *ret_root)
{
    uint8_t hash[TRIAL_HASH_BYTES];
    bool is_begun = false;

    proto_hash((trial_bytes){ 0 }, hash);
    for (unsigned level = 0; level < 64; level++) { /* the smallest subtree stands rightmost */
        if ((tree->size >> level & 1u) == 0) {
            continue;
        }
        if (is_begun) {
            hash_node(tree->peaks[level], hash, hash);
        } else {
            memcpy(hash, tree->peaks[level], sizeof hash);
            is_begun = true;
        }
    }
    memcpy(ret_root, hash, sizeof hash);
}

void proto_hash_write(const uint8_t *hash, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < TRIAL_HASH_BYTES; i++) {
        ret_text[i * 2] = digits[hash[i] >> 4];
        ret_text[i * 2 + 1] = digits[hash[i] & 0x0f];
    }
    ret_text[PROTO_HASH_TEXT_BYTES - 1] = '\0';
}

bool proto_hash_is(const uint8_t *hash, trial_text hex)
{
    char text[PROTO_HASH_TEXT_BYTES];

    proto_hash_write(hash, text);
    return hex.size == sizeof text - 1 && strncasecmp(hex.at, text, hex.size) == 0;
}
