/** Room IDs that a client must encode correctly, with the version of the room. */
export const oddRooms: readonly { readonly roomId: string; readonly version: string }[] = [
  { roomId: '!a/b c:example.org', version: '11' },
  { roomId: '!100%25?x=1&y#z+ü🐈:example.org', version: '10' },
  { roomId: '!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM', version: '12' },
];

/** User IDs that are only valid under the specification's historical grammar, and unusual valid ones. */
export const oddUsers: readonly string[] = [
  '@u/ü:example.org',
  '@Ünï cödé 🐈"\\:example.org',
  '@a.b=c-d/e+f_1:example.org',
];
