/* Batches between librdkafka and columns, without an object per record. The functions of librdkafka are those of the
 * library that confluent_kafka has loaded: Python looks them up by name and hands them over. */
#include "columns.h"

#include <stdatomic.h>

enum { PIECE = 1024, COPY = 2, FAILED = -2, UNASSIGNED = -1, PERSISTED = 2, NO_VALUE = 1, NO_KEY = 2 };
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
} message; /* its beginning */

static struct {
    intptr_t (*consume_batch_queue)(void *queue, int milliseconds, message **messages, size_t most);
    int64_t (*message_timestamp)(const message *record, int *kind);
    int (*message_headers)(const message *record, void **headers);
    int (*header_get_all)(const void *headers, size_t place, const char **name, const void **value, size_t *size);
    void (*message_destroy)(message *record);
    void *(*topic_new)(void *client, const char *name, void *settings);
    void (*topic_destroy)(void *topic);
    int (*producev)(void *client, ...);
    void *(*headers_new)(size_t count);
    int (*header_add)(void *headers, const char *name, intptr_t name_size, const void *value, intptr_t size);
    void (*headers_destroy)(void *headers);
    int (*message_status)(const message *record);
    const char *(*topic_name)(const void *topic);
    int (*conf_interceptor_add_on_new)(void *, const char *, int (*)(void *, void *, void *, char *, size_t), void *);
    int (*interceptor_add_on_destroy)(void *, const char *, int (*)(void *client, void *opaque), void *);
    int (*interceptor_add_on_acknowledgement)(void *, const char *, int (*)(void *, message *, void *), void *);
} kafka;

EXPORT void headrace_kafka(void *const *functions) { memcpy(&kafka, functions, sizeof kafka); }

/* What is read; the first six have room for it. Headers: row, size of the name, size of the value or -1, name, value;
 * problems: partition, code, offset, size of the text, text; numbers are int64. */
typedef struct {
    int32_t *partitions;
    int64_t *offsets, *timestamps, *value_ends, *key_ends;
    uint8_t *nulls;
    int64_t records;
    growing values, keys, headers, problems;
} batch;

static int take_headers(batch *out, const message *from) {
    void *headers;
    const char *name;
    const void *value;
    size_t size;
    if (kafka.message_headers(from, &headers)) return 1;
    for (size_t place = 0; !kafka.header_get_all(headers, place, &name, &value, &size); place++) {
        int64_t start[3] = {out->records, (int64_t)strlen(name), value ? (int64_t)size : -1};
        if (!append(&out->headers, start, sizeof start) || !append(&out->headers, name, start[1]) ||
            !append(&out->headers, value, value ? start[2] : 0))
            return 0;
    }
    return 1;
}

static int take(batch *out, const message *from) {
    int64_t row = out->records, head[4] = {from->partition, from->err, from->offset, (int64_t)from->size};
    if (from->err) return append(&out->problems, head, sizeof head) && append(&out->problems, from->payload, head[3]);
    if (!append(&out->values, from->payload, (int64_t)from->size) || !take_headers(out, from) ||
        !append(&out->keys, from->key, (int64_t)from->key_size))
        return 0;
    out->partitions[row] = from->partition;
    out->offsets[row] = from->offset;
    out->timestamps[row] = kafka.message_timestamp(from, NULL);
    out->value_ends[row] = out->values.size;
    out->key_ends[row] = out->keys.size;
    out->nulls[row] = (uint8_t)((from->payload ? 0 : NO_VALUE) | (from->key ? 0 : NO_KEY));
    out->records++;
    return 1;
}

/* Adds up to `most` records and problems, waiting so many milliseconds; returns how many came, -1 without memory. */
EXPORT int headrace_read(void *queue, int most, int wait, batch *out) {
    message *messages[PIECE];
    intptr_t count = kafka.consume_batch_queue(queue, wait, messages, most < PIECE ? (size_t)most : PIECE), fine = 1;
    for (intptr_t place = 0; place < count; kafka.message_destroy(messages[place++]))
        fine = fine && take(out, messages[place]);
    return fine ? (int)count : -1;
}

