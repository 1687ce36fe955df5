/* Two slots for patches; slots.h says what each function does, and why no cut of power loses both. */
#include "slots.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "crc32.h"

/* "TTS1" */
#define MAGIC 0x31535454u
/* Bytes read at a time to check a patch. */
#define CHUNK 64u

struct header {
    uint32_t magic, counter, bytes, patch_crc, zeros[3], crc;
};
_Static_assert(sizeof(struct header) == TT_SLOT_HEADER, "a header is as drawn");

/* CRC-32 of bytes on the device; false if they cannot be read. */
static bool device_crc(const struct tt_flash *flash, uint32_t offset, uint32_t bytes, uint32_t *crc)
{
    uint8_t chunk[CHUNK];
    *crc = 0;
    for (uint32_t done = 0, count; done < bytes; done += count) {
        count = bytes - done < CHUNK ? bytes - done : CHUNK;
        if (flash->read(flash->user, offset + done, chunk, count) != 0)
            return false;
        *crc = tt_crc32(*crc, chunk, count);
    }
    return true;
}

/* Whether a slot holds a whole patch. */
static bool is_good(const struct tt_flash *flash, uint32_t index, struct tt_slot *slot)
{
    struct header header;
    uint32_t at = index * flash->slot_bytes, crc;
    if (flash->read(flash->user, at, &header, sizeof header) != 0)
        return false;
    if (header.magic != MAGIC || header.crc != tt_crc32(0, &header, offsetof(struct header, crc)))
        return false;
    if (header.bytes > flash->slot_bytes - TT_SLOT_HEADER)
        return false;
    *slot = (struct tt_slot){ index, at + TT_SLOT_HEADER, header.bytes, header.counter };
    return device_crc(flash, slot->offset, slot->bytes, &crc) && crc == header.patch_crc;
}

int32_t tt_slots_find(const struct tt_flash *flash, struct tt_slot *newest)
{
    struct tt_slot slots[2];
    bool good[2] = { is_good(flash, 0, &slots[0]), is_good(flash, 1, &slots[1]) };
    if (!good[0] && !good[1])
        return TT_SLOTS_EMPTY;
    /* The difference of two counters that follow each other is right where they wrap, too. */
    bool second = good[1] && (!good[0] || slots[1].counter - slots[0].counter < UINT32_MAX / 2);
    *newest = slots[second];
    return 0;
}

/* Programs a patch, its last unit filled up with 0xFF. */
static bool program(const struct tt_flash *flash, uint32_t offset, const uint8_t *patch, uint32_t bytes)
{
    uint8_t last[TT_SLOT_UNIT];
    uint32_t whole = bytes - bytes % TT_SLOT_UNIT;
    if (whole && flash->program(flash->user, offset, patch, whole) != 0)
        return false;
    if (whole == bytes)
        return true;
    memset(last, 0xff, sizeof last);
    memcpy(last, patch + whole, bytes - whole);
    return flash->program(flash->user, offset + whole, last, sizeof last) == 0;
}

int32_t tt_slots_save(const struct tt_flash *flash, const void *patch, uint32_t bytes)
{
    if (flash->slot_bytes < TT_SLOT_HEADER || bytes > flash->slot_bytes - TT_SLOT_HEADER)
        return TT_SLOTS_SIZE;
    struct tt_slot newest;
    struct header header = { .magic = MAGIC, .counter = 1, .bytes = bytes, .patch_crc = tt_crc32(0, patch, bytes) };
    uint32_t index = 0, crc;
    if (tt_slots_find(flash, &newest) == 0) {
        index = 1 - newest.index;
        header.counter = newest.counter + 1;
    }
    header.crc = tt_crc32(0, &header, offsetof(struct header, crc));
    uint32_t at = index * flash->slot_bytes;
    if (flash->erase(flash->user, at, flash->slot_bytes) != 0)
        return TT_SLOTS_DEVICE;
    if (!program(flash, at + TT_SLOT_HEADER, patch, bytes))
        return TT_SLOTS_DEVICE;
    /* The header makes the slot count: not before the patch is known to be there. */
    if (!device_crc(flash, at + TT_SLOT_HEADER, bytes, &crc) || crc != header.patch_crc)
        return TT_SLOTS_DEVICE;
    if (flash->program(flash->user, at, &header, sizeof header) != 0 || !is_good(flash, index, &newest))
        return TT_SLOTS_DEVICE;
    return 0;
}

const char *tt_slots_message(int32_t status)
{
    switch (status) {
    case TT_SLOTS_EMPTY: return "there is no saved patch: adapt first";
    case TT_SLOTS_SIZE: return "the patch does not fit into a slot: select less, or make the slots larger";
    case TT_SLOTS_DEVICE: return "the flash does not hold what was written to it; the patch before is still there";
    }
    return "unknown status of the slots";
}
