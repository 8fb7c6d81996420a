const SLOTS = 16_384;

/**
 * Returns the slot of a key in a Redis Cluster: the CRC-16 of the key, or of its hash tag. ioredis computes
 * it for each command, but does not export it.
 *
 * @see [Redis Cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model)
 */
export function slotOf(redisKey: string): number {
  const start = redisKey.indexOf('{') + 1;
  const end = start > 0 ? redisKey.indexOf('}', start) : -1;
  const hashed = end > start ? redisKey.slice(start, end) : redisKey;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x8000 ? 0x11021 : 0);
  }
  return crc % SLOTS;
}
