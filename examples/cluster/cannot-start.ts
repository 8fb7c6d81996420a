/** What keeps the example from starting; its message is for whoever started it. */
export class CannotStart extends Error {}
