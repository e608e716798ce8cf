/** An error the server reported: what was wrong, and what to do about it. */
export class RequestError extends Error {
  /**
   * @param message What was wrong, with the value at fault.
   * @param hint What to do about it, or an empty text.
   * @param status The HTTP status, 0 where no answer came.
   */
  constructor(
    message: string,
    readonly hint = '',
    readonly status = 0
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/** What the screen shows of an error. */
export interface IProblem {
  message: string;
  hint: string;
}

/** Reduce anything thrown to what the screen shows. */
export function problemOf(error: unknown): IProblem {
  if (error instanceof RequestError) {
    return { message: error.message, hint: error.hint };
  }
  return {
    message: error instanceof Error ? error.message : String(error),
    hint: ''
  };
}
