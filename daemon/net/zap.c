/* zap.c - who may come in: ZeroMQ asks by ZAP (RFC 27) before it takes a connection. Debian's
 * libzmq lets everybody in where nobody answers, so the one who answers is there before anything is
 * bound, and is tried with a key that nobody knows. Its table is in memory: it waits for nothing.
 */
#include "net_internal.h"

#include <pthread.h>
#include <stdlib.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01" /* its name in the RFC */
#define ZAP_VERSION "1.0"
#define ENFORCE_DOMAIN 93 /* ZMQ_ZAP_ENFORCE_DOMAIN: Debian's binary has it, its header has not */
#define KEY_BYTES 32u
#define TRY_MS 2000 /* of trying a key: on loopback, and this process answers itself */

/* Frames of a request, in their order; credentials follow. */
enum {
    ASKED_VERSION,
    ASKED_ID,
    ASKED_DOMAIN,
    ASKED_ADDRESS,
    ASKED_IDENTITY,
    ASKED_MECHANISM,
    ASKED_CREDENTIALS,
    ASKED_FRAMES
};
#define FRAME_BYTES 256 /* none of them is longer: an address, a routing id, a key */

struct zap {
    void *socket;
    net_admits *admits;
    void *context;
    pthread_t thread;
};

struct asked {
    uint8_t bytes[ASKED_FRAMES][FRAME_BYTES];
    size_t sizes[ASKED_FRAMES];
    int count;
};

const char *zap_domain(net_door door)
{
    return door == NET_FEED ? "feed" : "requests";
}

static bool frame_is(const struct asked *asked, int frame, const char *text)
{
    return asked->sizes[frame] == strlen(text) &&
           memcmp(asked->bytes[frame], text, strlen(text)) == 0;
}

/* A number of 32 bits and the colon behind it; false where that is not there. */
static bool read_number(const char **at, uint32_t *ret_number)
{
    char *end = NULL;
    unsigned long number = strtoul(*at, &end, 10);

    if (**at < '0' || **at > '9' || *end != ':' || number > UINT32_MAX) {
        return false;
    }
    *at = end + 1;
    *ret_number = (uint32_t)number;
    return true;
}

/* What the kernel attests of a local peer: localhost:UID:GID:PID. False: it is none. */
static bool read_local(const char *address, net_who *ret_who)
{
    static const char beginning[] = "localhost:";
    const char *at = address + sizeof beginning - 1;

    ret_who->is_local = strncmp(address, beginning, sizeof beginning - 1) == 0 &&
                        read_number(&at, &ret_who->uid) && read_number(&at, &ret_who->gid);
    return ret_who->is_local;
}

/* Receive one request whole; false where the context is being ended. */
static bool receive(void *socket, struct asked *asked)
{
    int more = 1;
    size_t size = sizeof more;

    *asked = (struct asked){ 0 };
    while (more != 0) {
        uint8_t frame[FRAME_BYTES];
        int got = zmq_recv(socket, frame, sizeof frame, 0);

        if (got < 0 && zmq_errno() == EINTR) {
            continue;
        }
        if (got < 0 || zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0) {
            return false;
        }
        if (asked->count < ASKED_FRAMES && (size_t)got < FRAME_BYTES) {
            memcpy(asked->bytes[asked->count], frame, (size_t)got); /* a NUL follows */
            asked->sizes[asked->count] = (size_t)got;
        }
        asked->count++;
    }
    return true;
}

