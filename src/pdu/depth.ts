/** Nothing that Matrix sends is nearly as deep, and each level takes a frame of the stack. */
export const MAX_DEPTH = 200;
