/* keys.c - whose key a client shows, and whose it expects: CURVE on tcp, nothing on ipc, where the
 * kernel says who is who. */
#include "certificate.h"
#include "lib.h"
#include "trial/arena.h"
#include "trial/key.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

static_assert(TRIAL_FINGERPRINT_BYTES == PROTO_HASH_TEXT_BYTES, "both are a hash in hex");

trial_code trial_key_make(trial_key_pair *ret_pair, trial_error *err)
{
    if (zmq_curve_keypair(ret_pair->public_key, ret_pair->secret_key) != 0) {
        return trial_fail(
            err, TRIAL_UNSUPPORTED, "this ZeroMQ makes no keys: %s", zmq_strerror(errno));
    }
    return TRIAL_OK;
}

trial_code trial_key_read(const char *path, trial_key_pair *ret_pair, trial_error *err)
{
    proto_certificate certificate;
    trial_code code = proto_certificate_load(path, &certificate, err);

    if (code == TRIAL_OK && certificate.secret_key[0] == '\0') {
        code = trial_fail(err,
                          TRIAL_INVALID,
                          "'%.300s' holds no secret key; the file with both ends in .key_secret",
                          path);
    }
    if (code == TRIAL_OK) {
        memcpy(ret_pair->secret_key, certificate.secret_key, sizeof ret_pair->secret_key);
        if (zmq_curve_public(ret_pair->public_key, ret_pair->secret_key) != 0) {
            code = trial_fail(
                err, TRIAL_INVALID, "'%.300s': no public key follows from its secret one", path);
        }
    }
    explicit_bzero(&certificate, sizeof certificate);
    return code;
}

void trial_key_fingerprint(const char *public_key, char ret_text[TRIAL_FINGERPRINT_BYTES])
{
    proto_fingerprint(public_key, ret_text);
}

/* The daemon's public key: what was given is the key itself, or its certificate's path. */
static trial_code read_server(const char *given, char *ret_key, trial_error *err)
{
    proto_certificate certificate;
    trial_code code;

    if (proto_is_key(given) && access(given, F_OK) != 0) { /* a key may look like a path */
        memcpy(ret_key, given, TRIAL_KEY_TEXT_BYTES);
        return TRIAL_OK;
    }
    code = proto_certificate_load(given, &certificate, err);
    if (code == TRIAL_OK && certificate.public_key[0] == '\0') {
        code = trial_fail(err, TRIAL_INVALID, "'%.300s' holds no public key", given);
    }
    memcpy(ret_key, certificate.public_key, sizeof certificate.public_key);
    explicit_bzero(&certificate, sizeof certificate);
    return code;
}

trial_code
lib_keys_read(const trial_client_settings *settings, lib_keys *ret_keys, trial_error *err)
{
    char *key = lib_setting(settings->key, "TRIALD_KEY", "");
    char *server = lib_setting(settings->server_key, "TRIALD_SERVER_KEY", "");
    trial_code code = TRIAL_OK;

    *ret_keys = (lib_keys){ .is_set = key[0] != '\0' };
    if (ret_keys->is_set != (server[0] != '\0')) {
        code = trial_fail(err,
                          TRIAL_INVALID,
                          ret_keys->is_set
                              ? "a key is given, and not whose daemon it is for: name that one's "
                                "certificate (server key, TRIALD_SERVER_KEY)"
                              : "the daemon's certificate is given, and no key to show it: name "
                                "one's own (key, TRIALD_KEY)");
    }
    if (code == TRIAL_OK && ret_keys->is_set) {
        code = trial_key_read(key, &ret_keys->own, err);
    }
    if (code == TRIAL_OK && ret_keys->is_set) {
        code = read_server(server, ret_keys->server, err);
    }
    free(key);
    free(server);
    return code;
}

bool lib_keys_set(const lib_keys *keys, void *socket, const char *endpoint)
{
    if (!keys->is_set || strncmp(endpoint, "tcp://", 6) != 0) {
        return true;
    }
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->server, strlen(keys->server) + 1) ==
               0 &&
           zmq_setsockopt(
               socket, ZMQ_CURVE_PUBLICKEY, keys->own.public_key, TRIAL_KEY_TEXT_BYTES) == 0 &&
           zmq_setsockopt(
               socket, ZMQ_CURVE_SECRETKEY, keys->own.secret_key, TRIAL_KEY_TEXT_BYTES) == 0;
}

/* What becomes of handshakes on tcp: of one that a daemon refuses ZeroMQ tells nobody else. */
trial_code lib_watch_open(void *context, void *socket, void **ret_watch, trial_error *err)
{
    const int failures = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    char endpoint[64];
    int linger = 0;
    int no_bound = 0; /* ZeroMQ would wait for us with its lock held */
    void *watch = zmq_socket(context, ZMQ_PAIR);

    (void)snprintf(endpoint, sizeof endpoint, "inproc://trial.watch.%p", socket);
    if (watch == NULL || zmq_socket_monitor(socket, endpoint, failures) != 0 ||
        zmq_setsockopt(watch, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(watch, ZMQ_RCVHWM, &no_bound, sizeof no_bound) != 0 ||
        zmq_connect(watch, endpoint) != 0) {
        int zmq_error = errno;

        lib_watch_close(socket, watch);
        return lib_fail_zmq(err, zmq_error, "watching a connection");
    }
    *ret_watch = watch;
    return TRIAL_OK;
}

void lib_watch_close(void *socket, void *watch)
{
    if (watch != NULL) {
        (void)zmq_socket_monitor(socket, NULL, 0); /* stops; fails only where none was started */
        (void)zmq_close(watch);                    /* a valid socket */
    }
}

trial_code lib_watch_look(void *watch, const lib_keys *keys, const char *endpoint, trial_error *err)
{
    uint16_t last = 0;
    uint8_t told[16];
    int size = watch == NULL ? -1 : zmq_recv(watch, told, sizeof told, ZMQ_DONTWAIT);

    for (; size >= 0; size = zmq_recv(watch, told, sizeof told, ZMQ_DONTWAIT)) {
        if (size == sizeof(uint16_t) + sizeof(uint32_t)) { /* else the address behind it */
            memcpy(&last, told, sizeof last);
        }
    }
    if (last == 0) {
        return TRIAL_OK;
    }
    if (last == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        return trial_fail(err,
                          TRIAL_UNAUTHORISED,
                          "%s refuses this key (%s): whoever runs the daemon lets it in by its "
                          "certificate",
                          endpoint,
                          keys->own.public_key);
    }
    (void)trial_fail(err,
                     TRIAL_UNAUTHORISED,
                     keys->is_set ? "%s does not answer to this server key: it is another daemon, "
                                    "or one without a key"
                                  : "%s asks for a key: name yours and the daemon's (--key and "
                                    "--server-key, or TRIALD_KEY and TRIALD_SERVER_KEY)",
                     endpoint);
    if (err != NULL) {
        err->system_errno = LIB_HANDSHAKE_CUT;
    }
    return TRIAL_UNAUTHORISED;
}
