import { describe } from 'vitest';
import { isLikeTheOthers } from './framework-example.ts';

describe('the Fastify example', () => {
  isLikeTheOthers('fastify');
});
