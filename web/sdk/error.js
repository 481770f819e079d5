/** The one error of the SDK: a reason for programs and a sentence for people. */

/** @import { Refusal } from "../wire.d.ts" */

/**
 * `reason` is one of the protocol's (docs/protocol.md section 7) or one of ours:
 * `timeout`, `socket_lost`, `unreachable`, `left`, `no_media`, `too_many_tracks`; for devices `insecure`, `denied`, `missing`, `busy`, `no_screen`; and `failed`
 * for what nobody foresaw.
 */
export class ParlorError extends Error {
  /**
   * @param {string} reason
   * @param {string} message
   * @param {number | null} [retryAfterMs]  when trying again can help
   */
  constructor(reason, message, retryAfterMs = null) {
    super(message);
    this.name = "ParlorError";
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }

  /**
   * Whatever was thrown, with a reason.
   * @param {unknown} error
   */
  static from(error) {
    if (error instanceof ParlorError) return error;
    const wrapped = new ParlorError("failed", error instanceof Error ? error.message : String(error));
    wrapped.cause = error;
    return wrapped;
  }

  /**
   * Whether something failed only because the membership is changing hands: the next join says it again.
   * @param {unknown} error
   */
  static changesHands(error) {
    return ["socket_lost", "left", "replaced"].includes(ParlorError.from(error).reason);
  }

  /**
   * Says in the console what failed, unless the next join mends it.
   * @param {string} what
   * @param {unknown} error
   */
  static report(what, error) {
    if (!ParlorError.changesHands(error)) console.warn(`parlor: ${what} failed: ${ParlorError.from(error).message}`);
  }

  /** @param {Refusal} refusal */
  static fromRefusal(refusal) {
    const reason = refusal.reason ?? "refused";
    return new ParlorError(reason, refusal.message ?? `The server refused: ${reason}.`, refusal.retry_after_ms ?? null);
  }
}