static bool decide(const struct zap *z, const struct asked *asked, net_who *ret_who)
{
    net_door door = frame_is(asked, ASKED_DOMAIN, zap_domain(NET_FEED)) ? NET_FEED : NET_REQUESTS;

    *ret_who = (net_who){ 0 };
    if (!frame_is(asked, ASKED_VERSION, ZAP_VERSION) ||
        (door == NET_REQUESTS && !frame_is(asked, ASKED_DOMAIN, zap_domain(NET_REQUESTS)))) {
        return false;
    }
    if (frame_is(asked, ASKED_MECHANISM, "CURVE") && asked->count == ASKED_FRAMES &&
        asked->sizes[ASKED_CREDENTIALS] == KEY_BYTES) {
        (void)zmq_z85_encode(ret_who->key, asked->bytes[ASKED_CREDENTIALS], KEY_BYTES);
    } else if (!frame_is(asked, ASKED_MECHANISM, "NULL")) {
        return false;
    } else {
        (void)read_local((const char *)asked->bytes[ASKED_ADDRESS], ret_who); /* else unknown */
    }
    return z->admits(z->context, door, ret_who);
}

/* Send the answer; false where the context is being ended. The key itself is the user's name: what
 * it may do is looked up with every message. */
static bool answer(void *socket, const struct asked *asked, bool is_admitted, const net_who *who)
{
    const struct frame {
        const void *data;
        size_t size;
    } frames[] = {
        { ZAP_VERSION, strlen(ZAP_VERSION) },
        { asked->bytes[ASKED_ID], asked->sizes[ASKED_ID] },
        { is_admitted ? "200" : "400", 3 },
        { is_admitted ? "OK" : "no rights here", is_admitted ? 2 : 14 },
        { who->key, is_admitted ? strlen(who->key) : 0 },
        { "", 0 },
    };
    const size_t count = sizeof frames / sizeof frames[0];

    for (size_t i = 0; i < count; i++) {
        while (zmq_send(socket, frames[i].data, frames[i].size, i + 1 < count ? ZMQ_SNDMORE : 0) <
               0) {
            if (zmq_errno() != EINTR) {
                return false;
            }
        }
    }
    return true;
}

static void *run(void *context)
{
    struct zap *z = context;
    struct asked asked;
    bool is_running = true;

    while (is_running && receive(z->socket, &asked)) {
        net_who who;
        bool is_admitted = decide(z, &asked, &who);

        is_running = answer(z->socket, &asked, is_admitted, &who);
    }
    (void)zmq_close(z->socket); /* a valid socket, and of this thread */
    return NULL;
}

trial_code
zap_start(void *context, net_admits *admits, void *admits_context, zap **ret_zap, trial_error *err)
{
    zap *z = trial_memory(sizeof *z);
    int linger = 0;
    int error;

    z->admits = admits;
    z->context = admits_context;
    z->socket = zmq_socket(context, ZMQ_REP);
    if (z->socket == NULL || zmq_setsockopt(z->socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(z->socket, ZAP_ENDPOINT) != 0) {
        (void)net_fail(err, "making the socket that is asked about keys");
    } else {
        error = pthread_create(&z->thread, NULL, run, z);
        if (error == 0) {
            *ret_zap = z;
            return TRIAL_OK;
        }
        (void)trial_fail_errno(err, error, "starting the thread that is asked about keys");
    }
    if (z->socket != NULL) {
        (void)zmq_close(z->socket); /* a valid socket */
    }
    free(z);
    return err == NULL ? TRIAL_STORAGE : err->code;
}

void zap_done(zap *z)
{
    if (z != NULL) {
        (void)pthread_join(z->thread, NULL); /* it ends with its context */
        free(z);
    }
}

trial_code zap_guard(const net *n, void *socket, net_door door, bool is_tcp, trial_error *err)
{
    const char *domain = zap_domain(door);
    int is_curve = is_tcp && n->secret[0] != '\0' ? 1 : 0;
    int is_enforced = 1;

    if (door == NET_REQUESTS && !is_tcp) {
        return TRIAL_OK; /* requests of this machine are judged one by one: a refusal can say why */
    }
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &is_curve, sizeof is_curve) != 0 ||
        (is_curve != 0 &&
         zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, n->secret, sizeof n->secret) != 0) ||
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) != 0 ||
        zmq_setsockopt(socket, ENFORCE_DOMAIN, &is_enforced, sizeof is_enforced) != 0) {
        return net_fail(err, "guarding a socket by keys");
    }
    return TRIAL_OK;
}

