import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/rooms/event.ts';
import { isAllowedByAcl } from '../../src/rooms/server-acl.ts';

const everybody = { allow: ['*'] };

describe('a server ACL', () => {
  it.each<[acl: JsonValue, server: string, isAllowed: boolean]>([
    [everybody, 'two.test', true],
    [{}, 'two.test', false],
    [{ allow: [] }, 'two.test', false],
    [{ allow: '*' }, 'two.test', false],
    [{ allow: [1, null, ['*']] }, 'two.test', false],
    [null, 'two.test', false],
    [[], 'two.test', false],
    [{ allow: ['two.test'] }, 'two.test', true],
    [{ allow: ['two.test'] }, 'three.test', false],
    [{ allow: ['two.test'] }, 'x.two.test', false],
    [{ allow: ['two.test'] }, 'two.test.x', false],
    [{ allow: ['two.test'] }, 'TWO.test', true],
    [{ allow: ['TWO.*'] }, 'two.test', true],
    [{ allow: ['two.test'] }, 'two.test:8448', true],
    [{ allow: ['two.test:8448'] }, 'two.test:8448', false],
    [{ allow: ['*.test'] }, 'a.b.test', true],
    [{ allow: ['t?o.test'] }, 'two.test', true],
    [{ allow: ['t?o.test'] }, 'to.test', false],
    [{ allow: ['two.test.'] }, 'two.test', false],
    [{ ...everybody, deny: ['two.test'] }, 'two.test', false],
    [{ ...everybody, deny: ['*'] }, 'two.test', false],
    [{ ...everybody, deny: ['Two.Test'] }, 'two.test:1', false],
    [{ ...everybody, deny: ['*.evil.test'] }, 'evil.test', true],
    [{ ...everybody, deny: 'two.test' }, 'two.test', true],
    [{ ...everybody, deny: [1, 'two.test'] }, 'two.test', false],
    [{ ...everybody, allow_ip_literals: false }, 'two.test', true],
    [{ ...everybody, allow_ip_literals: false }, '127.0.0.1', false],
    [{ ...everybody, allow_ip_literals: false }, '127.0.0.1:8448', false],
    [{ ...everybody, allow_ip_literals: false }, '[::1]', false],
    [{ ...everybody, allow_ip_literals: false }, '[::1]:8448', false],
    [{ ...everybody, allow_ip_literals: true }, '[::1]', true],
    [{ ...everybody, allow_ip_literals: 'false' }, '127.0.0.1', true],
    [{ allow: ['[::1]'] }, '[::1]:8448', true],
    [{ allow: ['127.0.0.?'] }, '127.0.0.1', true],
    [{ allow: ['constructor'], deny: ['toString'] }, 'constructor', true],
  ])('%j and %s: %s', (acl, server, isAllowed) => {
    expect(isAllowedByAcl(server, acl)).toBe(isAllowed);
  });

  it('has no inherited fields', () => {
    expect(isAllowedByAcl('two.test', JSON.parse('{"__proto__":{"allow":["*"]}}'))).toBe(false);
  });

  it('allows what a glob with the same letters and a star allows, and never what is denied', () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9.-]{1,20}$/);
    fc.assert(
      fc.property(name, fc.nat(20), (server, at) => {
        const glob = `${server.slice(0, at)}*`;
        expect(isAllowedByAcl(server.toUpperCase(), { allow: [glob] })).toBe(true);
        expect(isAllowedByAcl(server, { ...everybody, deny: [glob] })).toBe(false);
      }),
    );
  });
});
