/* What the sources of the library share. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct {
    char *data;
    int64_t size, room;
} growing;

/* Makes room for `more` bytes; 0 when there is no memory. */
static inline int make_room(growing *bytes, int64_t more) {
    if (bytes->room - bytes->size >= more) return 1;
    int64_t room = bytes->room + bytes->room / 2 + more;
    char *data = realloc(bytes->data, (size_t)room);
    if (data) *bytes = (growing){data, bytes->size, room};
    return data != NULL;
}

static inline int append(growing *bytes, const void *from, int64_t size) {
    if (!make_room(bytes, size)) return 0;
    if (size) memcpy(bytes->data + bytes->size, from, (size_t)size);
    bytes->size += size;
    return 1;
}
