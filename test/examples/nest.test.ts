import { describe } from 'vitest';
import { isLikeTheOthers } from './framework-example.ts';

describe('the Nest example', () => {
  isLikeTheOthers('nest');
});
