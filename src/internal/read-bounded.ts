/**
 * Reads the body of a response, up to a number of bytes. From `fetch`, it counts decompressed bytes, so that a small response
 * cannot expand into a large one.
 *
 * @param maxBytes the maximum size
 * @param tooLarge makes the error to reject with when the body is larger
 */
export async function readBounded(
  { body }: { readonly body: AsyncIterable<Uint8Array> | null },
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the body, and with it the transfer.
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
