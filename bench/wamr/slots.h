/*
 * Patches that survive a loss of power: two slots on a flash-like device, of which one always holds the newest patch
 * that was saved as a whole. Portable C, without WAMR and without allocation.
 *
 *   slot:   | header, 32 bytes | patch | 0xFF up to a multiple of 32 |
 *   header: magic "TTS1", counter, length of the patch, its CRC-32, 12 bytes of zeros, CRC-32 of the 28 bytes before
 *
 * A save erases the slot that does not hold the newest patch, programs the patch, reads it back, and programs the header
 * last. So whatever a cut of power leaves behind, erased halves and torn bytes included, fails one of both checksums,
 * and the other slot is as it was. The counter says which of two good slots is newer; it may wrap.
 */
#ifndef TINYTRAIN_SLOTS_H
#define TINYTRAIN_SLOTS_H

#include <stdint.h>

enum { TT_SLOT_HEADER = 32, TT_SLOT_UNIT = 32 };

/* What can go wrong. */
enum {
    TT_SLOTS_EMPTY = -200,  /* no slot holds a patch */
    TT_SLOTS_SIZE = -201,   /* the patch does not fit into a slot */
    TT_SLOTS_DEVICE = -202, /* the device failed, or does not hold what was programmed; the older patch is still there */
};

/* The device. Slot 0 begins at its offset 0, slot 1 at `slot_bytes`. The functions answer 0, or anything else on failure. */
struct tt_flash {
    void *user;
    uint32_t slot_bytes; /* a multiple of what can be erased, and of TT_SLOT_UNIT */
    /* A failure (uncorrectable bits, say) makes a slot count as damaged. */
    int (*read)(void *user, uint32_t offset, void *to, uint32_t bytes);
    /* Makes all `bytes` bytes 0xFF: a whole slot at a time. */
    int (*erase)(void *user, uint32_t offset, uint32_t bytes);
    /* Writes erased bytes; offset and number are multiples of TT_SLOT_UNIT. */
    int (*program)(void *user, uint32_t offset, const void *from, uint32_t bytes);
};

/* Where a patch lies on the device. */
struct tt_slot {
    uint32_t index;  /* 0 or 1 */
    uint32_t offset; /* of the patch, not of its slot */
    uint32_t bytes;
    uint32_t counter;
};

/* Finds the newest patch; TT_SLOTS_EMPTY if there is none. Its checksum has been verified. */
int32_t tt_slots_find(const struct tt_flash *flash, struct tt_slot *newest);

/* Saves a patch into the slot that does not hold the newest one. */
int32_t tt_slots_save(const struct tt_flash *flash, const void *patch, uint32_t bytes);

/* What a status below zero means, in one line. */
const char *tt_slots_message(int32_t status);

#endif