/* Connect to a server with a key of this moment, and see what becomes of the handshake. */
static trial_code
shake_hands(void *client, void *monitor, const char *endpoint, const char *server, trial_error *err)
{
    char public_key[TRIAL_KEY_TEXT_BYTES];
    char secret_key[TRIAL_KEY_TEXT_BYTES];
    int linger = 0;
    uint16_t event = 0;
    uint8_t told[FRAME_BYTES];
    zmq_pollitem_t item = { monitor, 0, ZMQ_POLLIN, 0 };

    if (zmq_curve_keypair(public_key, secret_key) != 0 ||
        zmq_socket_monitor(client,
                           "inproc://triald.try",
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) != 0 ||
        zmq_setsockopt(client, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(client, ZMQ_CURVE_SERVERKEY, server, TRIAL_KEY_TEXT_BYTES) != 0 ||
        zmq_setsockopt(client, ZMQ_CURVE_PUBLICKEY, public_key, sizeof public_key) != 0 ||
        zmq_setsockopt(client, ZMQ_CURVE_SECRETKEY, secret_key, sizeof secret_key) != 0 ||
        zmq_connect(monitor, "inproc://triald.try") != 0 || zmq_connect(client, endpoint) != 0) {
        return net_fail(err, "trying a key that nobody knows");
    }
    if (zmq_poll(&item, 1, TRY_MS) > 0 &&
        zmq_recv(monitor, told, sizeof told, ZMQ_DONTWAIT) >= (int)sizeof event) {
        memcpy(&event, told, sizeof event);
    }
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        return TRIAL_OK;
    }
    return trial_fail(err,
                      TRIAL_STORAGE,
                      event == 0 ? "a key that nobody knows got no answer; nobody is let in"
                                 : "a key that nobody knows was let in; nothing is served");
}

trial_code zap_try(const net *n, trial_error *err)
{
    void *server = zmq_socket(n->context, ZMQ_ROUTER);
    void *client = zmq_socket(n->context, ZMQ_DEALER);
    void *monitor = zmq_socket(n->context, ZMQ_PAIR);
    char public_key[TRIAL_KEY_TEXT_BYTES];
    char endpoint[FRAME_BYTES];
    size_t size = sizeof endpoint;
    int linger = 0;
    trial_code code;

    if (server == NULL || client == NULL || monitor == NULL ||
        zmq_setsockopt(server, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(monitor, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_curve_public(public_key, n->secret) != 0) {
        code = net_fail(err, "trying a key that nobody knows");
    } else {
        code = zap_guard(n, server, NET_REQUESTS, true, err);
    }
    if (code == TRIAL_OK && (zmq_bind(server, "tcp://127.0.0.1:*") != 0 ||
                             zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0)) {
        code = net_fail(err, "trying a key that nobody knows");
    }
    if (code == TRIAL_OK) {
        code = shake_hands(client, monitor, endpoint, public_key, err);
    }
    if (client != NULL) {
        (void)zmq_socket_monitor(client, NULL, 0); /* stops; fails only where none was started */
    }
    for (int i = 0; i < 3; i++) {
        void *const sockets[] = { monitor, client, server };

        if (sockets[i] != NULL) {
            (void)zmq_close(sockets[i]); /* a valid socket */
        }
    }
    return code;
}

net_who zap_who(const net *n, zmq_msg_t *frame)
{
    const char *address = zmq_msg_gets(frame, "Peer-Address");
    net_who who = { 0 };
    const char *user;

    if (address == NULL || read_local(address, &who) || n->secret[0] == '\0') {
        return who;
    }
    /* On tcp every connection went through ZAP, whose word stands before what a peer says. */
    user = zmq_msg_gets(frame, "User-Id");
    if (user != NULL && strlen(user) < sizeof who.key) {
        memcpy(who.key, user, strlen(user));
    }
    return who;
}
