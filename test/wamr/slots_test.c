/*
 * Cuts the power at every byte that a save of slots.c touches, on a flash in memory whose torn bytes and half-erased
 * sectors are as bad as they come, and checks that the patch of before or the new one is there, and that saving goes on.
 * Prints how many cuts it made; exits 1 at the first that loses a patch. slots.test.ts builds and runs it.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slots.h"

enum { SLOT = 256, SECTOR = 64, FOREVER = 1 << 30 };

static uint8_t flash_bytes[2 * SLOT];
static int power;      /* bytes that may still be touched before the cut */
static jmp_buf cut;    /* where the device comes up again */
static uint32_t state; /* of the generator */
static int refuse;     /* offset at which reading fails, or -1 */
static long cuts, checks;

static uint8_t noise(void)
{
    state = state * 1664525u + 1013904223u;
    return (uint8_t)(state >> 24);
}

#define EXPECT(condition)                                                                                                  \
    do {                                                                                                                   \
        checks++;                                                                                                          \
        if (!(condition)) {                                                                                                \
            printf("line %d: %s does not hold, after %ld cuts\n", __LINE__, #condition, cuts);                             \
            exit(1);                                                                                                       \
        }                                                                                                                  \
    } while (0)

static int read_flash(void *user, uint32_t offset, void *to, uint32_t bytes)
{
    (void)user;
    EXPECT(offset <= sizeof flash_bytes && bytes <= sizeof flash_bytes - offset);
    if (refuse >= 0 && (uint32_t)refuse >= offset && (uint32_t)refuse < offset + bytes)
        return 1;
    memcpy(to, flash_bytes + offset, bytes);
    return 0;
}

/* A cut in the middle leaves every byte of the sector as it was, erased, or anything. */
static int erase_flash(void *user, uint32_t offset, uint32_t bytes)
{
    (void)user;
    EXPECT(offset % SECTOR == 0 && bytes % SECTOR == 0 && offset + bytes <= sizeof flash_bytes);
    for (uint32_t sector = offset; sector < offset + bytes; sector += SECTOR)
        for (uint32_t i = 0; i < SECTOR; i++) {
            if (power-- <= 0) {
                for (uint32_t k = 0; k < SECTOR; k++) {
                    uint8_t how = noise() % 3;
                    uint8_t *byte = &flash_bytes[sector + k];
                    *byte = how == 0 ? *byte : how == 1 ? 0xff : noise();
                }
                longjmp(cut, 1);
            }
            if (i == SECTOR - 1)
                memset(flash_bytes + sector, 0xff, SECTOR);
        }
    return 0;
}

/* A cut in the middle leaves some of the byte's bits unwritten, or all of them, or the byte whole. */
static int program_flash(void *user, uint32_t offset, const void *from, uint32_t bytes)
{
    (void)user;
    EXPECT(offset % TT_SLOT_UNIT == 0 && bytes % TT_SLOT_UNIT == 0 && offset + bytes <= sizeof flash_bytes);
    /* The header comes last. */
    EXPECT(offset % SLOT == 0 || flash_bytes[offset / SLOT * SLOT] == 0xff);
    for (uint32_t i = 0; i < bytes; i++) {
        uint8_t value = ((const uint8_t *)from)[i];
        EXPECT(flash_bytes[offset + i] == 0xff);
        if (power-- <= 0) {
            flash_bytes[offset + i] = value | noise();
            longjmp(cut, 1);
        }
        flash_bytes[offset + i] = value;
    }
    return 0;
}

static const struct tt_flash flash = { NULL, SLOT, read_flash, erase_flash, program_flash };

/* Patch number n: its length and bytes follow from n. */
static uint32_t make(uint8_t *patch, int n)
{
    uint32_t bytes = n % 7 == 6 ? SLOT - TT_SLOT_HEADER : (uint32_t)(n * 53 % 200);
    for (uint32_t i = 0; i < bytes; i++)
        patch[i] = (uint8_t)(n * 31 + (int)i * 7 + (int)(i >> 3));
    return bytes;
}

static bool is_patch(const struct tt_slot *slot, int n)
{
    uint8_t patch[SLOT];
    uint32_t bytes = make(patch, n);
    return slot->bytes == bytes && memcmp(flash_bytes + slot->offset, patch, bytes) == 0;
}

/* Saves patch n; `after`: power is cut after so many bytes. False if it was. */
static bool save(int n, int after)
{
    uint8_t patch[SLOT];
    uint32_t bytes = make(patch, n);
    power = after;
    if (setjmp(cut) != 0) {
        cuts++;
        return false;
    }
    EXPECT(tt_slots_save(&flash, patch, bytes) == 0);
    return true;
}

static int newest(void)
{
    struct tt_slot slot;
    if (tt_slots_find(&flash, &slot) != 0)
        return -1;
    for (int n = 0; n < 40; n++)
        if (is_patch(&slot, n))
            return n;
    EXPECT(!"a patch that nobody saved");
    return -1;
}

/* From the flash as it is, whose newest patch is `old` (-1: none): saves old + 1 with every cut, and goes on from each. */
static void cut_everywhere(int old, int depth)
{
    uint8_t before[sizeof flash_bytes];
    memcpy(before, flash_bytes, sizeof before);
    for (int after = 0;; after++) {
        memcpy(flash_bytes, before, sizeof before);
        bool whole = save(old + 1, after);
        int found = newest();
        EXPECT(found == old + 1 || (found == old && !whole));
        if (depth > 1)
            cut_everywhere(found, depth - 1);
        EXPECT(save(20, FOREVER) && newest() == 20);
        if (whole)
            break;
    }
    memcpy(flash_bytes, before, sizeof before);
}

/* Every bit of the newest slot flipped: the other patch is there, or still the newest where the bit is behind it. */
static void damage_everywhere(int old)
{
    uint8_t before[sizeof flash_bytes];
    struct tt_slot slot;
    EXPECT(newest() == old && tt_slots_find(&flash, &slot) == 0);
    memcpy(before, flash_bytes, sizeof before);
    for (uint32_t bit = 0; bit < 8 * SLOT; bit++) {
        uint32_t at = bit / 8;
        flash_bytes[slot.index * SLOT + at] ^= (uint8_t)(1 << bit % 8);
        EXPECT(newest() == (at < TT_SLOT_HEADER + slot.bytes ? old - 1 : old));
        EXPECT(save(20, FOREVER) && newest() == 20);
        memcpy(flash_bytes, before, sizeof before);
    }
    refuse = (int)slot.offset;
    EXPECT(newest() == old - 1);
    refuse = -1;
    memset(flash_bytes, 0xa5, sizeof flash_bytes);
    EXPECT(newest() == -1 && save(20, FOREVER) && newest() == 20);
    memcpy(flash_bytes, before, sizeof before);
}

/* Writes a slot whose counter is given: the next save counts on from there. */
static void begin_at(uint32_t counter)
{
    uint8_t patch[SLOT];
    memset(flash_bytes, 0xff, sizeof flash_bytes);
    EXPECT(tt_slots_save(&flash, patch, make(patch, 1)) == 0);
    /* The header's checksum is of its own bytes: the table of slots.h, made by hand. */
    uint32_t header[8], crc = ~0u;
    memcpy(header, flash_bytes, sizeof header);
    header[1] = counter;
    for (int i = 0; i < 28; i++) {
        crc ^= ((const uint8_t *)header)[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    header[7] = ~crc;
    memcpy(flash_bytes, header, sizeof header);
    struct tt_slot slot;
    EXPECT(tt_slots_find(&flash, &slot) == 0 && slot.counter == counter && newest() == 1);
}

int main(void)
{
    refuse = -1;
    power = FOREVER;
    for (state = 1; state <= 2; state++) {
        uint32_t seed = state;
        memset(flash_bytes, 0xff, sizeof flash_bytes);
        cut_everywhere(-1, 1);
        memset(flash_bytes, 0, sizeof flash_bytes);
        cut_everywhere(-1, 1);
        for (int n = 0; n < 8; n++) {
            EXPECT(save(n, FOREVER) && newest() == n);
            if (n > 0)
                damage_everywhere(n);
            cut_everywhere(n, n == 1 ? 2 : 1);
        }
        state = seed;
    }
    static const uint32_t COUNTERS[] = { UINT32_MAX, UINT32_MAX - 1, INT32_MAX, (uint32_t)INT32_MAX + 1, 0 };
    for (size_t i = 0; i < sizeof COUNTERS / sizeof *COUNTERS; i++) {
        begin_at(COUNTERS[i]);
        for (int n = 1; n < 5; n++) {
            cut_everywhere(n, 1);
            EXPECT(save(n + 1, FOREVER) && newest() == n + 1);
        }
    }
    uint8_t large[SLOT];
    memset(large, 0, sizeof large);
    EXPECT(tt_slots_save(&flash, large, SLOT - TT_SLOT_HEADER + 1) == TT_SLOTS_SIZE && newest() == 5);
    EXPECT(tt_slots_save(&flash, large, UINT32_MAX) == TT_SLOTS_SIZE && newest() == 5);
    printf("%ld cuts, %ld checks\n", cuts, checks);
    return 0;
}
