/* Loops over entries that numpy needs many passes for, in one. It does the same where this was not
built (see `compilation.py`), and says what is done here: `reading/layouts.py` and `pairs.py`. */

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__has_attribute)
#if __has_attribute(target_clones)
/* SSSE3 turns the bytes of several values at once; chosen when loaded, where there is one. */
#define FAST __attribute__((target_clones("ssse3", "default")))
#endif
#endif
#ifndef FAST
#define FAST
#endif

/* The values of a jagged branch, out of the decompressed bytes of its baskets.

Each basket has `border` bytes of entries, then the table: its length, a position for each entry and
one that means nothing, 4 bytes each. Borders and numbers of entries are not negative. Positions may
be damaged, so none is followed before it has been checked. */
typedef struct {
    int64_t n_baskets;
    const uint8_t *const *baskets;
    const int64_t *borders;
    const int64_t *entries;     /* number of entries of each */
    const int64_t *key_lengths; /* what positions count from, before the basket */
    int64_t header;             /* bytes before the values of an entry, at most 10 */
    int64_t *offsets;           /* out: one more than entries */
    void *values;               /* out */
    int64_t room;               /* values that fit there */
} Branch;

#define TURN_1(v) (v)
#define TURN_2(v) (uint16_t)((v) >> 8 | (v) << 8)
#define TURN_4(v) __builtin_bswap32(v)
#define TURN_8(v) __builtin_bswap64(v)

static inline int64_t position(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return (int32_t)TURN_4(value);
}

/* Most entries have few values, so they are copied by blocks, whatever follows them: their number
cannot be foreseen, and a loop over each would cost the processor a wrong guess an entry. */
#define BLOCK 32

/* Returns the number of values, or -1 where the entries do not fill their baskets exactly. */
#define UNPACK(SIZE, TYPE)                                                                         \
    FAST int64_t unpack_##SIZE(const Branch *branch) {                                             \
        const TYPE *const room_end = (TYPE *)branch->values + branch->room;                        \
        TYPE *values = branch->values;                                                             \
        int64_t *offsets = branch->offsets;                                                        \
        *offsets++ = 0;                                                                            \
        for (int64_t i = 0; i < branch->n_baskets; i++) {                                          \
            const uint8_t *const basket = branch->baskets[i];                                      \
            const int64_t border = branch->borders[i], key_length = branch->key_lengths[i];        \
            const uint8_t *const table = basket + border + 4;                                      \
            const uint8_t *const stop = table + 4 * (branch->entries[i] + 1);                      \
            int64_t begin = 0;                                                                     \
            if (branch->entries[i] && position(table) != key_length)                               \
                return -1;                                                                         \
            for (int64_t entry = 1; entry <= branch->entries[i]; entry++) {                        \
                const int64_t end = entry < branch->entries[i]                                     \
                                        ? position(table + 4 * entry) - key_length                 \
                                        : border;                                                  \
                const int64_t bytes = end - begin - branch->header;                                \
                const uint8_t *from = basket + begin + branch->header;                             \
                if (bytes < 0 || bytes % SIZE || end > border ||                                   \
                    bytes / SIZE > room_end - values)                                              \
                    return -1;                                                                     \
                TYPE *to = values;                                                                 \
                values += bytes / SIZE;                                                            \
                if (bytes + BLOCK <= stop - from &&                                                \
                    bytes + BLOCK <= SIZE * (room_end - to)) {                                     \
                    for (; to < values; to += BLOCK / SIZE, from += BLOCK) {                       \
                        TYPE block[BLOCK / SIZE];                                                  \
                        memcpy(block, from, BLOCK);                                                \
                        for (int j = 0; j < BLOCK / SIZE; j++)                                     \
                            block[j] = TURN_##SIZE(block[j]);                                      \
                        memcpy(to, block, BLOCK);                                                  \
                    }                                                                              \
                } else {                                                                           \
                    for (; to < values; to++, from += SIZE) {                                      \
                        TYPE value;                                                                \
                        memcpy(&value, from, SIZE);                                                \
                        *to = TURN_##SIZE(value);                                                  \
                    }                                                                              \
                }                                                                                  \
                *offsets++ = values - (TYPE *)branch->values;                                      \
                begin = end;                                                                       \
            }                                                                                      \
            if (begin != border)                                                                   \
                return -1;                                                                         \
        }                                                                                          \
        return values - (TYPE *)branch->values;                                                    \
    }

UNPACK(1, uint8_t)
UNPACK(2, uint16_t)
UNPACK(4, uint32_t)
UNPACK(8, uint64_t)

/* The two jets of highest pT of events that have at least two; of equal ones, the first ones. */
#define LEADING_PAIRS(NAME, TYPE)                                                                  \
    void leading_pairs_##NAME(int64_t n_events, const int64_t *events, const int64_t *offsets,     \
                              const int64_t *index, const TYPE *pt, int64_t *first,                \
                              int64_t *second) {                                                   \
        for (int64_t i = 0; i < n_events; i++) {                                                   \
            const int64_t *jet = index + offsets[events[i]];                                       \
            const int64_t *const stop = index + offsets[events[i] + 1];                            \
            const int swapped = pt[jet[1]] > pt[jet[0]];                                           \
            int64_t high = jet[swapped], next = jet[!swapped];                                     \
            TYPE high_pt = pt[high], next_pt = pt[next];                                           \
            for (jet += 2; jet < stop; jet++) {                                                    \
                const TYPE value = pt[*jet];                                                       \
                if (value > high_pt) {                                                             \
                    next = high, next_pt = high_pt;                                                \
                    high = *jet, high_pt = value;                                                  \
                } else if (value > next_pt) {                                                      \
                    next = *jet, next_pt = value;                                                  \
                }                                                                                  \
            }                                                                                      \
            first[i] = high;                                                                       \
            second[i] = next;                                                                      \
        }                                                                                          \
    }

LEADING_PAIRS(float32, float)
LEADING_PAIRS(float64, double)
