/* Batches between librdkafka and columns, without an object per record. The functions of librdkafka are those of the
 * library that confluent_kafka has loaded: Python looks them up by name and hands them over. Declared is what they are
 * by librdkafka's documented interface. */
#define _POSIX_C_SOURCE 200809L
#include "columns.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

enum { CHUNK = 64, COPY = 2, FAILED = -2, QUEUE_FULL = -184, UNASSIGNED = -1, PERSISTED = 2 };
enum { END, TOPIC, RKT, PARTITION, VALUE, KEY, OPAQUE, FLAGS, TIMESTAMP, HEADER, HEADERS };

typedef struct {
    int err;
    void *topic;
    int32_t partition;
    void *payload;
    size_t size;
    void *key;
    size_t key_size;
    int64_t offset;
    void *own;
} message;

typedef int created(void *client, const void *settings, void *opaque, char *reason, size_t size);
typedef int acknowledged(void *client, message *record, void *opaque);

static struct {
    ssize_t (*consume_batch_queue)(void *queue, int milliseconds, message **messages, size_t most);
    int64_t (*message_timestamp)(const message *record, int *kind);
    int (*message_headers)(const message *record, void **headers);
    int (*header_get_all)(const void *headers, size_t place, const char **name, const void **value, size_t *size);
    void (*message_destroy)(message *record);
    void *(*topic_new)(void *client, const char *name, void *settings);
    void (*topic_destroy)(void *topic);
    int (*producev)(void *client, ...);
    void *(*headers_new)(size_t count);
    int (*header_add)(void *headers, const char *name, ssize_t name_size, const void *value, ssize_t size);
    void *(*headers_copy)(const void *headers);
    void (*headers_destroy)(void *headers);
    int (*message_status)(const message *record);
    const char *(*topic_name)(const void *topic);
    int (*conf_interceptor_add_on_new)(void *settings, const char *name, created *function, void *opaque);
    int (*interceptor_add_on_acknowledgement)(void *client, const char *name, acknowledged *function, void *opaque);
} kafka;

EXPORT void headrace_kafka(void *const *functions) { memcpy(&kafka, functions, sizeof kafka); }

/* What one read brings; `nulls` has 1 for a value and 2 for a key that is null. Headers: row, size of the name, size of
 * the value or -1, name, value; problems: partition, code, offset, size of the text, text; sizes are int64. */
typedef struct {
    int32_t *partitions;
    int64_t *offsets, *timestamps, *value_ends, *key_ends;
    uint8_t *nulls;
    int64_t records;
    growing values, keys, headers, problems;
} batch;

EXPORT void headrace_free(void *data) { free(data); }

static int take_headers(batch *out, const message *from) {
    void *headers;
    if (kafka.message_headers(from, &headers)) return 1;
    const char *name;
    const void *value;
    size_t size;
    for (size_t place = 0; !kafka.header_get_all(headers, place, &name, &value, &size); place++) {
        int64_t start[3] = {out->records, (int64_t)strlen(name), value ? (int64_t)size : -1};
        if (!append(&out->headers, start, sizeof start) || !append(&out->headers, name, start[1]) ||
            (value && !append(&out->headers, value, (int64_t)size)))
            return 0;
    }
    return 1;
}

