import { describe } from 'vitest';
import { testFrameworkExample } from './framework-example.ts';

describe('the Fastify example', () => {
  testFrameworkExample('fastify');
});
