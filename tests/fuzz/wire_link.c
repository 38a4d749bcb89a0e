/* Frames as they come out of a socket, whatever their number and sizes; endpoints; and the ZAP handler, which
 * lets nobody in that it should not. */
#include "fuzz.h"

#include "base/error.h"
#include "wire/link.h"
#include "wire/zap.h"

#include <errno.h>
#include <zmq.h>

static void *context, *left, *right, *knocker;
static uint8_t known[32];
static struct zap *zap;

static bool allowed(void *arg, const uint8_t key[32])
{
    (void)arg;
    return memcmp(key, known, 32) == 0;
}

void fuzz_setup(void)
{
    struct error e = {0};
    int wait = 9000;
    memset(known, 7, sizeof known);
    context = zmq_ctx_new();
    zap = zap_start(context, allowed, NULL, &e);
    left = zmq_socket(context, ZMQ_PAIR);
    right = zmq_socket(context, ZMQ_PAIR);
    knocker = zmq_socket(context, ZMQ_DEALER);
    FUZZ_CHECK(zap != NULL && zmq_bind(left, "inproc://fuzz") == 0 &&
               zmq_connect(right, "inproc://fuzz") == 0);
    FUZZ_CHECK(zmq_connect(knocker, "inproc://zeromq.zap.01") == 0);
    FUZZ_CHECK(zmq_setsockopt(knocker, ZMQ_RCVTIMEO, &wait, sizeof wait) == 0);
}

static void seed(uint8_t form, const char *const *frames, const size_t *lens, size_t count)
{
    struct buffer b = {0};
    buffer_append(&b, (const uint8_t[]){form, (uint8_t)count}, 2);
    for (size_t i = 0; i < count; i++)
        fuzz_put_piece(&b, bytes_make(frames[i], lens != NULL ? lens[i] : strlen(frames[i])));
    fuzz_seed(buffer_bytes(&b));
    buffer_free(&b);
}

void fuzz_seeds(void)
{
    const char *good[] = {"\x01\x0c", "\x08\x01", ""};
    const char *knock[] = {"", "1.0", "1", "", "127.0.0.1", "", "CURVE", (const char *)known};
    const size_t lens[] = {0, 3, 1, 0, 9, 0, 5, 32};
    seed(0, good, NULL, 3);
    seed(0, good, NULL, 2);
    seed(1, good, NULL, 3);
    seed(2, knock, lens, 8);
    seed(2, knock, lens, 6);
    fuzz_seed_with(3, bytes_of_string("tcp://127.0.0.1:9000"));
    fuzz_seed_with(3, bytes_of_string("tcp://[::1]:*"));
}

static unsigned send_frames(struct fuzz_input *in, void *socket)
{
    unsigned count = fuzz_u8(in) % 10 + 1;
    for (unsigned i = 0; i < count; i++) {
        struct bytes frame = fuzz_piece(in);
        FUZZ_CHECK(zmq_send(socket, frame.data, frame.len, i + 1 < count ? ZMQ_SNDMORE : 0) >= 0);
    }
    return count;
}

static void receive(struct fuzz_input *in, bool router)
{
    struct frame_message f;
    unsigned count = send_frames(in, right);
    enum frame_status status = link_receive(left, router, &f);
    FUZZ_CHECK(status != FRAME_NONE && status != FRAME_FAILED);
    /* Nothing that inproc brings has a link key. */
    FUZZ_CHECK(!router || status != FRAME_OK);
    if (status == FRAME_OK) {
        FUZZ_CHECK(count == 3 && f.version == LINK_VERSION && f.verb >= VERB_HELLO && f.verb <= VERB_BYE);
        FUZZ_CHECK(f.message.len <= LINK_MESSAGE_MOST && f.payload.len <= LINK_PAYLOAD_MOST);
        frame_message_free(&f);
    }
    FUZZ_CHECK(link_receive(left, router, &f) == FRAME_NONE); /* it was eaten whole */
}

/* A right question gets an answer; a yes only for the key that is known. The second knock is ours: who is
 * asked nonsense still answers. */
static void knock(struct fuzz_input *in)
{
    static const char *const right_one[] = {"", "1.0", "x", "", "127.0.0.1", "", "CURVE"};
    char id[8] = "x", frame[256];
    bool has_key = false;
    struct fuzz_input look = *in;
    unsigned count = fuzz_u8(&look) % 10 + 1;
    for (unsigned i = 0; i < count; i++) {
        struct bytes piece = fuzz_piece(&look);
        has_key = has_key || bytes_equal(piece, bytes_make(known, 32));
        if (piece.len == 1 && piece.data[0] == (uint8_t)id[0])
            id[0] = (char)(id[0] + 1);
    }
    send_frames(in, knocker);
    for (size_t i = 0; i < 7; i++) {
        const char *text = i == 2 ? id : right_one[i];
        FUZZ_CHECK(zmq_send(knocker, text, strlen(text), ZMQ_SNDMORE) >= 0);
    }
    static const uint8_t stranger[32] = {9};
    FUZZ_CHECK(zmq_send(knocker, stranger, 32, 0) >= 0);
    /* Answers: what stood before the first empty frame as it came, the empty one, version, id, status, ... */
    for (bool ours = false; !ours;) {
        bool yes = false, was_id = false;
        int more = 1, after = 0;
        for (size_t size = sizeof more; more != 0;) {
            int n;
            do /* libFuzzer's alarm */
                n = zmq_recv(knocker, frame, sizeof frame, 0);
            while (n < 0 && errno == EINTR);
            FUZZ_CHECK(n >= 0);
            after += after > 0 || n == 0;
            yes = yes || (after == 4 && n == 3 && memcmp(frame, "200", 3) == 0);
            ours = ours || (after == 4 && was_id);
            was_id = after == 3 && n == 1 && frame[0] == id[0];
            FUZZ_CHECK(zmq_getsockopt(knocker, ZMQ_RCVMORE, &more, &size) == 0);
        }
        FUZZ_CHECK(!yes || has_key);
    }
}

void fuzz_target(struct fuzz_input *in)
{
    unsigned form = fuzz_u8(in) % 4;
    if (form < 2) {
        receive(in, form == 1);
    } else if (form == 2) {
        knock(in);
    } else {
        char *endpoint = fuzz_text(fuzz_rest(in));
        if (link_endpoint_valid(endpoint, false)) {
            FUZZ_CHECK(link_endpoint_valid(endpoint, true));
            FUZZ_CHECK(strncmp(endpoint, "tcp://", 6) == 0 && strpbrk(endpoint, " \r\n\t") == NULL);
        }
        free(endpoint);
    }
}