static int take(batch *out, const message *from) {
    if (from->err) {
        int64_t start[4] = {from->partition, from->err, from->offset, from->payload ? (int64_t)from->size : 0};
        return append(&out->problems, start, sizeof start) && append(&out->problems, from->payload, start[3]);
    }
    int64_t row = out->records;
    int kind;
    if (!append(&out->values, from->payload, (int64_t)from->size)) return 0;
    if (!append(&out->keys, from->key, (int64_t)from->key_size)) return 0;
    if (!take_headers(out, from)) return 0;
    out->partitions[row] = from->partition;
    out->offsets[row] = from->offset;
    out->timestamps[row] = kafka.message_timestamp(from, &kind);
    out->value_ends[row] = out->values.size;
    out->key_ends[row] = out->keys.size;
    out->nulls[row] = (uint8_t)((from->payload ? 0 : 1) | (from->key ? 0 : 2));
    out->records++;
    return 1;
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Waits `wait` milliseconds for a first message and `gather` for more, up to `most` and about `most_bytes`; pieces are
 * sized by the records met so far, so that few large ones do not fill the memory. 0 when there is no memory. */
EXPORT int headrace_read(void *queue, int64_t most, int64_t most_bytes, int wait, int gather, batch *out) {
    message *messages[CHUNK];
    int64_t want = 1, met = 0, until = 0;
    int fine = 1;
    while (fine && want > 0) {
        int64_t left = until ? until - now() : wait;
        ssize_t count = kafka.consume_batch_queue(queue, left > 0 ? (int)left : 0, messages, (size_t)want);
        for (ssize_t place = 0; place < count; place++) {
            fine = fine && take(out, messages[place]);
            kafka.message_destroy(messages[place]);
        }
        if (count < want) break;
        if (!until) until = now() + gather;
        met += count;
        int64_t bytes = out->values.size + out->keys.size;
        int64_t room = bytes < most_bytes ? (most_bytes - bytes) / (bytes / met + 1) + 1 : 0;
        want = most - met < room ? most - met : room;
        if (want > CHUNK) want = CHUNK;
    }
    return fine;
}

/* Sends n records; `set_of` gives each the number of a set of `sets`, -1 for none. Returns how many were taken; fewer
 * than n with the reason in `error`. */
EXPORT int64_t headrace_send(void *client, const char *name, int64_t n, const char *values, const int64_t *value_bounds,
                             const uint8_t *no_value, const char *keys, const int64_t *key_bounds,
                             const uint8_t *no_key, const int64_t *timestamps, const int32_t *partitions,
                             const int32_t *set_of, void *const *sets, int *error) {
    void *topic = kafka.topic_new(client, name, NULL);
    int64_t row = 0;
    *error = topic ? 0 : FAILED;
    while (topic && row < n) {
        int has_value = !no_value || !no_value[row], has_key = keys && (!no_key || !no_key[row]);
        size_t key_size = has_key ? (size_t)(key_bounds[row + 1] - key_bounds[row]) : 0;
        void *headers = set_of && set_of[row] >= 0 ? kafka.headers_copy(sets[set_of[row]]) : NULL;
        *error = kafka.producev(client, RKT, topic, FLAGS, COPY, PARTITION, partitions ? partitions[row] : UNASSIGNED,
                                VALUE, has_value ? values + value_bounds[row] : NULL,
                                has_value ? (size_t)(value_bounds[row + 1] - value_bounds[row]) : (size_t)0, KEY,
                                has_key ? keys + key_bounds[row] : NULL, key_size, TIMESTAMP, timestamps[row],
                                headers ? HEADERS : END, headers, END);
        if (*error) {
            if (headers) kafka.headers_destroy(headers);
            break;
        }
        row++;
    }
    if (topic) kafka.topic_destroy(topic);
    return row;
}

/* Makes a set of headers of what `headrace_read` writes, without the rows; NULL when there is no memory. */
EXPORT void *headrace_headers(const char *from, int64_t size) {
    void *headers = kafka.headers_new(8);
    for (const char *end = from + size; headers && from < end;) {
        int64_t sizes[2];
        memcpy(sizes, from, sizeof sizes);
        const char *name = from + sizeof sizes, *value = name + sizes[0];
        kafka.header_add(headers, name, sizes[0], sizes[1] < 0 ? NULL : value, sizes[1] < 0 ? 0 : sizes[1]);
        from = sizes[1] < 0 ? value : value + sizes[1];
    }
    return headers;
}

/* For each producer the first of its records that was not written, since somebody asked. They live as long as the
 * process: a producer may outlive everything that knows it. */
typedef struct outcome {
    void *client;
    struct outcome *older;
    atomic_int code, whole;
    char topic[256];
} outcome;

static _Atomic(outcome *) newest;

/* librdkafka calls it from its own threads. */
static int note(void *client, message *record, void *opaque) {
    (void)client;
    outcome *noted = opaque;
    int none = 0;
    if (!record->err && kafka.message_status(record) == PERSISTED) return 0;
    if (atomic_compare_exchange_strong(&noted->code, &none, record->err ? record->err : FAILED)) {
        strncpy(noted->topic, kafka.topic_name(record->topic), sizeof noted->topic - 1);
        atomic_store(&noted->whole, 1);
    }
    return 0;
}

static int watch(void *client, const void *settings, void *opaque, char *reason, size_t size) {
    (void)settings, (void)opaque, (void)reason, (void)size;
    outcome *noted = calloc(1, sizeof *noted);
    if (!noted) return FAILED;
    noted->client = client;
    noted->older = atomic_load(&newest);
    while (!atomic_compare_exchange_weak(&newest, &noted->older, noted)) continue;
    return kafka.interceptor_add_on_acknowledgement(client, "headrace", note, noted);
}

/* librdkafka calls it for each client whose `plugin.library.paths` names this library. */
EXPORT int conf_init(void *settings, void **opaque, char *reason, size_t size) {
    (void)opaque, (void)reason, (void)size;
    return kafka.topic_new ? kafka.conf_interceptor_add_on_new(settings, "headrace", watch, NULL) : FAILED;
}

/* Returns what is known of a client, NULL when it is none that this library watches. */
EXPORT outcome *headrace_watched(const void *client) {
    outcome *noted = atomic_load(&newest);
    while (noted && noted->client != client) noted = noted->older;
    return noted;
}

/* Returns the code of the first failure since the last call, or 0; `topic` has room for 256 bytes. */
EXPORT int headrace_failure(outcome *noted, char *topic) {
    int code = atomic_load(&noted->code);
    if (!atomic_exchange(&noted->whole, 0)) return 0;
    memcpy(topic, noted->topic, sizeof noted->topic);
    atomic_store(&noted->code, 0);
    return code;
}
