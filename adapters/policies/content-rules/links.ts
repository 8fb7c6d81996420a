import * as linkifyIt from 'linkify-it';
import { checkDriver } from '../../../src/internal/driver.ts';

const { LinkifyIt } = checkDriver('policies/content-rules', 'linkify-it', linkifyIt, ['LinkifyIt']);

/** Top-level domains that are common in spam, and that linkify-it ignores in links without a scheme. */
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

// Repetitions are bounded, and nothing in them can match in two ways, so matching takes linear time.
const ROOM_OR_USER = /[^\s:]{0,254}:[a-z\d-]{1,63}\.[a-z\d-]/iy;
const MATRIX_URI = /(?:\/\/[^\s/]{1,255}\/)?(?:u|user|r|room|roomid)\/[^\s/]/iy;
/**
 * URIs without `//` that Element turns into links, except those that people write without intending a link.
 */
const WITHOUT_AUTHORITY =
  /\b(?:tel:[+\d]|sms(?:to)?:[+\d]|geo:[-\d]|magnet:\?|bitcoin:[a-z\d]{8}|openpgp4fpr:[a-f\d]{8}|(?:sip|xmpp):[^\s@]{1,255}@\S)/i;
const WITH_AUTHORITY = /\w:\/\/\S/;
const NOT_ASCII = /\P{ASCII}/gu;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;
/** UTS 46 maps the ideographic full stop and its half-width form to a dot. */
const IDEOGRAPHIC_STOP = /。/g;
/** A stop after a Chinese or Japanese word, before an English sentence: `谢谢。No problem`. */
const SENTENCE = /[a-z]{1,63}\s+[a-z]/iy;
/**
 * Characters such as `㏄` stand for a few letters, in domain names too. Longer forms are left alone, because they would
 * cost time.
 */
const SHORT_FORM = /^(?:.|[a-z\d]{2,5})$/isu;

const linkify = new LinkifyIt({ fuzzyLink: true, fuzzyEmail: true })
  .tlds(MORE_TLDS, true)
  .add('#', { validate: lengthOf(ROOM_OR_USER) })
  .add('@', { validate: lengthOf(ROOM_OR_USER) })
  .add('matrix:', { validate: lengthOf(MATRIX_URI) });

/**
 * Returns true if a string contains something that chat clients turn into a link: a web or email address
 * (with or without a scheme), a `matrix:` URI, a room alias or a user ID. It is searched as it is, and then
 * as it looks: with look-alike letters and dots replaced, and invisible characters removed or replaced by spaces.
 */
export function hasLink(text: string): boolean {
  const plain = text.replace(NOT_ASCII, plainForm);
  const readings = new Set([
    text,
    withDots(plain.replace(INVISIBLE, '')),
    withDots(plain.replace(INVISIBLE, ' ')),
  ]);
  return [...readings].some(
    (reading) => WITH_AUTHORITY.test(reading) || WITHOUT_AUTHORITY.test(reading) || linkify.test(reading),
  );
}

/** Replaces ideographic full stops with the dots that browsers take them for, except at the end of a sentence. */
function withDots(text: string): string {
  return text.replace(IDEOGRAPHIC_STOP, (stop, position: number) => {
    const isAfterAscii = /[!-~]/.test(text.charAt(position - 1));
    SENTENCE.lastIndex = position + 1;
    return !isAfterAscii && SENTENCE.test(text) ? stop : '.';
  });
}

/**
 * Returns the normal form KC if it is one character or a few letters: some characters expand to eighteen, which would
 * cost time.
 */
function plainForm(character: string): string {
  const form = character.normalize('NFKC');
  return SHORT_FORM.test(form) ? form : character;
}

function lengthOf(pattern: RegExp): (text: string, position: number) => number {
  return (text, position) => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.[0].length ?? 0;
  };
}
