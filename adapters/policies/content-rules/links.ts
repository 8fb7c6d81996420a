import { LinkifyIt } from 'linkify-it';

/** Top-level domains that linkify-it does not look for where a link has no scheme, and that are common in spam. */
const MORE_TLDS = [
  'app',
  'chat',
  'click',
  'cloud',
  'club',
  'dev',
  'icu',
  'link',
  'live',
  'online',
  'page',
  'site',
  'space',
  'store',
  'top',
  'vip',
  'website',
  'xyz',
];

// The repetitions are bounded, and nothing in them can match in two ways: no text takes more than linear time.
const ROOM_OR_USER = /[^\s:]{0,254}:[a-z\d-]{1,63}\.[a-z\d-]/iy;
const MATRIX_URI = /(?:\/\/[^\s/]{1,255}\/)?(?:u|user|r|room|roomid)\/[^\s/]/iy;
/** What Element makes links of beside addresses with `//`, as far as people do not write it without meaning one. */
const WITHOUT_AUTHORITY =
  /\b(?:tel:[+\d]|sms(?:to)?:[+\d]|geo:[-\d]|magnet:\?|bitcoin:[a-z\d]{8}|openpgp4fpr:[a-f\d]{8}|(?:sip|xmpp):[^\s@]{1,255}@\S)/i;
const WITH_AUTHORITY = /\w:\/\/\S/;
const NOT_ASCII = /\P{ASCII}/gu;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;

const linkify = new LinkifyIt({ fuzzyLink: true, fuzzyEmail: true })
  .tlds(MORE_TLDS, true)
  .add('#', { validate: lengthOf(ROOM_OR_USER) })
  .add('@', { validate: lengthOf(ROOM_OR_USER) })
  .add('matrix:', { validate: lengthOf(MATRIX_URI) });

/**
 * Whether a text has what chat clients make a link of: a web or e-mail address (also without scheme), a `matrix:`
 * URI, a room alias or a user id. It is read as it stands, and again as it looks: look-alike forms of letters
 * made plain, and invisible characters taken out, or taken as spaces.
 */
export function hasLink(text: string): boolean {
  const plain = text.replace(NOT_ASCII, plainForm);
  const readings = new Set([text, plain.replace(INVISIBLE, ''), plain.replace(INVISIBLE, ' ')]);
  return [...readings].some(
    (reading) => WITH_AUTHORITY.test(reading) || WITHOUT_AUTHORITY.test(reading) || linkify.test(reading),
  );
}

/** Normal form KC, where it is one letter for one: some characters become eighteen, which would cost. */
function plainForm(character: string): string {
  const form = character.normalize('NFKC');
  return form.length === 1 ? form : character;
}

function lengthOf(pattern: RegExp): (text: string, position: number) => number {
  return (text, position) => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.[0].length ?? 0;
  };
}
