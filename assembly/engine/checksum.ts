/** CRC-32 remainders of the sixteen values of four bits (polynomial 0xEDB88320, reflected). */
const NIBBLES: usize = memory.data<u32>([
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
  0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
]);

/**
 * CRC-32 (IEEE 802.3) of `bytes` bytes; four bits a step: a table of 64 bytes instead of a kilobyte. `before` is the
 * checksum of what comes before these bytes, if they are not the first.
 */
export function crc32(pointer: usize, bytes: usize, before: u32 = 0): u32 {
  let crc = ~before;
  for (let end = pointer + bytes; pointer < end; ++pointer) {
    crc ^= load<u8>(pointer);
    crc = load<u32>(NIBBLES + ((crc & 15) << 2)) ^ (crc >>> 4);
    crc = load<u32>(NIBBLES + ((crc & 15) << 2)) ^ (crc >>> 4);
  }
  return ~crc;
}