/* Makes headers of what is packed as in `batch`, without the rows. */
static void *unpack(const char *from, const char *end) {
    void *headers = from < end ? kafka.headers_new(8) : NULL;
    while (from < end) {
        int64_t sizes[2];
        memcpy(sizes, from, sizeof sizes);
        const char *name = from + sizeof sizes, *value = name + sizes[0];
        kafka.header_add(headers, name, sizes[0], sizes[1] < 0 ? NULL : value, sizes[1]);
        from = value + (sizes[1] < 0 ? 0 : sizes[1]);
    }
    return headers;
}

/* Sends n records; `set_of`, if any, has the number of each one's packed headers. Returns how many were taken, fewer
 * than n with the reason in `error`. */
EXPORT int64_t headrace_send(void *client, const char *name, int64_t n, const char *values, const int64_t *value_bounds,
                             const char *keys, const int64_t *key_bounds, const uint8_t *nulls,
                             const int64_t *timestamps, const int32_t *partitions, const int32_t *set_of,
                             const char *sets, const int64_t *set_bounds, int *error) {
    void *topic = kafka.topic_new(client, name, NULL), *headers;
    int64_t row = 0;
    *error = topic ? 0 : FAILED;
    for (; !*error && row < n; row += !*error) {
        int64_t size = value_bounds[row + 1] - value_bounds[row], key_size = key_bounds[row + 1] - key_bounds[row];
        headers = set_of ? unpack(sets + set_bounds[set_of[row]], sets + set_bounds[set_of[row] + 1]) : NULL;
        *error = kafka.producev(client, RKT, topic, FLAGS, COPY, PARTITION, partitions ? partitions[row] : UNASSIGNED,
                                VALUE, nulls[row] & NO_VALUE ? NULL : values + value_bounds[row], (size_t)size, KEY,
                                nulls[row] & NO_KEY ? NULL : keys + key_bounds[row], (size_t)key_size, TIMESTAMP,
                                timestamps[row], headers ? HEADERS : END, headers, END);
        if (*error && headers) kafka.headers_destroy(headers);
    }
    if (topic) kafka.topic_destroy(topic);
    return row;
}

/* For each producer the first record that was not written, since somebody asked. They live as long as the process: a
 * producer may outlive everything that knows it. */
typedef struct outcome {
    void *client;
    struct outcome *older;
    atomic_int code, whole;
    char topic[256];
} outcome;

static _Atomic(outcome *) newest;

/* librdkafka calls it from its own threads. */
static int note(void *client, message *record, void *opaque) {
    outcome *noted = opaque;
    if (!client || (!record->err && kafka.message_status(record) == PERSISTED)) return 0;
    if (atomic_compare_exchange_strong(&noted->code, &(int){0}, record->err ? record->err : FAILED)) {
        strncpy(noted->topic, kafka.topic_name(record->topic), sizeof noted->topic - 1);
        atomic_store(&noted->whole, 1);
    }
    return 0;
}

static int forget(void *client, void *opaque) {
    if (client) ((outcome *)opaque)->client = NULL; /* another client may get its address */
    return 0;
}

static int watch(void *client, void *settings, void *opaque, char *reason, size_t size) {
    (void)settings, (void)opaque, (void)reason, (void)size;
    outcome *noted = calloc(1, sizeof *noted);
    if (!noted) return FAILED;
    noted->client = client;
    noted->older = atomic_exchange(&newest, noted);
    kafka.interceptor_add_on_destroy(client, "headrace", forget, noted);
    return kafka.interceptor_add_on_acknowledgement(client, "headrace", note, noted);
}

/* librdkafka calls it for each client whose `plugin.library.paths` names this library. */
EXPORT int conf_init(void *settings, void **opaque, char *reason, size_t size) {
    (void)opaque, (void)reason, (void)size;
    return kafka.topic_new ? kafka.conf_interceptor_add_on_new(settings, "headrace", watch, NULL) : FAILED;
}

/* Returns what is known of a client, NULL when it is none that is watched. */
EXPORT outcome *headrace_watched(const void *client) {
    outcome *noted = atomic_load(&newest);
    while (noted && noted->client != client) noted = noted->older;
    return noted;
}

/* Returns the code of the first failure since the last call, or 0; `topic` has room for 256 bytes. */
EXPORT int headrace_failure(outcome *noted, char *topic) {
    if (!atomic_exchange(&noted->whole, 0)) return 0;
    memcpy(topic, noted->topic, sizeof noted->topic);
    return atomic_exchange(&noted->code, 0);
}
