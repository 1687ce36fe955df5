/* CRC-32 of IEEE 802.3, as in headers of models, patches and slots. */
#ifndef TINYTRAIN_CRC32_H
#define TINYTRAIN_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The sum of `count` bytes; `crc` is 0, or the sum of what lies before them. */
uint32_t tt_crc32(uint32_t crc, const void *bytes, size_t count);

#endif
