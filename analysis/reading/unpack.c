/* The values of a jagged branch, out of the decompressed bytes of its baskets, in one pass.

`layouts.py` does the same in several passes of numpy, and says how a basket is laid out;
`compiled.py` calls this, `compilation.py` builds it. What a basket says may be damaged, so no
position in it is followed before it has been checked. */

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

/* Each basket has `border` bytes of entries, then the table: its length, a position for each entry
and one that means nothing, 4 bytes each. Borders and numbers of entries are not negative. */
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
