/* JSON between records that are written alike and columns; what is in doubt is left to Python. */
#include "columns.h"

#include <math.h>
#include <stdio.h>

typedef const uint8_t *place;

enum { IS_VALUE, IS_NULL, IS_TEXT, MOST_DIGITS = 19, MOST_DECIMALS = 22 };
/* Integers up to 2^53, and over a power of ten up to the 22nd, are the nearest numbers. */
static const double EXACT = 9007199254740992.0, POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

EXPORT void headrace_free(void *data) { free(data); }

static place digits(place p, place end, uint64_t *value) {
    for (; p < end && (uint8_t)(*p - '0') < 10; p++) *value = *value * 10 + (*p - '0');
    return p;
}

/* The place behind a number, NULL when it is none or not finite; `*whole` when `integer` is its value too. */
static place number(place start, place end, int *whole, int64_t *integer, double *real) {
    int negative = *start == '-', power = 0;
    uint64_t value = 0, ignored = 0;
    place first = start + negative, p = digits(first, end, &value), dot = p;
    if (p == first || (p - first > 1 && *first == '0')) return NULL;
    if (p < end && *p == '.' && (p = digits(dot + 1, end, &value)) == dot + 1) return NULL;
    int64_t decimals = p > dot ? p - dot - 1 : 0, count = dot - first + decimals;
    if (p < end && (*p | 32) == 'e') {
        place sign = p + 1, exponent = sign + (sign < end && (*sign == '+' || *sign == '-'));
        if ((p = digits(exponent, end, &ignored)) == exponent) return NULL;
        power = 1;
    }
    if (p >= end) return NULL; /* so that the next one reads no further */
    *whole = p == dot && count <= MOST_DIGITS && value <= INT64_MAX;
    *integer = negative ? -(int64_t)(value & INT64_MAX) : (int64_t)(value & INT64_MAX);
    if (!power && count <= MOST_DIGITS && value < (uint64_t)EXACT && decimals <= MOST_DECIMALS) {
        *real = (double)value / POWERS[decimals];
        if (negative && (value || decimals)) *real = -*real; /* `-0` is the integer */
    } else {
        char *behind; /* elsewhere, where the locale has another decimal point */
        *real = strtod((const char *)start, &behind);
        if ((place)behind != p || !isfinite(*real)) return NULL;
    }
    if (p != dot) *whole = fabs(*real) < EXACT && (double)(int64_t)*real == *real;
    if (p != dot && *whole) *integer = (int64_t)*real;
    return p;
}

/* The place behind a value whatever it is; whether it is one is seen elsewhere. */
static place span(place p, place end) {
    for (int depth = 0, is_text = 0; p < end; p++) {
        if (is_text) {
            if (*p == '\\') p++;
            is_text = p < end && *p != '"';
        } else if (*p == '"' || *p == '[' || *p == '{') {
            is_text = *p == '"';
            depth += !is_text;
        } else if (depth ? *p == ']' || *p == '}' : *p == ',' || *p == '}') {
            if (!depth--) return p;
        }
    }
    return NULL;
}

/* Reads one value as what `kind` says: (i)nteger, (f)loat, (b)oolean, (s) text, (t)ime, (o)bject. For texts and objects
 * `value` and `stop` are their bounds in `text`. */
static place read_value(place text, place p, place end, char kind, int64_t *value, int64_t *stop, uint8_t *state) {
    int whole, is_quoted = p < end && *p == '"' && (kind == 's' || kind == 't');
    double real = NAN;
    place first = p + is_quoted;
    *value = 0;
    if (kind == 'f') memcpy(value, &real, sizeof real);
    *state = end - p > 4 && !memcmp(p, "null", 4) ? IS_NULL : IS_VALUE;
    if (*state == IS_NULL) return p + 4;
    if (is_quoted || kind == 'o') {
        for (p = first; is_quoted && p < end && *p != '"'; p++)
            if (*p < ' ' || *p == '\\') return NULL;
        if (!is_quoted && !(p = span(p, end))) return NULL;
        *state = IS_TEXT;
        *value = first - text;
        *stop = p - text;
        return p + is_quoted;
    }
    if (kind == 'b') {
        *value = end - p > 4 && !memcmp(p, "true", 4);
        return *value ? p + 4 : end - p > 5 && !memcmp(p, "false", 5) ? p + 5 : NULL;
    }
    if (kind == 's' || p >= end || !(p = number(p, end, &whole, value, &real))) return NULL;
    if (kind == 'f') memcpy(value, &real, sizeof real);
    return kind == 'f' || whole ? p : NULL;
}

/* Reads the records `rows` of `text`, each `literal value literal value ... }`. Column k of record i is at k * n + i;
 * `right` tells which records were read. */
EXPORT void headrace_scan(place text, const int64_t *bounds, const int64_t *rows, int64_t n, int64_t keys,
                          place literals, const int64_t *literal_bounds, const char *kinds, int64_t *values,
                          int64_t *stops, uint8_t *states, uint8_t *right) {
    for (int64_t i = 0; i < n; i++) {
        place p = text + bounds[rows[i]], end = text + bounds[rows[i] + 1];
        for (int64_t key = 0; p && key < keys; key++) {
            int64_t size = literal_bounds[key + 1] - literal_bounds[key], at = key * n + i;
            if (end - p <= size || memcmp(p, literals + literal_bounds[key], (size_t)size)) p = NULL;
            else p = read_value(text, p + size, end, kinds[key], values + at, stops + at, states + at);
        }
        right[i] = p && p + 1 == end && *p == '}';
    }
}

/* Copies the texts of a column into one piece. */
EXPORT void headrace_gather(place text, const int64_t *starts, const int64_t *offsets, int64_t n, char *into) {
    for (int64_t i = 0; i < n; i++) memcpy(into + offsets[i], text + starts[i], (size_t)(offsets[i + 1] - offsets[i]));
}

static char *write_integer(char *out, int64_t value) {
    char reversed[20];
    int count = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do reversed[count++] = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0) *out++ = '-';
    while (count) *out++ = reversed[--count];
    return out;
}

static char *write_text(char *out, place p, place end) {
    for (*out++ = '"'; p < end; p++) {
        if (*p == '"' || *p == '\\') *out++ = '\\';
        if (*p < ' ') out += sprintf(out, "\\u%04x", *p);
        else *out++ = (char)*p;
    }
    *out++ = '"';
    return out;
}

typedef struct {
    const void *data;
    const int64_t *offsets;
    const uint8_t *missing;
    int64_t kind; /* (i)nteger, (w)hole number with a decimal, (s) text, (r) JSON as it is */
} column;

/* Writes n rows, `literal value literal value ... }`, one after the other; 0 when there is no memory. */
EXPORT int headrace_write(int64_t n, int64_t columns, const column *from, const char *literals,
                          const int64_t *literal_bounds, int64_t *ends, growing *into) {
    for (int64_t i = 0; i < n; i++) {
        for (int64_t at = 0; at < columns; at++) {
            const column *own = from + at;
            int64_t is_null = own->missing && own->missing[i], kind = is_null ? 'r' : own->kind;
            const char *text = is_null || !own->offsets ? "null" : (const char *)own->data + own->offsets[i];
            int64_t size = is_null || !own->offsets ? 4 : own->offsets[i + 1] - own->offsets[i];
            if (!append(into, literals + literal_bounds[at], literal_bounds[at + 1] - literal_bounds[at]) ||
                !make_room(into, 6 * size + 32))
                return 0;
            char *out = into->data + into->size;
            if (kind == 's') out = write_text(out, (place)text, (place)text + size);
            else if (kind == 'r') out = (char *)memcpy(out, text, (size_t)size) + size;
            else out = write_integer(out, ((const int64_t *)own->data)[i]);
            if (kind == 'w') out = (char *)memcpy(out, ".0", 2) + 2;
            into->size = out - into->data;
        }
        if (!append(into, "}", 1)) return 0;
        ends[i] = into->size;
    }
    return 1;
}
